"""The published APIs of a name that has moved: how they are watched, asked again, and told of, and what waits for them."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events.naming import naming_message
from shared.model.records import Held, Hint, Hook, Leaving, Move
from tests.invoking import VPC, Invoker, queue_event, request
from tests.shared.flow.test_names_hooks import (
    APIS,
    FIRST,
    MARKS,
    MODIFY,
    NAME,
    REGION,
    SECOND,
    THIRD,
    backends,
    drain,
    furnish,
    instance,
    leave,
    member,
    taken,
    target,
)

LOOK = "CloudAPI.DescribeUpdateVpcInfoTask"
ALLOWED = f"{VPC}:orders-*"
ONE, TWO, THREE = (f"api-{number} in stage RELEASE" for number in (1, 2, 3))
FOR_ONE_LOOK = 16.0  # seconds of an invocation: there is no time for a second look at the APIs
FOURTH, OTHER = "i-bp1example0004", "orders-test"
STARTED = "2026-11-01T08:00Z"  # as the stand-in has it unless it is told
NEVER = 100_000  # seconds until the APIs follow


def hint(instance_id: str = "", name: str = NAME) -> list[dict[str, Any]]:
    """Return the event that somebody thinks that a name should be looked at, or that an instance has appeared."""
    return queue_event(naming_message(Hint(name, REGION, "test", instance_id)))


def wish(instance_id: str, request_id: str) -> list[dict[str, Any]]:
    """Return the event that a person wants the name to open an instance."""
    return queue_event(naming_message(Hint(NAME, REGION, "move", target=instance_id, request=request_id)))


def stop(naming: Invoker, **world: Any) -> list[dict[str, Any]]:
    """Let the target of a name stop, in such a world; return the event that says so."""
    furnish(naming)
    naming.given(instances=[instance(FIRST, Status="Stopped"), *world.pop("instances", ())], **world)
    return hint()


def came_back(naming: Invoker, **changes: Any) -> list[dict[str, Any]]:
    """Return the event that the last move comes back, as it is or with changes."""
    task = naming.served.products["CloudAPI"].state()["tasks"][-1]["OperationId"]
    now = int(naming.clock.now())
    move = Move(NAME, REGION, "id-1", (VPC, FIRST, 8080), (VPC, SECOND, 8080), "Stopped", STARTED, task, 1, now)
    return queue_event(naming_message(move._replace(**changes)))


def anew(naming: Invoker) -> None:
    """Start another instance of the function, which remembers nothing."""
    naming.configure(ALLOWED_NAMES=ALLOWED)


def forget(naming: Invoker) -> None:
    """Lose the messages that are on their way, and start another instance of the function."""
    naming.clock.advance(15)
    taken(naming)
    anew(naming)


def writes(naming: Invoker) -> int:
    """Return how many changes the gateway was asked for."""
    return len(naming.calls(MODIFY))


def told(naming: Invoker, key: str = "Cause") -> list[Any]:
    """Take the results, and return that of each."""
    return [one["data"].get(key) for one in naming.messages()]


def is_answered(naming: Invoker) -> bool:
    """Tell whether Auto Scaling's hook was answered."""
    return bool(naming.calls("ESS.CompleteLifecycleAction"))


@pytest.mark.parametrize(
    ("timeout", "looks"),
    [
        pytest.param(60.0, [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 15.5], id="a-minute"),
        pytest.param(24.0, [0.0, 0.5, 1.5, 3.5, 3.5], id="24-seconds"),
        pytest.param(FOR_ONE_LOOK, [0.0], id="16-seconds"),
    ],
)
def test_the_apis_are_looked_at_for_as_long_as_there_is_time(
    naming: Invoker, timeout: float, looks: list[float]
) -> None:
    """Ever more seldom, and so that they can still be asked again, or looked at once more, at the end."""
    naming(stop(naming, apis_follow_after_seconds=NEVER), timeout=timeout)
    (changed,) = naming.served.world.journal(MODIFY)
    assert [round(call.at - changed.at, 1) for call in naming.served.world.journal(LOOK)] == looks


