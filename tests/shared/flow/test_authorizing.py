"""The way of an event through its stages: what is looked up, who waits for whom, and what a dry run says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.invoking import VPC, Invoker, request, state_change

INSTANCES: list[dict[str, Any]] = [
    {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "8080"}},
    {"InstanceId": "i-bp1example0009", "VpcId": "vpc-bp1example0002"},
]
ELSEWHERE = request(Name="elsewhere", InstanceId="i-bp1example0009")
RIVAL = request(InstanceId="i-bp1example0002")
WRITE = "CloudAPI.SetVpcAccess"


@pytest.mark.parametrize(
    ("verify", "event", "look_ups", "told"),
    [
        pytest.param("false", [ELSEWHERE], 0, "authorized", id="a-request-is-believed"),
        pytest.param("true", [ELSEWHERE], 1, "refused", id="a-request-is-verified"),
        pytest.param("false", [ELSEWHERE, state_change()], 1, "authorized authorized", id="only-the-announcement"),
        pytest.param("true", [ELSEWHERE, state_change()], 2, "refused authorized", id="both"),
    ],
)
def test_what_is_looked_up(invoke: Invoker, verify: str, event: list[Any], look_ups: int, told: str) -> None:
    """An announced backend always is, since its tags say its ports; the target of a request is with VERIFY_TARGET."""
    invoke.given(instances=INSTANCES)
    invoke.configure(VERIFY_TARGET=verify)
    answer = invoke(event)

    assert [result["outcome"] for result in answer.results] == told.split()
    assert len(invoke.calls("ECS.DescribeInstances")) == look_ups


@pytest.mark.parametrize(
    ("faults", "told", "opened"),
    [
        pytest.param([], "authorized refused", "i-bp1example0001", id="the-first-has-it"),
        pytest.param(
            [{"operation": WRITE, "nth": 1, "status": 400, "code": "InvalidDescription"}],
            "rejected authorized",
            "i-bp1example0002",
            id="the-first-cannot-have-it",
        ),
    ],
)
def test_a_record_waits_for_the_one_that_claimed_its_name(
    invoke: Invoker, faults: list[dict[str, Any]], told: str, opened: str
) -> None:
    """Both have their answer, published once each, and the second may have what the first could not."""
    invoke.given(faults=faults)
    answer = invoke([request(), RIVAL])

    assert [result["outcome"] for result in answer.results] == told.split()
    assert [message["type"] for message in invoke.messages()] == [f"vpcaccess.{kind}" for kind in told.split()]
    assert [entry["InstanceId"] for entry in invoke.accesses()] == [opened]


def test_a_dry_run_plans_only_what_is_not_decided_yet(invoke: Invoker) -> None:
    """What is ignored, or was found to be wrong, says so in a dry run as it does otherwise."""
    invoke.given(instances=INSTANCES)
    invoke.configure(DRY_RUN="true", VERIFY_TARGET="true")
    answer = invoke([state_change(state="Stopped"), request(), ELSEWHERE, request(Port=22)])

    assert [(result["outcome"], result.get("reason")) for result in answer.results] == [
        ("ignored", "state"),
        ("planned", "create"),
        ("refused", "WrongVpc"),
        ("planned", "refuse: PortNotAllowed"),
    ]
    assert not {"CloudAPI.SetVpcAccess", "SMQ.PublishMessage"} & set(invoke.calls())
