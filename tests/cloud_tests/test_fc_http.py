"""The HTTP face of the local Function Compute: signatures, refusals, HTTP triggers, control routes."""

from __future__ import annotations

import base64
import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request

from tests.cloud.fc import FunctionConfig, HttpTrigger, QueueTrigger, TimerTrigger, signing
from tests.cloud.fc.handlers import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.test import TestResponse

    from tests.cloud.fixtures import Served

INVOKE = "/2016-08-15/services/demo/functions/echo/invocations"
EMPTY_ZIP = base64.b64encode(b"PK\5\6" + bytes(18)).decode()
HTTP_SOURCE = """
    import json
    def handler(event, context):
        request = json.loads(event)
        if request["rawPath"] == "/echo":
            return request
        if request["rawPath"] == "/fail":
            raise ValueError("secret detail")
        if request["rawPath"] == "/binary":
            return {"statusCode": 200, "isBase64Encoded": True, "body": "/w=="}
        if request["rawPath"] == "/plain":
            return "just text"
        return {"statusCode": 204}
"""


@pytest.fixture
def echo(inner_cloud: Served, tmp_path: Path) -> Served:
    """A stand-in with ``demo/echo``, which returns what it gets."""
    code = write(tmp_path / "echo", "def handler(event, context):\n    return event\n")
    inner_cloud.products["FC"].create_function(FunctionConfig("echo", code, service="demo"))
    return inner_cloud


@pytest.fixture
def web(inner_cloud: Served, tmp_path: Path) -> Served:
    """A stand-in with ``web`` behind an anonymous HTTP trigger, ``closed`` behind a signed one, ``none`` without."""
    code = write(tmp_path / "web", HTTP_SOURCE)
    fc = inner_cloud.products["FC"]
    fc.create_function(FunctionConfig("web", code, triggers=(HttpTrigger("http", methods=("GET", "POST")),)))
    fc.create_function(FunctionConfig("closed", code, triggers=(HttpTrigger("http", auth_type="function"),)))
    fc.create_function(FunctionConfig("none", code))
    return inner_cloud


def _signed(cloud: Served, path: str = INVOKE, method: str = "POST", **headers: str) -> dict[str, str]:
    """Return the headers of a correctly signed FC 2.0 request."""
    fields: dict[str, str] = {
        "Date": formatdate(cloud.world.clock.now(), usegmt=True),
        "Content-Type": "application/json",
        **headers,
    }
    request = Request(EnvironBuilder(path=path, method=method, headers=list(fields.items())).get_environ())
    key = cloud.credential
    signature = signing.signature(key.access_key_secret, signing.string_to_sign(request))
    return {**fields, "Authorization": f"FC {key.access_key_id}:{signature}"}


def _call(cloud: Served, path: str = INVOKE, method: str = "POST", **options: Any) -> TestResponse:
    return Client(cloud.app).open(path, method=method, **options)


def _json(answer: TestResponse) -> Any:
    return json.loads(answer.data)


def test_the_text_to_sign_and_its_signature() -> None:
    """The text to sign and the signature of a request as ``aliyun-fc2`` sends it, worked out by hand."""
    headers = {
        "Date": "Mon, 23 Nov 2026 09:00:00 GMT",
        "Content-Type": "application/json",
        "X-Fc-B": "2",
        "X-Fc-A": "1",
    }
    builder = EnvironBuilder(
        path="/2016-08-15/proxy/s/f/a b", method="GET", headers=list(headers.items()), query_string="z=1&a=2%203"
    )
    text = signing.string_to_sign(Request(builder.get_environ()))
    assert text == (
        "GET\n\napplication/json\nMon, 23 Nov 2026 09:00:00 GMT\nx-fc-a:1\nx-fc-b:2\n"
        "/2016-08-15/proxy/s/f/a b\na=2 3\nz=1"
    )
    assert signing.signature("test-access-key-secret", text) == "U+bwCGvIgsdooPuBch/KjtUQjZYDdg5qRa5nbmYVhvI="


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        pytest.param(dict.copy, 200, None, id="untouched"),
        pytest.param(lambda h: h.pop("Authorization"), 400, "MissingRequiredHeader", id="no-authorization"),
        pytest.param(lambda h: h.update(Authorization="Basic x"), 403, "SignatureNotMatch", id="scheme"),
        pytest.param(lambda h: h.update(Authorization="FC nobody:x"), 403, "InvalidAccessKeyID", id="key-id"),
        pytest.param(
            lambda h: h.update(Authorization=h["Authorization"][:-4] + "AAA="), 403, "SignatureNotMatch", id="signature"
        ),
        pytest.param(lambda h: h.update({"Content-Type": "text/plain"}), 403, "SignatureNotMatch", id="content-type"),
        pytest.param(lambda h: h.update({"X-Fc-Log-Type": "Tail"}), 403, "SignatureNotMatch", id="x-fc-header"),
        pytest.param(
            lambda h: h.update({"X-Fc-Security-Token": "test-security-token"}), 403, "InvalidAccessKeyID", id="token"
        ),
        pytest.param(lambda h: h.update({"Content-Md5": "x"}), 403, "SignatureNotMatch", id="md5"),
        pytest.param(
            lambda h: h.update({"Date": "Mon, 23 Nov 2020 09:00:00 GMT"}), 403, "SignatureNotMatch", id="date"
        ),
    ],
)
def test_one_thing_wrong_is_refused_with_its_code(
    echo: Served, change: Callable[[dict[str, str]], object], status: int, code: str | None
) -> None:
    """A request that differs from the signed one in one thing is refused, each with its own code."""
    headers = _signed(echo)
    change(headers)
    answer = _call(echo, headers=headers)
    assert (answer.status_code, _json(answer)["ErrorCode"] if answer.status_code != 200 else None) == (
        status,
        code,
    )
    assert answer.headers["X-Fc-Request-Id"]


