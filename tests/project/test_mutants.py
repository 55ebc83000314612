"""The mutants: which faults are made, that tests notice them, and that the list of those that nobody can notice is current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutate import mutants, mutated
from tests.mutants.table import TESTS, listed, outdated

ROOT = Path(__file__).parents[2]
SOURCE = '''"""A module."""
LIMIT: int = 3
def f(a: int = 1) -> bool:
    """Say."""
    log.info("a", b=a + 1)
    for one in range(a):
        if not one:
            continue
        if one == 2 and a in (1, one):
            raise ValueError(f"{a + one}")
        g(one)
    return a
'''


def test_faults_are_made_in_what_decides() -> None:
    """Comparisons, logic, numbers, conditions and statements are turned round, one at a time; texts and log lines are not."""
    found = [(mutant.line, mutant.what) for mutant in mutants(SOURCE)]

    assert found == [
        (2, "3 -> 4"),
        (7, "without not"),
        (8, "continue -> break"),
        (9, "2 -> 3"),
        (9, "Eq -> NotEq"),
        (9, "1 -> 2"),
        (9, "In -> NotIn"),
        (9, "And -> Or"),
        (10, "is not raised"),
        (11, "is left out"),
        (12, "returns None"),
        (3, "1 -> 2"),
    ]


@pytest.mark.parametrize("number", range(12))
def test_a_mutant_has_one_fault(number: int) -> None:
    """A mutant is another program than the original, and than every other mutant."""
    programs = [compile(mutated(SOURCE, place), "m", "exec") for place in (number, (number + 1) % 12)]

    assert len({str(_code(program)) for program in [*programs, compile(SOURCE, "m", "exec")]}) == 3


def _code(program: object) -> object:
    """Return what a compiled program does, down to its functions."""
    constants = [_code(one) if hasattr(one, "co_code") else one for one in getattr(program, "co_consts", ())]
    return getattr(program, "co_code", b""), constants, getattr(program, "co_names", ())


def test_every_survivor_has_a_reason_and_is_still_there() -> None:
    """The list names mutants that exist, each with why nobody can tell it from the original."""
    assert outdated(listed()) == []


def test_every_module_and_its_tests_exist() -> None:
    """The table names files of the project."""
    assert [
        path for path in (*TESTS, *(test for tests in TESTS.values() for test in tests)) if not (ROOT / path).exists()
    ] == []


def test_mutants_are_noticed() -> None:
    """The command makes the mutants that its seed draws, runs the tests of their module, and says what became of each."""
    command = [sys.executable, "-m", "tests.mutants", "--module", "shared/model/age.py", "--count", "2", "--seed", "2"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (run.returncode, run.stdout.split(",")[0]) == (0, "2 mutants: 2 killed"), run.stdout + run.stderr


def test_nothing_that_has_mutants_is_loaded_before_the_fault() -> None:
    """What all processes share is imported once, and a module that was there already would be the faultless one."""
    told = "import sys; from tests.mutants.run import load; load(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "tests.cloud.app" in run.stdout.split()
    assert [name for name in run.stdout.split() if name.startswith(("shared", "functions"))] == []
