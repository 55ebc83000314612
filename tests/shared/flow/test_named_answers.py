"""What the function that keeps names answers to each record: a hint, a wish, an event of an instance, a hook."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.cloud.signing import Credentials
from shared.errors import SettingsError
from shared.events.naming import naming_message
from shared.flow.engine import Invocation
from shared.model.records import Held, Hint, Hook, Leaving, Move
from tests.cloud.seeds import remove
from tests.invoking import VPC, Invoker, queue_event, request, state_change
from tests.shared.flow.test_names_hooks import (
    ALLOWED,
    FIRST,
    MARKS,
    NAME,
    REGION,
    SECOND,
    THIRD,
    drain,
    furnish,
    instance,
    leave,
    member,
    taken,
    target,
)

NOBODY = "i-bp1nobody0001"
ACCOUNT = "1234567890123456"
TASK = "f" * 32  # that the gateway does not know
LOOK = "apigateway:DescribeVpcAccesses"
NEVER = 100_000  # seconds until the APIs follow
STOPPED = tuple(instance(one, Status="Stopped") for one in (FIRST, SECOND))


def hint(instance_id: str = "", name: str = NAME) -> str:
    """Return the message that a name should be looked at, or that an instance has appeared."""
    return naming_message(Hint(name, REGION, "test", instance_id))


def wish(instance_id: str) -> str:
    """Return the message that a person wants the name to open an instance."""
    return naming_message(Hint(NAME, REGION, "move", target=instance_id, request="w-1"))


def held(naming: Invoker, *ids: str, age: int = 0, token: str = "token", **more: Any) -> str:
    """Return the message of a hook that has waited for so many seconds."""
    hook = Leaving(Hook("ash-1", token), "SCALE_IN", ids or (FIRST,), REGION, ACCOUNT)
    return naming_message(Held(hook, int(naming.clock.now()) - age, **more))


def begun(naming: Invoker, *ids: str) -> str:
    """Let a scale-in begin; return the message that its hook waits since now."""
    content = json.loads(leave(naming, *ids)[0]["data"]["messageBody"])["content"]
    return held(naming, *ids, token=content["lifecycleActionToken"])


def answers(naming: Invoker) -> int:
    """Return how many hooks were answered."""
    return len(naming.calls("ESS.CompleteLifecycleAction"))


def summed(results: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return outcome and reason of each."""
    return [(one["outcome"], one.get("reason", "")) for one in results]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(hint(SECOND), [("unchanged", "Standby")], id="it-stands-by"),
        pytest.param(hint(FIRST), [("unchanged", "")], id="it-has-the-name"),
        pytest.param(hint(), [("ignored", "names")], id="no-instance"),
        pytest.param(hint(NOBODY), [("ignored", "names")], id="an-instance-that-does-not-claim-the-name"),
        pytest.param(hint(THIRD), [("refused", "PortNotAllowed")], id="its-port-is-not-allowed"),
        pytest.param(wish(FIRST), [("unchanged", "")], id="a-wish-that-is-met"),
        pytest.param(wish(SECOND), [("scheduled", "Moving"), ("replaced", "")], id="a-wish"),
        pytest.param(wish(NOBODY), [("refused", "NotACandidate")], id="a-wish-for-nobody"),
        pytest.param(hint("i-bp1example0005", "orders-theirs"), [("refused", "NameTaken")], id="another-owners-name"),
        pytest.param(
            hint("i-bp1example0006", "orders-new"), [("ignored", "names"), ("authorized", "")], id="a-new-name"
        ),
        pytest.param(hint("i-bp1example0007", "orders-soon"), [("ignored", "not-yet")], id="it-joins-a-group"),
    ],
)
def test_each_message_has_its_answer(naming: Invoker, body: str, expected: list[tuple[str, str]]) -> None:
    """Of what its name came to, and what the instance is that it names."""
    furnish(naming)
    new, theirs, soon = "i-bp1example0006", "i-bp1example0005", "i-bp1example0007"
    naming.given(
        instances=[
            instance(THIRD, port="22"),
            instance(theirs, "orders-theirs"),
            instance(new, "orders-new"),
            instance(soon, "orders-soon"),
        ],
        entries=[request(Name="orders-theirs", InstanceId=theirs, Port=80, Tag=[], VpcAccessId="id-7")],
        scaling_instances=[{**member(soon), "LifecycleState": "Pending"}],
    )

    assert summed(naming(queue_event(body)).results) == expected


