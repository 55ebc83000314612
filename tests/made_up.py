"""Made-up wheels, for tests of what pip and the build do with real ones."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile


def wheel_of(folder: Path, *members: str, name: str = "made-up", requires: str = "") -> Path:
    """Make a wheel with these members; ``requires`` is a requirement that it has."""
    stem = f"{name.replace('-', '_')}-1.0"
    path = folder / f"{stem}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    with ZipFile(path, "w") as packed:
        for member in members:
            packed.writestr(member, "x = 1\n")
        packed.writestr(f"{stem}.dist-info/METADATA", metadata + (f"Requires-Dist: {requires}\n" if requires else ""))
        packed.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{stem}.dist-info/RECORD", "")
    return path


def pinned(wheel: Path) -> str:
    """Return the line of a lock for a wheel."""
    return f"{wheel.name.split('-')[0].replace('_', '-')}==1.0 --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n"
