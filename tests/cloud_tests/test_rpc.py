"""The RPC gateway's strictness: what it does not know is refused, in its own shape, and never ignored."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from werkzeug.test import Client

from tests.cloud import verify
from tests.cloud.asking import Asker
from tests.cloud.ess import Action
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served
from tests.cloud.signed import V1, V3
from tests.cloud.slb import LoadBalancer

ENTRY: dict[str, object] = {"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80}


@pytest.mark.parametrize(
    ("action", "version", "status", "code"),
    [
        pytest.param("SetVpcAces", "2016-07-14", 404, "InvalidAction.NotFound", id="misspelt-action"),
        pytest.param("setvpcaccess", "2016-07-14", 404, "InvalidAction.NotFound", id="action-in-small-letters"),
        pytest.param("SetVpcAccess", "2016-07-15", 404, "InvalidVersion.NotFound", id="unknown-version"),
        pytest.param("SetVpcAccess", "2014-05-26", 404, "InvalidAction.NotFound", id="another-products-version"),
        pytest.param("", "2016-07-14", 400, "MissingAction", id="no-action"),
        pytest.param("SetVpcAccess", "", 400, "MissingVersion", id="no-version"),
        pytest.param("CreateApi", "2016-07-14", 501, "NotImplemented", id="published-by-cloudapi"),
        pytest.param("RunInstances", "2014-05-26", 501, "NotImplemented", id="published-by-ecs"),
        pytest.param("DescribeScalingGroups", "2014-08-28", 501, "NotImplemented", id="published-by-ess"),
    ],
)
def test_unknown_operations_are_refused(inner_cloud: Served, action: str, version: str, status: int, code: str) -> None:
    """An operation nobody has is 404, one that only the stand-in lacks is 501 and named."""
    answer, body = Asker(inner_cloud.app, version=version)(action)
    assert (answer, body["Code"]) == (status, code)
    if status == 501:
        assert action in body["Message"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"ClientToken": "x"}, "UnsupportedParameter", id="unknown"),
        pytest.param({"name": "x"}, "UnsupportedParameter", id="small-letters"),
        pytest.param({"Tag": "x"}, "UnsupportedParameter", id="list-not-flattened"),
        pytest.param({"Tag_0_Key": "x"}, "UnsupportedParameter", id="list-from-zero"),
        pytest.param({"Name_1": "x"}, "UnsupportedParameter", id="scalar-as-list"),
        pytest.param({"Tag_1_Name": "x"}, "InvalidTag", id="unknown-field-of-a-tag"),
        pytest.param({"Tag_1_Value": "x"}, "InvalidTag", id="tag-without-key"),
        pytest.param({"Port": "80.0"}, "InvalidPort", id="decimal"),
        pytest.param({"Port": "８０"}, "InvalidPort", id="full-width-digits"),
        pytest.param({"Port": " 80"}, "InvalidPort", id="blank"),
        pytest.param({"Port": ""}, "MissingPort", id="empty-number"),
        pytest.param({"VpcId": ""}, "MissingVpcId", id="empty-text"),
    ],
)
def test_bad_parameters_are_refused(inner_cloud: Served, changes: dict[str, object], code: str) -> None:
    """What an operation does not take, or not in that form, is refused and nothing is written."""
    status, body = Asker(inner_cloud.app)("SetVpcAccess", **{**ENTRY, **changes})
    assert (status, body["Code"]) == (400, code)
    assert inner_cloud.products["CloudAPI"].entries.everything() == []


@pytest.mark.parametrize(("value", "good"), [("true", True), ("True", True), ("FALSE", True), ("1", False)])
def test_booleans_are_words(inner_cloud: Served, value: str, good: bool) -> None:
    """`True` of Python's SDK and `true` of the others are booleans, `1` is not."""
    status, body = Asker(inner_cloud.app)("DescribeVpcAccesses", AccurateQuery=value)
    assert (status, body.get("Code")) == ((200, None) if good else (400, "InvalidAccurateQuery"))


def test_a_repeated_parameter_is_refused(inner_cloud: Served) -> None:
    """The same parameter in query and form is not silently one of the two."""
    request = V1("DescribeVpcAccesses", {"Name": "a"}, PERMANENT, inner_cloud.world.clock.now()).sign()
    # Two values cannot be in V1's dictionary: sign by hand what the wire carries.
    pairs = [("Name", "a"), ("Name", "b")]
    query = [(name, value) for name, value in _pairs(request.url) if name not in {"Name", "Signature"}] + pairs
    text = verify.v1_string_to_sign("POST", query)
    query.append(("Signature", verify.v1_signature(PERMANENT.access_key_secret, text)))
    answer = Client(inner_cloud.app).post(f"/?{verify.canonical_query(query)}")
    assert json.loads(answer.get_data())["Code"] == "InvalidParameter"


def _pairs(url: str) -> list[tuple[str, str]]:
    return parse_qsl(url.partition("?")[2], keep_blank_values=True)


