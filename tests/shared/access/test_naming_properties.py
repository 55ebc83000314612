"""Which backend a name opens: what the rule never does, whatever is seen, and rules that are wrong in one point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, find, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from shared.access.naming import Choice, Claimant, Leave, Point, Stay, Target, choose
from shared.model.access import NAMED, REQUESTED, VpcAccess
from shared.model.backend import Backend
from tests.invoking import VPC
from tests.shared.access.test_naming import (
    ELSE,
    FIRST,
    FOURTH,
    NAME,
    NOW,
    OLD,
    OTHER_NAME,
    RECENT,
    SECOND,
    THIRD,
    Case,
    Rule,
    backend,
    entry,
)

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

    def change(target: Target, **_: Any) -> Target:
        if target.backend is None:
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
        _with(target=lambda target, **_: target._replace(member="")),
        "the end of a target is not what it is",
        id="keeps-the-leaving",
    ),
    pytest.param(
        _with(target=lambda target, **_: target._replace(is_gone=True)),
        "it moves on what is not known",
        id="unseen-means-gone",
    ),
    pytest.param(
        _with(target=lambda target, **_: target._replace(is_gone=False)),
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
