"""The SMQ product: the broker behind HTTP, signature and RAM rights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cloud.smq import queue_operations, topic_operations
from tests.cloud.smq.answers import host_id, respond
from tests.cloud.smq.ask import Ask
from tests.cloud.smq.broker import Broker
from tests.cloud.smq.document import compose
from tests.cloud.smq.errors import BatchError, refusal
from tests.cloud.smq.routes import check_query, matches, route
from tests.cloud.smq.signature import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request, Response

    from tests.cloud.core import Call, ServiceError
    from tests.cloud.smq.answers import SmqAnswer
    from tests.cloud.smq.routes import Route

_OPERATIONS: dict[str, Callable[[Ask], SmqAnswer]] = {
    "CreateQueue": queue_operations.create_queue,
    "SetQueueAttributes": queue_operations.set_queue_attributes,
    "GetQueueAttributes": queue_operations.get_queue_attributes,
    "ListQueue": queue_operations.list_queue,
    "DeleteQueue": queue_operations.delete_queue,
    "SendMessage": queue_operations.send_message,
    "BatchSendMessage": queue_operations.batch_send_message,
    "ReceiveMessage": queue_operations.receive_message,
    "BatchReceiveMessage": queue_operations.batch_receive_message,
    "PeekMessage": queue_operations.peek_message,
    "BatchPeekMessage": queue_operations.batch_peek_message,
    "DeleteMessage": queue_operations.delete_message,
    "BatchDeleteMessage": queue_operations.batch_delete_message,
    "ChangeMessageVisibility": queue_operations.change_message_visibility,
    "CreateTopic": topic_operations.create_topic,
    "SetTopicAttributes": topic_operations.set_topic_attributes,
    "GetTopicAttributes": topic_operations.get_topic_attributes,
    "ListTopic": topic_operations.list_topic,
    "DeleteTopic": topic_operations.delete_topic,
    "PublishMessage": topic_operations.publish_message,
    "Subscribe": topic_operations.subscribe,
    "SetSubscriptionAttributes": topic_operations.set_subscription_attributes,
    "GetSubscriptionAttributes": topic_operations.get_subscription_attributes,
    "ListSubscriptionByTopic": topic_operations.list_subscription_by_topic,
    "Unsubscribe": topic_operations.unsubscribe,
}
# Receiving changes a message's visibility but nothing a user would call written.
_READS = ("Get", "List", "Peek", "BatchPeek", "Receive", "BatchReceive")


class Smq(Broker):
    """Implements :class:`tests.cloud.core.Product`; the broker's methods are its Python side."""

    name = "SMQ"
    operations = frozenset(_OPERATIONS)

    def matches(self, request: Request) -> bool:
        """Return whether the request is for SMQ."""
        return matches(request)

    def operation(self, request: Request) -> str:
        """Return the operation's name, "" for a URL that SMQ does not have."""
        return route(request).operation

    def handle(self, call: Call) -> Response:
        """Verify, check the right, do, answer. Every refusal is a ServiceError."""
        request, wanted = call.request, route(call.request)
        call.write = bool(wanted.operation) and not wanted.operation.startswith(_READS)
        call.parameters.update(_parameters(wanted))
        call.credential = verify(request, self.world)
        call.verified = "MNS"
        if not wanted.operation:
            raise _no_such_url(request)
        # Each operation has an action of its own name, the batches too:
        # https://www.alibabacloud.com/help/doc-detail/27447.htm
        call.action = f"mns:{wanted.operation}"
        if call.credential.account_id != self.world.account_id or not call.credential.may(call.action):
            raise refusal("AccessDenied")
        check_query(wanted)
        answer = _OPERATIONS[wanted.operation](Ask(self, wanted, request.get_data(), request.headers))
        return respond(answer.status, answer.body, call.request_id, answer.headers)

    def render(self, error: ServiceError, call: Call) -> Response:
        """Return the error document.

        Source: https://help.aliyun.com/en/mns/developer-reference/syntax-of-error-responses
        """
        if isinstance(error, BatchError):
            return respond(error.status, error.document, call.request_id, error.headers)
        document = compose(
            "Error",
            [
                ("Code", error.code),
                ("Message", error.message),
                ("RequestId", call.request_id),
                ("HostId", host_id(self.world)),
            ],
        )
        return respond(error.status, document, call.request_id, error.headers)

    def close(self) -> None:
        """Send waiting receivers away, so that the server can end."""
        self.clear()

    def clear(self) -> None:
        """Forget all queues, topics and subscriptions."""
        for queue in self.queues():
            self.delete_queue(queue.name)
        with self._lock:
            self._topics.clear()
            self.discarded = 0

    def state(self) -> dict[str, Any]:
        """Return queues with their message counts, topics with their subscriptions."""
        with self._lock:
            return {
                "queues": {queue.name: queue.counts() for queue in self.queues()},
                "topics": {topic.name: sorted(topic.subscriptions) for topic in self.topics()},
                "discarded": self.discarded,
            }


def _parameters(wanted: Route) -> dict[str, str]:
    """Return what the journal keeps: resource names and query items, never a message."""
    names = {"QueueName": wanted.queue, "TopicName": wanted.topic, "SubscriptionName": wanted.subscription}
    return {**{name: value for name, value in names.items() if value}, **wanted.query}


def _no_such_url(request: Request) -> ServiceError:
    for part, name in (("accountmeta", "Get/SetAccountAttributes"), ("openservice", "OpenService")):
        if part in request.path or part in request.args:
            return refusal("NotImplemented", f"The stand-in does not emulate {name}.")
    return refusal("InvalidRequestURL")
