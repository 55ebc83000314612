"""``alibabacloud_fc20230330``, the vendor's client for FC 3.0, drives the local Function Compute over a socket."""

from __future__ import annotations

import base64
import io
import json
import textwrap
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from darabonba.runtime import RuntimeOptions

from tests.cloud.fc import AsyncConfig, FunctionConfig
from tests.cloud.fc.handlers import installed_runtimes, write
from tests.sdk import config_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.core import Credential
    from tests.cloud.fc import FunctionCompute
    from tests.cloud.fixtures import Served

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:alibabacloud_tea_openapi"),
]

SOURCE = """
    def handler(event, context):
        print("saw", event.decode())
        if event == b"fail":
            raise ValueError("something is wrong")
        return event
"""


@pytest.fixture
def served(cloud: Served, tmp_path: Path) -> Served:
    """A served stand-in with the function ``echo`` of FC 3.0 and ``old`` in the service ``demo`` of FC 2.0."""
    fc: FunctionCompute = cloud.products["FC"]
    code = write(tmp_path / "echo", SOURCE)
    fc.create_function(FunctionConfig("echo", code, async_config=AsyncConfig(max_retry_attempts=0)))
    fc.create_function(FunctionConfig("old", code, service="demo"))
    return cloud


def client(cloud: Served, key: Credential | None = None, **changes: Any) -> Any:
    """Return the vendor's client with the credential's keys."""
    return Client(config_of(cloud.endpoint, key or cloud.credential, **changes))


def invoke(
    cloud: Served,
    function: str = "echo",
    body: bytes = b"",
    *,
    key: Credential | None = None,
    headers: dict[str, str] | None = None,
    qualifier: str | None = None,
    **changes: Any,
) -> Any:
    """Invoke through the vendor's client and return its response."""
    return client(cloud, key, **changes).invoke_function_with_options(
        function,
        models.InvokeFunctionRequest(body=body, qualifier=qualifier),
        models.InvokeFunctionHeaders(**(headers or {})),
        RuntimeOptions(autoretry=False),
    )


@pytest.mark.parametrize("temporary", [False, True], ids=["permanent-key", "sts-key"])
def test_fc3_invokes_and_gets_the_bytes_back(served: Served, temporary: bool) -> None:
    """A synchronous call returns what the function returned; the signature covers the ``x-fc-*`` headers."""
    key = served.temporary if temporary else served.credential
    answer = invoke(served, body=b"\xc3\xa4", key=key, qualifier="LATEST")
    assert (answer.status_code, answer.body.read()) == (200, b"\xc3\xa4")
    assert answer.headers["x-fc-request-id"]
    (entry,) = served.world.journal("FC.InvokeFunction")
    assert (entry.status, entry.access_key_id) == (200, key.access_key_id)


def test_fc3_reaches_a_function_of_a_service_by_its_dollar_name(served: Served) -> None:
    """A function made in FC 2.0 shows in 3.0 as ``service$name``."""
    assert invoke(served, "demo$old", b"x").body.read() == b"x"


def test_fc3_reads_the_log_tail(served: Served) -> None:
    """``Tail`` brings the last 4 KB of the log in a header."""
    answer = invoke(served, body=b"x" * 5000, headers={"x_fc_log_type": "Tail"})
    log = base64.b64decode(answer.headers["x-fc-log-result"])
    assert len(log) == 4096
    assert log.rstrip().endswith(answer.headers["x-fc-request-id"].encode())


def test_fc3_submits_asynchronously_and_once_per_task(served: Served) -> None:
    """``Async`` is answered 202 without a body; the task id a second time is 409."""
    headers = {"x_fc_invocation_type": "Async", "x_fc_async_task_id": "task-1"}
    answer = invoke(served, body=b"later", headers=headers)
    assert (answer.status_code, answer.body.read()) == (202, b"")
    served.products["FC"].drain()
    assert "saw later" in served.products["FC"].logs("echo")
    with pytest.raises(ClientException) as raised:
        invoke(served, headers=headers)
    assert (raised.value.status_code, raised.value.code) == (409, "StatefulAsyncInvocationAlreadyExists")


def test_fc3_shows_a_function_error_in_a_header(served: Served) -> None:
    """A function error is a 200 for this client; header and body tell."""
    answer = invoke(served, body=b"fail")
    assert (answer.status_code, answer.headers["x-fc-error-type"]) == (200, "UnhandledInvocationError")
    assert json.loads(answer.body.read())["errorMessage"] == "something is wrong"


@pytest.mark.parametrize(
    ("function", "qualifier", "code"),
    [
        pytest.param("none", None, "FunctionNotFound", id="function"),
        pytest.param("old", None, "FunctionNotFound", id="function-of-a-service"),
        pytest.param("echo", "prod", "AliasNotFound", id="qualifier"),
    ],
)
def test_fc3_is_told_what_does_not_exist(served: Served, function: str, qualifier: str | None, code: str) -> None:
    """404 with code, message and request id."""
    with pytest.raises(ClientException) as raised:
        invoke(served, function, qualifier=qualifier)
    assert (raised.value.status_code, raised.value.code) == (404, code)
    assert raised.value.request_id


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"access_key_secret": "test-other-secret"}, "SignatureDoesNotMatch", id="secret"),
        pytest.param({"access_key_id": "test-unknown-id"}, "InvalidAccessKeyId.NotFound", id="key-id"),
    ],
)
def test_fc3_with_wrong_keys_is_refused(served: Served, changes: dict[str, Any], code: str) -> None:
    """Key id and signature are checked."""
    with pytest.raises(ClientException) as raised:
        invoke(served, **changes)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        pytest.param(503, "ServiceUnavailable", ServerException, id="503"),
        pytest.param(429, "ResourceExhausted", ClientException, id="429"),
    ],
)
def test_fc3_meets_a_fault_in_its_dialect(served: Served, status: int, code: str, kind: type[Exception]) -> None:
    """An injected refusal becomes the exception type that the client has for it."""
    served.faults.set([{"operation": "FC.InvokeFunction", "nth": 1, "status": status, "code": code}])
    with pytest.raises(kind) as raised:
        invoke(served)
    assert getattr(raised.value, "code", None) == code


def test_fc3_brings_its_own_code(cloud: Served) -> None:
    """A function is made from a zip, shown, invoked and deleted through the vendor's client."""
    fc, archive = client(cloud), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("index.py", textwrap.dedent(SOURCE))
    made = fc.create_function(
        models.CreateFunctionRequest(
            body=models.CreateFunctionInput(
                function_name="own",
                runtime=next(iter(installed_runtimes())),
                handler="index.handler",
                timeout=10,
                code=models.InputCodeLocation(zip_file=base64.b64encode(archive.getvalue()).decode()),
            )
        )
    )
    assert (made.body.function_name, made.body.timeout) == ("own", 10)
    assert fc.get_function("own", models.GetFunctionRequest()).body.handler == "index.handler"
    assert invoke(cloud, "own", b"x").body.read() == b"x"
    assert fc.delete_function("own").status_code == 204
    with pytest.raises(ClientException) as raised:
        invoke(cloud, "own")
    assert raised.value.code == "FunctionNotFound"
