"""The vendor's SDK for CloudAPI drives the stand-in over a socket: happy path and every error it can meet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from alibabacloud_cloudapi20160714 import models
from alibabacloud_cloudapi20160714.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException, ThrottlingException
from darabonba.exceptions import UnretryableException
from darabonba.policy.retry import RetryCondition, RetryOptions
from darabonba.runtime import RuntimeOptions

from tests.cloud.core import Credential
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served
from tests.sdk import config_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:alibabacloud_tea_openapi"),
]

SIGNATURES = [
    pytest.param(PERMANENT, {}, id="v3"),
    pytest.param(TEMPORARY, {}, id="v3-sts"),
    pytest.param(PERMANENT, {"signature_algorithm": "v2"}, id="v1"),
    pytest.param(TEMPORARY, {"signature_algorithm": "v2"}, id="v1-sts"),
]


def _client(cloud: Served, credential: Credential = PERMANENT, **changes: Any) -> Client:
    return Client(config_of(cloud.endpoint, credential, **changes))


def _set(name: str = "web", **fields: Any) -> models.SetVpcAccessRequest:
    return models.SetVpcAccessRequest(**{"name": name, "vpc_id": "vpc-1", "instance_id": "i-1", "port": 80, **fields})


def _names(client: Client, **filters: Any) -> list[str]:
    body = client.describe_vpc_accesses(models.DescribeVpcAccessesRequest(**filters)).body
    return [access.name for access in body.vpc_access_attributes.vpc_access_attribute]


@pytest.mark.parametrize(("credential", "config"), SIGNATURES)
def test_an_entry_lives_its_whole_life(cloud: Served, credential: Credential, config: dict[str, Any]) -> None:
    """Set, describe, modify and remove work with each of the SDK's signatures, with and without a token."""
    client = _client(cloud, credential, **config)
    tag = models.SetVpcAccessRequestTag(key="vpc-access-owner", value="a b*~/+中")
    made = client.set_vpc_access(_set(tag=[tag], description="", vpc_target_host_name="example.com")).body
    assert len(made.vpc_access_id) == 32

    listed = client.describe_vpc_accesses(models.DescribeVpcAccessesRequest(name="web", accurate_query=True)).body
    (entry,) = listed.vpc_access_attributes.vpc_access_attribute
    assert (listed.total_count, listed.page_number, listed.page_size) == (1, 1, 10)
    assert (entry.vpc_access_id, entry.vpc_id, entry.instance_id) == (made.vpc_access_id, "vpc-1", "i-1")
    assert (entry.port, entry.vpc_target_host_name, entry.region_id) == (80, "example.com", "cn-hangzhou")
    assert [(tag.key, tag.value) for tag in entry.tags.tag_info] == [("vpc-access-owner", "a b*~/+中")]

    change = models.ModifyVpcAccessAndUpdateApisRequest(name="web", port=8080, need_batch_work=True)
    task = client.modify_vpc_access_and_update_apis(change).body.operation_id
    results = client.describe_update_vpc_info_task(models.DescribeUpdateVpcInfoTaskRequest(operation_uid=task)).body
    assert results.api_update_vpc_info_results.api_update_vpc_info_result == []
    apis = client.describe_apis_by_vpc_access(models.DescribeApisByVpcAccessRequest(vpc_name="web")).body
    assert (apis.total_count, apis.api_vpc_access_infos.api_vpc_access_info) == (0, [])
    reach = models.ValidateVpcConnectivityRequest(vpc_access_id=made.vpc_access_id, instance_id="apigateway-1")
    assert client.validate_vpc_connectivity(reach).body.ip_type == "ECS"

    gone = models.RemoveVpcAccessRequest(vpc_id="vpc-1", instance_id="i-1", port=8080, need_batch_work=True)
    assert client.remove_vpc_access(gone).body.apis.api == []
    assert _names(client) == []
    assert {entry.access_key_id for entry in cloud.world.journal()} == {credential.access_key_id}


