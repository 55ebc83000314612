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


CASES: dict[str, Callable[[int], bytes]] = {
    "queue batch, CloudEvents": _batch,
    "queue batch, RawData in Base64": _raw,
    "EventBridge notices": lambda number: json.dumps([state_change(f"i-{n:08}") for n in range(number)]).encode(),
    "one text, not JSON": lambda number: b"x" * 400 * number,
    "one text of quotes and backslashes": lambda number: b'"' + b"\\\\" * 200 * number + b'"',
    "empty objects": lambda number: b"[" + b"{}," * (20 * number) + b"{}]",
    "empty texts": lambda number: b"[" + b'"",' * (20 * number) + b'""]',
    "brackets": lambda number: b"[" * 400 * number,
    "digits": lambda number: b"9" * 400 * number,
    "unknown keys": lambda number: json.dumps({f"key-{n}": n for n in range(20 * number)}).encode(),
    "text in text, five times": _nested,
}


def cost(event: bytes) -> Cost:
    """Measure ``parse`` three times over: its time, its calls, its memory."""
    start = time.perf_counter()
    parse(event)
    seconds = time.perf_counter() - start
    tracemalloc.start()
    parse(event)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Cost(len(event), seconds, calls(event), peak)


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
