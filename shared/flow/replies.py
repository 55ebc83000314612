"""The answer to an HTTP request: nobody redelivers one, so what failed is told by status instead of by raising.

200 all granted or ignored, 400 rejected, 403 refused, 503 a later request can succeed, 500 failed for good, 207 mixed.
https://help.aliyun.com/zh/functioncompute/fc/user-guide/http-trigger-invoking-function
"""

from __future__ import annotations

import json
from typing import Any

from shared.flow.report import Report
from shared.model.outcome import FAILED, REFUSED, REJECTED, Outcome

_STATUS = {REJECTED: 400, REFUSED: 403, FAILED: 500}
_RETRY_AFTER = "10"  # seconds


def response(report: Report) -> dict[str, Any]:
    """Return the HTTP response that carries a report's summary."""
    statuses = {_status(outcome) for outcome in report.outcomes}
    status = statuses.pop() if len(statuses) == 1 else 207
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = _RETRY_AFTER
    return {
        "statusCode": status,
        "headers": headers,
        "isBase64Encoded": False,
        "body": json.dumps(report.summary()),
    }


def _status(outcome: Outcome) -> int:
    return 503 if outcome.retry else _STATUS.get(outcome.type, 200)
