"""``build``: what is deployed, as a folder and as a zip: all functions, ``shared``, their bytecode, that of locked wheels."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zipfile import ZipFile

import click

from functions._operator import catalogue, interpreters, terminal, wheels
from functions._operator.archive import compile_bytecode, leave_out_sources, pack

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "runtime.txt"
CACHE = ROOT / "build" / "wheels"
NAME = "vpc-access-authorizer"  # of the zip and its folder
RUNTIMES = ("3.12", "3.10")  # the newest first; https://help.aliyun.com/document_detail/2512973.html
SNS = Path("shared") / "cloud" / "aws"  # an extra: results to Amazon SNS
_OURS = ("functions", "shared")
_MB = 1_000_000


class Price(NamedTuple):
    """What one package costs, in bytes: as files, and in the zip."""

    package: str
    files: int
    zipped: int


class Package(NamedTuple):
    """A finished build: ``folder`` and ``archive`` hold the same files; ``digest`` is the zip's SHA-256."""

    folder: Path
    archive: Path
    digest: str
    version: str
    prices: list[Price]


@click.command("build")
@click.option("--python-version", "version", type=click.Choice(RUNTIMES), default=RUNTIMES[0], show_default=True)
@click.option("--local", is_flag=True, help="For this interpreter and machine, to run here; goes to OUTPUT/local.")
@click.option("--with-sns", is_flag=True, help="Include what publishes results to Amazon SNS.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=ROOT / "dist", show_default="dist")
def command(version: str, output: Path, *, local: bool, with_sns: bool) -> None:
    """Build the zip that Function Compute runs, and print what it weighs."""
    with terminal.waiting("fetching what is locked, and packing"):
        if local:
            package = build(output / "local", interpreters.running(), native=True, with_sns=with_sns)
        else:
            package = build(output, version, with_sns=with_sns)
    for price in package.prices:
        click.echo(f"{price.package:20}{price.files / _MB:8.2f} MB {price.zipped / _MB:8.2f} MB zipped")
    size = package.archive.stat().st_size
    click.echo(f"{'all':20}{sum(p.files for p in package.prices) / _MB:8.2f} MB {size / _MB:8.2f} MB zipped")
    click.echo(f"{package.archive} for python{package.version}\nsha256 {package.digest}")


def build(output: Path, version: str, *, native: bool = False, with_sns: bool = False, cache: Path = CACHE) -> Package:
    """Build for the minor ``version`` into ``output`` and return what came out; raises ClickExceptions.

    ``native`` is for running on this machine: its platform's wheels, with the running interpreter.
    """
    interpreter = Path(sys.executable) if native else interpreters.find(version)
    with _workbench(output) as bench:
        locked = wheels.fetch(REQUIREMENTS, version, interpreter, native=native, cache=cache, spare=output / "wheels")
        owners = stage(bench / NAME, locked, with_sns=with_sns)
        compile_bytecode(bench / NAME, interpreter)
        leave_out_sources(bench / NAME, owners)
        digest = pack(bench / NAME, bench / f"{NAME}.zip")
        prices = weigh(bench / f"{NAME}.zip", owners)
        folder, archive = output / NAME, output / f"{NAME}.zip"
        with suppress(FileNotFoundError):
            folder.rename(bench / "before")
        wheels.put_in_place(bench / NAME, folder)
        (bench / f"{NAME}.zip").replace(archive)
    return Package(folder, archive, digest, version, prices)


@contextmanager
def _workbench(output: Path) -> Iterator[Path]:
    """Open a folder of this build's own inside ``output``, so that builds at the same time do not meet."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        bench = TemporaryDirectory(prefix=".", dir=output)
    except OSError as error:
        raise click.ClickException(
            f"{output} cannot be written to ({error.strerror}): python -m functions build --output=FOLDER builds elsewhere"
        ) from error
    with bench as folder:
        yield Path(folder)


def stage(folder: Path, locked: list[Path], root: Path = ROOT, *, with_sns: bool = False) -> dict[str, str]:
    """Fill ``folder`` anew and return which package each top-level name belongs to.

    Each function's ``index.py`` stands at the root under the function's name, because the handler's file has to
    (https://help.aliyun.com/zh/functioncompute/user-guide/install-third-party-dependencies-for-a-function).
    """
    shutil.rmtree(folder, ignore_errors=True)
    owners: dict[str, str] = {}
    for wheel in locked:
        before = set(folder.iterdir()) if folder.exists() else set()
        name = wheels.unpack(wheel, folder)
        if folder.exists():
            owners |= {path.name: name for path in set(folder.iterdir()) - before}
    functions = catalogue.names(root / "functions")
    sources = [
        root / "functions" / "__init__.py",
        *(source for name in functions for source in (root / "functions" / name).rglob("*.py")),
        *(root / "shared").rglob("*.py"),
    ]
    for source in sources:
        if not with_sns and root / SNS in source.parents:
            continue
        target = folder / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for name in functions:
        (folder / "functions" / name / "index.py").rename(folder / f"{name}.py")
    return owners


def weigh(archive: Path, owners: dict[str, str]) -> list[Price]:
    """Return the price of each package in ``archive``, the dearest first; bytecode counts for its package."""
    prices: dict[str, Price] = {}
    with ZipFile(archive) as packed:
        for member in packed.infolist():
            top = member.filename.removeprefix("__pycache__/").split("/")[0]
            module = top.split(".")[0]
            package = owners.get(top) or owners.get(f"{module}.py") or ", ".join(_OURS)
            _, files, zipped = prices.get(package, Price(package, 0, 0))
            prices[package] = Price(package, files + member.file_size, zipped + member.compress_size)
    return sorted(prices.values(), key=lambda price: -price.zipped)