@pytest.mark.parametrize(
    ("connectivity", "rules", "connected"),
    [
        pytest.param("open", [], True, id="open"),
        pytest.param("closed", [], False, id="closed"),
        pytest.param("open", [{"odd": "missing-key", "key": "Connected"}], None, id="undocumented"),
        pytest.param("open", [{"delay": 0.05}], True, id="slow"),
    ],
)
def test_connectivity_is_what_is_set(
    cloud: Served, connectivity: str, rules: list[dict[str, Any]], connected: bool | None
) -> None:
    """ValidateVpcConnectivity answers by its switch; an answer of no documented form, or late, by a fault rule."""
    cloud.world.switches = cloud.world.switches.with_values(connectivity=connectivity)
    cloud.faults.set([{"operation": "CloudAPI.ValidateVpcConnectivity", "nth": 1, **rule} for rule in rules])
    client = _client(cloud)
    made = client.set_vpc_access(_set()).body
    reach = models.ValidateVpcConnectivityRequest(vpc_access_id=made.vpc_access_id, instance_id="api-shared-vpc-001")
    assert client.validate_vpc_connectivity(reach).body.connected is connected


def test_removing_with_its_apis_gives_an_operation_id(cloud: Served) -> None:
    """RemoveVpcAccessAndAbolishApis removes the entry and names its task."""
    client = _client(cloud)
    client.set_vpc_access(_set())
    gone = models.RemoveVpcAccessAndAbolishApisRequest(vpc_id="vpc-1", instance_id="i-1", port=80)
    assert client.remove_vpc_access_and_abolish_apis(gone).body.operation_id
    assert _names(client) == []


def test_pages_are_ten_long_unless_asked_and_hundred_at_most(cloud: Served) -> None:
    """The page size trap that bit the vendor is there: without a PageSize ten entries come."""
    client = _client(cloud)
    for number in range(25):
        client.set_vpc_access(_set(f"n{number:02}", instance_id=f"i-{number}"))
    assert len(_names(client)) == 10
    assert _names(client, page_number=3) == [f"n{number}" for number in range(20, 25)]
    assert len(_names(client, page_size=100)) == 25
    assert _names(client, page_number=4) == []
    with pytest.raises(ClientException) as refused:
        _names(client, page_size=101)
    assert refused.value.code == "InvalidPageSize"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param({"name": "we"}, ["web", "web-2"], id="part-of-a-name"),
        pytest.param({"name": "web", "accurate_query": True}, ["web"], id="exact-name"),
        pytest.param({"vpc_id": "vpc-1", "accurate_query": True}, ["web", "web-2"], id="exact-vpc"),
        pytest.param({"port": "80"}, ["web", "web-2"], id="part-of-a-port"),
        pytest.param({"port": "80", "accurate_query": True}, ["web"], id="exact-port"),
        pytest.param({"instance_id": "i-2"}, ["web-2"], id="instance"),
        pytest.param({"vpc_access_id": "0" * 32}, [], id="unknown-id"),
        pytest.param({"tag": [models.DescribeVpcAccessesRequestTag(key="k", value="v")]}, ["web-2"], id="tag"),
        pytest.param({"tag": [models.DescribeVpcAccessesRequestTag(key="k", value="w")]}, [], id="other-tag-value"),
    ],
)
def test_filters_match_parts_unless_the_query_is_accurate(
    cloud: Served, filters: dict[str, Any], found: list[str]
) -> None:
    """A filter matches a part of the value; with AccurateQuery the whole."""
    client = _client(cloud)
    client.set_vpc_access(_set("web"))
    tag = models.SetVpcAccessRequestTag(key="k", value="v")
    client.set_vpc_access(_set("web-2", instance_id="i-2", port=8080, tag=[tag]))
    assert _names(client, **filters) == found


