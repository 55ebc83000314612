"""The vendor's SDK for SLB looks load balancers, their listeners and their tags up in the stand-in over a socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from alibabacloud_slb20140515 import models
from alibabacloud_slb20140515.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException

from tests.cloud.core import Credential
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served
from tests.cloud.slb import LoadBalancer
from tests.sdk import config_of

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:alibabacloud_tea_openapi"),
]
REGION = {"region_id": "cn-hangzhou"}


def _client(cloud: Served, credential: Credential = PERMANENT, **changes: Any) -> Client:
    return Client(config_of(cloud.endpoint, credential, **changes))


def _listed(client: Any, **fields: Any) -> list[str]:
    body = client.describe_load_balancers(models.DescribeLoadBalancersRequest(**{**REGION, **fields})).body
    return [balancer.load_balancer_id for balancer in body.load_balancers.load_balancer]


def _listeners(client: Any, *ids: str, **fields: Any) -> Any:
    request = models.DescribeLoadBalancerListenersRequest(**REGION, load_balancer_id=list(ids) or None, **fields)
    return client.describe_load_balancer_listeners(request).body


def _attribute(client: Any, load_balancer_id: str) -> Any:
    request = models.DescribeLoadBalancerAttributeRequest(**REGION, load_balancer_id=load_balancer_id)
    return client.describe_load_balancer_attribute(request).body


def _tags(client: Any, **fields: Any) -> Any:
    request = models.ListTagResourcesRequest(**{**REGION, "resource_type": "instance", **fields})
    return client.list_tag_resources(request).body


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v1"])
@pytest.mark.parametrize("credential", [PERMANENT, TEMPORARY], ids=["key", "sts"])
def test_a_load_balancer_is_described(cloud: Served, credential: Credential, config: dict[str, Any]) -> None:
    """Network, listeners and tags come where the SDK's models expect them, by each of the four operations."""
    cloud.products["SLB"].seed(LoadBalancer("lb-1", "vpc-1", listener_ports=(80, 443), tags=(("port", "80"),)))
    client = _client(cloud, credential, **config)
    found = _attribute(client, "lb-1")
    assert (found.vpc_id, found.network_type, found.address_type) == ("vpc-1", "vpc", "intranet")
    assert found.listener_ports.listener_port == [80, 443]
    body = client.describe_load_balancers(models.DescribeLoadBalancersRequest(**REGION)).body
    (row,) = body.load_balancers.load_balancer
    assert (row.vpc_id, row.load_balancer_status, body.total_count) == ("vpc-1", "active", 1)
    assert [(tag.tag_key, tag.tag_value) for tag in row.tags.tag] == [("port", "80")]
    (tag,) = _tags(client, resource_id=["lb-1"]).tag_resources.tag_resource
    assert (tag.resource_id, tag.tag_key, tag.tag_value) == ("lb-1", "port", "80")


def test_listeners_run_or_are_stopped(cloud: Served) -> None:
    """Each listener is a row with its port and state, those of several load balancers in one call, page by page."""
    ports = tuple(range(8001, 8031))
    cloud.products["SLB"].seed(
        LoadBalancer("lb-1", "vpc-1", listener_ports=(80, 443), stopped_ports=(443,)),
        LoadBalancer("lb-2", "vpc-1", listener_ports=ports),
        LoadBalancer("lb-3", "vpc-1", listener_ports=(1,)),
    )
    client = _client(cloud)
    first = _listeners(client, "lb-1", "lb-2")
    second = _listeners(client, "lb-1", "lb-2", next_token=first.next_token)
    rows = [(item.load_balancer_id, item.listener_port, item.status) for item in first.listeners + second.listeners]
    assert rows[:3] == [("lb-1", 80, "running"), ("lb-1", 443, "stopped"), ("lb-2", 8001, "running")]
    assert (len(rows), len(first.listeners), second.next_token, first.total_count) == (32, 20, "", 32)
    assert len(_listeners(client, max_results=100).listeners) == 33
    assert _listeners(client, "lb-1", listener_protocol="udp").listeners == []


@pytest.mark.parametrize(("setting", "ports"), [("empty", []), ("absent", None)])
def test_without_a_listener(cloud: Served, setting: str, ports: list[int] | None) -> None:
    """`Listeners` is not there, as the SDK's model says; whether `ListenerPorts` is, is open."""
    cloud.world.switches = cloud.world.switches.with_values(slb_no_listener=setting)
    cloud.products["SLB"].seed(LoadBalancer("lb-1", "vpc-1"))
    client = _client(cloud)
    raw = client.call_api(*_raw_call())["body"]
    assert (raw["TotalCount"], raw["NextToken"], "Listeners" in raw) == (0, "", False)
    found = _attribute(client, "lb-1").listener_ports
    assert (found and found.listener_port) == ports


