"""The candidates as folders with their bytecode, ready to be run in isolation; and what the vendor's set weighs."""

from __future__ import annotations

import compileall
import shutil
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from functions._operator import interpreters
from functions._operator.build import build

VENDOR = ("alibabacloud_cloudapi20160714", "aliyun-mns-sdk", "pydantic")
"""What the plain handler needs, with all that these bring along."""
_PYDANTIC = ("pydantic", "pydantic_core", "annotated_types", "typing_inspection")
_HTTPX = ("httpx", "httpcore", "h11")
_PACKAGE = "tests.bench.candidates."
_CANDIDATES = Path(__file__).with_name("candidates")


class Candidate(NamedTuple):
    """Something to measure: the module to load, and the paths that are put before the standard library."""

    name: str
    module: str
    paths: tuple[Path, ...]


class Staged(NamedTuple):
    """All candidates, and the zips' sizes in bytes; ours holds bytecode, the vendor's set does not."""

    candidates: dict[str, Candidate]
    zip_bytes: int
    vendor_zip_bytes: int


def stage(folder: Path, cache: Path) -> Staged:
    """Build and compile every candidate in ``folder``; wheels come from ``cache``."""
    version = interpreters.running()
    ours = build(folder / "ours", version, native=True, cache=cache)
    code = _code(folder / "code")
    vendor = _installed(folder / "vendor", VENDOR)
    plain = _installed(folder / "httpx", ("httpx",))
    bare = _bare(folder / "bare", ours.folder, vendor, plain)
    candidates = (
        Candidate("ours", "set_vpc_access", (ours.folder,)),
        Candidate("ours, blind", _PACKAGE + "blind", (code, ours.folder)),
        Candidate("vendor", _PACKAGE + "vendor", (code, vendor)),
        Candidate("bare", _PACKAGE + "bare", (code, bare)),
        Candidate("floor", _PACKAGE + "floor", (code,)),
        Candidate("floor in threads", _PACKAGE + "floor_batch", (code,)),
        Candidate("floor on httpx", _PACKAGE + "floor_httpx", (code, plain)),
    )
    return Staged({each.name: each for each in candidates}, ours.archive.stat().st_size, _zipped(vendor))


def _code(folder: Path) -> Path:
    """Make the folder of the candidates' own modules."""
    package = folder / "tests" / "bench" / "candidates"
    shutil.copytree(_CANDIDATES, package, ignore=shutil.ignore_patterns("__pycache__"))
    for above in (package.parent, package.parent.parent):
        (above / "__init__.py").touch()
    compileall.compile_dir(folder, quiet=1)
    return folder


def _bare(folder: Path, ours: Path, vendor: Path, plain: Path) -> Path:
    """Make the folder of the bare process: the packages as we ship them, and pydantic and httpx whole."""
    shutil.copytree(ours, folder)
    for name in _PYDANTIC:
        shutil.copytree(vendor / name, folder / name, dirs_exist_ok=True)
    shutil.copyfile(vendor / "typing_extensions.py", folder / "typing_extensions.py")
    shutil.copytree(vendor / "__pycache__", folder / "__pycache__", dirs_exist_ok=True)
    for name in _HTTPX:
        shutil.copytree(plain / name, folder / name, dirs_exist_ok=True)
    return folder


def _installed(folder: Path, names: tuple[str, ...]) -> Path:
    """Make a folder of these distributions and what they need, each whole, from what is installed here."""
    for found in sorted(_closure(names).values(), key=lambda each: each.name):
        for file in found.files or ():
            source = Path(str(found.locate_file(file)))
            if ".." in file.parts or file.suffix == ".pyc":
                continue
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    compileall.compile_dir(folder, quiet=1)
    return folder


def _closure(names: tuple[str, ...]) -> dict[str, Distribution]:
    """Return these distributions and what they require, as far as it is installed; extras are not."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform or Python
        if installed.name in found:
            continue
        found[installed.name] = installed
        waiting += [_name(text) for text in installed.requires or () if "extra ==" not in text]
    return found


def _name(requirement: str) -> str:
    letters = (character if character.isalnum() or character in "._-" else " " for character in requirement)
    return "".join(letters).split()[0]


def _zipped(folder: Path) -> int:
    archive = folder.with_suffix(".zip")
    with ZipFile(archive, "w", ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                packed.write(path, path.relative_to(folder))
    return archive.stat().st_size
