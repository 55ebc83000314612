"""The fourth function on the stand-in: a name gets a backend, and another one when that has ended."""

from __future__ import annotations

from typing import Any

from tests.invoking import VPC, Invoker, state_change

FIRST, SECOND, THIRD = "i-bp1example0001", "i-bp1example0002", "i-bp1example0003"
NAME = "orders-prod"
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
