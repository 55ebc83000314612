"""What an answer of the cloud means. Pure: (operation, status, headers, body) → an error of our tree.

Decided by ``Code`` first and by status second, because throttling is HTTP 400 and a missing key 404
(https://developer.aliyun.com/ask/278265, https://help.aliyun.com/document_detail/48054.html). Bodies may be JSON with
keys in either case, XML, HTML or empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.errors import AuthorizerError, CloudRefused, CloudUnavailable, CredentialsExpired, Doubtful, OperatorNeeded

_THROTTLED = ("Throttling", "Rejected.Throttling", "TooManyRequests", "QpsLimitExceeded", "ConcurrencyLockTimeout")
_NOT_NOW = ("SignatureNonceUsed",)
_DOUBTFUL = (
    "ServiceUnavailable",
    "InternalError",
    "InternalServerError",
    "RepeatedCommit",
    "UnknownError",
    "OperationConflict",
)
_CREDENTIALS = ("InvalidSecurityToken", "InvalidAccessKeyId", "MissingSecurityToken", "SecurityTokenExpired")
_RAM = ("NoPermission", "Forbidden.RAM", "AccessDenied", "Forbidden.SubUser", "Forbidden.Unauthorized")
_SIGNATURE = ("SignatureDoesNotMatch", "IncompleteSignature", "InvalidSignatureMethod")
_CLOCK = ("InvalidTimeStamp", "IllegalTimestamp", "TimeExpired", "InvalidDateHeader")
_ACCOUNT = ("Forbidden.AccessKeyDisabled", "Forbidden.RiskControl", "Forbidden.UserVerification", "InsufficientBalance")
_MISSING_TARGET = ("TopicNotExist", "QueueNotExist")
_LONGEST_RETRY_AFTER = 120.0  # seconds; the vendor's SDK caps at the same


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
    code = fields.get("code") or f"HTTP{status}"
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
    """Return the wait of ``x-acs-retry-after`` (milliseconds on the wire) in seconds, None if absent or senseless."""
    value = headers.get("x-acs-retry-after", "")
    if len(value) > 9 or not value.isascii() or not value.isdigit() or int(value) <= 0:
        return None
    return min(int(value) / 1000, _LONGEST_RETRY_AFTER)


def error_of(operation: str, status: int, headers: Mapping[str, str], body: bytes) -> AuthorizerError:
    """Map an error answer to our tree; see the page of codes named at the top of this module."""
    code, message, request_id = details(status, headers, body)
    wait = retry_after(headers)
    told = (operation, code, status, message, request_id)
    if wait is not None or code.startswith(_THROTTLED) or status == 429:
        return CloudUnavailable(*told, retry_after=wait)
    if code.startswith(_NOT_NOW):
        return CloudUnavailable(*told)
    if code.startswith(_DOUBTFUL):
        return Doubtful(*told)
    if code.startswith(_CREDENTIALS):
        return CredentialsExpired(*told, hint=_credentials_hint(code))
    hint = _operator_hint(code, operation, body)
    if hint:
        return OperatorNeeded(*told, hint=hint)
    if status >= 500:
        return Doubtful(*told)
    return CloudRefused(*told)


def _credentials_hint(code: str) -> str:
    if code.startswith("InvalidAccessKeyId"):
        return (
            "Check ALIBABA_CLOUD_ACCESS_KEY_ID; a temporary key also needs its ALIBABA_CLOUD_SECURITY_TOKEN. "
            "In Function Compute both come from the function's role"
        )
    return "Fresh temporary credentials are needed; in Function Compute they come from the function's role"


def _operator_hint(code: str, operation: str, body: bytes) -> str:
    """Return what the operator has to do, "" if the code is not theirs to cure."""
    if code.startswith(_SIGNATURE):
        return (
            "The signature was refused: check that ALIBABA_CLOUD_ACCESS_KEY_SECRET belongs to the access key id in use"
        )
    if code.startswith(_CLOCK):
        return "The clocks differ by more than 15 minutes: correct this machine's time"
    if code.startswith(_RAM):
        action = ram_action(operation, body)
        return f"Allow the RAM action {action} to the function's role" if action else "A RAM permission is missing"
    if code.startswith(_ACCOUNT):
        return "The account or its access key is blocked: see the console's notice"
    if code.startswith(_MISSING_TARGET):
        return "Create it, or correct RESULT_TOPIC"
    return ""


def ram_action(operation: str, body: bytes) -> str:
    """Name the missing RAM action: from AccessDeniedDetail if the answer has it, otherwise from the operation."""
    found = re.search(rb'"AuthAction"\s*:\s*"([\w:.-]{1,100})"', body)
    return found.group(1).decode() if found else RAM_ACTIONS.get(operation, "")


RAM_ACTIONS: Mapping[str, str] = {
    "SetVpcAccess": "apigateway:SetVpcAccess",
    "DescribeVpcAccesses": "apigateway:DescribeVpcAccesses",
    "ModifyVpcAccessAndUpdateApis": "apigateway:ModifyVpcAccessAndUpdateApis",
    "DescribeInstances": "ecs:DescribeInstances",
    "DescribeLoadBalancerAttribute": "slb:DescribeLoadBalancerAttribute",
    "ListTagResources": "slb:ListTagResources",
    "CompleteLifecycleAction": "ess:CompleteLifecycleAction",
    "RecordLifecycleActionHeartbeat": "ess:RecordLifecycleActionHeartbeat",
    "PublishMessage": "mns:PublishMessage",
}
"""Operation → RAM action. https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-ram"""


def json_object(operation: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the object of a successful answer; an unreadable one is Doubtful, since the call was done."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        request_id = headers.get("x-acs-request-id", "")
        raise Doubtful(operation, "UnreadableAnswer", 200, "the answer of a successful call is not JSON", request_id)
    return parsed


def message_id(operation: str, status: int, body: bytes) -> str:
    """Return the MessageId of a successful publication; without one it is Doubtful: whoever answered was not the topic."""
    found = xml_text(body.decode("utf-8", "replace"), "MessageId")
    if not found:
        raise Doubtful(operation, "NoMessageId", status, "the answer has no MessageId")
    return found


def inner_list(answer: Mapping[str, Any], outer: str, inner: str) -> list[Mapping[str, Any]]:
    """Return a list wrapped in the old XML way, an object holding a list; an absent one is empty."""
    wrapped = answer.get(outer)
    found = wrapped.get(inner) if isinstance(wrapped, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
