"""The plan of a sweep over random worlds, against an oracle that knows the rules and not the code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, example, find, given
from hypothesis import settings as rounds
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from shared.access.sweep import KINDS, Item, Sweep, plan_sweep
from shared.model.access import VpcAccess
from shared.model.backend import Backend, Inventory
from shared.settings import Settings, load
from tests.invoking import SETTINGS, VPC

OURS, TAG = "team-a", "apigateway-port"
OTHER_VPC = "vpc-bp1example0002"  # not in ALLOWED_VPC_IDS
ALLOWED_PORTS = {80, 443, *range(8000, 9000)}
INSTANCES, BALANCER = ("i-1", "i-2", "i-3"), "lb-1"
BACKENDS = (*INSTANCES, BALANCER)
TARGETS = (*BACKENDS, "10.0.0.1", "alb-1", "nlb-1")
PORTS = {"8080": (8080,), "80,22": (80, 22), "listener": (), "soup": (), "": ()}  # of an instance, by its tag's value

Target = tuple[str, str, int]


@cache
def _settings(most: int, origin: str) -> Settings:
    return load({**SETTINGS, "RELEASE_MAX_PER_RUN": str(most), "RELEASE_ORIGIN": origin})


class Scene(NamedTuple):
    """What there is, and how the operator set the limits. ``crowd`` more entries of ours have lost their backends."""

    entries: tuple[VpcAccess, ...] = ()
    tagged: tuple[Backend, ...] = ()
    alive: tuple[tuple[str, bool], ...] = ()  # of those that are not tagged
    problems: tuple[str, ...] = ()
    crowd: int = 0
    most: int = 3
    origin: str = "announced"

    @property
    def settings(self) -> Settings:
        """The settings of the suite with these limits."""
        return _settings(self.most, self.origin)

    @property
    def gateway(self) -> tuple[VpcAccess, ...]:
        lost = (_entry(f"lost-{n}", f"i-lost{n}", 8080, OURS, "announced", f"lost-{n}") for n in range(self.crowd))
        return (*self.entries, *lost)

    @property
    def inventory(self) -> Inventory:
        lost = {f"i-lost{n}": False for n in range(self.crowd)}
        tagged = {backend.instance_id: backend for backend in self.tagged}
        return Inventory(tagged, {**lost, **dict(self.alive), **dict.fromkeys(tagged, True)}, self.problems)


def _entry(
    name: str, instance: str, port: int, owner: str | None, origin: str | None, its_id: str, vpc: str = VPC
) -> VpcAccess:
    marks = (("vpc-access-owner", owner), ("vpc-access-origin", origin))
    tags = tuple((key, value) for key, value in marks if value is not None)
    created = "2026-01-05T04:00:00Z" if its_id else ""
    return VpcAccess(name, vpc, instance, port, tags=tags, vpc_access_id=its_id, created_time=created)


@st.composite
def entries(draw: st.DrawFn) -> VpcAccess:
    """Draw an entry: often called as ours are, sometimes for a target that its name does not say."""
    port, instance = draw(st.sampled_from((8080, 80, 22))), draw(st.sampled_from(TARGETS))
    named = draw(st.sampled_from(TARGETS)) if draw(st.integers(0, 3)) == 0 else instance
    name = draw(st.sampled_from((f"team-a-{named}-{port}", "orders", "invoices")))
    owner = draw(st.sampled_from((OURS, OURS, OURS, "team-b", None)))
    origin = draw(st.sampled_from(("announced", "announced", "requested", "named", None)))
    its_id = draw(st.sampled_from((f"id-{name}", f"id-{name}", "")))
    return _entry(name, instance, port, owner, origin, its_id, draw(st.sampled_from((VPC, VPC, OTHER_VPC))))


@st.composite
def backends(draw: st.DrawFn) -> Backend:
    """Draw a tagged backend, whose tag may be nonsense."""
    instance = draw(st.sampled_from(BACKENDS))
    running = "active" if instance == BALANCER else "Running"
    return Backend(
        instance,
        draw(st.sampled_from((VPC, VPC, VPC, OTHER_VPC, ""))),
        {TAG: draw(st.sampled_from(sorted(PORTS)))},
        listener_ports=draw(st.sampled_from(((), (80,)))) if instance == BALANCER else (),
        status=draw(st.sampled_from((running, running, "Stopped", ""))),
    )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Draw a world in which ids and names clash."""
    return Scene(
        tuple(draw(st.lists(entries(), max_size=7, unique_by=lambda entry: entry.name))),
        tuple(draw(st.lists(backends(), max_size=4, unique_by=lambda backend: backend.instance_id))),
        tuple((item, alive) for item in BACKENDS if (alive := draw(st.sampled_from((False, True, None)))) is not None),
        draw(st.sampled_from(((), (), (), ("no permission",)))),
        draw(st.sampled_from((0, 0, 0, 1, 2, 3, 4, 12, 40))),
        draw(st.sampled_from((0, 1, 3, 10))),
        draw(st.sampled_from(("announced", "any"))),
    )


