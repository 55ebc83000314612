"""Time, randomness and waiting as one value, so that tests hand in their own and nothing sleeps."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from shared.errors import OutOfTime


class Clock(NamedTuple):
    """Sources of time and chance. ``now`` and ``monotonic`` are in seconds, ``jitter`` in 0 ≤ x < 1."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def nonce(self) -> str:
        """Return 128 random bits as hexadecimal: a nonce that is never used twice."""
        return os.urandom(16).hex()


class Deadline:
    """The moment after which no attempt may start; ``margin`` seconds are kept for reporting."""

    def __init__(self, clock: Clock, seconds: float, margin: float = 2.0) -> None:
        self._clock = clock
        self._end = clock.monotonic() + max(0.0, seconds - min(margin, seconds / 4))

    def part(self, share: float) -> Deadline:
        """Return a deadline after this share of what is left."""
        return Deadline(self._clock, share * self.remaining(), margin=0)

    def remaining(self) -> float:
        """Return the seconds left, 0.0 when the time is over."""
        return max(0.0, self._end - self._clock.monotonic())

    def has(self, seconds: float) -> bool:
        """Tell whether so many seconds are left."""
        return self.remaining() >= seconds

    def require(self, seconds: float, what: str) -> None:
        """Raise OutOfTime if ``seconds`` do not fit any more."""
        left = self.remaining()
        if left < seconds:
            raise OutOfTime(
                f"{what} needs {seconds:.1f} s but the invocation has {left:.1f} s left; "
                "the record is delivered again. Raise the function's timeout, or lower the trigger's batch size"
            )


def utc(seconds: float) -> str:
    """Return an epoch time as ``yyyy-MM-ddTHH:mm:ssZ``."""
    return _utc(int(seconds))


@lru_cache(1)  # an event asks four times within a second
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
