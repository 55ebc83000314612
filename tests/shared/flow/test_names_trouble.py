"""What could keep a name from its backend, or the function busy for ever: wishes, false times, and instances that only join."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.events.naming import naming_message
from shared.model.records import Held, Hint, Hook, Leaving, Move
from tests.cloud.ess.activities import Activity
from tests.invoking import VPC, Invoker, queue_event, request
from tests.shared.flow.test_names_hooks import (
    FIRST,
    GROUP,
    NAME,
    REGION,
    SECOND,
    THIRD,
    furnish,
    instance,
    leave,
    taken,
)
from tests.shared.flow.test_names_hooks import target as target_of

FAR = 10**12  # epoch seconds, long after everything
TASK = "f" * 32
MODIFY = "ModifyVpcAccessAndUpdateApis"


def wish(instance_id: str, request: str) -> str:
    """Return a person's wish."""
    return naming_message(Hint(NAME, REGION, "move", target=instance_id, request=request))


def play(naming: Invoker, seconds: int) -> list[str]:
    """Deliver what comes to the names queue for so long; return the targets in turn."""
    targets = [target_of(naming)]
    for _ in range(seconds):
        if bodies := taken(naming):
            naming(queue_event(*bodies))
            targets += [now] if (now := target_of(naming)) != targets[-1] else []
        naming.clock.advance(1)
    return targets


@pytest.mark.parametrize("seconds", [0, 3, 14])
def test_a_name_that_was_moved_and_moved_back_stays_there(invoke: Invoker, naming: Invoker, seconds: int) -> None:
    """The messages that were sent before both changes come back, and neither is taken for a wish again."""
    furnish(invoke)
    naming(queue_event(wish(SECOND, "w-1")))
    assert play(naming, seconds)[-1] == SECOND
    naming(queue_event(wish(FIRST, "w-2")))

    assert play(naming, 120) == [FIRST]
    assert [one["data"]["Cause"] for one in naming.messages()] == ["OnPurpose w-1", "OnPurpose w-2"]


def test_a_wish_waits_until_the_apis_have_followed_another(invoke: Invoker, naming: Invoker) -> None:
    """Nothing moves meanwhile, and the wish comes back as it was."""
    furnish(invoke)
    invoke.given(apis_follow_after_seconds=30)
    for asked, instance_id in (("w-1", SECOND), ("w-2", FIRST)):
        naming(queue_event(wish(instance_id, asked)))

    assert play(naming, 120) == [SECOND, FIRST]
    assert [one["data"]["Cause"] for one in naming.messages()] == ["OnPurpose w-1", "OnPurpose w-2"]


def test_a_wish_that_is_delivered_again_is_not_followed_again(invoke: Invoker, naming: Invoker) -> None:
    """Something else in its batch had failed, and the name was moved back meanwhile."""
    furnish(invoke)
    for asked, instance_id in (("w-1", SECOND), ("w-2", FIRST), ("w-1", SECOND)):
        answer = naming(queue_event(wish(instance_id, asked)))
        play(naming, 16)

    assert target_of(naming) == FIRST
    assert answer.result["outcome"] == "unchanged"


def test_a_wish_that_is_only_begun_is_not_taken_up_after_a_minute(invoke: Invoker, naming: Invoker) -> None:
    """By then nobody knows whether it was carried out, and the name moved back since."""
    furnish(invoke)
    move = Move(NAME, REGION, "id-1", (VPC, FIRST, 8080), (VPC, SECOND, 8080), "OnPurpose w-1", "", "", 1)
    now = int(naming.clock.now())
    naming(queue_event(naming_message(move._replace(since=now - 60))))
    assert target_of(naming) == FIRST
    naming(queue_event(naming_message(move._replace(since=now - 59))))
    assert target_of(naming) == SECOND


