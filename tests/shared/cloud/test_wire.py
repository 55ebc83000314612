"""The engine below the transport, against peers that do whatever they like: an answer or one of two errors, in time.

``sent`` False is what the session calls CloudUnavailable, True is Doubtful.
"""

from __future__ import annotations

import http.client
import io
import itertools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.cloud.http1 import Malformed
from shared.cloud.link import MAX_HEAD_BYTES, MAX_INTERIM, Link
from shared.cloud.transport import MAX_ANSWER_BYTES, HttpRequest, NetworkError, Transport
from shared.cloud.wire import Wire
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.enable_socket

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SHORT = 0.3  # seconds that a call has
SOON = 5.0  # seconds, on a busy machine; a call without an absolute end takes DRIPS times a pause
PAUSE, DRIPS = 0.01, 6000

Talk = Callable[[socket.socket], None]


class Peer:
    """Hands each connection to ``talk`` in a thread of its own; ``connections`` counts them."""

    def __init__(self, talk: Talk, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self._talk, self._open, self._threads = talk, list[socket.socket](), list[threading.Thread]()
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._thread.join(timeout=PATIENCE)
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=PATIENCE)
            assert not thread.is_alive()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._listener.accept()[0]
                self.connections += 1
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._converse, args=(connection,)))
                self._threads[-1].start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client went away
            self._talk(connection)


@contextmanager
def _peer(talk: Talk, host: str = "127.0.0.1") -> Iterator[Peer]:
    peer = Peer(talk, host)
    try:
        yield peer
    finally:
        peer.close()


def _request(port: int, body: bytes = b"body", scheme: str = "http", host: str = "127.0.0.1") -> HttpRequest:
    return HttpRequest("POST", f"{scheme}://{host}:{port}", "/", {"host": f"{host}:{port}"}, body)


def _asked(connection: socket.socket) -> bytes:
    """Read one request, which ends with the word "body"; empty at the end of the connection."""
    data = b""
    while not data.endswith(b"body"):
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    return data


def _says(*answers: bytes) -> Talk:
    """Answer each request of a connection with the next of these, then close."""

    def talk(connection: socket.socket) -> None:
        for answer in answers:
            if not _asked(connection):
                return
            connection.sendall(answer)
        connection.recv(1)  # wait until the client closes

    return talk


