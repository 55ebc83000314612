"""How the bench judges a figure: by its bound and by the spread of its rounds."""

from __future__ import annotations

import pytest

from tests.bench.report import Bound, Goal


@pytest.mark.parametrize(
    ("bound", "value", "spread", "verdict"),
    [
        pytest.param(Bound(0.5), 0.4, (0.35, 0.45), "met", id="below"),
        pytest.param(Bound(0.5), 0.5, (0.5, 0.5), "met", id="exactly"),
        pytest.param(Bound(0.5), 0.6, (0.55, 0.7), "missed", id="above"),
        pytest.param(Bound(0.5), 0.4, (0.35, 0.55), "unclear", id="bound-within-the-spread"),
        pytest.param(Bound(0.5), 0.6, (0.45, 0.7), "unclear", id="missed-by-less-than-the-spread"),
        pytest.param(Bound(0.9, least=True), 0.95, (0.93, 0.97), "met", id="at-least"),
        pytest.param(Bound(0.9, least=True), 0.85, (0.8, 0.88), "missed", id="too-little"),
        pytest.param(Bound(3), 2.9, (None, None), "met", id="no-rounds"),
        pytest.param(Bound(3), 3.1, (None, None), "missed", id="no-rounds-and-too-much"),
        pytest.param(None, 3.1, (None, None), "", id="no-goal"),
    ],
)
def test_a_bound_within_the_spread_is_unclear(
    bound: Bound | None, value: float, spread: tuple[float | None, float | None], verdict: str
) -> None:
    """A figure is met or missed only if the half of its rounds in the middle agrees."""
    assert Goal("key", "what", value, bound, "", *spread).verdict == verdict
