"""What log lines say about one name, in sentences. Pure.

Lines are read as ``shared.log`` writes them, and as Simple Log Service gives them out again: there a line is the text of the
field ``message`` (https://www.alibabacloud.com/help/doc-detail/171396.htm), beside ``__time__``, an epoch second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from shared.clock import utc
from shared.model.outcome import (
    AUTHORIZED,
    FAILED,
    GRANTED,
    IGNORED,
    KEPT,
    PLANNED,
    REFUSED,
    REJECTED,
    RELEASED,
    REPLACED,
    SCHEDULED,
    SILENT,
    UNCHANGED,
)

Line = Mapping[str, Any]

RECORD = "record"
_OUTCOMES = {
    AUTHORIZED: "It was authorized, and opens {target} now",
    UNCHANGED: "It was there already, and opens {target}",
    REPLACED: "Our entry was changed, and opens {target} now",
    REFUSED: "What asked for {target} was refused",
    REJECTED: "What asked for {target} was rejected",
    FAILED: "It could not be done for {target}",
    RELEASED: "It is closed, and opens {target} no more",
    KEPT: "The backend of {target} has ended, and it stays",
    SCHEDULED: "The backend of {target} has ended, and its release is scheduled",
    PLANNED: "For {target}, only told what would be done",
    IGNORED: "For {target}, nothing was done",
}
EVENTS = {
    "result not published": "Its result could not be published: {code}: {text}",
    "removing": "It is about to be removed. This request makes it again: {undo}",
    "dead and in use": "The backend of {target} is gone, and something uses it all the same: {text}",
    "removed while in use": "When it was removed, API Gateway named APIs that used it: {apis}",
    "name": "It was looked at: {text}",
    "moving": "It is about to be pointed from {previous} to {target}, because of {cause}",
    "changed meanwhile": "It changed while its move was prepared, so it was left as it is",
    "apis not updated": "These APIs did not follow it to its new target: {apis}",
    "name not moved": "It stays where it is: {text}",
    "move not kept": "Its result could be neither published nor put off: {code}: {text}",
    "no candidate": "Nobody stands by to take it: {text}",
    "users not seen": "Who uses it could not be looked up: {code}: {text}",
    "drift": "It is not as it should be: {text}",
    "retry": "The call {operation} failed with {code} in attempt {attempt}: it is made again after {wait} s",
    "look-up again": "{instances} announced backends do not show yet: they are looked up again after {wait} s",
    "unexpected": "A fault of this function in {stage}, {kind}: the log has its trace, please report it",
}
"""Events beside ``record`` that a line about one name, or about its record, can have. Another one is told by its fields."""
_CAME = {"Source: {}": "source", ", message {}": "message_id", ", correlation {}": "correlation"}
_ALWAYS = frozenset(
    {"time", "level", "event", "request_id", "message_id", "name", "part"}
)  # not told as further fields
_NO_TARGET = "its target"  # where the line does not know it


class Told(NamedTuple):
    """A line in words: when (UTC), a word for what happened, and sentences about it."""

    time: str
    what: str
    text: str


def read(raw: bytes) -> list[Line]:
    """Return our lines among what a file holds: lines, JSON lines or documents of an export; the oldest first.

    What is not ours is left out, such as the platform's own lines. Never raises.
    """
    lines = list(chain.from_iterable(map(_lines, _values(raw.decode("utf-8", "replace")))))
    if len(lines) > 1 and _time(lines[0]) > _time(lines[-1]):  # exports begin with the newest
        lines.reverse()
    return lines


def about(lines: Sequence[Line], name: str) -> list[Line]:
    """Return what is about ``name``, once each and in order of time: lines that have it, and those of its records that have none.

    A record comes with its message, again with each delivery. A line without a name that may be about another record of
    the same message is left out.
    """
    whose: dict[tuple[str, str], set[str]] = {}
    for line in lines:
        if line["event"] == RECORD and line.get("name"):
            whose.setdefault((_message(line), str(line.get("part", ""))), set()).add(str(line["name"]))
            whose.setdefault((_message(line), ""), set()).add(str(line["name"]))
    found = [line for line in lines if _is_about(line, name, whose)]
    once = {json.dumps(line, sort_keys=True, default=str): line for line in found}
    return sorted(once.values(), key=_time)


def names(lines: Sequence[Line]) -> list[str]:
    """Return the names that lines are about."""
    return sorted({str(line["name"]) for line in lines if line.get("name")})


def tell(line: Line) -> Told:
    """Return a line in words."""
    event = str(line["event"])
    if event == RECORD:
        return Told(_time(line), str(line.get("outcome", "")), _record(line))
    known = EVENTS.get(event)
    text = known.format_map(_Fields(line)) if known else _fields(line)
    return Told(_time(line), event, _sentences([text]))


def end(lines: Sequence[Line], name: str) -> str:
    """Return what ``name`` opens after all of these lines, as far as they tell."""
    for line in reversed(lines):
        outcome, target = line.get("outcome"), line.get("target", _NO_TARGET)
        if outcome in GRANTED or outcome == KEPT:
            return f"After this, {name} opens {target}."
        if outcome == RELEASED:
            return f"After this, {name} opens nothing."
    return f"None of these lines says that {name} was opened or closed."


def _values(text: str) -> Iterator[Any]:
    """Yield the JSON values in a text: a list that a line begins with, else what there is from the line's first ``{`` on."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        begins = [text.find("{", at, end)]
        if text[at:end].lstrip().startswith("["):
            begins.insert(0, text.find("[", at, end))
        at = end + 1
        for begin in begins:
            try:
                value, at = decoder.raw_decode(text, begin)
            except (ValueError, RecursionError):  # also -1, where there is none
                continue
            yield value
            break


