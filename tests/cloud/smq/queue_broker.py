"""The account's queues, as the other parts of the stand-in use them from Python.

No signature, no HTTP, no XML: :class:`tests.cloud.smq.product.Smq` adds those. Every refusal is a
``ServiceError`` with SMQ's code. One lock guards everything; callbacks run after it was released.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from tests.cloud.smq.errors import refusal
from tests.cloud.smq.messages import DEFAULT_PRIORITY, Message, Property, check_body
from tests.cloud.smq.queues import QUEUE_ATTRIBUTES, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cloud.core import World

# "letter or digit first, then letters, digits, -" (https://help.aliyun.com/document_detail/27495.htm),
# 120 characters (https://alibabacloud.com/help/en/mns/product-overview/limits; older pages say 255).
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_NAME_LENGTH = 120


def check_name(kind: str, name: str) -> None:
    """Refuse a malformed name; ``kind`` is ``Queue``, ``Topic`` or ``Subscription``."""
    if not 1 <= len(name) <= _NAME_LENGTH:
        raise refusal(f"{kind}NameLengthError")
    if not _NAME.fullmatch(name):
        raise refusal(f"Invalid{kind}Name")


def check_range(name: str, value: int, limits: tuple[int, ...]) -> int:
    """Return ``value`` if it lies between the first two of ``limits``."""
    low, high = limits[:2]
    if not low <= value <= high:
        raise refusal("InvalidArgument", f"The value of {name} should between {low} and {high} seconds/bytes.")
    return value


class QueueBroker:
    """The queues of one account in one region."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._lock = threading.RLock()
        self._queues: dict[str, Queue] = {}
        self._callbacks: dict[str, list[Callable[[str], None]]] = {}

    def queue(self, name: str) -> Queue:
        """Return the queue or raise ``QueueNotExist``."""
        with self._lock:
            if name not in self._queues:
                raise refusal("QueueNotExist")
            return self._queues[name]

    def queues(self) -> list[Queue]:
        """Return all queues by name."""
        with self._lock:
            return [self._queues[name] for name in sorted(self._queues)]

    def create_queue(self, name: str, **attributes: Any) -> Queue:
        """Create a queue and return it; see :meth:`add_queue`."""
        self.add_queue(name, attributes)
        return self.queue(name)

    def add_queue(self, name: str, attributes: Mapping[str, Any]) -> bool:
        """Create a queue; return False if it was there with the same attributes.

        ``attributes`` have the vendor's names: ``VisibilityTimeout`` …, ``LoggingEnabled``, and
        ``DlqPolicy`` with a :class:`DlqPolicy`. Other attributes than before are ``QueueAlreadyExist``.
        """
        check_name("Queue", name)
        with self._lock:
            queue = Queue(name, self.world, self._lock, self._bury)
            self._apply(queue, attributes)
            known = self._queues.setdefault(name, queue)
            if known is queue:
                self._link_dead_letters()
            elif known.settings() != queue.settings():
                raise refusal("QueueAlreadyExist")
            return known is queue

    def set_queue_attributes(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Change the named attributes of a queue, all or none."""
        with self._lock:
            queue = self.queue(name)
            self._apply(queue, attributes)
            queue.last_modify_time = int(self.world.clock.now())
            self._link_dead_letters()

    def delete_queue(self, name: str) -> None:
        """Delete a queue with its messages; a missing one is not an error (no such error is documented)."""
        with self._lock:
            queue = self._queues.pop(name, None)
            if queue is not None:
                queue.close()
                self._link_dead_letters()

    def _apply(self, queue: Queue, attributes: Mapping[str, Any]) -> None:
        numbers = {}
        for key, value in attributes.items():
            if key in QUEUE_ATTRIBUTES:
                numbers[key] = check_range(key, value, QUEUE_ATTRIBUTES[key])
            elif key not in {"LoggingEnabled", "DlqPolicy"}:
                raise refusal("InvalidArgument", f"{key} is not an attribute of a queue.")
        queue.attributes.update(numbers)
        queue.logging_enabled = attributes.get("LoggingEnabled", queue.logging_enabled)
        queue.dlq_policy = attributes.get("DlqPolicy", queue.dlq_policy)

    def _link_dead_letters(self) -> None:
        for target in self._queues.values():
            target.feeders = [
                source
                for source in self._queues.values()
                if source.dlq_policy.enabled and source.dlq_policy.dead_letter_queue == target.name != source.name
            ]

    def _bury(self, source: Queue, message: Message) -> bool:
        """Move a message to the dead-letter queue; without one it stays where it is (assumed).

        The property names are the vendor's (``SystemPropertyName`` in ``aliyun-mns-sdk`` 1.3.0), what
        they hold is assumed. Nobody is called back: the callbacks run without the lock, this with it.
        """
        target = self._queues.get(source.dlq_policy.dead_letter_queue)
        if target is None or target is source:
            return False
        origin = (
            Property("DLQSourceArn", f"acs:mns:{self.world.region_id}:{self.world.account_id}:/queues/{source.name}"),
            Property("DLQOriginMessageId", message.message_id),
        )
        target.put(
            message.body,
            priority=message.priority,
            user_properties=message.user_properties,
            system_properties=(*message.system_properties, *origin),
        )
        return True

    def put(self, queue_name: str, body: str, **options: Any) -> Message:
        """Send a message and return it; ``options`` are those of :meth:`Queue.put`."""
        with self._lock:
            queue = self.queue(queue_name)
            check_body(body, queue.attributes["MaximumMessageSize"])
            message = queue.put(body, **options)
        self._call_back([queue_name])
        return message

    def send(
        self, queue_name: str, body: str, *, priority: int = DEFAULT_PRIORITY, delay_seconds: int | None = None
    ) -> str:
        """Send a message and return its id. The body is taken as it is: encode it before, if you want Base64."""
        return self.put(queue_name, body, priority=priority, delay_seconds=delay_seconds).message_id

    def receive(self, queue_name: str, max_messages: int = 1, wait: float = 0.0) -> list[Message]:
        """Take up to ``max_messages``, waiting at most ``wait`` seconds for the first; empty if there is none."""
        return self.queue(queue_name).receive(max_messages, wait)

    def delete(self, queue_name: str, receipt_handle: str) -> None:
        """Delete a received message; a spent handle is ``MessageNotExist``."""
        self.queue(queue_name).delete(receipt_handle)

    def on_message(self, queue_name: str, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call ``callback(queue_name)`` after each message sent to the queue; returns what ends that.

        It is a hint to receive, in the sender's thread. Redelivery after the visibility timeout and
        delayed messages give no second hint: a long-polling ``receive`` sees those.
        """
        with self._lock:
            self._callbacks.setdefault(queue_name, []).append(callback)

        def stop() -> None:
            with self._lock:
                self._callbacks[queue_name].remove(callback)

        return stop

    def _call_back(self, queue_names: list[str]) -> None:
        with self._lock:
            calls = [(callback, name) for name in queue_names for callback in self._callbacks.get(name, ())]
        for callback, name in calls:
            callback(name)
