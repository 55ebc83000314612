"""Which backend a name opens: the rule as tables, what it never does, and rules that are wrong in one point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, find, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shared.access.naming import (
    ELSEWHERE,
    GONE,
    LEAVING,
    ON_PURPOSE,
    STOPPED,
    UNTAGGED,
    Choice,
    Claimant,
    Leave,
    Point,
    Stay,
    Target,
    choose,
    claimants,
    described,
    end_of,
    taken,
)
from shared.model.access import ANNOUNCED, NAMED, REQUESTED, VpcAccess
from shared.model.backend import Backend
from shared.settings import Settings, load
from tests.invoking import SETTINGS, VPC

NAME, OTHER_NAME, ELSE = "orders-prod", "orders-test", "vpc-bp1example0002"
NOW = 1_767_586_800.0  # 2026-01-05T04:20Z
OLD, RECENT = "2026-01-05T03:00Z", "2026-01-05T04:18Z"  # running for long, and for less than two minutes for sure
FIRST, SECOND, THIRD, FOURTH = (f"i-bp1example000{number}" for number in range(1, 5))
POLICY: Settings = load(
    {**SETTINGS, "ALLOWED_VPC_IDS": f"{VPC},{ELSE}", "ALLOWED_NAMES": f"{VPC}:orders-*,{ELSE}:orders-*"}
)
Rule = Callable[..., Choice]


def backend(instance_id: str = FIRST, **changes: Any) -> Backend:
    """Return an instance that stands for the name and has been running for long; ``name`` and ``ports`` are its tags."""
    tags = {"apigateway-name": changes.pop("name", NAME), "apigateway-port": changes.pop("ports", "8080")}
    plain = Backend(instance_id, VPC, {key: value for key, value in tags.items() if value}, status="Running")
    return plain._replace(**{"created": OLD, "started": OLD, **changes})


def entry(instance_id: str = FIRST, port: int = 8080, **changes: Any) -> VpcAccess:
    """Return what has the name: made for a tag, for that instance."""
    owner, origin = changes.pop("owner", "team-a"), changes.pop("origin", NAMED)
    plain = VpcAccess(NAME, VPC, instance_id, port, vpc_access_id="id-1", created_time="2026-01-05T03:00:00Z")
    return plain._replace(**changes).marked(owner, origin)


class Case(NamedTuple):
    """All that is known about a name. ``is_gone`` counts if none of the backends is the target."""

    entry: VpcAccess | None
    backends: Sequence[Backend]
    members: dict[str, str] = {}  # noqa: RUF012 (never changed)
    leaving: frozenset[str] = frozenset()
    wish: str = ""
    is_gone: bool = False
    held: frozenset[str] = frozenset()  # instances that other entries open

    def candidates(self) -> list[Claimant]:
        """Return who claims the name."""
        found = claimants(NAME, self.backends, self.members, self.entry, POLICY)
        return [
            taken(one, entry(one.place, name="another")) if one.place in self.held and one.why_not is None else one
            for one in found
        ]

    def target(self) -> Target | None:
        """Return what is known of the target."""
        if self.entry is None:
            return None
        at = self.entry.instance_id
        shown = next((one for one in self.backends if one.instance_id == at), None)
        return Target(shown, shown is None and self.is_gone, self.members.get(at, ""))

    def choice(self, rule: Rule = choose) -> Choice:
        """Return what the rule makes of it."""
        return rule(
            NAME,
            self.entry,
            self.target(),
            self.candidates(),
            POLICY,
            now=NOW,
            leaving=self.leaving,
            wish=self.wish,
        )


STATUSES = ("Running", "Starting", "Stopping", "Pending", "Stopped", "")
MEMBERS = ("", "InService", "Pending:Wait", "Protected", "Standby", "Stopped", "Removing", "Removing:Wait")


def _expected(status: str, tag: str, vpc_id: str, member: str) -> str:
    """Return how a target that shows has ended, by the issue's words."""
    if tag != NAME:
        return UNTAGGED
    if status == "Stopped":
        return STOPPED
    if vpc_id == ELSE:
        return ELSEWHERE
    return LEAVING if member in ("Removing", "Removing:Wait") else ""


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("tag", ["", NAME, OTHER_NAME])
def test_a_name_leaves_its_target_for_an_end_that_shows_and_for_nothing_else(status: str, tag: str) -> None:
    """Each status, tag, VPC and state in a scaling group of the target: with a candidate the name moves, without it stays."""
    for vpc_id, member in product((VPC, ELSE, ""), MEMBERS):
        target = backend(status=status, name=tag, vpc_id=vpc_id)
        end = _expected(status, tag, vpc_id, member)
        alone = Case(entry(), [target], {FIRST: member})

        assert end_of(entry(), Target(target, member=member), POLICY) == end
        stays = alone.choice()
        assert isinstance(stays, Stay)
        assert stays.end == end
        with_another = alone._replace(backends=[target, backend(SECOND)]).choice()
        if end:
            assert isinstance(with_another, Point)
            assert (with_another.to.place, with_another.cause) == (SECOND, end)
            assert with_another.access == VpcAccess(NAME, VPC, SECOND, 8080).marked("team-a", NAMED)
        else:
            assert isinstance(with_another, Stay)
            assert not with_another.end


