"""The function as a trigger sees it."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Delivery(Enum):
    """How one delivery ended."""

    DONE = "done"  # the function returned, or the asynchronous invocation was accepted
    FAILED = "failed"  # the function raised, timed out or exited
    REFUSED = "refused"  # throttled, or a system error


class TriggeredFunction(Protocol):
    """Delivers one event to one function."""

    @property
    def name(self) -> str:
        """The function's name."""

    def deliver(self, event: bytes, *, asynchronous: bool) -> Delivery:
        """Invoke the function, or queue the invocation."""