class Rules:
    """The rules of design 4 and 5, read off the scene. ``broken`` says which of them a plan does not keep."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.ours = [entry for entry in scene.gateway if entry.owner == OURS]
        self.opened = Counter(entry.target for entry in scene.gateway)
        self.names = {entry.name for entry in scene.gateway}
        self.inventory = scene.inventory

    def asked(self, *, running: bool) -> dict[Target, str]:
        """Return the targets that tags ask for, each with the name it would get."""
        targets = {}
        for backend in self.inventory.tagged.values():
            if backend.vpc_id and (backend.is_running or not running):
                listens = backend.listener_ports if backend.tags[TAG] == "listener" else PORTS[backend.tags[TAG]]
                for port in listens:
                    name = f"team-a-{backend.instance_id}-{port}"
                    targets[backend.vpc_id, backend.instance_id, port] = name
        return targets

    def creatable(self) -> set[Target]:
        """Return what a sweep has to open: asked for, running, allowed, opened by nobody, and its name free."""
        return {
            target
            for target, name in self.asked(running=True).items()
            if target[0] == VPC and target[2] in ALLOWED_PORTS and not self.opened[target] and name not in self.names
        }

    def origins(self) -> set[str | None]:
        """Return the origins of what a sweep may schedule."""
        return {"announced"} if self.scene.origin == "announced" else {"announced", "requested", None}

    def releasable(self) -> set[str]:
        """Return the names of what may go: ours, from an announcement, known by its id, alone there, proven to be gone."""
        return {
            entry.name
            for entry in self.ours
            if entry.origin in self.origins()
            and entry.instance_id.startswith(("i-", "lb-"))
            and self.inventory.alive.get(entry.instance_id) is False
            and entry.vpc_access_id
            and self.opened[entry.target] == 1
        }

    def scheduled(self) -> set[str]:
        """Return the names of what is to be scheduled: all that may go, or nothing."""
        could_go = sum(
            entry.origin in self.origins() and entry.instance_id.startswith(("i-", "lb-")) for entry in self.ours
        )
        most = max(self.scene.most, could_go * 3 // 10 if could_go >= 10 else 0)
        found = self.releasable()
        return set() if self.scene.problems or len(found) > most else found

    def broken(self, sweep: Sweep) -> list[str]:
        """Return the rules that a plan breaks."""
        kinds = {kind: sweep.of(kind) for kind in KINDS}
        foreign = {entry.name for entry in self.scene.gateway} - {entry.name for entry in self.ours}
        held = {item.access.name for item in kinds["held back"]}
        kept = {item.access.name for kind in ("keep", "drift") for item in kinds[kind] if item.before is None}
        rules = {
            "creates what is asked for, running, allowed and not open": (
                _targets(kinds["create"]) == Counter(self.creatable())
                and all(item.access.owner == OURS and item.access.origin == "announced" for item in kinds["create"])
            ),
            "releases what is ours, announced and gone, all of it or nothing": (
                Counter(item.access.name for item in kinds["release"]) == Counter(self.scheduled())
            ),
            "holds back what it does not release": held == self.releasable() - self.scheduled(),
            "says why, and tells nothing of use that nobody asked about": (
                all(item.reason for kind in ("held back", "stays", "refused") for item in kinds[kind])
                and not kinds["in use"]
            ),
            "has each entry of ours once": self._entries(sweep) == Counter(entry.name for entry in self.ours),
            "has each target that is asked for once": self._answers(sweep),
            "has foreign entries for telling only": not any(
                item.access in self.scene.gateway and item.access.name in foreign for item in sweep.items
            )
            and not any(item.before.name in foreign for item in sweep.items if item.before and item.kind != "foreign"),
            "tells of what no tag asks for any more": (
                {item.access.name for item in kinds["drift"] if item.reason in ("PortTag", "Untagged")}
                == self._unasked()
            ),
            "keeps no entry whose backend is gone": not any(
                self.inventory.alive.get(entry.instance_id) is False
                for entry in self.ours
                if entry.name in kept and entry.instance_id.startswith(("i-", "lb-"))
            ),
        }
        return [rule for rule, holds in rules.items() if not holds]

    def _unasked(self) -> set[str]:
        """Return the names of entries from announcements whose backend lives, runs or not, and does not ask for them."""
        asked, names = self.asked(running=False), self.asked(running=True).values()
        return {
            entry.name
            for entry in self.ours
            if entry.origin == "announced"
            and entry.instance_id in BACKENDS
            and self.inventory.alive.get(entry.instance_id) is True
            and entry.target not in asked
            and not (entry.name in names and not self._is_opened_or_refused(entry.name))
            and not self.scene.problems
        }

    def _is_opened_or_refused(self, name: str) -> bool:
        """Tell whether the target that is to have a name needs it no more: somebody opens it, or policy forbids it."""
        (target,) = (target for target, wanted in self.asked(running=True).items() if wanted == name)
        return self.opened[target] > 0 or target[0] != VPC or target[2] not in ALLOWED_PORTS

    def _entries(self, sweep: Sweep) -> Counter[str]:
        """Count how often each entry of ours stands in the plan, by itself or as what is there instead."""
        return Counter(
            entry.name
            for item in sweep.items
            for entry in (item.access, item.before)
            if entry is not None and entry in self.ours
        )

    def _answers(self, sweep: Sweep) -> bool:
        """Tell whether each asked target has one item, or one for each entry of ours that opens it."""
        found = _targets(sweep.items)
        opened = Counter(entry.target for entry in self.ours)
        return all(found[target] == max(1, opened[target]) for target in self.asked(running=True))


def _targets(items: Iterable[Item]) -> Counter[Target]:
    return Counter(item.access.target for item in items)


def _planned(scene: Scene) -> Sweep:
    return plan_sweep(scene.gateway, scene.inventory, scene.settings)


DEAD = _entry("team-a-i-1-8080", "i-1", 8080, OURS, "announced", "id-1")
RUNNING = Backend("i-2", VPC, {TAG: "8080"}, status="Running")


@rounds(max_examples=300, deadline=None)
@given(scenes())
@example(Scene((DEAD._replace(name="team-a-i-2-8080"),), (RUNNING,), (("i-1", False),)))
@example(Scene((DEAD._replace(name="team-a-i-2-8080"),), (RUNNING._replace(vpc_id=OTHER_VPC),), (("i-1", False),)))
@example(Scene((DEAD._replace(instance_id="i-2"), DEAD._replace(name="b", instance_id="i-2")), (RUNNING,)))
@example(Scene((DEAD, DEAD._replace(name="b", tags=())), (), (("i-1", False),)))
@example(Scene((DEAD._replace(vpc_access_id=""),), (), (("i-1", False),)))
@example(Scene((DEAD,), (), (("i-1", False),), crowd=3))
@example(Scene((DEAD,), (), (("i-1", False),), problems=("half",)))
def test_every_plan_keeps_the_rules(scene: Scene) -> None:
    """Whatever the world is like, the plan creates and schedules exactly what the rules say, and tells of all the rest."""
    assert Rules(scene).broken(_planned(scene)) == []


@rounds(max_examples=100, deadline=None)
@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_what_is_there_does_not_matter(scene: Scene, random: Any) -> None:
    """The same world gives the same plan, in whatever order it is listed."""
    listed, tagged, alive = (
        list(scene.gateway),
        list(scene.inventory.tagged.items()),
        list(scene.inventory.alive.items()),
    )
    for some in (listed, tagged, alive):
        random.shuffle(some)
    again = plan_sweep(listed, Inventory(dict(tagged), dict(alive), scene.problems), scene.settings)

    assert again == _planned(scene)
    assert again.checksum() == _planned(scene).checksum()


def _decisions(sweep: Sweep) -> set[tuple[Any, ...]]:
    """Return what a plan would make and schedule."""
    done = (item for item in sweep.items if item.kind in ("create", "release"))
    return {(item.kind, item.access.name, item.access.target, item.access.vpc_access_id) for item in done}


@rounds(max_examples=300, deadline=None)
@given(st.lists(scenes(), min_size=2, max_size=4))
@example([Scene((DEAD,), (), (("i-1", False),)), Scene((DEAD._replace(vpc_access_id="id-2"),), (), (("i-1", False),))])
@example([Scene((DEAD,), (), (("i-1", False),)), Scene((DEAD,), (), (("i-1", False),), problems=("half",))])
@example([Scene((DEAD,), (), (("i-1", False),)), Scene((DEAD._replace(description="new"),), (), (("i-1", False),))])
@example([Scene(), Scene((DEAD,), (RUNNING._replace(status="Stopped"),), (("i-1", True),))])
def test_the_checksum_stands_for_what_would_be_done(worlds: list[Scene]) -> None:
    """Two plans have one checksum exactly if they make and schedule the same, whatever else they tell."""
    plans = [_planned(scene) for scene in worlds]

    for one in plans:
        for other in plans:
            assert (one.checksum() == other.checksum()) == (_decisions(one) == _decisions(other))


def test_what_is_made_as_somebody_elses_has_another_checksum() -> None:
    """The owner's mark says who may release an entry later, so it is part of what was planned, whatever the names are."""
    backend = Backend("i-1", VPC, {"apigateway-port": "8080"}, status="Running")
    plans = [
        plan_sweep(
            [],
            Inventory({"i-1": backend}, {"i-1": True}),
            load({**SETTINGS, "OWNER": owner, "NAME_TEMPLATE": "x-{instance_id}-{port}"}),
        )
        for owner in ("team-a", "team-b")
    ]

    assert [[item.access.name for item in plan.items] for plan in plans] == [["x-i-1-8080"]] * 2
    assert plans[0].checksum() != plans[1].checksum()


