"""The other end: a loopback server in its own process that answers fixed bytes, as fast as it can or after a delay.

``python -m tests.bench.peer`` prints its port and serves until its standard input closes. It checks nothing, so that
what is measured is the client; it counts, so that every candidate can be shown to have done the same work:
``GET /counts`` returns and resets the number of requests and of their bytes by operation, ``GET /delay/20`` sets how many
milliseconds every answer takes.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

_JSON = "application/json;charset=utf-8"
_REQUEST_ID = "2B1F9D0A-7C1A-5A3B-9A43-0123456789AB"
_PUBLISHED = (
    '<?xml version="1.0" encoding="UTF-8"?><Message xmlns="http://mns.aliyuncs.com/doc/v1/">'
    "<MessageId>C6DB60D1574661357FA2272700000001</MessageId>"
    "<MessageBodyMD5>F1E92841751D795AB325836B0A3A8F4D</MessageBodyMD5></Message>"
)
_PAGE = {
    "RequestId": _REQUEST_ID,
    "TotalCount": 0,
    "PageNumber": 1,
    "PageSize": 100,
    "VpcAccessAttributes": {"VpcAccessAttribute": []},
}


def _answer(status: str, kind: str, text: str) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nDate: Mon, 05 Jan 2026 04:18:26 GMT\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=25\r\n"
        f"x-acs-request-id: {_REQUEST_ID}\r\n\r\n"
    )
    return head.encode() + body


ANSWERS = {
    "DescribeVpcAccesses": _answer("200 OK", _JSON, json.dumps(_PAGE)),
    "SetVpcAccess": _answer(
        "200 OK", _JSON, json.dumps({"RequestId": _REQUEST_ID, "VpcAccessId": "vpcaccess-0123456789"})
    ),
    "PublishMessage": _answer("201 Created", "text/xml;charset=utf-8", _PUBLISHED),
}


class _Due(NamedTuple):
    """An answer that waits for its time; ``number`` keeps the order of those due at once."""

    when: float
    number: int
    connection: socket.socket
    answer: bytes


class Peer:
    """The server: one thread, one selector."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.SelectSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        self._unread: dict[socket.socket, bytes] = {}
        self._due: list[_Due] = []
        self._numbers = count()
        self._requests, self._bytes, self._delay = Counter[str](), Counter[str](), 0.0

    def serve(self) -> None:
        """Serve until standard input ends."""
        while True:
            wait = max(0.0, self._due[0].when - time.monotonic()) if self._due else None
            for key, _ in self._selector.select(wait):
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._read(key.fileobj)
            while self._due and self._due[0].when <= time.monotonic():
                due = heappop(self._due)
                if due.connection in self._unread:
                    due.connection.sendall(due.answer)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(1 << 18)
        except ConnectionError:
            received = b""
        if not received:
            self._selector.unregister(connection)
            del self._unread[connection]
            connection.close()
            return
        unread = self._unread[connection] + received
        while (whole := _length(unread)) and len(unread) >= whole:
            self._handle(connection, unread[:whole])
            unread = unread[whole:]
        self._unread[connection] = unread

    def _handle(self, connection: socket.socket, request: bytes) -> None:
        answer = self._control(request)
        if answer is None:
            operation = _operation(request)
            self._requests[operation] += 1
            self._bytes[operation] += len(request)
            answer = ANSWERS[operation]
            if self._delay:
                heappush(self._due, _Due(time.monotonic() + self._delay, next(self._numbers), connection, answer))
                return
        connection.sendall(answer)

    def _control(self, request: bytes) -> bytes | None:
        if request.startswith(b"GET /counts "):
            counts = {"requests": dict(self._requests), "bytes": dict(self._bytes)}
            self._requests.clear()
            self._bytes.clear()
            return _answer("200 OK", _JSON, json.dumps(counts))
        if request.startswith(b"GET /delay/"):
            self._delay = int(request.split(b" ")[1].rpartition(b"/")[2]) / 1000
            return _answer("200 OK", _JSON, "{}")
        return None


def _length(unread: bytes) -> int:
    """Return the length of the request that ``unread`` begins with, 0 while its head is incomplete."""
    end = unread.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = unread[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    body = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    return end + 4 + body


def _operation(request: bytes) -> str:
    if request.startswith(b"POST /topics/"):
        return "PublishMessage"
    for name in ("SetVpcAccess", "DescribeVpcAccesses"):
        if name.encode() in request:
            return name
    raise ValueError(f"no answer for {request[:200]!r}")


def main() -> None:
    """Print the port and serve."""
    peer = Peer()
    sys.stdout.write(f"{peer.port}\n")
    sys.stdout.flush()
    peer.serve()


if __name__ == "__main__":
    main()
