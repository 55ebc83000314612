"""What an entry alone says about its release."""

from __future__ import annotations

import pytest

from shared import settings
from shared.access.releasable import not_announced
from shared.model.access import ANNOUNCED, NAMED, ORIGIN_TAG, REQUESTED, VpcAccess
from tests.invoking import SETTINGS


@pytest.mark.parametrize(
    ("origins", "by_default", "with_any"),
    [
        pytest.param((ANNOUNCED,), False, False, id="announced"),
        pytest.param((REQUESTED,), True, False, id="requested"),
        pytest.param((), True, False, id="older-than-the-mark"),
        pytest.param((ANNOUNCED, REQUESTED), True, False, id="says-two-things"),
        pytest.param((NAMED,), True, True, id="a-name"),
        pytest.param((ANNOUNCED, NAMED), True, True, id="announced-and-a-name"),
        pytest.param(("theirs",), True, True, id="another-program's"),
    ],
)
def test_what_was_not_announced_stays_unless_any_origin_goes(
    origins: tuple[str, ...], *, by_default: bool, with_any: bool
) -> None:
    """Only what was announced is released by itself; RELEASE_ORIGIN=any adds what requests made, and nobody else's."""
    entry = VpcAccess("orders", "vpc-1", "i-1", 80, tags=tuple((ORIGIN_TAG, origin) for origin in origins))
    kept = [
        not_announced(entry, settings.load({**SETTINGS, "RELEASE_ORIGIN": which})) for which in ("announced", "any")
    ]

    assert [one is not None for one in kept] == [by_default, with_any]
    assert all("RELEASE_ORIGIN=any" in one.text for one in kept if one) is (not with_any)
