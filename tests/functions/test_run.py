"""`make run`: one event by hand, on the embedded stand-in; what it prints and how it ends."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions._operator import catalogue
from tests.cloud.fixtures import Served
from tests.cloud.seeds import seed
from tests.events_table import FILES
from tests.running import Run

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).parents[2]
EVENT = "events/manual/authorize.json"
REQUEST: dict[str, Any] = json.loads((ROOT / EVENT).read_text(encoding="utf-8"))


def _on_a_terminal(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return the exit code and what a terminal of 80 columns is sent, in its order."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.demo.run", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    sent = b""
    with process, contextlib.suppress(OSError):  # Linux says so when the other end is closed, others read nothing
        while read := os.read(ours, 65_536):
            sent += read
    os.close(ours)
    return process.returncode, sent.decode()


def test_an_event_is_authorized(run: Run) -> None:
    """The table says what it was recognised as and what became of it, then what the stand-in saw."""
    done = run(EVENT)

    assert done.code == 0
    assert "authorized" in done.all
    assert "CloudAPI.SetVpcAccess 1x" in done.all
    assert "writes: 2" in done.all
    assert "\x1b" not in done.all


def test_a_dry_run_prints_the_plan_and_writes_nothing(run: Run) -> None:
    """With DRY_RUN=1 the decision is shown and the stand-in saw no write."""
    done = run(EVENT, DRY_RUN="1")

    assert done.code == 0
    assert "planned" in done.all
    assert "create" in done.all
    assert "writes: 0" in done.all


@pytest.mark.parametrize(
    ("dry", "words"),
    [
        pytest.param("0", ("released", "i-bp1gone0001 has ended (Deleted)", "RemoveVpcAccess 1x"), id="released"),
        pytest.param("1", ("planned", "release", "writes: 0"), id="dry-run"),
    ],
)
def test_an_event_goes_to_the_function_that_its_folder_is_named_for(run: Run, dry: str, words: tuple[str, ...]) -> None:
    """A release that is due is handled by the function that releases, without anybody naming it."""
    done = run("events/release/due.json", DRY_RUN=dry)

    assert done.code == 0
    assert [word for word in words if word not in " ".join(done.all.split())] == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        pytest.param("events/release/due.json", "release_vpc_access", id="release"),
        pytest.param("events/reconcile/timer.json", "reconcile_vpc_access", id="reconcile"),
        pytest.param("events/names/hint.json", "named_backends", id="names"),
        pytest.param("events/smq-queue/invented-end.json", "set_vpc_access", id="another-folder"),
        pytest.param("release.json", "set_vpc_access", id="no-folder"),
    ],
)
def test_one_rule_says_which_function_an_event_file_is_for(file: str, name: str) -> None:
    """The folder decides; what stands in none that a function is named for is an event of the first one."""
    assert catalogue.for_event(Path(file)) == name


def test_every_function_has_events_of_its_own() -> None:
    """Of each function there is a file that is for it."""
    assert {catalogue.for_event(file) for file in FILES} == set(catalogue.names())


@pytest.mark.parametrize(
    ("event", "word"),
    [
        pytest.param(EVENT, "authorized", id="request"),
        pytest.param("events/release/deleted.json", "scheduled", id="end"),
        pytest.param("events/release/due.json", "released", id="due"),
        pytest.param("events/names/hint.json", "stay", id="name"),
    ],
)
def test_a_stand_in_of_its_own_has_all_that_the_events_need(run: Run, cloud: Served, event: str, word: str) -> None:
    """What `make cloud` serves is enough for `make run CLOUD=http://…`: topic and queue are there, too."""
    seed(cloud.app, json.loads((ROOT / "events" / "cloud.json").read_text(encoding="utf-8")))
    done = run("--cloud", cloud.endpoint, event)

    assert done.code == 0, done.all
    assert word in done.all


def test_the_plan_can_be_json(run: Run) -> None:
    """With --json nothing but the summary is printed, for other programs."""
    done = run("--json", EVENT, DRY_RUN="1")

    assert done.code == 0
    assert json.loads(done.all)["results"][0]["reason"] == "create"


def test_a_bad_event_names_what_is_missing(run: Run, tmp_path: Path) -> None:
    """Three missing fields are named, without a traceback, and the exit code says that it was rejected."""
    bad = tmp_path / "bad.json"
    bad.write_text('{"Name":"x"}')
    done = run(str(bad))

    assert done.code == 3
    for field in ("VpcId", "InstanceId", "Port"):
        assert f"{field} is missing" in " ".join(done.all.split())
    assert "Traceback" not in done.all


def test_one_record_that_fails_for_now_hides_no_other(tmp_path: Path) -> None:
    """Of a mixed batch every record is shown, at 80 columns with every id and target whole; then the error, once."""
    batch = tmp_path / "mixed.json"
    batch.write_text(json.dumps([REQUEST, {**REQUEST, "Name": "ssh", "Port": 22}, {"Name": "half"}]))
    code, printed = _on_a_terminal(str(batch), "--deny", "apigateway:SetVpcAccess", NO_COLOR="1")
    (error,) = (line for line in printed.splitlines() if line.startswith("Error"))

    assert code == 4
    for what in ("failed", "refused", "rejected", "i-bp1example0001:8080 in vpc-bp1example0001", "VpcId is missing"):
        assert what in printed[: printed.index(error)]
    assert error == "Error: 1 of 3 records failed for now; the same event can succeed later"
    assert printed.count("apigateway:SetVpcAccess") == 1
    assert "stand-in saw" in printed


def test_the_json_of_a_partly_failed_batch_is_whole(run: Run, tmp_path: Path) -> None:
    """With --json the summary has every record, the failed one too."""
    batch = tmp_path / "mixed.json"
    batch.write_text(json.dumps([REQUEST, {**REQUEST, "Name": "ssh", "Port": 22}]))
    done = run("--json", str(batch), "--deny", "apigateway:SetVpcAccess")

    assert (done.code, done.err.count("\n")) == (4, 1)
    assert json.loads(done.out)["counts"] == {"failed": 1, "refused": 1}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        pytest.param("events/manual/port-not-allowed.json", 3, id="would-be-refused"),
        pytest.param("events/release/due-used-by-api.json", 3, id="would-be-kept"),
        pytest.param("events/release/due-malformed.json", 3, id="would-be-rejected"),
        pytest.param("events/release/deleted.json", 0, id="would-be-scheduled"),
        pytest.param("no/such/file.json", 64, id="usage"),
    ],
)
def test_a_dry_run_can_gate(run: Run, event: str, code: int) -> None:
    """The exit code of a dry run says that something would be refused, rejected or kept."""
    assert run(event, DRY_RUN="1").code == code


@pytest.mark.parametrize(
    ("environment", "styled"), [({}, True), ({"NO_COLOR": "1"}, False)], ids=["colour", "NO_COLOR"]
)
def test_styles_and_progress_are_for_terminals(environment: dict[str, str], styled: bool) -> None:
    """A terminal sees that something goes on, and styles; with NO_COLOR no style at all, bold and dim included."""
    _, sent = _on_a_terminal(EVENT, **environment)

    assert "handling authorize.json" in sent
    assert bool(re.search(r"\x1b\[[0-9;]*m", sent)) == styled


def test_a_wrong_secret_is_told_without_secrets(run: Run) -> None:
    """With another secret at the stand-in it is told that the signature was refused, and nothing of it is shown."""
    done = run(EVENT, STAND_IN_SECRET="MARK-other-secret")

    assert done.code == 4
    assert "The signature was refused" in " ".join(done.all.split())
    for secret in ("MARK", "test-access-key-secret", "ACS3-HMAC-SHA256", "StringToSign", "Traceback"):
        assert secret not in done.all


def test_missing_settings_are_listed_without_a_traceback(run: Run) -> None:
    """Against the real cloud with an empty environment, every missing setting is named."""
    done = run("--cloud", "real", EVENT)

    assert done.code == 1
    for name in ("OWNER", "ALLOWED_VPC_IDS", "ALLOWED_PORTS", "RESULT_TOPIC", "ALIBABA_CLOUD_REGION_ID"):
        assert name in done.all
    assert "Traceback" not in done.all


def test_the_doctor_is_content_with_the_stand_in(run: Run) -> None:
    """Every line is ok when nothing is missing, and nothing was opened."""
    done = run("--doctor")

    assert done.code == 0
    assert "problem" not in done.all
    assert "apigateway:SetVpcAccess" in done.all


def test_the_doctor_names_a_missing_permission(run: Run) -> None:
    """With one RAM action denied there is one problem, and it names the action."""
    done = run("--doctor", "--deny", "apigateway:SetVpcAccess")
    problems = [line for line in done.all.splitlines() if line.startswith("problem")]

    assert done.code == 1
    assert len(problems) == 1
    assert "apigateway:SetVpcAccess" in problems[0]
