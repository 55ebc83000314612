"""The plan of a sweep, row by row: what is told of names, the limits to the last entry, and each reason with its words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.access.sweep import Item, Sweep, plan_sweep
from shared.model.access import VpcAccess
from shared.model.backend import Backend, Inventory
from shared.settings import load
from tests.invoking import SETTINGS, VPC

NAME, NAME_TAG, PORT_TAG = "orders-prod", "apigateway-name", "apigateway-port"
NAMED = load({**SETTINGS, "ALLOWED_NAMES": f"{VPC}:orders-*"})
TAGS = {NAME_TAG: NAME, PORT_TAG: "80"}


def _entry(name: str, instance: str, port: int = 80, origin: str = "announced", owner: str = "team-a") -> VpcAccess:
    return VpcAccess(name, VPC, instance, port, vpc_access_id=f"id-{name}", created_time="t").marked(owner, origin)


def _backend(instance: str, status: str = "Running", tags: dict[str, str] | None = None) -> Backend:
    return Backend(instance, VPC, TAGS if tags is None else tags, status=status)


def _plan(entries: Sequence[VpcAccess], backends: Sequence[Backend], *gone: str, settings: object = NAMED) -> Sweep:
    shown = {one.instance_id: one for one in backends}
    tagged = {item: one for item, one in shown.items() if PORT_TAG in one.tags}
    alive = {**dict.fromkeys(shown, True), **dict.fromkeys(gone, False)}
    assert isinstance(settings, type(NAMED))
    return plan_sweep(entries, Inventory(tagged, alive, (), shown), settings)


HELD = _entry(NAME, "i-1", origin="named")


@pytest.mark.parametrize(
    ("entries", "backends", "gone", "reason", "at", "words"),
    [
        pytest.param([HELD], [_backend("i-1")], [], "", "i-1", "i-1 running", id="lives"),
        pytest.param([HELD], [_backend("i-1"), _backend("i-2")], [], "", "i-1", "standby i-2", id="lives-with-another"),
        pytest.param([HELD], [_backend("i-2")], ["i-1"], "Gone", "i-1", "i-1 gone", id="gone"),
        pytest.param([HELD], [_backend("i-2")], [], "", "i-1", "i-1 not seen", id="not-seen"),
        pytest.param([HELD], [], ["i-1"], "NoCandidate", "i-1", "Gone: orders-prod", id="gone-and-nobody-else"),
        pytest.param(
            [HELD], [_backend("i-2", "Stopped")], ["i-1"], "NoCandidate", "i-1", "not i-2 (Stopped)", id="none-is-ready"
        ),
        pytest.param(
            [HELD], [_backend("i-1", "Stopped")], [], "NoCandidate", "i-1", "Stopped: ", id="stopped-and-nobody-else"
        ),
        pytest.param([HELD], [_backend("i-1", "Stopped"), _backend("i-2")], [], "Stopped", "i-1", "", id="stopped"),
        pytest.param([], [_backend("i-2"), _backend("i-3")], [], "Missing", "i-2", "→ nothing", id="missing"),
        pytest.param([], [_backend("i-2", "Stopped")], [], "", "i-2", "not i-2 (Stopped)", id="nobody-is-ready-yet"),
        pytest.param(
            [_entry(NAME, "i-1", origin="requested")], [_backend("i-2")], ["i-1"], "", "i-1", "", id="of-a-request"
        ),
        pytest.param(
            [_entry(NAME, "i-1", origin="named", owner="team-b")],
            [_backend("i-2")],
            ["i-1"],
            "",
            "i-1",
            "",
            id="theirs",
        ),
        pytest.param(
            [HELD, _entry("other", "i-2")],
            [_backend("i-2")],
            ["i-1"],
            "NoCandidate",
            "i-1",
            "not i-2 (TargetTaken)",
            id="the-other-is-open-under-another-name",
        ),
    ],
)
def test_a_name_is_told_with_why_it_has_to_be_looked_at(
    entries: list[VpcAccess], backends: list[Backend], gone: list[str], reason: str, at: str, words: str
) -> None:
    """Each name of ours and each that is claimed stands in the plan once; it counts as a change if it is to be made or moved."""
    plan = _plan(entries, backends, *gone)
    (item,) = plan.of("name")

    assert (item.access.name, item.access.instance_id, item.reason) == (NAME, at, reason)
    assert words in item.text
    assert item.is_change == (reason not in ("", "NoCandidate"))


@pytest.mark.parametrize(
    ("names", "leave", "status", "held"),
    [
        pytest.param(4, 3, "Running", False, id="three-of-few"),
        pytest.param(4, 4, "Running", True, id="four-of-few"),
        pytest.param(4, 4, "Stopped", False, id="what-does-not-run-is-no-accident"),
        pytest.param(20, 6, "Running", False, id="thirty-percent"),
        pytest.param(20, 7, "Running", True, id="more-than-thirty-percent"),
        pytest.param(100, 30, "Running", False, id="thirty-of-a-hundred"),
        pytest.param(100, 31, "Running", True, id="thirty-one-of-a-hundred"),
    ],
)
def test_names_that_would_leave_running_instances_are_held_back_together(
    names: int, leave: int, status: str, *, held: bool
) -> None:
    """Tags that vanish from many running instances at once are an accident: more than three, and than three in ten."""
    some = [f"orders-{number:03}" for number in range(names)]
    entries = [_entry(name, f"i-{name[7:]}", origin="named") for name in some]
    backends = [
        _backend(f"i-{name[7:]}", status if at < leave else "Running", {} if at < leave else {**TAGS, NAME_TAG: name})
        for at, name in enumerate(some)
    ]
    items = [item for item in _plan(entries, backends).items if item.access.name in some]

    assert len(items) == names
    assert {item.kind for item in items} == {"held back" if held else "name"}
    assert ("TooMany" in {item.reason for item in items}) == held


@pytest.mark.parametrize(
    ("ours", "gone", "others", "most", "releases"),
    [
        pytest.param(9, 1, 0, 0, 0, id="few-have-no-share"),
        pytest.param(10, 3, 0, 0, 3, id="three-of-ten"),
        pytest.param(10, 4, 0, 0, 0, id="four-of-ten"),
        pytest.param(100, 30, 0, 3, 30, id="thirty-of-a-hundred"),
        pytest.param(100, 31, 0, 3, 0, id="thirty-one-of-a-hundred"),
        pytest.param(99, 30, 1, 3, 0, id="what-a-sweep-never-releases-does-not-count"),
    ],
)
def test_too_many_releases_are_held_back(ours: int, gone: int, others: int, most: int, releases: int) -> None:
    """At most three in ten of what could go at all may go in one sweep, or RELEASE_MAX_PER_RUN."""
    entries = [_entry(f"e-{number}", f"i-{number}") for number in range(ours)]
    entries += [_entry(f"r-{number}", f"i-r{number}", origin="requested") for number in range(others)]
    entries += [_entry(f"a-{number}", f"alb-{number}") for number in range(others)]
    alive = [_backend(entry.instance_id, tags={}) for entry in entries[gone:]]
    settings = load({**SETTINGS, "RELEASE_MAX_PER_RUN": str(most)})
    plan = _plan(entries, alive, *(f"i-{number}" for number in range(gone)), settings=settings)

    assert (len(plan.of("release")), len(plan.of("held back"))) == (releases, gone - releases)


PLAIN = load(SETTINGS)
PORTS = {PORT_TAG: "80"}


@pytest.mark.parametrize(
    ("entries", "backends", "told"),
    [
        pytest.param(
            [],
            [_backend("eni-1", tags=PORTS), _backend("i-1", tags=PORTS)],
            [("create", "", "i-1:80 in " + VPC)],
            id="what-is-of-no-kind-hides-nothing",
        ),
        pytest.param(
            [],
            [_backend("i-1", tags={PORT_TAG: "soup"})],
            [("refused", "InvalidPortTag", "i-1")],
            id="a-tag-of-nonsense",
        ),
        pytest.param(
            [_entry("theirs", "i-1", owner="team-b")],
            [_backend("i-1", tags=PORTS)],
            [("foreign", "NotOurs", "i-1:80 in " + VPC)],
            id="opened-by-others",
        ),
        pytest.param(
            [_entry("mine", "i-1")], [_backend("i-1", tags=PORTS)], [("keep", "", "i-1:80 in " + VPC)], id="as-it-is"
        ),
        pytest.param(
            [_entry("team-a-i-1-80", "i-2", origin="requested")],
            [_backend("i-1", tags=PORTS), _backend("i-2", tags={})],
            [("drift", "Target", "i-1:80 in " + VPC)],
            id="its-name-opens-something-else",
        ),
        pytest.param(
            [_entry("team-a-i-1-80", "i-2")],
            [_backend("i-1", tags=PORTS), _backend("i-2", tags=PORTS)],
            [("refused", "NameInUse", "i-1:80 in " + VPC), ("keep", "", "i-2:80 in " + VPC)],
            id="its-name-opens-what-another-asks-for",
        ),
        pytest.param(
            [_entry("mine", "i-1", 81)],
            [_backend("i-1", "Stopped", tags=PORTS)],
            [("drift", "PortTag", "i-1:81 in " + VPC)],
            id="another-port",
        ),
        pytest.param(
            [_entry("mine", "i-1")],
            [_backend("i-1", tags={})],
            [("drift", "Untagged", "i-1:80 in " + VPC)],
            id="no-tag",
        ),
        pytest.param(
            [_entry("mine", "i-1")],
            [_backend("i-1", tags={NAME_TAG: NAME})],
            [("drift", "Untagged", "i-1:80 in " + VPC)],
            id="a-name-s-tag-where-names-are-off",
        ),
    ],
)
def test_each_target_is_told_with_its_reason(
    entries: list[VpcAccess], backends: list[Backend], told: list[tuple[str, str, str]]
) -> None:
    """What is done or told, by the word of its reason and the target as people read it."""

    def line(item: Item) -> tuple[str, str, str]:
        return item.kind, item.reason, item.target_text()

    assert [line(item) for item in _plan(entries, backends, settings=PLAIN).items] == told


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        pytest.param({NAME_TAG: NAME}, "NameTag", id="a-name"),
        pytest.param({}, "Untagged", id="nothing"),
        pytest.param({PORT_TAG: "8080"}, "PortTag", id="another-port"),
    ],
)
def test_an_entry_of_an_instance_that_came_to_stand_for_a_name_is_told(tags: dict[str, str], reason: str) -> None:
    """Where names are kept, the tag of a name is why the old entry is not asked for any more; without it the port's tag is."""
    (drift,) = _plan([_entry("mine", "i-1")], [_backend("i-1", tags=tags)]).of("drift")

    assert (drift.access.name, drift.reason) == ("mine", reason)
    assert ("--although-alive" in drift.text) == (reason == "NameTag")


def test_a_checksum_is_sixteen_hexadecimal_characters() -> None:
    """So it fits a command line, and is the same length for every plan."""
    assert len(_plan([], []).checksum()) == 16
