"""Which instances are in a scaling group, and in what state: read whole, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from shared.cloud.ess import Ess, Member
from shared.errors import Doubtful, OperatorNeeded, UnknownRefusal
from shared.flow.engine import Invocation
from tests.answering import session_answering
from tests.cloud.ess.activities import Activity
from tests.invoking import Invoker

HERE = "http://127.0.0.1:8080"
STATES = ("InService", "Pending", "Pending:Wait", "Protected", "Standby", "Stopped", "Removing", "Removing:Wait")
ROW = {"InstanceId": "i-1", "ScalingGroupId": "asg-1", "LifecycleState": "InService"}
LOOK = "ESS.DescribeScalingInstances"


def _ess(invoke: Invoker) -> Ess:
    session = invoke.configure().session(Invocation("r", 60.0, lambda: invoke.credentials))
    return Ess(session, HERE, "cn-hangzhou")


def _seed(invoke: Invoker, count: int, **world: Any) -> dict[str, Member]:
    """Put instances into two groups, in all states, and return them as they are to be read."""
    members = [Member(f"i-{n}", f"asg-{n % 2}", STATES[n % len(STATES)]) for n in range(count)]
    rows = [dict(zip(ROW, member, strict=True)) for member in members]
    invoke.given(instances=[{"InstanceId": member.instance_id} for member in members], scaling_instances=rows, **world)
    return {member.instance_id: member for member in members}


@pytest.mark.parametrize("most", ["100", "50"])
@pytest.mark.parametrize(("count", "calls"), [(1, 1), (8, 1), (20, 1), (21, 2), (205, 11)])
def test_every_member_is_found(invoke: Invoker, count: int, calls: int, most: str) -> None:
    """Whatever its state and its group; 20 ids a call, and a page has room for them."""
    members = _seed(invoke, count, ess_most_per_page=most)

    assert _ess(invoke).scaling_instances(list(members)) == members
    assert invoke.calls(LOOK) == [LOOK] * calls


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(["i-0"], ["i-0"], id="not-the-others"),
        pytest.param(["i-alone"], [], id="in-no-group"),
        pytest.param(["i-alone", "i-2", "i-2"], ["i-2"], id="asked-twice"),
        pytest.param([f"i-alone{n}" for n in range(30)] + ["i-7"], ["i-7"], id="many-in-no-group"),
    ],
)
def test_only_what_was_asked_for_is_returned(invoke: Invoker, asked: list[str], found: list[str]) -> None:
    """An instance in no group is missing."""
    members = _seed(invoke, 8)

    assert _ess(invoke).scaling_instances(asked) == {its_id: members[its_id] for its_id in found}


def test_no_ids_are_no_call(invoke: Invoker) -> None:
    """Without ids the operation lists every instance of the account."""
    _seed(invoke, 8)

    assert _ess(invoke).scaling_instances([]) == {}
    assert invoke.calls(LOOK) == []


def test_a_member_that_leaves_is_seen_to_leave(invoke: Invoker) -> None:
    """From the moment its hook waits until it has left."""
    _seed(invoke, 1)
    hook = {"LifecycleHookId": "ash-1", "HeartbeatTimeout": 60}
    activity = {"ScalingGroupId": "asg-0", "LifecycleTransition": "SCALE_IN", "InstanceIds": ["i-0"], "Hooks": [hook]}
    invoke.served.products["ESS"].scale(Activity.from_json(activity))

    assert _ess(invoke).scaling_instances(["i-0"])["i-0"].lifecycle_state == "Removing:Wait"
    invoke.clock.advance(61)
    assert _ess(invoke).scaling_instances(["i-0"]) == {}


def test_ids_that_come_twice_are_asked_for_once(invoke: Invoker) -> None:
    """A fleet may be named by several tags."""
    members = _seed(invoke, 20)

    assert _ess(invoke).scaling_instances([*members, *members]) == members
    assert invoke.calls(LOOK) == [LOOK]


def test_a_refusal_is_about_no_single_instance(invoke: Invoker) -> None:
    """The call is about many, so no code of it is final for one of them."""
    _seed(invoke, 1, faults=[{"operation": LOOK, "status": 400, "code": "InvalidInstanceId"}])

    with pytest.raises(UnknownRefusal, match="InvalidInstanceId"):
        _ess(invoke).scaling_instances(["i-0"])


def test_without_the_right_nobody_is_missing(invoke: Invoker) -> None:
    """A missing permission is not an empty group."""
    _seed(invoke, 1, permissions=[{"denied": ["ess:DescribeScalingInstances"]}])

    with pytest.raises(OperatorNeeded, match="DescribeScalingInstances"):
        _ess(invoke).scaling_instances(["i-0"])


def _page(total: Any, *rows: dict[str, Any]) -> dict[str, Any]:
    return {"RequestId": "r", "TotalCount": total, "ScalingInstances": {"ScalingInstance": list(rows)}}


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([_page(2, ROW), _page(1)], id="one-vanished"),
        pytest.param([_page(2, ROW), _page(3, {**ROW, "InstanceId": "i-2"})], id="one-more"),
        pytest.param([_page(2, ROW), _page(2, ROW)], id="shifted"),
        pytest.param([_page(2, ROW), _page(2)], id="the-last-page-is-empty"),
        pytest.param([_page(2, ROW, {**ROW, "LifecycleState": "Removing"})], id="two-states"),
        pytest.param([_page(2, ROW, {**ROW, "ScalingGroupId": "asg-2"})], id="two-groups"),
    ],
)
def test_rows_that_shift_or_contradict_are_doubt(answers: list[Any]) -> None:
    """One that is leaving may hide behind them."""
    with pytest.raises(Doubtful):
        Ess(session_answering(*answers), HERE, "cn-hangzhou").scaling_instances(["i-1"])


def test_rows_that_nobody_asked_for_are_passed_over() -> None:
    """Even if they contradict each other."""
    others = [{**ROW, "InstanceId": "i-2", "LifecycleState": state} for state in STATES[:2]]

    found = Ess(session_answering(_page(3, *others, ROW)), HERE, "cn-hangzhou").scaling_instances(["i-1"])

    assert found == {"i-1": Member("i-1", "asg-1", "InService")}
