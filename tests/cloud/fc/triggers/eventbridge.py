"""Rules on an EventBridge bus: each event that matches is pushed to the rule's function, alone and with retries."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.cloud.fc.triggers import shapes
from tests.cloud.fc.triggers.pattern import matches
from tests.cloud.fc.triggers.triggered import Delivery, bury

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import World
    from tests.cloud.fc.ports import Smq
    from tests.cloud.fc.triggers.config import EventBridgeTrigger
    from tests.cloud.fc.triggers.triggered import TriggeredFunction


class _Push:
    def __init__(self, event: bytes, due: float) -> None:
        self.event, self.due, self.attempts = event, due, 0


class RulePump:
    """One rule: takes events from its bus and pushes them in the order they came, except those waiting for a retry."""

    def __init__(self, world: World, smq: Smq, trigger: EventBridgeTrigger, target: TriggeredFunction) -> None:
        self._world, self._smq, self._trigger, self._target = world, smq, trigger, target
        self.wake = threading.Event()
        self._pushes: list[_Push] = []
        self._running = 0
        self._lock = threading.Lock()

    def offer(self, bus: str, event: Mapping[str, Any]) -> bool:
        """Take an event of the bus if the rule's pattern matches it."""
        trigger = self._trigger
        if not trigger.enabled or bus != trigger.bus or not matches(trigger.pattern, event):
            return False
        with self._lock:
            self._pushes.append(_Push(shapes.dumps(event), self._world.clock.now()))
        self.wake.set()
        return True

    def step(self) -> bool:
        with self._lock:
            push = min(self._pushes, key=lambda waiting: waiting.due, default=None)
            if push is None or push.due > self._world.clock.now():
                return False
            self._pushes.remove(push)
            self._running += 1
        try:
            delivery = self._target.deliver(push.event, asynchronous=self._trigger.asynchronous)
            if delivery is not Delivery.DONE:
                self._fail(push, retry=delivery is Delivery.REFUSED or self._world.switches.fc_rule_retry == "on")
        finally:
            with self._lock:
                self._running -= 1
        return True

    def due(self) -> float | None:
        with self._lock:
            return min((push.due for push in self._pushes), default=None)

    def busy(self) -> bool:
        with self._lock:
            return self._running > 0

    def _fail(self, push: _Push, *, retry: bool) -> None:
        waits = self._trigger.retry.waits if retry else ()
        if push.attempts < len(waits):
            push.due = self._world.clock.now() + waits[push.attempts]
            push.attempts += 1
            with self._lock:
                self._pushes.append(push)
        else:
            bury(push.event, self._smq, self._trigger.dead_letter_queue, self._target)
