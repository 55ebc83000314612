"""Calls per second, per operation: a ceiling that gives way to throttling and recovers.

A per-user limit counts the whole account (https://help.aliyun.com/document_detail/342760.htm), so the ceiling alone
cannot prevent throttling: many instances share the limit, know nothing of one another, and have only their own answers to go by.
On ``Throttling`` the rate is halved, at most once per second. Each success gives back so little that a fleet stays just
below what the account has left: what all give back together between two refusals is what one halving takes. Once nothing
is refused, the steps double every _QUIET seconds, so that one instance alone is back at its ceiling within a minute or two.
What came of it, and what was tried: ``tests/bench/README.md``, "A fleet".
"""

from __future__ import annotations

import threading

from shared.clock import Clock, Deadline

_LEAST = 1 / 200  # of the ceiling, which throttling cannot go below: 300 instances must fit into 40 calls a second
_STEP = 1 / 800  # of the ceiling, which a success gives back
_QUIET = 30.0  # seconds without throttling after which steps are twice as large
_MOST_DOUBLED = 10


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
                lane.rate, lane.last_cut = max(_LEAST * self._ceiling, lane.rate / 2), now

    def succeeded(self, operation: str) -> None:
        """Give some speed back."""
        lane = self._lanes.get(operation)
        if lane is not None and lane.rate < self._ceiling:
            now = self._clock.monotonic()
            with self._lock:
                step = self._ceiling * _STEP * 2 ** min(_MOST_DOUBLED, (now - lane.last_cut) / _QUIET)
                lane.rate = min(self._ceiling, lane.rate + step)

    def _lane(self, operation: str) -> _Lane:
        lane = self._lanes.get(operation)
        if lane is None:
            lane = self._lanes[operation] = _Lane(self._ceiling)
        return lane
