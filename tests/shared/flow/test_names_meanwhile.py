"""What happens to a name, its target or its next one between two looks, and what cannot be seen: nothing is done on a guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.events.naming import naming_message
from shared.model.records import Hint
from tests.cloud.seeds import remove
from tests.invoking import VPC, Invoker, queue_event, request
from tests.shared.flow.test_names_hooks import APIS, FIRST, NAME, REGION, SECOND, THIRD, furnish, instance, leave, taken
from tests.shared.flow.test_names_hooks import target as target_of
from tests.shared.flow.test_names_trouble import MODIFY, play

LOOK = "ECS.DescribeInstances"


def just_before_the_change(naming: Invoker, happens: Callable[[], object]) -> None:
    """Let something happen once the message that comes back is sent, and before the last look."""

    def after(operation: str) -> None:
        if operation == "PublishMessage":
            happens()

    naming.after = after


def hint() -> list[dict[str, Any]]:
    """Return the event that somebody thinks that the name should be looked at."""
    return queue_event(naming_message(Hint(NAME, REGION, "it has stopped")))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(None, id="gone"),
        pytest.param({"name": ""}, id="another-name"),
        pytest.param({"Status": "Stopped"}, id="stopped"),
        pytest.param({"port": "8443"}, id="another-port"),
    ],
)
def test_what_would_get_the_name_is_looked_at_once_more(
    invoke: Invoker, naming: Invoker, change: dict[str, Any] | None
) -> None:
    """It was ready when it was chosen; just before the change it no longer is, and the name does not go there."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")])

    def meanwhile() -> None:
        remove(invoke.served.app, {"instances": [SECOND]})
        invoke.given(instances=[] if change is None else [instance(SECOND, **change)])

    just_before_the_change(naming, meanwhile)
    naming(hint())

    assert target_of(naming) == FIRST
    assert not naming.calls(f"CloudAPI.{MODIFY}")


def test_a_target_that_carries_the_tag_is_looked_up_once(invoke: Invoker, naming: Invoker) -> None:
    """It is among all that carry the tag, so that no look of its own is needed."""
    furnish(invoke)
    naming(hint())

    assert naming.calls().count(LOOK) == 1
    assert target_of(naming) == FIRST


def test_a_target_that_lives_again_keeps_the_name(invoke: Invoker, naming: Invoker) -> None:
    """It had stopped when that was looked up; just before the change it runs, and there is no end of it to leave it for."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")])
    just_before_the_change(naming, lambda: invoke.given(instances=[instance(FIRST)]))
    naming(hint())

    assert target_of(naming) == FIRST
    assert not naming.calls(f"CloudAPI.{MODIFY}")


def test_a_target_that_cannot_be_looked_at_any_more_keeps_the_name(invoke: Invoker, naming: Invoker) -> None:
    """It had stopped; just before the change the look-up of it alone is refused, and nobody knows whether it runs again."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")])
    refused = {"operation": "ECS.DescribeInstances", "status": 403, "code": "OperationDenied"}

    faults = [
        {**refused, "nth": 1},
        {**refused, "nth": 3},
    ]  # of the looks: at both, at what would get the name, at what has it
    just_before_the_change(naming, lambda: invoke.given(faults=faults))
    naming(hint())

    assert target_of(naming) == FIRST


