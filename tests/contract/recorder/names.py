"""The names of fields that a shape may hold: those in the files under ``events/``, also inside of texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.events_table import FILES

_NOT_OURS = ("hostile", "foreign")
EVENTS = [path for path in FILES if path.parent.name not in _NOT_OURS]


def known() -> frozenset[str]:
    """Return the names."""
    return frozenset(name for path in EVENTS for name in _names(event(path)))


def event(path: Path) -> Any:
    """Return the event in a file, None if it is no JSON."""
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)
    elif isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            yield from _names(json.loads(value))
        except ValueError:
            return
