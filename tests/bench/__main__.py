"""``python -m tests.bench``: our zip against the vendor's SDKs, a bare process and the floor, side by side.

Prints the raw medians and the goals, and writes ``tests/bench/results/latest.json`` and the tables of
``tests/bench/README.md`` (``build/bench.json`` with fewer rounds than count, so that a first look replaces nothing).
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from functions._operator.build import CACHE, ROOT
from tests import readme
from tests.bench import instructions, report, rounds
from tests.bench.measure import running_peer
from tests.bench.stage import stage

RESULTS = Path(__file__).parent / "results" / "latest.json"
FIRST_LOOK = ROOT / "build" / "bench.json"
FEWEST_ROUNDS = 7
SHORT = 3  # times as many rounds of what takes seconds as of the batches


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help=f"rounds of the contests ({FEWEST_ROUNDS} or more count)")
    parser.add_argument("--output", type=Path, help=f"where the JSON goes; {RESULTS.name} if enough rounds are run")
    parser.add_argument(
        "--again", action="store_true", help=f"judge the samples of {RESULTS.name} anew, measure nothing"
    )
    chosen = parser.parse_args()
    output: Path = chosen.output or (RESULTS if chosen.again or chosen.rounds >= FEWEST_ROUNDS else FIRST_LOOK)
    console = Console(width=130)
    if chosen.again:
        document = json.loads(RESULTS.read_text(encoding="utf-8"))
        document |= report.judged(report.samples(document), document.get("instructions", {}), document["zip_bytes"])
    else:
        with console.status("building") as status:
            document = measure(chosen.rounds, status.update)
    measured = report.samples(document)
    goals = report.goals(measured, document.get("instructions", {}), document["zip_bytes"])
    for table in (
        *report.raw_tables(measured),
        report.goal_table(goals),
    ):
        console.print(table)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if output == RESULTS:
        readme.write("performance")
    console.print(f"written to {output}")


def measure(number: int, show: Callable[[str], object]) -> dict[str, Any]:
    """Run all contests and return the document; the machine's load is noted before each of their rounds."""
    loads: list[float] = []

    def tell(text: str) -> None:
        loads.append(os.getloadavg()[0])
        show(text)

    with TemporaryDirectory() as scratch, running_peer() as peer:
        folder = Path(scratch)
        staged = stage(folder, CACHE)
        measured: dict[str, rounds.Samples] = {}
        for contest in rounds.contests(folder):
            measured[contest.name] = rounds.compete(contest, staged.candidates, peer, SHORT * number, tell)
        counted = instructions.counts(folder, staged.candidates, peer, tell)
        peer.delay(rounds.DELAY)
        contest = rounds.batches(folder)
        measured[contest.name] = rounds.compete(contest, staged.candidates, peer, number, tell)
    date = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    zip_bytes = {"ours": staged.zip_bytes, "vendor": staged.vendor_zip_bytes}
    return report.document(measured, counted, zip_bytes, date, loads)


if __name__ == "__main__":
    main()
