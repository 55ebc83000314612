"""A session whose cloud answers what a test says: for forms of answers that no stand-in should give by itself."""

from __future__ import annotations

import json
from typing import Any

import httpx

from shared.clock import Clock, Deadline
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport


def session_answering(*bodies: Any) -> Session:
    """Return a session whose calls get these answers in turn, and the last one again and again."""
    left = list(bodies)

    def answer(_: httpx.Request) -> httpx.Response:
        body = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))

    clock = Clock(sleep=lambda _: None)
    transport = Transport(inner=httpx.MockTransport(answer))
    return Session(transport, clock, Deadline(clock, 60), Pace(clock, 1000), lambda: Credentials("id", "secret"))
