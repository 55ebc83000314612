"""What a record of `make contract` says of the switches: its answers were given by whoever was asked, an account or a stand-in."""

from __future__ import annotations

from typing import Any, NamedTuple


class Seen(NamedTuple):
    """The switches that answers settle, and those of which two answers say different things, with what they say."""

    switches: dict[str, Any]
    contradictions: dict[str, list[str]]


def switches_of(document: Any) -> Seen:
    """Return what a record settles; raises ValueError if the document is none."""
    rows = document.get("answers") if isinstance(document, dict) and document.get("contract") == 1 else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("this is no record of `make contract`: it has no list of answers")
    told: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.get("switches", {}).items():
            told.setdefault(name, []).append(value)
    agreed = {name: values[0] for name, values in told.items() if len(set(values)) == 1}
    return Seen(agreed, {name: sorted(map(str, set(told[name]))) for name in told.keys() - agreed.keys()})
