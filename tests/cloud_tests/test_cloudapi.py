"""CloudAPI's state in the stand-in: every open question both ways, and any sequence of calls against a model."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.cloud.asking import Asker
from tests.cloud.core import Credential, ManualClock, Switches, World
from tests.cloud.ecs import Instance
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served, new_cloud
from tests.cloud.slb import LoadBalancer

ENTRY = {"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80}


def _switch(cloud: Served, **values: Any) -> Asker:
    cloud.world.switches = cloud.world.switches.with_values(**values)
    return Asker(cloud.app)


def _listed(ask: Asker) -> list[tuple[Any, ...]]:
    _status, body = ask("DescribeVpcAccesses", PageSize=100)
    entries = body["VpcAccessAttributes"]["VpcAccessAttribute"]
    return [(e["Name"], e["VpcId"], e["InstanceId"], e["Port"], e["VpcAccessId"]) for e in entries]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, "DuplicateName", id="identical"),
        pytest.param({"Port": 81}, "DuplicateName", id="same-name"),
        pytest.param({"Name": "other"}, "RepeatedVpcAccess", id="same-target"),
    ],
)
def test_a_duplicate_is_an_error_or_overwrites(inner_cloud: Served, changes: dict[str, Any], code: str) -> None:
    """A taken name or target is refused and leaves the old entry, or replaces it and keeps its id."""
    ask = _switch(inner_cloud, duplicate="error")
    _status, made = ask("SetVpcAccess", **ENTRY)
    before = _listed(ask)
    status, refused = ask("SetVpcAccess", **{**ENTRY, **changes})
    assert (status, refused["Code"]) == (400, code)
    assert _listed(ask) == before

    _switch(inner_cloud, duplicate="overwrite")
    status, again = ask("SetVpcAccess", **{**ENTRY, **changes})
    assert (status, again["VpcAccessId"]) == (200, made["VpcAccessId"])
    assert _listed(ask) == [(*{**ENTRY, **changes}.values(), made["VpcAccessId"])]


def test_overwriting_can_swallow_two_entries(inner_cloud: Served) -> None:
    """A set that takes one entry's name and another's target leaves a single entry with the name's id."""
    ask = _switch(inner_cloud, duplicate="overwrite")
    _status, first = ask("SetVpcAccess", **ENTRY)
    ask("SetVpcAccess", **{**ENTRY, "Name": "other", "Port": 81})
    ask("SetVpcAccess", **{**ENTRY, "Port": 81})
    assert _listed(ask) == [("web", "vpc-1", "i-1", 81, first["VpcAccessId"])]


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_a_new_entry_shows_after_n_reads(inner_cloud: Served, reads: int) -> None:
    """It is there for other calls at once, and for DescribeVpcAccesses after n of them."""
    ask = _switch(inner_cloud, visible_after_reads=reads)
    ask("SetVpcAccess", **ENTRY)
    assert ask("DescribeApisByVpcAccess", VpcName="web")[0] == 200
    assert [len(_listed(ask)) for _ in range(reads + 1)] == [0] * reads + [1]


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_a_change_shows_after_n_reads(inner_cloud: Served, reads: int) -> None:
    """ModifyVpcAccessAndUpdateApis is asynchronous: lists may go on showing, and finding, the old target."""
    ask = _switch(inner_cloud, modified_after_reads=reads)
    ask("SetVpcAccess", **ENTRY)
    assert ask("ModifyVpcAccessAndUpdateApis", Name="web", Port=81)[0] == 200
    assert ask("SetVpcAccess", **{**ENTRY, "Name": "other", "Port": 81})[1]["Code"] == "RepeatedVpcAccess"
    assert [_listed(ask)[0][3] for _ in range(reads + 1)] == [80] * reads + [81]


def test_overwriting_a_change_that_does_not_show_yet_shows_at_once(inner_cloud: Served) -> None:
    """An entry that lists show never vanishes from them because it is written twice."""
    ask = _switch(inner_cloud, modified_after_reads=2, duplicate="overwrite")
    ask("SetVpcAccess", **ENTRY)
    ask("ModifyVpcAccessAndUpdateApis", Name="web", Port=81)
    ask("SetVpcAccess", **{**ENTRY, "Port": 82})
    assert [entry[3] for entry in _listed(ask)] == [82]


def test_filters_find_what_is_shown(inner_cloud: Served) -> None:
    """While the old target is shown it is found by it, and not by the new one."""
    ask = _switch(inner_cloud, modified_after_reads=2)
    ask("SetVpcAccess", **ENTRY)
    ask("ModifyVpcAccessAndUpdateApis", Name="web", Port=81)
    totals = [ask("DescribeVpcAccesses", Port=port, AccurateQuery="true")[1]["TotalCount"] for port in (80, 81, 81)]
    assert totals == [1, 0, 1]


@pytest.mark.parametrize("setting", ["present", "absent"])
def test_the_id_is_in_the_answer_or_only_in_the_list(inner_cloud: Served, setting: str) -> None:
    """The answer carries VpcAccessId or not; the list always does."""
    ask = _switch(inner_cloud, vpc_access_id=setting)
    _status, made = ask("SetVpcAccess", **ENTRY)
    assert ("VpcAccessId" in made) == (setting == "present")
    assert len(_listed(ask)[0][-1]) == 32


