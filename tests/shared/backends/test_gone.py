"""An announcement whose backend is gone ends after an hour, if that is proven; and it costs nobody else a call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.clock import utc
from tests.cloud.fc.triggers.config import Retry
from tests.cloud.seeds import seed
from tests.events_table import EVENTS
from tests.invoking import VPC, Invoker, state_change

GONE = "i-bp1example0001"
OTHERS = [{"InstanceId": f"i-live{number}", "VpcId": VPC} for number in range(3)]
TAGGED = {"InstanceId": GONE, "VpcId": VPC, "Tags": {"apigateway-port": "8080"}}
YOUNG, OLD = 3_500, 3_700
LOOK_UP = "ECS.DescribeInstances"
UNKNOWN = {"operation": LOOK_UP, "status": 400, "code": "UnheardOf", "from": 2}


def announce(invoke: Invoker, age: float, **changes: Any) -> dict[str, Any]:
    """Hand over an announcement of that age and return the log line of its record, with the calls of ECS."""
    invoke(state_change(**{"instance_id": GONE, "time": utc(invoke.clock.now() - age), **changes}))
    (line,) = [line for line in invoke.lines() if line["event"] == "record"]
    return line


@pytest.mark.parametrize(
    ("age", "world", "changes", "said", "look_ups"),
    [
        pytest.param(YOUNG, OTHERS, {}, "failed InstanceNotFound", 5, id="young-may-not-show-yet"),
        pytest.param(OLD, OTHERS, {}, "ignored gone", 4, id="old-and-gone"),
        pytest.param(OLD, [], {}, "failed InstanceNotFound", 4, id="nothing-else-to-see"),
        pytest.param(OLD, OTHERS, {"time": ""}, "failed InstanceNotFound", 5, id="tells-no-time"),
        pytest.param(OLD, OTHERS, {"state": "Pending"}, "ignored not-yet", 1, id="announced-again-anyway"),
        pytest.param(OLD, [TAGGED, *OTHERS], {}, "authorized", 1, id="alive"),
        pytest.param(YOUNG, [TAGGED], {}, "authorized", 1, id="alive-and-young"),
    ],
)
def test_old_announcement_ends_with_the_proof(
    invoke: Invoker, age: int, world: list[dict[str, Any]], changes: dict[str, Any], said: str, look_ups: int
) -> None:
    """Final is only what is old and proven; whoever does not ask for a proof makes the calls that he made before."""
    invoke.given(instances=world)
    line = announce(invoke, age, **changes)

    assert f"{line['outcome']} {line.get('reason', '')}".strip() == said
    assert len(invoke.calls(LOOK_UP)) == look_ups
    assert line.get("retry", False) == said.startswith("failed")


@pytest.mark.parametrize(
    ("rights", "fault", "reason"),
    [
        pytest.param({"unseen": [GONE, *(item["InstanceId"] for item in OTHERS)]}, {}, "InstanceNotFound", id="hidden"),
        pytest.param({"denied": ["ecs:DescribeInstances"]}, {}, "Forbidden.RAM", id="no-right"),
        pytest.param({}, UNKNOWN, "UnheardOf", id="unknown-refusal"),
        pytest.param({}, {**UNKNOWN, "code": "InvalidParameter"}, "InvalidParameter", id="refused"),
        pytest.param({}, {**UNKNOWN, "status": 503, "code": "ServiceUnavailable"}, "ServiceUnavailable", id="outage"),
    ],
)
def test_what_is_not_proven_stays_due(
    invoke: Invoker, rights: dict[str, Any], fault: dict[str, Any], reason: str
) -> None:
    """However old it is: what stands in the way of the proof is told, and the announcement comes again."""
    seed(invoke.served.app, {"instances": OTHERS, "permissions": [rights] if rights else []})
    if fault:
        invoke.given(faults=[fault])
    line = announce(invoke, 20 * 3_600)

    assert (line["outcome"], line["retry"]) == ("failed", True)
    assert line["reason"].startswith(reason)


@pytest.mark.parametrize(
    ("age", "said"),
    [pytest.param(OLD, "ignored gone", id="old"), pytest.param(YOUNG, "failed InstanceNotFound", id="young")],
)
def test_load_balancer_that_is_gone_needs_no_proof(invoke: Invoker, age: int, said: str) -> None:
    """Its look-up answers with a code that says so, while its tags may still be listed."""
    balancer = {"LoadBalancerId": "lb-bp1example0002", "VpcId": VPC, "Tags": {"apigateway-port": "80"}}
    invoke.given(load_balancers=[balancer])
    not_found = {"status": 404, "code": "InvalidLoadBalancerId.NotFound"}
    invoke.given(faults=[{"operation": "SLB.DescribeLoadBalancerAttribute", **not_found}])
    event = json.loads((EVENTS / "slb" / "port-from-listener.json").read_text(encoding="utf-8"))
    invoke({**event, "time": utc(invoke.clock.now() - age)})
    (line,) = [line for line in invoke.lines() if line["event"] == "record"]

    assert f"{line['outcome']} {line['reason']}" == said
    assert invoke.calls(LOOK_UP) == []


def test_old_and_young_of_a_batch_are_told_apart(invoke: Invoker) -> None:
    """Of two announcements of one instance the old one ends, and the young one waits: it may not show yet."""
    invoke.given(instances=OTHERS)
    now = invoke.clock.now()
    invoke([state_change(GONE, time=utc(now - age)) for age in (OLD, YOUNG)])
    lines = [line for line in invoke.lines() if line["event"] == "record"]

    assert [line["reason"] for line in lines] == ["gone", "InstanceNotFound"]


def test_released_instance_costs_an_hour_of_look_ups(invoke: Invoker) -> None:
    """With the retries of the template's rule, an instance that was released before its announcement came is final in an hour."""
    invoke.given(instances=OTHERS)
    event = state_change(GONE, time=utc(invoke.clock.now()))
    begun, deliveries = invoke.clock.now(), 0
    for wait in (0.0, *Retry.named("EXPONENTIAL_DECAY_RETRY").waits):
        invoke.clock.advance(wait)
        deliveries += 1
        if invoke(event).error is None:
            break

    assert invoke.lines()[-1]["ignored_because"] == {"gone": 1}
    assert 3_600 < invoke.clock.now() - begun < 3_600 + 512 + 60
    assert (deliveries, len(invoke.calls(LOOK_UP))) == (16, 79)
