"""The seam to the network, over real sockets: what goes out, what comes in, whom it trusts."""

import datetime as dt
import ipaddress
import socket
import ssl
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.cloud import transport
from shared.cloud.transport import HttpRequest, NetworkError, Transport
from tests.patience import PATIENCE

pytestmark = pytest.mark.enable_socket

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """A server that answers each request of a connection with the next of its answers; "" closes without one.

    ``hangs_up`` closes after each answer without having said so; ``hung_up`` tells that it is done.
    """

    def __init__(self, *answers: bytes, tls: ssl.SSLContext | None = None, hangs_up: bool = False) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.hung_up, self._hangs_up = threading.Event(), hangs_up
        self._answers, self._tls = list(answers), tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self._connection: socket.socket | None = None
        self._closing = False
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        if self._connection is not None:
            with suppress(OSError):  # the conversation at hand is over
                self._connection.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):  # wake the thread if it waits for another
            socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE).close()
        self._thread.join(timeout=PATIENCE)
        assert not self._thread.is_alive()
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing:
            with self._listener.accept()[0] as plain:
                if self._closing:
                    return
                self.connections += 1
                with suppress(OSError):  # the client went away, or did not trust us
                    self._talk(plain)
            self.hung_up.set()

    def _talk(self, plain: socket.socket) -> None:
        with self._tls.wrap_socket(plain, server_side=True) if self._tls else plain as connection:
            self._connection = connection
            while data := _whole_request(connection):
                self.requests.append(data)
                answer = self._answers.pop(0) if self._answers else b""
                connection.sendall(answer)
                if not answer or self._hangs_up or b"Connection: close" in answer:
                    return


def _whole_request(connection: socket.socket) -> bytes:
    """Read up to the end of the body that all requests here have; empty at the end of the connection."""
    data = b""
    while not data.endswith(b"body"):
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    return data


@contextmanager
def _peer(*answers: bytes, tls: ssl.SSLContext | None = None, hangs_up: bool = False) -> Iterator[Peer]:
    peer = Peer(*answers, tls=tls, hangs_up=hangs_up)
    try:
        yield peer
    finally:
        peer.close()


def _request(port: int, target: str = "/", scheme: str = "http", host: str = "127.0.0.1") -> HttpRequest:
    return HttpRequest("POST", f"{scheme}://{host}:{port}", target, {"host": f"{host}:{port}"}, b"body")


@pytest.fixture
def sender() -> Iterator[Transport]:
    """A transport as the function makes it."""
    made = Transport()
    yield made
    made.close()


def test_the_target_goes_out_as_it_was_signed(sender: Transport) -> None:
    """The request line holds the target byte for byte, and body and headers are what was given."""
    target = "/?Description=&Name=n%20a%2A~%2F%2B%E4%B8%AD&Tag.1.Key=k"
    with _peer(OK) as peer:
        answer = sender.send(_request(peer.port, target), PATIENCE)

    head, _, body = peer.requests[0].partition(b"\r\n\r\n")
    assert answer.status == 200
    assert answer.body == b"ok"
    assert head.splitlines()[0] == f"POST {target} HTTP/1.1".encode()
    assert body == b"body"
    assert head.lower().count(b"content-length: 4") == 1
    assert head.lower().count(b"\nhost:") == 1


def test_proxies_of_the_environment_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request holds goes to its endpoint, whatever the environment says; nobody listens at this proxy."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    sender = Transport()
    with _peer(OK) as peer:
        answer = sender.send(_request(peer.port), PATIENCE)
        sender.close()

    assert answer.status == 200
    assert peer.requests[0].startswith(b"POST / HTTP/1.1\r\n")


def test_connections_are_kept(sender: Transport) -> None:
    """Three calls use one connection."""
    with _peer(OK, OK, OK) as peer:
        for _ in range(3):
            sender.send(_request(peer.port), PATIENCE)
        connections = peer.connections
        sender.close()

    assert connections == 1


def test_a_connection_that_the_server_closed_is_replaced(sender: Transport) -> None:
    """A server that closes after each answer costs nothing but a new connection."""
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with _peer(closing, closing) as peer:
        for _ in range(2):
            assert sender.send(_request(peer.port), PATIENCE).status == 200

    assert peer.connections == 2