@pytest.mark.parametrize("port", [0, -1, 65536, 70000])
def test_a_port_out_of_range_is_refused_or_not(inner_cloud: Served, port: int) -> None:
    """Whether the service minds the range is open, so it is a switch."""
    ask = _switch(inner_cloud, port_range="refuse")
    assert ask("SetVpcAccess", **{**ENTRY, "Port": port})[1]["Code"] == "InvalidPort"
    _switch(inner_cloud, port_range="accept")
    assert ask("SetVpcAccess", **{**ENTRY, "Port": port})[0] == 200


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        pytest.param({}, True, id="instance"),
        pytest.param({"InstanceId": "172.16.0.10"}, True, id="address"),
        pytest.param({"InstanceId": "lb-1"}, True, id="load-balancer"),
        pytest.param({"InstanceId": "i-2"}, False, id="unknown-instance"),
        pytest.param({"VpcId": "vpc-2"}, False, id="instance-of-another-vpc"),
    ],
)
def test_a_target_must_exist_or_not(inner_cloud: Served, changes: dict[str, Any], known: bool) -> None:
    """With the check on, only what ECS and SLB show in that VPC can be set; off, anything."""
    inner_cloud.products["ECS"].seed(Instance("i-1", "vpc-1"))
    inner_cloud.products["SLB"].seed(LoadBalancer("lb-1", "vpc-1"))
    ask = _switch(inner_cloud, target_check="on")
    status, body = ask("SetVpcAccess", **{**ENTRY, **changes})
    assert (status, body.get("Code")) == ((200, None) if known else (400, "NotFoundInstanceId"))
    _switch(inner_cloud, target_check="off")
    assert ask("SetVpcAccess", **{**ENTRY, **changes, "Name": "again", "Port": 81})[0] == 200


def test_a_quota_is_enforced_when_there_is_one(inner_cloud: Served) -> None:
    """The entry beyond the quota is refused; overwriting one is not a new entry; without a quota all goes."""
    ask = _switch(inner_cloud, vpc_access_quota=1, duplicate="overwrite")
    ask("SetVpcAccess", **ENTRY)
    assert ask("SetVpcAccess", **{**ENTRY, "Name": "b", "Port": 81})[1]["Code"] == "ExceedLimitVpcAccess"
    assert ask("SetVpcAccess", **{**ENTRY, "Port": 82})[0] == 200
    _switch(inner_cloud, vpc_access_quota=0)
    assert ask("SetVpcAccess", **{**ENTRY, "Name": "b", "Port": 81})[0] == 200


def test_accounts_do_not_see_each_other(inner_cloud: Served) -> None:
    """A key of another account has its own names, targets and list."""
    other = inner_cloud.world.add_credential(Credential("test-foreign", "x", account_id="2222222222222222"))
    mine, theirs = Asker(inner_cloud.app), Asker(inner_cloud.app, other)
    mine("SetVpcAccess", **ENTRY)
    assert _listed(theirs) == []
    assert theirs("SetVpcAccess", **ENTRY)[0] == 200
    assert theirs("RemoveVpcAccess", VpcId="vpc-1", InstanceId="i-1", Port=80)[0] == 200
    assert len(_listed(mine)) == 1


@pytest.mark.parametrize("connectivity", ["open", "closed"])
def test_connectivity_names_the_kind_of_target(inner_cloud: Served, connectivity: str) -> None:
    """An instance is ECS, a load balancer SLB, and the switch says if they are reached; anything else is not."""
    inner_cloud.world.switches = inner_cloud.world.switches.with_values(connectivity=connectivity)
    reached = connectivity == "open"
    ask = Asker(inner_cloud.app)
    seen = []
    for number, target in enumerate(("i-1", "lb-1", "10.0.0.1")):
        _status, made = ask("SetVpcAccess", **{**ENTRY, "Name": target, "InstanceId": target, "Port": 80 + number})
        _status, body = ask("ValidateVpcConnectivity", VpcAccessId=made["VpcAccessId"], InstanceId="apigateway-1")
        seen.append((body["Connected"], body["IpType"]))
    assert seen == [(reached, "ECS"), (reached, "SLB"), (False, "INVALID")]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        pytest.param("duplicate", "ignore", "takes error or overwrite", id="choice"),
        pytest.param("visible_after_reads", "soon", "takes a number from 0", id="number"),
        pytest.param("vpc_access_quota", -1, "takes a number from 0", id="negative"),
        pytest.param("colour", "red", "there are apis_by_backend, ", id="unknown"),
    ],
)
def test_a_wrong_switch_is_refused_with_the_right_ones(name: str, value: object, reason: str) -> None:
    """An unknown switch or value is a ValueError that says what there is."""
    with pytest.raises(ValueError, match=reason):
        Switches().with_values(**{name: value})


@dataclass
class _Entry:
    target: tuple[str, int]
    id: str
    hidden: int = 0
    shown: tuple[str, int] | None = None  # what lists show while it is hidden


