"""The control surface lets instances stop, start, leave and vanish, and tells of it as the cloud does."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client

from tests.cloud.asking import Asker
from tests.cloud.fc import EventBridgeTrigger
from tests.cloud.fc.handlers import deploy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.fixtures import Served

ECS, ESS = "2014-05-26", "2014-08-28"
QUEUE, TOPIC = "acs:mns:cn-hangzhou:1234567890123456:queue/hooks", "acs:mns:cn-hangzhou:1234567890123456:topic/news"
BUS = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/default"
SOURCE = """
    import json
    def handler(event, context):
        print("EVENT " + json.dumps(event.decode()))
"""


def _control(cloud: Served, route: str, body: Any, method: str = "POST") -> Any:
    answer = Client(cloud.app).open(f"/_cloud/{route}", method=method, data=json.dumps(body))
    return {"http": answer.status_code, **(json.loads(answer.get_data()) or {})}


@pytest.fixture
def stocked(inner_cloud: Served) -> Served:
    """A group with two running instances, a queue and a topic for its hooks."""
    members = [{"InstanceId": each, "ScalingGroupId": "asg-1"} for each in ("i-1", "i-2")]
    instances = [{"InstanceId": each, "VpcId": "vpc-1"} for each in ("i-1", "i-2", "i-3")]
    topics = [{"TopicName": "news", "Subscriptions": {"all": "all"}}]
    document = {"instances": instances, "scaling_instances": members, "queues": ["hooks"], "topics": topics}
    assert _control(inner_cloud, "seed", document)["http"] == 200
    return inner_cloud


def _listed(cloud: Served) -> dict[str, tuple[str, str]]:
    """Return status and start of the instances that ECS lists."""
    body = Asker(cloud.app, version=ECS)("DescribeInstances", RegionId="cn-hangzhou")[1]
    return {each["InstanceId"]: (each["Status"], each["StartTime"]) for each in body["Instances"]["Instance"]}


def _states(cloud: Served) -> dict[str, str]:
    body = Asker(cloud.app, version=ESS)("DescribeScalingInstances", RegionId="cn-hangzhou")[1]
    return {each["InstanceId"]: each["LifecycleState"] for each in body["ScalingInstances"]["ScalingInstance"]}


def _scale(cloud: Served, transition: str, *ids: str, arns: tuple[str, ...] = ("",), **hook: Any) -> Any:
    hooks = [{"LifecycleHookId": f"ash-{n}", "NotificationArn": arn, **hook} for n, arn in enumerate(arns)]
    body = {"ScalingGroupId": "asg-1", "LifecycleTransition": transition, "InstanceIds": ids, "Hooks": hooks}
    return _control(cloud, "scaling-activities", body)


def test_an_instance_stops_and_starts(stocked: Served) -> None:
    """ECS shows each state, and when the instance was started last."""
    stocked.world.clock.advance(120)
    assert _control(stocked, "instances", {"instanceId": "i-1", "states": ["Stopping", "Stopped"]}) == {
        "http": 200,
        "instanceId": "i-1",
        "status": "Stopped",
    }
    old = _listed(stocked)["i-2"][1]
    now = datetime.fromtimestamp(stocked.world.clock.now(), timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
    assert (_listed(stocked)["i-1"], old < now) == (("Stopped", old), True)
    _control(stocked, "instances", {"instanceId": "i-1", "states": ["Starting", "Running"]})
    assert _listed(stocked) == {"i-1": ("Running", now), **dict.fromkeys(("i-2", "i-3"), ("Running", old))}


def test_each_state_is_announced_or_not(stocked: Served, tmp_path: Path) -> None:
    """A rule for ECS's events gets one for each state; what vanishes says nothing."""
    pattern = {"source": ["acs.ecs"], "type": ["ecs:Instance:StateChange"]}
    fc = stocked.products["FC"]
    function = deploy(fc, tmp_path, SOURCE, triggers=(EventBridgeTrigger("rule", pattern),))
    _control(stocked, "instances", {"instanceId": "i-1", "states": ["Stopping", "Stopped", "Deleted"]})
    _control(stocked, "instances", {"instanceId": "i-3", "states": ["Deleted"], "announced": False})
    _scale(stocked, "SCALE_IN", "i-2", arns=())
    fc.drain()
    lines = [line for _, log in function.logs for line in log.decode().splitlines() if line.startswith("EVENT ")]
    events = [json.loads(json.loads(line.removeprefix("EVENT "))) for line in lines]
    seen = [(event["data"]["resourceId"], event["data"]["state"]) for event in events]
    assert sorted(seen) == sorted((each, s) for each in ("i-1", "i-2") for s in ("Stopping", "Stopped", "Deleted"))
    assert _listed(stocked) == {}
    assert _states(stocked) == {"i-1": "InService"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param({"instanceId": "i-1", "states": ["Broken"]}, "unknown state Broken", id="state"),
        pytest.param({"instanceId": "i-9", "states": ["Stopped"]}, "i-9", id="instance"),
        pytest.param({"instanceId": "i-9", "states": ["Deleted"]}, "i-9", id="gone"),
        pytest.param({"instanceId": "i-1"}, "states", id="no-states"),
        pytest.param({"instanceId": "i-1", "states": [], "quiet": True}, "unknown key quiet", id="key"),
    ],
)
def test_a_wrong_document_for_instances_is_refused(stocked: Served, body: dict[str, Any], why: str) -> None:
    """It is 400 with the reason, and nothing changed."""
    before = _listed(stocked)
    answer = _control(stocked, "instances", body)
    assert (answer["http"], why in answer["error"]) == (400, True)
    assert _listed(stocked) == before


