"""HTTP: the status tells what became of a request, and the function answers instead of raising."""

import json
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from shared.cloud.signing import Credentials
from shared.errors import RetryNeeded, SettingsError
from shared.flow.replies import response
from shared.flow.report import Report
from shared.flow.runtime import Runtime, credentials
from shared.model.outcome import Outcome
from shared.model.records import Ignored, Record
from tests.invoking import Invoker, request


def _result(outcome: str, *, retry: bool = False) -> Outcome:
    return Outcome(Record("http", "", "", Ignored("", ""), "{}"), outcome, retry=retry)


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        pytest.param([_result("authorized"), _result("unchanged"), _result("replaced")], 200, id="granted"),
        pytest.param([_result("ignored")], 200, id="ignored"),
        pytest.param([_result("planned")], 200, id="dry-run"),
        pytest.param([_result("rejected")], 400, id="rejected"),
        pytest.param([_result("refused"), _result("refused")], 403, id="refused"),
        pytest.param([_result("failed", retry=True)], 503, id="later"),
        pytest.param([_result("authorized", retry=True)], 503, id="granted-but-not-published"),
        pytest.param([_result("failed")], 500, id="failed-for-good"),
        pytest.param([_result("authorized"), _result("refused")], 207, id="mixed"),
        pytest.param([_result("rejected"), _result("refused")], 207, id="two-kinds-of-no"),
    ],
)
def test_the_status_says_what_became_of_it(outcomes: list[Outcome], status: int) -> None:
    """One kind of outcome has one status, several are 207; only 503 tells when to ask again."""
    report = Report("req-1", outcomes)
    answer = response(report)

    assert answer["statusCode"] == status
    assert ("Retry-After" in answer["headers"]) == (status == 503)
    assert json.loads(answer["body"]) == report.summary()
    assert answer["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("source", "awaited"),
    [
        pytest.param("http", True, id="http"),
        pytest.param("http/eventbridge/ecs", True, id="announcement-over-http"),
        pytest.param("api-gateway", True, id="api-gateway"),
        pytest.param("http-async", False, id="asynchronous"),
        pytest.param("smq-queue/http", False, id="inside-a-message"),
        pytest.param("fc-destination/http", False, id="dead-letter"),
    ],
)
def test_who_waits_for_an_answer(source: str, *, awaited: bool) -> None:
    """Only the outermost wrapper tells whether a client waits."""
    assert Record(source, "", "", Ignored("", ""), "{}").is_awaited is awaited


def _http(body: str) -> bytes:
    event = {"version": "v1", "rawPath": "/", "headers": {}, "queryParameters": {}, "body": body}
    return json.dumps({**event, "isBase64Encoded": False, "requestContext": {"requestId": "1-x"}}).encode()


def _runtime(invoke: Invoker) -> Runtime:
    key = invoke.credentials
    environment = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": key.security_token,
    }
    return Runtime("set_vpc_access", invoke.configure(), environment)


def test_a_client_gets_a_response(invoke: Invoker) -> None:
    """An HTTP request is answered by what the trigger turns into a response, with the VpcAccessId in its body."""
    answer = _runtime(invoke).invoke(_http(json.dumps(request())), SimpleNamespace(request_id="req-1"))
    (entry,) = invoke.accesses()

    assert isinstance(answer, dict)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["results"][0]["vpc_access_id"] == entry["VpcAccessId"]


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        pytest.param(json.dumps(request()).encode(), {"authorized": 1}, id="bytes"),
        pytest.param(json.dumps(request()), {"authorized": 1}, id="text"),
        pytest.param(request(), {"authorized": 1}, id="object"),
        pytest.param([request(), request(Name="orders-2", Port=22)], {"authorized": 1, "refused": 1}, id="list"),
        pytest.param(None, {"rejected": 1}, id="none"),
        pytest.param('{"Name": "\ud800"}', {"rejected": 1}, id="half-a-surrogate-pair"),
    ],
)
def test_everybody_else_gets_the_summary(invoke: Invoker, event: Any, counts: dict[str, int]) -> None:
    """Any other invocation returns the summary as JSON text, whether its event is bytes, text or what JSON holds."""
    answer = _runtime(invoke).invoke(event, SimpleNamespace(request_id="req-1"))

    assert isinstance(answer, str)
    assert json.loads(answer)["counts"] == counts


