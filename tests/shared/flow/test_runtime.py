"""The platform's side of an invocation: when an instance starts, what its context says, and what is a question."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from functions.set_vpc_access.index import work
from shared import log, settings
from shared.cloud.transport import Transport
from shared.errors import SettingsError
from shared.flow.engine import Engine
from shared.flow.runtime import Function, Runtime
from tests.invoking import SETTINGS, VPC, Invoker, queue_event, request, state_change

EVENTS = Path(__file__).resolve().parents[3] / "events"


@pytest.mark.parametrize("initialized", [pytest.param(True, id="initialized"), pytest.param(False, id="by-its-event")])
def test_an_instance_starts_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, initialized: bool
) -> None:
    """Where no initializer is configured the first event starts it, and each start warns of a region that nobody knows."""
    for name, value in {**SETTINGS, "FC_REGION": "xx-newer-1"}.items():
        monkeypatch.setenv(name, value)
    function = Function("set_vpc_access", work)
    if initialized:
        function.initialize(SimpleNamespace())
    answers = [function.handler(state_change(state="Stopped"), SimpleNamespace(request_id="req-1")) for _ in range(2)]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    log.configure()

    assert [json.loads(answer)["counts"] for answer in answers] == [{"ignored": 1}] * 2
    assert [line["region"] for line in lines if line["event"] == "region not known"] == ["xx-newer-1"]


def test_an_instance_that_lacks_settings_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform shows the error at each event, with every mistake, until they are mended."""
    for name, value in {**SETTINGS, "OWNER": "", "ALLOWED_PORTS": "http"}.items():
        monkeypatch.setenv(name, value)
    function = Function("set_vpc_access", work)

    for _ in range(2):
        with pytest.raises(SettingsError, match=r"(?s)OWNER.*ALLOWED_PORTS"):
            function.handler(state_change(state="Stopped"), SimpleNamespace(request_id="req-1"))


def _runtime(invoke: Invoker) -> Runtime:
    return Runtime("set_vpc_access", invoke.configure(), {})


def _context(invoke: Invoker, **function: Any) -> SimpleNamespace:
    """Return a context with the key, and with a function that has these fields, if any."""
    given = {"function": SimpleNamespace(**function)} if function else {}
    return SimpleNamespace(request_id="req-1", credentials=invoke.credentials, **given)


@pytest.mark.parametrize(
    ("function", "waited"),
    [
        pytest.param({"timeout": 3}, [], id="3"),
        pytest.param({"timeout": "3"}, [], id="3-as-a-text"),
        pytest.param({"timeout": 60}, [1, 2, 4, 8], id="60"),
        pytest.param({"timeout": 48}, [1, 2, 4, 8], id="48"),
        pytest.param({"timeout": 42}, [1, 2, 4], id="42"),
        pytest.param({"timeout": None}, [1, 2, 4, 8], id="not-filled"),
        pytest.param({"name": "f"}, [1, 2, 4, 8], id="no-timeout"),
        pytest.param({}, [1, 2, 4, 8], id="no-function"),
    ],
)
def test_the_time_of_an_invocation_is_that_of_its_context(
    invoke: Invoker, function: dict[str, Any], waited: list[int]
) -> None:
    """A tag that follows its load balancer is waited for during a third of it; a context without a time has a minute."""
    invoke.given(load_balancers=[{"LoadBalancerId": "lb-bp1example0001", "VpcId": VPC, "Tags": {"team": "shop"}}])
    created = {
        "eventId": "F7393A43-6A4A-4409-AEDD-8B1C47DE0001",
        "eventName": "CreateLoadBalancer",
        "eventTime": "2026-01-05T04:18:26Z",
        "serviceName": "Slb",
        "acsRegion": "cn-hangzhou",
        "referencedResources": {"ACS::SLB::LoadBalancer": ["lb-bp1example0001"]},
    }
    _runtime(invoke).invoke(created, _context(invoke, **function))

    assert [seconds for seconds in invoke.slept if seconds >= 1] == waited


@pytest.mark.parametrize("name", ["doctor", '"doctor": true'])
def test_a_backend_may_have_the_name_of_the_question(invoke: Invoker, name: str) -> None:
    """Only the question itself is one; what merely holds its word is an event like others."""
    answer = _runtime(invoke).invoke(request(Name=name), _context(invoke))

    assert json.loads(str(answer))["counts"] == {"authorized": 1}


def test_a_topic_of_amazon_needs_the_part_that_knows_it(invoke: Invoker, monkeypatch: pytest.MonkeyPatch) -> None:
    """That part is built in on demand; a package without it says so when it starts, and how to build one with it."""
    monkeypatch.setitem(sys.modules, "shared.cloud.aws", None)  # as if the package did not hold it

    with pytest.raises(SettingsError, match="python -m functions build --with-sns"):
        invoke.configure(RESULT_TOPIC="arn:aws:sns:eu-central-1:123456789012:results")


def test_missing_key_ends_an_invocation_before_any_call(invoke: Invoker) -> None:
    """Without a key a batch fails as a whole: for the one thing that is missing, not record by record."""
    event = queue_event(*[json.dumps(request(Name=f"a-{number}")) for number in range(3)])
    with pytest.raises(SettingsError, match="no credentials"):
        _runtime(invoke).invoke(event, None)
    assert invoke.calls() == []
    assert invoke.lines() == []


def test_what_needs_no_call_needs_no_key(invoke: Invoker) -> None:
    """An event that is not for us is ignored with or without a key."""
    answer = _runtime(invoke).invoke(state_change(state="Stopped"), None)
    assert json.loads(str(answer))["counts"] == {"ignored": 1}


def test_client_without_the_functions_key_is_answered(invoke: Invoker) -> None:
    """A client that waits gets the missing key as a 503 with its text, since the platform would hide an error."""
    event = (EVENTS / "http" / "post.json").read_bytes()
    answer = _runtime(invoke).invoke(event, None)
    assert isinstance(answer, dict)
    assert answer["statusCode"] == 503
    assert "no credentials" in answer["body"]


class Closed(httpx.BaseTransport):
    """A network that says when it is left."""

    is_left = False

    def close(self) -> None:
        self.is_left = True


def test_a_command_leaves_no_connection_open() -> None:
    """What an instance of a function keeps for its next event, a command closes at its end."""
    network = Closed()
    Engine(settings.load(SETTINGS), work, Transport(inner=network)).close()

    assert network.is_left