@pytest.mark.parametrize(
    ("form", "total", "found"),
    [
        pytest.param("empty-object", None, None, id="empty"),
        pytest.param("error-object", None, None, id="error"),
        pytest.param("null-wrapper", 1, None, id="null-wrapper"),
        pytest.param("null-list", 1, [], id="null-list"),
        pytest.param("no-list", 1, [], id="no-list"),
        pytest.param("counted-empty", 40, [], id="counted"),
    ],
)
def test_the_sdk_takes_odd_answers_for_none(cloud: Served, form: str, total: int | None, found: Any) -> None:
    """An odd answer with HTTP 200 raises nothing: to the SDK the entry is not there."""
    client = _client(cloud)
    client.set_vpc_access(_set())
    cloud.faults.add(operation="CloudAPI.DescribeVpcAccesses", odd=form)
    body = client.describe_vpc_accesses(models.DescribeVpcAccessesRequest(name="web")).body
    listed = body.vpc_access_attributes and body.vpc_access_attributes.vpc_access_attribute
    assert (body.total_count, listed) == (total, found)


REFUSALS = [
    pytest.param(_set(), 400, "DuplicateName", id="name-taken"),
    pytest.param(_set("other"), 400, "RepeatedVpcAccess", id="target-taken"),
    pytest.param(_set("", port=81), 400, "MissingName", id="name-empty"),
    pytest.param(models.SetVpcAccessRequest(name="x", vpc_id="v", port=1), 400, "MissingInstanceId", id="no-instance"),
    pytest.param(models.SetVpcAccessRequest(name="x", vpc_id="v", instance_id="i"), 400, "MissingPort", id="no-port"),
    pytest.param(_set("other", port=70000), 400, "InvalidPort", id="port-too-high"),
    pytest.param(_set("other", port="http"), 400, "InvalidPort", id="port-no-number"),
    pytest.param(_set("other", port=2**31), 400, "InvalidPort", id="port-no-int32"),
    pytest.param(
        _set("other", port=81, tag=[models.SetVpcAccessRequestTag(value="v")]), 400, "InvalidTag", id="tag-without-key"
    ),
]


@pytest.mark.parametrize(("request_", "status", "code"), REFUSALS)
def test_a_bad_set_is_refused(cloud: Served, request_: models.SetVpcAccessRequest, status: int, code: str) -> None:
    """What cannot be set is refused in the gateway's words, which the SDK understands."""
    client = _client(cloud)
    client.set_vpc_access(_set())
    with pytest.raises(ClientException) as refused:
        client.set_vpc_access(request_)
    error = refused.value
    assert (error.status_code, error.code) == (status, code)
    assert error.data["HostId"] == cloud.endpoint.removeprefix("http://")
    assert error.data["Recommend"] == f"https://api.aliyun.com/troubleshoot?q={code}"
    assert error.request_id == error.data["RequestId"]
    assert _names(client) == ["web"]


def test_what_is_not_there_cannot_be_changed(cloud: Served) -> None:
    """Removing, modifying and looking behind an unknown entry are `NotFound…` with status 400."""
    client = _client(cloud)
    attempts: list[Callable[[], Any]] = [
        lambda: client.remove_vpc_access(models.RemoveVpcAccessRequest(vpc_id="v", instance_id="i", port=1)),
        lambda: client.modify_vpc_access_and_update_apis(models.ModifyVpcAccessAndUpdateApisRequest(name="no")),
        lambda: client.describe_apis_by_vpc_access(models.DescribeApisByVpcAccessRequest(vpc_name="no")),
        lambda: client.describe_update_vpc_info_task(models.DescribeUpdateVpcInfoTaskRequest(operation_uid="no")),
        lambda: client.validate_vpc_connectivity(
            models.ValidateVpcConnectivityRequest(vpc_access_id="no", instance_id="no")
        ),
    ]
    seen = []
    for attempt in attempts:
        with pytest.raises(ClientException) as refused:
            attempt()
        seen.append((refused.value.status_code, refused.value.code))
    expected = ["VpcAccess", "VpcAccess", "VpcAccess", "OperationUid", "VpcAccessId"]
    assert seen == [(400, f"NotFound{name}") for name in expected]


