"""What a call of the cloud came to, whoever made it, and what ends a question without an answer."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol

from shared.cloud.answers import details
from shared.cloud.codes import cured_at, family
from shared.cloud.transport import HttpResponse
from shared.errors import CloudUnavailable, CredentialsExpired, Doubtful, OperatorNeeded

UNREADABLE = "UnreadableAnswer"
"""The code of an answer with HTTP 200 that no service of the vendor's gives: a proxy's page, a half, an error."""


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
    def is_about_the_quota(self) -> bool:
        """Tell whether there is no room for more, by the family that CloudAPI's templates have for it."""
        return self.code.startswith("ExceedLimit")

    @property
    def is_throttled(self) -> bool:
        """Tell whether the service turned the call away for now."""
        return self._kind is CloudUnavailable

    @property
    def is_an_answer(self) -> bool:
        """Tell whether the service has done or refused what was asked: it did not fail, and nobody else answered."""
        nobodys = self.code in {UNREADABLE, f"HTTP{self.status}"}
        return self.status < 500 and not nobodys and self._kind not in (CloudUnavailable, Doubtful)

    @property
    def _kind(self) -> object:
        row = family(self.code) if self.code else None
        return row.kind if row else None

    @property
    def why(self) -> dict[str, Any]:
        """Return what evidence says of it."""
        return {"code": self.code, "status": self.status, "read_as": self.read_as}

    def rows(self, outer: str, inner: str, *, optional: bool = False) -> list[Mapping[str, Any]]:
        """Return the objects of a list that is wrapped in the old XML way, none of a refusal; raises Unclear for other forms.

        Where nothing is counted, or it is ``optional``, the list may be missing.
        """
        listed = _mapping(self.fields.get(outer)).get(inner)
        if listed is None and (not self.is_success or optional or self.count("TotalCount") == 0):
            return []
        if not isinstance(listed, list) or not all(isinstance(row, dict) and row for row in listed):
            raise Unclear(f"an answer has no list {outer}")
        return listed

    def count(self, name: str) -> int:
        """Return a number of the answer, -1 if it is none."""
        value = self.fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else -1


def answered(reply: Reply, expected: Collection[str] = ()) -> Reply:
    """Return a reply that is an answer, or has a code that is ``expected``; raises Unclear for all others."""
    if reply.is_an_answer or reply.code in expected:
        return reply
    raise Unclear(f"that is no answer to the question: {reply.code}, HTTP status {reply.status}")


def allowed(what: str, reply: Reply, expected: Collection[str] = ()) -> Reply:
    """Return a reply as ``answered`` does; raises NotAsked if the key may not do ``what``, or the region has it not."""
    if reply.is_for_the_operator and reply.code not in expected:
        raise NotAsked(
            f"allow your key {what}, renew it, or take a region that has it: it was refused with {reply.code}"
        )
    return answered(reply, expected)


def reply_of(answer: HttpResponse, read_as: str) -> Reply:
    """Return the reply of an HTTP answer."""
    try:
        fields = _mapping(json.loads(answer.body))
    except (ValueError, RecursionError):
        fields = {}
    if 200 <= answer.status < 300:
        code = code_of_success(fields, answer.headers)
    else:
        code = details(answer.status, answer.headers, answer.body).code
    return Reply(answer.status, code, fields, answer.headers, read_as)


def code_of_success(fields: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Return "" for an answer with HTTP 200 of a service, which names its request: in the body, SMQ in a header.

    https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature and
    https://help.aliyun.com/en/mns/developer-reference/request-protocol-description
    """
    named = fields.get("RequestId") or "x-mns-request-id" in {name.lower() for name in headers}
    return "" if named and "Code" not in fields else UNREADABLE


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
