"""One frame to a child process and its answer, over non-blocking pipes (the frame: ``runtime.py``)."""

from __future__ import annotations

import json
import os
import selectors
import struct
import time
from collections.abc import Mapping
from typing import Any

LOG_LIMIT = 1 << 20  # bytes of log kept per exchange; the tail
_LENGTHS = struct.Struct(">II")
_CHUNK = 1 << 16  # what a pipe holds: what the child wrote before its answer is read with it


class Exchange:
    """The bytes of one request and its answer. Each step returns True when its pipe needs no more watching."""

    def __init__(self, header: Mapping[str, Any], body: bytes) -> None:
        encoded = json.dumps(header).encode()
        frame = _LENGTHS.pack(len(encoded), len(body)) + encoded + body
        self._unsent, self._inbox, self.log = memoryview(frame), bytearray(), bytearray()
        self.closed = False

    @property
    def complete(self) -> bool:
        if len(self._inbox) < _LENGTHS.size:
            return False
        header_length, body_length = _LENGTHS.unpack_from(self._inbox)
        return len(self._inbox) >= _LENGTHS.size + int(header_length) + int(body_length)

    def parse(self) -> tuple[str, bytes]:
        header_length, _ = _LENGTHS.unpack_from(self._inbox)
        body_start = _LENGTHS.size + header_length
        header = json.loads(self._inbox[_LENGTHS.size : body_start])
        return header["error"], bytes(self._inbox[body_start:])

    def send(self, descriptor: int) -> bool:
        try:
            self._unsent = self._unsent[os.write(descriptor, self._unsent[:_CHUNK]) :]
        except BrokenPipeError:
            self.closed = True
        return self.closed or not self._unsent

    def receive(self, descriptor: int) -> bool:
        data = os.read(descriptor, _CHUNK)
        self._inbox += data
        self.closed = not data
        return self.closed

    def read_log(self, descriptor: int) -> bool:
        data = os.read(descriptor, _CHUNK)
        self.log += data
        if len(self.log) > 2 * LOG_LIMIT:
            del self.log[:-LOG_LIMIT]
        return not data

    def run(self, to_child: int, from_child: int, log: int, timeout: float) -> None:
        """Move bytes until the answer is complete, the child has gone (``closed``) or ``timeout`` seconds are over."""
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(to_child, selectors.EVENT_WRITE, self.send)
            selector.register(from_child, selectors.EVENT_READ, self.receive)
            selector.register(log, selectors.EVENT_READ, self.read_log)
            while not (self.complete or self.closed):
                events = selector.select(max(0.0, deadline - time.monotonic()))
                if not events:
                    break
                for key, _ in events:
                    if key.data(key.fd):
                        selector.unregister(key.fd)
