"""The README's tables of performance, made of the committed results: ``make bench`` writes both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from tests.bench.report import Goal
from tests.bench.rounds import COLD, DELAY, LOOKING, WARM

CPU, MEMORY = 0.5, 0.5  # vCPU and GB of template.yml
_CALLS = 3  # of an event with one request: look, write, publish
# https://help.aliyun.com/en/functioncompute/fc-2-0/product-overview/pay-as-you-go-billing-method
_CU_INVOCATION, _CU_VCPU_SECOND, _CU_GB_SECOND, _USD_CU = 75 / 10_000, 1.0, 0.15, 0.000020
_MILLION = 1_000_000
_PACES = ((10, " (`MAX_CALLS_PER_SECOND`'s default)"), (50, " (what the gateway allows an account)"))

Sample = Mapping[str, Any]


def tables(document: Mapping[str, Any]) -> str:
    """Return the goals, the raw medians and the price of a million records as Markdown."""
    return "\n\n".join([_goals(document["goals"]), _medians(document), _prices(document["samples"])])


def _goals(goals: Sequence[Mapping[str, Any]]) -> str:
    rows = ["| what | measured | goal | |", "|---|---|---|---|"]
    for told in goals:
        goal = Goal(**{name: value for name, value in told.items() if name != "met"})
        rows.append(f"| {' | '.join(goal.cells('met', '**missed**'))} |")
    return "\n".join(rows)


def _medians(document: Mapping[str, Any]) -> str:
    samples = document["samples"]
    cold, warm, size = samples[COLD], samples[WARM], document["zip_bytes"]
    names = ("ours", "vendor", "floor")
    lines = {
        "cold start to the first result": [_middle(cold[name], _first) * 1e3 for name in names],
        "CPU of a warm event (look, write, publish)": [_middle(warm[name + LOOKING], _cpu) * 1e3 for name in names],
        "memory after 1,000 events": [_middle(warm[name + LOOKING], lambda run: run["resident"]) for name in names],
        "modules loaded": [_middle(cold[name], lambda run: run["modules"]) for name in names],
        "zip": [size["ours"] / _MILLION, size["vendor"] / _MILLION],
    }
    forms = ("{:.0f} ms", "{:.2f} ms", "{:.0f} MB", "{:,.0f}", "{:.1f} MB")
    rows = ["| medians | ours | vendor's SDKs | floor |", "|---|---|---|---|"]
    for (what, values), form in zip(lines.items(), forms, strict=True):
        cells = [form.format(value) for value in values] + ["none"] * (len(names) - len(values))
        rows.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _prices(samples: Mapping[str, Any]) -> str:
    """Return what a million records cost. CPU takes the longer the smaller the share of a processor is.

    A batch lasts as long as its writes are spaced, which is longer than they take.
    """
    alone = {
        name: _middle(samples[WARM][name + LOOKING], _cpu) / CPU + _CALLS * DELAY / 1e3 for name in ("ours", "vendor")
    }
    rows = ["| a million records | ours | vendor's SDKs |", "|---|---|---|"]
    rows.append(f"| each in an event of its own | {_usd(alone['ours'], 1)} | {_usd(alone['vendor'], 1)} |")
    rows += [f"| in batches of 100, {pace} writes a second{note} | {_usd(1 / pace, 100)} | |" for pace, note in _PACES]
    return "\n".join(rows)


def _usd(seconds: float, batch: int) -> str:
    """Return the price of a million records of so many seconds each, in invocations of ``batch``."""
    units = _MILLION * (seconds * (CPU * _CU_VCPU_SECOND + MEMORY * _CU_GB_SECOND) + _CU_INVOCATION / batch)
    return f"{units * _USD_CU:.2f} USD"


def _middle(runs: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    return median(map(of, runs))


def _first(run: Sample) -> float:
    return float(run["start_to_answer"])


def _cpu(run: Sample) -> float:
    return float(run["cpu"]) / int(run["records"])