@pytest.mark.parametrize("changes", [{"NAMED_BACKENDS": "plan"}, {"DRY_RUN": "true"}], ids=["plan", "dry-run"])
@pytest.mark.parametrize(
    ("body", "stopped", "expected"),
    [
        pytest.param(hint(SECOND), (), "stay", id="it-would-stand-by"),
        pytest.param(hint(SECOND), STOPPED[:1], "move: Stopped", id="it-would-get-the-name"),
        pytest.param(hint(), STOPPED[:1], "move: Stopped", id="the-target-has-stopped"),
        pytest.param(hint(SECOND), STOPPED, "stay: Stopped", id="nobody-lives"),
        pytest.param(hint(THIRD, "orders-new"), (), "create", id="a-new-name"),
        pytest.param(wish(FIRST), (), "stay", id="a-wish-that-is-met"),
        pytest.param(wish(SECOND), (), "move: OnPurpose", id="a-wish"),
    ],
)
def test_what_would_be_done_is_said(
    naming: Invoker, body: str, stopped: tuple[Any, ...], expected: str, changes: dict[str, str]
) -> None:
    """With NAMED_BACKENDS=plan, and in a dry run, which publishes nothing either."""
    furnish(naming)
    naming.given(instances=[*stopped, instance(THIRD, "orders-new")])
    naming.configure(ALLOWED_NAMES=ALLOWED, **changes)

    assert summed(naming(queue_event(body)).results) == [("planned", expected)]
    assert not naming.messages()
    assert target(naming) == FIRST


@pytest.mark.parametrize(
    ("instance_id", "reason"), [pytest.param(FIRST, "names", id="a-target"), pytest.param(THIRD, "no-name", id="none")]
)
def test_an_event_is_of_the_names_that_open_its_instance(naming: Invoker, instance_id: str, reason: str) -> None:
    """An entry of another owner is none of them."""
    furnish(naming)
    theirs = request(Name="orders-theirs", InstanceId=THIRD, Port=80, Tag=[], VpcAccessId="id-7")
    naming.given(instances=[{"InstanceId": THIRD, "VpcId": VPC}], entries=[theirs])

    assert summed(naming(state_change(instance_id, "Stopped")).results) == [("ignored", reason)]


def test_events_of_two_targets_are_answered_each_for_its_own_name(naming: Invoker) -> None:
    """The look at one name fails, and only what is about that one comes again."""
    furnish(naming)
    other = request(Name="orders-test", InstanceId=THIRD, Port=8080, Tag=MARKS, VpcAccessId="id-2")
    naming.given(instances=[instance(THIRD, "orders-test")], entries=[other])
    naming.given(faults=[{"operation": "ECS.DescribeInstances", "nth": 1, "status": 403, "code": "NoPermission"}])
    move = Move(NAME, REGION, "id-1", (VPC, SECOND, 8080), (VPC, FIRST, 8080), "Stopped", "", TASK, 1, 0)
    events = queue_event(hint(), hint(name="orders-test"), naming_message(move))
    error = naming(events).error

    assert error is not None
    assert [one["outcome"] for one in error.summary["results"]] == ["failed", "ignored", "failed"]