def test_modifying_onto_a_taken_target_is_refused(cloud: Served) -> None:
    """Two entries never share a target, by whichever way."""
    client = _client(cloud)
    client.set_vpc_access(_set())
    client.set_vpc_access(_set("other", port=81))
    with pytest.raises(ClientException) as refused:
        client.modify_vpc_access_and_update_apis(models.ModifyVpcAccessAndUpdateApisRequest(name="other", port=80))
    assert refused.value.code == "RepeatedVpcAccess"


def test_an_operation_that_is_not_emulated_says_so(cloud: Served) -> None:
    """A published operation that the stand-in lacks is 501 and names itself."""
    with pytest.raises(ServerException) as refused:
        _client(cloud).describe_regions(models.DescribeRegionsRequest())
    assert (refused.value.status_code, refused.value.code) == (501, "NotImplemented")
    assert "CloudAPI.DescribeRegions" in refused.value.message


def test_ram_refuses_with_its_detail(cloud: Served) -> None:
    """A key that may not set is refused with 403 and the detail that the SDK hands on."""
    cloud.world.add_credential(replace(PERMANENT, denied=frozenset({"apigateway:SetVpcAccess"})))
    client = _client(cloud)
    with pytest.raises(ClientException) as refused:
        client.set_vpc_access(_set())
    assert (refused.value.status_code, refused.value.code) == (403, "NoPermission")
    assert refused.value.access_denied_detail["AuthAction"] == "apigateway:SetVpcAccess"
    assert refused.value.access_denied_detail["NoPermissionType"] == "ExplicitDeny"
    assert _names(client) == []


CREDENTIALS = [
    pytest.param(Credential("nobody", "x"), 404, "InvalidAccessKeyId.NotFound", id="key"),
    pytest.param(replace(PERMANENT, access_key_secret="x"), 400, "SignatureDoesNotMatch", id="secret"),
    pytest.param(replace(TEMPORARY, security_token=""), 400, "MissingSecurityToken", id="no-token"),
    pytest.param(replace(TEMPORARY, security_token="x"), 400, "InvalidSecurityToken.Malformed", id="bad-token"),
    pytest.param(
        replace(PERMANENT, security_token=TEMPORARY.security_token),
        400,
        "InvalidSecurityToken.MismatchWithAccessKey",
        id="foreign-token",
    ),
]


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v1"])
@pytest.mark.parametrize(("credential", "status", "code"), CREDENTIALS)
def test_bad_credentials_are_refused(
    cloud: Served, credential: Credential, status: int, code: str, config: dict[str, Any]
) -> None:
    """Wrong keys, secrets and tokens are told apart under both signatures."""
    with pytest.raises(ClientException) as refused:
        _names(_client(cloud, credential, **config))
    assert (refused.value.status_code, refused.value.code) == (status, code)


