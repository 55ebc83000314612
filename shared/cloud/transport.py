"""The one seam to the network. Only this module and the engine below it know httpx.

A :class:`Transport` sends one prepared request and returns the whole answer. It neither signs nor retries:
a retry below the signer would repeat the nonce and be refused (https://github.com/aliyun/alibaba-cloud-sdk-go/issues/39).

Below it is our own engine, ``wire``: it follows no redirects and reads no proxy from the environment. The request target
is handed over as signed, byte for byte.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import httpx

from shared.cloud.wire import NothingSent, Wire

KEEP_ALIVE_SECONDS = 20.0  # the gateway drops idle connections after 25 s ("keep-alive: timeout=25")
CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0  # for sending and the whole answer, once connected
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # 100 instances of DescribeInstances are about 0.4 MB


class HttpRequest(NamedTuple):
    """A signed request: ``endpoint`` is ``scheme://host[:port]``, ``target`` the path with its encoded query."""

    method: str
    endpoint: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


class HttpResponse(NamedTuple):
    """An answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NetworkError(Exception):
    """No complete answer came. ``sent`` is False when the request cannot have reached the server."""

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent


class Transport:
    """Keep-alive connections to every endpoint, shared by threads and kept between invocations.

    ``inner`` replaces the network in tests: any ``httpx.BaseTransport``; ``read_seconds`` bounds a call once it is connected.
    ``environment`` may say where certificate authorities are, in SSL_CERT_FILE and SSL_CERT_DIR.
    """

    def __init__(
        self,
        connections: int = 16,
        inner: httpx.BaseTransport | None = None,
        read_seconds: float = READ_SECONDS,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._read_seconds, self._environment = read_seconds, environment
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.set_alpn_protocols(["http/1.1"])
        self._trusts = False
        self._urls: dict[str, httpx.URL] = {}
        self._inner = inner or Wire(self._tls, connections, KEEP_ALIVE_SECONDS, MAX_ANSWER_BYTES)

    def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        """Send once and have an answer or a NetworkError within ``timeout`` seconds, whatever the peer does.

        Only the look-up of its addresses can take longer (``link``).
        """
        url = self._urls.get(request.endpoint) or self._learn(request.endpoint)
        read = min(self._read_seconds, timeout)
        connect = min(CONNECT_SECONDS, timeout)
        outgoing = httpx.Request(
            request.method,
            url,
            headers=[
                (b"accept-encoding", b"identity"),
                (b"content-length", b"%d" % len(request.body)),
                *[(name.encode("ascii"), value.encode("utf-8")) for name, value in request.headers.items()],
            ],
            stream=httpx.ByteStream(request.body),
            extensions={
                "target": request.target.encode("ascii"),
                "timeout": {"connect": connect, "read": read, "write": read, "pool": read, "total": timeout},
            },
        )
        try:
            answer = self._inner.handle_request(outgoing)
            assert isinstance(answer.stream, httpx.SyncByteStream)  # read as is: it costs half of ``iter_raw``
            try:
                body = b"".join(answer.stream)
            finally:
                answer.stream.close()
        except httpx.LocalProtocolError:  # its text shows the header, which may be the token
            text = "the request could not be formed: an access key or token holds characters that HTTP does not allow"
            raise NetworkError(text, sent=False) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, NothingSent) as error:
            raise NetworkError(f"{type(error).__name__} at {request.endpoint}: {error}", sent=False) from error
        except httpx.TransportError as error:
            raise NetworkError(f"{type(error).__name__} at {request.endpoint}: {error}", sent=True) from error
        return HttpResponse(answer.status_code, answer.headers, body)

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()

    def _learn(self, endpoint: str) -> httpx.URL:
        if endpoint.startswith("https:") and not self._trusts:
            _trust_authorities(self._tls, self._environment)
            self._trusts = True
        return self._urls.setdefault(endpoint, httpx.URL(endpoint))


def _trust_authorities(context: ssl.SSLContext, environment: Mapping[str, str]) -> None:
    """Load certificate authorities: the platform's hashed directory is read on demand, a bundle is parsed at once."""
    paths = ssl.get_default_verify_paths()
    directory = environment.get("SSL_CERT_DIR") or paths.capath
    bundle = environment.get("SSL_CERT_FILE")
    if bundle and os.path.isfile(bundle):
        context.load_verify_locations(cafile=bundle)
    if directory and os.path.isdir(directory) and any(name.endswith(".0") for name in os.listdir(directory)):
        context.load_verify_locations(capath=directory)
    elif not context.cert_store_stats()["x509_ca"]:
        import certifi  # only where the platform has no hashed directory: parsing the bundle costs 40 ms

        context.load_verify_locations(cafile=certifi.where())
