"""A name whose backend changes: what comes back of an earlier change, and what published APIs and hooks wait for."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events.naming import naming_message
from shared.model.records import Held, Hint, Hook, Leaving, Move
from tests.cloud.seeds import remove
from tests.invoking import VPC, Answer, Invoker, queue_event, request
from tests.shared.flow.test_named import FIRST, NAME, NAMED, SECOND, THIRD, instance, target
from tests.shared.flow.test_names_hooks import taken

REGION = "cn-hangzhou"
TASK = "f" * 32  # that the gateway does not know
MODIFY = "ModifyVpcAccessAndUpdateApis"
APIS = [{"ApiId": f"api-{number}", "VpcName": NAME} for number in (1, 2)]


@pytest.fixture
def named(naming: Invoker) -> Invoker:
    """The function that keeps names; one opens the first of two instances that stand for it, and two published APIs use it."""
    entry = request(VpcAccessId="id-1", Tag=NAMED)
    naming.given(instances=[instance(FIRST), instance(SECOND)], entries=[entry], apis=APIS)
    return naming


def look(named: Invoker, *bodies: str) -> Answer:
    """Have the name looked at, because of what the bodies say."""
    return named(queue_event(*(bodies or [naming_message(Hint(NAME, REGION, "test"))])))


def play(named: Invoker, seconds: int) -> list[Answer]:
    """Deliver what comes to the names queue for so long; return the answers."""
    answers = list[Answer]()
    for _ in range(seconds):
        if bodies := taken(named):
            answers.append(look(named, *bodies))
        named.clock.advance(1)
    return answers


def stop(named: Invoker, *ids: str) -> None:
    """Let instances stop."""
    named.given(instances=[instance(one, Status="Stopped") for one in ids])


def by_hand(named: Invoker, instance_id: str, **more: Any) -> str:
    """Let somebody point the name elsewhere at the gateway; no API follows unless it is asked to. Return the task."""
    values = {"Name": NAME, "VpcId": VPC, "InstanceId": instance_id, "Port": 8080, **more}
    return str(named.served.products["CloudAPI"].tasks.modify(named.served.world.account_id, values))


def back(named: Invoker, **changes: Any) -> str:
    """Return the message of a move from the first instance to the second, made just now."""
    now = int(named.clock.now())
    move = Move(NAME, REGION, "id-1", (VPC, FIRST, 8080), (VPC, SECOND, 8080), "Stopped", "", "", 1, now)
    return naming_message(move._replace(**changes))


def held(named: Invoker, instance_id: str, *tasks: tuple[str, int]) -> str:
    """Return the message of a hook that waits for the name since just now."""
    leaving = Leaving(Hook("ash-1", "token"), "SCALE_IN", (instance_id,), REGION)
    return naming_message(Held(leaving, int(named.clock.now()), tasks, (NAME,)))


def written(named: Invoker) -> tuple[int, int]:
    """Return how often the name was pointed elsewhere, and how often its APIs were asked again to follow."""
    calls = named.served.world.journal(f"CloudAPI.{MODIFY}")
    again = sum("Refresh" in call.parameters for call in calls)
    return len(calls) - again, again


def hooks(answer: Answer) -> list[str]:
    """Return what was answered to hooks."""
    return [one["answer"] for one in answer.summary.get("hooks", [])]


def told(named: Invoker) -> list[str]:
    """Take the results; return why each name was moved, or the reason of what else there is, or what it is."""
    return [one["data"].get("Cause") or one["data"].get("ReasonCode") or one["type"] for one in named.messages()]


@pytest.mark.parametrize(("is_behind", "again"), [(True, 1), (False, 0)], ids=["elsewhere", "with-the-name"])
def test_apis_that_are_seen_to_go_elsewhere_are_asked_to_follow(named: Invoker, is_behind: bool, again: int) -> None:
    """Somebody has pointed the name to another instance by hand, and has not had its APIs updated."""
    named.given(listed_target="api")
    by_hand(named, SECOND, NeedBatchWork=not is_behind)
    look(named)

    assert written(named) == (0, again)
    assert {one["Backend"]["InstanceId"] for one in named.served.products["CloudAPI"].state()["apis"]} == {SECOND}
    assert named.messages() == []


def test_apis_that_are_still_following_are_not_asked_again(named: Invoker) -> None:
    """They go elsewhere for as long as they follow; and meanwhile the name does not move on, and a hook waits."""
    named.given(listed_target="api", apis_follow_after_seconds=40)
    stop(named, FIRST)
    look(named)
    look(named)
    assert written(named) == (1, 0)
    assert hooks(look(named, held(named, THIRD))) == ["WAIT"]
    stop(named, SECOND)
    named.given(instances=[instance(FIRST)])
    look(named)
    assert (target(named), written(named)) == (SECOND, (1, 0))
    play(named, 120)

    assert (target(named), written(named)) == (FIRST, (2, 0))
    assert told(named) == ["Stopped", "Stopped"]


@pytest.mark.parametrize(
    ("leaves", "tasks", "apis", "again", "answer"),
    [
        pytest.param(FIRST, (), APIS, 1, "CONTINUE", id="nobody-knows"),
        pytest.param(FIRST, (), [], 0, "CONTINUE", id="no-api"),
        pytest.param(FIRST, ((TASK, 2),), APIS, 0, "WAIT", id="by-a-task-that-the-hook-knows"),
        pytest.param(SECOND, (), APIS, 0, "CONTINUE", id="still-at-what-leaves"),
    ],
)
def test_a_hook_goes_on_once_it_is_known_that_the_apis_have_left_its_instance(
    naming: Invoker, leaves: str, tasks: tuple[tuple[str, int], ...], apis: list[Any], again: int, answer: str
) -> None:
    """The name was moved by an instance of the function that is no more: unless a task tells, the APIs are asked to follow."""
    naming.given(instances=[instance(SECOND)], entries=[request(InstanceId=SECOND, Tag=NAMED)], apis=apis)
    answers = look(naming, held(naming, leaves, *tasks))

    assert (hooks(answers), written(naming)) == ([answer], (0, again))


@pytest.mark.parametrize(
    ("failures", "tasks", "answer"),
    [
        pytest.param(0, (), "CONTINUE", id="followed"),
        pytest.param(0, ((TASK, 2),), "CONTINUE", id="followed-whatever-a-task-tells"),
        pytest.param(9, (), "WAIT", id="given-up"),
    ],
)
def test_what_is_known_of_the_apis_is_not_asked_for_again(
    named: Invoker, failures: int, tasks: tuple[tuple[str, int], ...], answer: str
) -> None:
    """A hook that comes after the move need not wait for a task if all have followed; if some never will, its time may help."""
    named.given(apis=[{**APIS[0], "UpdateFailures": failures}])
    stop(named, FIRST)
    look(named)
    play(named, 35)
    before = written(named)
    answers = look(named, held(named, FIRST, *tasks))

    assert told(named) == ["Stopped"]
    assert (hooks(answers), written(named)) == ([answer], before)


def test_what_a_message_says_of_an_entry_that_is_gone_keeps_no_other_from_being_told(named: Invoker) -> None:
    """Two moves come back together: of the one nothing is told, whatever it says of the target; of the other it is."""
    remove(named.served.app, {"apis": [one["ApiId"] for one in APIS]})
    arrived = {"previous": (VPC, THIRD, 8080), "target": (VPC, FIRST, 8080)}
    look(named, back(named, vpc_access_id="id-9", **arrived), back(named, cause="Gone", writes=2, **arrived))

    assert told(named) == ["Gone"]


def test_a_move_that_was_told_keeps_no_other_from_being_told(named: Invoker) -> None:
    """It comes back together with one that arrived at the same target from elsewhere."""
    remove(named.served.app, {"apis": [one["ApiId"] for one in APIS]})
    first = back(named, previous=(VPC, THIRD, 8080), target=(VPC, FIRST, 8080))
    look(named, first)
    look(named, first, back(named, previous=(VPC, SECOND, 8080), target=(VPC, FIRST, 8080), cause="Gone", writes=2))

    assert told(named) == ["Stopped", "Gone"]


@pytest.mark.parametrize(("seconds", "times"), [(3_590, 1), (3_600, 2)])
def test_a_move_is_told_again_after_an_hour_at_the_earliest(named: Invoker, seconds: int, times: int) -> None:
    """For so long it is known that it was told, however late its message comes back."""
    stop(named, FIRST)
    look(named)
    named.clock.advance(seconds)
    play(named, 20)

    assert told(named) == ["Stopped"] * times


def test_a_move_that_was_overtaken_is_told_at_once_if_its_api_has_followed(named: Invoker) -> None:
    """Its task tells of one API, which is all that there is to know; two minutes are for a task that tells of none."""
    remove(named.served.app, {"apis": [APIS[0]["ApiId"]]})
    task = by_hand(named, SECOND, NeedBatchWork=True)
    by_hand(named, FIRST)
    look(named, back(named, previous=(VPC, THIRD, 8080), operation_id=task))

    assert told(named) == ["Stopped"]


def test_a_hook_waits_while_a_move_that_was_overtaken_may_be_followed(named: Invoker) -> None:
    """Its APIs may end where the name has left: for two minutes nobody knows, if its task tells nothing."""
    remove(named.served.app, {"apis": [one["ApiId"] for one in APIS]})
    overtaken = back(named, previous=(VPC, THIRD, 8080), operation_id=TASK)

    answers = [look(named, overtaken, held(named, SECOND)), *play(named, 110)]
    assert {answer for one in answers for answer in hooks(one)} == {"WAIT"}
    assert [answer for one in play(named, 20) for answer in hooks(one)][-1] == "CONTINUE"


def test_a_change_that_may_not_be_made_is_tried_again_by_a_message_of_ours(named: Invoker) -> None:
    """Whoever asks meanwhile need not come again, and a hook goes on waiting; who asks after the last try has another."""
    named.given(permissions=[{"denied": [f"apigateway:{MODIFY}"]}])
    stop(named, FIRST)
    assert look(named).result["outcome"] == "scheduled"
    assert hooks(look(named, held(named, THIRD))) == ["WAIT"]
    assert written(named) == (1, 0)
    play(named, 50)
    assert (told(named), written(named)) == (["NotMoved"], (3, 0))
    look(named)
    assert written(named) == (4, 0)


def test_a_hook_is_held_before_the_name_moves(named: Invoker) -> None:
    """What is to be done may take longer than Auto Scaling would wait."""
    stop(named, FIRST)
    look(named, held(named, FIRST))
    calls = [call.split(".")[1] for call in named.calls()]
    asked = [call for call in calls if call in ("RecordLifecycleActionHeartbeat", MODIFY, "CompleteLifecycleAction")]

    assert asked == ["RecordLifecycleActionHeartbeat", MODIFY, "CompleteLifecycleAction"]


def test_who_uses_a_name_need_not_be_known_to_move_it(named: Invoker) -> None:
    """The change is made before that is looked up: if the look-up fails, a message of ours follows the task of the change."""
    named.given(listed_target="api", apis_follow_after_seconds=10)
    stop(named, FIRST)
    named.given(
        faults=[{"operation": "CloudAPI.DescribeApisByVpcAccess", "nth": 1, "status": 403, "code": "NoPermission"}]
    )
    answer = look(named)
    assert (answer.result["outcome"], answer.result["reason"], target(named)) == ("scheduled", "NoPermission", SECOND)
    look(named)
    play(named, 30)

    assert written(named) == (1, 0)
    assert told(named) == ["Stopped"]


def test_a_name_that_is_pointed_back_by_hand_moves_once_more(named: Invoker) -> None:
    """What is known of the first change, a moment ago, keeps the second neither from being made nor from being told."""
    stop(named, FIRST)
    look(named)
    by_hand(named, FIRST, NeedBatchWork=True)
    named.given(apis_follow_after_seconds=30)
    look(named)
    assert target(named) == SECOND
    play(named, 60)

    assert (told(named), written(named)) == (["Stopped", "Stopped"], (2, 0))


def wish(instance_id: str, number: int) -> str:
    """Return a person's wish."""
    return naming_message(Hint(NAME, REGION, "move", target=instance_id, request=f"w-{number}"))


