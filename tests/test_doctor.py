"""The doctor: all well on the stand-in, and one line that names what is missing when something is."""

from __future__ import annotations

import json
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from functions.__main__ import main
from functions.set_vpc_access.bootstrap import Runtime
from functions.set_vpc_access.doctor import EVENT, examine, is_asked, report
from functions.set_vpc_access.handler import Handler, Invocation
from shared import settings
from shared.clock import Clock
from shared.cloud.answers import RAM_ACTIONS
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport
from tests.cloud.fixtures import TEMPORARY, Served
from tests.deployed import Deployed
from tests.invoking import SETTINGS, Invoker, queue_event

NOW = 1_795_000_000.0
KEY = Credentials("id", "secret")


def diagnose(cloud: Served, **changes: str) -> Result:
    """Run ``python -m functions doctor`` against a served stand-in."""
    environment = {name: cloud.endpoint if name.endswith("_ENDPOINT") else value for name, value in SETTINGS.items()}
    key = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": TEMPORARY.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": TEMPORARY.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": TEMPORARY.security_token,
    }
    return CliRunner().invoke(main, ["doctor"], env={**environment, **key, **changes})


@pytest.fixture
def served(cloud: Served) -> Served:
    """A served stand-in with the result topic and a queue that gets whatever is published."""
    smq = cloud.products["SMQ"]
    smq.create_topic("vpc-access-results")
    smq.create_queue("results")
    smq.subscribe("vpc-access-results", "to-results", queue="results", format="SIMPLIFIED")
    return cloud


@pytest.mark.enable_socket
def test_all_is_well(served: Served) -> None:
    """With everything in place every line is ok, there is one for each action, and the exit code is 0."""
    done = diagnose(served)
    lines = done.output.splitlines()
    assert done.exit_code == 0, done.output
    assert all(line.startswith("ok ") for line in lines)
    subjects = {line.split()[1] for line in lines}
    assert subjects == {"settings", "credentials", "clock", *RAM_ACTIONS.values()}


@pytest.mark.enable_socket
def test_asking_changes_nothing(served: Served) -> None:
    """No authorization is made, no message published, no hook answered."""
    diagnose(served)
    assert served.products["CloudAPI"].state()["vpc_accesses"] == []
    assert served.products["SMQ"].receive("results", 1) == []
    assert {entry.status for entry in served.world.journal() if entry.write} <= {400, 403, 404}


@pytest.mark.enable_socket
@pytest.mark.parametrize("action", sorted(RAM_ACTIONS.values()))
def test_missing_permission_is_named(served: Served, action: str) -> None:
    """Take one permission away, and exactly its line says which RAM action to allow."""
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({action})))
    done = diagnose(served)
    (problem,) = [line for line in done.output.splitlines() if line.startswith("problem")]
    assert done.exit_code == 1
    assert problem.split()[1] == action
    assert f"Allow the RAM action {action}" in problem


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"OWNER": "", "ALLOWED_PORTS": "http"}, ["OWNER is missing", "ALLOWED_PORTS has 'http'"], id="settings"
        ),
        pytest.param({"ALIBABA_CLOUD_ACCESS_KEY_SECRET": ""}, ["set ALIBABA_CLOUD_ACCESS_KEY_SECRET"], id="no-key"),
        pytest.param(
            {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "another"}, ["belongs to the access key id"], id="wrong-secret"
        ),
        pytest.param({"ALIBABA_CLOUD_SECURITY_TOKEN": ""}, ["MissingSecurityToken"], id="no-token"),
        pytest.param({"ECS_ENDPOINT": "http://127.0.0.1:9"}, ["no answer: ConnectError"], id="endpoint"),
    ],
)
def test_what_is_wrong_is_told(served: Served, changes: dict[str, str], said: list[str]) -> None:
    """Settings, key and endpoints that are wrong are each told in a line with what to do."""
    done = diagnose(served, **changes)
    problems = "".join(line for line in done.output.splitlines() if line.startswith("problem"))
    assert done.exit_code == 1
    assert [text for text in said if text not in problems] == [], done.output


