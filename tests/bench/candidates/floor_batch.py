"""The floor on bare sockets, in as many threads as ours has: no handler in one interpreter can do more of a batch at a time."""

import json
import os
import socket
import threading
from typing import Any

from tests.bench.candidates import floor

mine = threading.local()


def initialize(_context: Any) -> None:
    """Let each thread send over a connection of its own."""
    floor._send = _send


def handler(event: bytes, context: Any) -> Any:
    """Look once, then write and publish each record."""
    floor._rpc("DescribeVpcAccesses", {"PageNumber": "1", "PageSize": "100"})
    waiting = iter(json.loads(event))
    threads = [
        threading.Thread(target=_take_turns, args=(waiting, context)) for _ in range(int(os.environ["CONCURRENCY"]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _take_turns(waiting: Any, context: Any) -> None:
    for message in waiting:
        floor.handler(json.dumps([message]).encode(), context)


def _send(target: str, headers: dict[str, str], body: bytes) -> bytes:
    if not hasattr(mine, "connection"):
        host, _, port = floor.setting["APIGATEWAY_ENDPOINT"].partition("://")[2].partition(":")
        mine.connection = socket.create_connection((host, int(port)))
    lines = {"accept-encoding": "identity", "content-length": str(len(body))} | headers
    head = f"POST {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    mine.connection.sendall(head.encode() + b"\r\n" + body)
    answer: bytes = mine.connection.recv(1 << 16)  # the peer's answers are small and come in one piece
    return answer.partition(b"\r\n\r\n")[2]
