"""An instance: one process, one request at a time, frozen while idle."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cloud.fc.exchange import LOG_LIMIT, Exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

_RUNTIME = Path(__file__).with_name("runtime.py")


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
        self.generation = 0
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
        """True until the process ended; looking does not reap it, so that ``kill`` still owns its process group."""
        if self.process.returncode is not None:
            return False
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:  # its owner reaped it between these two lines
            return False

    def exchange(self, header: Mapping[str, Any], body: bytes, timeout: float) -> Reply:
        """Send one frame and wait for the answer; raises InstanceGoneError after ``timeout`` seconds or an exit."""
        self._signal(signal.SIGCONT)
        exchange = Exchange(header, body)
        exchange.run(self._to_child, self._from_child, self._log, timeout)
        memory = self._peak_memory()
        if not exchange.complete:
            self.kill()
            raise InstanceGoneError(bytes(exchange.log), memory, timed_out=not exchange.closed)
        if self._freeze:
            self._signal(signal.SIGSTOP)
        error, answer = exchange.parse()
        return Reply(error, answer, bytes(exchange.log[-LOG_LIMIT:]), memory)

    def crash(self) -> None:
        """Kill the process behind its owner's back and wait until it is dead; ``kill`` still has to clean up."""
        self.process.kill()
        if self.process.returncode is None:
            with suppress(ChildProcessError):  # its owner reaped it between these two lines
                os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)

    def kill(self) -> None:
        """End the process and its children at once (SIGKILL reaches a frozen one) and close the pipes."""
        if self.process.returncode is None:  # once reaped, the number may be another's
            with suppress(ProcessLookupError):
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