@pytest.mark.enable_socket
def test_gateway_that_takes_the_made_up_entry_is_told(served: Served) -> None:
    """If a gateway takes what leads nowhere, the line says so and what to remove."""
    served.world.switches = served.world.switches.with_values(port_range="accept")
    done = diagnose(served)
    assert "'vpc-access-doctor', which leads nowhere: remove it" in done.output


def answering(status: int, ahead: float, code: str = "") -> Transport:
    """Return a transport whose every answer is the same, from a clock that is ``ahead`` seconds before ours."""
    headers = {"date": formatdate(NOW + ahead, usegmt=True)}
    body = json.dumps({"Code": code, "Message": "no"} if code else {}).encode()
    return Transport(
        inner=httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, stream=httpx.ByteStream(body)))
    )


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [
        pytest.param(0.0, "ok", "within 0 s", id="same"),
        pytest.param(-40.0, "ok", "within 40 s", id="a-little"),
        pytest.param(300.0, "problem", "differs from the cloud's by +300 s", id="ahead"),
        pytest.param(-7200.0, "problem", "differs from the cloud's by -7200 s", id="behind"),
    ],
)
def test_clock_is_compared(ahead: float, state: str, said: str) -> None:
    """The cloud's time is taken from its answers; a minute apart is worth a word."""
    handler = Handler(settings.load(SETTINGS), answering(200, ahead), Clock(now=lambda: NOW))
    clock = examine(handler.settings, handler.session(Invocation("r", 60, lambda: KEY)))[-1]
    assert (clock.subject, clock.state) == ("clock", state)
    assert said in clock.text


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        pytest.param(EVENT, True, id="as-sent"),
        pytest.param(b' {"doctor": true}\n', True, id="by-hand"),
        pytest.param(b'{"doctor":false}', False, id="false"),
        pytest.param(b'[{"doctor":true}]', False, id="list"),
        pytest.param(b'{"doctor":true,"Name":"x"}', False, id="more"),
        pytest.param(b"", False, id="empty"),
    ],
)
def test_question_is_recognised_exactly(event: bytes, asked: bool) -> None:
    """Nothing but the bare question is one."""
    assert is_asked(event) is asked


def test_deployed_function_answers_the_question(invoke: Invoker) -> None:
    """The event is answered with the report instead of being handled."""
    runtime = Runtime(
        invoke.configure(),
        {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": TEMPORARY.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": TEMPORARY.access_key_secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": TEMPORARY.security_token,
        },
    )
    answer: dict[str, Any] = json.loads(str(runtime.invoke(b'{"doctor": true}', None)))
    assert {finding["subject"] for finding in answer["doctor"]} >= set(RAM_ACTIONS.values())
    assert invoke.messages() == []


def test_message_cannot_ask(invoke: Invoker) -> None:
    """The question inside a queue's message is a request like any other, and a bad one."""
    answer = invoke(queue_event('{"doctor":true}'))
    assert answer.result["outcome"] == "rejected"


def test_report_is_ok_only_if_every_line_is() -> None:
    """One problem makes the whole report one."""
    handler = Handler(settings.load(SETTINGS), answering(403, 0, "NoPermission"), Clock(now=lambda: NOW))
    found = examine(handler.settings, handler.session(Invocation("r", 60, lambda: KEY)))
    assert report(found)["ok"] is False
    assert report([finding for finding in found if finding.state == "ok"])["ok"] is True


@pytest.mark.enable_socket
def test_zip_answers_the_question_with_the_roles_rights(deployed: Deployed) -> None:
    """The deployed zip, asked from a terminal, finds all it needs with the template's role."""
    environment = {
        "FC_ENDPOINT": deployed.cloud.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": deployed.cloud.credential.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": deployed.cloud.credential.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": "",
    }
    done = CliRunner().invoke(main, ["invoke", "--doctor"], env=environment)
    assert done.exit_code == 0, done.output
    assert len([line for line in done.stdout.splitlines() if line.startswith("ok ")]) == 3 + len(RAM_ACTIONS)
