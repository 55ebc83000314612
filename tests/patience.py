"""How long tests wait for what another thread or process does: longer than any busy machine needs, and only if it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PATIENCE = 120.0  # seconds


def until(condition: Callable[[], object]) -> bool:
    """Wait until ``condition`` is true; False when PATIENCE is over."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.01)
    return True