def test_an_idle_connection_that_the_server_dropped_is_replaced(sender: Transport) -> None:
    """A connection that was closed while it was idle, as the gateway does after 25 s, does not cost the next call."""
    with _peer(OK, OK, hangs_up=True) as peer:
        for _ in range(2):
            assert sender.send(_request(peer.port), PATIENCE).status == 200
            assert peer.hung_up.wait(PATIENCE)
            peer.hung_up.clear()

    assert (peer.connections, len(peer.requests)) == (2, 2)


def test_a_silent_server_is_given_up_on(sender: Transport) -> None:
    """No answer within the time is a network error, and the request may have arrived."""
    with _peer(b"HTTP/1.1 100 Continue\r\n\r\n") as peer, pytest.raises(NetworkError, match="ReadTimeout") as caught:
        sender.send(_request(peer.port), 0.05)

    assert caught.value.sent is True


def test_redirects_are_not_followed(sender: Transport) -> None:
    """A 302 is an answer like any other; nothing is sent elsewhere."""
    with _peer(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as peer:
        assert sender.send(_request(peer.port), PATIENCE).status == 302


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        pytest.param(b"", True, id="cut-before-the-answer"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf", True, id="cut-in-the-body"
        ),
        pytest.param(b"SSH-2.0-OpenSSH\r\nConnection: close\r\n", True, id="not-http"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (transport.MAX_ANSWER_BYTES + 1)
            + b"x" * (transport.MAX_ANSWER_BYTES + 1),
            True,
            id="too-large",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (transport.MAX_ANSWER_BYTES + 1)
            + b"x" * (transport.MAX_ANSWER_BYTES + 1)
            + b"\r\n0\r\n\r\n",
            True,
            id="too-large-and-of-unsaid-length",
        ),
    ],
)
def test_half_an_answer_is_none(sender: Transport, answer: bytes, *, sent: bool) -> None:
    """A lost, broken or huge answer is a network error that says the request may have arrived."""
    with _peer(answer) as peer, pytest.raises(NetworkError) as caught:
        sender.send(_request(peer.port), PATIENCE)

    assert caught.value.sent is sent


def test_a_refused_connection_was_not_sent(sender: Transport) -> None:
    """Where nobody listens, the request certainly did not arrive."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NetworkError) as caught:
        sender.send(_request(port), PATIENCE)

    assert caught.value.sent is False


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self._key, _name("Test CA"), _name("Test CA"), authority=True, host="")

    def pem(self, path: Path) -> Path:
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def server(self, folder: Path, host: str = "127.0.0.1", days: int = 1) -> ssl.SSLContext:
        """Return a server's context with a certificate for ``host`` that is valid for so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(key, _name("server"), _name("Test CA"), authority=False, host=host, days=days)
        return self._context(folder, key, certificate)

    def signs_itself(self, folder: Path) -> ssl.SSLContext:
        """Return the context of a server that is its own authority."""
        name = _name("server")
        return self._context(folder, self._key, self._sign(self._key, name, name, authority=False, host="127.0.0.1"))

    def _context(self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
        both = folder / "server.pem"
        both.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return context

    def _sign(
        self,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        issuer: x509.Name,
        *,
        authority: bool,
        host: str,
        days: int = 1,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=3))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if host:
            address = x509.IPAddress(ipaddress.ip_address(host))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


Trust = Callable[[Authority, Path], dict[str, str]]  # → environment


def _as_file(authority: Authority, folder: Path) -> dict[str, str]:
    return {"SSL_CERT_FILE": str(authority.pem(folder / "ca.pem"))}


def _as_directory(authority: Authority, folder: Path) -> dict[str, str]:
    directory = folder / "certs"
    directory.mkdir()
    pem = authority.pem(folder / "ca.pem")
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-hash", "-in", pem], capture_output=True, text=True, check=True
    )
    (directory / f"{done.stdout.strip()}.0").write_bytes(pem.read_bytes())
    return {"SSL_CERT_DIR": str(directory)}


def _another(_: Authority, folder: Path) -> dict[str, str]:
    return _as_file(Authority(), folder)


def _not_at_all(_: Authority, __: Path) -> dict[str, str]:
    return {}