def test_what_is_under_way_comes_back_in_15_seconds(naming: Invoker) -> None:
    """Both messages: the one that was sent before the change, and the one that knows the task."""
    naming(stop(naming, apis_follow_after_seconds=NEVER), timeout=FOR_ONE_LOOK)
    naming.clock.advance(14)
    early = taken(naming)
    naming.clock.advance(1)

    assert (len(early), len(taken(naming))) == (0, 2)


def test_nobody_waits_where_no_api_has_to_follow(naming: Invoker) -> None:
    """A name that stays is looked at in no time."""
    furnish(naming)
    naming(hint())
    assert max(naming.slept, default=0) < 0.1  # only for the pace of the calls


def test_apis_that_have_followed_are_told_however_little_time_is_left(naming: Invoker) -> None:
    """They are looked at once more before anything is repeated, and then there is nothing to repeat."""
    naming(stop(naming), timeout=FOR_ONE_LOOK)

    assert writes(naming) == 1
    assert told(naming, "Apis") == [[ONE, TWO]]


def test_only_apis_that_have_not_followed_are_told_as_such(naming: Invoker) -> None:
    """After the last of three changes the task shows two APIs that have followed, and nothing yet of the third."""
    event = stop(naming, unfinished_rows="hidden", apis_follow="one-by-one", apis=[{"ApiId": "api-3", "VpcName": NAME}])
    naming(event, timeout=FOR_ONE_LOOK)
    naming(came_back(naming, writes=3, since=0), timeout=FOR_ONE_LOOK)

    (result,) = naming.messages()
    assert result["data"]["Apis"] == [ONE, TWO]
    assert result["data"]["NotUpdated"] == [f"{THREE}: nothing is told"]


def test_an_api_that_fails_to_follow_is_asked_three_times_and_then_told(naming: Invoker) -> None:
    """It is asked again as soon as it is known to have failed, and the result says which has followed and which has not."""
    naming(stop(naming, apis=[{**APIS[0], "UpdateFailures": 9, "UpdateErrorMsg": "no route"}, APIS[1]]))
    assert writes(naming) == 2
    drain(naming)

    assert writes(naming) == 3
    (result,) = naming.messages()
    assert [result["data"][key] for key in ("VpcId", "InstanceId", "Port")] == [VPC, SECOND, 8080]
    assert result["data"]["Apis"] == [TWO]
    assert result["data"]["NotUpdated"] == [f"{ONE}: failed (no route)"]


@pytest.mark.parametrize(
    ("age", "is_repeated"), [pytest.param(119, False, id="119-seconds"), pytest.param(120, True, id="120-seconds")]
)
def test_apis_have_two_minutes_before_the_change_is_repeated(naming: Invoker, age: int, *, is_repeated: bool) -> None:
    """Of a task that tells nothing nobody knows whether it goes on."""
    naming(stop(naming, apis_follow_after_seconds=NEVER), timeout=FOR_ONE_LOOK)
    naming(came_back(naming, since=int(naming.clock.now()) - age), timeout=FOR_ONE_LOOK)

    assert writes(naming) == 1 + is_repeated


def test_apis_that_take_a_minute_are_asked_once(naming: Invoker) -> None:
    """Neither the message that was sent before the change nor the later ones have them asked again."""
    naming(stop(naming, apis_follow_after_seconds=60))
    drain(naming)

    assert writes(naming) == 1
    assert told(naming) == ["Stopped"]


def test_a_look_that_fails_is_made_again(naming: Invoker) -> None:
    """The next one shows that the APIs have followed, and the move is told in the same invocation."""
    event = stop(naming, faults=[{"operation": LOOK, "nth": 1, "status": 403, "code": "NoPermission"}])
    assert naming(event).error is None
    assert told(naming) == ["Stopped"]


