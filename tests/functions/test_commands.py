"""How the commands are started and shown: from any folder, without their packages, in a list, completed by a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from functions.__main__ import main
from functions._operator.commands import SUMMARIES
from functions._operator.version import version

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "functions" / "vpc-access"
PATH = f"{SCRIPT.parent}:{os.environ['PATH']}"


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with these variables only."""
    whole = {"PATH": os.environ["PATH"], "VENV": sys.prefix, **environment}
    return subprocess.run(command, cwd=cwd, env=whole, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The commands in a folder of their own, where nobody has set up an environment."""
    folder = tmp_path / "checkout"
    for name in ("functions", "shared"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_every_summary_fits(arguments: list[str]) -> None:
    """In 80 columns no line of the list of commands is cut, and each command is in it."""
    shown = CliRunner().invoke(main, arguments, terminal_width=80).output.partition("Commands:")[2]

    assert "..." not in shown
    assert [command.name for command in SUMMARIES if f"\n  {command.name} " not in shown] == []


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, ROOT / "functions"], id="folder"),
        pytest.param([SCRIPT], id="script"),
    ],
)
def test_the_commands_run_in_any_folder(tmp_path: Path, command: list[str | Path]) -> None:
    """Started by the path of their folder, or by the script in it, they are found wherever somebody is."""
    done = run(*command, "--version", cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{version()}\n", "")


def test_the_script_may_be_a_link(tmp_path: Path) -> None:
    """A link to it in a folder of programs finds the checkout."""
    (tmp_path / "vpc-access").symlink_to(SCRIPT)
    done = run(tmp_path / "vpc-access", "--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"{version()}\n")


@pytest.mark.parametrize(
    ("environment", "here", "told"),
    [
        pytest.param(True, True, "Use .venv/bin/python -m functions", id="in-the-checkout"),
        pytest.param(True, False, "Use {root}/.venv/bin/python {root}/functions", id="elsewhere"),
        pytest.param(
            False, True, "Run `make demo` in {root} once, which sets one up, then use .venv/bin/python", id="not-set-up"
        ),
    ],
)
def test_an_interpreter_without_the_packages_is_told_which_to_use(
    copy: Path, tmp_path: Path, environment: bool, here: bool, told: str
) -> None:
    """One line on standard error in place of a traceback, and the call to make instead."""
    if environment:
        (copy / ".venv" / "bin").mkdir(parents=True)
        (copy / ".venv" / "bin" / "python").touch()
    done = run(
        sys.executable, "-S", *(["-m", "functions"] if here else [copy / "functions"]), cwd=copy if here else tmp_path
    )

    assert done.returncode == 1
    assert f"{sys.executable} does not have the package 'click'. {told.format(root=copy)}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_module_of_ours_that_is_missing_is_a_fault(copy: Path) -> None:
    """It is not taken for a package that somebody has to install."""
    (copy / "functions" / "_operator" / "replay.py").unlink()
    done = run(sys.executable, "-m", "functions", cwd=copy)

    assert "ModuleNotFoundError: No module named 'functions._operator.replay'" in done.stderr


def test_the_script_says_what_is_missing_where_nothing_is_set_up(copy: Path) -> None:
    """Without an environment it asks the `python3` that there is, which has no packages here."""
    (copy / "bin").mkdir()
    (copy / "bin" / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', encoding="utf-8")
    (copy / "bin" / "python3").chmod(0o755)
    done = run(copy / "functions" / "vpc-access", PATH=f"{copy / 'bin'}:{os.environ['PATH']}", VENV="", cwd=copy)

    assert done.returncode == 1
    assert "Run `make demo`" in done.stderr


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        pytest.param("vpc-access se", {"send", "settings"}, id="command"),
        pytest.param("vpc-access send --w", {"--wait"}, id="option"),
        pytest.param("vpc-access event smq-queue/ess", {"smq-queue/ess-hook"}, id="source"),
        pytest.param("vpc-access run --function rel", {"release_vpc_access"}, id="choice"),
    ],
)
def test_bash_completes(words: str, completed: set[str], tmp_path: Path) -> None:
    """What README.md says to evaluate makes Tab know commands, options, sources and choices."""
    last = words.count(" ")
    script = f"""
        eval "$(_VPC_ACCESS_COMPLETE=bash_source vpc-access)"
        COMP_WORDS=({words}) COMP_CWORD={last}
        _vpc_access_completion vpc-access
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = run("bash", "-c", script, cwd=tmp_path, PATH=PATH)

    assert set(done.stdout.split()) == completed, done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script(shell: str, tmp_path: Path) -> None:
    """They call the program by its name, as it is in their PATH."""
    done = run(SCRIPT, cwd=tmp_path, _VPC_ACCESS_COMPLETE=f"{shell}_source")

    assert f"_VPC_ACCESS_COMPLETE={shell}_complete" in done.stdout
    assert "vpc-access" in done.stdout


def test_a_python_that_is_too_old_is_told(copy: Path) -> None:
    """It is told before anything is imported that it could not read."""
    folder = str(copy / "functions")
    older = f"import runpy, sys; sys.version_info = (3, 9, 18); runpy.run_path({folder!r}, run_name='__main__')"
    done = run(sys.executable, "-c", older, cwd=copy)

    assert done.returncode == 1
    assert f"Python 3.10 or newer is needed, and {sys.executable} is older. Run `make demo`" in done.stderr
