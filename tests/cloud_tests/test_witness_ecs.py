"""The vendor's SDK for ECS looks instances up in the stand-in over a socket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException

from tests.cloud.core import Credential
from tests.cloud.ecs import Instance
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served
from tests.sdk import config_of

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:alibabacloud_tea_openapi"),
]


def _client(cloud: Served, credential: Credential = PERMANENT, **changes: Any) -> Client:
    return Client(config_of(cloud.endpoint, credential, **changes))


def _describe(client: Client, **fields: Any) -> Any:
    request = models.DescribeInstancesRequest(**{"region_id": "cn-hangzhou", **fields})
    return client.describe_instances(request).body


def _tags(client: Client, **fields: Any) -> Any:
    request = models.ListTagResourcesRequest(**{"region_id": "cn-hangzhou", "resource_type": "instance", **fields})
    return client.list_tag_resources(request).body


def _ids(body: Any) -> list[str]:
    return [instance.instance_id for instance in body.instances.instance]


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v1"])
@pytest.mark.parametrize("credential", [PERMANENT, TEMPORARY], ids=["key", "sts"])
def test_an_instance_is_described(cloud: Served, credential: Credential, config: dict[str, Any]) -> None:
    """VPC, address, tags and status come where the SDK's models expect them."""
    cloud.products["ECS"].seed(Instance("i-1", "vpc-1", (("apigateway-port", "80,81"),), private_ip="172.16.0.7"))
    (found,) = _describe(_client(cloud, credential, **config), instance_ids='["i-1"]').instances.instance
    assert (found.instance_id, found.status, found.instance_network_type) == ("i-1", "Running", "vpc")
    assert (found.creation_time, found.start_time) == ("2026-11-01T08:00Z", "2026-11-01T08:00Z")
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


@pytest.mark.parametrize(("asked", "size"), [(-1, 10), (0, 10), (9, 10), (11, 11), (100, 100), (101, 100)])
def test_the_size_of_a_page_by_token_is_clipped(cloud: Served, asked: int, size: int) -> None:
    """MaxResults under 10 means 10 and over 100 means 100, as the SDK's model says."""
    cloud.products["ECS"].seed(*(Instance(f"i-{number}", "vpc-1") for number in range(150)))
    body = _describe(_client(cloud), max_results=asked)
    assert (len(_ids(body)), body.page_size) == (size, size)


@pytest.mark.parametrize(("setting", "total"), [("zero", 0), ("whole", 25)])
def test_only_the_token_ends_a_listing_by_token(cloud: Served, setting: str, total: int) -> None:
    """TotalCount is meaningless beside MaxResults and NextToken, page numbers count for nothing; by number both hold."""
    cloud.world.switches = cloud.world.switches.with_values(ecs_total_count=setting)
    cloud.products["ECS"].seed(*(Instance(f"i-{number}", "vpc-1") for number in range(25)))
    client, found, token = _client(cloud), list[str](), None
    for _ in range(3):
        body = _describe(client, max_results=10, next_token=token, page_number=2 if token else None)
        assert (body.total_count, bool(body.next_token)) == (total, len(found) < 20)
        found, token = found + _ids(body), body.next_token
    assert found == [f"i-{number}" for number in range(25)]
    assert _describe(client, page_size=20, page_number=2).total_count == 25


def test_by_tag_at_most_a_thousand_instances_come(cloud: Served) -> None:
    """A listing by tag ends at 1,000 without a word; ListTagResources goes on, and gives ids and tags only."""
    tags = (("port", "80"), ("team", "a"))
    cloud.products["ECS"].seed(*(Instance(f"i-{number}", "vpc-1", tags) for number in range(1001)))
    client, seen, token, pages = _client(cloud), set[str](), None, 0
    tag = [models.DescribeInstancesRequestTag(key="port")]
    while token != "":
        body = _describe(client, tag=tag, max_results=100, next_token=token)
        seen, token, pages = seen | set(_ids(body)), body.next_token, pages + 1
    assert (len(seen), pages) == (1000, 10)

    tagged, token = list[tuple[str, str, str]](), None
    while token != "":
        listed = _tags(client, tag=[models.ListTagResourcesRequestTag(key="port", value="80")], next_token=token)
        tagged += [(item.resource_id, item.tag_key, item.tag_value) for item in listed.tag_resources.tag_resource]
        token = listed.next_token
    assert tagged == [(f"i-{number}", *pair) for number in range(1001) for pair in tags]


def test_tags_of_named_instances(cloud: Served) -> None:
    """By id only the tags of those instances come; one without a tag is not in the list."""
    cloud.products["ECS"].seed(
        Instance("i-1", "vpc-1", (("a", "1"),)), Instance("i-2"), Instance("i-3", "", (("b", ""),))
    )
    listed = _tags(_client(cloud), resource_id=["i-1", "i-2"])
    assert [(item.resource_id, item.tag_key) for item in listed.tag_resources.tag_resource] == [("i-1", "a")]
    assert listed.next_token == ""


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


