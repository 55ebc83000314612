"""What a change has to pass: the gates of `make check` are closed, and every way to run them runs the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from functions.__main__ import main
from tests.mutants.table import TESTS

ROOT = Path(__file__).resolve().parents[2]
CODE = "def one() -> int:\n    return 1\n\n\ndef two() -> int:\n    return 2\n"
BRANCHING = "def one(more: bool) -> int:\n    number = 1\n    if more:\n        number = 2\n    return number\n"


def targets() -> dict[str, str]:
    """Return the Makefile's targets with what each needs and does."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z]+):((?:.*\n)(?:\t.*\n)*)", makefile, re.MULTILINE))


def coverage_of(code: str, called: str, where: Path) -> list[subprocess.CompletedProcess[str]]:
    """Run the commands of `make coverage` that measure, on a project with one module that decides; return how they ended."""
    shutil.copy(ROOT / "pyproject.toml", where)
    for package in ("shared", "functions", "tests", "tests/shared", "tests/functions"):
        (where / package).mkdir()
        (where / package / "__init__.py").write_text("")
    (where / "shared" / "code.py").write_text(code)
    (where / "tests" / "shared" / "test_code.py").write_text(
        f"from shared.code import *\n\ndef test_code() -> None:\n    {called}\n"
    )
    measured, judged, rest = re.findall(r"\t\$\(PY\) (.*)\n", targets()["coverage"])
    assert rest.split()[-2:] == [f"--ignore={path}" for path in measured.split()[2:4]], "nothing is left out"
    assert judged.endswith(" --include=$$($(PY) -m tests.mutants.table)")
    commands = measured.replace("-n 2", "-n 0"), f"{judged.partition('--include')[0]} --include=shared/code.py"
    return [
        subprocess.run([sys.executable, *command.split()], cwd=where, capture_output=True, text=True, check=False)
        for command in commands
    ]


@pytest.mark.parametrize(
    ("code", "called", "ends"),
    [
        pytest.param(CODE, "one(), two()", [0, 0], id="enough"),
        pytest.param(CODE, "one()", [1, 2], id="too-little"),
        pytest.param(BRANCHING, "one(True)", [1, 2], id="a-branch-of-what-decides"),
        pytest.param("a = 1\n" * 20 + BRANCHING, "one(True)", [0, 2], id="a-branch-of-what-decides-among-much"),
    ],
)
def test_too_little_coverage_fails(code: str, called: str, ends: list[int], tmp_path: Path) -> None:
    """`make coverage` fails below 95 % of lines and branches, and where a module that decides is not seen as a whole."""
    all_of_it, deciding = coverage_of(code, called, tmp_path)

    assert [all_of_it.returncode, deciding.returncode] == ends, all_of_it.stdout + deciding.stdout
    assert "Required test coverage of 95" in all_of_it.stdout


def test_the_modules_that_decide_are_those_with_mutants() -> None:
    """What `make coverage` wants to see as a whole is what `make mutants` turns round."""
    listed = subprocess.run(
        [sys.executable, "-m", "tests.mutants.table"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert listed.stdout == ",".join(TESTS) + "\n"


@pytest.mark.parametrize("place", ["shared/new.py", "functions/new.py", "tests/new.py"])
@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        pytest.param('"""New."""\n\n\ndef grant() -> None:\n    pass\n', "D103", id="function"),
        pytest.param('"""New."""\n\n\ndef _grant() -> None:\n    pass\n', "", id="private"),
        pytest.param("LIMIT = 1\n", "D100", id="module"),
    ],
)
def test_what_is_public_has_a_docstring(source: str, complaint: str, place: str) -> None:
    """A public function or module without a docstring does not pass `make lint`."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "check", "--no-cache", "--output-format=concise", f"--stdin-filename={place}", "-"]
    done = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False)

    assert re.findall(r" (D\d+) ", done.stdout) == [complaint] * bool(complaint)


def test_hooks_of_git_run_what_ci_runs() -> None:
    """The hooks are the Makefile's targets, download nothing, and between them and CI no gate is left out."""
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert local["repo"] == "local"
    assert {hook["entry"].split()[-1] for hook in local["hooks"]} == {"lint", "check"}
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    assert set(targets()["check"].partition("#")[0].split()) == {"lint", "coverage"}
    assert re.findall(r"^from_nothing .*\b(lint|coverage)\b", run, re.MULTILINE) == ["lint", "coverage"]


def test_the_version_has_a_dated_section() -> None:
    """What `--version` shows is the newest version in the changelog, where every version has its date, newest first."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, *versions = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    dated = re.findall(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)

    assert newest == "Unreleased"
    assert len(dated) == len(versions)
    assert CliRunner().invoke(main, ["--version"]).stdout == f"{dated[0][0]}\n"
    assert [date for _, date in dated] == sorted((date for _, date in dated), reverse=True)