@pytest.mark.parametrize("others", [[], [backend(SECOND)]], ids=["alone", "with-a-candidate"])
def test_a_target_that_does_not_show_has_ended_only_if_that_is_proven(others: list[Backend]) -> None:
    """What is not seen stays; what is proven to be gone is left for a candidate."""
    assert Case(entry(), others).choice() == Stay()
    gone = Case(entry(), others, is_gone=True).choice()
    if others:
        assert isinstance(gone, Point)
        assert (gone.to.place, gone.cause) == (SECOND, GONE)
    else:
        assert gone == Stay(end=GONE)


@pytest.mark.parametrize(
    ("candidates", "members", "chosen"),
    [
        pytest.param([backend(SECOND)], {}, SECOND, id="the-only-one"),
        pytest.param(
            [backend(SECOND, created="2026-01-05T02:00Z"), backend(THIRD, created="2026-01-05T02:30Z")],
            {},
            THIRD,
            id="the-newest-of-those-that-run-for-two-minutes",
        ),
        pytest.param(
            [backend(SECOND, created="2026-01-05T02:00Z"), backend(THIRD, created=RECENT, started=RECENT)],
            {},
            SECOND,
            id="not-a-newer-one-that-has-just-started",
        ),
        pytest.param(
            [backend(SECOND, created=OLD, started=RECENT), backend(THIRD, started="2026-01-05T04:19Z")],
            {},
            SECOND,
            id="the-oldest-running-if-none-runs-for-two-minutes",
        ),
        pytest.param(
            [backend(SECOND, started="2026-01-05T04:17Z"), backend(THIRD, created="2026-01-05T04:00Z", started=RECENT)],
            {},
            SECOND,
            id="two-minutes-are-over-after-three-by-the-clock",
        ),
        pytest.param([backend(THIRD), backend(SECOND)], {}, SECOND, id="of-two-alike-the-first-by-id"),
        pytest.param([backend(SECOND, started=""), backend(THIRD, started=RECENT)], {}, THIRD, id="no-start-is-known"),
        pytest.param([backend(SECOND, started="")], {}, SECOND, id="no-start-is-known-of-the-only-one"),
        pytest.param([backend(SECOND, status="Starting"), backend(THIRD)], {}, THIRD, id="only-running-ones"),
        pytest.param([backend(SECOND), backend(THIRD)], {SECOND: "Standby"}, THIRD, id="only-in-service"),
        pytest.param([backend(SECOND), backend(THIRD)], {SECOND: "Removing:Wait"}, THIRD, id="not-one-that-leaves"),
        pytest.param([backend(SECOND), backend(THIRD)], {SECOND: "InService"}, SECOND, id="one-of-a-group"),
        pytest.param([backend(SECOND, ports="22"), backend(THIRD)], {}, THIRD, id="port-not-allowed"),
        pytest.param([backend(SECOND, ports="80,443"), backend(THIRD)], {}, THIRD, id="several-ports"),
        pytest.param([backend(SECOND, ports=""), backend(THIRD)], {}, THIRD, id="no-port"),
        pytest.param([backend(SECOND, name=""), backend(THIRD)], {}, THIRD, id="untagged"),
        pytest.param([backend(SECOND, name=OTHER_NAME), backend(THIRD)], {}, THIRD, id="another-name"),
        pytest.param([backend(SECOND, vpc_id=ELSE), backend(THIRD)], {}, THIRD, id="another-vpc"),
        pytest.param([backend(SECOND, vpc_id="vpc-forbidden"), backend(THIRD)], {}, THIRD, id="vpc-not-allowed"),
        pytest.param([backend("lb-bp1example0001"), backend(THIRD)], {}, THIRD, id="load-balancer"),
    ],
)
def test_who_takes_over(candidates: list[Backend], members: dict[str, str], chosen: str) -> None:
    """Once the target is gone, the newest that has been running for two minutes has the name, else the oldest running."""
    moved = Case(entry(), candidates, members, is_gone=True).choice()

    assert isinstance(moved, Point)
    assert moved.to.place == moved.access.instance_id == chosen
    made = Case(None, candidates, members).choice()
    if all(one.vpc_id == VPC for one in candidates if one.tags.get("apigateway-name") == NAME):
        assert isinstance(made, Point)
        assert (made.to.place, made.cause) == (chosen, "")


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        pytest.param(backend(SECOND, ports="22"), "PortNotAllowed", id="port-not-allowed"),
        pytest.param(backend(SECOND, ports="80,443"), "NameTagUnsupported", id="several-ports"),
        pytest.param(backend(SECOND, ports=""), "NameTagUnsupported", id="no-port"),
        pytest.param(backend(SECOND, ports="listener"), "NameTagUnsupported", id="listener"),
        pytest.param(backend("lb-bp1example0001"), "NameTagUnsupported", id="load-balancer"),
        pytest.param(backend(SECOND, vpc_id=ELSE), "OtherVpc", id="another-vpc"),
        pytest.param(backend(SECOND, vpc_id="vpc-forbidden"), "NameNotAllowed", id="vpc-not-allowed"),
        pytest.param(backend(SECOND, vpc_id=""), "NameNotAllowed", id="classic-network"),
    ],
)
def test_a_fault_of_a_tag_disqualifies_that_candidate_and_never_the_name(candidate: Backend, reason: str) -> None:
    """The one has its reason, with a remedy, and nothing moves to it: not even if it is the only one left."""
    case = Case(entry(), [candidate], is_gone=True)
    (claimant,) = case.candidates()

    assert claimant.why_not is not None
    assert claimant.why_not.reason == reason
    assert not claimant.is_ready
    assert case.choice() == Stay(end=GONE)
    assert case._replace(backends=[backend(), candidate]).choice() == Stay()
    wished = case._replace(wish=candidate.instance_id).choice()
    assert isinstance(wished, Leave)
    assert wished.reason == reason
    assert f"({reason})" in described(NAME, case.entry, None, case.candidates())


