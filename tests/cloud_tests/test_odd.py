"""Odd answers: what each form makes of the answer of every operation that a function calls or is to call."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from werkzeug.test import Client

from tests.cloud.asking import Asker
from tests.cloud.core import Ids
from tests.cloud.ecs import Instance
from tests.cloud.ess import Action
from tests.cloud.fixtures import PERMANENT, Served, finish
from tests.cloud.odd import FORMS, KEYED
from tests.cloud.seeds import seed
from tests.cloud.signed import V3
from tests.cloud.slb import LoadBalancer
from tests.cloud.smq.client import SmqClient

CLOUDAPI, ECS, SLB, ESS = "2016-07-14", "2014-05-26", "2014-05-15", "2014-08-28"
ENTRY = {"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": "80"}
REGION = {"RegionId": "cn-hangzhou"}
ENTRIES, INSTANCES, TAGS = "CloudAPI.DescribeVpcAccesses", "ECS.DescribeInstances", "SLB.ListTagResources"
SET, BALANCER, HOOK = "CloudAPI.SetVpcAccess", "SLB.DescribeLoadBalancerAttribute", "ESS.CompleteLifecycleAction"
VALIDATE, APIS = "CloudAPI.ValidateVpcConnectivity", "CloudAPI.DescribeApisByVpcAccess"
BACKENDS, BACKEND = "CloudAPI.DescribeBackendList", "CloudAPI.DescribeBackendInfo"
PLUGINS, BALANCERS = "CloudAPI.DescribePlugins", "SLB.DescribeLoadBalancers"
MEMBERS = "ESS.DescribeScalingInstances"
TASK = "CloudAPI.DescribeUpdateVpcInfoTask"
LISTENERS = "SLB.DescribeLoadBalancerListeners"
CALLS: dict[str, tuple[str, dict[str, str]]] = {
    SET: (CLOUDAPI, {**ENTRY, "Name": "new", "Port": "81"}),
    ENTRIES: (CLOUDAPI, {"PageSize": "100"}),
    "CloudAPI.RemoveVpcAccess": (CLOUDAPI, {"VpcId": "vpc-1", "InstanceId": "i-1", "Port": "80"}),
    APIS: (CLOUDAPI, {"VpcName": "web"}),
    BACKENDS: (CLOUDAPI, {}),
    BACKEND: (CLOUDAPI, {"BackendId": "b-1"}),
    PLUGINS: (CLOUDAPI, {"PluginType": "routing"}),
    VALIDATE: (CLOUDAPI, {"VpcAccessId": "v", "InstanceId": "apigateway-1"}),
    "CloudAPI.ModifyVpcAccessAndUpdateApis": (CLOUDAPI, {**ENTRY, "Port": "82"}),
    TASK: (CLOUDAPI, {"OperationUid": Ids().hex()}),  # the first id that there is
    INSTANCES: (ECS, {**REGION, "MaxResults": "100"}),
    "ECS.ListTagResources": (ECS, {**REGION, "ResourceType": "instance", "ResourceId.1": "i-1"}),
    BALANCERS: (SLB, {**REGION, "Tag.1.Key": "port"}),
    LISTENERS: (SLB, {**REGION, "LoadBalancerId.1": "lb-1"}),
    TAGS: (SLB, {**REGION, "ResourceType": "instance", "ResourceId.1": "lb-1"}),
    BALANCER: (SLB, {**REGION, "LoadBalancerId": "lb-1"}),
    HOOK: (ESS, {"LifecycleHookId": "ash-1", "LifecycleActionToken": "t"}),
    MEMBERS: (ESS, {**REGION, "ScalingGroupId": "asg-1"}),
    "ESS.RecordLifecycleActionHeartbeat": (ESS, {"lifecycleHookId": "ash-1", "lifecycleActionToken": "t"}),
}
LISTS = {
    ENTRIES: ("VpcAccessAttributes", "VpcAccessAttribute"),
    INSTANCES: ("Instances", "Instance"),
    TAGS: ("TagResources", "TagResource"),
    APIS: ("ApiVpcAccessInfos", "ApiVpcAccessInfo"),
    TASK: ("ApiUpdateVpcInfoResults", "ApiUpdateVpcInfoResult"),
    PLUGINS: ("Plugins", "PluginAttribute"),
    MEMBERS: ("ScalingInstances", "ScalingInstance"),
    BALANCERS: ("LoadBalancers", "LoadBalancer"),
}
NO_ANSWERS: dict[str, Any] = {
    "empty-object": {},
    "null": None,
    "list": [],
    "text": "ok",
    "only-request-id": {"RequestId": "r"},
    "error-object": {
        "RequestId": "r",
        "Code": "ServiceUnavailable",
        "Message": "The request has failed due to a temporary failure of the server.",
    },
}


@pytest.fixture
def stocked(inner_cloud: Served) -> Served:
    """A stand-in with one of everything that the operations ask for."""
    inner_cloud.products["ECS"].seed(Instance("i-1", "vpc-1", (("port", "80"),)))
    inner_cloud.products["SLB"].seed(LoadBalancer("lb-1", "vpc-1", listener_ports=(80,), tags=(("port", "80"),)))
    inner_cloud.products["ESS"].seed(Action("ash-1", "t", ("i-1",)))
    model = {"StageName": "RELEASE", "BackendConfig": {"Type": "VPC", "VpcConfig": {"Name": "web"}}}
    document = {
        "scaling_instances": [{"InstanceId": "i-1", "ScalingGroupId": "asg-1"}],
        "vpc_accesses": [{**ENTRY, "VpcAccessId": "v"}],
        "apis": [{"ApiId": "a-1", "VpcName": "web"}],
        "backends": [{"BackendId": "b-1", "BackendName": "b", "BackendModels": [model]}],
        "plugins": [{"PluginId": "p-1", "PluginData": "routes: []"}],
    }
    seed(inner_cloud.app, document)
    gateway, account = inner_cloud.products["CloudAPI"], inner_cloud.world.account_id
    gateway.tasks.modify(account, {"Name": "web", "NeedBatchWork": True})
    return inner_cloud


def _text(cloud: Served, operation: str, form: str = "", key: str = "") -> str:
    """Return the successful answer of a call, which a rule for ``form`` takes if there is one."""
    if form:
        cloud.faults.set([{"operation": operation, "odd": form, **({"key": key} if key else {})}])
    version, parameters = CALLS[operation]
    action = operation.partition(".")[2]
    request = V3(action, parameters, PERMANENT, cloud.world.clock.now(), version=version).sign()
    answer = Client(cloud.app).open(**request.for_werkzeug())
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def _body(cloud: Served, operation: str, form: str = "", key: str = "") -> Any:
    """Return that answer parsed; a RequestId is always "r"."""
    body = json.loads(_text(cloud, operation, form, key))
    return {**body, "RequestId": "r"} if isinstance(body, dict) and "RequestId" in body else body


@pytest.mark.parametrize("form", NO_ANSWERS)
@pytest.mark.parametrize("operation", CALLS)
def test_no_answer_comes_from_every_operation(stocked: Served, operation: str, form: str) -> None:
    """Nothing, an error, null, a list, a text: all with HTTP 200, and the operation took effect."""
    assert _body(stocked, operation, form) == NO_ANSWERS[form]
    if operation == SET:
        assert len(stocked.products["CloudAPI"].entries.everything()) == 2
    if form == "only-request-id" and operation.startswith("ESS.") and operation != MEMBERS:
        stocked.faults.clear()  # that is the legal answer there


@pytest.mark.parametrize(
    ("form", "whole", "wrapped"),
    [
        pytest.param("null-list", None, "wrapper", id="null-list"),
        pytest.param("no-list", {}, "", id="no-list"),
        pytest.param("null-wrapper", None, "", id="null-wrapper"),
        pytest.param("null-items", [None], "wrapper", id="null-items"),
        pytest.param("empty-items", [{}], "wrapper", id="empty-items"),
        pytest.param("counted-empty", [], "wrapper", id="counted-empty"),
    ],
)
@pytest.mark.parametrize("operation", LISTS)
def test_a_list_is_none(stocked: Served, operation: str, form: str, whole: Any, wrapped: str) -> None:
    """The list, what it holds, or the object around it is not there; or forty are counted and none are listed."""
    if operation in {TAGS, TASK} and form == "counted-empty":
        return  # they count nothing
    outer, inner = LISTS[operation]
    plain, body = _body(stocked, operation), _body(stocked, operation, form)
    counted = {"TotalCount": 40} if form == "counted-empty" else {}
    assert body == {**plain, outer: {inner: whole} if wrapped else whole, **counted}


@pytest.mark.parametrize(
    ("operation", "key", "form", "value"),
    [
        pytest.param(BACKENDS, "BackendInfoList", "null-list", None, id="backends"),
        pytest.param(LISTENERS, "Listeners", "null-list", None, id="listeners"),
        pytest.param(LISTENERS, "Listeners", "null-items", [None], id="listener"),
        pytest.param(LISTENERS, "Listeners", "counted-empty", [], id="no-listener-counted"),
    ],
)
def test_a_list_without_a_wrapper_is_none(stocked: Served, operation: str, key: str, form: str, value: Any) -> None:
    """Where no object stands around a list it is spoilt all the same."""
    assert _body(stocked, operation, form)[key] == value


def test_an_empty_list_is_spoilt_too(inner_cloud: Served) -> None:
    """Where nothing is there, forty may be counted and an item may be null all the same."""
    body = _body(inner_cloud, ENTRIES, "counted-empty")
    assert (body["TotalCount"], body["VpcAccessAttributes"]) == (40, {"VpcAccessAttribute": []})
    assert _body(inner_cloud, ENTRIES, "null-items")["VpcAccessAttributes"] == {"VpcAccessAttribute": [None]}


@pytest.mark.parametrize(
    ("operation", "form", "part"),
    [
        pytest.param(ENTRIES, "infinite-numbers", '"Port":Infinity', id="infinite-port"),
        pytest.param(ENTRIES, "infinite-numbers", '"TotalCount":Infinity', id="infinite-count"),
        pytest.param(ENTRIES, "huge-numbers", '"Port":1e400', id="huge-port"),
        pytest.param(BALANCER, "huge-numbers", '"ListenerPort":[1e400]', id="huge-listener"),
        pytest.param(INSTANCES, "half-surrogates", '"InstanceId":"i-1\\ud83d"', id="half-surrogate-id"),
        pytest.param(INSTANCES, "half-surrogates", '"TagValue":"80\\ud83d"', id="half-surrogate-tag"),
    ],
)
def test_values_that_python_stumbles_over(stocked: Served, operation: str, form: str, part: str) -> None:
    """Numbers that are not integers any more, and a text that is not text: JSON's grammar allows them, or Python does."""
    assert part in _text(stocked, operation, form)