def test_what_is_of_no_kind_of_ours_asks_for_nothing() -> None:
    """A tagged resource whose id is neither an instance's nor a load balancer's is passed over."""
    assert _planned(Scene(tagged=(Backend("eni-1", VPC, {TAG: "8080"}, status="Running"),))).items == ()


def test_what_is_opened_twice_is_told_as_ours() -> None:
    """Where an entry of ours and another's open the same target, ours is kept and the other is nobody's business."""
    ours = _entry("ours", "i-1", 8080, OURS, "announced", "id-1")
    backend = Backend("i-1", VPC, {TAG: "8080"}, status="Running")
    items = [
        [(item.kind, item.access.name) for item in _planned(Scene(pair, (backend,))).items]
        for theirs in [ours._replace(name="theirs", tags=(), vpc_access_id="id-2")]
        for pair in [(ours, theirs), (theirs, ours)]
    ]

    assert items[0] == items[1]
    assert {name for _, name in items[0]} == {"ours"}


def test_what_uses_an_entry_keeps_it() -> None:
    """A release becomes ``in use`` by its name alone, moves to its kind, changes the checksum, and nothing else changes."""
    scene = Scene((DEAD, DEAD._replace(name="z", instance_id="i-3")), (RUNNING,), (("i-1", False), ("i-3", False)))
    plan = _planned(scene)
    used = plan.using({DEAD.name: ["API orders"], "z": []})

    assert [item.access.name for item in used.of("in use")] == [DEAD.name]
    assert [item.kind for item in used.items] == [kind for kind, count in used.counts().items() for _ in range(count)]
    assert used.counts() == {**plan.counts(), "release": 1, "in use": 1}
    assert used.checksum() != plan.checksum()


