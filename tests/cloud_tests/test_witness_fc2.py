"""``aliyun-fc2``, the vendor's client for FC 2.0, drives the local Function Compute over a socket."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import fc2
import pytest

from tests.cloud.core import ServiceError
from tests.cloud.fc import AsyncConfig, FunctionConfig, HttpTrigger
from tests.cloud.fc.handlers import installed_runtimes, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.core import Credential
    from tests.cloud.fc import FunctionCompute
    from tests.cloud.fixtures import Served

pytestmark = [pytest.mark.enable_socket]

SOURCE = """
    import json
    def handler(event, context):
        print("saw", event.decode())
        if event == b"fail":
            raise ValueError("something is wrong")
        if event[:1] == b"{" and json.loads(event).get("version") == "v1":
            return {"statusCode": 201, "headers": {"X-Path": json.loads(event)["rawPath"]}, "body": "made"}
        return event
"""


@pytest.fixture
def served(cloud: Served, tmp_path: Path) -> Served:
    """A served stand-in with the function ``demo/echo``, reachable over HTTP by a signed trigger as well."""
    fc: FunctionCompute = cloud.products["FC"]
    fc.create_function(
        FunctionConfig(
            "echo",
            write(tmp_path / "echo", SOURCE),
            service="demo",
            triggers=(HttpTrigger("web", auth_type="function"),),
            async_config=AsyncConfig(max_retry_attempts=0),
        )
    )
    return cloud


def client(cloud: Served, credential: Credential | None = None, **changes: str) -> fc2.Client:
    """Return the vendor's client with the credential's keys."""
    key = credential or cloud.credential
    keys = {
        "accessKeyID": key.access_key_id,
        "accessKeySecret": key.access_key_secret,
        "securityToken": key.security_token,
        **changes,
    }
    return fc2.Client(endpoint=cloud.endpoint, **keys)


@pytest.mark.parametrize("qualifier", [None, "LATEST"])
@pytest.mark.parametrize("temporary", [False, True], ids=["permanent-key", "sts-key"])
def test_fc2_invokes_and_gets_the_bytes_back(served: Served, temporary: bool, qualifier: str | None) -> None:
    """A synchronous call returns what the function returned, with a permanent key and with a token."""
    key = served.temporary if temporary else served.credential
    answer = client(served, key).invoke_function("demo", "echo", payload=b"\xc3\xa4", qualifier=qualifier)
    assert answer.data == b"\xc3\xa4"
    assert answer.headers["X-Fc-Request-Id"]
    (entry,) = served.world.journal("FC.InvokeFunction")
    assert (entry.status, entry.action, entry.access_key_id) == (200, "fc:InvokeFunction", key.access_key_id)


def test_fc2_reads_the_log_tail(served: Served) -> None:
    """With ``x-fc-log-type: Tail`` the last 4 KB of the log come in a header."""
    answer = client(served).invoke_function("demo", "echo", payload=b"x" * 5000, headers={"x-fc-log-type": "Tail"})
    log = base64.b64decode(answer.headers["X-Fc-Log-Result"])
    assert len(log) == 4096
    assert log.endswith(f"FC Invoke End RequestId: {answer.headers['X-Fc-Request-Id']}\n".encode())


def test_fc2_submits_asynchronously(served: Served) -> None:
    """``Async`` is answered 202 without a body, and the function runs."""
    answer = client(served).invoke_function("demo", "echo", payload=b"later", headers={"x-fc-invocation-type": "Async"})
    assert answer.data == b""
    served.products["FC"].drain()
    assert "saw later" in served.products["FC"].logs("echo")
    (entry,) = served.world.journal("FC.InvokeFunction")
    assert entry.status == 202


def test_fc2_is_told_of_a_task_that_exists(served: Served) -> None:
    """The same task id a second time is refused with 409."""
    headers = {"x-fc-invocation-type": "Async", "x-fc-stateful-async-invocation-id": "task-1"}
    client(served).invoke_function("demo", "echo", headers=dict(headers))
    with pytest.raises(fc2.FcError) as raised:
        client(served).invoke_function("demo", "echo", headers=dict(headers))
    assert (raised.value.status_code, raised.value.err_code) == (409, "StatefulAsyncInvocationAlreadyExists")


def test_fc2_raises_a_function_error(served: Served) -> None:
    """A function error comes with HTTP 200 and still is an exception of this client."""
    with pytest.raises(fc2.FcError) as raised:
        client(served).invoke_function("demo", "echo", payload=b"fail")
    assert raised.value.status_code == 200
    assert json.loads(raised.value.message)["errorType"] == "ValueError"


@pytest.mark.parametrize(
    ("service", "function", "qualifier", "status", "code"),
    [
        pytest.param("none", "echo", None, 404, "ServiceNotFound", id="service"),
        pytest.param("demo", "none", None, 404, "FunctionNotFound", id="function"),
        pytest.param("demo", "echo", "prod", 404, "AliasNotFound", id="qualifier"),
    ],
)
def test_fc2_is_told_what_does_not_exist(
    served: Served, service: str, function: str, qualifier: str | None, status: int, code: str
) -> None:
    """A missing service, function or alias is a 404 with the vendor's code and a request id."""
    with pytest.raises(fc2.FcError) as raised:
        client(served).invoke_function(service, function, qualifier=qualifier)
    assert (raised.value.status_code, raised.value.err_code) == (status, code)
    assert raised.value.request_id != "unknown"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"accessKeySecret": "test-other-secret"}, 403, "SignatureNotMatch", id="secret"),
        pytest.param({"accessKeyID": "test-unknown-id"}, 403, "InvalidAccessKeyID", id="key-id"),
        pytest.param({"securityToken": "test-wrong-token"}, 403, "InvalidAccessKeyID", id="token"),
    ],
)
def test_fc2_with_wrong_keys_is_refused(served: Served, changes: dict[str, Any], status: int, code: str) -> None:
    """Key id, secret and token are checked, each with its code."""
    with pytest.raises(fc2.FcError) as raised:
        client(served, **changes).invoke_function("demo", "echo")
    assert (raised.value.status_code, raised.value.err_code) == (status, code)


