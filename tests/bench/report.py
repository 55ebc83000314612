"""From samples to the goals, a table and a JSON document."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from statistics import median
from typing import Any, NamedTuple

from rich.table import Table

from tests.bench.measure import Run
from tests.bench.rounds import (
    BATCHES,
    COLD,
    FEW,
    MANY,
    MANY_RECORDS,
    RECORDS,
    WARM,
    WARM_EVENTS,
    Samples,
    ideal_seconds,
)
from tests.bench.stage import Staged

_MB = 1_000_000
_PACKAGES = ("pydantic", "pydantic-core", "httpx", "httpcore", "h11", "alibabacloud-cloudapi20160714", "aliyun-mns-sdk")
RATIOS = ("cold_start", "warm_cpu", "memory", "zip", "batch_efficiency", "batch_growth")

Measured = Mapping[str, Samples]  # by the name of the contest


class Goal(NamedTuple):
    """A figure and its bound: the most it may be, or the least (None: it has no goal); a ratio unless it has a unit."""

    key: str
    what: str
    value: float
    bound: float | None
    least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        """Tell whether the value keeps its bound."""
        if self.bound is None:
            return True
        return self.value >= self.bound if self.least else self.value <= self.bound

    def cells(self, met: str = "[green]met[/]", missed: str = "[red]missed[/]") -> tuple[str, str, str, str]:
        """Return its cells in a table: what, value, bound, and how it is marked."""
        value = f"{self.value:.2f}{self.unit}"
        if self.bound is None:
            return self.what, value, "", ""
        bound = f"{'≥' if self.least else '≤'} {self.bound:g}{self.unit}"
        return self.what, value, bound, met if self.met else missed


def goals(measured: Measured, staged: Staged) -> list[Goal]:
    """Return every goal of the project with what was measured."""
    cold, warm = measured[COLD], measured[WARM]
    few, many = measured[BATCHES][FEW], measured[BATCHES][MANY]
    efficiency = median(ideal_seconds(run, RECORDS) / run.wall for run in few)
    stretch = median(run.wall / ideal_seconds(run, MANY_RECORDS) for run in many)
    growth = ratio(many, few, lambda run: run.cpu / run.records)
    growth_seconds = ratio(many, few, lambda run: run.wall / run.records)
    memory = median(run.peak - run.before for run in many)
    looking = ratio(warm["ours, looking first"], warm["vendor, looking first"], _cpu)
    return [
        Goal("cold_start", "cold start to the first result, of the vendor's", _ratio_cold(cold, "vendor"), 0.33),
        Goal("cold_start_bare", "the same, of a bare process with pydantic and httpx", _ratio_cold(cold, "bare"), 1.15),
        Goal(
            "warm_cpu",
            "CPU of a warm event (write, publish), of the vendor's",
            ratio(warm["ours"], warm["vendor"], _cpu),
            0.75,
        ),
        Goal("warm_cpu_looking", "the same with a look before the write, in both", looking, 0.75),
        Goal(
            "warm_cpu_floor",
            "the floor on httpx, of the vendor's",
            ratio(warm["floor on httpx"], warm["vendor"], _cpu),
            None,
        ),
        Goal(
            "memory",
            f"memory after {WARM_EVENTS:,} events, of the vendor's",
            ratio(warm["ours, looking first"], warm["vendor, looking first"], lambda run: run.resident),
            0.60,
        ),
        Goal("zip", "the zip, of the vendor's set", staged.zip_bytes / staged.vendor_zip_bytes, 0.25),
        Goal("zip_size", "the zip", staged.zip_bytes / _MB, 4, unit=" MB"),
        Goal("batch_efficiency", f"{FEW}: part of the ideal throughput", efficiency, 0.85, least=True),
        Goal("batch_growth", f"{MANY}: CPU per record, of that in {FEW}", growth, 1.1),
        Goal("batch_growth_seconds", f"{MANY}: seconds per record, of those in {FEW}", growth_seconds, 1.1),
        Goal("batch_stretch", f"{MANY}: multiple of the ideal time", stretch, 1.3),
        Goal("batch_memory", f"{MANY}: memory at its peak", memory, 60, unit=" MB"),
    ]


def ratio(ours: Sequence[Run], theirs: Sequence[Run], of: Callable[[Run], float]) -> float:
    """Return the median of the ratios within each round."""
    return median(of(mine) / of(other) for mine, other in zip(ours, theirs, strict=True))


def _ratio_cold(cold: Samples, other: str) -> float:
    return ratio(cold["ours"], cold[other], lambda run: run.start_to_answer)


def _cpu(run: Run) -> float:
    return run.cpu


def goal_table(found: Sequence[Goal]) -> Table:
    """Return the table of the goals."""
    table = Table("what", "measured", "goal", "", title="Goals: medians of the ratios within each round")
    for goal in found:
        table.add_row(*goal.cells())
    return table


def raw_tables(measured: Measured) -> list[Table]:
    """Return the raw medians, one table a contest."""
    tables = []
    for contest, samples in measured.items():
        table = Table(title=f"{contest}: raw medians of {len(next(iter(samples.values())))} rounds")
        for column in ("", "start → ready", "start → result", "CPU per record", "time", "memory", "peak", "modules"):
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
        f"{middle(lambda run: run.resident):,.1f} MB",
        f"{middle(lambda run: run.peak):,.1f} MB",
        f"{middle(lambda run: len(run.modules)):,.0f}",
    ]


def document(measured: Measured, staged: Staged, found: Sequence[Goal], date: str) -> dict[str, Any]:
    """Return what goes into the JSON file: machine, versions, date, goals, ratios and every sample."""
    by_key = {goal.key: round(goal.value, 4) for goal in found}
    return {
        "date": date,
        "machine": _machine(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "ratios": {key: by_key[key] for key in RATIOS},
        "goals": [goal._asdict() | {"met": goal.met} for goal in found],
        "zip_bytes": {"ours": staged.zip_bytes, "vendor": staged.vendor_zip_bytes},
        "samples": {
            contest: {name: [_sample(run) for run in runs] for name, runs in samples.items()}
            for contest, samples in measured.items()
        },
    }


def _sample(run: Run) -> dict[str, Any]:
    """One sample; its modules only by number."""
    rounded = {name: round(value, 6) if isinstance(value, float) else value for name, value in run._asdict().items()}
    return rounded | {"modules": len(run.modules)}


def _machine() -> dict[str, Any]:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": models[0] if models else "unknown",
        "processors": len(models),
    }
