"""One SMQ queue: visibility timeout, delay, priority, retention, long polling, dead letters.

Every operation costs O(log n) in the number of messages. Messages are immutable; a heap entry or a
receipt handle is valid only while it names the very object that is stored, so nothing is ever
searched for or removed from the middle of a heap.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.cloud.smq.errors import refusal
from tests.cloud.smq.messages import DEFAULT_PRIORITY, MAXIMUM_MESSAGE_SIZE, Message, Property

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.core import World

# Attribute: lowest, highest, default: https://help.aliyun.com/zh/ros/developer-reference/aliyun-mns-queue
QUEUE_ATTRIBUTES = {
    "DelaySeconds": (0, 604800, 0),
    "MaximumMessageSize": (1024, MAXIMUM_MESSAGE_SIZE, MAXIMUM_MESSAGE_SIZE),
    "MessageRetentionPeriod": (60, 604800, 345600),
    "VisibilityTimeout": (1, 43200, 30),
    "PollingWaitSeconds": (0, 30, 0),
}
_HeapEntry = tuple[int, int, int, Message]  # (what orders the heap, sequence, tie breaker, message)
_HANDLE = re.compile(r"\d{1,2}-[A-Za-z0-9]+={0,2}")


@dataclass(frozen=True)
class DlqPolicy:
    """Messages received ``max_receive_count`` times without a delete move to ``dead_letter_queue``."""

    enabled: bool = False
    max_receive_count: int = 1
    dead_letter_queue: str = ""


class Queue:
    """The messages of one queue. ``lock`` is shared by all queues, so a message may move between two.

    ``bury(queue, message)`` is called with the lock held for a message whose receive count is used up.
    """

    def __init__(self, name: str, world: World, lock: threading.RLock, bury: Callable[[Queue, Message], bool]) -> None:
        self.name, self._world, self._bury = name, world, bury
        self.attributes = {key: default for key, (_, _, default) in QUEUE_ATTRIBUTES.items()}
        self.logging_enabled, self.dlq_policy, self.deleted = False, DlqPolicy(), False
        self.create_time = self.last_modify_time = int(world.clock.now())
        self.feeders: list[Queue] = []  # queues whose dead letters end here
        self._arrived = threading.Condition(lock)
        self._messages: OrderedDict[str, Message] = OrderedDict()  # in order of arrival
        self._handles: dict[str, str] = {}  # receipt handle -> message id
        self._ready: list[_HeapEntry] = []  # by priority, then arrival
        self._hidden: list[_HeapEntry] = []  # by next visible time
        self._count = itertools.count(1)

    def __len__(self) -> int:
        return len(self._messages)

    def settings(self) -> tuple[dict[str, int], bool, DlqPolicy]:
        """Return what a second CreateQueue is compared with."""
        return self.attributes, self.logging_enabled, self.dlq_policy

    def put(
        self,
        body: str,
        *,
        priority: int = DEFAULT_PRIORITY,
        delay_seconds: int | None = None,
        user_properties: tuple[Property, ...] = (),
        system_properties: tuple[Property, ...] = (),
    ) -> Message:
        """Add a message and wake those who wait; ``delay_seconds`` None takes the queue's DelaySeconds."""
        with self._arrived:
            now = self._now()
            delay = self.attributes["DelaySeconds"] if delay_seconds is None else delay_seconds
            message = Message(
                message_id=self._world.ids.hex(32).upper(),
                body=body,
                enqueue_time=now,
                next_visible_time=now + delay * 1000,
                sequence=next(self._count),
                priority=priority,
                user_properties=user_properties,
                system_properties=system_properties,
            )
            self._store(message)
            self._arrived.notify_all()
            return message

    def receive(self, limit: int = 1, wait_seconds: float = 0) -> list[Message]:
        """Take up to ``limit`` messages, waiting for the first one at most ``wait_seconds``.

        Each gets a new receipt handle and stays invisible for the queue's VisibilityTimeout. The
        wait also ends for messages that become visible meanwhile, not only for new ones.
        """
        with self._arrived:
            deadline = self._now() + round(wait_seconds * 1000)
            while True:
                if self.deleted:
                    raise refusal("QueueNotExist")
                if taken := [self._take(message) for message in self._visible(limit)]:
                    return taken
                now = self._now()
                if now >= deadline:
                    return []
                self._world.clock.wait(self._arrived, max(self._next_change(deadline) - now, 1) / 1000)

    def peek(self, limit: int = 1) -> list[Message]:
        """Return what :meth:`receive` would take, without taking it."""
        with self._arrived:
            seen = self._visible(limit)
            for message in seen:
                self._push(self._ready, message.priority, message)
            return seen

    def delete(self, receipt_handle: str) -> None:
        """Remove a message; the handle is good only before NextVisibleTime.

        Raises ``ReceiptHandleError`` for what never was a handle and ``MessageNotExist`` for a spent
        one (https://www.alibabacloud.com/help/doc-detail/35138.htm).
        """
        with self._arrived:
            message = self._held(receipt_handle)
            del self._messages[message.message_id], self._handles[receipt_handle]

    def change_visibility(self, receipt_handle: str, seconds: int) -> Message:
        """Hide a received message for ``seconds`` from now; the answer carries its new handle."""
        with self._arrived:
            message = self._held(receipt_handle)
            changed = self._hold(message, seconds)
            self._arrived.notify_all()  # who waits may have to wake earlier than planned
            return changed

    def close(self) -> None:
        """Forget everything and send waiting receivers away."""
        with self._arrived:
            self.deleted = True
            for store in (self._messages, self._handles, self._ready, self._hidden):
                store.clear()
            self._arrived.notify_all()

    def stored(self) -> list[Message]:
        """Return every message in order of arrival, hidden ones too, without taking any."""
        with self._arrived:
            self._settle()
            return list(self._messages.values())

    def counts(self) -> dict[str, int]:
        """Return ActiveMessages, InactiveMessages and DelayMessages."""
        with self._arrived:
            self._settle()
            now, counts = self._now(), {"ActiveMessages": 0, "InactiveMessages": 0, "DelayMessages": 0}
            for message in self._messages.values():
                if message.next_visible_time <= now:
                    counts["ActiveMessages"] += 1
                else:
                    counts["InactiveMessages" if message.dequeue_count else "DelayMessages"] += 1
            return counts

    def _now(self) -> int:
        return int(self._world.clock.now() * 1000)

    def _store(self, message: Message) -> None:
        self._messages[message.message_id] = message
        if message.next_visible_time <= self._now():
            self._push(self._ready, message.priority, message)
        else:
            self._push(self._hidden, message.next_visible_time, message)

    def _push(self, heap: list[_HeapEntry], key: int, message: Message) -> None:
        # The count keeps two versions of one message from being compared with each other.
        heapq.heappush(heap, (key, message.sequence, next(self._count), message))

    def _settle(self) -> None:
        """Drop what is past its retention, show what has become visible, bury what failed too often.

        MessageRetentionPeriod counts from sending, and ends a message whether it was ever taken or not
        (https://help.aliyun.com/zh/ros/developer-reference/aliyun-mns-queue): one that is delayed for as long is lost.
        """
        now = self._now()
        oldest_kept = now - self.attributes["MessageRetentionPeriod"] * 1000
        while self._messages and (first := next(iter(self._messages.values()))).enqueue_time <= oldest_kept:
            self._forget(first)
        while self._hidden and self._hidden[0][0] <= now:
            message = heapq.heappop(self._hidden)[-1]
            if self._messages.get(message.message_id) is not message:
                continue
            if self._used_up(message) and self._bury(self, message):
                self._forget(message)
            else:
                self._push(self._ready, message.priority, message)

    def _used_up(self, message: Message) -> bool:
        return self.dlq_policy.enabled and message.dequeue_count >= self.dlq_policy.max_receive_count

    def _forget(self, message: Message) -> None:
        del self._messages[message.message_id]
        self._handles.pop(message.receipt_handle, None)

    def _visible(self, limit: int) -> list[Message]:
        """Pop up to ``limit`` visible messages, by priority, then by arrival."""
        for queue in (*self.feeders, self):
            queue._settle()
        found: list[Message] = []
        while self._ready and len(found) < limit:
            message = heapq.heappop(self._ready)[-1]
            if self._messages.get(message.message_id) is message:
                found.append(message)
        return found

    def _next_change(self, deadline: int) -> int:
        """Return when a receiver has to look again, if nothing wakes it before."""
        moments = [queue._hidden[0][0] for queue in (self, *self.feeders) if queue._hidden]
        if self.feeders:  # one of them may hide a message while we wait, and that wakes nobody here
            moments.append(self._now() + 1000)
        return min([deadline, *moments])

    def _take(self, message: Message) -> Message:
        received = replace(
            message,
            first_dequeue_time=message.first_dequeue_time or self._now(),
            dequeue_count=message.dequeue_count + 1,
        )
        return self._hold(received, self.attributes["VisibilityTimeout"])

    def _hold(self, message: Message, seconds: int) -> Message:
        """Hide a message under a new receipt handle, in the shape of the real ones: ``8-`` and Base64."""
        self._handles.pop(message.receipt_handle, None)
        until = self._now() + seconds * 1000
        mark = f"{message.sequence}-{until}-{message.dequeue_count}-{next(self._count)}"
        # Digits and dashes encode to letters and digits only, so a handle is safe in a query as it is.
        handle = f"{message.priority}-{base64.b64encode(mark.encode()).decode()}"
        held = replace(message, receipt_handle=handle, next_visible_time=until)
        self._handles[handle] = message.message_id
        self._store(held)
        return held

    def _held(self, receipt_handle: str) -> Message:
        if not _HANDLE.fullmatch(receipt_handle):
            raise refusal("ReceiptHandleError")
        message = self._messages.get(self._handles.get(receipt_handle, ""))
        if message is None or message.next_visible_time <= self._now():
            raise refusal("MessageNotExist")
        return message
