"""SMQ (formerly MNS) 2015-06-06: publishing to a topic.

https://help.aliyun.com/en/mns/publishmessage-1 ; signature https://help.aliyun.com/document_detail/27487.htm
"""

from __future__ import annotations

import time
from base64 import b64encode

from shared.cloud.answers import xml_text
from shared.cloud.session import Session, Sign
from shared.cloud.signing import Credentials, mns
from shared.cloud.transport import HttpRequest

VERSION = "2015-06-06"
LARGEST_BODY = 64 * 1024  # bytes; https://alibabacloud.com/help/en/mns/product-overview/limits
_CONTENT_TYPE = "text/xml;charset=utf-8"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: float) -> str:
    """Return an epoch time in the form of the Date header, whatever the locale."""
    t = time.gmtime(seconds)
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} {clock} GMT"


class SmqTopic:
    """Publishes to one topic. ``base64`` encodes the body as the vendor's pages ask and its SDKs expect."""

    def __init__(self, session: Session, endpoint: str, topic: str, *, base64: bool = True) -> None:
        self._session, self._endpoint, self._base64 = session, endpoint, base64
        self._resource = f"/topics/{topic}/messages"
        self._host = endpoint.partition("://")[2]

    def publish(self, message: str) -> str:
        """Publish ``message`` and return its MessageId; a repeated attempt can publish it twice (at least once)."""
        text = b64encode(message.encode()).decode() if self._base64 else _escape(message)
        body = (
            '<?xml version="1.0" encoding="utf-8"?><Message xmlns="http://mns.aliyuncs.com/doc/v1/">'
            f"<MessageBody>{text}</MessageBody></Message>"
        ).encode()

        answer = self._session.call("PublishMessage", self.signer(body), repeatable=True, paced=False)
        return xml_text(answer.body.decode("utf-8", "replace"), "MessageId")

    def signer(self, body: bytes) -> Sign:
        """Return what makes a freshly signed PublishMessage with this XML document each time."""

        def sign(credentials: Credentials) -> HttpRequest:
            headers = {
                "content-type": _CONTENT_TYPE,
                "date": http_date(self._session.clock.now()),
                "host": self._host,
                "x-mns-version": VERSION,
            }
            headers["authorization"] = mns("POST", self._resource, headers, credentials).authorization
            if credentials.security_token:
                headers["security-token"] = credentials.security_token
            return HttpRequest("POST", self._endpoint, self._resource, headers, body)

        return sign


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
