"""``make demo``; whenever it is ended by Ctrl-C, it says so in one line and cleans up."""

from __future__ import annotations

import sys

from functions._operator import interrupt

if __name__ == "__main__":
    interrupt.attend("ended by Ctrl-C: nothing of the demo is left")
    from tests.demo.play import main  # takes a second, in which Ctrl-C is possible, too

    sys.exit(main())