def test_what_another_entry_opens_is_no_candidate() -> None:
    """A target has one name: the next best one takes over, and it is said how to free the first."""
    case = Case(entry(), [backend(SECOND), backend(THIRD)], is_gone=True, held=frozenset({SECOND}))
    moved = case.choice()

    assert isinstance(moved, Point)
    assert moved.to.place == THIRD
    (why_not,) = [one.why_not for one in case.candidates() if one.why_not]
    assert (why_not.reason, "release" in why_not.text) == ("TargetTaken", True)
    assert case._replace(held=frozenset({SECOND, THIRD})).choice() == Stay(end=GONE)


def test_an_instance_that_a_hook_names_is_no_candidate_but_stays_a_target() -> None:
    """Whoever sent the hook: nothing moves to such an instance, and nothing leaves it for that."""
    case = Case(entry(), [backend(SECOND), backend(THIRD)], leaving=frozenset({SECOND}), is_gone=True)
    moved = case.choice()

    assert isinstance(moved, Point)
    assert moved.to.place == THIRD
    assert case._replace(backends=[backend(), backend(THIRD)], leaving=frozenset({FIRST})).choice() == Stay()
    assert case._replace(leaving=frozenset({SECOND, THIRD})).choice() == Stay(end=GONE)


@pytest.mark.parametrize(
    ("there", "says"),
    [
        pytest.param(entry(owner="team-b"), "team-b", id="foreign"),
        pytest.param(entry()._replace(tags=()), "nobody", id="unmarked"),
        pytest.param(entry(origin=REQUESTED), "release", id="a-producers"),
        pytest.param(entry(origin=ANNOUNCED), "release", id="announced"),
    ],
)
@pytest.mark.parametrize("wish", ["", SECOND])
def test_an_entry_that_was_not_made_for_a_tag_is_left_alone(there: VpcAccess, says: str, wish: str) -> None:
    """Its target may be gone and candidates wait, or a person wish: the name is taken."""
    left = Case(there, [backend(SECOND)], wish=wish, is_gone=True).choice()

    assert isinstance(left, Leave)
    assert (left.outcome, left.reason) == ("refused", "NameTaken")
    assert says in left.text


