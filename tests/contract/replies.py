"""What a call of the cloud came to, whoever made it, and what ends a question without an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from shared.cloud.answers import details
from shared.cloud.codes import cured_at, family
from shared.cloud.transport import HttpResponse
from shared.errors import CloudUnavailable, CredentialsExpired, OperatorNeeded


class NotAsked(Exception):
    """A question cannot be asked: the text says what to give."""


class NotSeen(Exception):
    """A question was asked, and there is nothing by which it could be answered: the text says what would be."""


class Unclear(Exception):
    """A question was asked, and what came is no answer to it: no network, throttling without end."""


class Reply(NamedTuple):
    """An answer: ``code`` is "" for success, ``fields`` the body's, ``read_as`` what the product's client made of it."""

    status: int
    code: str
    fields: Mapping[str, Any]
    headers: Mapping[str, str]
    read_as: str = ""

    @property
    def is_success(self) -> bool:
        """Tell whether the service did what it was asked for."""
        return not self.code and 200 <= self.status < 300

    @property
    def is_for_the_operator(self) -> bool:
        """Tell whether it is the key that was refused, or its rights, and not what was asked."""
        return self._kind in (OperatorNeeded, CredentialsExpired)

    @property
    def is_about_the_key(self) -> bool:
        """Tell whether the key itself was refused, whatever it may do."""
        return cured_at(self.code) == "credentials"

    @property
    def is_throttled(self) -> bool:
        """Tell whether the service turned the call away for now."""
        return self._kind is CloudUnavailable

    @property
    def _kind(self) -> object:
        row = family(self.code) if self.code else None
        return row.kind if row else None

    @property
    def why(self) -> dict[str, Any]:
        """Return what evidence says of it."""
        return {"code": self.code, "status": self.status, "read_as": self.read_as}

    def rows(self, outer: str, inner: str) -> list[Mapping[str, Any]]:
        """Return the objects of a list that is wrapped in the old XML way, none if it is not there."""
        listed = _mapping(self.fields.get(outer)).get(inner)
        return [_mapping(row) for row in listed] if isinstance(listed, list) else []

    def count(self, name: str) -> int:
        """Return a number of the answer, -1 if it is none."""
        value = self.fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else -1


def reply_of(answer: HttpResponse, read_as: str) -> Reply:
    """Return the reply of an HTTP answer."""
    try:
        fields = _mapping(json.loads(answer.body))
    except ValueError:
        fields = {}
    done = 200 <= answer.status < 300
    code = "" if done else details(answer.status, answer.headers, answer.body).code
    return Reply(answer.status, code, fields, answer.headers, read_as)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class Caller(Protocol):
    """A client of the cloud: the product's, or the vendor's. Every call ends with a reply; Unclear if none came."""

    name: str

    def call(self, product: str, action: str, parameters: Mapping[str, str]) -> Reply:
        """Call an operation of an RPC product (``CloudAPI``, ``ECS``, ``SLB``, ``ESS``)."""

    def send(self, queue: str, text: str, delay: int = 0) -> Reply:
        """Send a message, in Base64, to show after ``delay`` seconds."""

    def publish(self, topic: str, text: str, tag: str, *, base64: bool) -> Reply:
        """Publish a message."""

    def receive(self, queue: str) -> str | None:
        """Receive a message that is there now and return its body as it is; None if there is none."""
