"""SMQ (formerly MNS) 2015-06-06: signed requests, and publishing to a topic.

https://help.aliyun.com/en/mns/publishmessage-1 ; signature https://help.aliyun.com/document_detail/27487.htm
"""

from __future__ import annotations

import time
from base64 import b64encode

from shared.cloud.answers import error_of, message_id
from shared.cloud.session import ReadError, Session, Sign
from shared.cloud.signing import Credentials, mns
from shared.cloud.transport import HttpRequest

VERSION = "2015-06-06"
_PUBLISH, _SEND = "PublishMessage", "SendMessage"
MAX_BODY_BYTES = 64 * 1024  # bytes; https://alibabacloud.com/help/en/mns/product-overview/limits
_CONTENT_TYPE = "text/xml;charset=utf-8"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: float) -> str:
    """Return an epoch time in the form of the Date header, whatever the locale."""
    t = time.gmtime(seconds)
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} {clock} GMT"


def message_document(text: str, **options: str) -> bytes:
    """Return the XML document that sends or publishes a message whose body is ``text``; ``options`` by their element."""
    more = "".join(f"<{name}>{_escape(value)}</{name}>" for name, value in options.items())
    return (
        '<?xml version="1.0" encoding="utf-8"?><Message xmlns="http://mns.aliyuncs.com/doc/v1/">'
        f"<MessageBody>{_escape(text)}</MessageBody>{more}</Message>"
    ).encode()


def signer(session: Session, endpoint: str, method: str, target: str, body: bytes = b"") -> Sign:
    """Return what makes a freshly signed request each time; ``target`` is the path with its query as sent."""

    def sign(credentials: Credentials) -> HttpRequest:
        headers = {
            "content-type": _CONTENT_TYPE,
            "date": http_date(session.clock.now()),
            "host": endpoint.partition("://")[2],
            "x-mns-version": VERSION,
        }
        headers["authorization"] = mns(method, target, headers, credentials).authorization
        if credentials.security_token:
            headers["security-token"] = credentials.security_token
        return HttpRequest(method, endpoint, target, headers, body)

    return sign


class SmqTopic:
    """Publishes to one topic. ``base64`` encodes the body as the vendor's pages ask and its SDKs expect."""

    def __init__(self, session: Session, endpoint: str, topic: str, *, base64: bool = True) -> None:
        self._session, self._endpoint, self._base64 = session, endpoint, base64
        self._resource = f"/topics/{topic}/messages"

    def publish(self, message: str, tag: str) -> str:
        """Publish ``message`` and return its MessageId; a repeated attempt can publish it twice (at least once).

        ``tag`` is what subscriptions can filter by, at most 16 characters.
        """
        body = message_document(b64encode(message.encode()).decode() if self._base64 else message, MessageTag=tag)

        return self._session.call(
            _PUBLISH,
            self.signer(body),
            lambda answer: message_id(_PUBLISH, answer.status, answer.body),
            repeatable=True,
            paced=False,
        )

    def signer(self, body: bytes) -> Sign:
        """Return what makes a freshly signed PublishMessage with this XML document each time."""
        return signer(self._session, self._endpoint, "POST", self._resource, body)


class SmqQueue:
    """Sends to one queue; ``read_error`` knows what its refusals mean. https://help.aliyun.com/document_detail/35134.htm"""

    def __init__(self, session: Session, endpoint: str, name: str, read_error: ReadError = error_of) -> None:
        self._session, self._endpoint, self._read_error, self.name = session, endpoint, read_error, name
        self._path = f"/queues/{name}/messages"

    def send(self, text: str, delay: int = 0) -> str:
        """Send ``text``, in Base64 as the vendor's SDKs do, to show after ``delay`` seconds; return its MessageId.

        A repeated attempt can send it twice.
        """
        body = message_document(b64encode(text.encode("utf-8", "surrogatepass")).decode(), DelaySeconds=str(delay))
        return self._session.call(
            _SEND,
            signer(self._session, self._endpoint, "POST", self._path, body),
            lambda answer: message_id(_SEND, answer.status, answer.body),
            repeatable=True,
            paced=False,
            read_error=self._read_error,
        )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
