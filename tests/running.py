"""Commands as people start them: `make run` and `make doctor` without the make, and the operator's at a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.demo.run import main

ROOT = Path(__file__).parents[1]


class Printed(NamedTuple):
    """How a command ended and what it printed where."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


Run = Callable[..., Printed]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run with these arguments and variables, and with no other variables than these."""

    def run(*arguments: str, **environment: str) -> Printed:
        with monkeypatch.context() as around:
            around.chdir(ROOT)
            for name in os.environ.keys() - {"PATH"}:
                around.delenv(name)
            for name, value in {"PYTHONPATH": str(ROOT), **environment}.items():
                around.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main.main(list(arguments), prog_name="run")
        return Printed(int(ended.value.code or 0), *capfd.readouterr())

    return run


def on_a_terminal(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    answer: str = "",
    *,
    asked: Callable[[], None] = lambda: None,
    module: str = "functions",
    question: bytes = b"[y/N]",
) -> tuple[int, str]:
    """Return the exit code of an operator's command (or of another module's) and what a terminal of 80 columns is sent.

    Once its question is there, ``asked`` is called, and then it gets the ``answer``.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "80", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown, answered = b"", False
    with process, contextlib.suppress(OSError):  # Linux says so when the other end is closed
        while read := os.read(ours, 65_536):
            shown += read
            if not answered and question in shown:
                asked()
                os.write(ours, f"{answer}\n".encode())
                answered = True
    os.close(ours)
    return process.returncode, shown.decode()