def test_a_wish_is_met_once(named: Invoker) -> None:
    """It is delivered again with what failed beside it, and comes back with its change; the name was moved on meanwhile."""
    look(named, wish(SECOND, 1))
    look(named, wish(FIRST, 2))
    look(named, wish(SECOND, 1))
    play(named, 60)

    assert (target(named), written(named)) == (FIRST, (2, 0))
    assert told(named) == ["OnPurpose w-1", "OnPurpose w-2", "vpcaccess.unchanged"]


def test_a_wish_waits_while_the_apis_follow_another(named: Invoker) -> None:
    """Then it is as it was, and its result says whose wish it was; a hook waits for it, too."""
    named.given(apis_follow_after_seconds=30)
    look(named, wish(SECOND, 1))
    named.given(apis_follow_after_seconds=0)
    assert hooks(look(named, wish(FIRST, 2), held(named, THIRD))) == ["WAIT"]
    assert target(named) == SECOND
    play(named, 60)

    assert target(named) == FIRST
    assert told(named) == ["OnPurpose w-1", "OnPurpose w-2"]


@pytest.mark.parametrize("tells_id", ["present", "absent"])
@pytest.mark.parametrize(
    ("theirs", "reason", "result"),
    [
        pytest.param(False, "names", "vpcaccess.authorized", id="made"),
        pytest.param(True, "not-yet", "NameTaken", id="taken"),
    ],
)
def test_whoever_appears_is_told_that_the_name_is_made_for_it(
    naming: Invoker, tells_id: str, theirs: bool, reason: str, result: str
) -> None:
    """Whether the gateway tells the id of a new entry or not; and not if somebody else takes the name meanwhile."""
    naming.given(vpc_access_id=tells_id, instances=[instance(FIRST)])
    taken = [request(InstanceId="i-bp1theirs0001", Port=80, Tag=[])] if theirs else []
    naming.before = lambda operation: naming.given(entries=taken) if operation == "SetVpcAccess" else None
    answer = look(naming, naming_message(Hint(NAME, REGION, "it has appeared", FIRST)))

    assert (answer.results[0]["reason"], told(naming)) == (reason, [result])


def test_why_a_name_cannot_be_made_is_said_once(naming: Invoker) -> None:
    """In the words of the call that failed, with its request id."""
    naming.given(instances=[instance(FIRST)], permissions=[{"denied": ["apigateway:SetVpcAccess"]}])
    answer = look(naming, naming_message(Hint(NAME, REGION, "it has appeared", FIRST)))
    (message,) = naming.messages()

    assert answer.error is not None
    assert message["data"]["Reason"].count("SetVpcAccess failed with NoPermission (HTTP 403)") == 1
    assert "no answer" not in message["data"]["Reason"]
