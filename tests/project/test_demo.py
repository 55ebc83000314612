"""`make demo`: two at once, ended by Ctrl-C, and where nothing can be built."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE, until

ROOT = Path(__file__).parents[2]
WAITING = "building the function, then deploying it on the stand-in …\n"  # is said when that takes long


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start demos: of the tree ``root``, with their temporary files in ``scratch``; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(scratch: Path, root: Path = ROOT, **variables: str) -> subprocess.Popen[str]:
        scratch.mkdir(exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(scratch), **variables}
        command = [sys.executable, "-m", "tests.demo"]
        out, err = subprocess.PIPE, subprocess.STDOUT
        started.append(subprocess.Popen(command, cwd=root, env=environment, stdout=out, stderr=err, text=True))
        return started[-1]

    yield start
    for run in started:
        with run:
            run.kill()


def test_two_demos_at_once_do_not_meet(start: Start, tmp_path: Path) -> None:
    """Each builds and plays in a place of its own, gets every answer as said, and leaves nothing behind."""
    both = [start(tmp_path / name) for name in ("one", "two")]
    for run in both:
        said, _ = run.communicate(timeout=PATIENCE)
        assert run.returncode == 0, said
        assert said.endswith("17 answers, received from the result topic: all as expected\n")
    assert list(tmp_path.glob("*/*")) == []


@pytest.mark.parametrize(
    "awaited",
    [pytest.param("vpc-access-demo-*", id="building"), pytest.param("vpc-access-demo-*/*.zip", id="playing")],
)
def test_ctrl_c_ends_a_demo(start: Start, awaited: str, tmp_path: Path) -> None:
    """Ctrl-C gives one line and status 130: no traceback, and no file is left."""
    run = start(tmp_path)
    assert until(lambda: any(tmp_path.glob(awaited)))
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=PATIENCE)

    assert run.returncode == 130, said
    assert said.removeprefix(WAITING) == "\nended by Ctrl-C: nothing of the demo is left\n"
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_cannot_build_says_why(start: Start, tmp_path: Path) -> None:
    """Without the wheels and without a way to them, what pip said is the whole answer, and it is an error."""
    for folder in ("functions", "shared", "requirements", "events", "tests/demo", "tests/cloud"):
        shutil.copytree(ROOT / folder, tmp_path / "tree" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "tests" / "__init__.py", tmp_path / "tree" / "tests")
    run = start(tmp_path / "scratch", tmp_path / "tree", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    said, _ = run.communicate(timeout=PATIENCE)

    assert run.returncode == 1
    assert said.removeprefix(WAITING).startswith("Error: pip could not download the wheels of runtime.txt"), said
    assert "Traceback" not in said
