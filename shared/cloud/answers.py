"""What an answer of the cloud means. Pure: (operation, status, headers, body) → an error of our tree.

Decided by ``Code`` first (``shared.cloud.codes``) and by status second, because throttling is HTTP 400 and a missing key
404 (https://developer.aliyun.com/ask/278265, https://help.aliyun.com/document_detail/48054.html). Bodies may be JSON with
keys in either case, XML, HTML or empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.errors import (
    AuthorizerError,
    CloudRefused,
    CloudUnavailable,
    Doubtful,
    NotTheService,
    Transient,
    UnknownRefusal,
)

_MAX_DIGITS = 18  # digits; no number of ours has more
_MAX_RETRY_AFTER = 120.0  # seconds; the vendor's SDK caps at the same


class Details(NamedTuple):
    """The fields of an error answer; empty strings where it had none."""

    code: str
    message: str
    request_id: str


def details(status: int, headers: Mapping[str, str], body: bytes) -> Details:
    """Read an error body of any dialect. Never raises."""
    text = body[:65536].decode("utf-8", "replace")
    fields: dict[str, str] = {}
    if text.lstrip().startswith("{"):
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = {}
        fields = {str(k).lower(): _writable(str(v)) for k, v in parsed.items() if isinstance(v, (str, int))}
        fields.setdefault("code", fields.get("errorcode", ""))
        fields.setdefault("message", fields.get("errormessage", ""))
    elif text.lstrip().startswith("<") and "<html" not in text[:512].lower():
        fields = {name.lower(): value for name in ("Code", "Message", "RequestId") if (value := xml_text(text, name))}
    request_id = fields.get("requestid") or headers.get("x-acs-request-id") or headers.get("x-mns-request-id") or ""
    code = fields.get("code") or _no_code(status)
    return Details(code, fields.get("message") or "the answer had no readable error message", request_id)


def _writable(text: str) -> str:
    """Return the text without halves of surrogate pairs, which no output can hold."""
    return text.encode("utf-8", "replace").decode()


def xml_text(text: str, element: str) -> str:
    """Return the text of the first ``element`` without attributes in XML, "" if there is none.

    Deliberately no XML parser: nothing is expanded, nothing recurses, and a parser costs 8 ms at start.
    """
    found = re.search(rf"<{element}>([^<]*)</{element}>", text)
    if not found:
        return ""
    raw = found.group(1)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        raw = raw.replace(entity, character)
    return raw


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the wait of ``x-acs-retry-after`` (milliseconds on the wire) in seconds, None if absent or not usable."""
    value = headers.get("x-acs-retry-after", "")
    if len(value) > 9 or not value.isascii() or not value.isdigit() or int(value) <= 0:
        return None
    return min(int(value) / 1000, _MAX_RETRY_AFTER)


