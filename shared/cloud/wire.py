"""Kept connections behind httpx's interface: the engine below ``transport``.

It stands in for ``httpx.HTTPTransport``, which takes several times the CPU and bounds single reads only, so that a peer
with a byte a second could hold a call for minutes. Why not ``http.client``: CONTRIBUTING.md, "Decisions".
"""

from __future__ import annotations

import ssl
import threading
import time

import httpx

from shared.cloud import http1
from shared.cloud.link import Answer, Link, Now, connected

_PORTS = {"http": 80, "https": 443}

Place = tuple[str, str, int]  # scheme, host, port


class NothingSent(httpx.WriteError):
    """The connection failed before a byte of the request had left."""


class Wire(httpx.BaseTransport):
    """Connections to every endpoint, shared by threads: at most ``connections`` calls at a time.

    A connection is kept for ``keep`` seconds after its last answer, if the answer ended where it said. It reads the
    seconds in a request's ``timeout``: ``connect`` with TLS, ``read`` for all that follows, ``total`` for everything.
    ``most`` is the size in bytes of the largest body that is read; ``now`` is a monotonic clock.
    """

    def __init__(
        self, tls: ssl.SSLContext, connections: int, keep: float, most: int, now: Now = time.monotonic
    ) -> None:
        self._tls, self._keep, self._most, self._now = tls, keep, most, now
        self._turns = threading.BoundedSemaphore(connections)
        self._lock = threading.Lock()
        self._idle: dict[Place, list[Link]] = {}  # in the order of their last use

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send once and return the whole answer; raises httpx's errors, NothingSent among them."""
        times = request.extensions["timeout"]
        end = self._now() + times["total"]
        assert isinstance(request.stream, httpx.SyncByteStream)  # read as is: it costs a third of ``request.read``
        body = b"".join(request.stream)
        try:
            data = http1.request(request.method, request.extensions["target"], request.headers.raw, body)
        except http1.Malformed as error:
            raise httpx.LocalProtocolError(str(error)) from None
        url = request.url
        place = (url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])
        if not self._turns.acquire(timeout=max(0.0, min(times["pool"], end - self._now()))):
            raise httpx.PoolTimeout("all connections are in use")
        try:
            link = self._take(place) or self._open(place, min(end, self._now() + times["connect"]))
            answer = self._exchange(place, link, min(end, self._now() + times["read"]), request.method, data)
        finally:
            self._turns.release()
        return httpx.Response(answer.status, headers=[*answer.headers], stream=httpx.ByteStream(answer.body))

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            links = [link for kept in self._idle.values() for link in kept]
            self._idle.clear()
        for link in links:
            link.close()

    def _take(self, place: Place) -> Link | None:
        """Return a kept connection that the peer has not closed meanwhile."""
        while True:
            with self._lock:
                kept = self._idle.get(place)
                link = kept.pop() if kept else None
            if link is None or (link.since > self._now() - self._keep and link.is_quiet()):
                return link
            link.close()

    def _open(self, place: Place, end: float) -> Link:
        scheme, host, port = place
        try:
            return Link(connected(host, port, self._tls if scheme == "https" else None, end, self._now), self._now)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(str(error)) from error

    def _exchange(self, place: Place, link: Link, end: float, method: str, data: bytes) -> Answer:
        link.end, lasts = end, False
        try:
            answer = link.exchange(method, data, self._most)
            lasts = answer.lasts
        except http1.Malformed as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        except OSError as error:
            if not link.sent:
                raise NothingSent(str(error)) from error
            kind = httpx.ReadTimeout if isinstance(error, TimeoutError) else httpx.ReadError
            raise kind(str(error)) from error
        finally:
            if not lasts:
                link.close()
        if lasts:
            self._give_back(place, link)
        return answer

    def _give_back(self, place: Place, link: Link) -> None:
        link.since = self._now()
        with self._lock:
            kept = self._idle.setdefault(place, [])
            kept.append(link)
            old = kept.pop(0) if kept[0].since <= link.since - self._keep else None
        if old is not None:
            old.close()
