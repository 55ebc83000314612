"""How the operator's commands end: one table of exit codes for all of them, in the code, in the help, in functions/README.md."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
from click.testing import CliRunner

from functions.__main__ import main
from functions._operator import exits
from shared.errors import (
    AuthorizerError,
    CloudRefused,
    CloudUnavailable,
    CredentialsExpired,
    Doubtful,
    OperatorNeeded,
    OutOfTime,
    SettingsError,
)
from tests.invoking import Invoker, request

COMMANDS = sorted(main.commands)
NO_VPC = {"Name": "orders-prod", "InstanceId": "i-bp1example0001", "Port": 8080}


@pytest.mark.parametrize(
    ("event", "changes", "fault", "code"),
    [
        pytest.param(request(), {}, {}, 0, id="authorized"),
        pytest.param([], {}, {}, 0, id="ignored"),
        pytest.param(request(), {"DRY_RUN": "1"}, {}, 0, id="dry-run"),
        pytest.param(request(Port=22), {}, {}, 3, id="refused"),
        pytest.param(request(Port=22), {"DRY_RUN": "1"}, {}, 3, id="dry-run-of-what-is-refused"),
        pytest.param(NO_VPC, {}, {}, 3, id="rejected"),
        pytest.param(NO_VPC, {"DRY_RUN": "1"}, {}, 3, id="dry-run-of-what-is-rejected"),
        pytest.param([request(), request(Port=22)], {"DRY_RUN": "1"}, {}, 3, id="dry-run-of-a-mixed-batch"),
        pytest.param(request(), {}, {"status": 403, "code": "NoPermission"}, 4, id="failed-for-now"),
        pytest.param([request(), request(Port=22)], {}, {"status": 403, "code": "NoPermission"}, 4, id="mixed"),
    ],
)
def test_the_results_decide(
    invoke: Invoker, event: Any, changes: dict[str, str], fault: dict[str, Any], code: int
) -> None:
    """What became of the records is the exit code, the highest that applies; a dry run tells what would be."""
    invoke.configure(**changes)
    if fault:
        invoke.given(faults=[{"operation": "CloudAPI.SetVpcAccess", **fault}])
    answer = invoke(event)
    summary = answer.error.summary if answer.error else answer.summary

    assert exits.of(summary["results"]) == code


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [pytest.param("kept", "InUse", id="kept"), pytest.param("planned", "keep: InUse", id="dry-run-of-what-is-kept")],
)
def test_a_kept_entry_is_a_no(outcome: str, reason: str) -> None:
    """An entry that was to be released and stays ends a command as a refusal does; one that is there already does not."""
    assert exits.of([{"outcome": outcome, "reason": reason}]) == 3
    assert exits.of([{"outcome": "planned", "reason": "keep"}]) == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(CloudUnavailable("Op", "Throttling", 400, "busy"), 4, id="throttled"),
        pytest.param(Doubtful("Op", "HTTP503", 503, "out"), 4, id="no-usable-answer"),
        pytest.param(OutOfTime("late"), 4, id="out-of-time"),
        pytest.param(OperatorNeeded("Op", "NoPermission", 403, "no"), 1, id="permission"),
        pytest.param(CredentialsExpired("Op", "InvalidSecurityToken.Expired", 400, "old"), 1, id="credentials"),
        pytest.param(CloudRefused("Op", "NotFound", 404, "no", ""), 1, id="refused-for-good"),
        pytest.param(SettingsError(["OWNER is missing"]), 1, id="settings"),
    ],
)
def test_errors_of_a_command_tell_whether_waiting_helps(error: AuthorizerError, code: int) -> None:
    """An error that goes away by itself is "later"; one that somebody has to mend is an error."""
    assert exits.of_error(error) == code


def test_an_error_of_ours_is_a_text_without_a_traceback() -> None:
    """Any command's error is told on standard error, each setting in a line, without what could control a terminal."""

    @click.command(cls=exits.Command)
    def failing() -> None:
        raise SettingsError(["OWNER is \x1b[2J", "ALLOWED_PORTS is missing"])

    done = CliRunner().invoke(failing)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "Error: settings need attention:\n  OWNER is ·[2J\n  ALLOWED_PORTS is missing\n"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no-command"),
        pytest.param(["dance"], id="unknown-command"),
        pytest.param(["--dance"], id="unknown-option"),
        *(pytest.param([command, "--dance"], id=command) for command in COMMANDS),
        pytest.param(["run"], id="no-event"),
        pytest.param(["run", "no/such/file"], id="no-file"),
        pytest.param(["invoke"], id="neither-event-nor-doctor"),
        pytest.param(["replay", "--to", "requests"], id="nothing-to-replay"),
        pytest.param(["build", "--python-version", "2.7"], id="no-such-choice"),
        pytest.param(["deploy", "--bucket", "b", "-p", "Owner"], id="no-value"),
    ],
)
def test_wrong_usage_has_a_code_of_its_own(arguments: list[str]) -> None:
    """Whatever is wrong with the arguments of whichever command ends it with 64, and says how it is used."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 64
    assert "Usage: " in done.stderr


@pytest.mark.parametrize("command", [pytest.param([], id="all"), *(pytest.param([name], id=name) for name in COMMANDS)])
def test_every_help_shows_the_codes(command: list[str]) -> None:
    """The table stands in the help of every command, a line for each code."""
    shown = CliRunner().invoke(main, [*command, "--help"]).stdout
    for code, meaning in exits.MEANINGS.items():
        assert re.search(rf"^ *{code} +{re.escape(meaning)}$", shown, re.MULTILINE)
