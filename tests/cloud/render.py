"""Answers of the RPC gateway as JSON or, where that was asked for, as XML.

Shapes and headers are those of real answers that were published, for example
https://github.com/aliyun/alibaba-cloud-sdk-go/issues/39; no page lists the headers. The vendor's pages disagree about
the default format (https://github.com/AlibabaCloudDocs/api says JSON, https://github.com/AlibabaCloudDocs/ecs XML), so
a client that asks for nothing gets XML here: it must always ask.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import Call, ServiceError


def wants_json(call: Call, asked: str | None) -> bool:
    """Tell by V1's ``Format`` parameter if given (``asked``), else by the ``accept`` header."""
    if asked is not None:
        return asked.upper() != "XML"
    return "json" in call.request.headers.get("accept", "")


def answer(call: Call, body: Mapping[str, Any], *, as_json: bool) -> Response:
    """Render a success; ``RequestId`` is added to the body."""
    return _response(call, 200, {"RequestId": call.request_id, **body}, f"{call.operation}Response", as_json=as_json)


def refusal(call: Call, error: ServiceError, *, as_json: bool) -> Response:
    """Render an error with the five fields every gateway error has, and the error's own."""
    body = {
        "RequestId": call.request_id,
        "HostId": call.request.host,
        "Code": error.code,
        "Message": error.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}",
        **error.extra,
    }
    response = _response(call, error.status, body, "Error", as_json=as_json)
    response.headers.update(error.headers)
    return response


def _response(call: Call, status: int, body: Mapping[str, Any], root: str, *, as_json: bool) -> Response:
    if as_json:
        text, kind = json.dumps(body, ensure_ascii=False, separators=(",", ":")), "application/json;charset=utf-8"
    else:
        text = f"<?xml version='1.0' encoding='UTF-8'?>{_xml(root, body)}"
        kind = "text/xml;charset=utf-8"
    response = Response(text, status, content_type=kind)
    response.headers["access-control-allow-origin"] = "*"
    response.headers["x-acs-request-id"] = call.request_id
    response.headers["x-acs-trace-id"] = call.request_id.replace("-", "").lower()
    return response


def _xml(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_xml(name, item) for item in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_xml(key, item) for key, item in value.items())}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"
