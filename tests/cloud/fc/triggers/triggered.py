"""The function as a trigger sees it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from tests.cloud.core import ServiceError

if TYPE_CHECKING:
    from tests.cloud.fc.ports import Smq


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

    def lose(self, queue: str, why: str) -> None:
        """Note that a dead letter is lost, since its queue refused it."""


def bury(event: bytes, smq: Smq, queue: str, target: TriggeredFunction) -> None:
    """Send an event that was given up to its trigger's dead-letter queue ("": none), as it is: that is assumed.

    What becomes of one that the queue refuses, as a batch of over 64 KB, is not documented: here it is lost and counted.
    """
    if queue:
        try:
            smq.send(queue, event.decode())
        except ServiceError as error:
            target.lose(queue, str(error))