@pytest.mark.parametrize(
    ("date", "status", "code"),
    [
        pytest.param(-14 * 60, 200, None, id="14-minutes-old"),
        pytest.param(-16 * 60, 403, "AccessDenied", id="16-minutes-old"),
        pytest.param(16 * 60, 403, "AccessDenied", id="16-minutes-ahead"),
        pytest.param("yesterday", 400, "InvalidArgument", id="no-date"),
    ],
)
def test_the_clock_is_checked(echo: Served, date: float | str, status: int, code: str | None) -> None:
    """15 minutes either way are tolerated."""
    text = date if isinstance(date, str) else formatdate(echo.world.clock.now() + date, usegmt=True)
    answer = _call(echo, headers=_signed(echo, Date=text))
    assert answer.status_code == status
    assert code is None or _json(answer)["ErrorCode"] == code


def test_an_expired_token_and_a_missing_right_are_refused(echo: Served, tmp_path: Path) -> None:
    """A role's key whose time is up, and one that may not invoke, get different answers."""
    fc = echo.products["FC"]
    code = write(tmp_path / "f", "def handler(event, context):\n    pass\n")
    role = fc.create_function(FunctionConfig("f", code, role_actions=frozenset())).role
    key = role.current()

    def call() -> TestResponse:
        headers = {"Date": formatdate(echo.world.clock.now(), usegmt=True), "X-Fc-Security-Token": key.security_token}
        request = Request(EnvironBuilder(path=INVOKE, method="POST", headers=list(headers.items())).get_environ())
        signature = signing.signature(key.access_key_secret, signing.string_to_sign(request))
        return _call(echo, headers={**headers, "Authorization": f"FC {key.access_key_id}:{signature}"})

    assert _json(call())["ErrorCode"] == "AccessDenied"
    role.expire()
    assert _json(call())["ErrorCode"] == "InvalidAccessKeyID"


@pytest.mark.parametrize(
    ("path", "method", "headers", "code"),
    [
        pytest.param("/2016-08-15/triggers", "POST", {}, "PathNotSupported", id="path"),
        pytest.param(INVOKE, "GET", {}, "PathNotSupported", id="method"),
        pytest.param(INVOKE, "POST", {"X-Fc-Invocation-Type": "Later"}, "InvalidArgument", id="invocation-type"),
        pytest.param(INVOKE, "POST", {"X-Fc-Log-Type": "All"}, "InvalidArgument", id="log-type"),
        pytest.param(
            INVOKE, "POST", {"X-Fc-Invocation-Type": "Async", "X-Fc-Async-Delay": "-1"}, "InvalidArgument", id="delay"
        ),
    ],
)
def test_what_the_api_does_not_have_is_refused(
    echo: Served, path: str, method: str, headers: dict[str, str], code: str
) -> None:
    """Unknown paths, methods and header values are 400 with the vendor's code."""
    answer = _call(echo, path, method, headers=_signed(echo, path, method, **headers))
    assert (answer.status_code, _json(answer)["ErrorCode"]) == (400, code)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"no json", "not a JSON object", id="no-json"),
        pytest.param(b"{}", "holds no zip", id="no-code"),
        pytest.param(b'{"code": {"zipFile": "?"}}', "not Base64", id="no-base64"),
        pytest.param(json.dumps({"code": {"zipFile": EMPTY_ZIP}}).encode(), "functionName is missing", id="no-name"),
    ],
)
def test_a_function_that_cannot_be_made_is_refused(echo: Served, body: bytes, reason: str) -> None:
    """What is missing in a CreateFunction is named."""
    path = "/2016-08-15/services/demo/functions"
    answer = _call(echo, path, data=body, headers=_signed(echo, path))
    assert (answer.status_code, _json(answer)["ErrorCode"]) == (400, "InvalidArgument")
    assert reason in _json(answer)["ErrorMessage"]


