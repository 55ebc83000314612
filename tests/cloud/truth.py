"""What a record of `make contract` says of the switches: its answers were given by whoever was asked, an account or a stand-in."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.cloud.switches import Switches

FORM = 1
"""The form of records, as they say it themselves."""


class Seen(NamedTuple):
    """The switches that answers settle, and those of which two answers say different things, with what they say.

    ``unknown`` says of which switches a record of another version speaks in a way that this stand-in does not know.
    """

    switches: dict[str, Any]
    contradictions: dict[str, list[str]]
    unknown: list[str]


def switches_of(document: Any) -> Seen:
    """Return what a record settles; raises ValueError if the document is none."""
    told: dict[str, list[Any]] = {}
    unknown = list[str]()
    for row in _rows(document):
        for name, value in row.get("switches", {}).items():
            if problem := _problem(name, value):
                unknown.append(problem)
            else:
                told.setdefault(name, []).append(value)
    agreed = {name: values[0] for name, values in told.items() if len(set(values)) == 1}
    contradictions = {name: sorted(map(str, set(told[name]))) for name in told.keys() - agreed.keys()}
    return Seen(agreed, contradictions, unknown)


def _problem(name: str, value: Any) -> str:
    try:
        Switches().with_values(**{name: value})
    except ValueError as error:
        return str(error)
    return ""


def _rows(document: Any) -> list[dict[str, Any]]:
    form = document.get("contract") if isinstance(document, dict) else None
    if form is None:
        raise ValueError("this is no record of `make contract`")
    if form != FORM:
        raise ValueError(
            f"this is no record of this version: its form is {form!r}, not {FORM}. Ask again, or take that version"
        )
    rows = document.get("answers")
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        raise ValueError("this is no record of `make contract`: it has no list of answers")
    return rows


def _is_row(row: Any) -> bool:
    switches = row.get("switches", {}) if isinstance(row, dict) else None
    return isinstance(switches, dict) and all(isinstance(value, (str, int)) for value in switches.values())
