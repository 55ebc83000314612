"""Calls per second, per operation: a ceiling that gives way to throttling and recovers.

A per-user limit counts the whole account (https://help.aliyun.com/document_detail/342760.htm), so the ceiling alone
cannot prevent throttling. On ``Throttling`` the rate is halved, at most once per second; each success gives back a
twentieth of the ceiling.
"""

from __future__ import annotations

import threading

from shared.clock import Clock, Deadline

_MIN_RATE = 0.5  # calls per second that throttling cannot go below


class _Lane:
    __slots__ = ("last_cut", "next_start", "rate")

    def __init__(self, rate: float) -> None:
        self.rate, self.next_start, self.last_cut = rate, 0.0, -1e9


class Pace:
    """Spaces the starts of calls; shared by threads and kept between invocations."""

    def __init__(self, clock: Clock, calls_per_second: float) -> None:
        self._clock, self._ceiling = clock, calls_per_second
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    def wait(self, operation: str, deadline: Deadline) -> float:
        """Wait for this call's turn and return the seconds waited; raises OutOfTime if the turn comes too late."""
        now = self._clock.monotonic()
        with self._lock:
            lane = self._lane(operation)
            start = max(now, lane.next_start)
            deadline.require(start - now, f"the next turn of {operation}")
            lane.next_start = start + 1 / lane.rate
        if start > now:
            self._clock.sleep(start - now)
        return start - now

    def throttled(self, operation: str, retry_after: float | None = None) -> None:
        """Slow the operation down; no call of it starts within ``retry_after`` seconds, the wait that the cloud asked for."""
        now = self._clock.monotonic()
        with self._lock:
            lane = self._lane(operation)
            lane.next_start = max(lane.next_start, now + (retry_after or 0.0))
            if now - lane.last_cut >= 1:
                lane.rate, lane.last_cut = max(_MIN_RATE, lane.rate / 2), now

    def succeeded(self, operation: str) -> None:
        """Give some speed back."""
        lane = self._lanes.get(operation)
        if lane is not None and lane.rate < self._ceiling:
            with self._lock:
                lane.rate = min(self._ceiling, lane.rate + self._ceiling / 20)

    def _lane(self, operation: str) -> _Lane:
        lane = self._lanes.get(operation)
        if lane is None:
            lane = self._lanes[operation] = _Lane(self._ceiling)
        return lane
