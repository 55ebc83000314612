"""Which candidates do what, how often: all of them in turn within a round, so that a busy minute hits every one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench.measure import Job, Peer, Run, run, write_events
from tests.bench.stage import Candidate

COLD, WARM, BATCHES = "cold start", "warm", "batches"
WARM_EVENTS = 1_000
DELAY = 20  # milliseconds that every answer of the cloud takes in a batch
CONCURRENCY = 16
RECORDS, MANY_RECORDS = 1_000, 10_000
FEW, MANY = f"{RECORDS:,} records", f"{MANY_RECORDS:,} records"
FLOOR = f"{FEW}, the floor"
LOOKING = ", looking first"

Samples = dict[str, list[Run]]  # by the name of who took part, one for each round
Tell = Callable[[str], None]


class Contest(NamedTuple):
    """One thing measured: who takes part, by the name shown, as which candidate and with which job."""

    name: str
    entries: Mapping[str, tuple[str, Job]]


def contests(folder: Path) -> list[Contest]:
    """Return what is measured with single events; event files are written into ``folder``."""
    events = write_events(folder, 1)
    first = Job(events[:1])
    looking, blind = Job(events, 20, WARM_EVENTS), Job(events, 20, WARM_EVENTS, describe=False)
    warm = {
        "floor": ("floor", blind),
        "floor on httpx": ("floor on httpx", blind),
        "ours": ("ours, blind", blind),
        "vendor": ("vendor", blind),
        "floor" + LOOKING: ("floor", looking),
        "ours" + LOOKING: ("ours", looking),
        "vendor" + LOOKING: ("vendor", looking),
    }
    return [Contest(COLD, {name: (name, first) for name in ("floor", "bare", "ours", "vendor")}), Contest(WARM, warm)]


def batches(folder: Path) -> Contest:
    """Return the contest of ours with itself and with the floor: three small batches and a large one, each after one record."""
    settings = {"CONCURRENCY": str(CONCURRENCY)}
    first = write_events(folder, 1, 1)
    few = Job(first + write_events(folder, RECORDS, 3), 1, 3, RECORDS, settings=settings)
    many = Job(first + write_events(folder, MANY_RECORDS, 1), 1, 1, MANY_RECORDS, settings=settings)
    return Contest(
        BATCHES, {FEW: ("ours", few), FLOOR: ("floor in threads", few._replace(describe=False)), MANY: ("ours", many)}
    )


def ideal_seconds(run: Run, size: int) -> float:
    """Return how long batches of ``size`` take when only the cloud takes time: one look each, a write and a message a record."""
    return (run.records / size + 2 * run.records / CONCURRENCY) * DELAY / 1_000


def compete(contest: Contest, candidates: Mapping[str, Candidate], peer: Peer, rounds: int, tell: Tell) -> Samples:
    """Run a contest and return its samples. Raises AssertionError unless all did the same work."""
    samples: Samples = {name: [] for name in contest.entries}
    for number in range(rounds):
        tell(f"{contest.name}: round {number + 1} of {rounds}")
        for name, (candidate, job) in contest.entries.items():
            samples[name].append(run(candidates[candidate], job, peer))
    for number in range(rounds):
        for ending in ("", LOOKING):
            names = [
                name + ending for name in ("floor", "floor on httpx", "ours", "vendor") if name + ending in samples
            ]
            _check(f"{contest.name}{ending}, round {number + 1}", {name: samples[name][number] for name in names})
        _check_batches({name: samples[name][number] for name in (FEW, FLOOR, MANY) if name in samples})
    return samples


def _check(title: str, runs: Mapping[str, Run]) -> None:
    """All must have made the same calls, and all but the vendor's must have sent as many bytes."""
    calls = {name: run.requests for name, run in runs.items()}
    assert len({str(sorted(made.items())) for made in calls.values()}) <= 1, f"{title}: not the same work: {calls}"
    sent = {name: run.sent for name, run in runs.items() if not name.startswith("vendor")}
    assert len(set(sent.values())) <= 1, f"{title}: not the same bytes: {sent}"


def _check_batches(runs: Mapping[str, Run]) -> None:
    """Each record must have been written and told, besides the one that comes first."""
    for name, each in runs.items():
        for operation in ("SetVpcAccess", "PublishMessage"):
            assert each.requests[operation] == each.records + 1, f"{name}: {each.requests}"
