"""Text to values: JSON that cannot exhaust the function, and the Base64 that the vendor's SDKs put around it."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from typing import Any

LARGEST_EVENT = 32 * 1024 * 1024  # bytes: Function Compute's limit for a synchronous payload
LARGEST_MESSAGE = 128 * 1024  # bytes: its limit for an asynchronous one, twice SMQ's
MOST_VALUES = 1_000_000  # of one JSON text; 10,000 messages in CloudEvents have 300,000
_LONGEST_NUMBER = 400  # digits: no field of ours has more, and reading one takes quadratic time on old Pythons
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def read_json(raw: bytes | str) -> Any:
    r"""Read JSON. Raises ValueError for all that is not, and for what would cost more than its size.

    An object or string takes 60 to 80 bytes however short it is, hence the limit on values; half of a surrogate pair
    (``"\ud800"``) is refused because no UTF-8 output, log or message could hold it.
    """
    text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    values = text.count(",") + text.count("[") + text.count("{")
    if values > MOST_VALUES:
        raise ValueError(f"it has about {values} values, at most {MOST_VALUES} are read")
    try:
        value = _DECODER.decode(text)
        if _HALF_PAIR.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half of a surrogate pair, which is no character") from None
    return value


def decode_base64(raw: bytes | str) -> str | None:
    """Return the text that ``raw`` is strict Base64 of, None if it is not."""
    try:
        data = raw.strip() if isinstance(raw, bytes) else raw.strip().encode("ascii")
        return b64decode(data, validate=True).decode("utf-8-sig") or None
    except (binascii.Error, UnicodeError):
        return None


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_whole, parse_constant=_no_constant)
