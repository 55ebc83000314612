"""The functions by name: each folder beside this package that holds an ``index.py``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from shared.flow.engine import Work

HOME = Path(__file__).resolve().parents[1]
DEFAULT = "set_vpc_access"


@cache
def names(home: Path = HOME) -> tuple[str, ...]:
    """Return the names of all functions; the operator's own package begins with an underscore and is not one."""
    return tuple(sorted(path.parent.name for path in home.glob("[!_]*/index.py")))


def work(name: str) -> Work:
    """Return what the function of that name does with records."""
    found: Work = import_module(f"functions.{name}.index").work
    return found
