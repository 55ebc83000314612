"""The functions are killed at every single point around their outside calls, one after the other, and run again.

An event is delivered again; a sweep is not, and the next one goes on.

The points are enumerated, not sampled: each scenario is run once undisturbed to learn its calls, then once for every
point: before a call reaches the cloud, and after it took effect but before the function knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from functions.reconcile_vpc_access.index import work as reconcile
from functions.release_vpc_access.index import work as release
from functions.set_vpc_access.index import work as authorize
from shared import log
from shared.flow.engine import Work
from tests.invoking import VPC, Invoker, new_invoker, queue_event, request, state_change
from tests.release_worlds import schedule


class Killed(BaseException):
    """SIGKILL: nothing of ours catches it."""


class Scenario(NamedTuple):
    """An event, what was there before, settings, and how many authorizations and answers it must end in; for which function."""

    event: Any
    prepare: Callable[[Invoker], object] = lambda _: None
    settings: Mapping[str, str] = MappingProxyType({})
    entries: int = 1
    answers: int = 1
    work: Work = authorize
    late: Callable[[Invoker, str], None] = lambda _invoke, _operation: None  # what happens just before a call


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

GONE, THEIRS = "i-bp1example0001", "theirs"
ENTRY = request(Name="ours", InstanceId=GONE, Port=80, VpcAccessId="id-1", CreatedTime="2026-01-05T03:18:26Z")
API = {"ApiId": "a-1", "VpcName": "ours"}


def _marked(entry: Mapping[str, Any], owner: str) -> dict[str, Any]:
    marks = {"vpc-access-owner": owner, "vpc-access-origin": "announced"}
    return {**entry, "Tag": [{"Key": key, "Value": value} for key, value in marks.items()]}


def _dead(invoke: Invoker) -> None:
    """Let an entry of ours and a foreign one open an instance that is gone, and another instance live."""
    entries = [_marked(ENTRY, "team-a"), _marked(request(Name=THEIRS, InstanceId=GONE, Port=443), "team-b")]
    invoke.given(entries=entries, instances=[{"InstanceId": "i-bp1example0002", "VpcId": VPC}])


def _dead_and_used(invoke: Invoker) -> None:
    _dead(invoke)
    invoke.given(apis=[API])


def _used_too_late(invoke: Invoker, operation: str) -> None:
    if operation == "RemoveVpcAccess":
        invoke.given(apis=[API])


DUE = queue_event(schedule(ENTRY))
RELEASES = {
    "schedule": Scenario(state_change(GONE, "Deleted"), _dead, work=release),
    "release": Scenario(DUE, _dead, work=release),
    "release-twice-in-a-batch": Scenario(queue_event(*[schedule(ENTRY)] * 2), _dead, work=release),
    "release-in-use": Scenario(DUE, _dead_and_used, work=release),
    "release-used-too-late": Scenario(DUE, _dead, work=release, late=_used_too_late),
}
RELEASE_WORLDS = [
    {"remove_in_use": in_use, "remove_absent": absent}
    for in_use in ("remove", "refuse")
    for absent in ("refuse", "accept")
]

TIMER = {"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": "60"}


def _swept(invoke: Invoker) -> None:
    """Let an instance be open, another one not yet, and let an entry open one that is gone."""
    there = {"VpcId": VPC, "Tags": {"apigateway-port": "80"}}
    instances = [{"InstanceId": f"i-bp1example000{number}", **there} for number in (2, 3)]
    open_one = request(Name="open", InstanceId="i-bp1example0003", Port=80, CreatedTime="2026-01-04T03:18:26Z")
    invoke.given(instances=instances, entries=[_marked(ENTRY, "team-a"), _marked(open_one, "team-a")])


SWEEP = Scenario(TIMER, _swept, work=reconcile)


def _start(scenario: Scenario, switches: dict[str, Any]) -> Invoker:
    invoker = new_invoker(**switches)
    invoker.work = scenario.work
    scenario.prepare(invoker)
    invoker.before = lambda operation: scenario.late(invoker, operation)
    invoker.configure(**scenario.settings)
    return invoker


def _points(scenarios: Mapping[str, Scenario], worlds: list[dict[str, Any]]) -> Iterator[Any]:
    """Yield every (scenario, switches, number of the call, before or after it)."""
    for name, scenario in scenarios.items():
        for switches in worlds:
            undisturbed = _start(scenario, switches)
            undisturbed(scenario.event)
            world = "-".join(str(value) for value in switches.values())
            for number, call in enumerate(undisturbed.calls(), 1):
                for moment in ("before", "after"):
                    yield pytest.param(
                        scenario, switches, number, moment, id=f"{name}-{moment}-{number}-{call.split('.')[1]}-{world}"
                    )
    log.configure()


POINTS = list(_points(SCENARIOS, WORLDS))
LATE = {"release-used-too-late": RELEASES["release-used-too-late"]}  # the only one that is refused as in use
SWEEP_POINTS = list(_points({"sweep": SWEEP}, WORLDS))
RELEASE_POINTS = [*_points(RELEASES, RELEASE_WORLDS[:2]), *_points(LATE, RELEASE_WORLDS[2:])]


def _killed(scenario: Scenario, switches: dict[str, Any], number: int, moment: str) -> Invoker:
    """Kill the function at a point, and deliver again to a new instance of it."""
    invoke = _start(scenario, switches)
    seen = 0

    def kill(operation: str) -> None:
        nonlocal seen
        if moment == "before":
            scenario.late(invoke, operation)
        seen += 1
        if seen == number:
            raise Killed

    late = invoke.before
    setattr(invoke, moment, kill)
    with pytest.raises(Killed):
        invoke(scenario.event)
    invoke.before, invoke.after = late, lambda _: None
    invoke.configure(**scenario.settings)
    again = invoke(scenario.event)
    log.configure()

    assert again.error is None
    return invoke


@pytest.mark.parametrize(("scenario", "switches", "number", "moment"), POINTS)
def test_a_kill_at_any_point_loses_nothing_and_opens_nothing_twice(
    scenario: Scenario, switches: dict[str, Any], number: int, moment: str
) -> None:
    """After the kill and one redelivery: the same entries, an answer for every record, the id that the gateway has."""
    invoke = _killed(scenario, switches, number, moment)

    entries = {entry["VpcAccessId"] for entry in invoke.accesses()}
    assert len(entries) == len(invoke.accesses()) == scenario.entries
    answers = {message["id"]: message["data"] for message in invoke.messages()}
    assert len(answers) == scenario.answers
    assert {data["VpcAccessId"] for data in answers.values() if "VpcAccessId" in data} == entries


@pytest.mark.parametrize(("scenario", "switches", "number", "moment"), RELEASE_POINTS)
def test_a_kill_at_any_point_releases_at_most_once_and_tells_of_it_under_one_id(
    scenario: Scenario, switches: dict[str, Any], number: int, moment: str
) -> None:
    """After the kill, one redelivery and whatever that has scheduled: gone and told as released, or there and told as kept."""
    invoke = _killed(scenario, switches, number, moment)
    if scenario.event is not DUE and invoke.calls("SMQ.SendMessage"):
        assert invoke.due(3600).error is None
        log.configure()
    told = {(message["id"], message["type"], message["data"]["Name"]) for message in invoke.messages()}
    mine = [(kind, name) for _, kind, name in told if name == "ours"]
    left = {entry["Name"] for entry in invoke.accesses()}

    assert mine == [("vpcaccess.kept" if "ours" in left else "vpcaccess.released", "ours")]
    assert THEIRS in left
    if scenario.late is not _used_too_late:
        assert ("ours" in left) == (scenario.prepare is _dead_and_used)
    assert [call.status for call in invoke.served.world.journal("CloudAPI.RemoveVpcAccess")].count(200) <= 1
    assert {call.operation for call in invoke.served.world.journal() if call.write} <= WRITES


WRITES = {"CloudAPI.RemoveVpcAccess", "SMQ.SendMessage", "SMQ.PublishMessage"}


@pytest.mark.parametrize(("scenario", "switches", "number", "moment"), SWEEP_POINTS)
def test_a_sweep_that_is_killed_at_any_point_is_made_good_by_the_next(
    scenario: Scenario, switches: dict[str, Any], number: int, moment: str
) -> None:
    """After the kill, the next sweep and what both have scheduled: opened once and told under one id, and released once."""
    invoke = _killed(scenario, switches, number, moment)
    made = {entry["VpcAccessId"] for entry in invoke.accesses() if entry["InstanceId"] == "i-bp1example0002"}
    assert len(made) == len(invoke.accesses()) - 2 == 1
    assert invoke.doing(release).due(3600).error is None
    log.configure()

    told = {(message["id"], message["data"]["VpcAccessId"]) for message in invoke.messages()}
    assert sorted(its_id for _, its_id in told) == sorted([*made, "id-1"])
    assert [call.status for call in invoke.served.world.journal("CloudAPI.RemoveVpcAccess")].count(200) == 1


def test_the_points_are_all_there() -> None:
    """Every scenario contributes points before and after each of its calls, under all its worlds."""
    ids = [str(point.id) for point in (*POINTS, *RELEASE_POINTS, *SWEEP_POINTS)]

    for name, scenario in SCENARIOS.items():
        expected = 2 * len(WORLDS) * (1 if scenario.entries == 0 else 3)
        assert sum(point.startswith(f"{name}-") for point in ids) >= expected
    for name in RELEASES:
        calls = 2 if name == "schedule" else 8
        assert sum(point.startswith(f"{name}-") for point in ids) >= 2 * calls * (4 if name in LATE else 2)
    assert len(SWEEP_POINTS) >= 2 * len(WORLDS) * 13
    assert len(set(ids)) == len(ids)
