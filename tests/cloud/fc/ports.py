"""What the local Function Compute needs of the local SMQ; ``tests.cloud.smq.Smq`` satisfies it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class QueueMessage(Protocol):
    """A received message; ``body`` is what the sender put there, Base64 or not."""

    @property
    def message_id(self) -> str:
        """The id SMQ gave it."""

    @property
    def receipt_handle(self) -> str:
        """The handle of this reception, for ``delete``."""

    @property
    def body(self) -> str:
        """The body as sent."""


class NamedValue(Protocol):
    """One attribute of a message."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def value(self) -> str:
        """Its value."""


class TopicPublication(Protocol):
    """A message published on a topic."""

    @property
    def message_id(self) -> str:
        """The id SMQ gave it."""

    @property
    def body(self) -> str:
        """The body as sent."""

    @property
    def publish_time(self) -> int:
        """Milliseconds since the epoch."""

    @property
    def user_properties(self) -> Sequence[NamedValue]:
        """The attributes the publisher gave it."""


class Smq(Protocol):
    """Queues and topics in process. A missing queue or topic is a ServiceError 404."""

    def send(self, queue_name: str, body: str) -> Any:
        """Put a message into a queue."""

    def receive(self, queue_name: str, max_messages: int = 1, wait: float = 0.0) -> Sequence[QueueMessage]:
        """Take up to ``max_messages`` (at most 16) visible messages; they stay hidden for the visibility timeout."""

    def delete(self, queue_name: str, receipt_handle: str) -> None:
        """Delete a received message; ServiceError if the handle is no longer valid."""

    def publish(self, topic_name: str, body: str, tag: str = "", /) -> Any:
        """Publish on a topic."""

    def on_message(self, queue_name: str, callback: Callable[[str], None], /) -> Callable[[], None]:
        """Call back with the queue's name whenever a message arrives; returns what ends that."""

    def topic_listeners(
        self, topic_name: str, callback: Callable[[Any], None], /, *, tag: str = ""
    ) -> Callable[[], None]:
        """Call back with every publication on the topic that carries the tag; returns what ends that."""
