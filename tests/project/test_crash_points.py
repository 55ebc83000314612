"""The function is killed at every single point around its outside calls, one after the other, and delivered again.

The points are enumerated, not sampled: each scenario is run once undisturbed to learn its calls, then once for every
point: before a call reaches the cloud, and after it took effect but before the function knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from shared import log
from tests.invoking import VPC, Invoker, new_invoker, queue_event, request, state_change


class Killed(BaseException):
    """SIGKILL: nothing of ours catches it."""


class Scenario(NamedTuple):
    """An event, what was there before, settings, and how many authorizations and answers it must end in."""

    event: Any
    prepare: Callable[[Invoker], object] = lambda _: None
    settings: Mapping[str, str] = MappingProxyType({})
    entries: int = 1
    answers: int = 1


OLD = {"VpcId": VPC, "InstanceId": "i-bp1example0001", "Port": 80}


def _tagged(invoke: Invoker) -> None:
    instance = {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "8080,443"}}
    invoke.given(instances=[instance])


def _ours(invoke: Invoker) -> None:
    invoke.given(entries=[request(Port=80, Tag=[{"Key": "vpc-access-owner", "Value": "team-a"}])])


SCENARIOS = {
    "request": Scenario(queue_event(json.dumps(request()))),
    "notice-two-ports": Scenario(state_change(), _tagged, entries=2, answers=2),
    "replace": Scenario(queue_event(json.dumps(request(Replaces=OLD))), _ours, {"ON_CONFLICT": "replace"}),
    "same-twice-in-a-batch": Scenario(queue_event(*[json.dumps(request())] * 2), answers=2),
    "refused": Scenario(queue_event(json.dumps(request(Port=22))), entries=0),
    "rejected": Scenario(queue_event("{}"), entries=0),
}
WORLDS = [
    {"duplicate": duplicate, "visible_after_reads": reads, "vpc_access_id": given}
    for duplicate in ("error", "overwrite")
    for reads in (0, 2)
    for given in ("present", "absent")
]


def _start(scenario: Scenario, switches: dict[str, Any]) -> Invoker:
    invoker = new_invoker(**switches)
    scenario.prepare(invoker)
    invoker.configure(**scenario.settings)
    return invoker


def _points() -> Iterator[Any]:
    """Yield every (scenario, switches, number of the call, before or after it)."""
    for name, scenario in SCENARIOS.items():
        for switches in WORLDS:
            undisturbed = _start(scenario, switches)
            undisturbed(scenario.event)
            world = "-".join(str(value) for value in switches.values())
            for number, call in enumerate(undisturbed.calls(), 1):
                for moment in ("before", "after"):
                    yield pytest.param(
                        scenario, switches, number, moment, id=f"{name}-{moment}-{number}-{call.split('.')[1]}-{world}"
                    )
    log.configure()


POINTS = list(_points())


@pytest.mark.parametrize(("scenario", "switches", "number", "moment"), POINTS)
def test_a_kill_at_any_point_loses_nothing_and_opens_nothing_twice(
    scenario: Scenario, switches: dict[str, Any], number: int, moment: str
) -> None:
    """After the kill and one redelivery: the same entries, an answer for every record, the id that the gateway has."""
    invoke = _start(scenario, switches)
    seen = 0

    def kill(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Killed

    setattr(invoke, moment, kill)
    with pytest.raises(Killed):
        invoke(scenario.event)
    setattr(invoke, moment, lambda _: None)
    invoke.configure(**scenario.settings)
    again = invoke(scenario.event)
    log.configure()

    assert again.error is None
    entries = {entry["VpcAccessId"] for entry in invoke.accesses()}
    assert len(entries) == len(invoke.accesses()) == scenario.entries
    answers = {message["id"]: message["data"] for message in invoke.messages()}
    assert len(answers) == scenario.answers
    assert {data["VpcAccessId"] for data in answers.values() if "VpcAccessId" in data} == entries


def test_the_points_are_all_there() -> None:
    """Every scenario contributes points before and after each of its calls, under all eight worlds."""
    ids = [str(point.id) for point in POINTS]

    for name, scenario in SCENARIOS.items():
        expected = 2 * len(WORLDS) * (1 if scenario.entries == 0 else 3)
        assert sum(point.startswith(f"{name}-") for point in ids) >= expected
    assert len(set(ids)) == len(ids)
