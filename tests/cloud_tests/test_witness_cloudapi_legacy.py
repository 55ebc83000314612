"""The vendor's older SDK (`aliyun-python-sdk-core`, V1) drives the stand-in, in the query and in the form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from aliyunsdkcloudapi.request.v20160714.DescribeVpcAccessesRequest import DescribeVpcAccessesRequest
from aliyunsdkcloudapi.request.v20160714.RemoveVpcAccessRequest import RemoveVpcAccessRequest
from aliyunsdkcloudapi.request.v20160714.SetVpcAccessRequest import SetVpcAccessRequest
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http import format_type
from aliyunsdkcore.request import CommonRequest

from tests.cloud.core import Credential
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:aliyunsdkcore"),
]


def _client(credential: Credential = PERMANENT, **options: Any) -> AcsClient:
    key = credential.access_key_id, credential.access_key_secret
    provider = StsTokenCredential(*key, credential.security_token) if credential.security_token else None
    options = {"auto_retry": False, **options}
    return AcsClient(region_id="cn-hangzhou", credential=provider or AccessKeyCredential(*key), **options)


def _do(cloud: Served, client: AcsClient, request: Any) -> Any:
    request.set_endpoint(cloud.endpoint.removeprefix("http://"))
    return json.loads(client.do_action_with_exception(request))


def _set(**changes: Any) -> SetVpcAccessRequest:
    request = SetVpcAccessRequest()
    for name, value in {"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80, **changes}.items():
        request.add_query_param(name, value)  # the newest parameters have no setter in this SDK
    return request


@pytest.mark.parametrize("credential", [PERMANENT, TEMPORARY], ids=["key", "sts"])
def test_an_entry_lives_its_whole_life(cloud: Served, credential: Credential) -> None:
    """Set, describe and remove work with V1 and everything in the query."""
    client = _client(credential)
    made = _do(cloud, client, _set(Description="a b*~/+中"))
    listed = _do(cloud, client, DescribeVpcAccessesRequest())
    (entry,) = listed["VpcAccessAttributes"]["VpcAccessAttribute"]
    assert (entry["VpcAccessId"], entry["Description"]) == (made["VpcAccessId"], "a b*~/+中")
    gone = RemoveVpcAccessRequest()
    gone.set_VpcId("vpc-1")
    gone.set_InstanceId("i-1")
    gone.set_Port(80)
    assert _do(cloud, client, gone)["Apis"] == {"Api": []}
    assert _do(cloud, client, DescribeVpcAccessesRequest())["TotalCount"] == 0


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_generic_request_works(cloud: Served, method: str) -> None:
    """A CommonRequest, which adds RegionId, is accepted; RegionId is ignored."""
    request = CommonRequest(domain="unused", version="2016-07-14", action_name="DescribeVpcAccesses")
    request.set_method(method)
    request.add_query_param("RegionId", "eu-central-1")
    assert _do(cloud, _client(), request)["TotalCount"] == 0


def test_parameters_in_the_form_are_read_and_signed(cloud: Served) -> None:
    """The old SDKs' way: business parameters in a form body, signed together with those of the query."""
    request = CommonRequest(domain="unused", version="2016-07-14", action_name="SetVpcAccess")
    request.set_method("POST")
    for name, value in {"Name": "n a*~/+中", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": "80"}.items():
        request.add_body_params(name, value)
    _do(cloud, _client(), request)
    (entry,) = _do(cloud, _client(), DescribeVpcAccessesRequest())["VpcAccessAttributes"]["VpcAccessAttribute"]
    assert entry["Name"] == "n a*~/+中"


def test_xml_comes_when_xml_is_asked_for(cloud: Served) -> None:
    """With `Format=XML` the answer and its lists are XML."""
    client = _client()
    _do(cloud, client, _set())
    request = DescribeVpcAccessesRequest()
    request.set_endpoint(cloud.endpoint.removeprefix("http://"))
    request.set_accept_format(format_type.XML)
    status, headers, body = client.implementation_of_do_action(request)
    assert (status, headers["content-type"]) == (200, "text/xml;charset=utf-8")
    assert b"<DescribeVpcAccessesResponse><RequestId>" in body
    assert b"<VpcAccessAttributes><VpcAccessAttribute><VpcAccessId>" in body


REFUSALS = [
    pytest.param(PERMANENT, {"Port": 0}, 400, "InvalidPort", id="port"),
    pytest.param(PERMANENT, {"Name": ""}, 400, "MissingName", id="name"),
    pytest.param(Credential("nobody", "x"), {}, 404, "InvalidAccessKeyId.NotFound", id="key"),
    pytest.param(replace(TEMPORARY, security_token="x"), {}, 400, "InvalidSecurityToken.Malformed", id="token"),
    pytest.param(replace(PERMANENT, denied=frozenset({"apigateway:SetVpcAccess"})), {}, 403, "NoPermission", id="ram"),
]


@pytest.mark.parametrize(("credential", "changes", "status", "code"), REFUSALS)
def test_refusals_are_understood(
    cloud: Served, credential: Credential, changes: dict[str, Any], status: int, code: str
) -> None:
    """The SDK makes a ServerException with our code, status and request id of each refusal."""
    if credential.denied:
        cloud.world.add_credential(credential)
    with pytest.raises(ServerException) as refused:
        _do(cloud, _client(credential), _set(**changes))
    assert (refused.value.http_status, refused.value.error_code) == (status, code)
    assert refused.value.request_id


def test_a_wrong_secret_is_told_apart_from_a_wrong_signer(cloud: Served) -> None:
    """The SDK compares our string to sign with its own and so knows that only the secret is wrong."""
    with pytest.raises(ServerException) as refused:
        _do(cloud, _client(replace(PERMANENT, access_key_secret="x")), _set())
    assert refused.value.error_code == "InvalidAccessKeySecret"


@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        pytest.param({"status": 503, "code": "ServiceUnavailable"}, ServerException, id="unavailable"),
        pytest.param({"throttle": {"rate": 0.01, "burst": 0}}, ServerException, id="throttled"),
        pytest.param({"skew": 1000}, ServerException, id="clock"),
        pytest.param({"cut": "before"}, ClientException, id="cut-before"),
        pytest.param({"cut": "after"}, ClientException, id="cut-after"),
        pytest.param({"body": "html", "status": 502}, ServerException, id="proxy-page"),
    ],
)
def test_faults_reach_the_sdk(cloud: Served, effect: dict[str, Any], kind: type[Exception]) -> None:
    """Injected faults come out as the SDK's own exceptions."""
    cloud.faults.add(operation="CloudAPI.SetVpcAccess", nth=1, **effect)
    with pytest.raises(kind):
        _do(cloud, _client(), _set())
