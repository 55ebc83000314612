"""The fourth function on the stand-in: a name gets a backend, and another one when that has ended."""

from __future__ import annotations

from typing import Any

import pytest

from shared.events.naming import naming_message
from shared.model.records import Hint
from tests.invoking import VPC, Invoker, queue_event, request, state_change

FIRST, SECOND, THIRD = "i-bp1example0001", "i-bp1example0002", "i-bp1example0003"
NAME = "orders-prod"
NAMED = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "named"}]
API = {"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": NAME}


def instance(instance_id: str, **changes: Any) -> dict[str, Any]:
    """Return an instance that stands for the name."""
    tags = {"apigateway-port": "8080", "apigateway-name": NAME}
    return {"InstanceId": instance_id, "VpcId": VPC, "Tags": tags, **changes}


def target(naming: Invoker) -> str:
    """Return the instance that the name opens."""
    (entry,) = naming.accesses()
    assert entry["Name"] == NAME
    return str(entry["InstanceId"])


def test_a_name_gets_the_instance_that_appears_and_moves_when_it_has_ended(invoke: Invoker, naming: Invoker) -> None:
    """The first to appear has the name, the second stands by, and gets it, with the APIs, once the first is stopped."""
    invoke.given(instances=[instance(FIRST)])
    assert invoke(state_change(FIRST)).result["outcome"] == "scheduled"
    naming.due(queue="names")
    assert target(naming) == FIRST
    naming.given(apis=[API], instances=[instance(SECOND)])
    invoke(state_change(SECOND))
    naming.due(queue="names")
    told = naming.messages()
    assert [(one["type"], one["data"].get("ReasonCode")) for one in told] == [
        ("vpcaccess.authorized", None),
        ("vpcaccess.unchanged", "Standby"),
    ]

    naming.given(instances=[instance(FIRST, Status="Stopped")])
    naming(state_change(FIRST, "Stopped"))
    assert target(naming) == SECOND
    (moved,) = naming.messages()
    assert moved["type"] == "vpcaccess.replaced"
    assert moved["data"]["Previous"] == {"VpcId": VPC, "InstanceId": FIRST, "Port": 8080}
    assert moved["data"]["Apis"] == [f"{API['ApiId']} in stage RELEASE"]
    naming.due(15, "names")
    assert not naming.messages()


def _hook(instance_id: str) -> dict[str, Any]:
    """Return the message of a hook of an instance that leaves its group."""
    content = {"lifecycleHookId": "ash-1", "lifecycleActionToken": "token", "instanceIds": [instance_id]}
    return {
        "userId": "1234567890123456",
        "regionId": "cn-hangzhou",
        "content": {**content, "lifecycleTransition": "SCALE_IN"},
    }


@pytest.mark.parametrize(
    "event", [pytest.param(state_change(SECOND), id="appeared"), pytest.param(_hook(FIRST), id="leaves")]
)
def test_what_could_not_be_handed_on_is_handed_on_by_the_next_delivery(
    invoke: Invoker, naming: Invoker, event: dict[str, Any]
) -> None:
    """An instance of a name, and a hook, are for the other function: without the right to tell it the record is due again."""
    invoke.given(instances=[instance(FIRST), instance(SECOND)], permissions=[{"denied": ["mns:SendMessage"]}])
    first = invoke(event)
    with pytest.raises(AssertionError, match="nothing is due"):
        naming.due(queue="names")
    invoke.given(permissions=[{"denied": []}])
    again = invoke(event)

    assert "Allow the RAM action mns:SendMessage" in str(first.error)
    assert again.result["outcome"] == "scheduled"
    assert naming.due(queue="names").error is None


def test_a_host_goes_with_its_name(naming: Invoker) -> None:
    """The host that calls to the backend name is the same at the next instance, and it is sent with the change."""
    naming.given(
        instances=[instance(FIRST, Status="Stopped"), instance(SECOND)],
        entries=[request(VpcTargetHostName="orders.example", Tag=NAMED)],
    )
    naming(queue_event(naming_message(Hint(NAME, "cn-hangzhou", "has stopped"))))
    (change,) = naming.served.world.journal("CloudAPI.ModifyVpcAccessAndUpdateApis")

    assert change.parameters["VpcTargetHostName"] == "orders.example"
    assert (naming.accesses()[0]["VpcTargetHostName"], target(naming)) == ("orders.example", SECOND)


def test_a_wish_is_only_planned_where_no_name_moves(naming: Invoker) -> None:
    """With NAMED_BACKENDS=plan nobody is told that a name is moving."""
    naming.given(
        instances=[instance(FIRST), instance(SECOND)],
        entries=[request(Tag=NAMED)],
    )
    naming.configure(ALLOWED_NAMES=f"{VPC}:orders-*", NAMED_BACKENDS="plan")
    answer = naming(queue_event(naming_message(Hint(NAME, "cn-hangzhou", "", target=SECOND, request="r-1"))))

    assert (answer.result["outcome"], answer.result["reason"], target(naming)) == ("planned", "move: OnPurpose", FIRST)


def test_without_the_right_to_look_nothing_is_taken_for_nobody(naming: Invoker) -> None:
    """No instance shows to a role that may not look: a name that nobody seems to claim is not passed over for that."""
    naming.given(instances=[instance(FIRST)], permissions=[{"denied": ["ecs:DescribeInstances"]}])
    answer = naming(queue_event(naming_message(Hint(NAME, "cn-hangzhou", "has appeared", FIRST))))

    assert "Allow the RAM action ecs:DescribeInstances" in str(answer.error)
    assert naming.accesses() == []
