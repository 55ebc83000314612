"""``make demo``; whenever it is ended by Ctrl-C, it says so in one line, cleans up and returns 130."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT  # as shells have it


def _end(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough: what runs is being ended
    os.write(2, b"\nended by Ctrl-C: nothing of the demo is left\n")
    sys.exit(INTERRUPTED)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _end)
    from tests.demo.play import main  # takes a second, in which Ctrl-C is possible, too

    sys.exit(main())
