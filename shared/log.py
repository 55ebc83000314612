"""JSON log lines on standard output, where Function Compute collects them.

One line is one JSON object of bounded size; what could break a line, hide in it or not be written at all is escaped
inside its string, so nobody can forge a line. While a record is processed, :func:`record` collects what happens to it
(calls, retries, seconds waited) for its one closing line.
No secret is ever handed to this module: errors are redacted where they are made (``shared.errors``).
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TextIO

from shared.clock import utc
from shared.errors import AuthorizerError, Unexpected

if TYPE_CHECKING:
    from types import TracebackType

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "OFF": 50}
MAX_LINE_BYTES = 16_384  # bytes; Function Compute cuts lines at 32 KB
_MAX_TRACE_CHARS = 4_000  # characters; the end of a trace says where
_SHORTER = (1_000, 200, 20)  # characters of a value in a line that is too large, tried in this order

# What JSON leaves as it is: controls and other ends of a line, marks that turn the direction of text, halves of
# surrogate pairs (they come in answers of the cloud; no UTF-8 stream takes them).
_UNSAFE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
_state = threading.local()
# A text stream does not guard itself: two threads that write at once mix their lines, and other memory with them.
_writing = threading.Lock()
_invocation: dict[str, Any] = {}
_threshold = LEVELS["INFO"]
_stream: TextIO | None = None


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Set the lowest level that is written and where to (standard output when None)."""
    global _threshold, _stream
    _threshold, _stream = LEVELS[level], stream


def begin(**fields: Any) -> None:
    """Start an invocation: ``fields`` (``request_id``) stand in every line until the next one begins."""
    _invocation.clear()
    _invocation.update(fields)


class record:  # noqa: N801 - used like a function, as ``tracing`` below and for the same reason
    """Give the lines of this thread ``fields`` (``message_id``) and collect counts made with :func:`add`."""

    __slots__ = ("_before", "_fields")

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def __enter__(self) -> dict[str, Any]:
        self._before = getattr(_state, "fields", None), getattr(_state, "counts", None)
        counts: dict[str, Any] = {}
        _state.fields, _state.counts = self._fields, counts
        return counts

    def __exit__(self, *_problem: object) -> None:
        _state.fields, _state.counts = self._before


def add(**amounts: float) -> None:
    """Add to the counts of the record that is processed; outside of one nothing happens."""
    counts = getattr(_state, "counts", None)
    if counts is not None:
        for name, amount in amounts.items():
            counts[name] = counts.get(name, 0) + amount


def write(level: str, event: str, **fields: Any) -> None:
    """Write one line; ``event`` is a short fixed word, all that varies goes into ``fields``."""
    if LEVELS[level] < _threshold:
        return
    line = {
        "time": utc(time.time()),
        "level": level,
        "event": event,
        **_invocation,
        **(getattr(_state, "fields", None) or {}),
        **fields,
    }
    text = _bounded(line)
    with _writing:
        (_stream or sys.stdout).write(text + "\n")


def debug(event: str, **fields: Any) -> None:
    """Write a line that helps to follow single calls."""
    write("DEBUG", event, **fields)


def info(event: str, **fields: Any) -> None:
    """Write what happened."""
    write("INFO", event, **fields)


def warning(event: str, **fields: Any) -> None:
    """Write what somebody should look at."""
    write("WARNING", event, **fields)


def error(event: str, **fields: Any) -> None:
    """Write what somebody has to act on."""
    write("ERROR", event, **fields)


class tracing:  # noqa: N801 - used like a function; a generator for each of an event's twenty stages costs a tenth of its time
    """Let our own errors pass; write any other with its trace, and raise Unexpected, a Transient, in its place."""

    __slots__ = ("_stage",)

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(problem, Exception) and not isinstance(problem, AuthorizerError):
            raise Unexpected(unexpected(self._stage, problem)) from problem


def unexpected(stage: str, problem: Exception) -> str:
    """Write an error that nobody foresaw, with its trace, and return the text for its record."""
    from traceback import format_exception  # only where something is wrong with us

    kind, trace = type(problem).__name__, "".join(format_exception(problem))
    error("unexpected", stage=stage, kind=kind, trace=trace[-_MAX_TRACE_CHARS:])
    return f"{kind} in {stage}, a fault of this function: its log has the trace, please report it with the event"


def _bounded(line: dict[str, Any]) -> str:
    """Return the line's JSON, its values cut as far as MAX_LINE_BYTES demands."""
    text = _json(line)
    for most in _SHORTER:
        if 4 * len(text) <= MAX_LINE_BYTES or len(text.encode()) <= MAX_LINE_BYTES:
            break
        text = _json({name: _cut(value, most) for name, value in line.items()})
    return text


def _cut(value: Any, most: int) -> Any:
    text = str(value)
    return value if len(text) <= most else text[:most] + "…"


def _json(line: dict[str, Any]) -> str:
    text = _encode(line)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