def test_a_wish_that_cannot_be_met_keeps_no_hook_from_its_move(invoke: Invoker, naming: Invoker) -> None:
    """In the same batch the one is refused, and the other moves the name before it is answered."""
    furnish(invoke)
    invoke(leave(invoke, FIRST))
    seen = list[str]()
    naming.before = lambda operation: seen.append(target_of(naming)) if operation == "CompleteLifecycleAction" else None
    answer = naming(queue_event(wish("i-bp1nobody0001", "w-1"), *taken(naming)))
    play(naming, 60)

    assert answer.results[0]["reason"] == "NotACandidate"
    assert seen == [SECOND]


@pytest.mark.parametrize(("owner", "origin"), [("team-b", "named"), ("team-a", "requested"), ("", "")])
def test_a_forged_move_touches_no_entry_that_is_not_one_of_ours_for_a_tag(
    invoke: Invoker, naming: Invoker, owner: str, origin: str
) -> None:
    """It says that the name has moved to where it is, and its APIs are not asked to follow again."""
    furnish(invoke)
    marks = {"vpc-access-owner": owner, "vpc-access-origin": origin}
    tags = [{"Key": key, "Value": value} for key, value in marks.items() if value]
    invoke.given(
        instances=[{"InstanceId": "i-bp1theirs0001", "VpcId": VPC}],
        entries=[request(Name="orders-theirs", InstanceId="i-bp1theirs0001", Port=8080, Tag=tags, VpcAccessId="id-7")],
    )
    at = (VPC, "i-bp1theirs0001", 8080)
    for operation_id in ("", TASK):
        move = Move("orders-theirs", REGION, "id-7", (VPC, FIRST, 8080), at, "Stopped", "", operation_id, 1)
        naming(queue_event(naming_message(move)))
        play(naming, 300)

    assert not naming.calls(f"CloudAPI.{MODIFY}")
    assert not naming.messages()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            Move(NAME, REGION, "id-1", (VPC, SECOND, 8080), (VPC, FIRST, 8080), "Stopped", "", TASK, 1, FAR), id="move"
        ),
        *(
            pytest.param(
                Held(Leaving(Hook("ash-2", "token"), "SCALE_IN", (item,), REGION), FAR, ((TASK, 3),)),
                id=f"hook-{item[-1]}",
            )
            for item in (FIRST, SECOND, THIRD)
        ),
    ],
)
def test_what_says_that_it_begins_later_does_not_wait_for_ever(
    invoke: Invoker, naming: Invoker, content: Move | Held
) -> None:
    """A time that lies ahead counts as now: the messages end, and the name can move."""
    furnish(invoke)
    naming(queue_event(naming_message(content)))
    play(naming, 900)

    assert not any(naming.served.products["SMQ"].queue("names").counts().values())


def test_what_is_only_planned_is_told_whoever_asks(invoke: Invoker, naming: Invoker) -> None:
    """Of a target that has stopped it is told what would be done, and not only that the name was looked at."""
    furnish(invoke)
    naming.configure(ALLOWED_NAMES=f"{VPC}:orders-*", NAMED_BACKENDS="plan")
    invoke.given(instances=[instance(FIRST, Status="Stopped")])
    answer = naming(queue_event(naming_message(Hint(NAME, REGION, "it has stopped"))))

    assert (answer.result["outcome"], answer.result["reason"]) == ("planned", "move: Stopped")
    assert not naming.messages()


def test_a_hook_whose_time_is_over_is_answered_before_all_else(invoke: Invoker, naming: Invoker) -> None:
    """What is to be done for its names may take minutes, and Auto Scaling waits no longer than we have asked it to."""
    furnish(invoke)
    invoke(leave(invoke, FIRST))
    naming.clock.advance(301)
    bodies = taken(naming)
    naming.served.world.journal.clear()
    naming(queue_event(*bodies))

    assert naming.calls()[0] == "ESS.CompleteLifecycleAction"
    assert target_of(naming) == SECOND


