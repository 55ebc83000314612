"""What is known of each question: assumed, or seen on a date. ``known.json`` beside this file holds it and is committed.

``python -m tests.contract --learn contract.json`` takes the answers of an account into it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cloud.truth import FORM, switches_of
from tests.contract.question import Question
from tests.contract.questions import QUESTIONS, UNSETTLED
from tests.contract.record import answered, date_of, region_of, write

KNOWN = Path(__file__).with_name("known.json")
ASSUMED = "assumed"


def read(path: Path = KNOWN) -> dict[str, Mapping[str, Any]]:
    """Return what is known, by question."""
    return {row["question"]: row for row in json.loads(path.read_text(encoding="utf-8"))["answers"]}


def learn(record: Mapping[str, Any], path: Path = KNOWN) -> int:
    """Take the answers of a record over and return how many; raises ValueError unless they are an account's, in our form."""
    switches_of(record)  # a ValueError unless it is a record
    if record.get("cloud") != "real":
        raise ValueError("only a record of an account (CLOUD=real) says something about the cloud")
    known = read(path)
    where = {"known": date_of(record["date"]), "region": region_of(record["region"])}
    fresh = [told for row in record["answers"] if (told := answered(row)) is not None]
    known.update({told["question"]: {**told, **where} for told in fresh})
    rows = [known.get(question.id, {"question": question.id, "known": ASSUMED}) for question in QUESTIONS]
    write(path, {"contract": FORM, "answers": rows})
    return len(fresh)


def table(path: Path = KNOWN) -> str:
    """Return the table of functions/README.md in Markdown."""
    known = read(path)
    rows = [_row(question, known.get(question.id, {"known": ASSUMED})) for question in QUESTIONS]
    return "\n".join(["| open question | known | what the function does |", "|---|---|---|", *rows])


def _row(question: Question, known: Mapping[str, Any]) -> str:
    link = f" [page]({question.page})" if question.page else ""
    if known["known"] == ASSUMED:
        state = f"assumed: {question.assumed}"
    else:
        state = f"**seen {known['known']}** in {known['region']}: {known['answer']}"
    return f"| {question.text}{link} | {state} | {question.so} |"


def costs() -> str:
    """Return the table of tests/contract/README.md in Markdown: what each question costs and settles."""
    names = ["| question | writes | what it costs | switches of the stand-in that it settles |", "|---|---|---|---|"]
    return "\n".join(
        [*names, *map(_cost, QUESTIONS), *(f"| none | | {why} | `{name}` |" for name, why in UNSETTLED.items())]
    )


def _cost(question: Question) -> str:
    settled = ", ".join(f"`{name}`" for name in question.settles)
    return f"| `{question.id}` | {'yes' if question.writes else ''} | {question.costs} | {settled} |"
