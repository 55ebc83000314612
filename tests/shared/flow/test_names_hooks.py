"""A scale-in and the names of what leaves: what it costs, what a kill at any point leaves, and forged or useless messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from functions.named_backends.index import work as keep_names
from shared import log
from shared.events.naming import naming_message
from shared.model.records import Held, Hint, Hook, Leaving, Move
from tests.cloud.ess.activities import Activity
from tests.invoking import VPC, Invoker, new_invoker, queue_event, request, state_change

FIRST, SECOND, THIRD = (f"i-bp1example000{number}" for number in (1, 2, 3))
NAME, GROUP, WITNESS, ELSE = "orders-prod", "asg-1", "i-bp1example0009", "vpc-bp1example0002"
MARKS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "named"}]
ENTRY = request(Name=NAME, InstanceId=FIRST, Port=8080, Tag=MARKS, VpcAccessId="id-1")
APIS = [{"ApiId": f"api-{number}", "VpcName": NAME} for number in (1, 2)]
ALLOWED = f"{VPC}:orders-*"
MODIFY = "CloudAPI.ModifyVpcAccessAndUpdateApis"
REGION = "cn-hangzhou"


def instance(instance_id: str, name: str = NAME, port: str = "8080", **changes: Any) -> dict[str, Any]:
    """Return an instance that stands for the name."""
    tags = {key: value for key, value in (("apigateway-port", port), ("apigateway-name", name)) if value}
    return {"InstanceId": instance_id, "VpcId": VPC, "Tags": tags, **changes}


def member(instance_id: str) -> dict[str, str]:
    """Return an instance of the group."""
    return {"InstanceId": instance_id, "ScalingGroupId": GROUP}


def furnish(invoke: Invoker) -> None:
    """Let the name open the first of two members of a group, with two APIs."""
    invoke.served.products["SMQ"].create_queue("hooks")
    invoke.given(
        instances=[instance(FIRST), instance(SECOND), {"InstanceId": WITNESS, "VpcId": VPC}],
        scaling_instances=[member(FIRST), member(SECOND)],
        entries=[ENTRY],
        apis=APIS,
    )


def leave(invoke: Invoker, *ids: str) -> list[dict[str, Any]]:
    """Begin a scale-in; return the event of its hook's message."""
    hook = {"LifecycleHookId": "ash-1", "NotificationArn": "acs:mns:cn-hangzhou:1234567890123456:queue/hooks"}
    activity = {"ScalingGroupId": GROUP, "LifecycleTransition": "SCALE_IN", "InstanceIds": ids, "Hooks": [hook]}
    invoke.served.products["ESS"].scale(Activity.from_json(activity))
    (message,) = invoke.served.products["SMQ"].receive("hooks", 16)
    return queue_event(message.body)


def drain(naming: Invoker, seconds: int = 600) -> None:
    """Deliver what the names queue holds until it is empty, and again what asks for it."""
    smq, again = naming.served.products["SMQ"], list[Any]()
    for _ in range(seconds):
        events = again + ([queue_event(*bodies)] if (bodies := taken(naming)) else [])
        again = [event for event in events if naming(event).error]
        if not again and not any(smq.queue("names").counts().values()):
            return
        naming.clock.advance(1)
    pytest.fail("the names queue never runs dry")


def taken(naming: Invoker) -> list[str]:
    """Take what is due of the names queue."""
    bodies, smq = list[str](), naming.served.products["SMQ"]
    for message in smq.receive("names", 16):
        smq.delete("names", message.receipt_handle)
        bodies.append(message.body)
    return bodies


def target(naming: Invoker) -> str:
    """Return the instance that the name opens, "" if nothing has it."""
    return next((str(entry["InstanceId"]) for entry in naming.accesses() if entry["Name"] == NAME), "")


def backends(naming: Invoker) -> set[str]:
    """Return the instances to which calls of the published APIs go."""
    apis = naming.served.products["CloudAPI"].state()["apis"]
    return {api["Backend"]["InstanceId"] for api in apis if api["Backend"]}


