"""Who claims a name: what keeps each instance from it, and how a name and all who claim it are told in a line."""

from __future__ import annotations

import pytest

from shared.access.naming import claimants, described, without_taken
from shared.access.plan import Present
from shared.model.access import VpcAccess
from shared.model.backend import Backend
from tests.shared.access.test_naming import FIRST, NAME, POLICY, SECOND, THIRD, Case, backend, entry


@pytest.mark.parametrize(
    ("claiming", "member", "may"),
    [
        pytest.param(backend(), "", "now", id="running"),
        pytest.param(backend(), "InService", "now", id="in-service"),
        pytest.param(backend(), "Pending", "soon", id="joins"),
        pytest.param(backend(), "Pending:Wait", "soon", id="joins-and-waits"),
        pytest.param(backend(), "Standby", "Standby", id="stands-by-in-its-group"),
        pytest.param(backend(status="Stopped"), "", "Stopped", id="stopped"),
        pytest.param(backend(status="Stopped"), "InService", "Stopped", id="stopped-in-service"),
        pytest.param(backend(status="Starting"), "Pending", "Starting", id="joins-before-it-runs"),
        pytest.param(backend(status=""), "", "unknown", id="of-no-known-state"),
        pytest.param(backend(ports="22"), "", "PortNotAllowed", id="ruled-out"),
        pytest.param(backend(ports="22"), "Pending:Wait", "PortNotAllowed", id="ruled-out-and-joins"),
    ],
)
def test_whether_an_instance_may_have_the_name(claiming: Backend, member: str, may: str) -> None:
    """It may now if it runs and is in service, soon if it runs and joins its group, and else there is a word for why not."""
    (one,) = claimants(NAME, [claiming], {FIRST: member}, None, POLICY)

    assert (one.is_ready, one.is_joining) == (may == "now", may == "soon")
    if not one.is_ready:
        assert one.in_the_way == (member if one.is_joining else may)


@pytest.mark.parametrize(
    ("claiming", "held", "reason"),
    [
        pytest.param(backend(), [], None, id="nothing-opens-it"),
        pytest.param(backend(), [entry()], None, id="the-name-itself"),
        pytest.param(backend(), [entry(name="another", port=443)], None, id="another-name-at-another-port"),
        pytest.param(backend(), [entry(name="another")], "TargetTaken", id="another-name"),
        pytest.param(backend(), [entry(), entry(name="another")], "TargetTaken", id="both"),
        pytest.param(backend(ports="22"), [entry(name="another", port=22)], "PortNotAllowed", id="ruled-out-before"),
        pytest.param(backend(ports=""), [entry(name="another")], "NameTagUnsupported", id="asks-for-no-port"),
    ],
)
def test_a_target_that_another_name_opens_is_ruled_out(
    claiming: Backend, held: list[VpcAccess], reason: str | None
) -> None:
    """What rules an instance out already stays its reason; the name's own entry and other ports are in nobody's way."""
    (one,) = without_taken(NAME, claimants(NAME, [claiming], {}, None, POLICY), Present(held))

    assert (one.why_not.reason if one.why_not else None) == reason


def many(count: int, **changes: str) -> list[Backend]:
    """Return instances that claim the name."""
    return [backend(f"i-{number:02}", **changes) for number in range(count)]


ALL_TEN = ", ".join(f"i-{number:02}" for number in range(10))
TEN_STOPPED = ", ".join(f"i-{number:02} (Stopped)" for number in range(10))


@pytest.mark.parametrize(
    ("case", "told"),
    [
        pytest.param(Case(None, []), "nothing", id="nobody"),
        pytest.param(Case(None, [backend(FIRST), backend(SECOND)]), f"nothing · ready {FIRST}, {SECOND}", id="ready"),
        pytest.param(Case(None, [backend(ports="22")]), f"nothing · not {FIRST} (PortNotAllowed)", id="nobody-ready"),
        pytest.param(Case(entry(), [backend()]), f"{FIRST} running", id="alone"),
        pytest.param(Case(entry(), [backend(status="Stopped")]), f"{FIRST} stopped", id="stopped"),
        pytest.param(Case(entry(), []), f"{FIRST} not seen", id="not-seen"),
        pytest.param(Case(entry(), [], is_gone=True), f"{FIRST} gone", id="gone"),
        pytest.param(
            Case(entry(), [backend(), backend(SECOND), backend(THIRD)], {THIRD: "Standby"}),
            f"{FIRST} running · standby {SECOND} · not {THIRD} (Standby)",
            id="who-stands-by-and-who-not",
        ),
        pytest.param(Case(None, many(10)), f"nothing · ready {ALL_TEN}", id="ten"),
        pytest.param(Case(None, many(11)), f"nothing · ready {ALL_TEN} and 1 more", id="eleven"),
        pytest.param(Case(None, many(12, status="Stopped")), f"nothing · not {TEN_STOPPED} and 2 more", id="twelve"),
    ],
)
def test_a_name_is_told_in_a_line(case: Case, told: str) -> None:
    """Its target with how it fares, then who would take over and who not, with a word for why; at most ten of each."""
    assert described(NAME, case.entry, case.target(), case.candidates()) == f"{NAME} → {told}"
