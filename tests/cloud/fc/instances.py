"""Instances: one process each, one request at a time, created on demand up to a limit, frozen while idle."""

from __future__ import annotations

import json
import os
import selectors
import signal
import struct
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RUNTIME = Path(__file__).with_name("runtime.py")
_LENGTHS = struct.Struct(">II")
_CHUNK = 1 << 16
_PIPE_CHUNKS = 16
LOG_LIMIT = 1 << 20  # bytes of log kept per exchange; the tail


class InstanceGoneError(Exception):
    """The process ended before it answered; ``log`` is what it said until then."""

    def __init__(self, log: bytes, memory: int, *, timed_out: bool) -> None:
        super().__init__("timed out" if timed_out else "exited")
        self.log, self.memory, self.timed_out = log, memory, timed_out


@dataclass(frozen=True)
class Reply:
    """What an instance answered: X-Fc-Error-Type or "", the body, the log, and its peak memory in MB."""

    error: str
    body: bytes
    log: bytes
    memory: int


class Instance:
    """One child process behind two pipes and a log pipe. Not thread-safe: the pool lends it to one caller at a time."""

    def __init__(
        self,
        instance_id: str,
        executable: str,
        paths: tuple[Path, ...],
        environment: Mapping[str, str],
        *,
        freeze: bool,
    ) -> None:
        self.id, self.idle_since, self.initialized = instance_id, 0.0, False
        self._freeze = freeze
        child_in, self._to_child = os.pipe()
        self._from_child, child_out = os.pipe()
        self._log, child_log = os.pipe()
        try:
            self.process = subprocess.Popen(
                [executable, "-I", "-S", "-B", _RUNTIME, str(child_in), str(child_out), *paths],
                cwd=paths[0],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=child_log,
                stderr=child_log,
                pass_fds=(child_in, child_out),
            )
        except BaseException:
            self._close_pipes()
            raise
        finally:
            for descriptor in (child_in, child_out, child_log):
                os.close(descriptor)
        for descriptor in (self._to_child, self._from_child, self._log):
            os.set_blocking(descriptor, False)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def exchange(self, header: Mapping[str, Any], body: bytes, timeout: float) -> Reply:
        """Send one frame and wait for the answer; raises InstanceGoneError after ``timeout`` seconds or an exit."""
        self._signal(signal.SIGCONT)
        encoded = json.dumps(header).encode()
        exchange = _Exchange(_LENGTHS.pack(len(encoded), len(body)) + encoded + body)
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self._to_child, selectors.EVENT_WRITE, exchange.send)
            selector.register(self._from_child, selectors.EVENT_READ, exchange.receive)
            selector.register(self._log, selectors.EVENT_READ, exchange.read_log)
            while not (exchange.complete or exchange.closed):
                events = selector.select(max(0.0, deadline - time.monotonic()))
                if not events:
                    break
                for key, _ in events:
                    if key.data(key.fd):
                        selector.unregister(key.fd)
        exchange.drain_log(self._log)
        memory = self._peak_memory()
        if not exchange.complete:
            self.kill()
            raise InstanceGoneError(bytes(exchange.log), memory, timed_out=not exchange.closed)
        if self._freeze:
            self._signal(signal.SIGSTOP)
        error, answer = exchange.parse()
        return Reply(error, answer, bytes(exchange.log[-LOG_LIMIT:]), memory)

    def kill(self) -> None:
        """End the process and its children at once (SIGKILL reaches a frozen one) and give the pipes back."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._close_pipes()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def _peak_memory(self) -> int:
        with suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) // 1024
        return 0

    def _close_pipes(self) -> None:
        for name in ("_to_child", "_from_child", "_log"):
            descriptor = getattr(self, name)
            if descriptor >= 0:
                setattr(self, name, -1)
                os.close(descriptor)


class _Exchange:
    """The bytes of one request and its answer. Each step returns True when its pipe needs no more watching."""

    def __init__(self, frame: bytes) -> None:
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

    def drain_log(self, descriptor: int) -> None:
        """Read what the child wrote before its answer: it is in the pipe by now, which holds 64 KB (or 1 MB if set)."""
        with suppress(BlockingIOError):
            for _ in range(_PIPE_CHUNKS):
                if self.read_log(descriptor):
                    return


class InstancePool:
    """Lends instances: an idle one, else a new one, else a refusal (429 ResourceExhausted)."""

    def __init__(
        self, create: Callable[[], Instance], limit: int, idle_seconds: float, now: Callable[[], float]
    ) -> None:
        self._create, self._limit, self._idle_seconds, self._now = create, limit, idle_seconds, now
        self._idle: list[Instance] = []
        self._busy: set[Instance] = set()
        self._starting = 0
        self._closed = False
        self._lock = threading.Lock()

    @property
    def instances(self) -> list[Instance]:
        """Every living instance, idle ones last."""
        with self._lock:
            return [*self._busy, *self._idle]

    def acquire(self) -> Instance:
        """Return an instance for one caller alone; raises ServiceError 429 at the limit."""
        with self._lock:
            self._reap()
            if self._closed:
                raise ServiceError(404, "FunctionNotFound", "the function was deleted")
            if self._idle:
                instance = self._idle.pop()
                self._busy.add(instance)
                return instance
            if len(self._busy) + self._starting >= self._limit:
                raise ServiceError(429, "ResourceExhausted", f"the function has {self._limit} instances, all are busy")
            self._starting += 1
        try:
            instance = self._create()
        finally:
            with self._lock:
                self._starting -= 1
        with self._lock:
            self._busy.add(instance)
        return instance

    def release(self, instance: Instance, *, keep: bool) -> None:
        """Give an instance back, to be used again or, with ``keep`` false, to be ended."""
        with self._lock:
            self._busy.discard(instance)
            keep = keep and not self._closed
            if keep:
                instance.idle_since = self._now()
                self._idle.append(instance)
        if not keep:
            instance.kill()

    def retire_idle(self) -> None:
        """End all idle instances; the next call gets a new one."""
        with self._lock:
            retired, self._idle = self._idle, []
        for instance in retired:
            instance.kill()

    def close(self) -> None:
        """End everything; a busy caller sees its instance exit."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        self.retire_idle()
        for instance in busy:
            instance.process.kill()  # its caller notices, reaps it and closes the pipes

    def _reap(self) -> None:
        kept = []
        for instance in self._idle:
            if instance.alive and self._now() - instance.idle_since < self._idle_seconds:
                kept.append(instance)
            else:
                instance.kill()
        self._idle = kept