@pytest.mark.parametrize(
    ("operation", "key", "path"),
    [
        pytest.param(SET, "VpcAccessId", (), id="flat"),
        pytest.param(ENTRIES, "TotalCount", (), id="count"),
        pytest.param(ENTRIES, "Port", ("VpcAccessAttributes", "VpcAccessAttribute", 0), id="in-an-item"),
        pytest.param(INSTANCES, "VpcId", ("Instances", "Instance", 0, "VpcAttributes"), id="deep"),
        pytest.param(INSTANCES, "Tags", ("Instances", "Instance", 0), id="an-object"),
        pytest.param(BALANCER, "ListenerPorts", (), id="listeners"),
        pytest.param(LISTENERS, "Listeners", (), id="a-list"),
        pytest.param(BACKEND, "VpcConfig", ("BackendInfo", "BackendModels", 0, "BackendConfig"), id="deeper"),
        pytest.param(PLUGINS, "PluginData", ("Plugins", "PluginAttribute", 0), id="a-text"),
    ],
)
def test_a_key_is_missing_or_null(stocked: Served, operation: str, key: str, path: tuple[Any, ...]) -> None:
    """The named key is taken away or null wherever it stands, and nothing else changes."""
    stocked.world.switches = stocked.world.switches.with_values(duplicate="overwrite")
    plain = _body(stocked, operation)
    for form in sorted(KEYED):
        odd = _body(stocked, operation, form, key)
        place, there = odd, plain
        for step in path:
            place, there = place[step], there[step]
        assert place.get(key, "missing") == ("missing" if form == "missing-key" else None)
        place[key] = there[key]
        assert odd == plain


