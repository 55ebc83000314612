"""Instructions of a cold start and of a warm event, counted by valgrind: they hardly swing, where times do on a busy machine.

The kernel is left out, and digests weigh more than in reality, since valgrind offers OpenSSL no instructions for them: both
alike for all. What is left of a spread comes from hashes, which Python seeds anew in each process.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.bench import measure
from tests.bench.measure import Job, Peer, write_events
from tests.bench.rounds import COLD, LOOKING, WARM, Tell
from tests.bench.stage import Candidate

START = "start"  # of a function, until it is ready for its first event
FUNCTIONS = ("set_vpc_access", "release_vpc_access", "reconcile_vpc_access")
ROUNDS = 3
_MORE = 40  # events, of which one costs what a run with them has more than a run with one
_WARM = {
    "floor": ("floor", False),
    "ours": ("ours, blind", False),
    "vendor": ("vendor", False),
    "ours" + LOOKING: ("ours", True),
    "vendor" + LOOKING: ("vendor", True),
}
_COUNTED = re.compile(r"Collected : (\d+)")

Counts = Mapping[str, Mapping[str, list[float]]]  # by contest and name, one for each round


class _Task(NamedTuple):
    name: str
    candidate: Candidate
    job: Job


def counts(folder: Path, candidates: Mapping[str, Candidate], peer: Peer, tell: Tell) -> Counts:
    """Count everything ROUNDS times; empty where there is no valgrind (https://valgrind.org)."""
    if shutil.which("valgrind") is None:
        return {}
    found: dict[str, dict[str, list[float]]] = {COLD: {}, WARM: {}, START: {}}
    tasks = _tasks(folder, candidates)
    for number in range(ROUNDS):
        tell(f"instructions: round {number + 1} of {ROUNDS}")
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            counted = dict(
                zip((task.name for task in tasks), pool.map(lambda task: count(task, peer), tasks), strict=True)
            )
        cold = {name: counted[f"{name}{LOOKING}, one"] for name in ("ours", "vendor")} | {"bare": counted["bare"]}
        warm = {name: (counted[f"{name}, more"] - counted[f"{name}, one"]) / _MORE for name in _WARM}
        start = {name: float(counted[name]) for name in FUNCTIONS}
        for contest, values in ((COLD, cold), (WARM, warm), (START, start)):
            for name, value in values.items():
                found[contest].setdefault(name, []).append(value)
    return found


def count(task: _Task, peer: Peer) -> int:
    """Return the instructions of a whole process; raises RuntimeError with its output if it fails."""
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command = [*tool, sys.executable, *measure.arguments(task.candidate, task.job)]
    environment = measure.environment(task.job, peer)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    counted = _COUNTED.search(done.stderr)
    if done.returncode or counted is None:
        raise RuntimeError(f"{task.name} failed:\n{done.stdout[-2_000:]}\n{done.stderr[-4_000:]}")
    return int(counted[1])


def _tasks(folder: Path, candidates: Mapping[str, Candidate]) -> list[_Task]:
    """Return what has to be run, what takes longest first."""
    events, ours = write_events(folder, 1), candidates["ours"]
    tasks = [
        _Task(f"{name}, {ending}", candidates[candidate], Job(events, number, describe=describe))
        for ending, number in (("more", 1 + _MORE), ("one", 1))
        for name, (candidate, describe) in sorted(_WARM.items(), key=lambda item: "vendor" not in item[0])
    ]
    tasks.append(_Task("bare", candidates["bare"], Job(events, 1)))
    tasks += [_Task(name, Candidate(name, name, ours.paths), Job(events, 0)) for name in FUNCTIONS]
    return tasks
