"""A record sets a stand-in's switches, and what an account has answered is known from then on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.commands import ask
from tests.cloud.truth import switches_of
from tests.contract import known
from tests.contract.questions import QUESTIONS
from tests.contract.record import document
from tests.contract_tests.asking import asking

ROOT = Path(__file__).parents[2]


def record(*, real: bool = False, **switches: Any) -> dict[str, Any]:
    """Return the record of a run on a stand-in with these switches."""
    outcomes = asking(**switches)().outcomes
    return document(outcomes, real=real, region_id="cn-hangzhou", now=1_795_000_000.0)


@pytest.mark.enable_socket
def test_a_stand_in_is_started_with_the_answers_of_a_record(tmp_path: Path) -> None:
    """`python -m tests.cloud --truth` serves what a record says; a switch that is named besides has the last word."""
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(record(duplicate="overwrite", remove_absent="accept")), encoding="utf-8")
    command = [sys.executable, "-m", "tests.cloud", "--truth", str(path), "--switch", "remove_absent=refuse"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        assert serving.stderr is not None
        ready = json.loads(serving.stdout.readline())
        switches = ask(ready["endpoint"], "state")["switches"]
        serving.send_signal(signal.SIGINT)
        said = serving.stderr.read()

    assert (switches["duplicate"], switches["remove_absent"]) == ("overwrite", "refuse")
    assert "switches are as its answers say" in said


def test_contradictions_are_left_alone() -> None:
    """A switch of which two answers say different things is not set, and both are told."""
    whole = record()
    (row,) = [row for row in whole["answers"] if row["question"] == "taken-target"]
    row["switches"] = {"duplicate": "overwrite"}
    seen = switches_of(whole)

    assert "duplicate" not in seen.switches
    assert seen.contradictions == {"duplicate": ["error", "overwrite"]}


@pytest.mark.parametrize("document", [None, [], {}, {"contract": 2, "answers": []}, {"contract": 1, "answers": [1]}])
def test_what_is_no_record_is_refused(document: Any) -> None:
    """Anything but a record is a ValueError that says so."""
    with pytest.raises(ValueError, match="no record"):
        switches_of(document)


def test_what_is_known_has_a_row_for_each_question() -> None:
    """The committed file is about all questions there are, and no more."""
    assert list(known.read()) == [question.id for question in QUESTIONS]


def test_an_accounts_answers_are_known_from_then_on(tmp_path: Path) -> None:
    """An account's record makes its answers seen on its date; what it did not answer stays assumed; a stand-in's is refused."""
    path = tmp_path / "known.json"
    shutil.copy(known.KNOWN, path)
    with pytest.raises(ValueError, match="CLOUD=real"):
        known.learn(record(), path)
    learnt = known.learn(record(real=True, duplicate="overwrite"), path)
    rows = known.read(path)

    assert learnt == len(QUESTIONS) - 5
    assert rows["full-quota"] == {"question": "full-quota", "known": "assumed"}
    assert rows["taken-name"]["known"] == "2026-11-18"
    assert "**seen 2026-11-18** in cn-hangzhou: overwritten" in known.table(path)
    assert "the quota is used up, and how large is it? | assumed: refused |" in known.table(path)
    assert switches_of(json.loads(path.read_text(encoding="utf-8"))).switches["duplicate"] == "overwrite"


def test_what_somebody_else_sends_in_is_redacted_again(tmp_path: Path) -> None:
    """A record that was edited by hand brings no text into the committed file that a run would not have written."""
    path = tmp_path / "known.json"
    shutil.copy(known.KNOWN, path)
    whole = record(real=True)
    (row,) = [row for row in whole["answers"] if row["question"] == "taken-name"]
    row["evidence"]["product"]["code"], row["note"], whole["region"] = "i-bp1example0001", "orders-prod", "orders-prod"
    known.learn(whole, path)

    assert not {"i-bp1example0001", "orders-prod"} & set(path.read_text(encoding="utf-8").split('"'))
    row["answer"] = "orders-prod"
    with pytest.raises(AssertionError, match="has no answer"):
        known.learn(whole, path)
