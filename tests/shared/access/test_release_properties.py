"""Whatever the world is like: nothing is released that must not be, and each check is there for a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st

from shared.access.releasable import Kept
from shared.access.release import (
    AN_INSTANCE,
    CHECKS,
    FROM_ANNOUNCEMENT,
    GONE,
    OURS,
    UNCHANGED,
    UNUSED,
    Case,
    Check,
)
from shared.access.usage import users
from shared.backends.lookup import look_up
from shared.cloud.ecs import Ecs
from shared.cloud.references import Api, BackendObject, Plugin, References
from shared.model.backend import Backend
from tests.release_stage import play
from tests.release_worlds import OPTIONS, Fault, World

FORMS = (
    *("empty-object", "error-object", "only-request-id", "null", "list", "null-list", "no-list", "null-wrapper"),
    *("null-items", "empty-items", "counted-empty", "endless", "infinite-numbers", "half-surrogates"),
)
KEYS = ("TotalCount", "Tags", "VpcAccessId", "CreatedTime", "VpcName", "VpcConfig", "PluginData", "Name", "NextToken")
EFFECTS: tuple[dict[str, Any], ...] = (
    {"status": 503, "code": "ServiceUnavailable"},
    {"status": 503, "code": "InternalError", "when": "after"},
    {"status": 400, "code": "Throttling.User"},
    {"status": 400, "code": "UnheardOf"},
    {"status": 403, "code": "NoPermission"},
    {"cut": "before"},
    {"cut": "after"},
    {"body": "truncated"},
    {"body": "html"},
    *({"odd": form} for form in FORMS),
    *({"odd": form, "key": key} for form in ("missing-key", "null-key") for key in KEYS),
)
LOOKS = {  # what an entry is kept for, and the look-up that shows it
    "CloudAPI.DescribeApisByVpcAccess": World(uses=("api",), sent_by_hand=True),
    "CloudAPI.DescribeBackendList": World(uses=("backend",), sent_by_hand=True),
    "CloudAPI.DescribeBackendInfo": World(uses=("backend-by-id",), sent_by_hand=True),
    "CloudAPI.DescribePlugins": World(uses=("yaml",), sent_by_hand=True),
    "CloudAPI.DescribeVpcAccesses": World(owners=("team-b",), sent_by_hand=True),
    "ECS.DescribeInstances": World(backend="Stopped", sent_by_hand=True),
    "SLB.DescribeLoadBalancerAttribute": World(target="clb", backend="Running", sent_by_hand=True),
}
OPERATIONS = (*LOOKS, "CloudAPI.RemoveVpcAccess", "SMQ.PublishMessage", "SMQ.SendMessage")


def _is_known(fault: Fault) -> bool:
    """Tell whether the stand-in has the effect for the operation: SMQ's answers are XML."""
    return not (fault.operation.startswith("SMQ.") and "odd" in fault.effect)


FAULTS = st.builds(Fault, st.sampled_from(OPERATIONS), st.sampled_from(EFFECTS), st.integers(0, 3)).filter(_is_known)


@st.composite
def worlds(draw: st.DrawFn, *, faults: bool = True) -> World:
    """Draw a world in which up to four things are out of the ordinary, and perhaps something goes wrong."""
    changed = draw(st.lists(st.sampled_from(sorted(OPTIONS)), max_size=4, unique=True))
    world = World(sent_by_hand=draw(st.booleans()))
    world = world._replace(**{name: draw(st.sampled_from(OPTIONS[name])) for name in changed})
    return world._replace(fault=draw(st.none() | FAULTS)) if faults else world


@settings(max_examples=400, deadline=None)
@given(worlds())
@example(World(origin="named", any_origin=True, sent_by_hand=True))
@example(World(meanwhile="moved-and-taken", twice=True))
@example(World(published_after="DescribePlugins"))
@example(World(fault=Fault("SMQ.SendMessage", {"cut": "after"}, 1)))
@example(World(fault=Fault("CloudAPI.RemoveVpcAccess", {"cut": "after"}), absent="accept"))
@example(World(fault=Fault("CloudAPI.DescribeVpcAccesses", {"odd": "null-key", "key": "Tags"})))
def test_only_what_is_dead_ours_announced_and_unused_is_released(world: World) -> None:
    """Nothing else is removed, each removal is told under one id, and what can be released is gone in the end."""
    assert play(world).broken == []


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(LOOKS)), st.sampled_from(EFFECTS), st.integers(0, 3))
@example("CloudAPI.DescribeBackendInfo", {"odd": "missing-key", "key": "VpcConfig"}, 0)
@example("ECS.DescribeInstances", {"odd": "counted-empty"}, 1)
def test_no_answer_of_a_look_up_lets_through_what_it_would_show(
    operation: str, effect: dict[str, Any], nth: int
) -> None:
    """Whatever goes wrong with the one look-up that speaks against a release, there is none."""
    world = LOOKS[operation]._replace(fault=Fault(operation, effect, nth))

    assert play(world).broken == []


class Blind(References):
    """The look-ups of who uses an entry, of which one finds nothing."""

    without = ""

    def apis(self, name: str) -> list[Api]:
        return [] if self.without == "apis" else super().apis(name)

    def backends(self) -> list[BackendObject]:
        return [] if self.without == "backends" else super().backends()

    def routing_plugins(self) -> list[Plugin]:
        return [] if self.without == "plugins" else super().routing_plugins()


