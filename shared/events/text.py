"""Text to values: JSON that cannot exhaust the function, and the Base64 that the vendor's SDKs put around it.

The only place where bytes or text of others become JSON, whatever wrapper they came in.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode
from codecs import BOM_UTF8
from typing import Any

LARGEST_EVENT = 32 * 1024 * 1024  # bytes: Function Compute's limit for a synchronous payload
LARGEST_MESSAGE = 128 * 1024  # bytes: its limit for an asynchronous one, twice SMQ's
MOST_VALUES = 1_000_000  # of one JSON text; 10,000 messages in CloudEvents have 300,000
_LONGEST_NUMBER = 400  # digits: no field of ours has more, and reading one takes quadratic time on old Pythons
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BLANKS = b" \t\r\n"


def read_json(raw: bytes | str) -> Any:
    r"""Read JSON. Raises ValueError for all that is not, and for what would cost more than its size.

    An object or string takes 60 to 80 bytes however short it is, hence the limit on values. A value that no field of
    ours may hold must not cost the other records of a batch their answer: ``NaN`` and numbers of absurd length are read
    as floats, half of a surrogate pair (``"\ud800"``), which no UTF-8 output could hold, as a NUL character.
    """
    text = _utf8(raw).decode()
    values = text.count(",") + text.count("[") + text.count("{")
    if values > MOST_VALUES:
        raise ValueError(f"it has about {values} values, at most {MOST_VALUES} are read")
    try:
        value = _DECODER.decode(text)
        return _without_half_pairs(value) if _ESCAPED_HALF.search(text) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def decode_base64(raw: bytes | str) -> str | None:
    """Return the text that ``raw`` is Base64 of, None if it is not.

    Read are both alphabets, lines of any length and a missing padding: GNU's ``base64`` breaks lines, JWT libraries
    write the URL-safe alphabet without padding (https://www.rfc-editor.org/rfc/rfc4648).
    """
    try:
        data = _utf8(raw).translate(_FROM_URL_SAFE, _BLANKS).rstrip(b"=")
        return b64decode(data + b"=" * (-len(data) % 4), validate=True).decode("utf-8-sig") or None
    except ValueError:  # neither the alphabet's characters nor UTF-8
        return None


def _utf8(raw: bytes | str) -> bytes:
    """Return ``raw`` as bytes, without the byte order mark that Windows puts before a text."""
    return (raw if isinstance(raw, bytes) else raw.encode()).removeprefix(BOM_UTF8)


def _without_half_pairs(value: Any) -> Any:
    """Return the value as it is if all its pairs are whole."""
    text = json.dumps(value, ensure_ascii=False)
    return _DECODER.decode(_HALF_PAIR.sub(r"\\u0000", text)) if _HALF_PAIR.search(text) else value


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.inf


_DECODER = json.JSONDecoder(parse_int=_whole)
