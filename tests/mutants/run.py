"""Runs the tests of a module against its mutants: each in a process of its own, which imports the faulty module."""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_LOADED = (  # once, before anything forks; of the project the stand-in only, which imports nothing that has mutants
    "pytest",
    "_pytest.runner",
    "hypothesis.strategies",
    "pydantic",
    "httpx",
    "click",
    "yaml",
    "fc2",
    "mns.account",
    "tests.cloud.app",
)
_OPTIONS = ("-x", "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:anyio")
_LOADED_BEFORE = (
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)  # hypothesis is here before pytest looks for plugins


class Outcome(NamedTuple):
    """What became of a process: its exit code, or the signal that ended it as a negative number."""

    number: int
    code: int

    @property
    def is_killed(self) -> bool:
        """Tell whether the tests noticed: they failed, could not be collected, or did not end."""
        return self.code != 0


class _Faulty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from another syntax tree."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self._name, self._path, self._tree = module.removesuffix(".py").replace("/", "."), ROOT / module, tree

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self._path))

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self._path)
        exec(compile(self._tree, str(self._path), "exec"), module.__dict__)


def load() -> None:
    """Import what all processes need and none changes."""
    for name in _LOADED:
        importlib.import_module(name)
    gc.freeze()  # tests collect garbage, and what is loaded is none


class Suite(NamedTuple):
    """The tests that have to notice what is wrong with a module, and the seconds that they may take."""

    module: str
    tests: tuple[str, ...]
    limit: int = 600


def run_all(
    suite: Suite, trees: Iterable[tuple[int, ast.Module | None]], jobs: int, done: Callable[[Outcome], None]
) -> None:
    """Run the tests for each tree of the module (None: as it is), at most ``jobs`` at a time."""
    running: dict[int, int] = {}
    for number, tree in trees:
        while len(running) >= jobs:
            done(_next(running))
        running[_start(suite, tree)] = number
    while running:
        done(_next(running))


def _next(running: dict[int, int]) -> Outcome:
    pid, status = os.wait()
    return Outcome(running.pop(pid), os.waitstatus_to_exitcode(status))


def _start(suite: Suite, tree: ast.Module | None) -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(suite.limit)  # it ends what does not end
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os._exit(_tested(suite, tree))


def _tested(suite: Suite, tree: ast.Module | None) -> int:
    import pytest

    if tree is not None:
        sys.meta_path.insert(0, _Faulty(suite.module, tree))
    try:
        return int(pytest.main([*_OPTIONS, *_LOADED_BEFORE, *suite.tests]))
    except BaseException:  # noqa: BLE001 - whatever the fault does, it was noticed
        return 1
