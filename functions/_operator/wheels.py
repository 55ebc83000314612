"""Locked wheels for the runtime: downloaded once by pip, kept, and unpacked without what the function never uses."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from contextlib import suppress
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import click

from functions._operator.interpreters import execute

PLATFORM = "manylinux2014_x86_64"  # glibc 2.17: older than any runtime's Debian; https://help.aliyun.com/document_detail/2512973.html

LEFT_OUT = {
    "*.dist-info/*": "metadata that nothing reads at run time",
    "*.pyi": "for type checkers",
    "*/py.typed": "for type checkers",
    "*/tests/*": "tests",
    "anyio/*": "asynchronous clients; the function's transport is synchronous",
    "exceptiongroup/*": "anyio's, under 3.10",
    "httpcore/*": "the engine of httpx; shared/cloud/wire.py stands in for it",
    "h11/*": "HTTP/1.1 for httpcore",
    "httpx/_main.py": "the command line of httpx",
    "*/__main__.py": "command lines",
    "idna/cli.py": "the command line of idna",
    "idna/codec.py": "Python's codec interface",
    "idna/compat.py": "the interface of encodings.idna",
    "idna/uts46data.py": "mapping of capital and odd letters; httpx asks for plain encoding",
    "pydantic/*": "models: 80 ms of a cold start; shared/events/request.py speaks to pydantic's core",
    "pydantic_core/*.py": "types for schemas; shared/events/core.py loads what is compiled alone",
    "typing_extensions.py": "what these types are made with",
    "typing_inspection/*": "models",
    "annotated_types/*": "models",
}
"""What stays out of the zip, and why: a third of its size. The end-to-end tests run the zip, so a mistake here shows."""


def fetch(requirements: Path, version: str, interpreter: Path, *, native: bool, cache: Path, spare: Path) -> list[Path]:
    """Return the wheels of a locked requirements file, sorted by name; only the first time they are downloaded.

    Hashes are required, sources are refused, nothing is resolved. pip runs under the target's ``interpreter``, because
    it evaluates markers such as ``python_full_version`` with the one it runs under. ``native`` takes this machine's
    platform instead of Function Compute's. They are kept in ``cache``, or in ``spare`` if that is in a read-only tree.
    Raises a ClickException with what pip said.
    """
    locked = requirements.read_bytes()
    platform = "native" if native else PLATFORM
    name = f"{version}-{platform}-{sha256(locked).hexdigest()[:16]}"
    kept = next((place / name for place in (cache, spare) if (place / name).is_dir()), None)
    if kept is None:
        with _scratch(cache, spare) as folder:
            new = Path(folder) / "wheels"
            _download(requirements, version, interpreter, native=native, target=new)
            kept = Path(folder).parent / name
            put_in_place(new, kept)
    return sorted(kept.glob("*.whl"))


def _scratch(*places: Path) -> TemporaryDirectory[str]:
    """Return a new folder in the first of the places that can be written to."""
    for place in places:
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            return TemporaryDirectory(dir=place)
    raise click.ClickException(f"{places[-1]} cannot be written to: choose another place for what is built")


def put_in_place(new: Path, place: Path) -> None:
    """Move a finished folder to its place; what another run put there meanwhile stays."""
    try:
        new.rename(place)
    except OSError as error:
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
            raise


def _download(requirements: Path, version: str, interpreter: Path, *, native: bool, target: Path) -> None:
    """Download a lock's wheels as they are pinned, then let pip resolve among them alone: nothing may be missing."""
    platform = [] if native else ["--platform", PLATFORM, "--implementation", "cp", "--python-version", version]
    pip = [*_pip_under(interpreter), "--disable-pip-version-check", "--no-input", "download", "--progress-bar", "off"]
    options = ["--require-hashes", "--only-binary=:all:", *platform, "--requirement", str(requirements)]
    among = ["--isolated", "--no-index", "--find-links", str(target), "--dest", str(target.with_name("complete"))]
    steps = {"could not download": ["--no-deps", "--dest", str(target)], "misses something among": among}
    for problem, step in steps.items():
        done = execute([*pip, *options, *step])
        if done.returncode:
            said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("WARNING"))
            raise click.ClickException(f"pip {problem} the wheels of {requirements.name} for {version}:\n{said}")


def _pip_under(interpreter: Path) -> list[str]:
    """Return how to run pip under ``interpreter``: its own if it has one, since ours may be too old to run there."""
    own = [str(interpreter), "-m", "pip"]
    try:
        execute([*own, "--version"], timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return [sys.executable, "-m", "pip", "--python", str(interpreter)]
    return own


def unpack(wheel: Path, folder: Path) -> str:
    """Unpack a wheel into ``folder`` without LEFT_OUT and return the name of its distribution.

    A wheel's root is what goes into site-packages (https://packaging.python.org/en/latest/specifications/binary-distribution-format/).
    """
    with ZipFile(wheel) as packed:
        for member in packed.infolist():
            if member.filename.split("/")[0].endswith(".data"):
                raise click.ClickException(f"{wheel.name} wants to install {member.filename} outside of site-packages")
            if member.is_dir() or any(fnmatch(member.filename, pattern) for pattern in LEFT_OUT):
                continue
            target = folder / member.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(member) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    return wheel.name.split("-")[0]