def blind(kind: str) -> Check:
    """Return the check of use that does not look at one kind of users."""

    def why_not(case: Case) -> Kept | None:
        references = Blind(case.session, case.settings.apigateway_endpoint)
        references.without = kind
        return Kept("InUse", "") if users(case.scheduled, references) else None

    return Check(UNUSED.holds, why_not)


def believing(proof: Callable[[Case, Ecs], bool]) -> Check:
    """Return the check of life that takes an instance which does not show for gone if ``proof`` says so."""

    def why_not(case: Case) -> Kept | None:
        item = case.scheduled.instance_id
        if not item.startswith("i-"):
            return GONE.why_not(case)
        if item in look_up([item], case.session, case.settings, opted_in=False):
            return Kept("Alive", "")
        ecs = Ecs(case.session, case.settings.ecs_endpoint, case.settings.region_id)
        return None if proof(case, ecs) else Kept("TargetNotVerifiable", "")

    return Check(GONE.holds, why_not)


class Hasty(Ecs):
    """Asks for no dry run."""

    def _is_permitted(self, ids: Sequence[str]) -> bool:  # noqa: ARG002
        return True


def _without_dry_run(case: Case, _: Ecs) -> bool:
    hasty = Hasty(case.session, case.settings.ecs_endpoint, case.settings.region_id)
    return case.scheduled.instance_id in hasty.proven_absent([case.scheduled.instance_id])


def _running_only(case: Case) -> Kept | None:
    """Take what shows, but carries no port tag, for gone."""
    found = look_up([case.scheduled.instance_id], case.session, case.settings, opted_in=False)
    backend = found.get(case.scheduled.instance_id)
    return None if isinstance(backend, Backend) and not backend.tags else GONE.why_not(case)


def without(left_out: Check) -> tuple[Check, ...]:
    """Return the table of checks with one left out."""
    return tuple(check for check in CHECKS if check is not left_out)


def instead(check: Check) -> tuple[Check, ...]:
    """Return the table with ``check`` in the place of the one for the same condition."""
    return tuple(check if each.holds == check.holds else each for each in CHECKS)


REMOVED = "a removal in spite of"
MUTANTS = [
    pytest.param(without(UNCHANGED), f"{REMOVED} ['Changed'", id="no-identity"),
    pytest.param(without(OURS), f"{REMOVED} ['NotOurs'", id="no-owner"),
    pytest.param(without(FROM_ANNOUNCEMENT), f"{REMOVED} ['NotAnnounced'", id="no-origin"),
    # nothing is lost without it, since what is no instance cannot be proven absent: only the reason says less
    pytest.param(without(AN_INSTANCE), "kept as TargetNotVerifiable; it may be ['NotAnInstance'", id="no-kind"),
    pytest.param(without(GONE), f"{REMOVED} ['Alive'", id="no-life"),
    pytest.param(without(GONE), f"{REMOVED} ['TargetNotVerifiable'", id="no-proof"),
    pytest.param(without(UNUSED), f"{REMOVED} ['InUse'", id="no-use"),
    pytest.param(instead(blind("apis")), f"{REMOVED} ['InUse'", id="no-apis"),
    pytest.param(instead(blind("backends")), f"{REMOVED} ['InUse'", id="no-backend-objects"),
    pytest.param(instead(blind("plugins")), f"{REMOVED} ['InUse'", id="no-plug-ins"),
    pytest.param(
        instead(believing(lambda _case, _ecs: True)), f"{REMOVED} ['TargetNotVerifiable'", id="empty-means-gone"
    ),
    pytest.param(
        instead(believing(lambda case, ecs: ecs._is_permitted([case.scheduled.instance_id]))),
        f"{REMOVED} ['TargetNotVerifiable'",
        id="a-right-means-gone",
    ),
    pytest.param(instead(Check(GONE.holds, _running_only)), f"{REMOVED} ['Alive'", id="untagged-means-gone"),
    pytest.param(
        (UNCHANGED, OURS, FROM_ANNOUNCEMENT, AN_INSTANCE, UNUSED, GONE), f"{REMOVED} ['InUse'", id="use-before-life"
    ),
    # the entry was looked up before all checks, so only the reason differs, and calls are made for what is not ours
    pytest.param(
        (GONE, UNUSED, UNCHANGED, OURS, FROM_ANNOUNCEMENT, AN_INSTANCE), "comes first", id="life-and-use-first"
    ),
]
SEARCH = settings(max_examples=800, deadline=None, database=None, phases=[Phase.generate])


@pytest.mark.no_cover
@pytest.mark.parametrize(("when_due", "said"), MUTANTS)
def test_each_check_is_there_for_a_reason(when_due: tuple[Check, ...], said: str) -> None:
    """With one check left out, weakened or moved, the search finds a world in which what must hold does not."""
    found = find(
        worlds(faults=False),
        lambda world: any(said in broken for broken in play(world, when_due).broken),
        settings=SEARCH,
        random=Random(1),
    )

    assert play(found).broken == []


def test_without_a_dry_run_a_missing_right_is_kept_instead_of_due() -> None:
    """The other two parts of the proof stand for themselves: who may see nothing sees no living instance either."""
    world = World(backend="Running", sight="denied", sent_by_hand=True)

    assert play(world).told == ["failed Forbidden.RAM"] * 2
    seen = play(world, instead(believing(_without_dry_run)))
    assert seen.broken == []
    assert seen.told == ["kept TargetNotVerifiable"]


def test_every_check_has_a_mutant() -> None:
    """A check that is added to the table needs one, too."""
    tables = [table for mutant in MUTANTS if isinstance(table := mutant.values[0], tuple)]

    assert {check for table in tables for check in CHECKS if check not in table} == set(CHECKS)
