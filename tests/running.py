"""`make run` and `make doctor` without the make: a fixture for what they print and how they end."""

from __future__ import annotations

import os
from collections.abc import Callable
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