def test_a_name_that_is_claimed_in_two_vpcs_is_made_in_none() -> None:
    """Nobody knows which is meant; with an entry that is known, and the others are no candidates."""
    both = [backend(FIRST), backend(SECOND, vpc_id=ELSE)]
    left = Case(None, both).choice()

    assert isinstance(left, Leave)
    assert left.reason == "ClaimedTwice"
    assert VPC in left.text
    assert ELSE in left.text
    assert Case(entry(), both).choice() == Stay()
    assert Case(entry(THIRD), both[1:], is_gone=True).choice() == Stay(end=GONE)


def test_two_hundred_instances_have_one_target() -> None:
    """The newest of them has the name, in whatever order they are listed."""
    many = [backend(f"i-bp1example{number:04}", created=f"2026-01-0{number % 4 + 1}T00:00Z") for number in range(200)]
    made = Case(None, many).choice()

    assert isinstance(made, Point)
    assert made.to.place == "i-bp1example0003"
    assert Case(None, many[::-1]).choice() == made
    assert Case(entry("i-bp1example0199"), many).choice() == Stay()


@pytest.mark.parametrize(
    ("case", "said"),
    [
        pytest.param(Case(entry(), [backend(), backend(SECOND)], wish=SECOND), ON_PURPOSE, id="off-a-living-target"),
        pytest.param(Case(entry(), [backend(SECOND)], wish=SECOND), ON_PURPOSE, id="off-a-target-that-does-not-show"),
        pytest.param(Case(None, [backend(SECOND)], wish=SECOND), "", id="a-name-that-nothing-has"),
        pytest.param(Case(entry(SECOND), [backend(SECOND)], wish=SECOND), None, id="to-where-it-is"),
        pytest.param(Case(entry(), [backend()], wish=SECOND), "NotACandidate", id="not-there"),
        pytest.param(
            Case(entry(), [backend(SECOND, status="Stopped")], wish=SECOND), "NotACandidate", id="not-running"
        ),
        pytest.param(
            Case(entry(), [backend(SECOND)], {SECOND: "Standby"}, wish=SECOND), "NotACandidate", id="not-in-service"
        ),
        pytest.param(
            Case(entry(), [backend(SECOND)], leaving=frozenset({SECOND}), wish=SECOND), "NotACandidate", id="leaving"
        ),
        pytest.param(
            Case(entry(), [backend(SECOND)], held=frozenset({SECOND}), wish=SECOND), "TargetTaken", id="taken"
        ),
        pytest.param(
            Case(entry(port=80), [backend(SECOND, ports="8080")], wish=SECOND), ON_PURPOSE, id="to-another-port"
        ),
        pytest.param(
            Case(entry(port=80), [backend(ports="8080")], wish=FIRST), ON_PURPOSE, id="to-another-port-of-the-same"
        ),
    ],
)
def test_a_person_may_move_a_name_by_the_same_checks(case: Case, said: str | None) -> None:
    """A wish is the only reason to leave a living target; what nothing may be pointed to is refused to a person, too."""
    choice = case.choice()

    if said is None:
        assert choice == Stay()
    elif isinstance(choice, Point):
        assert (choice.to.place, choice.cause) == (case.wish, said)
    else:
        assert isinstance(choice, Leave)
        assert choice.reason == said