def test_an_event_whose_names_cannot_be_looked_up_comes_again(naming: Invoker) -> None:
    """Nobody knows then whether it ends a target."""
    furnish(naming)
    naming.given(permissions=[{"denied": [LOOK]}])

    assert LOOK in str(naming(state_change(FIRST, "Stopped")).error)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(queue_event(naming_message(Hint(NAME, "cn-beijing", "test"))), id="a-hint"),
        pytest.param(
            state_change(
                FIRST, "Stopped", subject=f"acs:ecs:cn-beijing:{ACCOUNT}:instance/{FIRST}", aliyunregionid="cn-beijing"
            ),
            id="an-event",
        ),
        pytest.param(
            queue_event(naming_message(Held(Leaving(Hook("h", "t"), "SCALE_IN", (FIRST,), "cn-beijing"), 0))),
            id="a-hook",
        ),
    ],
)
def test_what_is_of_another_region_or_account_is_not_looked_at(naming: Invoker, event: Any) -> None:
    """It has its own function."""
    furnish(naming)
    naming.served.world.journal.clear()

    assert naming(event).result["outcome"] == "ignored"
    assert not naming.calls()


def test_a_message_without_a_region_is_of_this_one(naming: Invoker) -> None:
    """Only what names another one is left to that."""
    furnish(naming)
    assert naming(queue_event(naming_message(Hint(NAME, "", "test", SECOND)))).results[0]["reason"] == "Standby"


def test_without_a_key_nothing_is_begun(naming: Invoker) -> None:
    """It is said once, by an error, and not for each record; where there is nothing to do no key is needed."""

    def no_key() -> Credentials:
        raise SettingsError(["no credentials"])

    engine, foreign = naming.configure(ALLOWED_NAMES=ALLOWED), naming_message(Hint(NAME, "cn-beijing", "test"))
    invocation = Invocation("req-1", 60.0, no_key)
    assert engine.handle(json.dumps(queue_event(foreign)).encode(), invocation).summary()
    with pytest.raises(SettingsError, match="no credentials"):
        engine.handle(json.dumps(queue_event(hint())).encode(), invocation)


# hooks of a scale-in


def test_a_dry_run_answers_no_hook(naming: Invoker) -> None:
    """Not even one that has waited for longest."""
    furnish(naming)
    naming.configure(ALLOWED_NAMES=ALLOWED, DRY_RUN="true")
    naming(queue_event(held(naming, age=300)))

    assert answers(naming) == 0


@pytest.mark.parametrize("changes", [{"NAMED_BACKENDS": "plan"}, {"NAMED_BACKENDS": "off"}], ids=["plan", "off"])
def test_where_no_name_moves_no_hook_waits(naming: Invoker, changes: dict[str, str]) -> None:
    """Whatever it waited for before."""
    furnish(naming)
    naming.configure(ALLOWED_NAMES=ALLOWED, **changes)
    naming(queue_event(held(naming, tasks=((TASK, 1),))))

    assert answers(naming) == 1


@pytest.mark.parametrize(
    ("age", "count", "first"),
    [
        pytest.param(269, 0, False, id="it-waits"),
        pytest.param(270, 1, False, id="it-is-answered-after-its-names"),
        pytest.param(299, 1, False, id="as-well"),
        pytest.param(300, 1, True, id="it-is-answered-before-all-else"),
    ],
)
def test_a_hook_waits_for_270_seconds(naming: Invoker, age: int, count: int, *, first: bool) -> None:
    """And whose time is over by 30 seconds more does not even wait for the looks at its names."""
    furnish(naming)
    naming.served.world.journal.clear()
    naming(queue_event(held(naming, age=age, tasks=((TASK, 1),))))

    assert answers(naming) == count
    assert (naming.calls()[0] == "ESS.CompleteLifecycleAction") is first


