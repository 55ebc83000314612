"""The vendor's SDK for ECS looks instances up in the stand-in over a socket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config

from tests.cloud.core import Credential
from tests.cloud.ecs import Instance
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:alibabacloud_tea_openapi"),
]


def _client(cloud: Served, credential: Credential = PERMANENT, **config: Any) -> Client:
    return Client(
        Config(
            access_key_id=credential.access_key_id,
            access_key_secret=credential.access_key_secret,
            security_token=credential.security_token or None,
            endpoint=cloud.endpoint.removeprefix("http://"),
            protocol="http",
            **config,
        )
    )


def _describe(client: Client, **fields: Any) -> Any:
    request = models.DescribeInstancesRequest(**{"region_id": "cn-hangzhou", **fields})
    return client.describe_instances(request).body


def _ids(body: Any) -> list[str]:
    return [instance.instance_id for instance in body.instances.instance]


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v1"])
@pytest.mark.parametrize("credential", [PERMANENT, TEMPORARY], ids=["key", "sts"])
def test_an_instance_is_described(cloud: Served, credential: Credential, config: dict[str, Any]) -> None:
    """VPC, address, tags and status come where the SDK's models expect them."""
    cloud.products["ECS"].seed(Instance("i-1", "vpc-1", (("apigateway-port", "80,81"),), private_ip="172.16.0.7"))
    (found,) = _describe(_client(cloud, credential, **config), instance_ids='["i-1"]').instances.instance
    assert (found.instance_id, found.status, found.instance_network_type) == ("i-1", "Running", "vpc")
    assert found.vpc_attributes.vpc_id == "vpc-1"
    assert found.vpc_attributes.private_ip_address.ip_address == ["172.16.0.7"]
    assert [(tag.tag_key, tag.tag_value) for tag in found.tags.tag] == [("apigateway-port", "80,81")]


def test_a_classic_instance_has_no_vpc(cloud: Served) -> None:
    """An instance of the classic network is there, with an empty VPC id."""
    cloud.products["ECS"].seed(Instance("i-old"))
    (found,) = _describe(_client(cloud), instance_ids='["i-old"]').instances.instance
    assert (found.instance_network_type, found.vpc_attributes.vpc_id) == ("classic", "")


def test_the_default_page_truncates_to_ten(cloud: Served) -> None:
    """With more than ten ids and no MaxResults only ten come; tokens and page numbers give the rest."""
    cloud.products["ECS"].seed(*(Instance(f"i-{number}", "vpc-1") for number in range(25)))
    client, ids = _client(cloud), json.dumps([f"i-{number}" for number in range(25)])
    first = _describe(client, instance_ids=ids)
    assert (len(_ids(first)), first.total_count) == (10, 25)
    second = _describe(client, instance_ids=ids, max_results=20, next_token=first.next_token)
    assert len(_ids(second)) == 15
    assert second.next_token == ""
    assert _ids(_describe(client, page_number=3, page_size=10)) == [f"i-{number}" for number in range(20, 25)]
    assert len(_ids(_describe(client, instance_ids=ids, max_results=100))) == 25


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param({"instance_ids": "[]"}, [], id="empty-list"),
        pytest.param({"instance_ids": '["i-9"]'}, [], id="unknown-id"),
        pytest.param({"vpc_id": "vpc-2"}, ["i-2"], id="vpc"),
        pytest.param({"status": "Stopped"}, ["i-2"], id="status"),
        pytest.param({"tag": [models.DescribeInstancesRequestTag(key="port")]}, ["i-1", "i-2"], id="tag-key"),
        pytest.param({"tag": [models.DescribeInstancesRequestTag(key="port", value="80")]}, ["i-1"], id="tag"),
    ],
)
def test_filters(cloud: Served, filters: dict[str, Any], found: list[str]) -> None:
    """Ids, VPC, status and tags narrow the list."""
    cloud.products["ECS"].seed(
        Instance("i-1", "vpc-1", (("port", "80"),)), Instance("i-2", "vpc-2", (("port", "81"),), status="Stopped")
    )
    assert _ids(_describe(_client(cloud), **filters)) == found


def test_a_new_instance_shows_after_some_reads(cloud: Served) -> None:
    """The notice of an instance can be faster than the list: it shows only after n reads."""
    cloud.products["ECS"].seed(Instance("i-new", "vpc-1", visible_after_reads=2))
    client = _client(cloud)
    assert [_ids(_describe(client)) for _ in range(3)] == [[], [], ["i-new"]]


def test_without_permission_the_list_is_empty(cloud: Served) -> None:
    """A key that may not describe sees nothing; a dry run tells it why."""
    cloud.products["ECS"].seed(Instance("i-1", "vpc-1"))
    cloud.world.add_credential(replace(PERMANENT, denied=frozenset({"ecs:DescribeInstances"})))
    client = _client(cloud)
    assert _ids(_describe(client)) == []
    with pytest.raises(ClientException) as refused:
        _describe(client, dry_run=True)
    assert (refused.value.status_code, refused.value.code) == (403, "Forbidden.RAM")
    assert refused.value.access_denied_detail["AuthAction"] == "ecs:DescribeInstances"


def test_a_dry_run_with_permission_says_so(cloud: Served) -> None:
    """A dry run that would have succeeded is the error `DryRunOperation`."""
    with pytest.raises(ClientException) as refused:
        _describe(_client(cloud), dry_run=True)
    assert refused.value.code == "DryRunOperation"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"region_id": None}, "MissingRegionId", id="no-region"),
        pytest.param({"instance_ids": "i-1"}, "InvalidInstanceIds", id="ids-no-json"),
        pytest.param({"instance_ids": '{"a":1}'}, "InvalidInstanceIds", id="ids-no-list"),
        pytest.param({"instance_ids": json.dumps(["i"] * 101)}, "InvalidInstanceIds", id="too-many-ids"),
        pytest.param({"max_results": 101}, "InvalidMaxResults", id="page-too-long"),
        pytest.param({"next_token": "never-given"}, "InvalidNextToken", id="foreign-token"),
        pytest.param({"image_id": "m-1"}, "UnsupportedParameter", id="parameter-not-emulated"),
    ],
)
def test_bad_parameters_are_refused(cloud: Served, fields: dict[str, Any], code: str) -> None:
    """What is missing, mistyped or not emulated is refused, never ignored."""
    with pytest.raises(ClientException) as refused:
        _describe(_client(cloud), **fields)
    assert (refused.value.status_code, refused.value.code) == (400, code)


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        pytest.param(Credential("nobody", "x"), "InvalidAccessKeyId.NotFound", id="key"),
        pytest.param(replace(PERMANENT, access_key_secret="x"), "SignatureDoesNotMatch", id="secret"),
        pytest.param(replace(TEMPORARY, security_token="x"), "InvalidSecurityToken.Malformed", id="token"),
    ],
)
def test_bad_credentials_are_refused(cloud: Served, credential: Credential, code: str) -> None:
    """The gateway's checks stand in front of ECS too."""
    with pytest.raises(ClientException) as refused:
        _describe(_client(cloud, credential))
    assert refused.value.code == code


def test_throttling_reaches_the_sdk(cloud: Served) -> None:
    """A throttled look-up is HTTP 400 with `Throttling.User`."""
    cloud.faults.add(operation="ECS.DescribeInstances", throttle={"rate": 0.01, "burst": 0})
    with pytest.raises(ClientException) as refused:
        _describe(_client(cloud))
    assert (refused.value.status_code, refused.value.code) == (400, "Throttling.User")
