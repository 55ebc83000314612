"""An event that a command is given: the name of a file, or ``-`` for what comes on standard input."""

from __future__ import annotations

import sys
from pathlib import Path

import click

EVENT: click.Path = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
STANDARD_INPUT = Path("-")


def read(event: Path) -> bytes:
    """Return the bytes of an event."""
    return sys.stdin.buffer.read() if event == STANDARD_INPUT else event.read_bytes()


def name_of(event: Path) -> str:
    """Return what people call it."""
    return "the event from standard input" if event == STANDARD_INPUT else event.name