def test_a_hook_that_waits_is_looked_at_again_in_five_seconds(naming: Invoker) -> None:
    """Auto Scaling is asked to wait for longer once, and the summary says that it waits."""
    furnish(naming)
    naming.given(apis_follow_after_seconds=NEVER)
    answer = naming(queue_event(begun(naming, FIRST)), timeout=16.0)
    assert summed(answer.results)[0] == ("scheduled", "Waiting")
    assert [one["answer"] for one in answer.summary["hooks"]] == ["WAIT"]
    naming.clock.advance(4)
    early = taken(naming)
    naming.clock.advance(1)
    naming(queue_event(*taken(naming)), timeout=16.0)

    assert early == []
    assert len(naming.calls("ESS.RecordLifecycleActionHeartbeat")) == 1
    assert answers(naming) == 0


def test_a_hook_that_names_no_region_is_answered(invoke: Invoker, naming: Invoker) -> None:
    """It is taken for one of this region, also by the function that it is handed on to."""
    furnish(invoke)
    event = leave(invoke, FIRST)
    body = {**json.loads(event[0]["data"]["messageBody"]), "regionId": ""}
    invoke(queue_event(json.dumps(body)))
    drain(naming)

    assert target(naming) == SECOND
    assert answers(naming) == 1


def test_a_hook_whose_names_cannot_be_looked_up_waits(naming: Invoker) -> None:
    """Auto Scaling is asked to wait for longer, too; it is answered as soon as they can be, and the name has moved."""
    furnish(naming)
    naming.given(permissions=[{"denied": [LOOK]}])
    answer = naming(queue_event(begun(naming, FIRST)))
    assert summed(answer.results) == [("scheduled", "Waiting")]
    assert answers(naming) == 0
    assert len(naming.calls("ESS.RecordLifecycleActionHeartbeat")) == 1
    naming.given(permissions=[{"denied": []}])
    drain(naming)

    assert answers(naming) == 1
    assert target(naming) == SECOND


def test_a_hook_of_a_name_in_trouble_waits(naming: Invoker) -> None:
    """The look at its name fails, and it is not told to go on for that."""
    furnish(naming)
    naming.given(permissions=[{"denied": ["ecs:DescribeInstances"]}])
    naming(queue_event(begun(naming, FIRST)))

    assert answers(naming) == 0


def test_a_hook_that_cannot_be_kept_is_delivered_again(naming: Invoker) -> None:
    """The queue takes no message of ours, so that of Auto Scaling has to come again."""
    furnish(naming)
    naming.given(permissions=[{"denied": ["mns:SendMessage"]}])
    event = queue_event(held(naming, tasks=((TASK, 1),)))

    assert "mns:SendMessage" in str(naming(event).error)
    assert answers(naming) == 0


def test_a_hook_waits_for_a_task_that_may_not_be_seen(naming: Invoker) -> None:
    """Nobody knows whether its APIs have followed; the log says why."""
    furnish(naming)
    naming.given(permissions=[{"denied": ["apigateway:DescribeUpdateVpcInfoTask"]}])
    naming(queue_event(held(naming, SECOND, tasks=((TASK, 1),))))

    assert answers(naming) == 0
    assert "task not seen" in {line["event"] for line in naming.lines()}


def test_a_hook_waits_until_its_scale_in_shows(naming: Invoker) -> None:
    """Of an instance that is a member and does not seem to leave; one in no group leaves none."""
    furnish(naming)
    answer = naming(queue_event(held(naming, FIRST)))
    assert summed(answer.results) == [("scheduled", "Waiting")]
    remove(naming.served.app, {"scaling_instances": [FIRST]})
    naming(queue_event(held(naming, FIRST)))

    assert answers(naming) == 1


def test_a_hook_waits_for_what_the_name_has_come_to_a_moment_ago(naming: Invoker) -> None:
    """That the APIs have followed to it is no reason to let it go."""
    furnish(naming)
    naming.given(instances=[STOPPED[0]])
    naming(queue_event(hint()))

    assert summed(naming(queue_event(held(naming, SECOND))).results) == [("scheduled", "Waiting")]


