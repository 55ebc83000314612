"""From samples to the goals, a table and a JSON document."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from statistics import median, quantiles
from typing import Any, NamedTuple

from rich.table import Table

from tests.bench.instructions import FUNCTIONS, START, Counts
from tests.bench.measure import Run
from tests.bench.rounds import (
    BATCHES,
    COLD,
    FEW,
    FLOOR,
    LOOKING,
    MANY,
    MANY_RECORDS,
    RECORDS,
    WARM,
    WARM_EVENTS,
    Samples,
    ideal_seconds,
)

_MB = 1_000_000
_PACKAGES = ("pydantic", "pydantic-core", "httpx", "httpcore", "h11", "alibabacloud-cloudapi20160714", "aliyun-mns-sdk")
RATIOS = ("cold_start", "warm_cpu", "memory", "zip", "batch_efficiency", "batch_growth")

Measured = Mapping[str, Samples]  # by the name of the contest


class Bound(NamedTuple):
    """The most that a figure may be, or the least."""

    value: float
    least: bool = False


BOUNDS = {
    "cold_start": Bound(0.22),
    "cold_start_bare": Bound(1.15),
    "warm_cpu": Bound(0.55),
    "warm_cpu_looking": Bound(0.50),
    "release_start": Bound(1.15),
    "reconcile_start": Bound(1.15),
    "memory": Bound(0.40),
    "zip": Bound(0.25),
    "zip_size": Bound(2.95),
    "batch_efficiency": Bound(0.92, least=True),
    "batch_growth": Bound(1.05),
    "batch_growth_seconds": Bound(1.1),
    "batch_stretch": Bound(1.12),
    "batch_peak": Bound(70),
}
"""The goals, by the key of the figure. Where instructions were counted they decide, and the times beside them have no bound."""


class Goal(NamedTuple):
    """A figure and its bound, if it has one; a ratio unless it has a unit.

    ``value`` is the median of the rounds and the half of them in the middle lies from ``low`` to ``high``; what is not
    measured in rounds has no such spread.
    """

    key: str
    what: str
    value: float
    bound: Bound | None
    unit: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> str:
        """Return ``met``, ``missed``, or ``unclear`` where the bound lies inside the spread; "" without a bound."""
        if self.bound is None:
            return ""
        low, high = (self.value if edge is None else edge for edge in (self.low, self.high))
        if low < self.bound.value < high:
            return "unclear"
        return (
            "met"
            if (self.value >= self.bound.value) is self.bound.least or self.value == self.bound.value
            else "missed"
        )

    def cells(self, marks: Mapping[str, str]) -> tuple[str, str, str, str, str]:
        """Return its cells in a table: what, value, spread, bound, and how its verdict is marked."""
        value = f"{self.value:.2f}{self.unit}"
        spread = "" if self.low is None else f"{self.low:.2f} to {self.high:.2f}"
        if self.bound is None:
            return self.what, value, spread, "", ""
        bound = f"{'≥' if self.bound.least else '≤'} {self.bound.value:g}{self.unit}"
        return self.what, value, spread, bound, marks[self.verdict]


def goals(measured: Measured, counted: Counts, zip_bytes: Mapping[str, int]) -> list[Goal]:
    """Return every goal of the project with what was measured; the sizes are those of ``ours`` and the ``vendor``'s zip."""
    cold, warm = measured[COLD], measured[WARM]
    looking = warm["ours, looking first"], warm["vendor, looking first"]
    return [
        *_by_counts(counted),
        *_by_times(cold, warm, "" if counted else "decides"),
        _goal(
            "memory",
            f"memory after {WARM_EVENTS:,} events, of the vendor's",
            ratios(*looking, lambda run: run.resident),
        ),
        Goal("zip", "the zip, of the vendor's set", zip_bytes["ours"] / zip_bytes["vendor"], BOUNDS["zip"]),
        Goal("zip_size", "the zip", zip_bytes["ours"] / _MB, BOUNDS["zip_size"], " MB"),
        *_batch_goals(measured[BATCHES]),
    ]


