"""The operations on queues and their messages: an :class:`Ask` in, an :class:`SmqAnswer` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cloud.core import ServiceError
from tests.cloud.smq import requests as read
from tests.cloud.smq.answers import SmqAnswer, listing, peeked, received
from tests.cloud.smq.ask import NO_CONTENT, Ask, check_sent, created, page
from tests.cloud.smq.document import compose
from tests.cloud.smq.errors import BatchError, refusal
from tests.cloud.smq.messages import BATCH_LIMIT, MAXIMUM_MESSAGE_SIZE
from tests.cloud.smq.queue_broker import check_range
from tests.cloud.smq.queues import QUEUE_ATTRIBUTES

if TYPE_CHECKING:
    from tests.cloud.smq.document import Child
    from tests.cloud.smq.messages import Message
    from tests.cloud.smq.queues import Queue
    from tests.cloud.smq.requests import QueueMessage


# -- queues


def create_queue(ask: Ask) -> SmqAnswer:
    """Make a queue; Location names it."""
    new = ask.broker.add_queue(ask.route.queue, read.queue_attributes(ask.body))
    return created(ask, f"queues/{ask.route.queue}", new=new)


def set_queue_attributes(ask: Ask) -> SmqAnswer:
    """Change the attributes that the body has."""
    ask.broker.set_queue_attributes(ask.route.queue, read.queue_attributes(ask.body))
    return NO_CONTENT


def get_queue_attributes(ask: Ask) -> SmqAnswer:
    """Answer the attributes, the three counts and the dead-letter policy if there is one."""
    queue = ask.broker.queue(ask.route.queue)
    policy = queue.dlq_policy
    children: list[Child] = [
        ("QueueName", queue.name),
        ("CreateTime", queue.create_time),
        ("LastModifyTime", queue.last_modify_time),
        *((name, queue.attributes[name]) for name in QUEUE_ATTRIBUTES),
        *_counts(ask, queue).items(),
        ("LoggingEnabled", queue.logging_enabled),
    ]
    if policy.enabled:
        fields: list[Child] = [
            ("Enabled", policy.enabled),
            ("MaxReceiveCount", policy.max_receive_count),
            ("DeadLetterTargetQueue", policy.dead_letter_queue),
        ]
        children.append(("DlqPolicy", fields))
    return SmqAnswer(200, compose("Queue", children))


def _counts(ask: Ask, queue: Queue) -> dict[str, int]:
    """Return the counts, or the 0 that https://alibabacloud.com/help/en/mns/getqueueattributes announces."""
    counts = queue.counts()
    return counts if ask.broker.world.switches.smq_message_counts == "counted" else dict.fromkeys(counts, 0)


def list_queue(ask: Ask) -> SmqAnswer:
    """Answer a page of the queues' URLs."""
    return page(ask, "Queue", "queues", [queue.name for queue in ask.broker.queues()])


def delete_queue(ask: Ask) -> SmqAnswer:
    """Delete a queue with its messages; that there is none is no error."""
    ask.broker.delete_queue(ask.route.queue)
    return NO_CONTENT


# -- messages of a queue


def _sent(message: Message) -> list[Child]:
    return [("MessageId", message.message_id), ("MessageBodyMD5", message.body_md5)]


def send_message(ask: Ask) -> SmqAnswer:
    """Put one message into the queue; answer its id and the MD5 of its body."""
    wanted = read.queue_message(ask.body)
    check_sent(ask, wanted.body)
    return SmqAnswer(201, compose("Message", _sent(ask.broker.put(ask.route.queue, wanted.body, **wanted.options))))


def batch_send_message(ask: Ask) -> SmqAnswer:
    """Send up to 16 messages of 64 KB in all; what fails is listed, the rest is sent.

    The form of a partial failure is what ``BatchSendMessageDecoder`` of ``aliyun-mns-sdk`` reads; its
    status is assumed to be the first failure's.
    """
    wanted = read.queue_messages(ask.body)
    total = sum(len(message.body.encode()) for message in wanted)
    check_range("all MessageBody together", total, (0, MAXIMUM_MESSAGE_SIZE))
    ask.broker.queue(ask.route.queue)
    outcomes = [_send(ask, message) for message in wanted]
    failures = [outcome for outcome in outcomes if isinstance(outcome, ServiceError)]
    results = [_failed(outcome) if isinstance(outcome, ServiceError) else _sent(outcome) for outcome in outcomes]
    document = listing("Messages", "Message", results)
    if failures:
        raise BatchError(failures[0].status, failures, document.encode())
    return SmqAnswer(201, document)