FAULTS = [
    pytest.param({"skew": 1000}, ClientException, "InvalidTimeStamp.Expired", id="server-clock-ahead"),
    pytest.param({"expired_token": True}, ClientException, "InvalidSecurityToken.Expired", id="token-expired"),
    pytest.param({"status": 400, "code": "SignatureNonceUsed"}, ClientException, "SignatureNonceUsed", id="nonce-used"),
    pytest.param({"status": 400, "code": "RepeatedCommit"}, ClientException, "RepeatedCommit", id="repeated-commit"),
    pytest.param({"status": 500, "code": "InternalError"}, ServerException, "InternalError", id="internal-error"),
    pytest.param(
        {"status": 503, "code": "ServiceUnavailable"}, ServerException, "ServiceUnavailable", id="unavailable"
    ),
    pytest.param({"throttle": {"rate": 0.01, "burst": 0}}, ClientException, "Throttling.User", id="throttled"),
    pytest.param(
        {"status": 400, "code": "Throttling.Api", "retry_after": 1500},
        ThrottlingException,
        "Throttling.Api",
        id="throttled-with-a-wait",
    ),
    pytest.param({"cut": "before"}, UnretryableException, None, id="cut-before"),
    pytest.param({"cut": "after"}, UnretryableException, None, id="cut-after"),
    pytest.param({"body": "truncated"}, UnretryableException, None, id="truncated"),
    pytest.param({"body": "empty"}, UnretryableException, None, id="empty"),
    pytest.param({"body": "garbage"}, UnretryableException, None, id="garbage"),
    pytest.param({"body": "html", "status": 502, "when": "before"}, UnretryableException, None, id="proxy-page"),
    pytest.param({"body": "xml", "status": 500}, ServerException, "InternalError", id="xml-error"),
    pytest.param({"delay": 0.3}, UnretryableException, None, id="too-slow"),
]


@pytest.mark.parametrize(("effect", "kind", "code"), FAULTS)
def test_faults_reach_the_sdk(cloud: Served, effect: dict[str, Any], kind: type[Exception], code: str | None) -> None:
    """Each injected fault comes out of the SDK as the error that the real thing would be."""
    cloud.faults.add(operation="CloudAPI.DescribeVpcAccesses", nth=1, **effect)
    client = _client(cloud, TEMPORARY, read_timeout=100 if "delay" in effect else 5000)
    with pytest.raises(kind) as refused:
        _names(client)
    if code is not None:
        assert getattr(refused.value, "code", None) == code
    if "delay" not in effect:
        assert _names(client) == []


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_cut_tells_nothing_about_the_effect(cloud: Served, late: bool) -> None:
    """After a cut the client cannot know; the stand-in did or did not write, exactly as the rule says."""
    cloud.faults.add(operation="CloudAPI.SetVpcAccess", nth=1, cut="after" if late else "before")
    client = _client(cloud)
    with pytest.raises(UnretryableException):
        client.set_vpc_access(_set())
    assert _names(client) == (["web"] if late else [])


def test_throttling_carries_the_wait_when_the_switch_says_so(cloud: Served) -> None:
    """With `retry_after=present` the SDK reads the wait from the header and calls the error throttling."""
    cloud.world.switches = cloud.world.switches.with_values(retry_after="present")
    cloud.faults.add(operation="CloudAPI.DescribeVpcAccesses", throttle={"rate": 0.5, "burst": 1})
    client = _client(cloud)
    assert _names(client) == []
    with pytest.raises(ThrottlingException) as refused:
        _names(client)
    assert 1000 < refused.value.retry_after <= 2000


def test_the_sdk_s_own_retry_gets_through(cloud: Served) -> None:
    """The SDK's retry headers are accepted, and its second attempt has a nonce of its own."""
    cloud.faults.add(operation="CloudAPI.SetVpcAccess", nth=1, status=503, code="ServiceUnavailable")
    condition = RetryCondition(
        {"maxAttempts": 2, "exception": ["ServerException"], "errorCode": ["ServiceUnavailable"]}
    )
    client = _client(cloud, retry_options=RetryOptions({"retryable": True, "retryCondition": [condition]}))
    client.set_vpc_access_with_options(_set(), RuntimeOptions())
    assert [entry.status for entry in cloud.world.journal("CloudAPI.SetVpcAccess")] == [503, 200]


@pytest.mark.parametrize("setting", ["present", "absent"])
def test_the_id_is_answered_or_not(cloud: Served, setting: str) -> None:
    """Without VpcAccessId in the answer, as before 2023-12, the SDK still works and gives none."""
    cloud.world.switches = cloud.world.switches.with_values(vpc_access_id=setting)
    answer = _client(cloud).set_vpc_access(_set()).body
    assert (answer.vpc_access_id is not None) == (setting == "present")
    assert answer.request_id