@pytest.mark.parametrize(
    ("target", "port", "says"),
    [
        pytest.param(backend(ports="22"), 22, "ALLOWED_PORTS", id="port-not-allowed"),
        pytest.param(backend(ports=""), 8080, "one port", id="no-port"),
        pytest.param(backend(ports="443"), 8080, "functions move", id="another-port"),
    ],
)
def test_a_living_target_outside_policy_is_told_and_not_left(target: Backend, port: int, says: str) -> None:
    """It is drift: people decide, and the name stays where its callers are served."""
    stays = Case(entry(port=port), [target, backend(SECOND)]).choice()

    assert isinstance(stays, Stay)
    assert not stays.end
    assert says in stays.drift


FLAWS: tuple[dict[str, Any], ...] = (
    *({"status": status} for status in ("Stopped", "Starting")),
    *({"name": name} for name in ("", OTHER_NAME)),
    *({"ports": ports} for ports in ("22", "", "443")),
    {"vpc_id": ELSE},
)
CREATED, STARTED = st.sampled_from([OLD, "2026-01-05T03:30Z", RECENT]), st.sampled_from([OLD, RECENT, ""])
IDS = (FIRST, SECOND, THIRD, FOURTH)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw up to four instances, one in three with a flaw, and what else is known: mostly nothing out of the ordinary."""
    among = st.sampled_from(IDS)

    def rarely(other: st.SearchStrategy[Any], plain: Any) -> Any:
        return draw(other) if draw(st.integers(0, 3)) == 3 else plain

    backends = [
        backend(one, **{"created": draw(CREATED), "started": draw(STARTED), **rarely(st.sampled_from(FLAWS), {})})
        for one in draw(st.permutations(IDS))[: draw(st.integers(1, 4))]
    ]
    marks = rarely(st.sampled_from([{"owner": "team-b"}, {"origin": REQUESTED}]), {})
    return Case(
        entry(draw(among), **marks) if draw(st.booleans()) else None,
        backends,
        rarely(st.dictionaries(among, st.sampled_from(["InService", "Standby", "Removing:Wait"])), {}),
        rarely(st.frozensets(among, max_size=1), frozenset()),
        rarely(among, ""),
        draw(st.booleans()),
        rarely(st.frozensets(among, max_size=1), frozenset()),
    )


def broken(case: Case, rule: Rule = choose) -> list[str]:
    """Return what must hold of every choice, whatever the case, and does not."""
    choice = case.choice(rule)
    there, at = case.entry, case.entry.instance_id if case.entry else ""
    shown = {one.instance_id: one for one in case.backends}
    found = list[str]()
    turned = case._replace(backends=case.backends[::-1])
    if turned.choice(rule) != choice:
        found.append("it depends on the order of a list")
    if there is not None and (there.owner, there.origin) != ("team-a", NAMED) and not isinstance(choice, Leave):
        found.append("what is not ours, or was not made for a tag, is touched")
    if isinstance(choice, Point):
        found += _of_a_point(case, choice, shown)
    lives = at in shown and _lives(shown[at], case.members.get(at, ""), there)
    if lives and isinstance(choice, Point) and not case.wish:
        found.append("a living target is left")
    if at and at not in shown and not case.is_gone and isinstance(choice, Point) and not case.wish:
        found.append("it moves on what is not known")
    if not case.wish and isinstance(choice, Stay) and choice.end and _fit(case, at):
        found.append("a name whose target has ended stays although a candidate lives")
    if isinstance(choice, Stay) and there is not None and not case.wish and bool(choice.end) == _is_kept(case, lives):
        found.append("the end of a target is not what it is")
    return found


def _lives(target: Backend, member: str, there: VpcAccess | None) -> bool:
    name = target.tags.get("apigateway-name")
    elsewhere = there is not None and target.vpc_id != there.vpc_id
    return target.status != "Stopped" and name == NAME and not elsewhere and "Removing" not in member


def _is_kept(case: Case, lives: bool) -> bool:
    """Tell whether a target has not ended, as far as anybody knows."""
    assert case.entry is not None
    shows = any(one.instance_id == case.entry.instance_id for one in case.backends)
    return lives if shows else not case.is_gone


def _fit(case: Case, at: str) -> list[Backend]:
    """Return the instances that a name may be pointed to, the target left out."""
    return [
        one
        for one in case.backends
        if one.instance_id not in (at, *case.leaving, *case.held)
        and one.status == "Running"
        and one.tags.get("apigateway-name") == NAME
        and one.tags.get("apigateway-port") in ("8080", "443")
        and (case.entry is None or one.vpc_id == case.entry.vpc_id)
        and case.members.get(one.instance_id, "InService") == "InService"
    ]


def _of_a_point(case: Case, choice: Point, shown: dict[str, Backend]) -> list[str]:
    fit = _fit(case, "" if case.wish else case.entry.instance_id if case.entry else "")
    to = next((one for one in fit if one.instance_id == choice.access.instance_id), None)
    if to is None:
        return ["it is pointed to what must not have it"]
    found = list[str]()
    if choice.access.target != (to.vpc_id, to.instance_id, int(to.tags["apigateway-port"])):
        found.append("it opens what the instance does not ask for")
    steady = [one for one in fit if "" < one.started < "2026-01-05T04:18"]
    newer = [one for one in steady if to not in steady or one.created > to.created]
    if newer and not case.wish:
        found.append("a better candidate is passed over")
    if not steady and not case.wish and any("" < one.started < (to.started or "9") for one in fit):
        found.append("one that has been running for longer is passed over")
    if case.entry is None and not case.wish and len({shown[one.instance_id].vpc_id for one in _named(case)}) > 1:
        found.append("a name that is claimed in two VPCs is made")
    return found


def _named(case: Case) -> list[Backend]:
    return _fit(case._replace(leaving=frozenset(), members={}, entry=None), "")


@examples(max_examples=600, deadline=None)
@given(cases())
def test_whatever_is_seen_the_choice_is_one_that_may_be_made(case: Case) -> None:
    """It depends on no order, takes only what may have the name, and leaves a living target for a person's wish only."""
    assert broken(case) == []