def test_a_move_that_is_passed_on_is_not_delivered_again(naming: Invoker) -> None:
    """Although one look has failed: a message of ours comes back in any case."""
    naming(stop(naming, apis_follow_after_seconds=NEVER))
    naming.given(faults=[{"operation": LOOK, "nth": 1, "status": 403, "code": "NoPermission"}])

    assert naming(came_back(naming)).error is None


def test_a_move_that_cannot_be_looked_at_is_delivered_again(naming: Invoker) -> None:
    """Nothing else would tell of it."""
    naming(stop(naming, apis_follow_after_seconds=NEVER))
    naming.given(permissions=[{"denied": ["apigateway:DescribeUpdateVpcInfoTask"]}])

    assert "apigateway:DescribeUpdateVpcInfoTask" in str(naming(came_back(naming)).error)


def test_a_repeated_change_that_is_refused_is_made_again(naming: Invoker) -> None:
    """The message that was sent before it comes back, so nobody has to deliver the move again."""
    naming(stop(naming, apis_follow_after_seconds=NEVER), timeout=FOR_ONE_LOOK)
    forget(naming)
    naming.given(faults=[{"operation": MODIFY, "nth": 1, "status": 400, "code": "RepeatedCommit"}])
    assert naming(came_back(naming, since=0)).error is None
    naming.given(apis_follow_after_seconds=0)
    naming.clock.advance(15)
    drain(naming)

    assert told(naming) == ["Stopped"]


def test_a_name_moves_on_once_its_apis_have_followed(naming: Invoker) -> None:
    """Not before: a second change might overtake the first. An instance that has just begun knows that, too."""
    naming(stop(naming, apis_follow_after_seconds=NEVER), timeout=FOR_ONE_LOOK)
    anew(naming)
    naming(came_back(naming, since=0), timeout=FOR_ONE_LOOK)
    naming.given(instances=[instance(SECOND, Status="Stopped"), instance(THIRD)])
    naming(hint())
    assert target(naming) == SECOND
    naming.given(apis_follow_after_seconds=0)
    naming(came_back(naming, writes=2))
    naming(hint())

    assert target(naming) == THIRD


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"operation_id": ""}, id="sent-before-the-change"),
        pytest.param({"operation_id": "", "cause": "Untagged"}, id="of-another-cause"),
    ],
)
def test_a_message_of_a_move_that_was_told_does_nothing(naming: Invoker, changes: dict[str, Any]) -> None:
    """Neither is anything written, nor is it told again."""
    naming(stop(naming))
    naming(came_back(naming, **changes))

    assert writes(naming) == 1
    assert told(naming) == ["Stopped"]


def test_a_wish_is_not_taken_for_an_earlier_one(naming: Invoker) -> None:
    """A name is moved, moved back and moved again; while its APIs follow, a message of the first move comes late."""
    furnish(naming)
    for request_id, instance_id in (("w-1", SECOND), ("w-2", FIRST)):
        naming(wish(instance_id, request_id))
    naming.given(apis_follow_after_seconds=20)
    naming(wish(SECOND, "w-3"))
    naming(came_back(naming, cause="OnPurpose w-1", operation_id=""))
    drain(naming)

    assert writes(naming) == 3
    assert told(naming) == ["OnPurpose w-1", "OnPurpose w-2", "OnPurpose w-3"]


def test_a_name_waits_for_its_apis_however_long_they_take(naming: Invoker) -> None:
    """What is known of them lasts a minute only, and is renewed whenever they are looked at."""
    naming(stop(naming, apis_follow_after_seconds=100))
    for _ in range(2):
        naming.due(15, "names")
    naming.given(instances=[instance(SECOND, Status="Stopped"), instance(THIRD)])
    naming(hint())

    assert (target(naming), told(naming)) == (SECOND, [])