def test_a_message_that_comes_back_late_tells_and_writes_nothing_again(invoke: Invoker, naming: Invoker) -> None:
    """The queue may hold many before it: what was told is known for longer than a minute."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")])
    naming(queue_event(naming_message(Hint(NAME, REGION, "it has stopped"))))
    naming.clock.advance(600)
    play(naming, 30)

    assert len(naming.messages()) == 1
    assert len(naming.calls(f"CloudAPI.{MODIFY}")) == 1


def test_the_same_move_is_told_each_time_that_it_is_made(invoke: Invoker, naming: Invoker) -> None:
    """What is known of the first hides nothing of the second, although that does not show at once."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, name="")])
    naming(queue_event(naming_message(Hint(NAME, REGION, "its tag is gone"))))
    play(naming, 30)
    invoke.given(instances=[instance(FIRST)])
    naming(queue_event(wish(FIRST, "w-1")))
    play(naming, 30)
    naming.messages()
    invoke.given(instances=[instance(FIRST, name="")], modified_after_reads=5)
    naming(queue_event(naming_message(Hint(NAME, REGION, "its tag is gone"))))
    play(naming, 120)

    assert target_of(naming) == SECOND
    assert [one["data"]["Cause"] for one in naming.messages()] == ["Untagged"]


def test_an_instance_that_joins_a_group_gets_the_name_once_it_is_in_service(invoke: Invoker, naming: Invoker) -> None:
    """It was looked at before its hook was answered, and no event tells that it is in service: the name is looked at again."""
    furnish(invoke)
    invoke.given(instances=[*(instance(one, Status="Stopped") for one in (FIRST, SECOND)), instance(THIRD)])
    hook = {"LifecycleHookId": "ash-1", "NotificationArn": "acs:mns:cn-hangzhou:1234567890123456:queue/hooks"}
    activity = {"ScalingGroupId": GROUP, "LifecycleTransition": "SCALE_OUT", "InstanceIds": [THIRD], "Hooks": [hook]}
    invoke.served.products["ESS"].scale(Activity.from_json(activity))
    (message,) = invoke.served.products["SMQ"].receive("hooks", 16)
    early = list[dict[str, Any]]()

    def look(operation: str) -> None:
        if operation == "CompleteLifecycleAction":
            early.extend(naming(queue_event(*taken(naming))).results)

    invoke.before = look
    invoke(queue_event(message.body))

    assert [one["reason"] for one in early] == ["Standby", "NoCandidate"]
    assert play(naming, 30) == [FIRST, THIRD]


def test_however_many_carry_a_name_its_line_in_the_log_is_short(invoke: Invoker, naming: Invoker) -> None:
    """Two hundred candidates and two hundred that are ruled out are told as ten of each, and how many more."""
    furnish(invoke)
    some = [instance(f"i-bp1many{number:015}", port=("8080", "22")[number % 2]) for number in range(400)]
    invoke.given(instances=some)
    naming(queue_event(naming_message(Hint(NAME, REGION, "it has appeared"))))

    (line,) = (line for line in naming.lines() if line["event"] == "name")
    assert len(json.dumps(line)) < 2_000
    assert "and 191 more · not" in line["text"]


class Killed(BaseException):
    """SIGKILL: nothing of ours catches it."""


def test_a_move_whose_cause_changes_before_it_is_made_is_told_once(invoke: Invoker, naming: Invoker) -> None:
    """The function is killed before the change, and the target that had stopped has lost its tag when it is tried again."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")])
    event = queue_event(naming_message(Hint(NAME, REGION, "it has stopped")))

    def kill(operation: str) -> None:
        if operation == MODIFY:
            raise Killed

    naming.before = kill
    with pytest.raises(Killed):
        naming(event)
    naming.before = lambda _: None
    naming.configure(ALLOWED_NAMES=f"{VPC}:orders-*")
    invoke.given(instances=[instance(FIRST, name="")])
    naming(event)
    play(naming, 60)

    assert [one["data"]["Cause"] for one in naming.messages()] == ["Untagged"]


def test_a_change_that_is_refused_is_tried_three_times_however_many_ask_for_it(
    invoke: Invoker, naming: Invoker
) -> None:
    """Each of them finds that the message of the change is on its way; then the alarm's line is written, once."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")], permissions=[{"denied": [f"apigateway:{MODIFY}"]}])
    for _ in range(5):
        naming(queue_event(naming_message(Hint(NAME, REGION, "it has stopped"))))
    play(naming, 120)

    assert len(naming.calls(f"CloudAPI.{MODIFY}")) == 3
    assert [one["data"]["ReasonCode"] for one in naming.messages()] == ["NotMoved"]
    naming(queue_event(naming_message(Hint(NAME, REGION, "it has stopped"))))
    assert len(naming.calls(f"CloudAPI.{MODIFY}")) == 4