def test_without_permission_a_refusal_may_come_instead(cloud: Served) -> None:
    """With the switch turned, a key without the right is refused as by other operations."""
    cloud.world.switches = cloud.world.switches.with_values(ecs_without_permission="refuse")
    cloud.world.add_credential(replace(PERMANENT, denied=frozenset({"ecs:DescribeInstances"})))
    with pytest.raises(ClientException) as refused:
        _describe(_client(cloud))
    assert (refused.value.status_code, refused.value.code) == (403, "Forbidden.RAM")


def test_a_policy_on_single_resources_hides_the_others(cloud: Served) -> None:
    """What a key's policy leaves out is missing from lists like what is not there, and a dry run passes all the same."""
    cloud.products["ECS"].seed(*(Instance(f"i-{number}", "vpc-1", (("port", "80"),)) for number in range(3)))
    cloud.world.add_credential(replace(PERMANENT, unseen=frozenset({"i-1"})))
    narrow, wide = _client(cloud), _client(cloud, TEMPORARY)
    tag = [models.DescribeInstancesRequestTag(key="port")]
    for filters in ({}, {"instance_ids": '["i-0", "i-1", "i-2"]'}, {"tag": tag}, {"max_results": 100}):
        assert _ids(_describe(narrow, **filters)) == ["i-0", "i-2"]
        assert _ids(_describe(wide, **filters)) == ["i-0", "i-1", "i-2"]
    assert _describe(narrow).total_count == 2
    assert [item.resource_id for item in _tags(narrow, resource_id=["i-1", "i-2"]).tag_resources.tag_resource] == [
        "i-2"
    ]
    with pytest.raises(ClientException) as refused:
        _describe(narrow, instance_ids='["i-1"]', dry_run=True)
    assert refused.value.code == "DryRunOperation"


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
        pytest.param({"page_size": 101}, "InvalidPageSize", id="page-too-long"),
        pytest.param({"page_number": 0}, "InvalidPageNumber", id="no-page"),
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
    ("fields", "status", "code"),
    [
        pytest.param({}, 400, "MissingParameter", id="nothing-named"),
        pytest.param({"resource_type": None, "resource_id": ["i-1"]}, 400, "MissingResourceType", id="no-type"),
        pytest.param({"resource_type": "disk", "resource_id": ["d-1"]}, 501, "NotImplemented", id="other-type"),
        pytest.param({"resource_id": ["i"] * 51}, 400, "InvalidResourceId", id="too-many-ids"),
        pytest.param({"resource_id": ["i-1"], "next_token": "never-given"}, 400, "InvalidNextToken", id="token"),
    ],
)
def test_bad_listings_of_tags_are_refused(cloud: Served, fields: dict[str, Any], status: int, code: str) -> None:
    """ListTagResources says what it misses; what the stand-in does not have is 501."""
    with pytest.raises((ClientException, ServerException)) as refused:
        _tags(_client(cloud), **fields)
    assert (refused.value.status_code, refused.value.code) == (status, code)


def test_tags_need_a_right_of_their_own(cloud: Served) -> None:
    """Without ecs:ListTagResources the refusal is plain: only DescribeInstances hides it."""
    cloud.world.add_credential(replace(PERMANENT, denied=frozenset({"ecs:ListTagResources"})))
    with pytest.raises(ClientException) as refused:
        _tags(_client(cloud), resource_id=["i-1"])
    assert (refused.value.status_code, refused.value.code) == (403, "NoPermission")


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


@pytest.mark.parametrize(
    ("form", "total", "found"),
    [
        pytest.param("empty-object", None, None, id="empty"),
        pytest.param("error-object", None, None, id="error"),
        pytest.param("only-request-id", None, None, id="request-id"),
        pytest.param("null-wrapper", 1, None, id="null-wrapper"),
        pytest.param("null-list", 1, [], id="null-list"),
        pytest.param("no-list", 1, [], id="no-list"),
        pytest.param("counted-empty", 40, [], id="counted"),
    ],
)
def test_the_sdk_takes_odd_answers_for_none(cloud: Served, form: str, total: int | None, found: Any) -> None:
    """An odd answer with HTTP 200 raises nothing: to the SDK the instance is not there."""
    cloud.products["ECS"].seed(Instance("i-1", "vpc-1"))
    cloud.faults.add(operation="ECS.DescribeInstances", odd=form)
    body = _describe(_client(cloud), instance_ids='["i-1"]')
    assert (body.total_count, body.instances and body.instances.instance) == (total, found)


def test_throttling_reaches_the_sdk(cloud: Served) -> None:
    """A throttled look-up is HTTP 400 with `Throttling.User`."""
    cloud.faults.add(operation="ECS.DescribeInstances", throttle={"rate": 0.01, "burst": 0})
    with pytest.raises(ClientException) as refused:
        _describe(_client(cloud))
    assert (refused.value.status_code, refused.value.code) == (400, "Throttling.User")