def _with(**changes: Callable[..., Any]) -> Rule:
    """Return the rule that sees something else than is there: each argument as its function makes it of all of them."""

    def rule(name: str, there: Any, target: Any, candidates: Any, policy: Any, **more: Any) -> Choice:
        seen = {"entry": there, "target": target, "candidates": candidates, **more}
        seen |= {key: change(**seen) for key, change in changes.items()}
        return choose(name, seen["entry"], seen["target"], seen["candidates"], policy, now=seen["now"], **_rest(seen))

    return rule


def _rest(seen: dict[str, Any]) -> dict[str, Any]:
    return {key: seen[key] for key in ("leaving", "wish")}


def _backends(**changes: Any) -> Callable[..., Any]:
    """Return what shows candidates with other fields."""
    return lambda candidates, **_: [one._replace(backend=one.backend._replace(**changes)) for one in candidates]


def _forgiven(candidates: Sequence[Claimant], **_: Any) -> list[Claimant]:
    there = [one if one.access else one._replace(access=_asked(one)) for one in candidates]
    return [one._replace(why_not=None) for one in there]


def _asked(one: Claimant) -> VpcAccess:
    return VpcAccess(NAME, one.backend.vpc_id, one.place, 8080).marked("team-a", NAMED)


def _target(**changes: Any) -> Callable[..., Any]:
    """Return what shows another target, if there is one to see."""

    def change(target: Target | None, **_: Any) -> Target | None:
        if target is None or target.backend is None:
            return target
        return target._replace(backend=target.backend._replace(**changes))

    return change


def _listed_first(name: str, there: Any, target: Any, candidates: Any, policy: Any, **more: Any) -> Choice:
    """Take the first of the list instead of the best."""
    choice = choose(name, there, target, candidates, policy, **more)
    return _first_of(choice, candidates, there) if isinstance(choice, Point) and not more["wish"] else choice


def _first_of(choice: Point, candidates: Sequence[Claimant], there: VpcAccess | None) -> Point:
    best = next(one for one in candidates if one.is_ready and (there is None or one.place != there.instance_id))
    return choice if best.access is None else choice._replace(to=best, access=best.access)