def test_the_same_move_is_made_and_told_again(naming: Invoker) -> None:
    """What is known of the first neither hides the second nor keeps it from being tried again after a refusal."""
    naming(stop(naming, apis_follow_after_seconds=20))
    drain(naming)
    naming.given(instances=[instance(FIRST)], apis_follow_after_seconds=0)
    naming(wish(FIRST, "w-1"))
    refused = {"operation": MODIFY, "nth": 1, "status": 400, "code": "InvalidVpcId"}
    naming.given(instances=[instance(FIRST, Status="Stopped")], apis_follow_after_seconds=20, faults=[refused])
    naming(hint())
    drain(naming)

    assert target(naming) == SECOND
    assert told(naming) == ["Stopped", "OnPurpose w-1", "Stopped"]


def test_a_second_outage_has_an_id_of_its_own(naming: Invoker) -> None:
    """Whoever drops repeats by the id must not drop the second, and may drop what is told again of the first."""
    stop(naming, instances=[instance(SECOND, Status="Stopped")])
    for started in ("2026-11-01T08:00Z", "2026-11-01T08:00Z", "2026-11-02T09:30Z"):
        naming.given(instances=[instance(FIRST, Status="Stopped", StartTime=started)])
        naming(hint())

    assert len({one["id"] for one in naming.messages()}) == 2


# two names


def two(naming: Invoker, **world: Any) -> None:
    """Let the target of ``OTHER``, which no API uses, stop beside that of the first name."""
    stop(naming, **world)
    other = request(Name=OTHER, InstanceId=THIRD, Port=8080, Tag=MARKS, VpcAccessId="id-2")
    naming.given(entries=[other], instances=[instance(THIRD, OTHER, Status="Stopped"), instance(FOURTH, OTHER)])


def test_names_wait_for_their_own_apis_only(naming: Invoker) -> None:
    """One moves while the APIs of another still follow, and both are told in the end."""
    two(naming, apis_follow_after_seconds=40)
    naming(hint())
    naming(hint(name=OTHER))
    assert [one["data"]["Name"] for one in naming.messages()] == [OTHER]
    drain(naming)

    assert [one["data"]["Name"] for one in naming.messages()] == [NAME]
    assert writes(naming) == 2


def test_a_change_that_is_refused_keeps_no_other_name_from_moving(naming: Invoker) -> None:
    """Its own message comes back later; that of the other name is none of its business."""
    two(naming, faults=[{"operation": MODIFY, "nth": 1, "status": 400, "code": "InvalidVpcId"}])
    naming(hint())
    naming(hint(name=OTHER))

    assert target(naming) == FIRST
    assert [one["data"]["Name"] for one in naming.messages()] == [OTHER]


def test_a_wish_that_had_only_begun_is_carried_out_although_another_name_has_moved(naming: Invoker) -> None:
    """The function ended before the change, and the message that was sent before it comes back."""
    two(naming)
    naming.given(instances=[instance(FIRST)])
    naming(hint(name=OTHER))
    naming(came_back(naming, operation_id="", cause="OnPurpose w-1"))

    assert target(naming) == SECOND


# hooks of a scale-in


def held(naming: Invoker, *instance_ids: str, name: str = NAME) -> list[dict[str, Any]]:
    """Return the event that the hook of a scale-in waits for a name; another instance of the function had looked at it."""
    hook = Held(
        Leaving(Hook("ash-1", "token"), "SCALE_IN", instance_ids, REGION), int(naming.clock.now()), names=(name,)
    )
    return queue_event(naming_message(hook))


def test_a_hook_is_answered_as_soon_as_the_apis_have_followed(invoke: Invoker, naming: Invoker) -> None:
    """Where that takes no time, in the invocation that moves the name."""
    furnish(invoke)
    invoke(leave(invoke, FIRST))
    naming.due(queue="names")

    assert backends(naming) == {SECOND}
    assert is_answered(naming)


def test_a_hook_waits_for_apis_of_a_name_that_has_left_its_instance(invoke: Invoker, naming: Invoker) -> None:
    """It moved when the instance stopped, a moment before the scale-in; calls of the APIs still go there."""
    naming(stop(naming, apis_follow_after_seconds=40))
    seen = list[set[str]]()
    naming.before = lambda operation: seen.append(backends(naming)) if operation == "CompleteLifecycleAction" else None
    invoke(leave(invoke, FIRST))
    drain(naming)

    assert seen == [{SECOND}]


