"""The function as a trigger sees it."""

from __future__ import annotations

from typing import Protocol


class Target(Protocol):
    """Delivers one event to one function."""

    @property
    def name(self) -> str:
        """The function's name."""

    def deliver(self, event: bytes, *, asynchronous: bool) -> bool:
        """Invoke the function, or queue the invocation; False if it failed, was refused or throttled."""
