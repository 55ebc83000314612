"""Text to values: JSON that cannot exhaust the function, and the Base64 that the vendor's SDKs put around it.

The only place where bytes or text of others become JSON, whatever wrapper they came in. Work is done on bytes, one record
at a time: a ``str`` takes four bytes for every character as soon as one of them is an emoji, and a value many times its
text, so an event is never decoded as a whole.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode
from codecs import BOM_UTF8
from typing import Any

MAX_EVENT_BYTES = 32 * 1024 * 1024  # bytes: Function Compute's limit for a synchronous payload
MAX_MESSAGE_BYTES = 128 * 1024  # bytes: its limit for an asynchronous one, twice SMQ's
MAX_RECORD_BYTES = (
    8 * MAX_MESSAGE_BYTES
)  # bytes: a message of nothing but "\u…", six bytes a character, in its wrappers
MAX_VALUES = 50_000  # of one record; the densest list of requests in a message has half as many
_MAX_DIGITS = 400  # digits: no field of ours has more, and reading one takes quadratic time on old Pythons
_LONG_TEXT = 2_000  # bytes: more than any id or name has, however it is escaped
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BLANKS = b" \t\r\n"
_LIST = re.compile(rb"[ \t\r\n]*\[")
_MARK = re.compile(rb'[^][{},"]*(?:"[^"]*"[^][{},"]*){0,64}([\[{]+|[\]},])?')
_BRACKET = re.compile(rb'[^][{}"]*(?:"[^"]*"[^][{}"]*){0,64}([\[{]+|[\]}])?')
_TEXTS = re.compile(rb'"[^"]*"')
_ESCAPED_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_HALVES = re.compile(
    rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"  # a backslash or a whole pair: neither is one
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def read_json(raw: bytes | str) -> Any:
    r"""Read JSON. Raises ValueError for all that is not, and for what would cost more than its size.

    An object or string takes 60 to 80 bytes however short it is, hence the limit on values. A value that no field of
    ours may hold must not cost the other records of a batch their answer: ``NaN`` and numbers of absurd length are read
    as floats, half of a surrogate pair (``"\ud800"``), which no UTF-8 output could hold, as a NUL character.
    """
    data = utf8(raw)
    values = _values(data)
    if values > MAX_VALUES:
        raise ValueError(f"it has about {values} values, at most {MAX_VALUES} are read")
    if _ESCAPED_HALF.search(data):
        data = _without_half_pairs(data)
    try:
        return _DECODER.decode(data.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def elements(raw: bytes, most: int) -> list[tuple[int, int]] | None:
    """Return where the elements of a JSON list begin and end, None if ``raw`` is no list; raises ValueError for a broken one.

    Only the list itself is looked at, so an element may turn out to be no JSON. Of a list that is longer than ``most``,
    one element more is returned and the rest is not looked at.
    """
    opening = _LIST.match(raw)
    if opening is None:
        return None
    masked = _masked(raw)
    found: list[tuple[int, int]] = []
    depth, begin, place = 1, opening.end(), opening.end()
    while depth and len(found) <= most:
        mark = (_MARK if depth == 1 else _BRACKET).match(masked, place)
        if mark is None or mark.end() == place:
            raise ValueError("a list or a text in it does not end")
        kind, place = mark[1], mark.end()
        if kind == b"]" or kind == b"}":  # noqa: PLR1714 - this loop is most of the time that a batch takes
            depth -= 1
        elif kind is not None and kind != b",":
            depth += len(kind)
        if depth == 0 or (depth == 1 and kind == b","):
            found.append((begin, place - 1))
            begin = place
    if not depth and (masked[place - 1] != ord("]") or masked[place:].strip(_BLANKS)):
        raise ValueError("something stands where a list ends, or behind it")
    return found if len(found) > 1 or raw[slice(*found[0])].strip(_BLANKS) else []


def outline(raw: bytes) -> bytes:
    """Return JSON without its long texts: what is left of a record too large to be read shows where it came from.

    Raises ValueError if that is too large, too.
    """
    kept, begin, size = [], 0, len(raw)
    for text in _TEXTS.finditer(_masked(raw)):
        length = text.end() - text.start()
        if length > _LONG_TEXT:
            kept.append(slice(begin, text.start() + 1))
            begin, size = text.end() - 1, size - length
    if size > MAX_RECORD_BYTES:
        raise ValueError("nothing in it is long by itself")
    return b"".join([*(raw[part] for part in kept), raw[begin:]])


def decode_base64(raw: bytes | str) -> str | None:
    """Return the text that ``raw`` is Base64 of, None if it is not.

    Read are both alphabets, lines of any length and a missing padding: GNU's ``base64`` breaks lines, JWT libraries
    write the URL-safe alphabet without padding (https://www.rfc-editor.org/rfc/rfc4648).
    """
    try:
        data = utf8(raw).translate(_FROM_URL_SAFE, _BLANKS).rstrip(b"=")
        return b64decode(data + b"=" * (-len(data) % 4), validate=True).decode("utf-8-sig") or None
    except ValueError:  # neither the alphabet's characters nor UTF-8
        return None


def utf8(raw: bytes | str) -> bytes:
    """Return ``raw`` as bytes, without the byte order mark that Windows puts before a text."""
    return (raw if isinstance(raw, bytes) else raw.encode()).removeprefix(BOM_UTF8)


def _masked(raw: bytes) -> bytes:
    """Return JSON of the same length in which every quotation mark begins or ends a text."""
    return raw.replace(rb"\\", b"__").replace(rb"\"", b"__")


def _values(data: bytes) -> int:
    """Count about how many values JSON holds; commas and brackets inside of texts count only for the first guess."""
    marks = (b",", b"[", b"{")
    guess = sum(data.count(mark) for mark in marks)
    if guess > MAX_VALUES:
        masked = _masked(data)
        guess -= sum(masked.count(mark, *text.span()) for text in _TEXTS.finditer(masked) for mark in marks)
    return guess


def _without_half_pairs(data: bytes) -> bytes:
    """Return JSON with a NUL character for every escaped half of a surrogate pair whose other half is missing."""
    mended = bytearray(data)
    for half in _HALVES.finditer(data):
        if half[1] is None:
            mended[half.start() + 2 : half.end()] = b"0000"
    return bytes(mended)


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _MAX_DIGITS else math.inf


_DECODER = json.JSONDecoder(parse_int=_whole)
