"""What people wish of names: another target, on purpose. Pure."""

from __future__ import annotations

from shared.access.naming import ON_PURPOSE
from shared.access.observe import Recent
from shared.flow.following import Name, carried_out, met
from shared.model.records import Hint

_MINUTE = 60  # seconds


def wish_of(name: Name, recent: Recent, now: int) -> str:
    """Return the instance that a person wants the name to open, "" if nobody asks: also if that move has only begun.

    One that was carried out is none any more: the person may have moved the name back since. ``recent`` knows that for
    a minute before the epoch second ``now``, so what is older is not taken up.
    """
    begun = [
        move.target[1]
        for move in name.arrived
        if move.cause.startswith(ON_PURPOSE)
        and name.entry is not None
        and name.entry.target == move.previous
        and not recent.noted(carried_out(move))
        and now - move.since < _MINUTE
    ]
    return next(iter([*(hint.target for hint in _unmet(name, recent)), *begun]), "")


def request_of(name: Name, recent: Recent) -> str:
    """Return the id of the wish that counts, "" if there is none."""
    return next((hint.request for hint in _unmet(name, recent)), "")


def _unmet(name: Name, recent: Recent) -> list[Hint]:
    """Return the wishes that were not carried out yet, the last one first."""
    return [hint for hint in reversed(name.hints) if hint.target and not recent.noted(met(hint.request))]
