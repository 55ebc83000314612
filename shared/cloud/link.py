"""One connection to a server, and the one moment that ends each of its steps. Knows sockets, TLS and ``http1``, not httpx.

A timeout of Python's sockets bounds one receive, so a peer with a byte a second could hold a call for minutes. Here each
send and receive gets what is left until ``end``. Only the look-up of a host's addresses cannot be bounded: Python has no
way. What a peer may send is limited, too: MAX_HEAD_BYTES, MAX_INTERIM and ``most`` bytes of body.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from shared.cloud import http1

MAX_HEAD_BYTES = 64 * 1024  # of one answer, and of what follows its last chunk; the gateway's heads have 0.5 KB
MAX_INTERIM = 8  # answers such as "100 Continue" before the one that counts
_MAX_CHUNK_LINE = 1024
_PART = 64 * 1024

Now = Callable[[], float]


class Answer(NamedTuple):
    """A whole answer; header names are in lower case. ``lasts``: whether another can follow on this connection."""

    status: int
    headers: http1.Pairs
    body: bytes
    lasts: bool


class Link:
    """One connection, used by one thread at a time.

    ``end`` is the moment after which nothing is waited for, ``sent`` whether a byte of the present request has left, and
    ``since`` when the last one was answered. Whatever goes wrong is an OSError, TimeoutError among them, or Malformed.
    """

    def __init__(self, connection: socket.socket, now: Now) -> None:
        self._connection, self._now = connection, now
        self._data = bytearray()  # received and not yet read
        self.end = self.since = 0.0
        self.sent = False

    def close(self) -> None:
        """Close it at once."""
        self._connection.close()

    def is_quiet(self) -> bool:
        """Whether the peer has neither closed the idle connection nor said anything that nobody asked for."""
        self._connection.settimeout(0)
        try:
            self._connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def exchange(self, method: str, data: bytes, most: int) -> Answer:
        """Send a request and return the answer, which may have a body of ``most`` bytes."""
        whole = self._write(data)
        head = self._head(method)
        if head.chunked:
            body = self._chunks(most)
        elif head.length is None:
            body = self._rest(most)
        else:
            body = self._exactly(head.length, most)
        return Answer(head.status, head.headers, body, whole and head.lasts and not self._data)

    def _write(self, data: bytes) -> bool:
        """Send all; False if the peer takes no more of it, which may have answered all the same.

        Over TLS, what has left is counted in whole records: nobody can read a part of one.
        """
        self.sent = False
        left = memoryview(data)
        while left:
            try:
                self._connection.settimeout(self._remaining())
                left = left[self._connection.send(left) :]
            except TimeoutError:
                raise
            except OSError:
                if self.sent:
                    return False
                raise
            self.sent = True
        return True

    def _remaining(self) -> float:
        left = self.end - self._now()
        if left <= 0:
            raise TimeoutError("the time for the call is over")
        return left

    def _receive(self) -> bool:
        """Wait for more bytes; False at the end of the connection."""
        self._connection.settimeout(self._remaining())
        part = self._connection.recv(_PART)
        self._data += part
        return bool(part)

    def _more(self) -> None:
        if not self._receive():
            raise http1.Malformed("the connection was closed before the end of the answer")

    def _until(self, mark: bytes, most: int, begin: bytes = b"") -> bytes:
        """Take everything up to and with ``mark``, at most so many bytes; what does not ``begin`` so is not waited for."""
        seen = 0
        while (found := self._data.find(mark, seen, most)) < 0:
            if len(self._data) >= most:
                raise http1.Malformed(f"a part of the answer's frame is larger than {most} bytes")
            seen = max(0, len(self._data) - len(mark) + 1)
            self._more()
            if not self._data.startswith(begin[: len(self._data)]):
                raise http1.Malformed("the answer does not begin as one of HTTP/1.1 does")
        return self._cut(found + len(mark))

    def _cut(self, size: int) -> bytes:
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken

    def _head(self, method: str) -> http1.Head:
        for _ in range(MAX_INTERIM + 1):
            head = http1.head_of(self._until(b"\r\n\r\n", MAX_HEAD_BYTES, b"HTTP/1."), method)
            if head.status >= 200:
                return head
        raise http1.Malformed(f"more than {MAX_INTERIM} interim answers")

    def _exactly(self, size: int, most: int) -> bytes:
        if size > most:
            raise http1.Malformed("the answer is too large to be read")
        while len(self._data) < size:
            self._more()
        return self._cut(size)

    def _rest(self, most: int) -> bytes:
        while self._receive():
            if len(self._data) > most:
                raise http1.Malformed("the answer is too large to be read")
        return self._cut(len(self._data))

    def _chunks(self, most: int) -> bytes:
        body = bytearray()
        while size := http1.chunk_size(self._until(b"\r\n", _MAX_CHUNK_LINE)):
            body += self._exactly(size, most - len(body))
            if self._exactly(2, 2) != b"\r\n":
                raise http1.Malformed("the answer has a chunk that does not end where it said")
        left = MAX_HEAD_BYTES
        while (line := self._until(b"\r\n", left)) != b"\r\n":
            left -= len(line)
        return bytes(body)


def connected(host: str, port: int, tls: ssl.SSLContext | None, end: float, now: Now) -> socket.socket:
    """Return a connection to the first address that takes one; each gets an equal share of the time that is left."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    trouble: OSError = TimeoutError("no time is left to connect")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        left = end - now()
        if left <= 0:
            break
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(left / (len(addresses) - number))
            plain.connect(address)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is None:
                return plain
            plain.settimeout(max(end - now(), 0.001))  # for the whole handshake
            return tls.wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False)
        except OSError as error:
            plain.close()
            trouble = error
    raise trouble
