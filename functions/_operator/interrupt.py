"""Ctrl-C ends a command with one line and 130, as shells have it, wherever it is; what is open is closed, nothing is dumped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CODE = 128 + signal.SIGINT


def attend(said: str = "ended by Ctrl-C") -> None:
    """From now on Ctrl-C says ``said`` and raises SystemExit; a further one is ignored while things are put away."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(2, f"\n{said}\n".encode())
        sys.exit(CODE)

    signal.signal(signal.SIGINT, end)


@contextmanager
def left_to_child() -> Iterator[None]:
    """Ignore Ctrl-C while a child process runs that attends to it: the line is said once, and the code is the child's."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
