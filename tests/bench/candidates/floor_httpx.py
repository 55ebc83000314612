"""The floor with httpx's transport instead of the standard library's client: no handler on httpx can cost less."""

import os
from typing import Any

import httpx

from tests.bench.candidates import floor

url: httpx.URL
transport: httpx.HTTPTransport


def initialize(_context: Any) -> None:
    """Open the connection; the peer is both gateway and topic."""
    global transport, url
    url, transport = httpx.URL(os.environ["APIGATEWAY_ENDPOINT"]), httpx.HTTPTransport(trust_env=False, verify=False)
    floor._send = _send


def _send(target: str, headers: dict[str, str], body: bytes) -> bytes:
    all_headers = {"accept-encoding": "identity", "content-length": str(len(body))} | headers
    outgoing = httpx.Request(
        "POST", url, headers=all_headers, stream=httpx.ByteStream(body), extensions={"target": target.encode()}
    )
    answer = transport.handle_request(outgoing)
    assert isinstance(answer.stream, httpx.SyncByteStream)
    try:
        return b"".join(answer.stream)
    finally:
        answer.stream.close()


handler = floor.handler
