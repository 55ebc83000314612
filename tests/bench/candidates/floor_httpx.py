"""The floor with httpx's transport instead of the standard library's client: no handler on httpx can cost less."""

import os
from collections.abc import Iterator
from typing import Any

import httpx

from tests.bench.candidates import floor

url: httpx.URL
transport: httpx.HTTPTransport


class Nothing(httpx.SyncByteStream):
    """No body."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


def initialize(_context: Any) -> None:
    """Open the connection; the peer is both gateway and topic."""
    global transport, url
    url, transport = httpx.URL(os.environ["APIGATEWAY_ENDPOINT"]), httpx.HTTPTransport(trust_env=False, verify=False)
    floor._send = _send


def _send(target: str, headers: dict[str, str], body: bytes) -> bytes:
    pairs = [(b"accept-encoding", b"identity"), (b"content-length", b"%d" % len(body))]
    pairs += [(name.encode(), value.encode()) for name, value in headers.items()]
    stream = httpx.ByteStream(body) if body else Nothing()
    outgoing = httpx.Request("POST", url, headers=pairs, stream=stream, extensions={"target": target.encode()})
    answer = transport.handle_request(outgoing)
    assert isinstance(answer.stream, httpx.SyncByteStream)
    try:
        return b"".join(answer.stream)
    finally:
        answer.stream.close()


handler = floor.handler