@pytest.mark.parametrize("reads", [0, 1, 3])
@pytest.mark.parametrize(("states", "after"), [(["Stopping", "Stopped"], "Stopped"), (["Deleted"], None)])
def test_a_change_shows_after_n_reads(stocked: Served, states: list[str], after: str | None, reads: int) -> None:
    """The event of a change can be faster than the list, which goes on showing the instance as it was."""
    stocked.world.switches = stocked.world.switches.with_values(instance_change_after_reads=reads)
    _control(stocked, "instances", {"instanceId": "i-1", "states": states})
    seen = [_listed(stocked).get("i-1", (None, ""))[0] for _ in range(reads + 1)]
    assert seen == ["Running"] * reads + [after]
    assert set(_listed(stocked)) == {"i-2", "i-3", *(["i-1"] if after else [])}


@pytest.mark.parametrize("setting", ["plain", "base64"])
@pytest.mark.parametrize(("arn", "queue"), [(QUEUE, "hooks"), (TOPIC, "all")])
def test_the_message_of_a_hook_on_smq(stocked: Served, arn: str, queue: str, setting: str) -> None:
    """Queue and topic get the hook's action with its token, the instances and the transition."""
    stocked.world.switches = stocked.world.switches.with_values(ess_messages=setting)
    started = _scale(stocked, "SCALE_IN", "i-1", "i-2", arns=(arn,), DefaultResult="ABANDON")
    (message,) = stocked.products["SMQ"].receive(queue)
    text = base64.b64decode(message.body).decode() if setting == "base64" else message.body
    document = json.loads(text)
    content = document.pop("content")
    assert document == {"userId": "1234567890123456", "regionId": "cn-hangzhou", "resourceArn": arn}
    assert [content] == started["hooks"]
    assert (content["lifecycleTransition"], content["defaultResult"]) == ("SCALE_IN", "ABANDON")
    assert (content["instanceIds"], content["scalingActivityId"]) == (["i-1", "i-2"], started["scalingActivityId"])
    ask = Asker(stocked.app, version=ESS)
    named = {"LifecycleHookId": "ash-0", "LifecycleActionToken": content["lifecycleActionToken"]}
    assert ask("CompleteLifecycleAction", **named, LifecycleActionResult="ROLLBACK")[0] == 200
    assert _states(stocked) == dict.fromkeys(("i-1", "i-2"), "InService")


def test_the_message_of_a_hook_on_the_bus(stocked: Served, tmp_path: Path) -> None:
    """A rule for the hook's event gets the same fields as its data."""
    fc = stocked.products["FC"]
    pattern = {"source": ["acs.ess"], "type": ["ess:LifecycleHook:ScaleIn"]}
    function = deploy(fc, tmp_path, SOURCE, triggers=(EventBridgeTrigger("rule", pattern),))
    started = _scale(stocked, "SCALE_IN", "i-1", arns=(BUS,))
    fc.drain()
    (line,) = [line for _, log in function.logs for line in log.decode().splitlines() if line.startswith("EVENT ")]
    event = json.loads(json.loads(line.removeprefix("EVENT ")))
    assert event["subject"] == "acs:ess:cn-hangzhou:1234567890123456:scalinggroup/asg-1"
    assert [event["data"]] == started["hooks"]