def test_a_name_that_somebody_moves_meanwhile_is_theirs_to_move(invoke: Invoker, naming: Invoker) -> None:
    """Just before the change it opens something else than was seen, and what was decided holds no more."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped"), instance(THIRD)])
    entries, account = invoke.served.products["CloudAPI"].entries, invoke.served.world.account_id
    just_before_the_change(naming, lambda: entries.modify(account, NAME, {"InstanceId": THIRD}))
    naming(hint())

    assert target_of(naming) == THIRD
    assert not naming.calls(f"CloudAPI.{MODIFY}")


def test_what_another_name_opens_is_passed_over(invoke: Invoker, naming: Invoker) -> None:
    """A target has one name: the next instance takes over, and the other name stays where it is."""
    furnish(invoke)
    another = request(Name="another", InstanceId=SECOND, Port=8080, Tag=[])
    invoke.given(instances=[instance(FIRST, Status="Stopped"), instance(THIRD)], entries=[another])
    naming(hint())

    assert target_of(naming) == THIRD
    assert {entry["InstanceId"] for entry in naming.accesses()} == {SECOND, THIRD}


def test_a_draft_of_an_api_is_no_user_of_a_name(invoke: Invoker, naming: Invoker) -> None:
    """Nothing is published by it: that the name is dead is told, and not that it is dead and in use."""
    furnish(invoke)
    remove(invoke.served.app, {"apis": [one["ApiId"] for one in APIS]})
    draft = {"ApiId": "api-3", "VpcName": NAME, "StageName": ""}
    stopped = [instance(one, Status="Stopped") for one in (FIRST, SECOND)]
    invoke.given(instances=stopped, apis=[draft], apis_in_draft="listed")
    naming(hint())
    (told,) = naming.messages()

    assert told["data"]["ReasonCode"] == "NoCandidate"
    assert "UsedBy" not in told["data"]


def test_apis_that_may_not_be_asked_to_follow_do_not_count_as_asked(invoke: Invoker, naming: Invoker) -> None:
    """The name is where it was to go before, which shows nothing of what was refused: it is tried again."""
    furnish(invoke)
    invoke.given(
        listed_target="api", faults=[{"operation": f"CloudAPI.{MODIFY}", "status": 400, "code": "InvalidVpcId"}]
    )
    values = {"Name": NAME, "VpcId": VPC, "InstanceId": SECOND, "Port": 8080, "NeedBatchWork": False}
    invoke.served.products["CloudAPI"].tasks.modify(invoke.served.world.account_id, values)

    assert naming(hint()).result["reason"] == "InvalidVpcId"


@pytest.mark.parametrize(
    ("nth", "code", "words"),
    [
        pytest.param(1, "NoPermission", "ecs:DescribeInstances", id="who-carries-the-tag"),
        pytest.param(2, "NoPermission", "ecs:DescribeInstances", id="the-target"),
        pytest.param(2, "UnheardOf", "UnheardOf", id="the-target-in-an-unknown-word"),
        pytest.param(3, "NoPermission", "ecs:DescribeInstances", id="whether-it-is-gone"),
    ],
)
def test_a_look_that_fails_leaves_the_name_where_it_is(
    invoke: Invoker, naming: Invoker, nth: int, code: str, words: str
) -> None:
    """Whether the target is only untagged, or gone, is not known then: the record comes again, and the name moves."""
    furnish(invoke)
    remove(invoke.served.app, {"instances": [FIRST]})
    invoke.given(faults=[{"operation": LOOK, "nth": nth, "status": 403, "code": code}])
    answer = naming(hint())

    assert words in str(answer.error)
    assert target_of(naming) == FIRST
    naming(hint())
    assert target_of(naming) == SECOND


def test_a_change_that_is_refused_for_good_is_told_after_three_tries(invoke: Invoker, naming: Invoker) -> None:
    """Each of them is looked at once, because the entry cannot show what was refused."""
    furnish(invoke)
    refused = {"operation": f"CloudAPI.{MODIFY}", "times": 3, "status": 400, "code": "InvalidVpcId"}
    invoke.given(instances=[instance(FIRST, Status="Stopped")], faults=[refused])
    naming(hint())
    assert max(naming.slept) < 0.1  # only for the pace of the calls
    play(naming, 60)

    assert [one["data"]["ReasonCode"] for one in naming.messages()] == ["NotMoved"]
    assert target_of(naming) == FIRST


def test_a_name_that_opens_no_instance_stays(invoke: Invoker, naming: Invoker) -> None:
    """Nothing proves that an address, or another product's load balancer, is gone: the name is a person's to move."""
    furnish(invoke)
    remove(invoke.served.app, {"instances": [FIRST]})
    invoke.served.products["CloudAPI"].entries.modify(
        invoke.served.world.account_id, NAME, {"InstanceId": "alb-bp1example0001"}
    )
    naming(hint())

    assert target_of(naming) == "alb-bp1example0001"


def test_a_change_that_does_not_show_is_looked_for_five_times(invoke: Invoker, naming: Invoker) -> None:
    """Nobody waits after the last look: the message of the change comes back, and the name is looked at again then."""
    furnish(invoke)
    invoke.given(instances=[instance(FIRST, Status="Stopped")], modified_after_reads=1000)
    answer = naming(hint())

    assert "NotConfirmed (no answer)" in answer.result["text"]
    assert [wait for wait in naming.slept if wait >= 0.1] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    calls = naming.calls()
    assert calls[calls.index(f"CloudAPI.{MODIFY}") + 1 :].count("CloudAPI.DescribeVpcAccesses") == 5


@pytest.mark.parametrize(("others", "looks"), [(9, 10), (10, 0)])
def test_up_to_ten_instances_of_a_hook_are_looked_up_one_by_one(
    invoke: Invoker, naming: Invoker, others: int, looks: int
) -> None:
    """More than that are looked for among everything that the gateway holds."""
    furnish(invoke)
    ids = [FIRST, *(f"i-bp1many{number:04}" for number in range(others))]
    invoke.given(scaling_instances=[{"InstanceId": one, "ScalingGroupId": "asg-1"} for one in ids])
    invoke(leave(invoke, *ids))
    invoke.served.world.journal.clear()
    naming(queue_event(*taken(naming)))
    asked = [call.parameters.get("InstanceId") for call in naming.served.world.journal("CloudAPI.DescribeVpcAccesses")]

    assert sum(one in ids for one in asked) == looks
    assert target_of(naming) == SECOND


def test_a_hook_of_many_instances_is_looked_up_at_once(invoke: Invoker, naming: Invoker) -> None:
    """Whichever of them the name opens, it moves before the hook is answered, and not one look is made for each."""
    furnish(invoke)
    others = [f"i-bp1many{number:04}" for number in range(30)]
    invoke.given(scaling_instances=[{"InstanceId": one, "ScalingGroupId": "asg-1"} for one in others])
    invoke(leave(invoke, *others, FIRST))
    invoke.served.world.journal.clear()
    naming(queue_event(*taken(naming)))

    assert target_of(naming) == SECOND
    assert naming.calls().count("CloudAPI.DescribeVpcAccesses") < 10
