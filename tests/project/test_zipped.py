"""The tests of the product run on the built zip as well, and see of others what the zip has, and nothing else."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from functions._operator.build import Package
from tests.zipped import NOT_OF_THE_ZIP, ROOT, run

SMALL = "tests/shared/flow/test_turns.py"


def test_the_handlers_tests_run_on_the_zip(native_package: Package) -> None:
    """A test file of the handlers passes on the zip for the running Python (`make testzip` runs all of them)."""
    assert run(native_package.archive, ["-q", SMALL]).returncode == 0


def test_the_zip_is_not_left_by_workers(native_package: Package) -> None:
    """Several processes are refused: others than this one would find the sources, and pass on them."""
    assert run(native_package.archive, ["-q", "-n", "2", SMALL]).returncode == pytest.ExitCode.USAGE_ERROR


def without(archive: Path, folder: Path, part: str) -> Path:
    """Return a copy of a zip without the files whose names begin so."""
    copy = folder / "cut.zip"
    with ZipFile(archive) as whole, ZipFile(copy, "w") as cut:
        for name in whole.namelist():
            if not name.startswith(part):
                cut.writestr(name, whole.read(name))
    return copy


@pytest.mark.parametrize("part", ["set_vpc_access.py", "shared/flow/engine", "httpx/", "idna/", "pydantic_core/"])
def test_what_is_not_in_the_zip_is_missed(part: str, native_package: Package, tmp_path: Path) -> None:
    """A part that the build forgot is not taken from the sources or from site-packages, compiled or not."""
    test = tmp_path / "test_it.py"
    test.write_text(
        "import shared.events.request, shared.cloud.transport\nfrom functions.set_vpc_access.index import handler\n\n"
        "def test_it():\n    pass\n",
        encoding="utf-8",
    )
    archive = without(native_package.archive, tmp_path, part)

    assert run(archive, ["-q", "-p", "no:randomly", "--noconftest", str(test)]).returncode != 0


def packed(folder: Path, module: str) -> Path:
    """Return a zip with the module ``made_up``."""
    archive = folder / "made-up.zip"
    with ZipFile(archive, "w") as zipped:
        zipped.writestr("shared/__init__.py", "")
        zipped.writestr("made_up.py", module)
    return archive


@pytest.mark.parametrize(
    ("module", "code"),
    [
        pytest.param("import json", 0, id="standard-library"),
        pytest.param("import shared", 0, id="the-zip"),
        pytest.param("import yaml", 1, id="site-packages"),
        pytest.param("from tests import patience", 1, id="tests"),
        pytest.param(
            "from importlib.machinery import PathFinder\nassert not PathFinder.find_spec('yaml')",
            0,
            id="along-the-path",
        ),
    ],
)
def test_what_the_zip_lacks_is_not_found(module: str, code: int, tmp_path: Path) -> None:
    """Code of the zip imports what is in the zip and what Python brings; tests besides import what they need."""
    test = tmp_path / "test_made_up.py"
    test.write_text("import yaml\n\ndef test_it():\n    import made_up\n", encoding="utf-8")

    assert run(packed(tmp_path, module), ["-q", "-p", "no:randomly", "--noconftest", str(test)]).returncode == code


@pytest.mark.parametrize("test", NOT_OF_THE_ZIP)
def test_what_is_left_out_exists(test: str) -> None:
    """Every test that the zip cannot pass is there under its name."""
    path, _, name = test.partition("::")

    assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8")