@pytest.mark.parametrize(
    ("result", "state", "there"),
    [("CONTINUE", {"i-3": "InService"}, True), ("ABANDON", {}, False), ("ROLLBACK", {}, False)],
)
def test_a_scale_out_waits_for_its_hook(stocked: Served, result: str, state: dict[str, str], there: bool) -> None:
    """The instance waits in the group; CONTINUE takes it in, anything else releases it."""
    started = _scale(stocked, "SCALE_OUT", "i-3", arns=(QUEUE,), DefaultResult=result, HeartbeatTimeout=30)
    assert [hook["lifecycleTransition"] for hook in started["hooks"]] == ["SCALE_OUT"]
    assert _states(stocked)["i-3"] == "Pending:Wait"
    stocked.world.clock.advance(30)
    assert ("i-3" in _listed(stocked)) == there
    assert {each: value for each, value in _states(stocked).items() if each == "i-3"} == state


def test_without_a_hook_a_scale_out_is_done_at_once(stocked: Served) -> None:
    """The instance is in service."""
    _scale(stocked, "SCALE_OUT", "i-3", arns=())
    assert _states(stocked)["i-3"] == "InService"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"InstanceIds": ["i-3"]}, "i-3 is not in the scaling group asg-1: seed it there", id="no-member"),
        pytest.param({"ScalingGroupId": "asg-2"}, "i-1 is not in the scaling group asg-2", id="other-group"),
        pytest.param({"InstanceIds": ["i-2"]}, "i-2 is Protected: no activity of its group takes it", id="protected"),
        pytest.param({"LifecycleTransition": "SCALE_OUT"}, "i-1 is in the scaling group asg-1 already", id="twice"),
        pytest.param({"LifecycleTransition": "OUT"}, "one of SCALE_IN, SCALE_OUT, not 'OUT'", id="transition"),
        pytest.param({"Hooks": [{"LifecycleHookId": "h", "NotificationArn": "acs:oos:x"}]}, "'acs:oos:x'", id="arn"),
        pytest.param({"Hooks": [{"LifecycleHookId": "h", "Arn": QUEUE}]}, "unknown key Arn of a hook", id="hook"),
    ],
)
def test_a_wrong_scaling_activity_is_refused(stocked: Served, changes: dict[str, Any], why: str) -> None:
    """It is 400 with the reason, and no instance has moved."""
    protected = {"InstanceId": "i-2", "ScalingGroupId": "asg-1", "LifecycleState": "Protected"}
    _control(stocked, "seed", {"scaling_instances": [protected]})
    right = {"ScalingGroupId": "asg-1", "LifecycleTransition": "SCALE_IN", "InstanceIds": ["i-1"], "Hooks": []}
    answer = _control(stocked, "scaling-activities", {**right, **changes})
    assert (answer["http"], why in answer["error"]) == (400, True)
    assert _states(stocked) == {"i-1": "InService", "i-2": "Protected"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"LifecycleState": "Leaving"}, "LifecycleState is one of InService", id="state"),
        pytest.param({"CreationType": "Made"}, "CreationType is one of AutoCreated", id="creation"),
        pytest.param({"State": "InService"}, "unknown key State of a scaling instance", id="key"),
    ],
)
def test_a_wrong_member_is_refused(stocked: Served, changes: dict[str, Any], why: str) -> None:
    """A seed names what the vendor names."""
    member = {"InstanceId": "i-1", "ScalingGroupId": "asg-1", **changes}
    answer = _control(stocked, "seed", {"scaling_instances": [member]})
    assert (answer["http"], why in answer["error"]) == (400, True)


def test_a_member_can_leave_and_the_state_tells_it(stocked: Served) -> None:
    """Removed from its group by hand it lives on; the control surface shows groups and actions."""
    _control(stocked, "remove", {"scaling_instances": ["i-1"]})
    _scale(stocked, "SCALE_IN", "i-2", HeartbeatTimeout=30)
    state = json.loads(Client(stocked.app).get("/_cloud/state").get_data())["products"]["ESS"]
    assert [(each["InstanceId"], each["LifecycleState"]) for each in state["scaling_instances"]] == [
        ("i-2", "Removing:Wait")
    ]
    assert [each["LifecycleActionStatus"] for each in state["lifecycle_actions"]] == ["Pending"]
    assert "i-1" in _listed(stocked)
    stocked.world.clock.advance(30)
    state = json.loads(Client(stocked.app).get("/_cloud/state").get_data())["products"]
    assert (state["ESS"]["scaling_instances"], len(state["ECS"]["instances"])) == ([], 2)
    assert [each["LifecycleActionStatus"] for each in state["ESS"]["lifecycle_actions"]] == ["Timeout"]
