"""``python -m functions``: the operator's commands; or, where they cannot run, which interpreter can run them.

``python …/functions``, with the path of this folder, is the same from any other folder; the script ``vpc-access`` calls that.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

_ROOT = Path(__file__).resolve().parents[1]
_LEAST = (3, 10)
_OURS = ("functions", "shared")
if not __package__:  # started by the folder's path: then that is what modules are looked for in
    sys.path[0] = str(_ROOT)


def _commands() -> click.Group:
    """Return the commands; ends with a text on standard error if this interpreter cannot run them."""
    if tuple(sys.version_info) < _LEAST:  # told here, before what it cannot even read
        sys.exit(f"Python {_LEAST[0]}.{_LEAST[1]} or newer is needed, and {sys.executable} is older. {_advice()}")
    try:
        from functions._operator.commands import main as commands
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing in _OURS:
            raise
        sys.exit(f"{sys.executable} does not have the package {missing!r}. {_advice()}")
    return commands


def _advice() -> str:
    """Return which interpreter to use, as it is called from the present folder."""
    found = sorted(_ROOT.glob(".venv*/bin/python"))
    python = found[0] if found else _ROOT / ".venv" / "bin" / "python"
    is_here = Path.cwd() == _ROOT
    call = f"{python.relative_to(_ROOT)} -m functions" if is_here else f"{python} {_ROOT / 'functions'}"
    return f"Use {call}" if found else f"Run `make demo` in {_ROOT} once, which sets one up, then use {call}"


main = _commands()

if __name__ == "__main__":
    from functions._operator import interrupt

    interrupt.attend()
    main(prog_name="python -m functions" if __package__ else "vpc-access")
