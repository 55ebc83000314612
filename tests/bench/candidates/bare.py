"""The least that a handler on pydantic and httpx pays at a cold start: both imported, the models defined, a client open.

It does nothing else.
"""

from typing import Any

import httpx

from tests.bench.candidates import models

request = models.AccessRequest
client: httpx.Client


def initialize(_context: Any) -> None:
    """Open the client."""
    global client  # noqa: PLW0603 - one instance serves one request at a time
    client = httpx.Client(verify=False)  # ours reads authorities only for https, which nobody speaks here


def handler(_event: bytes, _context: Any) -> None:
    """Nothing: what is measured was over before."""