def test_from_a_hook_to_the_change_it_takes_ten_calls_and_five_seconds(
    invoke: Invoker, naming: Invoker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted from the hook's message, through both functions and with the delays of the queue, and printed."""
    furnish(invoke)
    event, began = leave(invoke, FIRST), invoke.clock.now()
    invoke.served.world.journal.clear()
    invoke(event)
    naming.due(queue="names")
    calls = invoke.calls()
    until = calls.index(MODIFY) + 1
    changed = next(call for call in invoke.served.world.journal() if call.operation == MODIFY)
    seconds = changed.at - began

    with capsys.disabled():
        print(f"\n  from a hook to {MODIFY.split('.')[1]}: {until} calls, {seconds:.1f} s")
    assert until <= 10
    assert seconds <= 5
    assert target(naming) == SECOND


def test_a_stop_that_does_not_show_yet_moves_the_name_all_the_same(
    invoke: Invoker, releasing: Invoker, naming: Invoker
) -> None:
    """The event of a stop can be faster than the list of instances: the name is looked at once more."""
    furnish(invoke)
    releasing.configure(ALLOWED_NAMES=ALLOWED)
    invoke.given(instance_change_after_reads=1)
    invoke.served.products["ECS"].go_through(FIRST, "Stopping", "Stopped")
    releasing(state_change(FIRST, "Stopped"))
    drain(naming)

    assert target(naming) == SECOND


def test_a_hook_is_answered_once_the_apis_go_to_another_instance(invoke: Invoker, naming: Invoker) -> None:
    """Not before, however long they take: the instance lives as long as a call can come to it."""
    furnish(invoke)
    invoke.given(apis_follow_after_seconds=40)
    invoke(leave(invoke, FIRST))
    seen = list[set[str]]()
    naming.before = lambda operation: seen.append(backends(naming)) if operation == "CompleteLifecycleAction" else None
    drain(naming)

    assert seen == [{SECOND}]
    (answer,) = naming.served.products["ESS"].state()["lifecycle_actions"]
    assert (answer["LifecycleActionStatus"], answer["LifecycleActionResult"]) == ("Completed", "CONTINUE")


def test_a_hook_of_several_instances_waits_for_all_their_names(invoke: Invoker, naming: Invoker) -> None:
    """Two names open what leaves together, and both move before the one answer."""
    furnish(invoke)
    other = request(Name="orders-test", InstanceId=THIRD, Port=8080, Tag=MARKS, VpcAccessId="id-2")
    fourth = instance("i-bp1example0004", "orders-test")
    invoke.given(
        entries=[other],
        instances=[instance(THIRD, "orders-test"), fourth],
        scaling_instances=[member(THIRD)],
        apis=[{"ApiId": "api-3", "VpcName": "orders-test"}],
        apis_follow_after_seconds=20,
    )
    invoke(leave(invoke, FIRST, THIRD))
    seen = list[set[str]]()
    naming.before = lambda operation: seen.append(backends(naming)) if operation == "CompleteLifecycleAction" else None
    drain(naming)

    assert seen == [{SECOND, "i-bp1example0004"}]


def test_a_hook_without_a_candidate_is_answered_at_once(invoke: Invoker, naming: Invoker) -> None:
    """Nobody can be helped by waiting: CONTINUE, a result that says so, and the alarm's line."""
    furnish(invoke)
    invoke.given(instances=[instance(SECOND, Status="Stopped")])
    invoke(leave(invoke, FIRST))
    naming.due(queue="names")

    assert naming.calls("ESS.CompleteLifecycleAction")
    assert target(naming) == FIRST
    assert [message["data"].get("ReasonCode") for message in naming.messages()] == ["NoCandidate"]
    assert any(line["event"] == "no candidate" for line in naming.lines())


def test_a_wish_that_is_refused_keeps_no_name_on_what_has_ended(invoke: Invoker, naming: Invoker) -> None:
    """The person is told why not, and the name moves by the rule as if nobody had asked."""
    furnish(invoke)
    invoke.served.products["ECS"].go_through(FIRST, "Stopping", "Stopped")
    hints = Hint(NAME, REGION, "it has stopped"), Hint(NAME, REGION, "move", target="i-bp1nobody0001", request="r-1")
    answer = naming(queue_event(*map(naming_message, hints)))

    assert target(naming) == SECOND
    assert [result.get("reason") for result in answer.results if result["outcome"] == "refused"] == ["NotACandidate"]


class Killed(BaseException):
    """SIGKILL: nothing of ours catches it."""


def stopped(invoke: Invoker) -> list[str]:
    """Let the target stop; return what the names queue then holds."""
    furnish(invoke)
    invoke.served.products["ECS"].go_through(FIRST, "Stopping", "Stopped")
    return [naming_message(Hint(NAME, REGION, "it has stopped"))]


def appeared(invoke: Invoker) -> list[str]:
    """Let a name appear that nothing has yet."""
    invoke.given(instances=[instance(SECOND)])
    return [naming_message(Hint(NAME, REGION, "it has appeared", SECOND))]


def leaving(invoke: Invoker) -> list[str]:
    """Let the target begin to leave its group."""
    furnish(invoke)
    content = json.loads(leave(invoke, FIRST)[0]["data"]["messageBody"])["content"]
    hook = Hook(content["lifecycleHookId"], content["lifecycleActionToken"])
    held = Held(Leaving(hook, "SCALE_IN", (FIRST,), REGION, "1234567890123456"), int(invoke.clock.now()))
    return [naming_message(held)]


SCENES = {"move": stopped, "create": appeared, "hook": leaving}
WORLDS: list[dict[str, Any]] = [{}, {"apis_follow_after_seconds": 20, "modified_after_reads": 2}]


def start(scene: str, switches: dict[str, Any]) -> tuple[Invoker, list[dict[str, Any]]]:
    """Return the function that keeps names, in a world in which a scene waits for it."""
    invoke = new_invoker(**switches)
    bodies = SCENES[scene](invoke)
    invoke.served.world.journal.clear()
    naming = invoke.doing(keep_names)
    naming.configure(ALLOWED_NAMES=ALLOWED)
    return naming, queue_event(*bodies)


def points() -> Iterator[Any]:
    """Yield every (scene, switches, number of the call, before or after it)."""
    for scene in SCENES:
        for number, switches in enumerate(WORLDS):
            naming, event = start(scene, switches)
            naming(event)
            for place, call in enumerate(naming.calls(), 1):
                for moment in ("before", "after"):
                    name = f"{scene}-{moment}-{place}-{call.split('.')[1]}-{number}"
                    yield pytest.param(scene, switches, place, moment, id=name)
    log.configure()


@pytest.mark.parametrize(("scene", "switches", "number", "moment"), list(points()))
def test_a_kill_at_any_point_costs_no_name_its_backend(
    scene: str, switches: dict[str, Any], number: int, moment: str
) -> None:
    """After the kill, another delivery and the messages on their way: one change, told under one id, and the hook answered."""
    naming, event = start(scene, switches)
    seen = 0

    def kill(_operation: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Killed

    setattr(naming, moment, kill)
    with pytest.raises(Killed):
        naming(event)
    naming.before = naming.after = lambda _: None
    naming.configure(ALLOWED_NAMES=ALLOWED)
    assert naming(event).error is None
    drain(naming)
    log.configure()

    assert target(naming) == SECOND
    told = naming.messages()
    kind = "vpcaccess.authorized" if scene == "create" else "vpcaccess.replaced"
    granted = [one for one in told if one["type"] in (kind, "vpcaccess.unchanged")]
    assert len({one["id"] for one in granted}) == 1
    assert all(one["data"]["InstanceId"] == SECOND for one in granted)
    writes = [call for call in naming.served.world.journal() if call.operation.startswith("CloudAPI.") and call.write]
    assert sum("Refresh" not in call.parameters for call in writes) == 1
    if scene != "create":
        assert backends(naming) == {SECOND}
    if scene == "hook":
        (action,) = naming.served.products["ESS"].state()["lifecycle_actions"]
        assert (action["LifecycleActionStatus"], action["LifecycleActionResult"]) == ("Completed", "CONTINUE")


FORGED = Hook("ash-forged", "token")
BAD = {
    "name-invalid": ([instance(SECOND, "orders- x")], "orders- x", "InvalidNameTag"),
    "name-not-allowed": ([instance(SECOND, "carts-prod")], "carts-prod", "NameNotAllowed"),
    "port-not-allowed": ([instance(SECOND, "orders-new", "22")], "orders-new", "PortNotAllowed"),
    "several-ports": ([instance(SECOND, "orders-new", "80,443")], "orders-new", "NameTagUnsupported"),
    "foreign": ([instance(SECOND, "orders-theirs")], "orders-theirs", "NameTaken"),
    "a-producers": ([instance(SECOND, "orders-asked")], "orders-asked", "NameTaken"),
    "copied-template-in-the-wrong-vpc": ([instance(SECOND, NAME, VpcId=ELSE)], NAME, "OtherVpc"),
    "claimed-in-two-vpcs": (
        [instance(SECOND, "orders-two"), instance(THIRD, "orders-two", VpcId=ELSE)],
        "orders-two",
        "ClaimedTwice",
    ),
}


def marked(owner: str, origin: str) -> list[dict[str, str]]:
    """Return the marks of an entry."""
    return [{"Key": "vpc-access-owner", "Value": owner}, {"Key": "vpc-access-origin", "Value": origin}]


@pytest.mark.parametrize(("instances", "name", "reason"), BAD.values(), ids=BAD)
def test_a_claim_that_cannot_be_met_has_a_reason_and_moves_nothing(
    invoke: Invoker, naming: Invoker, instances: list[dict[str, Any]], name: str, reason: str
) -> None:
    """Whoever claims a name wrongly is told why, and how to mend it; no entry is made or changed for it."""
    theirs = request(Name="orders-theirs", InstanceId=WITNESS, Port=80, Tag=marked("team-b", "named"))
    asked = request(Name="orders-asked", InstanceId=WITNESS, Port=443, Tag=marked("team-a", "requested"))
    furnish(invoke)
    invoke.given(instances=instances, entries=[theirs, asked])
    both = f"{ALLOWED},{ELSE}:orders-*"
    for one in (invoke, naming):
        one.configure(ALLOWED_VPC_IDS=f"{VPC},{ELSE}", ALLOWED_NAMES=both)
    before = invoke.accesses()
    answer = naming(queue_event(naming_message(Hint(name, REGION, "it has appeared", SECOND))))

    assert answer.error is None
    told = [message["data"].get("ReasonCode") for message in naming.messages()]
    assert told == [reason]
    assert naming.accesses() == before


def test_two_hundred_claims_move_nothing_off_a_living_target(invoke: Invoker, naming: Invoker) -> None:
    """However many carry the tag, the present target stays."""
    furnish(invoke)
    invoke.given(instances=[instance(f"i-bp1many{number:04}") for number in range(200)])
    answer = naming(queue_event(naming_message(Hint(NAME, REGION, "it has appeared", "i-bp1many0007"))))

    assert answer.error is None
    assert [message["data"].get("ReasonCode") for message in naming.messages()] == ["Standby"]
    assert target(naming) == FIRST


def _move(**changes: Any) -> str:
    move = Move(NAME, REGION, "id-1", (VPC, FIRST, 8080), (VPC, SECOND, 8080), "Stopped", "", "", 1, 1_767_586_716)
    return naming_message(move._replace(**changes))


def _held(*ids: str) -> str:
    return naming_message(Held(Leaving(FORGED, "SCALE_IN", ids, REGION), 1_767_586_716))


FORGERIES = {
    "a-move-off-a-living-target": _move(),
    "a-move-of-another-entry": _move(vpc_access_id="id-2"),
    "a-move-to-nobody": _move(target=(VPC, "i-bp1nobody0001", 22)),
    "a-move-from-elsewhere": _move(previous=(VPC, THIRD, 8080), operation_id="0" * 32),
    "a-move-from-elsewhere-without-a-task": _move(previous=(VPC, THIRD, 8080)),
    "a-hint-of-a-stop": naming_message(Hint(NAME, REGION, "it has stopped")),
    "a-hint-of-an-unknown-name": naming_message(Hint("orders-unknown", REGION, "it has stopped")),
    "a-wish-for-nobody": naming_message(Hint(NAME, REGION, "move", target="i-bp1nobody0001")),
    "a-wish-for-a-foreign-target": naming_message(Hint(NAME, REGION, "move", target=WITNESS)),
    "a-hook-of-the-target": _held(FIRST),
    "a-hook-of-everybody": _held(FIRST, SECOND, THIRD),
    "another-region": _move(region_id="cn-beijing"),
}


@pytest.mark.parametrize("body", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_message_moves_nothing(invoke: Invoker, naming: Invoker, body: str) -> None:
    """What a message says is looked up and not believed: the name stays, and nothing waits for ever."""
    furnish(invoke)
    naming(queue_event(body))
    drain(naming, 900)

    assert target(naming) == FIRST
    assert backends(naming) == {FIRST}
    assert not [call for call in naming.served.world.journal(MODIFY) if "Refresh" not in call.parameters]


@pytest.mark.parametrize(
    "rights",
    [
        pytest.param({"unseen": [FIRST, SECOND, WITNESS]}, id="a-policy-hides-all"),
        pytest.param({"denied": ["ecs:DescribeInstances"]}, id="no-right"),
    ],
)
def test_a_target_that_may_not_be_seen_is_not_left(
    invoke: Invoker, naming: Invoker, rights: dict[str, list[str]]
) -> None:
    """An empty list is no proof that an instance is gone."""
    furnish(invoke)
    invoke.given(permissions=[rights])
    naming(queue_event(naming_message(Hint(NAME, REGION, "it is gone"))))

    assert target(naming) == FIRST
    assert not naming.calls(MODIFY)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"NAMED_BACKENDS": "off"}, id="off"),
        pytest.param({"NAMED_BACKENDS": "plan"}, id="plan"),
        pytest.param({"DRY_RUN": "true"}, id="dry-run"),
        pytest.param({"ALLOWED_NAMES": ""}, id="no-name-allowed"),
    ],
)
def test_nothing_is_written_unless_names_are_to_move(invoke: Invoker, naming: Invoker, changes: dict[str, str]) -> None:
    """By every function, for a target that has stopped and a name that appears."""
    furnish(invoke)
    invoke.served.products["ECS"].go_through(FIRST, "Stopping", "Stopped")
    invoke.given(instances=[instance(THIRD, "orders-new")])
    before = invoke.accesses()
    for one in (invoke, naming):
        one.configure(**{"ALLOWED_NAMES": ALLOWED, **changes})
    hints = [naming_message(Hint(name, REGION, "test", THIRD)) for name in (NAME, "orders-new")]
    assert naming(queue_event(*hints)).error is None
    if changes != {"ALLOWED_NAMES": ""} and "off" not in changes.values():
        invoke(state_change(THIRD))
        while bodies := taken(naming):
            naming(queue_event(*bodies))

    assert naming.accesses() == before
    assert not naming.calls(MODIFY)


@pytest.mark.parametrize("on_conflict", ["refuse", "replace"])
@pytest.mark.parametrize("replaces", [None, {"VpcId": VPC, "InstanceId": FIRST, "Port": 8080}])
def test_a_producer_cannot_have_a_name_that_tags_may_claim(
    invoke: Invoker, naming: Invoker, on_conflict: str, replaces: Any
) -> None:
    """Whatever it says that it has seen, and whatever ON_CONFLICT says."""
    furnish(invoke)
    invoke.configure(ALLOWED_NAMES=ALLOWED, ON_CONFLICT=on_conflict)
    answer = invoke(request(Name=NAME, InstanceId=SECOND, Port=8080, Replaces=replaces))

    assert (answer.result["outcome"], answer.result["reason"]) == ("refused", "NameReserved")
    assert target(naming) == FIRST
