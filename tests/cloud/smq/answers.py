"""Building SMQ's answers: the headers every answer carries, and messages as XML children."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from werkzeug.wrappers import Response

from tests.cloud.smq.document import compose
from tests.cloud.smq.signature import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.cloud.core import World
    from tests.cloud.smq.document import Child
    from tests.cloud.smq.messages import Message, Property


class SmqAnswer(NamedTuple):
    """Status, XML body ("" for none) and further headers of a successful operation."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = {}


def respond(status: int, body: str | bytes, request_id: str, headers: Mapping[str, str]) -> Response:
    """Return the response with the common headers.

    Source: https://help.aliyun.com/en/mns/developer-reference/request-protocol-description
    """
    response = Response(body, status, headers)
    response.headers["x-mns-request-id"] = request_id
    response.headers["x-mns-version"] = VERSION
    if body:
        response.headers["Content-Type"] = "text/xml;charset=utf-8"
    else:
        response.headers.pop("Content-Type", None)
    return response


def resource_url(world: World, path: str) -> str:
    """Return the URL of a queue, topic or subscription as ``Location`` and the lists give it."""
    base = world.endpoint or f"http://{world.account_id}.mns.{world.region_id}.aliyuncs.com"
    return f"{base}/{path}"


def host_id(world: World) -> str:
    """Return the HostId of error bodies."""
    return f"http://{world.account_id}.mns.{world.region_id}.aliyuncs.com"


def peeked(message: Message) -> list[Child]:
    """Return the fields of PeekMessage."""
    return [
        ("MessageId", message.message_id),
        ("MessageBodyMD5", message.body_md5),
        ("MessageBody", message.body),
        ("EnqueueTime", message.enqueue_time),
        ("FirstDequeueTime", message.first_dequeue_time),
        ("DequeueCount", message.dequeue_count),
        ("Priority", message.priority),
        *_properties(message),
    ]


def received(message: Message) -> list[Child]:
    """Return the fields of ReceiveMessage; ``aliyun-mns-sdk`` fails if one of the nine is missing."""
    return [
        *peeked(message),
        ("ReceiptHandle", message.receipt_handle),
        ("NextVisibleTime", message.next_visible_time),
    ]


def _properties(message: Message) -> Iterable[Child]:
    """Yield the property elements, in the form ``aliyun-mns-sdk`` 1.3.0 reads and writes."""
    for element, item, properties in (
        ("UserProperties", "PropertyValue", message.user_properties),
        ("SystemProperties", "SystemPropertyValue", message.system_properties),
    ):
        if properties:
            yield element, [(item, _property(entry)) for entry in properties]


def _property(entry: Property) -> list[Child]:
    return [("Name", entry.name), ("Value", entry.value), ("Type", entry.type)]


def listing(root: str, element: str, entries: Iterable[Iterable[Child]], marker: str = "") -> str:
    """Return a list document with one ``element`` per entry and NextMarker if there is more."""
    children: list[Child] = [(element, entry) for entry in entries]
    if marker:
        children.append(("NextMarker", marker))
    return compose(root, children)