TAGGED = {"apigateway-name": NAME, "apigateway-port": "8080"}
MUTANTS = [
    pytest.param(_with(target=_target(status="Stopped")), "a living target is left", id="leaves-what-runs"),
    pytest.param(_with(target=_target(tags={})), "a living target is left", id="sees-no-tag"),
    pytest.param(_with(target=_target(tags=TAGGED)), "the end of a target is not what it is", id="keeps-the-untagged"),
    pytest.param(
        _with(target=_target(status="Running")), "the end of a target is not what it is", id="keeps-the-stopped"
    ),
    pytest.param(
        _with(target=lambda target, **_: target and target._replace(member="")),
        "the end of a target is not what it is",
        id="keeps-the-leaving",
    ),
    pytest.param(
        _with(target=lambda target, **_: target and target._replace(is_gone=True)),
        "it moves on what is not known",
        id="unseen-means-gone",
    ),
    pytest.param(
        _with(target=lambda target, **_: target and target._replace(is_gone=False)),
        "the end of a target is not what it is",
        id="gone-means-unseen",
    ),
    pytest.param(_with(candidates=_backends(status="Running")), "what must not have it", id="takes-the-stopped"),
    pytest.param(
        _with(candidates=lambda candidates, **_: [one._replace(member="") for one in candidates]),
        "what must not have it",
        id="takes-those-not-in-service",
    ),
    pytest.param(_with(candidates=_forgiven), "what must not have it", id="takes-those-outside-policy"),
    pytest.param(_with(leaving=lambda **_: frozenset()), "what must not have it", id="takes-those-that-hooks-name"),
    pytest.param(
        _with(entry=lambda entry, **_: entry and entry.marked("team-a", NAMED)),
        "not ours, or was not made for a tag",
        id="whoever-it-belongs-to",
    ),
    pytest.param(
        _with(entry=lambda entry, **_: entry and entry.marked(entry.owner or "", NAMED)),
        "not ours, or was not made for a tag",
        id="whatever-it-was-made-for",
    ),
    pytest.param(_with(now=lambda **_: NOW + 3600), "a better candidate is passed over", id="without-two-minutes"),
    pytest.param(_with(candidates=_backends(created=OLD)), "a better candidate is passed over", id="not-the-newest"),
    pytest.param(_with(now=lambda **_: 0.0), "a better candidate is passed over", id="the-oldest-always"),
    pytest.param(_with(candidates=_backends(started="")), "passed over", id="not-the-oldest-running"),
    pytest.param(_listed_first, "passed over", id="the-first-of-the-list"),
    pytest.param(
        _with(candidates=lambda candidates, **_: candidates[:1]),
        "stays although a candidate lives",
        id="sees-one-candidate-only",
    ),
    pytest.param(
        _with(candidates=lambda candidates, **_: [one for one in candidates if one.backend.vpc_id == VPC]),
        "claimed in two VPCs",
        id="picks-a-vpc",
    ),
]


@pytest.mark.no_cover
@pytest.mark.parametrize(("rule", "said"), MUTANTS)
def test_each_part_of_the_rule_is_there_for_a_reason(rule: Rule, said: str) -> None:
    """With one part left out or weakened, the search finds a case in which what must hold does not."""
    search = examples(max_examples=3000, deadline=None, database=None, phases=[Phase.generate])
    found = find(
        cases(), lambda case: any(said in one for one in broken(case, rule)), settings=search, random=Random(1)
    )

    assert broken(found) == []


@pytest.mark.parametrize("started", ["2026-13-01T00:00Z", "0000-00-00T00:00Z", "soon", ""])
def test_a_start_that_is_no_time_stops_no_name(started: str) -> None:
    """What ECS says of a start is not believed to be a time: an instance without one is a candidate like any other."""
    settings = load({**SETTINGS, "ALLOWED_NAMES": f"{VPC}:orders-*"})
    tags = {settings.name_tag: "orders-prod", settings.port_tag: "8080"}
    only = Backend("i-1", VPC, tags, status="Running", started=started)
    choice = choose("orders-prod", None, None, claimants("orders-prod", [only], {}, None, settings), settings, now=2e9)

    assert isinstance(choice, Point)
    assert choice.access.instance_id == "i-1"