def _raw_call() -> tuple[Any, Any, Any]:
    """Return what the SDK's generic call takes, to see the body that its models hide."""
    from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
    from darabonba.runtime import RuntimeOptions

    params = Params(
        action="DescribeLoadBalancerListeners",
        version="2014-05-15",
        protocol="HTTP",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    query = {"RegionId": "cn-hangzhou", "LoadBalancerId.1": "lb-1"}
    return params, OpenApiRequest(query=query), RuntimeOptions()


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param({}, ["lb-1", "lb-2", "lb-3"], id="all"),
        pytest.param({"load_balancer_id": "lb-1,lb-3,lb-9"}, ["lb-1", "lb-3"], id="ids"),
        pytest.param({"vpc_id": "vpc-1"}, ["lb-1"], id="vpc"),
        pytest.param({"address_type": "intranet"}, ["lb-1", "lb-2"], id="internal"),
        pytest.param({"tag": [("port", None)]}, ["lb-1", "lb-3"], id="tag-key"),
        pytest.param({"tag": [("port", "80")]}, ["lb-1"], id="tag"),
        pytest.param({"page_number": 2, "page_size": 2}, ["lb-3"], id="page"),
        pytest.param({"page_number": 3, "page_size": 2}, [], id="page-beyond"),
    ],
)
def test_load_balancers_are_listed(cloud: Served, filters: dict[str, Any], found: list[str]) -> None:
    """Ids, VPC, address type and tags narrow the list, pages go by number."""
    cloud.products["SLB"].seed(
        LoadBalancer("lb-1", "vpc-1", tags=(("port", "80"),)),
        LoadBalancer("lb-2", "vpc-2"),
        LoadBalancer("lb-3", tags=(("port", "81"),)),
    )
    if "tag" in filters:
        pairs = [models.DescribeLoadBalancersRequestTag(key=key, value=value) for key, value in filters["tag"]]
        filters = {"tag": pairs}
    assert _listed(_client(cloud), **filters) == found


def test_pages_are_ten_long_unless_asked(cloud: Served) -> None:
    """Without a page size ten come."""
    cloud.products["SLB"].seed(*(LoadBalancer(f"lb-{number}", "vpc-1") for number in range(25)))
    client = _client(cloud)
    assert [len(_listed(client, page_number=number)) for number in (1, 2, 3)] == [10, 10, 5]
    assert len(_listed(client, page_number=1, page_size=100)) == 25


def test_a_policy_on_single_load_balancers(cloud: Served) -> None:
    """What a key's policy leaves out is missing from lists, and its look-up is refused; deleted is another code."""
    cloud.products["SLB"].seed(
        *(LoadBalancer(f"lb-{number}", "vpc-1", listener_ports=(80,), tags=(("k", "v"),)) for number in (1, 2, 3))
    )
    cloud.products["SLB"].remove("lb-3")
    cloud.world.add_credential(replace(PERMANENT, unseen=frozenset({"lb-1"})))
    client = _client(cloud)
    assert _listed(client) == ["lb-2"]
    assert [item.load_balancer_id for item in _listeners(client).listeners] == ["lb-2"]
    assert [item.resource_id for item in _tags(client, tag=_pair("k", "v")).tag_resources.tag_resource] == ["lb-2"]
    codes = {"lb-1": (403, "NoPermission"), "lb-3": (404, "InvalidLoadBalancerId.NotFound")}
    for load_balancer_id, expected in codes.items():
        with pytest.raises(ClientException) as refused:
            _attribute(client, load_balancer_id)
        assert (refused.value.status_code, refused.value.code) == expected


def _pair(key: str, value: str) -> list[Any]:
    return [models.ListTagResourcesRequestTag(key=key, value=value)]


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        pytest.param(lambda c: _listed(c, page_size=5), 400, "MissingPageNumber", id="size-without-number"),
        pytest.param(lambda c: _listed(c, page_number=1, page_size=101), 400, "InvalidPageSize", id="page-too-long"),
        pytest.param(
            lambda c: _listed(c, load_balancer_id=",".join(["lb"] * 11)), 400, "InvalidLoadBalancerId", id="ids"
        ),
        pytest.param(lambda c: _listed(c, region_id=None), 400, "MissingRegionId", id="no-region"),
        pytest.param(lambda c: _listed(c, pay_type="x"), 400, "UnsupportedParameter", id="not-emulated"),
        pytest.param(lambda c: _listeners(c, *["lb"] * 11), 400, "InvalidLoadBalancerId", id="listeners-ids"),
        pytest.param(lambda c: _listeners(c, max_results=101), 400, "InvalidMaxResults", id="listeners-page"),
        pytest.param(lambda c: _listeners(c, next_token="x"), 400, "InvalidNextToken", id="listeners-token"),
        pytest.param(_tags, 400, "MissingParameter", id="tags-of-nothing"),
        pytest.param(lambda c: _tags(c, resource_id=["lb"] * 21), 400, "InvalidLoadBalancerId", id="tags-ids"),
        pytest.param(
            lambda c: _tags(c, resource_type="acl", resource_id=["a"]), 501, "NotImplemented", id="tags-of-others"
        ),
        pytest.param(
            lambda c: c.describe_regions(models.DescribeRegionsRequest()), 501, "NotImplemented", id="other-operation"
        ),
    ],
)
def test_bad_requests_are_refused(cloud: Served, call: Any, status: int, code: str) -> None:
    """What is missing, mistyped or not emulated is refused, never ignored."""
    with pytest.raises((ClientException, ServerException)) as refused:
        call(_client(cloud))
    assert (refused.value.status_code, refused.value.code) == (status, code)


@pytest.mark.parametrize(
    ("action", "call"),
    [
        pytest.param("slb:DescribeLoadBalancers", _listed, id="list"),
        pytest.param("slb:DescribeLoadBalancerListeners", _listeners, id="listeners"),
    ],
)
def test_a_missing_right_is_refused(cloud: Served, action: str, call: Any) -> None:
    """SLB says so, other than ECS."""
    cloud.world.add_credential(replace(PERMANENT, denied=frozenset({action})))
    with pytest.raises(ClientException) as refused:
        call(_client(cloud))
    assert (refused.value.status_code, refused.value.code) == (403, "NoPermission")
