"""Many instances under one account's rate: they stay just below it, though none knows of another."""

from __future__ import annotations

from tests.bench.fleet import Fleet, drain


def test_a_fleet_stays_below_the_rate_of_its_account() -> None:
    """Twenty instances take what others leave, are refused hardly ever, and share it about evenly."""
    drained = drain(Fleet(20, 6_000))

    assert drained.stretch <= 1.1
    assert drained.throttled <= 0.05
    assert drained.terraform <= 0.05
    assert drained.fairness >= 0.8
    assert sum(drained.by_instance) == 6_000


def test_few_instances_are_never_refused() -> None:
    """The stack's own settings leave others room: two instances drain at their ceilings."""
    drained = drain(Fleet(2, 2_000))

    assert (drained.throttled, drained.terraform) == (0, 0)
    assert drained.stretch <= 1.05
