"""The pages for people, and their blocks that are made: each between ``<!-- name:begin … -->`` and ``<!-- name:end -->``.

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
from typing import NamedTuple

from functions._operator import exits, settings
from tests import catalogue
from tests.bench import readme as performance
from tests.contract import known

ROOT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "README.zh-CN.md",
    "events/README.md",
    "events/PRODUCERS.md",
    "functions/README.md",
    "functions/NAMES.md",
    "functions/SETTINGS.md",
    "tests/bench/README.md",
    "tests/cloud/README.md",
    "tests/contract/README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)
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


class Block(NamedTuple):
    """A block that is made: the page that it stands on, and what makes it."""

    page: str
    make: Callable[[], str]


BLOCKS = {
    "demo": Block("README.md", _demo),
    "settings": Block("functions/SETTINGS.md", settings.table),
    "events": Block("events/README.md", catalogue.catalogue),
    "exits": Block("functions/README.md", exits.table),
    "contract": Block("functions/README.md", known.table),
    "questions": Block("tests/contract/README.md", known.costs),
    "performance": Block("tests/bench/README.md", _performance),
}


def read(page: str) -> str:
    """Return the text of one of the ``PAGES``."""
    return (ROOT / page).read_text(encoding="utf-8")


def block(name: str) -> str:
    """Return a block as it stands on its page; raises AssertionError if the page has no such markers."""
    return _found(name)[1]


def write(*names: str) -> None:
    """Make blocks anew on their pages, all of them if none is named."""
    for name in names or BLOCKS:
        found, (page, make) = _found(name), BLOCKS[name]
        text = found.string[: found.start(1)] + make() + found.string[found.end(1) :]
        (ROOT / page).write_text(text, encoding="utf-8")


def _found(name: str) -> re.Match[str]:
    page = BLOCKS[name].page
    found = re.search(rf"<!-- {name}:begin.*?-->\n(.*?)\n<!-- {name}:end -->", read(page), re.DOTALL)
    assert found, f"{page} has lost the markers of the block {name}"
    return found


if __name__ == "__main__":
    if "--write" not in sys.argv:
        sys.exit(HOW)
    write()
