"""What a run leaves: a JSON document that can be sent in, because only what is allowed gets into it.

Texts are the words of our own questions, or told word by word (``words.told``); numbers are small; nothing else passes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shared.cloud.endpoints import REGIONS
from tests.cloud.switches import Switches
from tests.cloud.truth import FORM
from tests.contract.question import Answer
from tests.contract.questions import BY_ID
from tests.contract.words import HIDDEN, told

NOT_ASKED, NOT_SEEN, UNCLEAR = "not asked", "not seen", "unclear"
_MOST = 100_000  # an account's id and a time are larger
_NAMES = """
code status read_as fields total entries again by_tens page_size apis apis_named seconds looks calls whole told dry_run_code
dry_run_status ip_type found_by_tag description_told part_of_name part_of_port part_of_instance id_stays some_before_others
rows state arrived as_sent without_a_tag with_the_tag shapes known
"""
EVIDENCE = frozenset(_NAMES.split())
"""The names that evidence may have."""


class Asked(NamedTuple):
    """What became of a question with one client: an answer, or a word for why there is none; ``why`` stays on the terminal."""

    answer: Answer | None
    without: str = ""
    why: str = ""

    @property
    def word(self) -> str:
        """Return the answer in a word."""
        return self.answer.word if self.answer else self.without


class Outcome(NamedTuple):
    """What became of a question with every client that asked it, by the client's name."""

    question_id: str
    by_client: Mapping[str, Asked]
    seconds: float

    @property
    def agreed(self) -> Answer | None:
        """Return the answer that every client got, None if they differ or none got one."""
        given = [asked.answer for asked in self.by_client.values()]
        if given[0] is None or any(other is None or _of(other) != _of(given[0]) for other in given):
            return None
        return given[0]


def _of(answer: Answer) -> tuple[str, dict[str, Any]]:
    return answer.word, dict(answer.switches)


def document(outcomes: Sequence[Outcome], *, real: bool, region_id: str, now: float) -> dict[str, Any]:
    """Return the record of a run as JSON has it."""
    return {
        "contract": FORM,
        "date": time.strftime("%Y-%m-%d", time.gmtime(now)),
        "cloud": "real" if real else "stand-in",
        "region": region_of(region_id),
        "answers": [_row(outcome) for outcome in outcomes],
    }


def answered(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the answer of another's record as ours would hold it, None for a question that was not answered.

    Raises ValueError for what no record of ours has.
    """
    if row["question"] not in BY_ID or row["answer"] in {NOT_ASKED, NOT_SEEN, UNCLEAR}:
        return None
    told: dict[str, Any] = {"question": row["question"], "answer": _word(row["question"], row["answer"])}
    if "switches" in row:
        told["switches"] = _switches(row["switches"])
    evidence = row.get("evidence", {})
    return {**told, "evidence": {_client(name): _evidence(Answer("", {}, each)) for name, each in evidence.items()}}


def date_of(text: str) -> str:
    """Return the date of another's record; raises ValueError if it is none."""
    return time.strftime("%Y-%m-%d", time.strptime(text, "%Y-%m-%d"))


def region_of(text: str) -> str:
    """Return the id of a region that the vendor's maps know, hidden if it is none."""
    return text if text in REGIONS else HIDDEN


def _row(outcome: Outcome) -> dict[str, Any]:
    first = next(iter(outcome.by_client.values()))
    agreed = outcome.agreed
    row: dict[str, Any] = {
        "question": outcome.question_id,
        "answer": _word(outcome.question_id, first.word),
        "clients": {_client(name): _word(outcome.question_id, asked.word) for name, asked in outcome.by_client.items()},
        "seconds": _allowed(outcome.seconds),
    }
    if agreed is not None and agreed.switches:
        row["switches"] = _switches(agreed.switches)
    evidence = {name: _evidence(asked.answer) for name, asked in outcome.by_client.items() if asked.answer is not None}
    return {**row, "evidence": evidence} if evidence else row


def _client(name: str) -> str:
    if name not in {"product", "sdk"}:
        raise ValueError(f"there is no client {name!r}")
    return name


def _word(question_id: str, word: str) -> str:
    if word not in {*BY_ID[question_id].words, NOT_ASKED, NOT_SEEN, UNCLEAR}:
        raise ValueError(f"{question_id} has no answer {word!r}")
    return word


def _switches(switches: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that the stand-in knows; with_values refuses all others."""
    Switches().with_values(**switches)
    return {name: value if isinstance(value, str) else _allowed(value) for name, value in switches.items()}


def _evidence(answer: Answer) -> dict[str, Any]:
    if unknown := answer.evidence.keys() - EVIDENCE:
        raise ValueError(f"evidence has no {', '.join(sorted(unknown))}")
    return {name: _allowed(value) for name, value in answer.evidence.items()}


def _allowed(value: Any) -> Any:
    """Return what a record may hold of a value of the cloud."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return round(value, 1) if -1 <= value <= _MOST else HIDDEN
    if isinstance(value, (list, tuple)):
        return [_allowed(item) for item in value]
    return told(value) if isinstance(value, str) else HIDDEN


def is_of_an_account(path: Path) -> bool:
    """Tell whether a file is the record of an account; False if it is none that can be read."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(whole, dict) and whole.get("cloud") == "real"


def write(path: Path, whole: Mapping[str, Any]) -> None:
    """Write a record."""
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