def _by_counts(counted: Counts) -> list[Goal]:
    if not counted:
        return []
    cold, warm, start = counted[COLD], counted[WARM], counted[START]
    ours, theirs = (warm[f"{name}{LOOKING}"] for name in ("ours", "vendor"))
    first, release, reconcile = (start[name] for name in FUNCTIONS)
    return [
        _goal(
            "cold_start", "instructions of a cold start to the first result, of the vendor's", _parts(cold, "vendor")
        ),
        _goal("cold_start_bare", "the same, of a bare process with pydantic and httpx", _parts(cold, "bare")),
        _goal("warm_cpu", "instructions of a warm event (write, publish), of the vendor's", _parts(warm, "vendor")),
        _goal("warm_cpu_looking", "the same with a look before the write, in both", _quotients(ours, theirs)),
        _goal("warm_floor", "the floor, of the vendor's (write, publish)", _quotients(warm["floor"], warm["vendor"])),
        _goal(
            "release_start",
            f"instructions until {FUNCTIONS[1]} is ready, of {FUNCTIONS[0]}'s",
            _quotients(release, first),
        ),
        _goal("reconcile_start", f"the same of {FUNCTIONS[2]}", _quotients(reconcile, first)),
    ]


def _by_times(cold: Samples, warm: Samples, ending: str) -> list[Goal]:
    """Return the same in time; without instructions (``ending``) these decide."""
    looking = warm["ours, looking first"], warm["vendor, looking first"]
    rows = [
        ("cold_start", "cold start to the first result, of the vendor's, in time", _cold(cold, "vendor")),
        ("cold_start_bare", "the same, of a bare process with pydantic and httpx", _cold(cold, "bare")),
        (
            "warm_cpu",
            "CPU time of a warm event (write, publish), of the vendor's",
            ratios(warm["ours"], warm["vendor"], _cpu),
        ),
        ("warm_cpu_looking", "the same with a look before the write, in both", ratios(*looking, _cpu)),
        ("warm_cpu_floor", "the floor on httpx, of the vendor's", ratios(warm["floor on httpx"], warm["vendor"], _cpu)),
    ]
    return [_goal(key if ending else f"{key}_time", what, values) for key, what, values in rows]


def _parts(counted: Mapping[str, Sequence[float]], other: str) -> list[float]:
    return _quotients(counted["ours"], counted[other])


