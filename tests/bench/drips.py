"""``python -m tests.bench.drips``: how long a call with 6 s to live lasts where the peer sends a little now and then.

The engine of the product beside httpx's own, which is given up after 30 s.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import NamedTuple

import httpx
from rich.console import Console
from rich.table import Table

from shared.cloud.transport import HttpRequest, NetworkError, Transport

TIMEOUT, PATIENCE = 6.0, 30.0  # seconds


class Drip(NamedTuple):
    """What a peer sends: a beginning, then drop after drop with a pause of so many seconds."""

    name: str
    begin: bytes
    drop: bytes
    pause: float


DRIPS = (
    Drip("bytes of the body", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x", 1),
    Drip("headers", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 1),
    Drip("103s", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 1),
    Drip("103s without a pause", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50, 0),
)


def peer(drip: Drip) -> int:
    """Serve one connection and return the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        connection, _ = listener.accept()
        connection.recv(65_536)
        end = time.monotonic() + PATIENCE
        try:
            connection.sendall(drip.begin)
            while time.monotonic() < end:
                connection.sendall(drip.drop)
                time.sleep(drip.pause)
        except OSError:
            return  # the client has enough
        finally:
            connection.close()
            listener.close()

    threading.Thread(target=talk, daemon=True).start()
    return int(listener.getsockname()[1])


def seconds_of(transport: Transport, drip: Drip) -> tuple[float, str]:
    """Return after how many seconds a call ends, and how."""
    request = HttpRequest("POST", f"http://127.0.0.1:{peer(drip)}", "/", {"host": "peer"}, b"body")
    start = time.monotonic()
    try:
        transport.send(request, TIMEOUT)
    except NetworkError as error:
        return time.monotonic() - start, f"{str(error).split(' at ')[0]}, sent: {'yes' if error.sent else 'no'}"
    return time.monotonic() - start, "an answer"


def main() -> None:
    """Let every drip have its call, all at once, and print the table."""
    engines = {
        "ours": Transport,
        "httpx": lambda: Transport(inner=httpx.HTTPTransport(trust_env=False, verify=False)),
    }
    found: dict[tuple[str, str], tuple[float, str]] = {}

    def run(engine: str, drip: Drip) -> None:
        found[engine, drip.name] = seconds_of(engines[engine](), drip)

    threads = [threading.Thread(target=run, args=(engine, drip)) for engine in engines for drip in DRIPS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = Table("what drips", "engine", "seconds", "how it ends", title=f"a call with {TIMEOUT:g} s to live")
    for (engine, name), (seconds, how) in sorted(found.items(), key=lambda item: item[0][::-1]):
        table.add_row(name, engine, f"{seconds:.2f}", how)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
