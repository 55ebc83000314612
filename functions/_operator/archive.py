"""A folder as a zip that has the same bytes whoever makes it, whenever: sorted names, fixed times, fixed permissions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import click

from functions._operator.interpreters import execute

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
_READABLE = 0o100644 << 16  # a regular file that everybody may read
_UNIX = 3
_OPTIMIZED = ".opt-2"
CODE = "/code"  # where Function Compute mounts the zip; https://help.aliyun.com/zh/functioncompute/user-guide/install-third-party-dependencies-for-a-function


def compile_bytecode(folder: Path, interpreter: Path) -> None:
    """Compile all modules in ``folder`` for ``interpreter``'s minor version.

    Unchecked hashes: a ``.pyc`` that goes by the source's time would never fit the fixed times of the zip, and
    ``/code`` cannot be written to, so every cold start would compile anew. File names inside are those in the function.
    Docstrings and assertions are left out, as ``python -OO`` does, and stay in the sources: 0.1 MB of the zip less. So are
    columns, by which Python underlines a part of a line in tracebacks (from 3.11 on): 0.1 MB less.
    """
    mode = ["--invalidation-mode", "unchecked-hash", "-o", "2"]
    done = execute(
        [interpreter, "-X", "no_debug_ranges", "-m", "compileall", "-q", *mode, "-s", folder, "-p", CODE, folder],
        environment={**os.environ, "PYTHONHASHSEED": "0"},  # the order inside constant sets
    )
    if done.returncode:
        raise click.ClickException(f"not every module compiles:\n{done.stdout}{done.stderr}")
    for path in list(folder.rglob(f"*{_OPTIMIZED}.pyc")):
        path.rename(path.with_name(path.name.replace(_OPTIMIZED, "")))  # an interpreter without -OO looks for this name


def leave_out_sources(folder: Path, tops: Iterable[str]) -> None:
    """Put the bytecode of the packages named ``tops`` in the place of their sources, where Python finds it as well.

    Tracebacks name their lines all the same, and what was locked can be read anywhere: 0.15 MB of the zip less. Ours stay.
    """
    for top in tops:
        sources = (folder / top).rglob("*.py") if (folder / top).is_dir() else [folder / top]
        for source in [path for path in sources if path.suffix == ".py"]:
            (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
            compiled.rename(source.with_suffix(".pyc"))
            source.unlink()
    for cache in list(folder.rglob("__pycache__")):
        if not any(cache.iterdir()):
            cache.rmdir()


def pack(folder: Path, archive: Path) -> str:
    """Write ``folder``'s files into ``archive`` and return the zip's SHA-256 in hexadecimal."""
    files = sorted(
        (path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder).as_posix()
    )
    with ZipFile(archive, "w") as packed:
        for path in files:
            member = ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            member.compress_type, member.external_attr, member.create_system = ZIP_DEFLATED, _READABLE, _UNIX
            packed.writestr(member, path.read_bytes(), compresslevel=9)
    return sha256(archive.read_bytes()).hexdigest()
