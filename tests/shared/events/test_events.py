"""The files under ``events/``: what each is recognised as, what becomes of it, and every call that is made for it."""

import json
from collections import Counter
from typing import get_args

import pytest

from shared.events.parsing import parse
from shared.flow.replies import response
from shared.flow.report import Report
from shared.model.access import VpcAccess
from shared.model.outcome import SILENT
from shared.model.records import Content
from tests.cloud.seeds import seed
from tests.events_table import EVENTS, FILES, PRODUCTS, ROWS, Row, function_of
from tests.invoking import VPC, Invoker

FACTS = {kind: kind.__name__.lower() for kind in get_args(Content)} | {VpcAccess: "request"}
MEND = "-1: add its row to TABLE in tests/events_table.py, 1: remove that; then run `python -m tests.readme --write`"
EACH = [pytest.param(row, id=row.file) for row in ROWS]


@pytest.fixture
def cloud(invoke: Invoker, row: Row) -> Invoker:
    """The function that the row's file is for, on the cloud that the files are about."""
    seed(invoke.served.app, json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8")))
    function = invoke.doing(function_of(EVENTS / row.file))
    function.configure(**_settings(row))
    return function


def _settings(row: Row) -> dict[str, str]:
    """Return what the table's head says of the settings: names are moved only where that is what the files are about."""
    moves = "apply" if row.file.startswith("names/") else "plan"
    return {"RECONCILE_MODE": "plan", "ALLOWED_NAMES": f"{VPC}:web-*", "NAMED_BACKENDS": moves}


def _also(cloud: Invoker, raised: bool, report: Report | None) -> str:
    words = ["raises"] if raised else []
    if report is not None and report.awaited:
        words.append(f"HTTP {response(report)['statusCode']}")
    for line in cloud.lines():
        if line["event"] == "hook":
            stale = " (stale)" if "hook is over" in line.get("problem", "") else ""
            words.append(f"hook {line['answer']}{stale}")
    return ", ".join(words)


def test_every_file_has_one_row() -> None:
    """A file without a row fails, and so does a row without a file or a second row."""
    rows = Counter(row.file for row in ROWS)
    rows.subtract(path.relative_to(EVENTS).as_posix() for path in FILES)

    assert {file: count for file, count in rows.items() if count} == {}, MEND


@pytest.mark.parametrize("row", EACH)
def test_an_event_is_recognised(row: Row) -> None:
    """Each record names the wrappers it came in and is what the table says."""
    records = parse((EVENTS / row.file).read_bytes())

    assert [f"{record.source} {FACTS[type(record.content)]}" for record in records] == row.recognised


@pytest.mark.parametrize("row", EACH)
def test_an_event_is_handled(cloud: Invoker, row: Row) -> None:
    """The outcomes, the calls in their order, the published results, and whether it is raised are the table's."""
    answer = cloud((EVENTS / row.file).read_bytes())
    lines = [line for line in cloud.lines() if line["event"] == "record"]
    outcomes = [f"{line['outcome']} {line.get('reason', '')}".removesuffix("InvalidRecord").strip() for line in lines]
    published = [message["type"].removeprefix("vpcaccess.") for message in cloud.messages()]

    assert outcomes == row.outcomes
    known = {f"{product}.{operation}" for operation, product in PRODUCTS.items()}

    assert [call for call in cloud.calls() if call in known] == row.calls
    assert published == [kind for outcome in row.outcomes if (kind := outcome.split()[0]) not in SILENT]
    assert _also(cloud, answer.error is not None, answer.report) == row.also


@pytest.mark.parametrize("row", EACH)
def test_a_redelivery_answers_under_the_same_ids(cloud: Invoker, row: Row) -> None:
    """Handled again, by an instance that has just started, an event has results of the same ids, and grants what it granted."""
    ids, granted = [], []
    for _ in range(2):
        cloud.configure(**_settings(row))
        cloud((EVENTS / row.file).read_bytes())
        messages = cloud.messages()
        ids.append(sorted(message["id"] for message in messages))
        granted.append(sorted(message["data"].get("VpcAccessId", "") for message in messages))

    assert ids[0] == ids[1]
    assert granted[0] == granted[1]


@pytest.mark.parametrize("row", EACH)
def test_a_dry_run_changes_nothing(cloud: Invoker, row: Row) -> None:
    """With DRY_RUN the same records have outcomes, each look-up is made, and not one call writes.

    That a name moves has an outcome of its own, and in a dry run none does.
    """
    records = row.recognised if row.file.startswith("names/") else row.outcomes
    cloud.configure(**_settings(row), DRY_RUN="true")
    answer = cloud((EVENTS / row.file).read_bytes())

    assert len([line for line in cloud.lines() if line["event"] == "record"]) == len(records)
    assert (answer.error is None) or "raises" in row.also
    assert [entry.operation for entry in cloud.served.world.journal() if entry.write] == []