def _quotients(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def _batch_goals(batches: Samples) -> list[Goal]:
    few, many = batches[FEW], batches[MANY]
    efficiency, floor = ([ideal_seconds(run, RECORDS) / run.wall for run in batches[name]] for name in (FEW, FLOOR))
    growth = ratios(many, few, lambda run: run.cpu / run.records)
    seconds = ratios(many, few, lambda run: run.wall / run.records)
    stretch = [run.wall / ideal_seconds(run, MANY_RECORDS) for run in many]
    added, peak = [run.peak - run.before for run in many], [run.peak for run in many]
    return [
        _goal("batch_efficiency", f"{FEW}: part of the ideal throughput", efficiency),
        _goal("batch_floor", "the same of the floor, in as many threads", floor),
        _goal("batch_growth", f"{MANY}: CPU per record, of that in {FEW}", growth),
        _goal("batch_growth_seconds", f"{MANY}: seconds per record, of those in {FEW}", seconds),
        _goal("batch_stretch", f"{MANY}: multiple of the ideal time", stretch),
        _goal("batch_peak", f"{MANY}: memory of the whole process at its peak", peak, " MB"),
        _goal("batch_memory", f"{MANY}: of it, what is more than at rest", added, " MB"),
    ]


def _goal(key: str, what: str, values: Sequence[float], unit: str = "") -> Goal:
    return Goal(key, what, median(values), BOUNDS.get(key), unit, *middle_half(values))


def middle_half(values: Sequence[float]) -> tuple[float, float]:
    """Return between what the half of the values in the middle lies."""
    low, _, high = quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return low, high


def ratios(ours: Sequence[Run], theirs: Sequence[Run], of: Callable[[Run], float]) -> list[float]:
    """Return the ratios within each round."""
    return [of(mine) / of(other) for mine, other in zip(ours, theirs, strict=True)]


def _cold(cold: Samples, other: str) -> list[float]:
    return ratios(cold["ours"], cold[other], lambda run: run.start_to_answer)


def _cpu(run: Run) -> float:
    return run.cpu


_MARKS = {"met": "[green]met[/]", "missed": "[red]missed[/]", "unclear": "[yellow]unclear[/]"}


def goal_table(found: Sequence[Goal]) -> Table:
    """Return the table of the goals."""
    table = Table("what", "measured", "middle half", "goal", "", title="Goals: medians of the ratios within each round")
    for goal in found:
        table.add_row(*goal.cells(_MARKS))
    return table


def raw_tables(measured: Measured) -> list[Table]:
    """Return the raw medians, one table a contest."""
    tables = []
    for contest, samples in measured.items():
        table = Table(title=f"{contest}: raw medians of {len(next(iter(samples.values())))} rounds")
        for column in (
            "",
            "start → ready",
            "start → result",
            "CPU per record",
            "time",
            "memory before",
            "after",
            "peak",
            "modules",
        ):
            table.add_column(column, justify="right" if column else "left")
        for name, runs in samples.items():
            table.add_row(name, *_medians(runs))
        tables.append(table)
    return tables


def _medians(runs: Sequence[Run]) -> list[str]:
    def middle(of: Callable[[Run], float]) -> float:
        return median(map(of, runs))

    records = runs[0].records
    per_record = f"{middle(_cpu) / records * 1e6:,.0f} µs" if records else ""
    return [
        f"{middle(lambda run: run.start_to_ready) * 1e3:,.0f} ms",
        f"{middle(lambda run: run.start_to_answer) * 1e3:,.0f} ms",
        per_record,
        f"{middle(lambda run: run.wall):,.2f} s" if records else "",
        f"{middle(lambda run: run.before):,.1f} MB",
        f"{middle(lambda run: run.resident):,.1f} MB",
        f"{middle(lambda run: run.peak):,.1f} MB",
        f"{middle(lambda run: run.modules):,.0f}",
    ]


def document(
    measured: Measured, counted: Counts, zip_bytes: Mapping[str, int], date: str, loads: Sequence[float]
) -> dict[str, Any]:
    """Return what goes into the JSON file: machine, versions, date, goals, ratios and every sample.

    ``loads`` are the machine's load averages over a minute, one before each round. What is judged are the samples as they are
    written, so that judging the file anew says the same.
    """
    written = {
        "samples": {
            contest: {name: [_sample(run) for run in runs] for name, runs in entries.items()}
            for contest, entries in measured.items()
        }
    }
    return {
        "date": date,
        "machine": _machine() | {"load": [round(load, 2) for load in loads]},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        **judged(samples(written), counted, zip_bytes),
        "zip_bytes": dict(zip_bytes),
        "instructions": counted,
        **written,
    }


def judged(measured: Measured, counted: Counts, zip_bytes: Mapping[str, int]) -> dict[str, Any]:
    """Return the part of the document that follows from the samples: ratios and goals."""
    found = goals(measured, counted, zip_bytes)
    by_key = {goal.key: round(goal.value, 4) for goal in found}
    return {
        "ratios": {key: by_key[key] for key in RATIOS},
        "goals": [
            goal._asdict() | {"bound": goal.bound and goal.bound._asdict(), "verdict": goal.verdict} for goal in found
        ],
    }


def samples(document: Mapping[str, Any]) -> Measured:
    """Return the samples of a document."""
    return {
        contest: {name: [Run(**run) for run in runs] for name, runs in entries.items()}
        for contest, entries in document["samples"].items()
    }


def _sample(run: Run) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in run._asdict().items()}


def _machine() -> dict[str, Any]:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": models[0] if models else "unknown",
        "processors": len(models),
    }
