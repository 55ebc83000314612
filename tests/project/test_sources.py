"""Whoever reads the repository can open what it cites."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MADE = {"build", "dist", "htmlcov", "__pycache__"}
ADDRESS = re.compile(r"https?://\S+")
NAME = re.compile(r"[\w./-]+")


def _files() -> list[Path]:
    """Every file of the repository; what tools make beside it is left out, also where git is not installed."""
    tops = [path for path in ROOT.iterdir() if path.name == ".ci" or not path.name.startswith(".")]
    files = [path for top in tops for path in (top, *top.rglob("*")) if path.is_file()]
    return [path for path in files if not MADE.intersection(path.relative_to(ROOT).parts)]


def _pages(text: str) -> list[str]:
    """The Markdown files that a text names; addresses are somebody else's."""
    names = [name.rstrip(".") for name in NAME.findall(ADDRESS.sub("", text))]
    return [name for name in names if name.endswith(".md") and name != ".md"]


def test_every_page_that_a_file_cites_is_in_the_repository() -> None:
    """A page that a file names without an address is found from the root or from beside that file."""
    missing = [
        f"{path.relative_to(ROOT)}: {page}"
        for path in _files()
        for page in _pages(path.read_text(encoding="utf-8", errors="replace"))
        if not (ROOT / page).is_file() and not (path.parent / page).is_file()
    ]

    assert not missing, "name the vendor's page by its address, or add the page here:\n" + "\n".join(missing)