def test_a_refusal_is_in_the_dialect_of_its_version(echo: Served) -> None:
    """FC 2.0 says ErrorCode and ErrorMessage, 3.0 Code, Message and RequestId."""
    assert set(_json(_call(echo, "/2016-08-15/nothing"))) == {"ErrorCode", "ErrorMessage"}
    assert set(_json(_call(echo, "/2023-03-30/nothing"))) == {"Code", "Message", "RequestId"}


@pytest.mark.parametrize(
    ("body", "content_type", "seen", "encoded"),
    [
        pytest.param(b'{"a":1}', "application/json", '{"a":1}', False, id="json"),
        pytest.param("ä".encode(), "text/plain; charset=utf-8", "ä", False, id="text"),
        pytest.param(b"\xff", "application/octet-stream", "/w==", True, id="binary"),
        pytest.param(b"", None, "", True, id="empty"),
    ],
)
def test_a_request_becomes_the_v1_event(
    web: Served, body: bytes, content_type: str | None, seen: str, encoded: bool
) -> None:
    """Method, path, joined queries and headers, and the body, Base64 unless it is text."""
    headers = [("X-A", "1"), ("X-A", "2"), ("User-Agent", "witness")]
    answer = _call(web, "/http/web/echo?q=1&q=2&r=x+y", data=body, content_type=content_type, headers=headers)
    event = _json(answer)
    assert (event["version"], event["rawPath"], event["body"], event["isBase64Encoded"]) == (
        "v1",
        "/echo",
        seen,
        encoded,
    )
    assert event["queryParameters"] == {"q": "1,2", "r": "x y"}
    assert event["headers"]["X-A"].replace(" ", "") == "1,2"
    context = event["requestContext"]
    assert set(context) == {"accountId", "domainName", "domainPrefix", "requestId", "time", "timeEpoch", "http"}
    assert isinstance(context["timeEpoch"], str)
    assert context["http"] == {
        "method": "POST",
        "path": "/echo",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "witness",
    }


@pytest.mark.parametrize(
    ("path", "status", "body", "content_type"),
    [
        pytest.param("/http/web/", 204, b"", None, id="status"),
        pytest.param("/http/web/binary", 200, b"\xff", None, id="binary"),
        pytest.param("/http/web/plain", 200, b"just text", "application/json", id="no-status"),
        pytest.param("/http/web/fail", 502, b"Internal Server Error", None, id="error"),
    ],
)
def test_a_result_becomes_the_response(
    web: Served, path: str, status: int, body: bytes, content_type: str | None
) -> None:
    """A dict with statusCode is mapped, anything else is 200 JSON, an error is 502 without details."""
    answer = _call(web, path, "GET")
    assert (answer.status_code, answer.data) == (status, body)
    assert content_type in {None, answer.content_type}


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        pytest.param("/http/closed/", "GET", 400, "MissingRequiredHeader", id="unsigned"),
        pytest.param("/http/none/", "GET", 404, "TriggerNotFound", id="no-trigger"),
        pytest.param("/http/gone/", "GET", 404, "FunctionNotFound", id="no-function"),
        pytest.param("/http/web/", "PUT", 405, "MethodNotAllowed", id="method"),
    ],
)
def test_an_http_trigger_refuses(web: Served, path: str, method: str, status: int, code: str) -> None:
    """No signature where one is asked for, no trigger, no function, or a method that is not allowed."""
    answer = _call(web, path, method)
    assert (answer.status_code, _json(answer)["ErrorCode"]) == (status, code)