@pytest.mark.parametrize(
    ("header", "known"),
    [
        pytest.param("x-acs-credentials-provider", True, id="sent-by-the-sdk"),
        pytest.param("x-acs-accesskey-id", True, id="sent-with-a-token"),
        pytest.param("x-acs-retry-delay", True, id="sent-on-a-retry"),
        pytest.param("x-acs-colour", False, id="nobodys"),
    ],
)
def test_unknown_vendor_headers_are_refused(inner_cloud: Served, header: str, known: bool) -> None:
    """Of the `x-acs-` headers only those are taken that a vendor's client sends."""
    status, body = Asker(inner_cloud.app, headers={header: "1"})("DescribeVpcAccesses")
    assert (status, body.get("Code")) == ((200, None) if known else (400, "UnsupportedParameter"))


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(inner_cloud: Served, method: str) -> None:
    """Only GET and POST are methods of the RPC style."""
    request = V3("DescribeVpcAccesses", {}, PERMANENT, inner_cloud.world.clock.now(), method=method).sign()
    answer = Client(inner_cloud.app).open(**request.for_werkzeug())
    assert json.loads(answer.get_data())["Code"] == "UnsupportedHTTPMethod"


def test_an_error_has_the_gateway_s_five_fields_and_headers(inner_cloud: Served) -> None:
    """RequestId (also a header), HostId, Code, Message and Recommend, and the headers of real captures."""
    request = V3("SetVpcAccess", {}, PERMANENT, inner_cloud.world.clock.now()).sign()
    answer = Client(inner_cloud.app).open(**request.for_werkzeug())
    body = json.loads(answer.get_data())
    assert set(body) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", body["RequestId"])
    assert answer.headers["x-acs-request-id"] == body["RequestId"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-acs-trace-id"])
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        pytest.param("application/json", "application/json;charset=utf-8", id="json"),
        pytest.param("*/*", "text/xml;charset=utf-8", id="anything"),
        pytest.param("", "text/xml;charset=utf-8", id="nothing"),
    ],
)
def test_who_does_not_ask_for_json_gets_xml(inner_cloud: Served, accept: str, kind: str) -> None:
    """The documented default is in doubt, so the stand-in takes the one that hurts; errors too."""
    for action in ("DescribeVpcAccesses", "SetVpcAccess"):
        request = V3(action, {}, PERMANENT, inner_cloud.world.clock.now()).sign()
        request.headers["accept"] = accept
        answer = Client(inner_cloud.app).open(**request.for_werkzeug())
        assert answer.headers["content-type"] == kind
        if kind.startswith("text/xml"):
            root = f"{action}Response" if answer.status_code == 200 else "Error"
            assert f"<{root}><RequestId>" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("credential", "kind"), [(PERMANENT, "SubUser"), (TEMPORARY, "AssumedRoleUser")], ids=["key", "role"]
)
def test_ram_allows_what_the_key_may(inner_cloud: Served, credential: Any, kind: str) -> None:
    """A key limited to some actions is refused the others, with who and what in the detail."""
    inner_cloud.world.add_credential(replace(credential, allowed=frozenset({"apigateway:DescribeVpcAccesses"})))
    ask = Asker(inner_cloud.app, credential)
    assert ask("DescribeVpcAccesses")[0] == 200
    status, body = ask("SetVpcAccess", **ENTRY)
    assert (status, body["Code"]) == (403, "NoPermission")
    detail = body["AccessDeniedDetail"]
    assert (detail["AuthPrincipalType"], detail["NoPermissionType"]) == (kind, "ImplicitDeny")


def test_the_journal_knows_what_was_done(inner_cloud: Served) -> None:
    """Each call is an entry with its operation, RAM action, key, kind, parameters and outcome."""
    ask = Asker(inner_cloud.app)
    ask("SetVpcAccess", **ENTRY)
    ask("SetVpcAccess", **ENTRY)
    done, refused = inner_cloud.world.journal("CloudAPI.SetVpcAccess")
    assert (done.write, done.status, done.code, done.action) == (True, 200, "", "apigateway:SetVpcAccess")
    assert (done.access_key_id, done.parameters["Port"]) == (PERMANENT.access_key_id, "80")
    assert (refused.status, refused.code, refused.fault) == (400, "DuplicateName", "")


def test_what_is_for_no_product_is_not_found(inner_cloud: Served) -> None:
    """A path that nobody serves is a plain 404 in JSON."""
    answer = Client(inner_cloud.app).get("/favicon.ico")
    assert (answer.status_code, json.loads(answer.get_data())["Code"]) == (404, "NotFound")