class _Model:
    """What set, describe, modify and remove mean, said again in as few lines as possible."""

    def __init__(self, duplicate: str, delay: int, lag: int) -> None:
        self.duplicate, self.delay, self.lag, self.entries = duplicate, delay, lag, dict[str, _Entry]()

    def owner(self, target: tuple[str, int]) -> str:
        return next((name for name, entry in self.entries.items() if entry.target == target), "")

    def set(self, name: str, target: tuple[str, int], new_id: str) -> str:
        owner = self.owner(target)
        if self.duplicate == "error" and (name in self.entries or owner):
            return "DuplicateName" if name in self.entries else "RepeatedVpcAccess"
        by_name, by_target = self.entries.pop(name, None), self.entries.pop(owner, None)
        old = by_name or by_target
        hidden = self.delay if old is None else old.hidden if old.shown is None else 0
        self.entries[name] = _Entry(target, old.id if old else new_id, hidden)
        return self.entries[name].id

    def describe(self) -> list[tuple[str, tuple[str, int], str]]:
        places = {name: entry.shown if entry.hidden else entry.target for name, entry in self.entries.items()}
        seen = [(name, place, self.entries[name].id) for name, place in places.items() if place]
        for entry in self.entries.values():
            entry.hidden = max(0, entry.hidden - 1)
        return seen

    def modify(self, name: str, target: tuple[str, int]) -> str:
        if name not in self.entries:
            return "NotFoundVpcAccess"
        if self.owner(target) not in {"", name}:
            return "RepeatedVpcAccess"
        entry = self.entries[name]
        shown = entry.shown if entry.hidden else entry.target
        self.entries[name] = replace(entry, target=target, shown=shown, hidden=max(entry.hidden, self.lag))
        return ""

    def remove(self, target: tuple[str, int]) -> str:
        owner = self.owner(target)
        return "" if self.entries.pop(owner, None) else "NotFoundVpcAccess"


_NAMES = st.sampled_from(["a", "b", "c"])
_TARGETS = st.tuples(st.sampled_from(["i-1", "lb-2", "10.0.0.3"]), st.sampled_from([80, 443]))
_CLIENTS = st.sampled_from([PERMANENT, TEMPORARY])


class _Machine(RuleBasedStateMachine):
    switches = Switches()

    def __init__(self) -> None:
        super().__init__()
        self.cloud = new_cloud(World(clock=ManualClock(), switches=self.switches))
        self.with_id = self.switches.vpc_access_id == "present"
        switches = self.switches
        self.model = _Model(switches.duplicate, switches.visible_after_reads, switches.modified_after_reads)

    def teardown(self) -> None:
        self.cloud.close()

    def _new_id(self, name: str) -> str:
        entries = {access.name: access for access in self.cloud["CloudAPI"].entries.everything()}
        return str(entries[name].vpc_access_id) if name in entries else ""

    @rule(key=_CLIENTS, name=_NAMES, place=_TARGETS)
    def set(self, key: Credential, name: str, place: tuple[str, int]) -> None:
        _status, body = Asker(self.cloud, key)(
            "SetVpcAccess", Name=name, VpcId="vpc-1", InstanceId=place[0], Port=place[1]
        )
        expected = self.model.set(name, place, self._new_id(name))
        got = body.get("Code") or body.get("VpcAccessId")
        assert got == (expected if self.with_id or body.get("Code") else None)

    @rule(key=_CLIENTS)
    def describe(self, key: Credential) -> None:
        found = [(name, (instance, port), id_) for name, _, instance, port, id_ in _listed(Asker(self.cloud, key))]
        assert found == self.model.describe()

    @rule(key=_CLIENTS, name=_NAMES, place=_TARGETS)
    def modify(self, key: Credential, name: str, place: tuple[str, int]) -> None:
        _status, body = Asker(self.cloud, key)(
            "ModifyVpcAccessAndUpdateApis", Name=name, InstanceId=place[0], Port=place[1]
        )
        assert body.get("Code", "") == self.model.modify(name, place)

    @rule(key=_CLIENTS, place=_TARGETS)
    def remove(self, key: Credential, place: tuple[str, int]) -> None:
        _status, body = Asker(self.cloud, key)("RemoveVpcAccess", VpcId="vpc-1", InstanceId=place[0], Port=place[1])
        assert body.get("Code", "") == self.model.remove(place)


@pytest.mark.parametrize(
    ("duplicate", "reads", "lag", "vpc_access_id"),
    list(itertools.product(["error", "overwrite"], [0, 2], [0, 1], ["present", "absent"])),
    ids=str,
)
def test_any_sequence_agrees_with_the_model(duplicate: str, reads: int, lag: int, vpc_access_id: str) -> None:
    """Whatever two clients do in whatever order, answers and lists are those of the model, under every switch."""
    switches = Switches(
        duplicate=duplicate, visible_after_reads=reads, modified_after_reads=lag, vpc_access_id=vpc_access_id
    )
    run_state_machine_as_test(
        type("Machine", (_Machine,), {"switches": switches}),
        settings=settings(
            max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