def test_an_http_trigger_takes_asynchronous_calls(web: Served) -> None:
    """With ``X-Fc-Invocation-Type: Async`` the answer is 202 and the function runs later."""
    answer = _call(web, "/http/web/x", headers={"X-Fc-Invocation-Type": "Async"})
    assert (answer.status_code, answer.data) == (202, b"")
    web.products["FC"].drain()
    assert len(web.products["FC"].function("web").logs) == 1


def _control(cloud: Served, method: str, route: str, body: Any) -> TestResponse:
    return _call(cloud, f"/_cloud/{route}", method, data=json.dumps(body))


def test_the_control_surface_deploys_and_drives_functions(inner_cloud: Served, tmp_path: Path) -> None:
    """A document deploys a function; timers, ECS changes, draining, logs, kill, rotation and deletion are routes."""
    code = write(tmp_path / "f", "def handler(event, context):\n    print(event.decode())\n")
    document = {
        "functionName": "f",
        "code": str(code),
        "triggers": [
            {
                "triggerName": "t",
                "triggerType": "timer",
                "triggerConfig": {"cronExpression": "@every 10m", "payload": "p"},
            },
            {
                "triggerName": "e",
                "triggerType": "eventbridge",
                "triggerConfig": {
                    "eventRuleFilterPattern": '{"source":["acs.ecs"]}',
                    "eventSourceConfig": {"eventSourceType": "Default"},
                },
            },
        ],
    }
    made = _control(inner_cloud, "PUT", "functions", document)
    assert _json(made) == {"functionName": "f", "functionArn": "acs:fc:cn-hangzhou:1234567890123456:functions/f"}
    _control(inner_cloud, "POST", "timers", {"triggerName": "t"})
    _control(inner_cloud, "POST", "ecs-state-changes", {"instanceId": "i-1"})
    _control(inner_cloud, "POST", "events", {"source": "acs.ecs", "type": "mine"})
    assert _control(inner_cloud, "POST", "drain", {}).status_code == 200
    logs = _json(_control(inner_cloud, "POST", "functions/logs", {"functionName": "f"}))["logs"]
    assert all(word in logs for word in ('"triggerName":"t"', '"resourceId":"i-1"', '"type":"mine"'))
    state = _json(_control(inner_cloud, "GET", "state", None))["products"]["FC"]["functions"]
    assert [(each["key"], each["invocations"], each["triggers"]) for each in state] == [("f", 3, ["t", "e"])]
    assert _control(inner_cloud, "POST", "functions/rotate-credentials", {"functionName": "f"}).status_code == 200
    assert _control(inner_cloud, "POST", "functions/kill", {"functionName": "f"}).status_code == 400  # none is left
    assert _control(inner_cloud, "DELETE", "functions", {"functionName": "f"}).status_code == 200
    assert _control(inner_cloud, "DELETE", "functions", {"functionName": "f"}).status_code == 400


def test_a_reset_forgets_functions(inner_cloud: Served, tmp_path: Path) -> None:
    """After ``POST /_cloud/reset`` no function, trigger or process is left, and deploying anew works."""
    fc = inner_cloud.products["FC"]
    code = write(tmp_path / "f", "def handler(event, context):\n    pass\n")
    triggers = (TimerTrigger("t"), QueueTrigger("q", "in"))
    function = fc.create_function(FunctionConfig("f", code, triggers=triggers))
    fc.invoke("f")
    fc.lost_records.append(("f", "somewhere", "some reason"))
    assert _control(inner_cloud, "POST", "reset", {}).status_code == 200
    assert (fc.functions, function.pool.instances, fc.lost_records) == ([], [], [])
    fc.create_function(FunctionConfig("f", code))
    assert fc.invoke("f").error_type == ""


def test_an_invocation_tells_about_itself_in_headers(echo: Served) -> None:
    """Request and instance id, duration, memory and version; the log only when asked for."""
    answer = _call(echo, data=b"x", headers=_signed(echo))
    assert answer.data == b"x"
    assert answer.headers["X-Fc-Instance-Id"].startswith("c-")
    assert float(answer.headers["X-Fc-Invocation-Duration"]) > 0
    assert int(answer.headers["X-Fc-Max-Memory-Usage"]) > 0
    assert answer.headers["X-Fc-Invocation-Service-Version"] == "LATEST"
    assert "X-Fc-Log-Result" not in answer.headers
    tail = _call(echo, data=b"x", headers=_signed(echo, **{"X-Fc-Log-Type": "Tail"})).headers["X-Fc-Log-Result"]
    assert base64.b64decode(tail).startswith(b"FC Invoke Start RequestId: ")
