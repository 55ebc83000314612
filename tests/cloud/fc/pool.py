"""The instances of one function: created on demand up to a limit, reused, reclaimed when idle for long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.cloud.core import ServiceError

if TYPE_CHECKING:
    from tests.cloud.fc.instance import Instance


class InstancePool:
    """Lends instances: an idle one, else a new one, else a refusal (429 ResourceExhausted)."""

    def __init__(
        self, create: Callable[[], Instance], limit: int, idle_seconds: float, now: Callable[[], float]
    ) -> None:
        self._create, self._limit, self._idle_seconds, self._now = create, limit, idle_seconds, now
        self._idle: list[Instance] = []
        self._busy: set[Instance] = set()
        self._starting = 0
        self._generation = 0  # of the code; an instance of an earlier one is used no more
        self._closed = False
        self._lock = threading.Lock()

    @property
    def instances(self) -> list[Instance]:
        """Every living instance, idle ones last."""
        with self._lock:
            return [*self._busy, *self._idle]

    def acquire(self) -> Instance:
        """Return an instance for one caller alone; raises ServiceError 429 at the limit."""
        with self._lock:
            self._reap()
            if self._closed:
                raise self._deleted()
            if self._idle:
                instance = self._idle.pop()
                self._busy.add(instance)
                return instance
            if len(self._busy) + self._starting >= self._limit:
                raise ServiceError(429, "ResourceExhausted", f"the function has {self._limit} instances, all are busy")
            self._starting += 1
            generation = self._generation
        try:
            instance = self._create()
            instance.generation = generation
        finally:
            with self._lock:
                self._starting -= 1
        with self._lock:
            if not self._closed:
                self._busy.add(instance)
                return instance
        instance.kill()
        raise self._deleted()

    def release(self, instance: Instance, *, keep: bool) -> None:
        """Give an instance back, to be used again or, with ``keep`` false, to be ended."""
        with self._lock:
            self._busy.discard(instance)
            keep = keep and not self._closed and instance.generation == self._generation
            if keep:
                instance.idle_since = self._now()
                self._idle.append(instance)
        if not keep:
            instance.kill()

    def renew(self) -> None:
        """Use no instance again that there is now: idle ones end, a busy one ends with what it does."""
        with self._lock:
            self._generation += 1
        self.retire_idle()

    def retire_idle(self) -> None:
        """End all idle instances; the next call gets a new one."""
        with self._lock:
            retired, self._idle = self._idle, []
        for instance in retired:
            instance.kill()

    def close(self) -> None:
        """End everything; a busy caller sees its instance exit."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        self.retire_idle()
        for instance in busy:
            instance.process.kill()  # its caller notices, reaps it and closes the pipes

    @staticmethod
    def _deleted() -> ServiceError:
        return ServiceError(404, "FunctionNotFound", "the function was deleted")

    def _reap(self) -> None:
        kept = []
        for instance in self._idle:
            if instance.alive and self._now() - instance.idle_since < self._idle_seconds:
                kept.append(instance)
            else:
                instance.kill()
        self._idle = kept
