"""The functions by name: each folder beside this package that holds an ``index.py``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from shared.events.parsing import parse
from shared.flow.engine import Work
from shared.model.records import Content, Ended, Held, Hint, Move, Scheduled, Timer

HOME = Path(__file__).resolve().parents[1]
DEFAULT = "set_vpc_access"
_DELIVERED: dict[type[Content], str] = {
    Ended: "release_vpc_access",
    Scheduled: "release_vpc_access",
    Timer: "reconcile_vpc_access",
    **dict.fromkeys((Hint, Move, Held), "named_backends"),
}
"""Whose triggers deliver what, in template.yml; all else is for the default."""
_FOLDERS = {"release": "release_vpc_access", "reconcile": "reconcile_vpc_access", "names": "named_backends"}
"""Whom the files of a folder under ``events/`` are for; all others are for the default."""


@cache
def names(home: Path = HOME) -> tuple[str, ...]:
    """Return the names of all functions; the operator's own package begins with an underscore and is not one."""
    return tuple(sorted(path.parent.name for path in home.glob("[!_]*/index.py")))


def for_event(file: Path) -> str:
    """Return the name of the function that an event file is for: that of its folder, or the default.

    So ``events/release/…`` is for ``release_vpc_access``, and ``events/ecs/…`` for ``set_vpc_access``.
    """
    return _FOLDERS.get(file.resolve().parent.name, DEFAULT)


def for_content(event: bytes) -> str:
    """Return the name of the function whose triggers deliver such an event, for one that has no folder."""
    return next((_DELIVERED[kind] for record in parse(event) if (kind := type(record.content)) in _DELIVERED), DEFAULT)


def work(name: str) -> Work:
    """Return what the function of that name does with records."""
    found: Work = import_module(f"functions.{name}.index").work
    return found
