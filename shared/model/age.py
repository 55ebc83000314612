"""When an announcement was made, by what its sender wrote into it. Pure.

Loaded only when it matters: after a refusal that nobody knows to be final, and where a backend does not show
(``shared.model.outcome``).
"""

from __future__ import annotations

import json
import re
from calendar import timegm
from typing import Any

from shared.model.records import Appeared, Changed, Ended, Leaving, Record

_MOMENT = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d):?(\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))", re.ASCII)
_ANNOUNCED = (Appeared, Changed, Ended, Leaving)
_FIELDS = ("time", "eventTime")
_EARLIEST, _LATEST = 10**12, 10**14  # milliseconds: the years 2001 and 5138


def announced_at(record: Record) -> float | None:
    """Return the epoch time in seconds of what was announced; None for a request, and where the event gives none.

    CloudEvents write it as ``time`` (https://help.aliyun.com/document_detail/181428.html), CloudMonitor and ActionTrail
    as ``eventTime`` (https://help.aliyun.com/en/ecs/user-guide/overview-35), CloudMonitor's event subscription as
    ``time`` in milliseconds. A lifecycle hook's message tells none.
    """
    if not isinstance(record.content, _ANNOUNCED):
        return None
    try:
        event = json.loads(record.original)
    except (ValueError, RecursionError):  # a text, or deeper than can be read here
        return None
    fields = event if isinstance(event, dict) else {}
    return next((told for field in _FIELDS if (told := _moment(fields.get(field))) is not None), None)


def _moment(value: Any) -> float | None:
    """Return the epoch time of a moment with its zone, or of milliseconds; None of anything else."""
    if isinstance(value, int) and _EARLIEST < value < _LATEST:
        return value / 1000
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    ahead = 60 * (60 * int(found[8] or 0) + int(found[9] or 0))
    try:
        local = timegm(tuple(int(part) for part in found.groups()[:6]))
    except ValueError:  # month 13
        return None
    return float(local + ahead if found[7] == "-" else local - ahead)
