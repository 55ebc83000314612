"""The blocks of the README that are made, not written: each between ``<!-- name:begin … -->`` and ``<!-- name:end -->``.

``python -m tests.readme --write`` makes all of them anew from what is there; ``make bench`` measures first.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from functions._operator import exits, settings
from tests import catalogue
from tests.bench import readme as performance

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
HOW = "make them anew with: python -m tests.readme --write"


def _performance() -> str:
    latest = ROOT / "tests" / "bench" / "results" / "latest.json"
    return performance.tables(json.loads(latest.read_text(encoding="utf-8")))


def _demo() -> str:
    """Return what ``make demo`` prints at 80 columns: its ids are the same each time."""
    command = [sys.executable, "-m", "tests.demo"]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return f"```text\n{done.stdout}```"


BLOCKS: dict[str, Callable[[], str]] = {
    "demo": _demo,
    "settings": settings.table,
    "events": catalogue.catalogue,
    "exits": exits.table,
    "performance": _performance,
}
"""What makes each block."""


def block(name: str, text: str) -> str:
    """Return a block of the README's ``text``; raises AssertionError if it has no such markers."""
    return _found(name, text)[1]


def write(*names: str) -> None:
    """Make blocks of README.md anew, all of them if none is named."""
    text = README.read_text(encoding="utf-8")
    for name in names or BLOCKS:
        found = _found(name, text)
        text = text[: found.start(1)] + BLOCKS[name]() + text[found.end(1) :]
    README.write_text(text, encoding="utf-8")


def _found(name: str, text: str) -> re.Match[str]:
    found = re.search(rf"<!-- {name}:begin.*?-->\n(.*?)\n<!-- {name}:end -->", text, re.DOTALL)
    assert found, f"README.md has lost the markers of the block {name}"
    return found


if __name__ == "__main__":
    if "--write" not in sys.argv:
        sys.exit(HOW)
    write()
