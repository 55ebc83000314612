"""A function with what its triggers started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.cloud.core import ServiceError
from tests.cloud.fc.runner import Pump, Runner
from tests.cloud.fc.triggers.config import EventBridgeTrigger, QueueTrigger, TopicTrigger
from tests.cloud.fc.triggers.eventbridge import RulePump
from tests.cloud.fc.triggers.queue import QueuePump
from tests.cloud.fc.triggers.topic import topic_event
from tests.cloud.fc.triggers.triggered import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.core import World
    from tests.cloud.fc.function import Function, InvocationEnd
    from tests.cloud.fc.ports import Smq, TopicPublication


class Invoker(Protocol):
    """The platform as a deployment needs it."""

    world: World
    smq: Smq
    lost_records: list[tuple[str, str, str]]
    faults: list[Exception]

    def run(self, function: Function, event: bytes) -> InvocationEnd:
        """Invoke synchronously."""

    def submit(self, function: Function, event: bytes) -> None:
        """Queue an asynchronous invocation."""


class Deployment:
    """Attaches a function's triggers and is their target; ``close`` ends triggers, threads and instances."""

    def __init__(self, function: Function, invoker: Invoker) -> None:
        self.function, self._invoker = function, invoker
        self.pumps: list[Pump] = []
        self._runners: list[Runner] = []
        self._unsubscribe: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        return self.function.config.name

    def deliver(self, event: bytes, *, asynchronous: bool) -> Delivery:
        """Invoke the function for one of its triggers."""
        try:
            if asynchronous:
                self._invoker.submit(self.function, event)
                return Delivery.DONE
            return Delivery.FAILED if self._invoker.run(self.function, event).error_type else Delivery.DONE
        except ServiceError:
            return Delivery.REFUSED

    def lose(self, queue: str, why: str) -> None:
        """Count a dead letter that its queue refused."""
        self._invoker.lost_records.append((self.function.config.key, queue, why))

    def attach_triggers(self) -> None:
        """Make the triggers listen; ServiceError 404 for a topic that does not exist."""
        world, smq = self._invoker.world, self._invoker.smq
        for trigger in self.function.config.triggers:
            if isinstance(trigger, QueueTrigger):
                pump = QueuePump(world, smq, trigger, self)
                self.pumps.append(pump)
                self._unsubscribe.append(pump.close)
            elif isinstance(trigger, EventBridgeTrigger):
                self.pumps.append(RulePump(world, smq, trigger, self))
            elif isinstance(trigger, TopicTrigger) and trigger.enabled:
                listener = self._topic_listener(trigger)
                self._unsubscribe.append(smq.topic_listeners(trigger.topic, listener, tag=trigger.filter_tag))

    def start(self) -> None:
        """Let the triggers work by themselves."""
        invoker = self._invoker
        self._runners = [Runner(pump, invoker.world.clock, invoker.faults, name=self.name) for pump in self.pumps]
        for runner in self._runners:
            runner.start()

    def close(self) -> None:
        """Stop everything; a running invocation ends with its instance."""
        for stop in self._unsubscribe:
            stop()
        for runner in self._runners:
            runner.stop()
        self.function.close()
        for runner in self._runners:
            runner.join()

    def _topic_listener(self, trigger: TopicTrigger) -> Callable[[TopicPublication], None]:
        def listener(publication: TopicPublication) -> None:
            self.deliver(topic_event(self._invoker.world, trigger, publication), asynchronous=True)

        return listener
