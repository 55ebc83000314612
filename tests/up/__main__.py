"""``make up`` (``python -m tests.cloud up``); Ctrl-C ends it with one line, and everything that it started."""

from __future__ import annotations

from functions._operator import interrupt

if __name__ == "__main__":
    interrupt.attend("ended by Ctrl-C: nothing of it is left")
    from tests.up.run import main  # takes a second, in which Ctrl-C is possible, too

    main(prog_name="python -m tests.cloud up")
