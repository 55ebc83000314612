"""Python interpreters of other versions on this machine: bytecode and environment markers need the runtime's own minor version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

_ELSEWHERE = (  # where version managers keep interpreters, below the home directory
    ".pyenv/versions/{version}*/bin/python",
    ".local/share/uv/python/cpython-{version}*/bin/python",
    ".local/share/mise/installs/python/{version}*/bin/python",
)

_BESIDE_SHIMS = (
    "versions/{version}*/bin/python",
    "installs/python/{version}*/bin/python",
)  # seen from the shims' parent


def find(version: str, environment: Mapping[str, str] = os.environ, home: Path | None = None) -> Path:
    """Return an interpreter of the minor ``version`` ("3.12"); raises a ClickException that says how to provide one."""
    for candidate in _candidates(version, environment, home or Path.home()):
        if version_of(candidate) == version:
            return candidate
    raise click.ClickException(
        f"building for python{version} needs an interpreter of that version, for bytecode that it accepts: "
        f"install one (pyenv install {version}, uv python install {version}), or set {variable(version)} to its path"
    )


def variable(version: str) -> str:
    """Return the environment variable that names the interpreter of ``version``: PYTHON_3_12."""
    return f"PYTHON_{version.replace('.', '_')}"


def running() -> str:
    """Return the minor version of the running interpreter."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def version_of(interpreter: Path) -> str:
    """Return the minor version of an interpreter, "" if it does not run (a version manager's shim may not)."""
    question = "import sys; print('{}.{}'.format(*sys.version_info[:2]))"
    try:
        return execute([interpreter, "-I", "-S", "-c", question], timeout=30, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def execute(
    command: Sequence[str | Path],
    *,
    timeout: float | None = None,
    check: bool = False,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter and return how it ended, with what it said; ``check`` raises what ``subprocess.run`` raises."""
    return subprocess.run(  # noqa: S603 - the operator's own interpreters, no shell
        command, capture_output=True, text=True, timeout=timeout, check=check, env=environment
    )


def _candidates(version: str, environment: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Yield what may be the interpreter: named by hand (then nothing else), running, on PATH, of a version manager."""
    named = environment.get(variable(version))
    if named:
        yield Path(named)
        return
    if version == running():
        yield Path(sys.executable)
    on_path = shutil.which(f"python{version}", path=environment.get("PATH"))
    if on_path:
        yield Path(on_path)
        for pattern in _BESIDE_SHIMS:
            yield from sorted(Path(on_path).parents[1].glob(pattern.format(version=version)), reverse=True)
    for pattern in _ELSEWHERE:
        yield from sorted(home.glob(pattern.format(version=version)), reverse=True)
