"""The SMQ queue trigger: an event stream (batches) or event-driven (one object), sequential, retried as a whole."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.cloud.core import ServiceError
from tests.cloud.fc.asynchronous import MAX_PAYLOAD
from tests.cloud.fc.triggers import shapes
from tests.cloud.fc.triggers.pattern import matches
from tests.cloud.fc.triggers.triggered import Delivery, bury

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.cloud.core import World
    from tests.cloud.fc.ports import QueueMessage, Smq
    from tests.cloud.fc.triggers.config import QueueTrigger
    from tests.cloud.fc.triggers.triggered import TriggeredFunction

_SMQ_BATCH = 16  # BatchReceiveMessage's limit


class QueuePump:
    """Moves messages from the queue into the function; a step takes a batch or tries the one at hand again.

    Messages are deleted after the function took them (at least once): when retrying outlasts the queue's visibility
    timeout they come again. Whether the real stream deletes before or after is not documented.
    """

    def __init__(self, world: World, smq: Smq, trigger: QueueTrigger, target: TriggeredFunction) -> None:
        self._world, self._smq, self._trigger, self._target = world, smq, trigger, target
        self.wake = threading.Event()
        self._batch: list[QueueMessage] = []
        self._attempts, self._next_attempt = 0, 0.0
        self._lock = threading.Lock()
        self.close = smq.on_message(trigger.queue, lambda _: self.wake.set())

    @property
    def blocked(self) -> bool:
        """True when all retries were used up and errors are not tolerated: the stream stands still on this batch."""
        return self._attempts > len(self._trigger.retry.waits) and not self._trigger.tolerate_errors

    def busy(self) -> bool:
        return self._lock.locked()

    def due(self) -> float | None:
        return self._next_attempt if self._batch and not self.blocked else None

    def step(self) -> bool:
        with self._lock:
            if not self._trigger.enabled:
                return False
            if not self._batch:
                self._batch, self._attempts, self._next_attempt = self._collect(), 0, 0.0
            if not self._batch or self._world.clock.now() < self._next_attempt:
                return False
            self._attempt()
            return True

    def _collect(self) -> list[QueueMessage]:
        """Receive until the count is reached or the window is over; the window opens with the first message."""
        size = self._trigger.batch_size if self._trigger.streaming else 1
        batch = self._receive(size)
        closes = self._world.clock.now() + self._trigger.batch_window
        while batch and len(batch) < size:
            more = self._receive(size - len(batch))
            batch += more
            remaining = closes - self._world.clock.now()
            if remaining <= 0:
                break
            if not more:
                condition = threading.Condition()
                with condition:
                    self._world.clock.wait(condition, min(remaining, 0.1))
        return batch

    def _receive(self, limit: int) -> list[QueueMessage]:
        try:
            return list(self._smq.receive(self._trigger.queue, min(limit, _SMQ_BATCH)))
        except ServiceError:  # the queue does not exist (yet)
            return []

    def _attempt(self) -> None:
        records = [
            shapes.queue_record(self._world, self._trigger, self._target.name, message) for message in self._batch
        ]
        events = self._events([record for record in records if matches(self._trigger.pattern, record)])
        asynchronous = self._trigger.asynchronous
        if all(self._target.deliver(event, asynchronous=asynchronous) is Delivery.DONE for event in events):
            self._finish(self._batch)
            return
        self._attempts += 1
        waits = self._trigger.retry.waits
        if self._attempts > len(waits) and self._trigger.tolerate_errors:
            for event in events:
                bury(event, self._smq, self._trigger.dead_letter_queue, self._target)
            self._finish(self._batch)
            return
        wait = waits[min(self._attempts, len(waits)) - 1] if waits else 1.0
        self._next_attempt = self._world.clock.now() + wait

    def _events(self, records: list[dict[str, object]]) -> list[bytes]:
        if not records:
            return []
        values = records if self._trigger.event_schema == "CloudEvents" else [record["data"] for record in records]
        if not self._trigger.streaming:
            return [shapes.dumps(value) for value in values]
        whole = shapes.dumps(values)
        if self._trigger.asynchronous and len(whole) > MAX_PAYLOAD and len(records) > 1:
            half = len(records) // 2  # a batch ends where 128 KB are reached; that it is halved is assumed
            return self._events(records[:half]) + self._events(records[half:])
        return [whole]

    def _finish(self, batch: Sequence[QueueMessage]) -> None:
        for message in batch:
            with suppress(ServiceError):  # the handle expired meanwhile: the message comes again
                self._smq.delete(self._trigger.queue, message.receipt_handle)
        self._batch = []
