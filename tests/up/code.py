"""The functions' code as it is now: copies to run, and whether anything has changed since the last one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from functions._operator import build

_Look = dict[Path, tuple[int, int]]


class Broken(NamedTuple):
    """A file that is no Python at the moment, and what is wrong with it."""

    path: Path
    line: int
    problem: str


class Code:
    """Copies of a checkout in ``folder``, each in a folder of its own: what runs still needs the one that it began with."""

    def __init__(self, folder: Path, root: Path = build.ROOT) -> None:
        self._folder, self._root = folder, root
        self._copies = 0
        self._taken = self._before = self._look()

    def copy(self) -> Path:
        """Lay out the code as the zip has it, but for the packages, and return the folder."""
        self._copies += 1
        folder = self._folder / str(self._copies)
        build.stage(folder, [], self._root)
        return folder

    def changed(self) -> list[Path]:
        """Return what has changed since the last time that it was told, once it has been left alone since the last look."""
        now, before = self._look(), self._before
        self._before = now
        if now == self._taken or now != before:
            return []
        changed = [path for path in now.keys() | self._taken.keys() if now.get(path) != self._taken.get(path)]
        self._taken = now
        return sorted(path.relative_to(self._root) for path in changed)

    def broken(self, paths: list[Path]) -> Broken | None:
        """Return the first of the files that does not compile, None if all do."""
        return next(filter(None, map(self._broken, paths)), None)

    def _broken(self, path: Path) -> Broken | None:
        try:
            compile((self._root / path).read_bytes(), path, "exec", dont_inherit=True)
        except FileNotFoundError:  # it was removed, and that is a change, too
            return None
        except (SyntaxError, ValueError) as error:
            return Broken(path, getattr(error, "lineno", None) or 1, getattr(error, "msg", str(error)))
        return None

    def _look(self) -> _Look:
        sources = [*(self._root / "functions").glob("[!_]*/**/*.py"), *(self._root / "shared").rglob("*.py")]
        look: _Look = {}
        for path in sources:
            try:
                found = path.stat()
            except FileNotFoundError:  # an editor puts a new file in its place just now
                continue
            look[path] = found.st_mtime_ns, found.st_size
        return look