def test_a_token_that_leads_back_never_ends(stocked: Served) -> None:
    """Each page names the first one as the next; the token is good, so a client may go round for ever."""
    ask = Asker(stocked.app, version=ECS)
    stocked.faults.set([{"operation": INSTANCES, "odd": "endless"}])
    token, seen = "", list[str]()
    for _ in range(3):
        _status, body = ask("DescribeInstances", RegionId="cn-hangzhou", MaxResults=10, NextToken=token)
        token, seen = body["NextToken"], seen + [item["InstanceId"] for item in body["Instances"]["Instance"]]
    assert seen == ["i-1"] * 3


@pytest.mark.parametrize(
    ("operation", "form", "key"),
    [
        pytest.param(HOOK, "null-list", "", id="no-list"),
        pytest.param(HOOK, "only-request-id", "", id="the-same"),
        pytest.param(SET, "no-list", "", id="no-wrapper"),
        pytest.param(SET, "infinite-numbers", "", id="no-number"),
        pytest.param(VALIDATE, "infinite-numbers", "", id="true-is-no-number"),
        pytest.param(TAGS, "counted-empty", "", id="no-count"),
        pytest.param(ENTRIES, "endless", "", id="no-token"),
        pytest.param(ENTRIES, "missing-key", "Colour", id="no-such-key"),
    ],
)
def test_a_form_that_does_not_fit_does_not_fire(stocked: Served, operation: str, form: str, key: str) -> None:
    """The answer stays, journal and report say so, and the test that set the rule fails."""
    answer = _text(stocked, operation, form, key)
    assert (stocked.world.journal(operation)[-1].fault, json.loads(answer)["RequestId"] != "r") == ("", True)
    (rule,) = stocked.faults.report()
    assert (rule["seen"], rule["hits"]) == (1, 0)
    with pytest.raises(pytest.fail.Exception, match="rule-1"):
        finish(stocked.app)
    stocked.faults.clear()


