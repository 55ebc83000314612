"""Functions for tests: a handler's source in, a deployed function out."""

from __future__ import annotations

import platform
import textwrap
from typing import TYPE_CHECKING, Any

from tests.cloud.fc.config import FunctionConfig, find_python

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.fc.function import Function
    from tests.cloud.fc.platform import Platform


def write(directory: Path, source: str, name: str = "index.py") -> Path:
    """Write a module into a new code directory and return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(textwrap.dedent(source), encoding="utf-8")
    return directory


def deploy(fc: Platform, directory: Path, source: str, **config: Any) -> Function:
    """Deploy a function ``f`` (unless named otherwise) whose ``index.py`` is the source."""
    name = config.pop("name", "f")
    return fc.create_function(FunctionConfig(name, write(directory / name, source), **config))


def installed_runtimes() -> dict[str, str]:
    """Return the executables of Function Compute's runtimes that this machine has, and of the running one."""
    found = {f"python{platform.python_version().rpartition('.')[0]}"}
    for name in ("python3.10", "python3.12"):
        try:
            find_python(name)
        except LookupError:
            continue
        found.add(name)
    return {name: find_python(name) for name in sorted(found)}
