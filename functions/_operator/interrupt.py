"""Ctrl-C ends a command with one line and 130, as shells have it, wherever it is; what is open is closed, nothing is dumped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import TypeVar

CODE = 128 + signal.SIGINT

Opened = TypeVar("Opened")


def attend(said: str = "ended by Ctrl-C") -> None:
    """From now on Ctrl-C says ``said`` and raises SystemExit; a further one is ignored while things are put away."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(2, f"\n{said}\n".encode())
        sys.exit(CODE)

    signal.signal(signal.SIGINT, end)


@contextmanager
def put_away(make: Callable[[], AbstractContextManager[Opened]]) -> Iterator[Opened]:
    """Give what ``make`` opens; Ctrl-C waits meanwhile, or it could come before anybody knows what to put away.

    It is noted and raised again: a blocked signal would only go to another thread, and from there to the handler all the same.
    """
    interrupts = list[int]()
    with ExitStack() as stack:
        before = signal.signal(signal.SIGINT, lambda number, _frame: interrupts.append(number))
        try:
            opened = stack.enter_context(make())
        finally:
            signal.signal(signal.SIGINT, before)
        if interrupts:
            signal.raise_signal(signal.SIGINT)
        yield opened


@contextmanager
def left_to_child() -> Iterator[None]:
    """Ignore Ctrl-C while a child process runs that attends to it: the line is said once, and the code is the child's."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