def test_a_later_problem_holds_every_release_back() -> None:
    """What cannot be looked up after the plan was made schedules nothing either, and creations stay."""
    plan = _planned(Scene((DEAD,), (RUNNING,), (("i-1", False),)))
    partial = plan.partial("who uses it")

    assert [item.reason for item in partial.of("held back")] == ["PartialView"]
    assert partial.counts() == {"create": 1, "held back": 1}
    assert partial.problems == ("who uses it",)


def _with(scene: Scene, **changes: Any) -> Inventory:
    return scene.inventory._replace(**changes)


def _no_breaker(scene: Scene) -> Sweep:
    return plan_sweep(scene.gateway, scene.inventory, scene.settings._replace(release_max_per_run=10**6))


def _unknown_is_gone(scene: Scene) -> Sweep:
    every = {entry.instance_id: False for entry in scene.gateway}
    return plan_sweep(scene.gateway, _with(scene, alive={**every, **scene.inventory.alive}), scene.settings)


def _stopped_is_not_asked(scene: Scene) -> Sweep:
    tagged = {name: backend for name, backend in scene.inventory.tagged.items() if backend.is_running}
    return plan_sweep(scene.gateway, _with(scene, tagged=tagged), scene.settings)


def _stopped_is_gone(scene: Scene) -> Sweep:
    stopped = {name: False for name, backend in scene.inventory.tagged.items() if not backend.is_running}
    return plan_sweep(scene.gateway, _with(scene, alive={**scene.inventory.alive, **stopped}), scene.settings)


