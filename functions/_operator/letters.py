"""What a dead letter holds, and whether it can be sent again. Pure; understood by the function's own parser."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from functions.set_vpc_access.index import desire
from shared.cloud.smq import MAX_BODY_BYTES
from shared.events.parsing import parse
from shared.events.text import decode_base64, read_json
from shared.model.outcome import REFUSED, REJECTED
from shared.model.records import UNWRITABLE, Ignored, Invalid, Record

WRONG, TRUNCATED, TOO_DEEP, TOO_LARGE = "wrong", "truncated", "too-deep", "too-large"
STUCK = frozenset({WRONG, TRUNCATED, TOO_DEEP, TOO_LARGE})
"""Reasons why a request cannot be sent again before somebody does something about it."""
_REPLAYED = frozenset({f"vpcaccess.{REFUSED}", f"vpcaccess.{REJECTED}"})


class Letter(NamedTuple):
    """A message to send: the original text. Otherwise ``reason`` is a short fixed word and ``why`` says what to do.

    A letter that is ``WRONG`` has its text too, because somebody can repair that.
    """

    text: str
    reason: str = ""
    why: str = ""


def letters(document: bytes) -> list[Letter]:
    """Return the originals in a result message, a destination's record, a trigger's dead letter or a bare request.

    The wrappers that a trigger puts around a message are left off; an announcement of several instances is one letter.
    Never raises, whatever the bytes are.
    """
    groups = [list(group) for _, group in groupby(parse(document), key=lambda record: id(record.original))]
    return [_of_result(json.loads(group[0].original)) if _is_result(group[0]) else _letter(group) for group in groups]


def documents(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the documents of a file, each with the number of its first line: one JSON document, or JSON lines."""
    lines = [(number, line) for number, line in enumerate(raw.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and not _is_document(raw) and _is_document(lines[0][1]):
        yield from lines
    else:
        yield 1, raw


def _is_document(raw: bytes | str) -> bool:
    try:
        read_json(raw)
    except ValueError:
        decoded = decode_base64(raw)
        return decoded is not None and _is_document(decoded)
    return True


def _is_result(record: Record) -> bool:
    return isinstance(record.content, Ignored) and record.content.reason == "own-result"


def _of_result(result: Mapping[str, Any]) -> Letter:
    """Return the original of one of our result messages, exactly as the result holds it."""
    data = result["data"]
    original = data.get("Original") if isinstance(data, dict) and result["type"] in _REPLAYED else None
    if not isinstance(original, str):
        elsewhere = data.get("OriginalIn") if isinstance(data, dict) else None
        where = f"it is in the result {elsewhere}" if elsewhere else "only refused and rejected requests are sent again"
        return Letter("", "no-original", f"{result['type']} holds no Original; {where}")
    if data.get("OriginalTruncated"):
        return Letter(
            "", TRUNCATED, "the result holds only the beginning of its Original: take the request from its producer"
        )
    return _letter(parse(original.encode("utf-8", "surrogatepass")), original)


def _letter(records: Sequence[Record], text: str | None = None) -> Letter:
    """Return the letter of records that were read from the same original; ``text`` is the original if it is known."""
    jobs = [desire(record) for record in records]
    content, first = records[0].content, jobs[0].outcome
    if text is None:
        text = _text(records[0].original)
        if text is None:
            return Letter("", TOO_DEEP, "it is nested too deeply to be written again: repair it at its producer")
    if first is not None and all(job.outcome is not None for job in jobs):
        return Letter(text, WRONG, first.text) if isinstance(content, Invalid) else Letter("", first.reason, first.text)
    why = too_large(text)
    return Letter("", TOO_LARGE, why) if why else Letter(text)


def too_large(text: str) -> str:
    """Return why a queue does not take a text, "" if it does."""
    size = -(-len(text.encode("utf-8", "surrogatepass")) // 3) * 4
    if size <= MAX_BODY_BYTES:
        return ""
    return f"it takes {size} bytes in Base64, a queue {MAX_BODY_BYTES}: python -m functions invoke takes it as a file"


def _text(original: str) -> str | None:
    """Return JSON in the characters of its producer, since escaped it could outgrow the queue; None if it is too deep."""
    try:
        text = json.dumps(json.loads(original), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return original
    except RecursionError:
        return None
    return None if original == UNWRITABLE else text