def test_the_checksum_of_a_plan_covers_the_names_that_would_move(invoke: Invoker, sweeping: Invoker) -> None:
    """Whoever lets a plan be carried out by its checksum has seen each move in it."""
    furnish(invoke)
    sweeping.configure(ALLOWED_NAMES=f"{VPC}:orders-*", RECONCILE_MODE="plan")
    timer = {"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": "60"}
    for tag in (NAME, NAME, ""):
        invoke.given(instances=[instance(FIRST, name=tag)])
        sweeping(timer)

    before, again, without = [line["checksum"] for line in sweeping.lines() if line["event"] == "sweep completed"]
    assert before == again != without


def test_a_second_outage_is_told_as_one_of_its_own(invoke: Invoker, naming: Invoker) -> None:
    """A name whose only instance stops is told of once, however often it is looked at; when that stops again it is told anew."""
    furnish(invoke)
    naming.given(instances=[instance(SECOND, Status="Stopped"), instance(FIRST, Status="Stopped")])
    for started in ("2026-11-01T08:00Z", "2026-11-01T08:00Z", "2026-11-02T09:30Z"):
        naming.given(instances=[instance(FIRST, Status="Stopped", StartTime=started)])
        naming(queue_event(naming_message(Hint(NAME, REGION, "test"))))

    told = [(one["data"]["ReasonCode"], one["id"]) for one in naming.messages()]
    assert [reason for reason, _ in told] == ["NoCandidate"] * 3
    assert [told[0] == told[1], told[1] == told[2]] == [True, False]


def test_who_uses_a_name_need_not_be_known_to_say_that_it_is_dead(invoke: Invoker, naming: Invoker) -> None:
    """The alarm and the result come, though nobody may look up the APIs; the log says what could not be looked up."""
    furnish(invoke)
    naming.given(
        instances=[instance(FIRST, Status="Stopped"), instance(SECOND, Status="Stopped")],
        permissions=[{"denied": ["apigateway:DescribeApisByVpcAccess"]}],
    )
    naming(queue_event(naming_message(Hint(NAME, REGION, "test"))))

    assert [one["data"]["ReasonCode"] for one in naming.messages()] == ["NoCandidate"]
    assert {"no candidate", "users not seen"} <= {line["event"] for line in naming.lines()}