@pytest.mark.parametrize(
    ("trust", "host", "days", "accepted"),
    [
        pytest.param(_as_file, "127.0.0.1", 1, True, id="authority-in-a-file"),
        pytest.param(_as_directory, "127.0.0.1", 1, True, id="authority-in-a-hashed-directory"),
        pytest.param(_not_at_all, "127.0.0.1", 1, False, id="unknown-authority"),
        pytest.param(_another, "127.0.0.1", 1, False, id="another-authority-of-this-name"),
        pytest.param(_as_file, "127.0.0.2", 1, False, id="certificate-of-another-host"),
        pytest.param(_as_file, "127.0.0.1", -1, False, id="expired"),
    ],
)
def test_only_trusted_servers_get_a_request(
    tmp_path: Path, trust: Trust, host: str, days: int, *, accepted: bool
) -> None:
    """Over TLS a server needs a certificate of a trusted authority for its own name; otherwise nothing is sent."""
    authority = Authority()
    sender = Transport(environment=trust(authority, tmp_path))
    with _peer(OK, tls=authority.server(tmp_path, host, days)) as peer:
        request = _request(peer.port, scheme="https")
        if accepted:
            assert sender.send(request, PATIENCE).status == 200
        else:
            with pytest.raises(NetworkError, match=r"(?i)certificate") as caught:
                sender.send(request, PATIENCE)
            assert caught.value.sent is False
            assert peer.requests == []
        sender.close()


@pytest.mark.parametrize(
    ("trust", "authorities"),
    [
        pytest.param(_as_file, 1, id="file"),
        pytest.param(_not_at_all, certifi.contents().count("BEGIN CERTIFICATE"), id="none"),
    ],
)
def test_where_the_platform_has_no_authorities(tmp_path: Path, trust: Trust, authorities: int) -> None:
    """As in a slim container: those of a file count, or else those that are in the package, and nobody is trusted beside them."""
    empty = tmp_path / "certs"
    empty.mkdir()
    sender = Transport(environment={**trust(Authority(), tmp_path), "SSL_CERT_DIR": str(empty)})
    with _peer(OK, tls=Authority().server(tmp_path)) as peer:
        with pytest.raises(NetworkError, match=r"(?i)certificate"):
            sender.send(_request(peer.port, scheme="https"), PATIENCE)
        sender.close()

    assert sender._tls.cert_store_stats()["x509_ca"] == authorities


def test_a_server_that_signs_itself_gets_no_request(tmp_path: Path) -> None:
    """A certificate that only its own key stands for is refused, and nothing is sent."""
    sender = Transport(environment=_as_file(Authority(), tmp_path))
    with _peer(OK, tls=Authority().signs_itself(tmp_path)) as peer:
        with pytest.raises(NetworkError, match="self-signed certificate") as caught:
            sender.send(_request(peer.port, scheme="https"), PATIENCE)
        sender.close()

    assert caught.value.sent is False
    assert peer.requests == []


def test_a_connection_with_tls_is_kept(tmp_path: Path) -> None:
    """The handshake is paid once, and an idle connection is looked at without spoiling it."""
    authority = Authority()
    sender = Transport(environment=_as_file(authority, tmp_path))
    with _peer(OK, OK, OK, tls=authority.server(tmp_path)) as peer:
        assert [sender.send(_request(peer.port, scheme="https"), PATIENCE).body for _ in range(3)] == [b"ok"] * 3
        connections = peer.connections
        sender.close()

    assert connections == 1


def test_an_answer_over_tls_that_somebody_cut_is_none(tmp_path: Path) -> None:
    """A body without a length ends where TLS says so; a connection that merely ends may have been cut by anybody."""
    authority = Authority()
    sender = Transport(environment=_as_file(authority, tmp_path))
    with _peer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf", tls=authority.server(tmp_path)) as peer:
        with pytest.raises(NetworkError, match="ReadError") as caught:
            sender.send(_request(peer.port, scheme="https"), PATIENCE)
        sender.close()

    assert caught.value.sent is True


def test_a_header_that_http_does_not_allow_is_not_shown(sender: Transport) -> None:
    """A token with a line break cannot be sent, and the error does not repeat it, not even as its cause."""
    marked = "KRAM"[::-1] + "\r"  # not as a word in this source, which the traceback shows
    with _peer(OK) as peer:
        request = _request(peer.port)
        broken = request._replace(headers={**request.headers, "x-acs-security-token": marked})
        with pytest.raises(NetworkError) as caught:
            sender.send(broken, PATIENCE)

    assert "MARK" not in "".join(traceback.format_exception(caught.value, chain=True))
    assert caught.value.sent is False
