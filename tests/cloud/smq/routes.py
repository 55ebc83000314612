"""Which operation a request asks for, told from method, path and query alone.

Only the root element of a POST body is looked at, because single and batch sending share a path.
Request lines are those that PyPI ``aliyun-mns-sdk`` 1.3.0 sends, and those printed on the operations' pages, e.g.
https://www.alibabacloud.com/help/doc-detail/35142.htm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cloud.smq.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Request

_BATCH_BODY = re.compile(rb"<Messages[\s/>]")

# (collection, sub-collection, has a name in the last place) -> method -> operation
_OPERATIONS = {
    "queues": {"GET": "ListQueue"},
    "queues/Q": {"PUT": "CreateQueue", "GET": "GetQueueAttributes", "DELETE": "DeleteQueue"},
    "queues/Q/messages": {
        "POST": "SendMessage",
        "GET": "ReceiveMessage",
        "DELETE": "DeleteMessage",
        "PUT": "ChangeMessageVisibility",
    },
    "topics": {"GET": "ListTopic"},
    "topics/T": {"PUT": "CreateTopic", "GET": "GetTopicAttributes", "DELETE": "DeleteTopic"},
    "topics/T/messages": {"POST": "PublishMessage"},
    "topics/T/subscriptions": {"GET": "ListSubscriptionByTopic"},
    "topics/T/subscriptions/S": {
        "PUT": "Subscribe",
        "GET": "GetSubscriptionAttributes",
        "DELETE": "Unsubscribe",
    },
}
_OVERRIDES = {
    "CreateQueue": "SetQueueAttributes",
    "CreateTopic": "SetTopicAttributes",
    "Subscribe": "SetSubscriptionAttributes",
}
# Query items in lower case: the vendor's pages and SDKs differ in their case.
_QUERY = {
    "SetQueueAttributes": {"metaoverride"},
    "SetTopicAttributes": {"metaoverride"},
    "SetSubscriptionAttributes": {"metaoverride"},
    "ReceiveMessage": {"waitseconds"},
    "BatchReceiveMessage": {"waitseconds", "numofmessages"},
    "PeekMessage": {"peekonly"},
    "BatchPeekMessage": {"peekonly", "numofmessages"},
    "DeleteMessage": {"receipthandle"},
    "ChangeMessageVisibility": {"receipthandle", "visibilitytimeout"},
}


@dataclass(frozen=True)
class Route:
    """What a request is about: operation, resource names, query items by lower-case name."""

    operation: str
    queue: str = ""
    topic: str = ""
    subscription: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    def integer(self, name: str) -> int | None:
        """Return a query item as a number, None if it is absent."""
        text = self.query.get(name.lower())
        if text is None:
            return None
        if not re.fullmatch(r"\d{1,9}", text):
            raise refusal("InvalidQueryString", f'Http request URL contains invalid querystring item "{name}".')
        return int(text)


def matches(request: Request) -> bool:
    """Return whether a request is SMQ's: by its path, its version header or its signature scheme."""
    first = request.path.split("/")[1:2]
    return (
        first in (["queues"], ["topics"])
        or "x-mns-version" in request.headers
        or request.headers.get("Authorization", "").startswith("MNS")
    )


def route(request: Request) -> Route:
    """Return the route of a request; ``operation`` is "" for a URL that SMQ does not have."""
    parts = request.path.strip("/").split("/")
    shape, names = _shape(parts)
    operation = _OPERATIONS.get(shape, {}).get(request.method, "")
    query = {name.lower(): value for name, value in request.args.items()}
    return Route(_refine(operation, request, query), query=query, **names)


def _shape(parts: list[str]) -> tuple[str, dict[str, str]]:
    """Return the path with its names replaced by letters, and those names."""
    names = {}
    shape = list(parts)
    for index, letter, name in ((1, parts[0][:1].upper(), parts[0][:-1]), (3, "S", "subscription")):
        if len(parts) > index and parts[0] in {"queues", "topics"}:
            shape[index], names[name] = letter, parts[index]
    return "/".join(shape), {name: value for name, value in names.items() if name in Route.__dataclass_fields__}


def _refine(operation: str, request: Request, query: Mapping[str, str]) -> str:
    if operation in _OVERRIDES and query.get("metaoverride", "").lower() == "true":
        return _OVERRIDES[operation]
    if operation == "SendMessage" and _BATCH_BODY.search(request.get_data()[:500]):
        return "BatchSendMessage"
    if operation == "DeleteMessage" and "receipthandle" not in query and request.get_data():
        return "BatchDeleteMessage"
    if operation == "ReceiveMessage":
        kind = "PeekMessage" if query.get("peekonly", "").lower() == "true" else "ReceiveMessage"
        return f"Batch{kind}" if "numofmessages" in query else kind
    return operation


def check_query(wanted: Route) -> None:
    """Refuse query items that the operation does not have."""
    for name in wanted.query:
        if name not in _QUERY.get(wanted.operation, ()):
            raise refusal("InvalidQueryString", f'Http request URL contains invalid querystring item "{name}".')