@pytest.mark.parametrize(
    ("denied", "again"),
    [
        pytest.param(["mns:PublishMessage"], False, id="kept-in-the-queue"),
        pytest.param(["mns:PublishMessage", "mns:SendMessage"], True, id="delivered-again"),
    ],
)
def test_a_move_that_cannot_be_told_is_told_later(
    invoke: Invoker, naming: Invoker, denied: list[str], again: bool
) -> None:
    """A message of ours keeps it for as long as the topic takes nothing; where that cannot be sent, its record comes again."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")])
    event = queue_event(naming_message(Hint(NAME, REGION, "it has stopped")))
    naming.after = lambda operation: naming.given(permissions=[{"denied": denied}]) if operation == MODIFY else None
    answer = naming(event)
    naming.after = lambda _: None
    assert (target_of(naming), naming.messages()) == (SECOND, [])
    naming.given(permissions=[{"denied": []}])
    if answer.error:
        naming(event)
    play(naming, 60)

    assert bool(answer.error) == again
    assert {(one["type"], one["data"]["Cause"]) for one in naming.messages()} == {("vpcaccess.replaced", "Stopped")}


def test_a_name_that_may_not_be_made_comes_again(invoke: Invoker, naming: Invoker) -> None:
    """The record stays in the queue until the permission is there."""
    invoke.given(instances=[instance(FIRST)], permissions=[{"denied": ["apigateway:SetVpcAccess"]}])
    event = queue_event(naming_message(Hint(NAME, REGION, "it has appeared", FIRST)))
    answer = naming(event)
    assert "apigateway:SetVpcAccess" in str(answer.error)
    invoke.given(permissions=[{"denied": []}])

    assert [one["outcome"] for one in naming(event).results] == ["ignored", "authorized"]
    assert target_of(naming) == FIRST


def test_a_name_that_somebody_takes_meanwhile_is_theirs(invoke: Invoker, naming: Invoker) -> None:
    """It was free when it was looked at, and is taken when it is to be made: it is refused, and the entry stays as it is."""
    invoke.given(instances=[instance(FIRST)])
    theirs = request(Name=NAME, InstanceId="i-bp1theirs0001", Port=80, Tag=[], VpcAccessId="id-7")
    naming.before = lambda operation: invoke.given(entries=[theirs]) if operation == "SetVpcAccess" else None
    naming(queue_event(naming_message(Hint(NAME, REGION, "it has appeared", FIRST))))

    assert [one["data"]["ReasonCode"] for one in naming.messages()] == ["NameTaken"]
    assert target_of(naming) == "i-bp1theirs0001"


@pytest.mark.parametrize(
    ("age", "ends", "now", "later"),
    [
        pytest.param(120, False, True, True, id="long-ago"),
        pytest.param(119, False, False, True, id="its-apis-may-still-follow"),
        pytest.param(120, True, True, True, id="the-name-has-nobody"),
    ],
)
def test_a_move_that_was_overtaken_is_told(
    invoke: Invoker, naming: Invoker, age: int, ends: bool, now: bool, later: bool
) -> None:
    """It was made, and nobody has told of it; then the APIs are asked to follow to where the name is, if that is alive."""
    furnish(invoke)
    if ends:
        invoke.given(instances=[instance(one, Status="Stopped") for one in (FIRST, SECOND)])
    since = int(naming.clock.now()) - age
    move = Move(NAME, REGION, "id-1", (VPC, THIRD, 8080), (VPC, SECOND, 8080), "Stopped", "", TASK, 1, since)
    naming(queue_event(naming_message(move)))

    def told() -> bool:
        return "vpcaccess.replaced" in [one["type"] for one in naming.messages()]

    assert told() is now
    assert bool(naming.calls(f"CloudAPI.{MODIFY}")) is (now and not ends)
    play(naming, 30)
    assert (now or told()) is later
    assert target_of(naming) == FIRST


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"operation_id": ""}, id="never-made"),
        pytest.param({"previous": (VPC, SECOND, 8080), "cause": "Refresh 1"}, id="nothing-moved"),
    ],
)
def test_an_overtaken_message_of_no_move_is_not_told(invoke: Invoker, naming: Invoker, changes: dict[str, Any]) -> None:
    """A change that was never made, and one that only asked the APIs to follow, end without a result."""
    furnish(invoke)
    old = int(naming.clock.now()) - 600
    move = Move(NAME, REGION, "id-1", (VPC, THIRD, 8080), (VPC, SECOND, 8080), "Stopped", "", TASK, 1, old)
    naming(queue_event(naming_message(move._replace(**changes))))
    play(naming, 30)

    assert naming.messages() == []
    assert target_of(naming) == FIRST


def test_a_move_that_was_overtaken_waits_for_the_next(invoke: Invoker, naming: Invoker) -> None:
    """While the name moves on, nobody asks for the APIs to follow to where it was; the older move is told after that."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")])
    old = int(naming.clock.now()) - 600
    move = Move(NAME, REGION, "id-1", (VPC, THIRD, 8080), (VPC, THIRD, 80), "Gone", "", TASK, 1, old)
    naming(queue_event(naming_message(move)))
    assert target_of(naming) == SECOND
    assert [one["data"]["Cause"] for one in naming.messages()] == ["Stopped"]
    play(naming, 60)

    assert [one["data"]["Cause"] for one in naming.messages()] == ["Gone"]
    assert target_of(naming) == SECOND