def test_a_hook_asks_nobody_again_who_is_known_to_have_followed(invoke: Invoker, naming: Invoker) -> None:
    """The name left the instance before, and its APIs go where it goes."""
    naming(stop(naming))
    invoke(leave(invoke, FIRST))
    naming.due(queue="names")

    assert writes(naming) == 1
    assert is_answered(naming)


def test_a_hook_has_apis_asked_once_of_which_nobody_knows(naming: Invoker) -> None:
    """Another instance of the function has moved the name; that another name's APIs have followed says nothing of its own."""
    two(naming)
    naming(hint())
    forget(naming)
    naming(hint(name=OTHER))
    naming(held(naming, FIRST))
    assert writes(naming) == 3
    drain(naming)

    assert writes(naming) == 3
    assert is_answered(naming)


def test_a_hook_waits_for_the_last_change_and_not_for_an_earlier_one(invoke: Invoker, naming: Invoker) -> None:
    """What waits names the task, so that an instance that has just begun need not ask the APIs again."""
    naming(stop(naming))
    naming.given(instances=[instance(THIRD)], scaling_instances=[member(THIRD)], apis_follow_after_seconds=40)
    invoke(leave(invoke, SECOND))
    naming(queue_event(*taken(naming)), timeout=FOR_ONE_LOOK)
    anew(naming)
    naming.due(5, "names")

    assert not is_answered(naming)
    assert writes(naming) == 2


def test_a_hook_does_not_wait_for_a_change_that_was_repeated(naming: Invoker) -> None:
    """Its task tells for ever that an API failed to follow; what that has done since shows by the task of the repeated change."""
    stopped = stop(naming, apis=[{**APIS[0], "UpdateFailures": 1}])
    naming([*stopped, *held(naming, FIRST)], timeout=FOR_ONE_LOOK)
    assert writes(naming) == 2
    anew(naming)
    naming.due(5, "names")

    assert is_answered(naming)


def test_apis_that_were_asked_again_before_are_asked_three_times_all_the_same(naming: Invoker) -> None:
    """Twice within an hour another instance has moved the name; the second time an API fails to follow at first."""
    naming(stop(naming))
    forget(naming)
    naming(held(naming, FIRST))
    drain(naming)
    naming.clock.advance(60)
    naming.given(apis=[{**APIS[0], "UpdateFailures": 2}])
    before = writes(naming)
    naming(held(naming, FIRST))
    drain(naming)

    assert writes(naming) - before == 3


def behind(naming: Invoker) -> None:
    """Let an API fail to follow three changes, so that it is given up."""
    naming(stop(naming, apis=[{**APIS[0], "UpdateFailures": 3}]))
    drain(naming)
    assert told(naming, "NotUpdated")[0]


def test_a_hook_gives_all_its_time_to_apis_that_do_not_follow(invoke: Invoker, naming: Invoker) -> None:
    """Calls may go to the instance for as long as it lives; nobody is asked again meanwhile."""
    behind(naming)
    invoke(leave(invoke, FIRST))
    naming.due(queue="names")
    assert not is_answered(naming)
    assert writes(naming) == 3
    drain(naming)

    assert is_answered(naming)


def test_apis_that_follow_the_next_change_are_behind_no_more(invoke: Invoker, naming: Invoker) -> None:
    """The hook of the next scale-in waits for nothing."""
    behind(naming)
    naming.given(instances=[instance(THIRD)], scaling_instances=[member(THIRD)])
    invoke(leave(invoke, SECOND))
    naming.due(queue="names")

    assert backends(naming) == {THIRD}
    assert is_answered(naming)


def test_a_hook_does_not_wait_for_what_another_name_is_behind_with(naming: Invoker) -> None:
    """Its own name has moved, and no API uses it."""
    behind(naming)
    two(naming)
    naming(hint(name=OTHER))
    naming(held(naming, THIRD, name=OTHER))

    assert is_answered(naming)
