"""``make testzip``: the tests of the product, run on the unpacked zip in place of the sources.

``shared``, the functions and what they need of others come from the zip, in an interpreter that was started without
site-packages (``-S``). What tests need besides (pytest, werkzeug, the stand-in) comes from where this program runs, and code of the
zip that asks for any of it gets what it would get in Function Compute: ModuleNotFoundError.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]
SUITE = ("tests/shared/flow", "tests/shared/access", "tests/shared/backends")
NOT_OF_THE_ZIP = {
    "tests/shared/cloud/test_sns.py": "in the zip by `build --with-sns` only",
    "tests/shared/events/test_core.py": "compares the core with the package that the zip leaves out",
    "tests/shared/flow/test_doctor.py": "starts operator's commands, which need that package",
    "tests/shared/cloud/test_endpoints.py::test_source_beside_the_table_is_the_one_installed": "it has no docstrings",
}
"""Tests that the zip cannot pass, and why."""


class FromZip:
    """Finds what the zip holds in the zip only, before any other finder is asked; the operator's commands stay where they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names = {entry.name.partition(".")[0] for entry in folder.iterdir()} - {"__pycache__"}

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None) -> Any:
        """Return the spec of a top-level module of the zip, or of a function, whose file is one there; None for all others."""
        function = re.fullmatch(r"functions\.(\w+)\.index", name)
        if function and function[1] in self.names:
            return importlib.util.spec_from_file_location(name, self._folder / f"{function[1]}.py")
        if name not in self.names:
            return None
        spec: ModuleSpec | None = importlib.machinery.PathFinder.find_spec(name, [str(self._folder)])
        if spec is not None and name == "functions" and spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(ROOT / "functions"))
        return spec

    def guard(self) -> None:
        """Let code of the zip import nothing but itself and the standard library."""
        inner, home = builtins.__import__, str(self._folder)

        def guarded(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:  # noqa: A002 - as __import__
            top = name.partition(".")[0]
            if level == 0 and top not in self.names and top not in sys.stdlib_module_names:
                importer = (globals or {}).get("__file__") or ""
                if importer.startswith(home):
                    raise ModuleNotFoundError(
                        f"No module named {name!r} in the zip, which {importer} asks for", name=name
                    )
            return inner(name, globals, locals, fromlist, level)

        builtins.__import__ = guarded


class Tools:
    """Finds what tests need besides, after all other finders.

    ``sys.path`` does not name it: code of the zip that looks along it finds the zip and the standard library, as it
    would in Function Compute.
    """

    def __init__(self, folder: str) -> None:
        self._path = [folder]

    def find_spec(self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> Any:
        """Return the spec of a top-level module of site-packages."""
        return importlib.machinery.PathFinder.find_spec(name, self._path) if path is None else None

    def find_distributions(self, context: DistributionFinder.Context) -> Iterable[Distribution]:
        """Return the distributions there, by which pytest knows its plug-ins."""
        return MetadataPathFinder.find_distributions(DistributionFinder.Context(name=context.name, path=self._path))


def _inside(folder: Path, tools: str, arguments: list[str]) -> int:
    """Run pytest in an interpreter without site-packages, on the zip unpacked in ``folder``."""
    finder = FromZip(folder)
    sys.meta_path[:] = [finder, *sys.meta_path, Tools(tools)]
    sys.path[:] = [str(folder), *sys.path, str(ROOT)]
    finder.guard()

    import pytest

    import shared

    assert str(folder) in str(shared.__file__), shared.__file__
    left_out = [f"--{'deselect' if '::' in each else 'ignore'}={each}" for each in NOT_OF_THE_ZIP]
    return int(pytest.main(["-p", "no:xdist", *left_out, *arguments]))  # its workers would run on the sources


def run(archive: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Unpack a zip for the running Python and run pytest on it with these arguments."""
    options = ["-S", "-B", *(["-P"] if sys.version_info >= (3, 11) else [])]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        with ZipFile(archive) as packed:
            packed.extractall(folder)
        command = [sys.executable, *options, __file__, folder, sysconfig.get_path("purelib"), *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False)


def main(arguments: Sequence[str]) -> int:
    """Build the zip for the running Python and run the tests on it; return pytest's exit code."""
    from functions._operator import interpreters
    from functions._operator.build import RUNTIMES, build

    version = interpreters.running()
    named = any((ROOT / argument.partition("::")[0]).exists() for argument in arguments)
    with tempfile.TemporaryDirectory() as folder:
        package = build(Path(folder), version, native=version not in RUNTIMES)
        return run(package.archive, [*arguments, *([] if named else SUITE)]).returncode


if __name__ == "__main__":
    if __package__:
        sys.exit(main(sys.argv[1:]))
    sys.exit(_inside(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