def _lines(value: Any) -> Iterator[Line]:
    """Yield our lines in a value: itself, what an export has of it, or what the export's list holds."""
    lists = (value.get(key) for key in ("data", "logs")) if isinstance(value, dict) else (value,)
    rows = [row for each in lists if isinstance(each, list) for row in each]
    for row in rows or [value]:
        inner = row.get("message") if isinstance(row, dict) else None
        line = next(_values(inner), None) if isinstance(inner, str) else inner
        if isinstance(row, dict) and isinstance(row.get("event"), str):
            yield row
        elif isinstance(line, dict) and isinstance(line.get("event"), str):
            yield {"time": _epoch(row.get("__time__")), **line}


def _epoch(second: Any) -> str:
    try:
        return utc(float(second))
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


def _time(line: Line) -> str:
    return str(line.get("time", ""))


def _message(line: Line) -> str:
    """Return what all lines of a message's records share; without an id it is the invocation's."""
    return str(line.get("message_id") or f"in {line.get('request_id', '')}")


def _is_about(line: Line, name: str, whose: Mapping[tuple[str, str], set[str]]) -> bool:
    if line.get("name"):
        return bool(line["name"] == name)
    if "message_id" not in line:
        return False
    part = str(line.get("part", ""))
    of = whose.get((_message(line), part), set())
    return name in of if part else of == {name}


def _record(line: Line) -> str:
    """Return what became of a record, who asked, what was published, and what it took."""
    outcome = str(line.get("outcome", ""))
    what = _OUTCOMES.get(outcome, outcome).format_map(_Fields(line))
    why = ": ".join(str(line[key]) for key in ("reason", "text") if line.get(key))
    came = "".join(_if(part, line.get(key)) for part, key in _CAME.items())
    published = _if("Its result {} was published", line.get("result"))
    if not published and outcome not in SILENT:
        published = "No result was published"
    return _sentences(
        [
            f"{what}: {why}" if why else what,
            _if("VpcAccessId {}", line.get("vpc_access_id")),
            _if("It differs from what was asked in {}", _text(line.get("differs", ""))),
            "It is tried again with the next delivery" if line.get("retry") else "",
            came if line.get("source") else "",
            published,
            _effort(line),
        ]
    )


def _effort(line: Line) -> str:
    calls, retries, waited = (line.get(key, 0) for key in ("calls", "retries", "waited"))
    parts = [
        f"{calls} call{'s' if calls != 1 else ''}",
        _if("{} of them again", retries),
        _if("{} s of waiting", waited),
    ]
    return f"It took {', '.join(filter(None, parts))}" if calls else ""


def _fields(line: Line) -> str:
    """Return the further fields of a line that there are no words for."""
    return ", ".join(f"{key}: {_text(value)}" for key, value in line.items() if key not in _ALWAYS)


def _if(template: str, value: Any) -> str:
    return template.format(value) if value else ""


def _sentences(texts: Sequence[str]) -> str:
    return " ".join(f"{text.rstrip('.')}." for text in texts if text)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Fields(dict[str, str]):
    """The fields of a line as text; what a line of another version does not have is told so."""

    def __init__(self, line: Line) -> None:
        super().__init__({key: _text(value) for key, value in line.items()})

    def __missing__(self, key: str) -> str:
        return _NO_TARGET if key == "target" else f"({key} is not told)"