def _stopped_is_opened(scene: Scene) -> Sweep:
    tagged = {name: each._replace(status="Running") for name, each in scene.inventory.tagged.items()}
    return plan_sweep(scene.gateway, _with(scene, tagged=tagged), scene.settings)


def _any_origin(scene: Scene) -> Sweep:
    return plan_sweep(scene.gateway, scene.inventory, scene.settings._replace(release_origin="any"))


def _blind_to_problems(scene: Scene) -> Sweep:
    return plan_sweep(scene.gateway, _with(scene, problems=()), scene.settings)


def _blind_to_foreign(scene: Scene) -> Sweep:
    ours = [entry for entry in scene.gateway if entry.owner == OURS]
    return plan_sweep(ours, scene.inventory, scene.settings)


def _any_owner(scene: Scene) -> Sweep:
    mine = [entry.marked(OURS, entry.origin or "announced") for entry in scene.gateway]
    return plan_sweep(mine, scene.inventory, scene.settings)


def _any_vpc(scene: Scene) -> Sweep:
    return plan_sweep(scene.gateway, scene.inventory, scene.settings._replace(allowed_vpc_ids=None))


MUTANTS: Sequence[Any] = [
    pytest.param(mutant, id=mutant.__name__.strip("_").replace("_", "-"))
    for mutant in (
        *(_no_breaker, _unknown_is_gone, _stopped_is_not_asked, _stopped_is_gone, _stopped_is_opened),
        *(_any_origin, _blind_to_problems, _blind_to_foreign, _any_owner, _any_vpc),
    )
]


@pytest.mark.no_cover
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_plan_that_forgets_a_rule_is_found(mutant: Callable[[Scene], Sweep]) -> None:
    """The oracle finds a world in which a plan that goes by one rule less does what it must not."""
    try:
        find(
            scenes(),
            lambda scene: bool(Rules(scene).broken(mutant(scene))),
            settings=rounds(max_examples=2_000, phases=(Phase.generate,), deadline=None),
        )
    except NoSuchExample:
        pytest.fail("no world shows what this rule is for")