def test_a_refusal_is_not_spoilt(stocked: Served) -> None:
    """An odd form is for what went well: a refused call keeps its refusal."""
    stocked.faults.set([{"operation": SET, "odd": "empty-object"}])
    assert Asker(stocked.app)("SetVpcAccess", **ENTRY)[1]["Code"] == "DuplicateName"
    assert stocked.faults.unfired() == ["rule-1"]
    stocked.faults.clear()


@pytest.mark.parametrize(
    ("form", "key", "body"),
    [
        pytest.param("empty-object", "", "<Message />", id="empty"),
        pytest.param("missing-key", "MessageId", "<Message><MessageBodyMD5>m</MessageBodyMD5></Message>", id="missing"),
        pytest.param(
            "null-key", "MessageId", "<Message><MessageId /><MessageBodyMD5>m</MessageBodyMD5></Message>", id="null"
        ),
        pytest.param(
            "error-object",
            "",
            "<Error><Code>ServiceUnavailable</Code><Message>The request has failed due to a temporary failure of the "
            "server.</Message></Error>",
            id="error",
        ),
    ],
)
def test_a_publication_is_answered_oddly(inner_cloud: Served, form: str, key: str, body: str) -> None:
    """SMQ's answers are XML; the message was published whatever the answer says."""
    smq = inner_cloud.products["SMQ"]
    smq.create_topic("t")
    smq.create_queue("q")
    smq.subscribe("t", "s", queue="q", format="SIMPLIFIED")
    inner_cloud.faults.set([{"operation": "SMQ.PublishMessage", "odd": form, **({"key": key} if key else {})}])
    client = SmqClient(inner_cloud.app, PERMANENT, inner_cloud.world.clock)
    message = '<Message xmlns="http://mns.aliyuncs.com/doc/v1/"><MessageBody>eA==</MessageBody></Message>'
    reply = client("POST", "/topics/t/messages", message)
    text = reply.body.decode().replace(' xmlns="http://mns.aliyuncs.com/doc/v1/"', "")
    md5 = text.partition("<MessageBodyMD5>")[2].partition("<")[0]
    assert (reply.status, text.replace(md5, "m") if md5 else text) == (201, body)
    assert len(smq.receive("q")) == 1


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"empty-object", "error-object"}))
def test_forms_of_json_alone_do_not_fire_on_xml(inner_cloud: Served, form: str) -> None:
    """What XML cannot say is not said: the answer stays as it was."""
    inner_cloud.products["SMQ"].create_topic("t")
    rule = {"operation": "SMQ.PublishMessage", "odd": form, **({"key": "Colour"} if form in KEYED else {})}
    inner_cloud.faults.set([rule])
    client = SmqClient(inner_cloud.app, PERMANENT, inner_cloud.world.clock)
    message = '<Message xmlns="http://mns.aliyuncs.com/doc/v1/"><MessageBody>eA==</MessageBody></Message>'
    assert client("POST", "/topics/t/messages", message).field("MessageId")
    assert inner_cloud.faults.unfired() == ["rule-1"]
    inner_cloud.faults.clear()


def test_infinity_is_a_number_to_python() -> None:
    """Why it is among the forms: `json` reads all three without a word."""
    assert json.loads("[Infinity, 1e400]") == [math.inf, math.inf]
