"""``python -m tests.bench``: our zip against the vendor's SDKs, a bare process and the floor, side by side.

Prints the goals and the raw medians and writes ``tests/bench/results/latest.json``. ``--quick`` is for a first look:
three rounds, no batch of 10,000, nothing written.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from functions._operator.build import CACHE
from tests.bench import report, rounds
from tests.bench.measure import running_peer
from tests.bench.stage import stage

RESULTS = Path(__file__).parent / "results" / "latest.json"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of the cold and warm contests (at least 7 count)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    chosen = parser.parse_args()
    console = Console(width=130)
    with TemporaryDirectory() as scratch, running_peer() as peer, console.status("building") as status:
        folder = Path(scratch)
        staged = stage(folder, CACHE)
        measured: dict[str, rounds.Samples] = {}
        for contest in rounds.contests(folder):
            measured[contest.name] = rounds.compete(contest, staged.candidates, peer, chosen.rounds, status.update)
        peer.delay(rounds.DELAY)
        for records, times in ((rounds.RECORDS, chosen.rounds), (rounds.MANY_RECORDS, max(1, chosen.rounds // 3))):
            contest = rounds.batch(folder, records)
            measured[contest.name] = rounds.compete(contest, staged.candidates, peer, times, status.update)
    found = report.goals(measured, staged)
    for table in (*report.raw_tables(measured), report.goal_table(found)):
        console.print(table)
    date = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = report.document(measured, staged, found, date)
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    console.print(f"written to {chosen.output}")


if __name__ == "__main__":
    main()
