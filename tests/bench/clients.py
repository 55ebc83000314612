"""``python -m tests.bench.clients``: what HTTP clients cost that could stand below ``shared.cloud.transport``.

Each sends the bytes of a warm event (look, write, publish) over a kept connection to the bench's peer. CPU of the process,
as the median of rounds in which all take turns, and as a part of ``httpx.HTTPTransport``'s within the round.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import time
from collections.abc import Callable, Mapping
from statistics import median
from urllib.parse import urlsplit

import httpcore
import httpx
import urllib3
from rich.console import Console
from rich.table import Table

from shared.cloud.transport import HttpRequest, Transport
from tests.bench.measure import running_peer
from tests.bench.report import middle_half

_HEADERS = {
    "x-acs-action": "SetVpcAccess",
    "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "x-acs-date": "2026-01-05T04:18:26Z",
    "x-acs-signature-nonce": "0" * 32,
    "x-acs-version": "2016-07-14",
    "x-acs-security-token": "made-up-" * 80,
    "authorization": "ACS3-HMAC-SHA256 Credential=made-up,SignedHeaders=host;x-acs-action,Signature=" + "0" * 64,
    "accept": "application/json",
}
_EVENTS = 300  # of three calls, in a round
_BASE = "httpx.HTTPTransport"

Send = Callable[[HttpRequest], bytes]


class BehindHttpx(httpx.BaseTransport):
    """``http.client`` behind httpx's interface: 20 lines, and neither a deadline nor care for TLS."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send once and return the answer."""
        connection = self._connection
        connection.putrequest(
            request.method, request.extensions["target"].decode(), skip_host=True, skip_accept_encoding=True
        )
        for name, value in request.headers.raw:
            connection.putheader(name.decode(), value)
        connection.endheaders(request.read() or None)
        answer = connection.getresponse()
        body = answer.read()
        return httpx.Response(answer.status, headers=answer.getheaders(), stream=httpx.ByteStream(body))


def clients(endpoint: str) -> dict[str, Send]:
    """Return every client by its name, each with a connection of its own."""
    address = urlsplit(endpoint)
    host, port = address.hostname or "", address.port or 80
    plain, pool = http.client.HTTPConnection(host, port), urllib3.HTTPConnectionPool(host, port)
    core, bare = httpcore.ConnectionPool(), socket.create_connection((host, port))
    bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def over_core(request: HttpRequest) -> bytes:
        url = httpcore.URL(scheme=b"http", host=host.encode(), port=port, target=request.target.encode())
        headers = [(name.encode(), value.encode()) for name, value in _all_headers(request).items()]
        return core.request("POST", url, headers=headers, content=request.body).content

    def over_urllib3(request: HttpRequest) -> bytes:
        headers = _all_headers(request)
        return pool.urlopen("POST", request.target, request.body, headers, retries=False, redirect=False).data

    def over_http_client(request: HttpRequest) -> bytes:
        plain.putrequest("POST", request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in _all_headers(request).items():
            plain.putheader(name, value)
        plain.endheaders(request.body or None)
        return plain.getresponse().read()

    def over_a_socket(request: HttpRequest) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in _all_headers(request).items())
        bare.sendall(f"POST {request.target} HTTP/1.1\r\n{lines}\r\n".encode() + request.body)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += bare.recv(65_536)
        size = int(data[:end].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(data) < end + 4 + size:
            data += bare.recv(65_536)
        return data[end + 4 :]

    return {
        _BASE: _through(Transport(inner=httpx.HTTPTransport(trust_env=False, verify=False))),
        "httpcore": over_core,
        "http.client behind httpx's interface": _through(Transport(inner=BehindHttpx(host, port))),
        "urllib3": over_urllib3,
        "http.client": over_http_client,
        "a bare socket, status and Content-Length only": over_a_socket,
        "ours (shared/cloud/wire.py)": _through(Transport()),
    }


def _through(transport: Transport) -> Send:
    return lambda request: transport.send(request, 12).body


def _all_headers(request: HttpRequest) -> dict[str, str]:
    return {"accept-encoding": "identity", "content-length": str(len(request.body)), **request.headers}


def measure(endpoint: str, rounds: int) -> Mapping[str, list[float]]:
    """Return the seconds of CPU that an event takes of each client, one for each round."""
    headers = {"host": urlsplit(endpoint).netloc, **_HEADERS}
    query = "/?Name=orders-1&PageNumber=1&PageSize=100&VpcId=vpc-bp1example0001"
    look = HttpRequest("POST", endpoint, query, headers | {"x-acs-action": "DescribeVpcAccesses"})
    write = HttpRequest("POST", endpoint, query, headers)
    told = HttpRequest("POST", endpoint, "/topics/results/messages", headers, b"x" * 700)
    sends = clients(endpoint)
    taken: dict[str, list[float]] = {name: [] for name in sends}
    for number in range(rounds + 1):
        for name, send in sends.items():
            start = time.process_time()
            for _ in range(_EVENTS):
                for request in (look, write, told):
                    send(request)
            if number:  # the first warms up
                taken[name].append((time.process_time() - start) / _EVENTS)
    return taken


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.clients", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    with running_peer() as peer:
        taken = measure(peer.endpoint, parser.parse_args().rounds)
    table = Table("client", "CPU of three calls", f"of {_BASE}", "half of the rounds")
    for name, seconds in taken.items():
        ratios = [mine / base for mine, base in zip(seconds, taken[_BASE], strict=True)]
        low, high = middle_half(ratios)
        table.add_row(name, f"{median(seconds) * 1e6:.0f} µs", f"{median(ratios):.2f}", f"{low:.2f} to {high:.2f}")
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