def test_a_load_balancer_is_described_with_its_tags(inner_cloud: Served) -> None:
    """SLB gives VPC, network, listener ports; the tags come from ListTagResources."""
    inner_cloud.products["SLB"].seed(
        LoadBalancer("lb-1", "vpc-1", listener_ports=(80, 443), tags=(("apigateway-port", "80"),)), LoadBalancer("lb-2")
    )
    ask = Asker(inner_cloud.app, version="2014-05-15")
    _status, inside = ask("DescribeLoadBalancerAttribute", LoadBalancerId="lb-1")
    _status, outside = ask("DescribeLoadBalancerAttribute", RegionId="cn-hangzhou", LoadBalancerId="lb-2")
    assert (inside["VpcId"], inside["NetworkType"], inside["AddressType"]) == ("vpc-1", "vpc", "intranet")
    assert inside["ListenerPorts"] == {"ListenerPort": [80, 443]}
    assert (outside["VpcId"], outside["NetworkType"], outside["AddressType"]) == ("", "classic", "internet")
    status, missing = ask("DescribeLoadBalancerAttribute", LoadBalancerId="lb-3")
    assert (status, missing["Code"]) == (404, "InvalidLoadBalancerId.NotFound")
    tags = {"RegionId": "cn-hangzhou", "ResourceType": "instance"}
    expected = {"ResourceId": "lb-1", "ResourceType": "instance", "TagKey": "apigateway-port", "TagValue": "80"}
    assert ask("ListTagResources", **tags, ResourceId_1="lb-1", ResourceId_2="lb-2")[1]["TagResources"] == {
        "TagResource": [expected]
    }
    assert ask("ListTagResources", **tags, Tag_1_Key="apigateway-port", Tag_1_Value="81")[1]["TagResources"] == {
        "TagResource": []
    }
    assert ask("ListTagResources", **tags)[1]["Code"] == "MissingParameter"


def _hooked(cloud: Served) -> Asker:
    cloud.products["ESS"].seed(Action("ash-1", "token-1", ("i-1", "i-2"), heartbeat_timeout=60))
    return Asker(cloud.app, version="2014-08-28")


@pytest.mark.parametrize("result", ["CONTINUE", "ABANDON", "ROLLBACK", None])
def test_a_lifecycle_action_is_completed_once(inner_cloud: Served, result: str | None) -> None:
    """The first answer to a hook counts; the second meets a stale token."""
    ask = _hooked(inner_cloud)
    answer: dict[str, object] = {"LifecycleHookId": "ash-1", "LifecycleActionToken": "token-1", "ClientToken": "x"}
    if result:
        answer["LifecycleActionResult"] = result
    assert ask("CompleteLifecycleAction", **answer)[0] == 200
    (action,) = ask("DescribeLifecycleActions", ScalingActivityId="asa-test")[1]["LifecycleActions"]["LifecycleAction"]
    assert (action["LifecycleActionStatus"], action["LifecycleActionResult"]) == ("Completed", result or "CONTINUE")
    assert action["InstanceIds"] == {"InstanceId": ["i-1", "i-2"]}
    status, body = ask("CompleteLifecycleAction", **answer)
    assert (status, body["Code"]) == (400, "LifecycleHookIdAndLifecycleActionToken.Invalid")


def test_a_heartbeat_gives_a_lifecycle_action_more_time(inner_cloud: Served) -> None:
    """Without a heartbeat the action times out; with one it can still be completed."""
    ask, clock = _hooked(inner_cloud), inner_cloud.world.clock
    beat: dict[str, object] = {"lifecycleHookId": "ash-1", "lifecycleActionToken": "token-1"}
    done: dict[str, object] = {"LifecycleHookId": "ash-1", "LifecycleActionToken": "token-1"}
    clock.advance(59)
    assert ask("RecordLifecycleActionHeartbeat", **beat, heartbeatTimeout=100)[0] == 200
    clock.advance(99)
    assert _statuses(ask) == ["Pending"]
    clock.advance(1)
    assert ask("CompleteLifecycleAction", **done)[1]["Code"] == "LifecycleHookIdAndLifecycleActionToken.Invalid"
    assert _statuses(ask) == ["Timeout"]
    assert ask("RecordLifecycleActionHeartbeat", **beat)[1]["Code"] == "LifecycleHookIdAndLifecycleActionToken.Invalid"
    assert ask("RecordLifecycleActionHeartbeat", **beat, heartbeatTimeout=29)[1]["Code"] == "InvalidheartbeatTimeout"


def _statuses(ask: Asker) -> list[str]:
    _status, body = ask("DescribeLifecycleActions", ScalingActivityId="asa-test")
    return [action["LifecycleActionStatus"] for action in body["LifecycleActions"]["LifecycleAction"]]


def test_lifecycle_actions_come_in_pages(inner_cloud: Served) -> None:
    """A lost token is found again, page by page, by activity and status."""
    ess = inner_cloud.products["ESS"]
    ess.seed(*(Action(f"ash-{number}", "token", ()) for number in range(3)), Action("ash-9", "t", (), "asa-other"))
    ask = Asker(inner_cloud.app, version="2014-08-28")
    find: dict[str, object] = {"ScalingActivityId": "asa-test", "MaxResults": 2, "LifecycleActionStatus": "Pending"}
    _status, first = ask("DescribeLifecycleActions", **find)
    _status, second = ask("DescribeLifecycleActions", **find, NextToken=first["NextToken"])
    found = [a["LifecycleHookId"] for page in (first, second) for a in page["LifecycleActions"]["LifecycleAction"]]
    assert (found, first["TotalCount"], second["NextToken"]) == (["ash-0", "ash-1", "ash-2"], 3, "")
    assert ask("DescribeLifecycleActions", **find, NextToken="x")[1]["Code"] == "InvalidNextToken"
