"""Which backend a name opens: the rule as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import pytest

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

    def target(self) -> Target:
        """Return what is known of the target."""
        at = self.entry.instance_id if self.entry is not None else ""
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
    assert end_of(entry(), Target(None), POLICY) == ""
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
            [backend(SECOND), backend(THIRD, created="2026-01-05T04:17Z", started="2026-01-05T04:17Z")],
            {},
            THIRD,
            id="two-minutes-are-over-after-three-by-the-clock",
        ),
        pytest.param(
            [backend(SECOND), backend(THIRD, created="2026-01-05T04:17Z", started="2026-01-05T04:17:01Z")],
            {},
            SECOND,
            id="not-a-second-earlier",
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
    assert f"({reason})" in described(NAME, case.entry, case.target(), case.candidates())


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


def test_a_name_that_nobody_may_have_is_not_made() -> None:
    """It waits for an instance that runs and that policy lets have it."""
    assert Case(None, []).choice() == Stay()
    assert Case(None, [backend(status="Stopped"), backend(SECOND, ports="22")]).choice() == Stay()


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


@pytest.mark.parametrize("started", ["2026-13-01T00:00Z", "0000-00-00T00:00Z", "soon", ""])
def test_a_start_that_is_no_time_stops_no_name(started: str) -> None:
    """What ECS says of a start is not believed to be a time: an instance without one is a candidate like any other."""
    choice = Case(None, [backend(started=started)]).choice()

    assert isinstance(choice, Point)
    assert choice.to.place == FIRST
