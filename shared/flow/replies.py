"""The answer to an HTTP request: nobody redelivers one, so what failed is told by status instead of by raising.

200 all granted or ignored, 400 rejected, 403 refused, 503 a later request can succeed, 500 failed for good, 207 mixed.
https://help.aliyun.com/zh/functioncompute/fc/user-guide/http-trigger-invoking-function
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.model.outcome import FAILED, REFUSED, REJECTED

_WAITING = ("http", "api-gateway")  # sources with a client at the other end
_STATUS = {REJECTED: 400, REFUSED: 403, FAILED: 500}
_RETRY_AFTER = "10"  # seconds


def is_awaited(sources: Iterable[str]) -> bool:
    """Tell from the records' sources whether a client waits for the answer.

    All records of an HTTP request come from it. One element of a batch that looks like a request must not keep the
    others from being delivered again.
    """
    return all(source.split("/", 1)[0] in _WAITING for source in sources)


def response(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the HTTP response that carries a summary."""
    statuses = {_status(result) for result in summary["results"]}
    status = statuses.pop() if len(statuses) == 1 else 207
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = _RETRY_AFTER
    return {
        "statusCode": status,
        "headers": headers,
        "isBase64Encoded": False,
        "body": json.dumps(summary),
    }


def _status(result: Mapping[str, Any]) -> int:
    return 503 if result.get("retry") else _STATUS.get(result["outcome"], 200)
