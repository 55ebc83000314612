"""Time as the stand-in sees it: shiftable, stoppable, and wrong for a single request if a fault says so."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a fault rule changes for the one request that a thread is serving (see `bent`).
_skew: ContextVar[float] = ContextVar("skew", default=0.0)
_token_expired: ContextVar[bool] = ContextVar("token_expired", default=False)


@contextmanager
def bent(*, skew: float = 0.0, token_expired: bool = False) -> Iterator[None]:
    """Let the current thread's request see a wrong clock, or its token as expired."""
    clock, token = _skew.set(skew), _token_expired.set(token_expired)
    try:
        yield
    finally:
        _skew.reset(clock)
        _token_expired.reset(token)


def token_expired_by_fault() -> bool:
    """Tell if a fault makes the current request's token count as expired."""
    return _token_expired.get()


class CloudClock:
    """Wall-clock time, shiftable: ``skew`` seconds are added, so a server's wrong clock can be shown.

    ``ahead`` are the seconds that the cloud has jumped forward. Its callers have not jumped with it, and their signatures
    are none the worse for that: `signing_now` is what their dates are compared with.
    """

    def __init__(self) -> None:
        self.skew = self.ahead = 0.0

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.skew + self.ahead + _skew.get()

    def signing_now(self) -> float:
        """Return the time that the date of a request is compared with."""
        return self.now() - self.ahead

    def sleep(self, seconds: float) -> None:
        """Let time pass (an injected delay)."""
        time.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Jump forward: what waits for a time is that much closer to it."""
        self.ahead += seconds

    def wait(self, condition: threading.Condition, seconds: float) -> bool:
        """Wait on a held condition at most ``seconds``; True if it was notified."""
        return condition.wait(seconds)


class ManualClock(CloudClock):
    """A clock that stands still until a test moves it; waits end at once unless notified."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        super().__init__()
        self._now = now

    def now(self) -> float:
        return self._now + self.skew + _skew.get()

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        self._now += seconds

    def wait(self, condition: threading.Condition, seconds: float) -> bool:
        del condition  # the time is over at once: whoever would notify has no time to
        self.advance(seconds)
        return False
