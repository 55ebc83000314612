"""Work that goes on by itself: steps that threads take while the stand-in is served, or a test one by one."""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.cloud.core import CloudClock

_LOOK_AGAIN = 1.0  # seconds; a message whose visibility timeout ran out announces itself to nobody


class Pump(Protocol):
    """Something with steps to take. ``step`` may be called from any thread."""

    wake: threading.Event

    def step(self) -> bool:
        """Take one step if one is due; False if there was none."""

    def due(self) -> float | None:
        """Return when the next known step is due; None if none is known (or all are hopeless)."""

    def busy(self) -> bool:
        """True while another thread is in a step."""


class Runner:
    """Drives one pump with some threads between ``start`` and ``stop``.

    A fault in a step ends its thread, since nobody knows what it left half done: it is printed, and noted in ``faults``.
    """

    def __init__(
        self, pump: Pump, clock: CloudClock, faults: list[Exception], threads: int = 1, name: str = "pump"
    ) -> None:
        self.pump, self._clock, self._faults = pump, clock, faults
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"fc-{name}-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no further step; the running ones are waited for in ``join``."""
        self._stopping.set()
        self.pump.wake.set()

    def join(self, timeout: float = 10.0) -> None:
        """Wait for the threads to end."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout)

    def _run(self) -> None:
        try:
            self._work()
        except Exception as fault:  # noqa: BLE001 - whatever it is, whoever runs the stand-in has to see it
            traceback.print_exc()
            self._faults.append(fault)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self.pump.wake.clear()  # before looking, so that what arrives meanwhile does not wait
            if self.pump.step():
                continue
            due = self.pump.due()
            pause = _LOOK_AGAIN if due is None else min(_LOOK_AGAIN, due - self._clock.now())
            if pause > 0 and not self._stopping.is_set():
                self.pump.wake.wait(pause)
        self.pump.wake.set()  # for the other threads of this pump
