"""The messages of one SMQ queue: send, receive, delete, hand back. The function itself never needs more than a topic."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click
from defusedxml import ElementTree

from shared.cloud import smq
from shared.cloud.answers import details, error_of
from shared.cloud.session import Session
from shared.cloud.transport import HttpResponse
from shared.errors import AuthorizerError, CloudRefused, Doubtful, OperatorNeeded

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Read = TypeVar("Read")
NAMESPACE = "{http://mns.aliyuncs.com/doc/v1/}"
_EMPTY = "MessageNotExist"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")  # https://help.aliyun.com/document_detail/27495.htm
MAX_PEEKED = 16  # messages; https://www.alibabacloud.com/help/doc-detail/35141.htm


def queue_name(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Check an option that names a queue."""
    if value and not _NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not the name of a queue: letters, digits and '-', without a URL")
    return value


class Received(NamedTuple):
    """A message that is now invisible to others. ``enqueued`` and ``now`` are the server's epoch times in seconds."""

    message_id: str
    handle: str
    body: str
    enqueued: float
    now: float


class Standing(NamedTuple):
    """What a queue says of itself: for how many seconds it hides a received message, and about how many it has."""

    visibility_timeout: int
    messages: int


class SmqQueue(smq.SmqQueue):
    """One queue, to receive from as well. Everything raises the errors of ``Session.call``; a lost answer may repeat a call.

    https://help.aliyun.com/document_detail/35134.htm (SendMessage) and its neighbours
    """

    def __init__(self, session: Session, endpoint: str, name: str) -> None:
        super().__init__(session, endpoint, name, _error_of)

    def receive(self, wait: int) -> Received | None:
        """Receive a message, waiting at most ``wait`` seconds (0 to 30); None if there is none.

        https://help.aliyun.com/en/mns/developer-reference/receivemessage
        """
        try:
            answer = self._call("ReceiveMessage", "GET", f"{self._path}?waitseconds={wait}")
        except CloudRefused as error:
            if error.code == _EMPTY:
                return None
            raise
        return self._received(answer)

    def delete(self, handle: str) -> bool:
        """Delete a received message; False if its receipt is over, because it is visible to others again.

        https://www.alibabacloud.com/help/doc-detail/35138.htm
        """
        try:
            self._call("DeleteMessage", "DELETE", f"{self._path}?ReceiptHandle={handle}")
        except CloudRefused as error:
            if error.code != _EMPTY:
                raise
            return False
        return True

    def hand_back(self, handle: str) -> None:
        """Let others see a received message in a second, the soonest there is; no error if they already do.

        https://www.alibabacloud.com/help/en/mns/developer-reference/changemessagevisibility
        """
        try:
            self._call("ChangeMessageVisibility", "PUT", f"{self._path}?ReceiptHandle={handle}&VisibilityTimeout=1")
        except CloudRefused as error:
            if error.code != _EMPTY:
                raise

    def peek(self) -> int:
        """Return how many messages can be received now, at most ``MAX_PEEKED``; they stay as they are."""
        try:
            answer = self._call("BatchPeekMessage", "GET", f"{self._path}?peekonly=true&numOfMessages={MAX_PEEKED}")
        except CloudRefused as error:
            if error.code == _EMPTY:
                return 0
            raise
        return _read("BatchPeekMessage", answer, _count)

    def standing(self) -> Standing:
        """Return attributes of the queue. Its counts prove nothing by being 0: the vendor announces 0 for all of them.

        https://alibabacloud.com/help/en/mns/getqueueattributes
        """
        answer = self._call("GetQueueAttributes", "GET", self._path.removesuffix("/messages"))
        return _read("GetQueueAttributes", answer, _standing)

    def _call(self, operation: str, method: str, target: str) -> HttpResponse:
        sign = smq.signer(self._session, self._endpoint, method, target)
        return self._session.call(
            operation, sign, lambda answer: answer, repeatable=True, paced=False, read_error=_error_of
        )

    def _received(self, answer: HttpResponse) -> Received:
        sent = answer.headers.get("date")

        def read(message: Element) -> Received:
            fields = _fields(message)
            enqueued = int(fields["EnqueueTime"]) / 1000  # milliseconds on the wire
            now = parsedate_to_datetime(sent).timestamp() if sent else self._session.clock.now()
            return Received(fields["MessageId"], fields["ReceiptHandle"], fields.get("MessageBody", ""), enqueued, now)

        return _read("ReceiveMessage", answer, read)


def _read(operation: str, answer: HttpResponse, read: Callable[[Element], Read]) -> Read:
    """Return what ``read`` makes of the document of an answer; raises Doubtful if it is none of the operation's."""
    try:
        return read(ElementTree.fromstring(answer.body))
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        text = "the answer of a successful call cannot be read; the messages stay in the queue"
        raise Doubtful(operation, "UnreadableAnswer", answer.status, text) from error


def _fields(document: Element) -> dict[str, str]:
    return {element.tag.removeprefix(NAMESPACE): element.text or "" for element in document}


def _standing(queue: Element) -> Standing:
    fields = _fields(queue)
    counts = [int(fields.get(f"{state}Messages", 0)) for state in ("Active", "Inactive", "Delay")]
    return Standing(int(fields["VisibilityTimeout"]), sum(counts))


def _count(messages: Element) -> int:
    """Return how many there are; none is another answer (MessageNotExist)."""
    found = messages.findall(f"{NAMESPACE}Message")
    if not found:
        raise ValueError("no message")
    return len(found)


def _error_of(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> AuthorizerError:
    """Map an error as ``error_of`` does, with what an operator (not the function's role) has to do about it.

    Each operation has an action of its own name: https://www.alibabacloud.com/help/doc-detail/27447.htm
    """
    code, message, request_id = details(status, headers, body)
    hint = {
        "QueueNotExist": "Create the queue, or correct its name",
        "AccessDenied": f"Allow the RAM action mns:{operation} to your access key",
    }.get(code)
    if hint:
        return OperatorNeeded(operation, code, status, message, request_id, hint=hint)
    return error_of(operation, status, headers, body)
