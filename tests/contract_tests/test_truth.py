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
from click.testing import CliRunner

from tests.cloud.__main__ import main as stand_in
from tests.cloud.commands import ask
from tests.cloud.truth import switches_of
from tests.contract import known
from tests.contract.__main__ import main as contract
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


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param(None, "no record of `make contract`", id="null"),
        pytest.param([], "no record of `make contract`", id="list"),
        pytest.param({}, "no record of `make contract`", id="empty"),
        pytest.param({"contract": 2, "answers": []}, "its form is 2, not 1", id="newer"),
        pytest.param({"contract": 0}, "its form is 0, not 1", id="older"),
        pytest.param({"contract": 1}, "no list of answers", id="no-list"),
        pytest.param({"contract": 1, "answers": [1]}, "no list of answers", id="no-rows"),
        pytest.param({"contract": 1, "answers": [{"switches": []}]}, "no list of answers", id="switches-in-a-list"),
        pytest.param({"contract": 1, "answers": [{"switches": {"duplicate": []}}]}, "no list of answers", id="value"),
    ],
)
def test_what_is_no_record_is_refused(document: Any, problem: str) -> None:
    """Anything but a record of this form is a ValueError that says so, for a stand-in and for what is known."""
    with pytest.raises(ValueError, match=problem):
        switches_of(document)
    with pytest.raises(ValueError, match=problem):
        known.learn(document, Path("nowhere"))


def test_what_another_version_says_of_switches_is_told_and_left_alone() -> None:
    """A switch or a value that this stand-in does not know keeps nobody from what it does know."""
    row = {
        "switches": {"duplicate": "overwrite", "made_up": "on", "connectivity": "half-open", "vpc_access_quota": "…"}
    }
    seen = switches_of({"contract": 1, "answers": [row]})

    assert (seen.switches, seen.contradictions) == ({"duplicate": "overwrite"}, {})
    assert [" ".join(each.split()[:3]) for each in seen.unknown] == [
        "unknown switch 'made_up';",
        "switch connectivity takes",
        "switch vpc_access_quota takes",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(b"", "Expecting value", id="empty"),
        pytest.param(b'{"contract": 1, "answers": [', "Expecting value", id="half"),
        pytest.param(b"\xff\xfe", "codec can't decode", id="no-text"),
        pytest.param(
            b'{"contract": 1, "cloud": "real", "answers": []}', "no record of `make contract`: KeyError", id="no-date"
        ),
        pytest.param(
            b'{"contract": 1, "cloud": "real", "date": "2026-01-01", "region": "", "answers": [{"question": "page-size", '
            b'"answer": "cut", "evidence": []}]}',
            "no record of `make contract`: AttributeError",
            id="evidence-in-a-list",
        ),
        pytest.param(b'{"contract": 1, "cloud": "stand-in", "answers": []}', "CLOUD=real", id="stand-in"),
    ],
)
def test_a_broken_record_is_told_in_a_line(tmp_path: Path, text: bytes, problem: str) -> None:
    """Who gives a broken file reads which one, and what is wrong with it; nothing is learnt."""
    path = tmp_path / "contract.json"
    path.write_bytes(text)
    before = known.KNOWN.read_bytes()
    ended = CliRunner().invoke(contract, ["--learn", str(path)])

    assert (ended.exit_code, ended.output.count("\n")) == (1, 1), ended.output
    assert ended.output.startswith(f"Error: {path}")
    assert problem in ended.output
    assert known.KNOWN.read_bytes() == before


def test_a_stand_in_does_not_start_with_a_broken_record(tmp_path: Path) -> None:
    """`--truth` with half a file ends with one line that names it."""
    path = tmp_path / "contract.json"
    path.write_text('{"contract": 1, "answers": [', encoding="utf-8")
    ended = CliRunner().invoke(stand_in, ["--truth", str(path)])

    assert ended.exit_code == 1
    assert ended.output.startswith(f"Error: {path}: Expecting value")


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
    with pytest.raises(ValueError, match="has no answer"):
        known.learn(whole, path)
