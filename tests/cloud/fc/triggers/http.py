"""HTTP triggers: a request becomes the v1 event, what the function returns becomes the response.

Rules and samples: <https://www.alibabacloud.com/help/en/functioncompute/fc/http-trigger-invoking-function>
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from tests.cloud.fc.triggers.shapes import dumps, utc

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

    from tests.cloud.core import World
    from tests.cloud.fc.function import InvocationEnd

_TEXT = frozenset(
    {
        "application/json",
        "application/ld+json",
        "application/xhtml+xml",
        "application/xml",
        "application/atom+xml",
        "application/javascript",
    }
)
_INTERNAL = "Internal Server Error"


def request_event(world: World, request: Request, path: str, request_id: str) -> bytes:
    """Return the event's bytes. ``path`` is what follows the trigger's address."""
    body = request.get_data()
    is_text = bool(request.mimetype) and (request.mimetype.startswith("text/") or request.mimetype in _TEXT)
    now = world.clock.now()
    prefix = "local"
    return dumps(
        {
            "version": "v1",
            "rawPath": path,
            "headers": {name: ",".join(request.headers.getlist(name)) for name, _ in request.headers},
            "queryParameters": {name: ",".join(values) for name, values in request.args.lists()},
            "body": body.decode(errors="replace") if is_text else base64.b64encode(body).decode(),
            "isBase64Encoded": not is_text,
            "requestContext": {
                "accountId": world.account_id,
                "domainName": f"{prefix}.{world.region_id}.fcapp.run",
                "domainPrefix": prefix,
                "requestId": request_id,
                "time": utc(now, milliseconds=False),
                "timeEpoch": str(int(now * 1000)),
                "http": {
                    "method": request.method,
                    "path": path,
                    "protocol": request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
                    "sourceIp": request.remote_addr or "127.0.0.1",
                    "userAgent": request.headers.get("User-Agent", ""),
                },
            },
        }
    )


def response(outcome: InvocationEnd) -> Response:
    """Map a result with ``statusCode`` to HTTP, any other to 200 JSON, an error to 502 without details."""
    if outcome.error_type:
        answer = Response(_INTERNAL, 502, content_type="text/plain")
        answer.headers["X-Fc-Error-Type"] = outcome.error_type
    else:
        answer = _mapped(outcome.body)
    answer.headers["X-Fc-Request-Id"] = outcome.request_id
    return answer


def _mapped(result: bytes) -> Response:
    try:
        document = json.loads(result)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "statusCode" not in document:
        return Response(result, 200, content_type="application/json")
    body = document.get("body", "")
    text = body if isinstance(body, str) else json.dumps(body)
    data = base64.b64decode(text) if document.get("isBase64Encoded") else text.encode()
    return Response(data, int(document["statusCode"]), dict(document.get("headers") or {}))