def test_fc2_outside_the_clock_window_is_refused(served: Served) -> None:
    """A date more than 15 minutes from the server's is refused."""
    served.world.clock.skew = 16 * 60
    with pytest.raises(fc2.FcError) as raised:
        client(served).invoke_function("demo", "echo")
    assert (raised.value.status_code, raised.value.err_code) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(503, "ServiceUnavailable", id="503"),
        pytest.param(429, "ResourceExhausted", id="429"),
    ],
)
def test_fc2_meets_a_fault_in_fcs_dialect(served: Served, status: int, code: str) -> None:
    """An injected refusal reaches the client as its own error type; the next call works."""
    served.faults.set([{"operation": "FC.InvokeFunction", "nth": 1, "status": status, "code": code}])
    with pytest.raises(fc2.FcError) as raised:
        client(served).invoke_function("demo", "echo")
    assert (raised.value.status_code, raised.value.err_code) == (status, code)
    assert client(served).invoke_function("demo", "echo", payload=b"x").data == b"x"


def test_fc2_is_throttled_at_the_instance_limit(served: Served, tmp_path: Path) -> None:
    """A function without a free instance answers 429 ResourceExhausted."""
    fc: Any = served.products["FC"]
    fc.create_function(FunctionConfig("full", write(tmp_path / "full", SOURCE), service="demo", max_instances=0))
    with pytest.raises(fc2.FcError) as raised:
        client(served).invoke_function("demo", "full")
    assert (raised.value.status_code, raised.value.err_code) == (429, "ResourceExhausted")
    with pytest.raises(ServiceError):
        fc.invoke("full")


def test_fc2_reaches_an_http_trigger(served: Served) -> None:
    """``do_http_request`` signs path and query; the dict a function returns becomes the response."""
    answer = client(served).do_http_request(
        "POST", "demo", "echo", "/a/b", params={"q": ["1", "2"], "r": "x y"}, body="hi"
    )
    assert (answer.status_code, answer.headers["X-Path"], answer.text) == (201, "/a/b", "made")
    refused = client(served, accessKeySecret="test-other-secret").do_http_request("GET", "demo", "echo", "/")
    assert (refused.status_code, refused.json()["ErrorCode"]) == (403, "SignatureNotMatch")


def test_fc2_brings_its_own_code(cloud: Served, tmp_path: Path) -> None:
    """Service and function are made, shown, invoked and deleted through the vendor's client."""
    fc, code = client(cloud), write(tmp_path / "own", SOURCE)
    runtime = next(iter(installed_runtimes()))
    fc.create_service("mine")
    made = fc.create_function(
        "mine", "own", runtime, "index.handler", codeDir=str(code), timeout=10, environmentVariables={"OWNER": "team"}
    )
    assert (made.data["functionName"], made.data["timeout"]) == ("own", 10)
    assert fc.get_function("mine", "own").data["environmentVariables"] == {"OWNER": "team"}
    assert fc.invoke_function("mine", "own", payload=b"x").data == b"x"
    fc.delete_function("mine", "own")
    assert fc.get_service("mine").data == {"serviceName": "mine"}
    fc.delete_service("mine")
    with pytest.raises(fc2.FcError) as raised:
        fc.get_service("mine")
    assert raised.value.err_code == "ServiceNotFound"


@pytest.mark.parametrize(
    ("service", "function", "runtime", "code"),
    [
        pytest.param("none", "new", "", "ServiceNotFound", id="no-service"),
        pytest.param("demo", "echo", "", "FunctionAlreadyExists", id="taken"),
        pytest.param("demo", "new", "python3.99", "InvalidArgument", id="runtime"),
        pytest.param("demo", "1new", "", "InvalidArgument", id="name"),
    ],
)
def test_fc2_cannot_make_this_function(
    served: Served, tmp_path: Path, service: str, function: str, runtime: str, code: str
) -> None:
    """No service, a taken name, a runtime nobody has or a name that breaks the rules."""
    directory, name = write(tmp_path / "own", SOURCE), runtime or next(iter(installed_runtimes()))
    with pytest.raises(fc2.FcError) as raised:
        client(served).create_function(service, function, name, "index.handler", codeDir=str(directory))
    assert raised.value.err_code == code


def test_fc2_cannot_make_a_service_twice_or_delete_one_in_use(served: Served) -> None:
    """Both are 409 with a code of their own."""
    for call, code in (("create_service", "ServiceAlreadyExists"), ("delete_service", "ServiceNotEmpty")):
        with pytest.raises(fc2.FcError) as raised:
            getattr(client(served), call)("demo")
        assert (raised.value.status_code, raised.value.err_code) == (409, code)