def _send(ask: Ask, message: QueueMessage) -> Message | ServiceError:
    """Send one message of a batch; a refusal is its outcome, not the batch's."""
    try:
        check_sent(ask, message.body)
        return ask.broker.put(ask.route.queue, message.body, **message.options)
    except ServiceError as error:
        return error


def _failed(error: ServiceError) -> list[Child]:
    return [("ErrorCode", error.code), ("ErrorMessage", error.message)]


def receive_message(ask: Ask) -> SmqAnswer:
    """Receive one message, hidden from now on, with its receipt handle."""
    return SmqAnswer(200, compose("Message", received(_receive(ask, 1)[0])))


def batch_receive_message(ask: Ask) -> SmqAnswer:
    """Receive up to ``numOfMessages`` (1..16) messages."""
    return SmqAnswer(200, listing("Messages", "Message", map(received, _receive(ask, _batch_size(ask)))))


def _receive(ask: Ask, limit: int) -> list[Message]:
    """Receive with ``waitseconds`` (0..30), which overrides the queue's PollingWaitSeconds.

    Source: https://help.aliyun.com/en/mns/developer-reference/receivemessage. Empty: MessageNotExist.
    """
    queue = ask.broker.queue(ask.route.queue)
    wait = ask.route.integer("waitseconds")
    wait = queue.attributes["PollingWaitSeconds"] if wait is None else check_range("waitseconds", wait, (0, 30))
    messages = queue.receive(limit, wait)
    if not messages:
        raise refusal("MessageNotExist")
    return messages


def _batch_size(ask: Ask) -> int:
    return check_range("numOfMessages", ask.route.integer("numOfMessages") or 0, (1, BATCH_LIMIT))


def peek_message(ask: Ask) -> SmqAnswer:
    """Show the first visible message without a receipt handle; it stays visible."""
    return SmqAnswer(200, compose("Message", peeked(_peek(ask, 1)[0])))


def batch_peek_message(ask: Ask) -> SmqAnswer:
    """Show up to ``numOfMessages`` (1..16) messages; they stay visible."""
    return SmqAnswer(200, listing("Messages", "Message", map(peeked, _peek(ask, _batch_size(ask)))))


def _peek(ask: Ask, limit: int) -> list[Message]:
    messages = ask.broker.queue(ask.route.queue).peek(limit)
    if not messages:
        raise refusal("MessageNotExist")
    return messages


def _receipt_handle(ask: Ask) -> str:
    handle = ask.route.query.get("receipthandle", "")
    if not handle:
        raise refusal("MissingReceiptHandle")
    return handle


def delete_message(ask: Ask) -> SmqAnswer:
    """Delete the message of a receipt handle that is still good."""
    ask.broker.delete(ask.route.queue, _receipt_handle(ask))
    return NO_CONTENT


def batch_delete_message(ask: Ask) -> SmqAnswer:
    """Delete up to 16 messages; if some fail, 404 lists those.

    Source: https://www.alibabacloud.com/help/zh/doc-detail/35139.htm
    """
    queue = ask.broker.queue(ask.route.queue)
    outcomes = [(handle, _delete(queue, handle)) for handle in read.receipt_handles(ask.body)]
    failed = [(handle, error) for handle, error in outcomes if error is not None]
    if failed:
        results: list[list[Child]] = [[*_failed(error), ("ReceiptHandle", handle)] for handle, error in failed]
        raise BatchError(404, [error for _, error in failed], listing("Errors", "Error", results).encode())
    return NO_CONTENT


def _delete(queue: Queue, handle: str) -> ServiceError | None:
    try:
        queue.delete(handle)
    except ServiceError as error:
        return error
    return None


def change_message_visibility(ask: Ask) -> SmqAnswer:
    """1..43200 seconds from now (https://www.alibabacloud.com/help/en/mns/developer-reference/changemessagevisibility)."""
    handle = _receipt_handle(ask)
    seconds = ask.route.integer("VisibilityTimeout")
    if seconds is None:
        raise refusal("MissingVisibilityTimeout")
    check_range("VisibilityTimeout", seconds, QUEUE_ATTRIBUTES["VisibilityTimeout"])
    changed = ask.broker.queue(ask.route.queue).change_visibility(handle, seconds)
    children: list[Child] = [
        ("ReceiptHandle", changed.receipt_handle),
        ("NextVisibleTime", changed.next_visible_time),
    ]
    return SmqAnswer(200, compose("ChangeVisibility", children))
