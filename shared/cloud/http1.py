"""HTTP/1.1 as bytes (https://www.rfc-editor.org/rfc/rfc9112): what a request looks like, and what an answer's head says.

Pure: no I/O. It is strict where a wrong guess would cut an answer short or take one for another: a length that is not
one number, an unknown coding, folded lines and bare line feeds are no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

Pairs = Sequence[tuple[bytes, bytes]]

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_IN_TOKENS = bytes(byte for byte in range(256) if re.fullmatch(_TOKEN, bytes([byte])))
_IN_LINES = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_STATUS = rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00\r\n]*)?\r\n"
_HEAD = re.compile(_STATUS + rb"((?:" + _TOKEN + rb":[^\x00\r\n]*\r\n)*)\r\n")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00\r\n]*)?\r\n")


class Malformed(Exception):
    """These bytes are no HTTP/1.1. The text never repeats what was to be sent."""


class Head(NamedTuple):
    """The head of an answer; header names are in lower case.

    ``length`` is in bytes, and None where the body is chunked or ends with the connection. ``lasts`` is False if the
    connection ends with the answer.
    """

    status: int
    headers: Pairs
    length: int | None
    chunked: bool
    lasts: bool


def request(method: str, target: bytes, headers: Pairs, body: bytes) -> bytes:
    """Return the bytes of a request; raises Malformed if a part could be read as something else, such as a line break."""
    lines = [name + b": " + value for name, value in headers]
    head = b"\r\n".join((method.encode("ascii", "replace") + b" " + target + b" HTTP/1.1", *lines, b"", b""))
    # by what is left without the bytes that may be there: an expression for all of it takes three times as long
    names = b"".join([name for name, _ in headers]).translate(None, _IN_TOKENS)
    breaks = head.translate(None, _IN_LINES)
    if (
        names
        or breaks != b"\r\n" * (len(lines) + 2)
        or not (method.isascii() and method.isalpha() and method.isupper())
        or not (target.isascii() and target.split() == [target])
        or not all(name and value == value.strip(b"\t ") for name, value in headers)
    ):
        raise Malformed("a request line or header that HTTP does not allow")
    return head + body


def head_of(data: bytes, method: str) -> Head:
    """Read the head of an answer to ``method``, up to its empty line; raises Malformed."""
    found = _HEAD.fullmatch(data)
    if not found:
        raise Malformed("the answer does not begin as one of HTTP/1.1 does")
    status = int(found[2])
    headers: list[tuple[bytes, bytes]] = []
    lengths, codings, connection = set(), [], b""
    for line in found[3].split(b"\r\n")[:-1]:
        raw, _, value = line.partition(b":")
        name, value = raw.lower(), value.strip(b" \t")
        headers.append((name, value))
        if name == b"content-length":
            lengths.add(value)
        elif name == b"transfer-encoding":
            codings.append(value.lower())
        elif name == b"connection":
            connection += b"," + value.lower()
    chunked = bool(codings)
    if chunked and codings != [b"chunked"]:
        raise Malformed("the answer has a transfer coding other than chunked")
    length = _length(lengths)
    if status < 200 or status in {204, 304} or method == "HEAD":  # https://www.rfc-editor.org/rfc/rfc9112#section-6.3
        chunked, length = False, 0
    elif chunked:
        length = None
    closes = found[1] == b"0" or b"close" in {word.strip() for word in connection.split(b",")}
    lasts = not closes and (chunked or length is not None) and not (codings and lengths)
    return Head(status, headers, length, chunked, lasts)


def _length(values: set[bytes]) -> int | None:
    if not values:
        return None
    first = min(values)
    if len(values) > 1 or not _LENGTH.fullmatch(first):
        raise Malformed("the answer's Content-Length is not one number")
    return int(first)


def chunk_size(line: bytes) -> int:
    """Read the line before a chunk, with its line break; 0 says that this was the last. Raises Malformed."""
    found = _CHUNK.fullmatch(line)
    if not found:
        raise Malformed("the answer has a chunk without a size")
    return int(found[1], 16)
