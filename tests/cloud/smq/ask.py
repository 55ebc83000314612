"""What the operations share: the request they get, and answers of a common form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.cloud.smq import requests as read
from tests.cloud.smq.answers import SmqAnswer, listing, resource_url
from tests.cloud.smq.messages import MAXIMUM_MESSAGE_SIZE, check_body
from tests.cloud.smq.queue_broker import check_range

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

    from tests.cloud.smq.broker import Broker
    from tests.cloud.smq.routes import Route


@dataclass(frozen=True)
class Ask:
    """A verified and permitted request."""

    broker: Broker
    route: Route
    body: bytes
    headers: Headers


NO_CONTENT = SmqAnswer(204)


def created(ask: Ask, path: str, *, new: bool) -> SmqAnswer:
    """Return 201, or 204 for what was there already (https://help.aliyun.com/document_detail/27495.htm).

    ``Location`` comes with both: ``aliyun-mns-sdk`` reads it after any success.
    """
    return SmqAnswer(201 if new else 204, headers={"Location": resource_url(ask.broker.world, path)})


def page(ask: Ask, element: str, path: str, names: list[str]) -> SmqAnswer:
    """Answer one page: x-mns-prefix, x-mns-ret-number (1..1000), x-mns-marker.

    NextMarker is the first name of the next page; the real one is opaque
    (https://www.alibabacloud.com/help/doc-detail/35133.htm).
    """
    text = ask.headers.get("x-mns-ret-number")
    count = 1000 if text is None else check_range("x-mns-ret-number", read.integer("x-mns-ret-number", text), (1, 1000))
    prefix, marker = ask.headers.get("x-mns-prefix", ""), ask.headers.get("x-mns-marker", "")
    wanted = [name for name in names if name.startswith(prefix) and name >= marker]
    entries = [[(f"{element}URL", resource_url(ask.broker.world, f"{path}/{name}"))] for name in wanted[:count]]
    following = wanted[count] if len(wanted) > count else ""
    return SmqAnswer(200, listing(f"{element}s", element, entries, following))


def check_sent(ask: Ask, body: str) -> None:
    """Refuse a body that is not Base64 if the world is switched so (``smq_require_base64``)."""
    if ask.broker.world.switches.smq_require_base64 == "on":
        check_body(body, MAXIMUM_MESSAGE_SIZE, require_base64=True)