def _drips(begin: bytes, drop: bytes) -> Talk:
    """Say ``begin`` as soon as it is asked something, and then one drop after the other, with pauses."""

    def talk(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(1 << 16)
        connection.sendall(begin)
        for _ in range(DRIPS):
            connection.sendall(drop)
            threading.Event().wait(PAUSE)

    return talk


@pytest.fixture
def sender() -> Iterator[Transport]:
    """A transport as the function makes it."""
    made = Transport()
    yield made
    made.close()


def _over(ticks: Callable[[], float], connections: int = 16) -> Transport:
    """A transport whose engine reads this clock."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return Transport(inner=Wire(tls, connections, keep=20, most=MAX_ANSWER_BYTES, now=ticks))


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 ", b"O", id="status-line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"y", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"z", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"z", id="body-to-the-end"),
        pytest.param(CHUNKED, b"1\r\nz\r\n", id="chunks"),
        pytest.param(CHUNKED + b"5;", b"z", id="chunk-line"),
        pytest.param(CHUNKED + b"0\r\n", b"X: y\r\n", id="trailers"),
    ],
)
def test_a_peer_that_drips_does_not_outlast_the_call(sender: Transport, begin: bytes, drop: bytes) -> None:
    """However little comes however often, the call ends when its time is over, and the request may have arrived."""
    with _peer(_drips(begin, drop)) as peer:
        start = time.monotonic()
        with pytest.raises(NetworkError, match="ReadTimeout") as caught:
            sender.send(_request(peer.port), SHORT)
        took = time.monotonic() - start
        sender.close()

    assert caught.value.sent is True
    assert SHORT <= took < SOON


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" * (MAX_INTERIM + 1), id="interim-answers"),
        pytest.param(b"HTTP/1.1 200 " + b"O" * MAX_HEAD_BYTES, id="status-line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * MAX_HEAD_BYTES, id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MAX_HEAD_BYTES // 6), id="headers"),
        pytest.param(CHUNKED + b"5;" + b"x" * 2000, id="chunk-line"),
        pytest.param(CHUNKED + b"0\r\n" + b"X: y\r\n" * (MAX_HEAD_BYTES // 6 + 1), id="trailers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER_BYTES + 1), id="announced-body"),
        pytest.param(CHUNKED + b"%x\r\n" % (MAX_ANSWER_BYTES + 1), id="announced-chunk"),
        pytest.param(CHUNKED + b"2\r\nok!!0\r\n\r\n", id="longer-chunk-than-announced"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * (MAX_ANSWER_BYTES + 1), id="body-to-the-end"),
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", id="another-protocol"),
    ],
)
def test_what_is_too_much_is_refused_without_waiting(sender: Transport, answer: bytes) -> None:
    """A peer that stays connected cannot make us read on after a limit, nor wait for the end of what is no answer."""
    with _peer(_says(answer)) as peer:
        with pytest.raises(NetworkError, match="RemoteProtocolError") as caught:
            sender.send(_request(peer.port), PATIENCE)
        sender.close()

    assert caught.value.sent is True


def test_interim_answers_are_passed_over(sender: Transport) -> None:
    """A few of them come before the answer that counts."""
    with _peer(_says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, OK)) as peer:
        assert [sender.send(_request(peer.port), PATIENCE).body for _ in range(2)] == [b"ok", b"ok"]
        sender.close()

    assert peer.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(CHUNKED + b"1\r\no\r\n1;a=b\r\nk\r\n0\r\n\r\n", id="chunks"),
        pytest.param(CHUNKED + b"2\r\nok\r\n0\r\nX-Trailer: y\r\n\r\n", id="trailer"),
    ],
)
def test_chunks_are_joined_and_the_connection_is_kept(sender: Transport, answer: bytes) -> None:
    """An answer in chunks ends with the last of them, so another call can follow."""
    with _peer(_says(answer, answer)) as peer:
        assert [sender.send(_request(peer.port), PATIENCE).body for _ in range(2)] == [b"ok", b"ok"]
        sender.close()

    assert peer.connections == 1


def test_an_answer_that_nobody_asked_for_is_given_to_nobody(sender: Transport) -> None:
    """What a peer says beyond its answer ends the connection; it is not taken for the next answer."""
    with _peer(_says(OK + OK.replace(b"ok", b"no"), OK)) as peer:
        assert [sender.send(_request(peer.port), PATIENCE).body for _ in range(2)] == [b"ok", b"ok"]
        sender.close()

    assert peer.connections == 2


def test_what_is_said_to_an_idle_connection_is_given_to_nobody(sender: Transport) -> None:
    """The same where it is said later, while nothing is asked."""
    said = threading.Event()

    def talk(connection: socket.socket) -> None:
        while _asked(connection):
            connection.sendall(OK)
            if not said.is_set():
                threading.Event().wait(PAUSE)  # the answer has been read alone
                connection.sendall(OK.replace(b"ok", b"no"))
                said.set()

    with _peer(talk) as peer:
        first = sender.send(_request(peer.port), PATIENCE)
        assert said.wait(PATIENCE)
        second = sender.send(_request(peer.port), PATIENCE)
        sender.close()

    assert (first.body, second.body, peer.connections) == (b"ok", b"ok", 2)


@pytest.mark.parametrize(("idle", "connections"), [pytest.param(19, 1, id="kept"), pytest.param(21, 2, id="not-kept")])
def test_a_connection_is_not_kept_for_longer_than_the_gateway_does(idle: float, connections: int) -> None:
    """After 20 idle seconds a call opens a new connection."""
    moment = [0.0]
    sender = _over(lambda: moment[0])
    with _peer(_says(OK, OK)) as peer:
        sender.send(_request(peer.port), PATIENCE)
        moment[0] += idle
        sender.send(_request(peer.port), PATIENCE)
        sender.close()

    assert peer.connections == connections


def test_what_has_been_idle_for_too_long_is_closed_while_others_are_used() -> None:
    """After a busy time the connections that nobody needs any more do not stay open for ever."""
    moment, both = [0.0], threading.Barrier(2, timeout=PATIENCE)
    ended = list[float]()

    def talk(connection: socket.socket) -> None:
        while _asked(connection):
            if not moment[0]:
                both.wait()
            connection.sendall(OK)
        ended.append(moment[0])

    sender = _over(lambda: moment[0])
    with _peer(talk) as peer, ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: sender.send(_request(peer.port), PATIENCE), range(2)))
        for moment[0] in (19, 21):
            sender.send(_request(peer.port), PATIENCE)
        assert until(lambda: ended)
        sender.close()

    assert (peer.connections, ended[0]) == (2, 21)


def test_a_connection_that_was_reset_is_replaced(sender: Transport) -> None:
    """A balancer between that forgets an idle connection resets it, which costs the next call nothing."""
    answered, reset = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        _asked(connection)
        connection.sendall(OK)
        if reset.is_set():
            return
        answered.wait(PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        reset.set()

    with _peer(talk) as peer:
        first = sender.send(_request(peer.port), PATIENCE)
        answered.set()
        assert reset.wait(PATIENCE)
        second = sender.send(_request(peer.port), PATIENCE)
        sender.close()

    assert (first.body, second.body, peer.connections) == (b"ok", b"ok", 2)


def test_nobody_connects_when_the_time_is_over() -> None:
    """A call whose time ends before it knows an address is an error like others, and says that nothing was sent."""
    ticks = itertools.count(0.0, 1.0)  # each look at the clock takes a second
    sender = _over(lambda: next(ticks))
    with _peer(_says(OK)) as peer, pytest.raises(NetworkError, match="no time is left to connect") as caught:
        sender.send(_request(peer.port), 1)

    assert (caught.value.sent, peer.connections) == (False, 0)


def test_nothing_is_sent_when_the_time_is_over() -> None:
    """A call whose time ends with connecting has not sent a byte, and says so."""
    ticks = itertools.count(0.0, 1.0)  # each look at the clock takes a second
    sender = _over(lambda: next(ticks))
    heard = list[bytes]()
    with _peer(lambda connection: heard.append(connection.recv(1))) as peer:
        with pytest.raises(NetworkError, match="NothingSent") as caught:
            sender.send(_request(peer.port), 5)
        assert until(lambda: heard)
        sender.close()

    assert caught.value.sent is False
    assert heard == [b""]


def test_half_a_request_may_have_been_understood(sender: Transport) -> None:
    """A peer that does not read all of a request in time may know enough of it."""
    enough = threading.Event()

    def talk(_: socket.socket) -> None:
        enough.wait(PATIENCE)

    with _peer(talk) as peer:
        with pytest.raises(NetworkError, match="Timeout") as caught:
            sender.send(_request(peer.port, b"x" * 32_000_000), SHORT)
        enough.set()
        sender.close()

    assert caught.value.sent is True


class Reluctant(socket.socket):
    """Takes ``parts`` parts of 9 bytes, then no more."""

    parts = 0

    def send(self, data: Any, _flags: int = 0, /) -> int:
        if not self.parts:
            raise BrokenPipeError
        self.parts -= 1
        return super().send(data[:9])


@contextmanager
def _link(said: bytes, parts: int = 1000) -> Iterator[Link]:
    """A connection whose other end has said this and closed."""
    ours, theirs = socket.socketpair()
    with Reluctant(fileno=ours.detach()) as connection, theirs:
        connection.parts = parts
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        link = Link(connection, time.monotonic)
        link.end = time.monotonic() + PATIENCE
        yield link


def test_an_early_answer_is_read() -> None:
    """A peer that has seen enough of a request may refuse it before its end; the connection is not kept."""
    with _link(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", parts=2) as link:
        answer = link.exchange("POST", b"x" * 100, 100)

    assert (answer.status, answer.lasts, link.sent) == (413, False, True)


def test_a_broken_connection_takes_nothing() -> None:
    """If the first byte cannot be sent, nothing was, whatever the peer has said before."""
    with _link(OK, parts=0) as link, pytest.raises(BrokenPipeError):
        link.exchange("POST", b"x", 100)

    assert link.sent is False


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(_drips(b"", b""), id="silent"),
        pytest.param(_drips(b"\x16\x03\x03\x40\x00", b"\x00"), id="drips"),
        pytest.param(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), id="speaks-plainly"),
    ],
)
def test_a_handshake_ends_in_time_and_sends_nothing(sender: Transport, talk: Talk) -> None:
    """A peer that cannot do TLS gets no request, within the time of the call."""
    start = time.monotonic()
    with _peer(talk) as peer:
        with pytest.raises(NetworkError, match="Connect") as caught:
            sender.send(_request(peer.port, scheme="https"), SHORT)
        took = time.monotonic() - start

    assert caught.value.sent is False
    assert took < SOON


def test_threads_get_their_own_answers_over_few_connections() -> None:
    """Many threads share a few connections, and no answer goes to another's request."""

    def talk(connection: socket.socket) -> None:
        while asked := _asked(connection):
            body = asked.rpartition(b"\r\n\r\n")[2]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    sender = Transport(connections=3)
    with _peer(talk) as peer, ThreadPoolExecutor(12) as pool:
        bodies = [b"%d-body" % number for number in range(300)]
        answers = list(pool.map(lambda body: sender.send(_request(peer.port, body), PATIENCE).body, bodies))
        sender.close()

    assert answers == bodies
    assert peer.connections <= 3


def test_who_gets_no_connection_in_time_has_sent_nothing() -> None:
    """A call that waits for another's connection ends with its time."""
    came, enough = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        _asked(connection)
        came.set()
        enough.wait(PATIENCE)
        connection.sendall(OK)

    sender = Transport(connections=1)
    with _peer(talk) as peer, ThreadPoolExecutor(1) as pool:
        first = pool.submit(sender.send, _request(peer.port), PATIENCE)
        assert came.wait(PATIENCE)
        with pytest.raises(NetworkError, match="PoolTimeout") as caught:
            sender.send(_request(peer.port), 0.01)
        enough.set()
        assert first.result().body == b"ok"
        sender.close()

    assert caught.value.sent is False


@pytest.mark.parametrize(
    ("listens", "host"),
    [
        pytest.param("::1", "[::1]", id="IPv6"),
        pytest.param("127.0.0.1", "localhost", id="name-with-an-IPv4-peer"),
        pytest.param("::1", "localhost", id="name-with-an-IPv6-peer"),
    ],
)
def test_addresses_of_both_kinds_are_reached(sender: Transport, listens: str, host: str) -> None:
    """An address of either kind, or a name of which only one address takes a connection."""
    name = host.strip("[]")
    try:
        known = {address[4][0] for address in socket.getaddrinfo(name, 80)}
        socket.create_server((listens, 0), family=socket.AF_INET6 if ":" in listens else socket.AF_INET).close()
    except OSError:
        known = set()
    if listens not in known:
        pytest.skip(f"{name} is not {listens} on this machine")
    with _peer(_says(OK), listens) as peer:
        assert sender.send(_request(peer.port, host=host), PATIENCE).body == b"ok"
        sender.close()


_parts = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 404 \r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 99\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"X: y\r\n",
        b"\r\n",
        b"5\r\n",
        b"hello",
        b"\r\n0\r\n\r\n",
    ]
)
_streams = st.lists(_parts | st.binary(max_size=6), max_size=10).map(b"".join)