@pytest.mark.parametrize(
    ("wrap", "again"),
    [
        pytest.param(_http, False, id="http"),
        pytest.param(lambda body: body.encode(), True, id="everybody-else"),
        pytest.param(
            lambda body: b"[" + _http(body) + b"," + body.encode() + b"]", True, id="a-batch-with-one-like-it"
        ),
    ],
)
def test_a_client_is_promised_no_redelivery(invoke: Invoker, wrap: Callable[[str], bytes], *, again: bool) -> None:
    """Nobody delivers an HTTP request again, so its result does not say that it will be tried again."""
    invoke.given(faults=[{"operation": "CloudAPI.SetVpcAccess", "status": 403, "code": "NoPermission"}])
    with suppress(RetryNeeded):
        _runtime(invoke).invoke(wrap(json.dumps(request())), SimpleNamespace(request_id="req-1"))

    assert {message["data"]["WillRetry"] for message in invoke.messages()} == {again}


FRESH = SimpleNamespace(access_key_id="fresh", access_key_secret="s1", security_token="t1")
STALE = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "stale",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s2",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "t2",
}


@pytest.mark.parametrize(
    ("context", "environment", "key"),
    [
        pytest.param(SimpleNamespace(credentials=FRESH), STALE, ("fresh", "s1", "t1"), id="both"),
        pytest.param(SimpleNamespace(credentials=FRESH), {}, ("fresh", "s1", "t1"), id="context"),
        pytest.param(SimpleNamespace(), STALE, ("stale", "s2", "t2"), id="python3.12"),
        pytest.param(SimpleNamespace(credentials=None), STALE, ("stale", "s2", "t2"), id="none"),
        pytest.param(None, STALE, ("stale", "s2", "t2"), id="no-context"),
        pytest.param(
            SimpleNamespace(credentials=SimpleNamespace(access_key_id="", access_key_secret="", security_token=None)),
            STALE,
            ("stale", "s2", "t2"),
            id="no-role",
        ),
        pytest.param(
            SimpleNamespace(credentials=SimpleNamespace(access_key_id="half")), STALE, ("stale", "s2", "t2"), id="half"
        ),
        pytest.param(
            SimpleNamespace(
                credentials=SimpleNamespace(access_key_id="fresh", access_key_secret="s1", security_token=None)
            ),
            STALE,
            ("fresh", "s1", ""),
            id="without-token",
        ),
    ],
)
def test_the_key_that_an_invocation_brings_goes_first(
    context: Any, environment: dict[str, str], key: tuple[str, ...]
) -> None:
    """The environment is as old as the instance; the context is new with each invocation, where the runtime fills it."""
    assert credentials(environment, context) == Credentials(*key)


@pytest.mark.parametrize(
    ("context", "environment", "said"),
    [
        pytest.param(None, {}, "give the function a role", id="nowhere"),
        pytest.param(
            None, {**STALE, "ALIBABA_CLOUD_SECURITY_TOKEN": "t\n2"}, "_SECURITY_TOKEN holds", id="environment"
        ),
        pytest.param(
            SimpleNamespace(
                credentials=SimpleNamespace(access_key_id="a\u00e9", access_key_secret="s", security_token="")
            ),
            STALE,
            "context.credentials.access_key_id holds",
            id="context",
        ),
    ],
)
def test_a_key_that_cannot_be_one_is_told(context: Any, environment: dict[str, str], said: str) -> None:
    """A missing or garbled key is named by where it came from, and never shown."""
    with pytest.raises(SettingsError, match=said):
        credentials(environment, context)


def test_a_stale_key_in_the_environment_is_not_used(invoke: Invoker) -> None:
    """The cloud would refuse it; the invocation's own key signs every call."""
    key = invoke.credentials
    runtime = Runtime("set_vpc_access", invoke.configure(), STALE)
    context = SimpleNamespace(request_id="req-1", credentials=SimpleNamespace(**key._asdict()))

    assert json.loads(str(runtime.invoke(request(), context)))["counts"] == {"authorized": 1}


def test_nothing_is_raised_at_a_client(invoke: Invoker) -> None:
    """What would be raised for a redelivery is a 503 over HTTP, since the platform would hide an error behind 502."""
    invoke.given(faults=[{"operation": "CloudAPI.SetVpcAccess", "status": 403, "code": "NoPermission"}])
    answer = _runtime(invoke).invoke(_http(json.dumps(request())), SimpleNamespace(request_id="req-1"))

    assert isinstance(answer, dict)
    assert answer["statusCode"] == 503