def test_a_hook_of_what_is_no_target_is_answered_at_once(naming: Invoker) -> None:
    """Together with one that has to wait."""
    furnish(naming)
    naming.given(apis_follow_after_seconds=NEVER)
    answer = naming(queue_event(held(naming, NOBODY), held(naming, FIRST)))

    assert answers(naming) == 1
    assert summed(answer.results) == [("ignored", "transition"), ("scheduled", "Waiting")]
    assert {one["answer"] for one in answer.summary["hooks"]} == {"WAIT", "CONTINUE"}


def test_an_overdue_hook_is_answered_beside_one_that_waits(naming: Invoker) -> None:
    """The summary has both answers."""
    furnish(naming)
    answer = naming(queue_event(held(naming, SECOND, age=300), hint(), held(naming, FIRST)))

    assert [one["answer"] for one in answer.summary["hooks"]] == ["CONTINUE", "WAIT"]
    assert summed(answer.results)[0] == ("ignored", "transition")


def test_a_name_that_keeps_a_target_with_another_port_drifts(naming: Invoker) -> None:
    """It stays, and the log says what differs."""
    furnish(naming)
    naming.given(instances=[instance(FIRST, port="8443")])
    naming(queue_event(hint()))
    furnish(naming)
    naming(queue_event(hint()))

    (line,) = (line for line in naming.lines() if line["event"] == "drift")
    assert "8443" in line["text"]


@pytest.mark.parametrize(
    ("apis", "used_by"),
    [
        pytest.param([{"ApiId": "api-1", "VpcName": NAME}], ["api-1 in stage RELEASE"], id="in-use"),
        pytest.param([], None, id="not-in-use"),
    ],
)
def test_who_uses_a_name_that_nobody_can_take_over_is_told(naming: Invoker, apis: Any, used_by: Any) -> None:
    """Calls of these APIs fail; there is an alarm on that line of the log."""
    entry = request(Name=NAME, InstanceId=FIRST, Port=8080, Tag=MARKS, VpcAccessId="id-1")
    naming.given(instances=[STOPPED[0]], entries=[entry], apis=apis)
    naming(queue_event(hint()))

    assert [one["data"].get("UsedBy") for one in naming.messages()] == [used_by]
    assert ("dead and in use" in {line["event"] for line in naming.lines()}) is bool(used_by)


@pytest.mark.parametrize("has_ended", [True, False], ids=["nobody-lives", "the-target-lives"])
def test_a_name_without_a_target_is_looked_at_again_while_an_instance_joins(
    naming: Invoker, *, has_ended: bool
) -> None:
    """Not one that a hook names, which leaves; and not where the target lives, which nobody replaces."""
    furnish(naming)
    naming.given(instances=[*STOPPED, instance(THIRD)] if has_ended else [instance(THIRD)])
    naming.given(scaling_instances=[{**member(THIRD), "LifecycleState": "Pending"}])
    counts = list[int]()
    for bodies in ([hint()], [hint(), held(naming, THIRD, age=300)]):
        naming(queue_event(*bodies))
        naming.clock.advance(15)
        counts.append(len(taken(naming)))

    assert counts == ([1, 0] if has_ended else [0, 0])


@pytest.mark.parametrize(
    ("dry_run", "published"),
    [pytest.param("false", ["PortNotAllowed"], id="apply"), pytest.param("true", [], id="dry-run")],
)
def test_an_answer_is_published_except_in_a_dry_run(naming: Invoker, dry_run: str, published: list[str]) -> None:
    """The summary has it in any case."""
    furnish(naming)
    naming.given(instances=[instance(THIRD, port="22")])
    naming.configure(ALLOWED_NAMES=ALLOWED, DRY_RUN=dry_run)

    assert summed(naming(queue_event(hint(THIRD))).results) == [("refused", "PortNotAllowed")]
    assert [one["data"]["ReasonCode"] for one in naming.messages()] == published
