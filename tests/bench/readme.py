"""The tables of ``tests/bench/README.md``, made of the committed results: ``make bench`` writes both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from tests.bench import report
from tests.bench.measure import Run
from tests.bench.rounds import BATCHES, COLD, DELAY, LOOKING, MANY, WARM, Samples

CPU, MEMORY = 0.5, 0.5  # vCPU and GB of template.yml
_CALLS = 3  # of an event with one request: look, write, publish
# https://help.aliyun.com/en/functioncompute/fc-2-0/product-overview/pay-as-you-go-billing-method
_CU_INVOCATION, _CU_VCPU_SECOND, _CU_GB_SECOND, _USD_CU = 75 / 10_000, 1.0, 0.15, 0.000020
_MILLION = 1_000_000
_PACES = ((10, " (`MAX_CALLS_PER_SECOND`'s default)"), (50, " (what the gateway allows an account)"))


def tables(document: Mapping[str, Any]) -> str:
    """Return where and when was measured, the goals, the raw medians and the price of a million records as Markdown."""
    measured = report.samples(document)
    return "\n\n".join(
        [
            _where(document, measured),
            _goals(report.goals(measured, document.get("instructions", {}), document["zip_bytes"])),
            _medians(measured, document["zip_bytes"]),
            _prices(measured),
        ]
    )


def _where(document: Mapping[str, Any], measured: report.Measured) -> str:
    machine = document["machine"]
    load = machine.get("load")
    busy = f"{min(load):.1f} to {max(load):.1f}" if load else "not recorded in this run"
    rounds = f"{len(measured[COLD]['ours'])} rounds, {len(measured[BATCHES][MANY])} of the batches"
    return (
        f"Measured on {document['date'][:10]} on {machine['processors']} processors ({machine['processor']}) with Python\n"
        f"{document['versions']['python']}, in {rounds}. Load of the machine meanwhile: {busy}."
    )


_MARKS = {"met": "met", "missed": "**missed**", "unclear": "unclear"}


def _goals(goals: Sequence[report.Goal]) -> str:
    rows = ["| what | measured | half of the rounds | goal | |", "|---|---|---|---|---|"]
    rows += [f"| {' | '.join(goal.cells(_MARKS))} |" for goal in goals]
    return "\n".join(rows)


def _medians(measured: report.Measured, zip_bytes: Mapping[str, int]) -> str:
    cold, warm = measured[COLD], measured[WARM]
    lines: list[tuple[str, Samples, str, Callable[[Run], float], str]] = [
        ("cold start to the first result", cold, "", lambda run: run.start_to_answer * 1e3, "{:.0f}{} ms"),
        ("CPU of a warm event (look, write, publish)", warm, LOOKING, lambda run: _cpu(run) * 1e3, "{:.2f}{} ms"),
        ("memory after 1,000 events", warm, LOOKING, lambda run: run.resident, "{:.0f}{} MB"),
        ("modules loaded", cold, "", lambda run: run.modules, "{:,.0f}{}"),
    ]
    rows = ["| medians (half of the rounds) | ours | vendor's SDKs | floor |", "|---|---|---|---|"]
    for what, samples, ending, of, form in lines:
        cells = [_cell(form, [of(run) for run in samples[name + ending]]) for name in ("ours", "vendor", "floor")]
        rows.append(f"| {what} | {' | '.join(cells)} |")
    sizes = " | ".join(f"{zip_bytes[name] / _MILLION:.1f} MB" for name in ("ours", "vendor"))
    return "\n".join([*rows, f"| zip | {sizes} | none |"])


def _cell(form: str, values: Sequence[float]) -> str:
    """Return the median and, where the rounds differ, between what the half of them in the middle lies."""
    low, high = (form.format(value, "").split(" ")[0] for value in report.middle_half(values))
    return form.format(median(values), "" if low == high else f" ({low} to {high})")


def _prices(measured: report.Measured) -> str:
    """Return what a million records cost. CPU takes the longer the smaller the share of a processor is.

    A batch lasts as long as its writes are spaced, which is longer than they take.
    """
    alone = {
        name: median(map(_cpu, measured[WARM][name + LOOKING])) / CPU + _CALLS * DELAY / 1e3
        for name in ("ours", "vendor")
    }
    rows = ["| a million records | ours | vendor's SDKs |", "|---|---|---|"]
    rows.append(f"| each in an event of its own | {usd(alone['ours'], 1)} | {usd(alone['vendor'], 1)} |")
    rows += [f"| in batches of 100, {pace} writes a second{note} | {usd(1 / pace, 100)} | |" for pace, note in _PACES]
    return "\n".join(rows)


def usd(seconds: float, batch: float) -> str:
    """Return the price of a million records of so many seconds each, in invocations of ``batch``."""
    units = _MILLION * (seconds * (CPU * _CU_VCPU_SECOND + MEMORY * _CU_GB_SECOND) + _CU_INVOCATION / batch)
    return f"{units * _USD_CU:.2f} USD"


def _cpu(run: Run) -> float:
    return run.cpu / run.records
