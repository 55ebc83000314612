"""What ``parse`` costs by the size of the event: ``python -m tests.bench.parse``.

For real batches and for hostile texts of growing size it prints seconds, function calls and peak memory, the last two
also as a multiple of the event's size. Calls and memory do not depend on the machine, so ``tests/shared/events/test_hostile.py``
holds them; seconds do.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from shared.events.parsing import parse
from tests.invoking import queue_event, request, state_change


class Cost(NamedTuple):
    """What one event costs; ``peak`` in bytes, the records included and the event itself not."""

    size: int
    seconds: float
    calls: int
    peak: int


def _batch(number: int) -> bytes:
    return json.dumps(queue_event(*[json.dumps(request(Name=f"orders-{n}")) for n in range(number)])).encode()


def _raw(number: int) -> bytes:
    message = {"requestId": "1", "messageId": "1", "messageBody": b64encode(json.dumps(request()).encode()).decode()}
    return json.dumps([message] * number).encode()


def _nested(number: int) -> bytes:
    value: Any = [request()] * number
    for _ in range(5):
        value = json.dumps(value)
    return str(value).encode()


EMOJI = "🚀"  # one of them makes a text in memory four times as large
HALF = r"\ud800"  # half a pair of surrogates: JSON that no UTF-8 can hold


def _list(element: str, number: int) -> bytes:
    return f"[{','.join([element] * number)}]".encode()


def _messages(body: str, number: int) -> bytes:
    return json.dumps(queue_event(*[body] * number), ensure_ascii=False).encode()


def _tagged(number: int) -> bytes:
    tags = [{"Key": f"key-{n}", "Value": "value"} for n in range(19)]
    return json.dumps([request(Name=f"orders-{n}", Tag=tags) for n in range(number)]).encode()


def _http(body: str) -> bytes:
    whole = {"version": "v1", "rawPath": "/", "headers": {}, "requestContext": {"requestId": "1"}, "body": body}
    return json.dumps(whole | {"isBase64Encoded": True}).encode()


_MISSPELT = "{" + ",".join(f'"Nam{EMOJI}{n}":0' for n in range(12)) + "}"
_DENSE = json.dumps({"Name": [{"a": 0}] * 16_000})

BATCHES: dict[str, Callable[[int], bytes]] = {  # what triggers and people send, and what is made to cost the most
    "queue batch, CloudEvents": _batch,
    "queue batch, RawData in Base64": _raw,
    "EventBridge notices": lambda number: json.dumps([state_change(f"i-{n:08}") for n in range(number)]).encode(),
    "tagged requests": _tagged,
    "messages of CSV": lambda number: _messages("1,2," * 16_000, number // 80 or 1),
    "queue batch, one emoji and half a pair": lambda number: (
        _batch(number)[:-1] + b"," + _messages(f'{{"Name":"{EMOJI}{HALF}"}}', 1)[1:]
    ),
    "empty objects": lambda number: _list("{}", 20 * number),
    "empty texts": lambda number: _list('""', 20 * number),
    "objects with an emoji for a key": lambda number: _list(f'{{"{EMOJI}":0}}', 5 * number),
    "misspelt fields with an emoji": lambda number: _list(_MISSPELT, number),
    "texts with an emoji and half a pair": lambda number: _list(f'"{"x" * 1_000}{EMOJI}{HALF}"', number // 2),
    "messages that are no JSON, with an emoji": lambda number: _messages("x" * 60_000 + EMOJI, number // 75 or 1),
    "messages of emoji": lambda number: _messages(EMOJI * 15_000, number // 75 or 1),
    "lists in a list": lambda number: _list(json.dumps([request()] * 9), number // 2),
    "dense requests": lambda number: _list(_DENSE, number // 200 or 1),
    "dense messages": lambda number: _messages(_DENSE[: 120 * 1024 - 2] + "]}", number // 200 or 1),
    "misspelt fields and a dense record": lambda number: _list(_MISSPELT, number)[:-1] + f",{_DENSE}]".encode(),
}
ONE: dict[str, Callable[[int], bytes]] = {  # a single text or object
    "one text, not JSON": lambda number: b"x" * 400 * number,
    "one text, not JSON, with an emoji": lambda number: (b"x" * 400 * number) + EMOJI.encode(),
    "one text, not UTF-8": lambda number: b"x" * 400 * number + EMOJI.encode() + b"\xff",
    "one text of quotes and backslashes": lambda number: b'"' + b"\\\\" * 200 * number + b'"',
    "one text, an emoji and half a pair": lambda number: f'"{"x" * 400 * number}{EMOJI}{HALF}"'.encode(),
    "an object of one text, an emoji and half a pair": lambda number: (
        f'{{"Name":"{"x" * 400 * number}{EMOJI}{HALF}"}}'.encode()
    ),
    "an object of texts, an emoji and half a pair in each": lambda number: (
        b'{"Name":' + _list(f'"{"x" * 1_000}{EMOJI}{HALF}"', number // 2) + b"}"
    ),
    "one Base64 of an emoji": lambda number: b64encode(f'{{"Name":"{"x" * 300 * number}{EMOJI}"}}'.encode()),
    "an HTTP body in Base64": lambda number: _http(b64encode((b"x" * 300 * number) + EMOJI.encode()).decode()),
    "brackets": lambda number: b"[" * 400 * number,
    "digits": lambda number: b"9" * 400 * number,
    "an object of objects": lambda number: b'{"Name":' + _list('{"a":0}', 50 * number) + b"}",
    "unknown keys": lambda number: json.dumps({f"key-{n}": n for n in range(20 * number)}).encode(),
    "unknown keys with an emoji": lambda number: (
        "{" + ",".join(f'"{EMOJI}{n}":0' for n in range(20 * number)) + "}"
    ).encode(),
    "unknown keys and texts with an emoji": lambda number: (
        "{" + ",".join(f'"{EMOJI}{n:07}":"{EMOJI}"' for n in range(20 * number)) + "}"
    ).encode(),
    "text in text, five times": _nested,
}
CASES = BATCHES | ONE


def cost(event: bytes) -> Cost:
    """Measure ``parse`` three times over: its time, its calls, its memory."""
    start = time.perf_counter()
    parse(event)
    seconds = time.perf_counter() - start
    return Cost(len(event), seconds, calls(event), memory(event)[0])


def memory(event: bytes) -> tuple[int, int]:
    """Return the most bytes that ``parse`` has allocated at once, its records included, and how many records it made."""
    tracemalloc.start()
    records = parse(event)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, len(records)


def calls(event: bytes) -> int:
    """Count the function calls, Python's and C's, of ``parse``; neither imports nor what others do at a collection."""
    parse(event)
    counted = 0

    def count(_frame: FrameType, happening: str, _argument: Any) -> None:
        nonlocal counted
        counted += happening.endswith("call")

    before = sys.getprofile()
    gc.disable()
    sys.setprofile(count)
    try:
        parse(event)
    finally:
        sys.setprofile(before)
        gc.enable()
    return counted


def main() -> None:
    """Print a line for each case and size."""
    parse(_batch(1))  # imports
    for name, event in CASES.items():
        for number in (250, 1_000, 4_000):
            measured = cost(event(number))
            sys.stdout.write(
                f"{name:36} {measured.size:>10} B {measured.seconds * 1e9 / measured.size:>8.1f} ns/B "
                f"{measured.calls / measured.size:>8.4f} calls/B {measured.peak / measured.size:>6.1f} x memory\n"
            )


if __name__ == "__main__":
    main()
