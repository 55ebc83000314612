"""`make run`: one event by hand, on the embedded stand-in; what it prints and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).parents[1]
EVENT = "events/manual/authorize.json"


def _run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return exit code and everything printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo.run", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_an_event_is_authorized() -> None:
    """The table says what it was recognised as and what became of it, then what the stand-in saw."""
    code, printed = _run(EVENT)

    assert code == 0
    assert "authorized" in printed
    assert "CloudAPI.SetVpcAccess 1x" in printed
    assert "writes: 2" in printed


def test_a_dry_run_prints_the_plan_and_writes_nothing() -> None:
    """With DRY_RUN=1 the decision is shown and the stand-in saw no write."""
    code, printed = _run(EVENT, DRY_RUN="1")

    assert code == 0
    assert "planned" in printed
    assert "create" in printed
    assert "writes: 0" in printed


def test_the_plan_can_be_json() -> None:
    """With --json nothing but the summary is printed, for other programs."""
    code, printed = _run("--json", EVENT, DRY_RUN="1")

    assert code == 0
    assert json.loads(printed)["results"][0]["reason"] == "create"


def test_a_bad_event_names_what_is_missing(tmp_path: Path) -> None:
    """Three missing fields are named, without a traceback, and the exit code says that it was rejected."""
    bad = tmp_path / "bad.json"
    bad.write_text('{"Name":"x"}')
    code, printed = _run(str(bad))

    assert code == 3
    for field in ("VpcId", "InstanceId", "Port"):
        assert f"{field} is missing" in " ".join(printed.split())
    assert "Traceback" not in printed


def test_a_wrong_secret_is_one_line_without_secrets() -> None:
    """With another secret at the stand-in one line says that the signature was refused, and shows nothing of it."""
    code, printed = _run(EVENT, STAND_IN_SECRET="MARK-other-secret")
    (line,) = (line for line in printed.splitlines() if line.startswith("Error"))

    assert code == 1
    assert "The signature was refused" in line
    for secret in ("MARK", "test-access-key-secret", "ACS3-HMAC-SHA256", "StringToSign", "Traceback"):
        assert secret not in printed


def test_missing_settings_are_listed_without_a_traceback() -> None:
    """Against the real cloud with an empty environment, every missing setting is named."""
    code, printed = _run("--cloud", "real", EVENT)

    assert code == 1
    for name in ("OWNER", "ALLOWED_VPC_IDS", "ALLOWED_PORTS", "RESULT_TOPIC", "ALIBABA_CLOUD_REGION_ID"):
        assert name in printed
    assert "Traceback" not in printed


def test_the_doctor_is_content_with_the_stand_in() -> None:
    """Every line is ok when nothing is missing, and nothing was opened."""
    code, printed = _run("--doctor")

    assert code == 0
    assert "problem" not in printed
    assert "apigateway:SetVpcAccess" in printed


def test_the_doctor_names_a_missing_permission() -> None:
    """With one RAM action denied there is one problem, and it names the action."""
    code, printed = _run("--doctor", "--deny", "apigateway:SetVpcAccess")
    problems = [line for line in printed.splitlines() if line.startswith("problem")]

    assert code == 1
    assert len(problems) == 1
    assert "apigateway:SetVpcAccess" in problems[0]
