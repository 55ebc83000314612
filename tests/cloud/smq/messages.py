"""A message as a value, and what may stand in one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from tests.cloud.smq.errors import refusal

MAXIMUM_MESSAGE_SIZE = 65536  # bytes; also of a whole batch
BATCH_LIMIT = 16
DEFAULT_PRIORITY = 8
# A message cannot hold what XML 1.0 cannot carry.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def body_md5(body: str) -> str:
    """Return MessageBodyMD5: upper-case hexadecimal MD5 of the body as text, not of its XML."""
    return hashlib.md5(body.encode()).hexdigest().upper()


@dataclass(frozen=True)
class Property:
    """One user or system property; ``type`` is NUMBER, STRING, BOOLEAN or BINARY (Base64 value)."""

    name: str
    value: str
    type: str = "STRING"


@dataclass(frozen=True)
class Message:
    """A message in a queue. Times are milliseconds since the epoch; 0 and "" mean not received yet."""

    message_id: str
    body: str
    enqueue_time: int
    next_visible_time: int
    sequence: int
    priority: int = DEFAULT_PRIORITY
    user_properties: tuple[Property, ...] = ()
    system_properties: tuple[Property, ...] = ()
    receipt_handle: str = ""
    first_dequeue_time: int = 0
    dequeue_count: int = 0

    @property
    def body_md5(self) -> str:
        return body_md5(self.body)


def check_body(body: str, maximum: int, *, require_base64: bool = False) -> None:
    """Refuse an empty or too long body, and with ``require_base64`` one that is not Base64.

    That a long body gives ``InvalidArgument`` is assumed: the pages only say that it fails. Whether
    plain bodies are refused is open, hence the switch ``smq_require_base64``.
    """
    if not body:
        raise refusal("InvalidArgument", "MessageBody is required.")
    if _NOT_XML.search(body):
        raise refusal("InvalidArgument", "MessageBody contains characters that XML 1.0 does not allow.")
    if len(body.encode()) > maximum:
        raise refusal("InvalidArgument", f"The value of MessageBody should between 1 and {maximum} bytes.")
    if require_base64:
        try:
            base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise refusal("InvalidArgument", "MessageBody is not Base64.") from error