def error_of(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> AuthorizerError:
    """Map an error answer to our tree: by the family of its code, and one that has none as :func:`refusal` says."""
    from shared.cloud import codes  # an invocation without an error does without: 1 ms

    code, message, request_id = told = details(status, headers, body)
    wait = retry_after(headers)
    if status == 429:
        return CloudUnavailable(operation, code, status, message, request_id, retry_after=wait)
    row = codes.family(code)
    if row is None or row.kind is CloudRefused:
        return refusal(operation, status, told, final=row is not None and wait is None, wait=wait)
    hint = _permission_hint(operation, body) if row.hint == codes.PERMISSION else row.hint
    return _after(wait, row.kind(operation, code, status, message, request_id, hint=hint))


def error_of_look(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> AuthorizerError:
    """Map an error answer to a look at what is there: it is about no single request, so a refusal is never final for one."""
    error = error_of(operation, status, headers, body)
    if isinstance(error, CloudRefused):
        return refusal(operation, status, details(status, headers, body), final=False)
    return error


def refusal(operation: str, status: int, told: Details, *, final: bool, wait: float | None = None) -> AuthorizerError:
    """Return the error for an answer whose code is no known trouble; ``final`` says that its code is known to be final.

    Only the service itself can say a final no, and it names a Code and a RequestId. A page without them is a proxy's.
    """
    code, message, request_id = told
    kind: type[CloudRefused | Doubtful]  # doubt is doubt, whatever header comes with it
    hint = ""
    if status >= 500:
        kind = Doubtful
    elif code == _no_code(status) or not request_id:
        kind, hint = NotTheService, "Whoever answered is not the service: a proxy may stand between, or at the endpoint"
    elif final:
        kind = CloudRefused
    else:
        kind, hint = UnknownRefusal, "This code is not known to be final: a later try may succeed"
    return _after(wait, kind(operation, code, status, message, request_id, hint=hint))


def _after(wait: float | None, error: AuthorizerError) -> AuthorizerError:
    """Note in a transient error how long the cloud asked to wait; it says nothing about whether the call took effect."""
    if isinstance(error, Transient):
        error.retry_after = wait
    return error


def _no_code(status: int) -> str:
    """Return what stands for the code of an answer that has none."""
    return f"HTTP{status}"


def _permission_hint(operation: str, body: bytes) -> str:
    action = ram_action(operation, body)
    return f"Allow the RAM action {action} to the function's role" if action else "A RAM permission is missing"


def ram_action(operation: str, body: bytes) -> str:
    """Name the missing RAM action: from AccessDeniedDetail if the answer has it, otherwise from the operation."""
    found = re.search(rb'"AuthAction"\s*:\s*"([\w:.-]{1,100})"', body)
    return found.group(1).decode() if found else RAM_ACTIONS.get(operation, "")


RAM_ACTIONS: Mapping[str, str] = {
    "SetVpcAccess": "apigateway:SetVpcAccess",
    "DescribeVpcAccesses": "apigateway:DescribeVpcAccesses",
    "ModifyVpcAccessAndUpdateApis": "apigateway:ModifyVpcAccessAndUpdateApis",
    "DescribeUpdateVpcInfoTask": "apigateway:DescribeUpdateVpcInfoTask",
    "RemoveVpcAccess": "apigateway:RemoveVpcAccess",
    "DescribeApisByVpcAccess": "apigateway:DescribeApisByVpcAccess",
    "DescribeBackendList": "apigateway:DescribeBackendList",
    "DescribeBackendInfo": "apigateway:DescribeBackendInfo",
    "DescribePlugins": "apigateway:DescribePlugins",
    "DescribeInstances": "ecs:DescribeInstances",
    "DescribeLoadBalancerAttribute": "slb:DescribeLoadBalancerAttribute",
    "DescribeLoadBalancers": "slb:DescribeLoadBalancers",
    "DescribeLoadBalancerListeners": "slb:DescribeLoadBalancerListeners",
    "ListTagResources": "slb:ListTagResources",
    "ListTagResources of ECS": "ecs:ListTagResources",
    "DescribeScalingInstances": "ess:DescribeScalingInstances",
    "CompleteLifecycleAction": "ess:CompleteLifecycleAction",
    "RecordLifecycleActionHeartbeat": "ess:RecordLifecycleActionHeartbeat",
    "PublishMessage": "mns:PublishMessage",
    "SendMessage": "mns:SendMessage",
}
"""Operation → RAM action. https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-ram"""


class Answer(NamedTuple):
    """An object of a successful answer, read strictly: what is not in a form that the vendor documents is Doubtful.

    An answer that cannot be understood must never pass for "nothing is there". Each reader of an operation takes its
    legal forms from the vendor's page and SDK.
    """

    operation: str
    fields: Mapping[str, Any]
    request_id: str = ""

    @classmethod
    def of(cls, operation: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Read the body of a successful call. Raises Doubtful unless it is an object with a RequestId and no Code.

        Every RPC service answers with a RequestId; an answer without one comes from something else at the endpoint:
        https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
        """
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError):
            parsed = None
        whole = cls(operation, parsed if isinstance(parsed, dict) else {}, headers.get("x-acs-request-id", ""))
        if not isinstance(parsed, dict):
            raise whole.odd("it is not a JSON object")
        if "Code" in parsed:
            raise whole.odd(f"it is an error with HTTP 200: {str(parsed['Code'])[:100]}")
        return whole._replace(request_id=whole.required_text("RequestId"))

    def odd(self, why: str) -> Doubtful:
        """Return the error that says why this answer does not have a form of the operation."""
        text = f"the answer of a successful call cannot be read: {why}"
        return Doubtful(self.operation, "UnreadableAnswer", 200, text, self.request_id)

    def required_text(self, key: str) -> str:
        """Return a text that has to be there."""
        value = self.fields.get(key)
        if not isinstance(value, str) or not value:
            raise self.odd(f"{key} is missing or is not a text")
        return _writable(value)

    def text(self, key: str) -> str:
        """Return a text that may be absent, "" then."""
        value = self.fields.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.odd(f"{key} is not a text")
        return _writable(value)

    def present_text(self, key: str) -> str:
        """Return a text that has to be there, and may be empty."""
        if self.fields.get(key) is None:
            raise self.odd(f"{key} is missing")
        return self.text(key)

    def identity(self, key: str, *, optional: bool = False) -> str:
        """Return what tells one thing from another, an id or a name, as it is; "" if it may be absent and is.

        Halves of surrogate pairs are not replaced here: with something else in its place it would be another thing.
        """
        value = self.text(key) if optional else self.required_text(key)
        if value != (self.fields.get(key) or ""):
            raise self.odd(f"{key} holds half of a surrogate pair")
        return value

    def whole(self, key: str) -> int:
        """Return a whole number from 0 that has to be there, as a number or in digits."""
        value = self.fields.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.odd(f"{key} is missing or is not a whole number")
        return value

    def object(self, key: str) -> Answer:
        """Return an object that may be absent or null, an empty one then."""
        value = self.fields.get(key)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self.odd(f"{key} is not an object")
        return self._replace(fields=value)

    def required_object(self, key: str) -> Answer:
        """Return an object that has to be there."""
        if self.fields.get(key) is None:
            raise self.odd(f"{key} is missing")
        return self.object(key)

    def objects(self, key: str) -> list[Answer]:
        """Return the objects of a list that has to be there."""
        rows = self.items(key)
        if not all(isinstance(row, dict) for row in rows):
            raise self.odd(f"{key} holds something that is not an object")
        return [self._replace(fields=row) for row in rows]

    def items(self, key: str) -> list[Any]:
        """Return a list that has to be there."""
        value = self.fields.get(key)
        if not isinstance(value, list):
            raise self.odd(f"{key} is missing or is not a list")
        return value

    def rows(self, outer: str, inner: str) -> list[Answer]:
        """Return the objects of a list that has to be there, wrapped in the old XML way: an object that holds a list."""
        return self.object(outer).objects(inner)

    def optional_rows(self, outer: str, inner: str) -> list[Answer]:
        """Return the same of a list that may be absent as a whole."""
        return [] if self.fields.get(outer) is None else self.rows(outer, inner)


def read_tags(answer: Answer) -> list[tuple[str, str, str]]:
    """Read a page of ListTagResources, the same in all products: (resource, key, value)."""
    rows = answer.rows("TagResources", "TagResource")
    return [(row.identity("ResourceId"), row.required_text("TagKey"), row.text("TagValue")) for row in rows]


def message_id(operation: str, status: int, body: bytes) -> str:
    """Return the MessageId of a successful publication; without one it is Doubtful: whoever answered was not the topic."""
    found = xml_text(body.decode("utf-8", "replace"), "MessageId")
    if not found:
        raise Doubtful(operation, "NoMessageId", status, "the answer has no MessageId")
    return found
