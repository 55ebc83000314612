"""What a fault rule does to one request: before the operation, instead of its answer, or after it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from tests.cloud import odd
from tests.cloud.core import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import World
    from tests.cloud.faults import Rule

# A proxy's page, an XML error of the gateway's kind, and bytes that are not text at all.
_BODIES: Mapping[str, tuple[str, bytes]] = {
    "html": ("text/html", b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    "xml": (
        "text/xml;charset=utf-8",
        (
            b"<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>0</RequestId><Code>InternalError</Code>"
            b"<Message>The request processing has failed due to some unknown error.</Message></Error>"
        ),
    ),
    "empty": ("application/json;charset=utf-8", b""),
    "garbage": ("application/json;charset=utf-8", b'{"RequestId":"\xff\xfe\x00'),
}


def before(rule: Rule | None, environ: Mapping[str, Any], world: World) -> Response | None:
    """Apply what comes before the operation: wait, refuse (ServiceError), cut, or answer in its place."""
    if rule is None:
        return None
    document = rule.document
    if rule.bucket is not None:
        raise _throttled(document["throttle"], rule.bucket.wait, world)
    if "delay" in document:
        world.clock.sleep(float(document["delay"]))
    if rule.late:
        return None
    if "cut" in document:
        cut(environ)
    if "body" in document:
        kind, text = _BODIES.get(document["body"], _BODIES["garbage"])
        return Response(text, document["status"], content_type=kind)
    if "status" in document:
        raise _refusal(document)
    return None


def error_after(rule: Rule | None) -> ServiceError | None:
    """Return the refusal that hides the answer of an operation that took effect."""
    if rule is None or not rule.late or "status" not in rule.document or "body" in rule.document:
        return None
    return _refusal(rule.document)


def misses(rule: Rule, response: Response) -> bool:
    """Give the answer the odd form of the rule, if it has one; True where the form does not fit the answer."""
    return "odd" in rule.document and not odd.spoil(response, rule.document["odd"], rule.document.get("key", ""))


def after(rule: Rule | None, response: Response, environ: Mapping[str, Any]) -> Response:
    """Apply what comes after the effect: lose the answer, or spoil its body."""
    if rule is None or not rule.late:
        return response
    if "cut" in rule.document:
        cut(environ)
    body = rule.document.get("body")
    if body == "truncated":
        whole = response.get_data()
        response.set_data(whole[: len(whole) // 2])
        response.headers["Content-Length"] = str(len(whole))
    elif body is not None:
        kind, text = _BODIES[body]
        response.set_data(text)
        response.content_type = kind
    if body is not None and "status" in rule.document:
        response.status_code = rule.document["status"]
    return response


def cut(environ: Mapping[str, Any]) -> None:
    """Close the client's connection without an answer; in process, the client sees the exception."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("cut by a fault rule")


def _refusal(document: Mapping[str, Any]) -> ServiceError:
    code = str(document.get("code", "InternalError"))
    headers = {"x-acs-retry-after": str(document["retry_after"])} if "retry_after" in document else {}
    return ServiceError(
        document["status"], code, str(document.get("message", f"{code} (injected fault)")), headers=headers
    )


def _throttled(throttle: Mapping[str, Any], wait: float, world: World) -> ServiceError:
    # HTTP 400, not 429: https://developer.aliyun.com/ask/278265. Whether the header comes is a switch.
    headers = {}
    if world.switches.retry_after == "present":
        headers["x-acs-retry-after"] = str(max(1, int(wait * 1000)))
    return ServiceError(
        int(throttle.get("status", 400)),
        str(throttle.get("code", "Throttling.User")),
        "Request was denied due to user flow control.",
        headers=headers,
    )