@hypothesis_settings(max_examples=400, deadline=None)  # the machine may be busy
@given(_streams)
def test_any_bytes_are_an_answer_or_an_error(said: bytes) -> None:
    """Whatever a peer says ends in an answer, which the standard library reads from the same bytes, or in an error."""
    with _link(said) as link:
        try:
            answer = link.exchange("POST", b"x", 100)
        except (Malformed, OSError):
            return
    if answer.status == 204:
        assert answer.body == b""  # where the standard library waits for chunks, if such are announced
        return
    theirs = http.client.HTTPResponse(_File(said), method="POST")  # type: ignore[arg-type]  # it asks for makefile() only
    theirs.begin()
    assert (answer.status, answer.body) == (theirs.status, theirs.read())
    headers = [(name.lower().encode(), value.strip(" \t").encode("latin-1")) for name, value in theirs.getheaders()]
    assert list(answer.headers) == headers


class _File:
    """What the standard library reads instead of a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=12), st.lists(st.integers(1, 30), max_size=20))
def test_where_bytes_are_parted_does_not_matter(body: bytes, chunks: list[int], segments: list[int]) -> None:
    """An answer in any chunks, received in any pieces, is the same."""
    wire, rest = CHUNKED, body
    for size in chunks:
        part, rest = rest[:size], rest[size:]
        wire += b"%x\r\n%b\r\n" % (len(part), part) if part else b""
    wire += (b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n"
    with _Pieces(wire, segments) as connection:
        link = Link(connection, time.monotonic)
        link.end = time.monotonic() + PATIENCE
        assert link.exchange("POST", b"x", 1000) == (200, [(b"transfer-encoding", b"chunked")], body, True)


class _Pieces(socket.socket):
    """Has something to say, in pieces of these sizes."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        super().__init__()
        self._data, self._sizes = data, iter(sizes)

    def send(self, data: Any, _flags: int = 0, /) -> int:
        return len(data)

    def recv(self, _size: int, _flags: int = 0, /) -> bytes:
        size = next(self._sizes, len(self._data))
        part, self._data = self._data[:size], self._data[size:]
        return part
