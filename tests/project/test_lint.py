"""`make lint` looks at what git tracks, as it stands: not at scratch beside it, and not only at what is committed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("ruff", "python", "lint-imports")
SEEN = 'echo "$(basename "$0") $*: $(find . -name "*.py" | sort | tr "\\n" " ")"; ! grep -rq WRONG .\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one tracked module, and tools that say what they see and refuse the word WRONG."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "lint", tmp_path / ".ci")
    (tmp_path / "kept.py").write_text("x = 1\n")
    (tmp_path / "gone.py").write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("venv/\n")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for tool in TOOLS:
        path = tmp_path / "venv" / "bin" / tool
        path.write_text(f"#!/bin/sh\n{SEEN}")
        path.chmod(0o755)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    return tmp_path


def git(project: Path, *arguments: str) -> None:
    """Run git as nobody's configuration has it."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(project), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=project, env=variables, check=True)


def lint(project: Path) -> subprocess.CompletedProcess[str]:
    """Lint a project, also where git runs these tests before a push and says in variables which project is pushed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run([".ci/lint", "venv"], cwd=project, env=variables, capture_output=True, text=True, check=False)


def test_scratch_is_not_checked(project: Path) -> None:
    """What git does not track is named and seen by no tool; what was deleted is not missed."""
    (project / "scratch of mine.py").write_text("WRONG")
    (project / "gone.py").unlink()
    done = lint(project)

    assert (done.returncode, done.stderr) == (0, "")
    first, *seen = done.stdout.splitlines()
    assert first == "not checked, because git does not track it: scratch of mine.py"
    assert [line.rpartition(": ")[2].strip() for line in seen] == ["./kept.py"] * 4


@pytest.mark.parametrize("added", [pytest.param(True, id="new-and-added"), pytest.param(False, id="changed")])
def test_what_is_tracked_is_checked_as_it_stands(added: bool, project: Path) -> None:
    """A change needs no commit and no staging to be looked at, and a new file is looked at when it was added."""
    (project / ("new.py" if added else "kept.py")).write_text("WRONG")
    if added:
        git(project, "add", "new.py")

    assert lint(project).returncode == 1


def test_without_git_all_is_checked(project: Path) -> None:
    """A copy of the project that is no repository is checked where it stands."""
    shutil.rmtree(project / ".git")
    (project / "kept.py").write_text("WRONG")

    assert lint(project).returncode == 1
