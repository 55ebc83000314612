"""``python -m functions invoke`` on the local Function Compute, by both APIs, cross-checked with the vendor's client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from alibabacloud_fc20230330 import models
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from click.testing import CliRunner, Result
from darabonba.runtime import RuntimeOptions

from functions.__main__ import main
from functions._operator import access
from tests.cloud.fc import AsyncConfig, FunctionConfig
from tests.cloud.fc.handlers import write
from tests.cloud.fixtures import Served
from tests.deployed import Deployed
from tests.invoking import request

pytestmark = pytest.mark.enable_socket
SOURCE = """
    def handler(event, context):
        print("saw", len(event))
        if event == b"fail":
            raise ValueError("something is wrong")
        return event
"""
BOTH = [pytest.param([], id="3.0"), pytest.param(["--service", "demo"], id="2.0")]


@pytest.fixture
def served(cloud: Served, tmp_path: Path) -> Served:
    """A served stand-in with a function ``echo``, in FC 3.0 and in the service ``demo`` of FC 2.0."""
    code = write(tmp_path / "echo", SOURCE)
    for service in ("", "demo"):
        config = FunctionConfig("echo", code, service=service, async_config=AsyncConfig(max_retry_attempts=0))
        cloud.products["FC"].create_function(config)
    return cloud


def run(cloud: Served, tmp_path: Path, event: bytes, *arguments: str, **changes: str) -> Result:
    """Run the command on an event with the stand-in's key."""
    path = tmp_path / "event.json"
    path.write_bytes(event)
    environment = {
        "FC_ENDPOINT": cloud.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": cloud.temporary.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": cloud.temporary.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": cloud.temporary.security_token,
        **changes,
    }
    return CliRunner().invoke(main, ["invoke", str(path), *arguments], env=environment)


@pytest.mark.parametrize("service", BOTH)
def test_answer_log_and_request_id_are_shown(served: Served, tmp_path: Path, service: list[str]) -> None:
    """The answer goes to standard output as it came, the log's end and the request id to standard error."""
    done = run(served, tmp_path, b'{"n": 1}', "--function", "echo", *service)
    assert (done.exit_code, done.stdout) == (0, '{"n": 1}\n')
    assert "saw 8" in done.stderr
    (entry,) = served.world.journal("FC.InvokeFunction")
    assert entry.action == "fc:InvokeFunction"
    assert "request id " in done.stderr


@pytest.mark.parametrize("service", BOTH)
def test_event_can_be_queued(served: Served, tmp_path: Path, service: list[str]) -> None:
    """An asynchronous call is accepted at once, and the function runs."""
    done = run(served, tmp_path, b"later", "--function", "echo", "--async", *service)
    assert (done.exit_code, done.stdout) == (0, "accepted\n")
    queued = run(served, tmp_path, b"later", "--function", "echo", "--async", "--json", *service)
    assert f"request id {json.loads(queued.stdout)['request_id']}" in queued.stderr
    fc = served.products["FC"]
    fc.drain()
    function = next(each for each in fc.functions if each.config.service == (service[1] if service else ""))
    assert [b"saw 5" in log for _, log in function.logs] == [True, True]


@pytest.mark.parametrize("service", BOTH)
def test_failed_function_is_an_error(served: Served, tmp_path: Path, service: list[str]) -> None:
    """A function that raises answers HTTP 200; the command fails all the same and shows what it raised."""
    done = run(served, tmp_path, b"fail", "--function", "echo", *service)
    assert done.exit_code == 1
    assert "the function failed with" in done.stderr
    assert "something is wrong" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("service", BOTH)
def test_failed_function_is_told_once(served: Served, tmp_path: Path, service: list[str]) -> None:
    """What it raised stands in the error, and its stack once: in the log where there is one."""
    done = run(served, tmp_path, b"fail", "--function", "echo", *service)
    assert done.stderr.splitlines()[-1] == "Error: the function failed with ValueError: something is wrong"
    assert done.stderr.count("in handler") == 1


AUTHORIZED = {"outcome": "authorized", "name": "orders", "target": "i-1:80 in vpc-1"}


@pytest.mark.parametrize("service", BOTH)
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param({"results": [AUTHORIZED]}, 0, id="authorized"),
        pytest.param({"results": [AUTHORIZED, {"outcome": "refused"}]}, 3, id="refused"),
        pytest.param({"results": [{"outcome": "planned", "reason": "refuse: NameTaken"}]}, 3, id="dry-run"),
        pytest.param({"results": [{"outcome": "kept", "reason": "InUse"}]}, 3, id="kept"),
        pytest.param({"statusCode": 403, "body": '{"results": [{"outcome": "rejected"}]}'}, 3, id="http"),
        pytest.param({"statusCode": 503, "body": '{"results": [{"outcome": "failed", "retry": true}]}'}, 4, id="later"),
    ],
)
def test_summary_is_shown_as_run_shows_it(
    served: Served, tmp_path: Path, service: list[str], answer: Any, code: int
) -> None:
    """A summary is a table, or JSON of its own, and what became of its records is the exit code."""
    event, summary = json.dumps(answer).encode(), json.loads(answer.get("body", "null")) or answer
    shown = run(served, tmp_path, event, "--function", "echo", *service)
    printed = run(served, tmp_path, event, "--function", "echo", "--json", *service)

    first = shown.stdout.splitlines()
    assert [line.split()[0] for line in first] == ["outcome", *(result["outcome"] for result in summary["results"])]
    assert ("i-1:80 in vpc-1" in shown.stdout) == (AUTHORIZED in summary["results"])
    assert json.loads(printed.stdout) == summary
    assert (shown.exit_code, printed.exit_code) == (code, code)


@pytest.mark.parametrize("service", BOTH)
@pytest.mark.parametrize("arguments", [pytest.param([], id="table"), pytest.param(["--json"], id="json")])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"results": 1}, id="no-list"),
        pytest.param({"results": [1]}, id="no-records"),
        pytest.param({"results": ["outcome"]}, id="texts"),
        pytest.param(["results"], id="list"),
        pytest.param({"results": [{"no": "outcome"}]}, id="no-outcome"),
    ],
)
def test_another_answer_is_printed_as_it_came(
    served: Served, tmp_path: Path, service: list[str], arguments: list[str], answer: Any
) -> None:
    """An answer that is no summary of ours is not interpreted."""
    text = json.dumps(answer)
    done = run(served, tmp_path, text.encode(), "--function", "echo", *arguments, *service)
    assert (done.exit_code, done.stdout) == (0, text + "\n")


@pytest.mark.parametrize("service", BOTH)
def test_unknown_function_is_told(served: Served, tmp_path: Path, service: list[str]) -> None:
    """A name that Function Compute does not know is told in its words."""
    done = run(served, tmp_path, b"", "--function", "nobody", *service)
    assert done.exit_code == 1
    assert "FunctionNotFound" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "changes", "said"),
    [
        pytest.param([], {"ALIBABA_CLOUD_ACCESS_KEY_ID": ""}, "set ALIBABA_CLOUD_ACCESS_KEY_ID", id="key"),
        pytest.param([], {"FC_ENDPOINT": ""}, "set FC_ENDPOINT, or ALIBABA_CLOUD_ACCOUNT_ID", id="endpoint"),
        pytest.param([], {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "x"}, "SignatureDoesNotMatch", id="secret"),
        pytest.param([], {"FC_ENDPOINT": "http://0.0.0.0:9"}, "FC_ENDPOINT is 'http://0.0.0.0:9'", id="plain-endpoint"),
        pytest.param(["--doctor"], {}, "give an EVENT file, or --doctor", id="event-and-doctor"),
    ],
)
def test_what_is_missing_is_told(
    served: Served, tmp_path: Path, arguments: list[str], changes: dict[str, str], said: str
) -> None:
    """What the command needs and does not have is named."""
    done = run(served, tmp_path, b"{}", *arguments, **changes)
    assert done.exit_code != 0
    assert said in done.stderr


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        pytest.param({"FC_ENDPOINT": "http://127.0.0.1:8899/"}, "http://127.0.0.1:8899", id="given"),
        pytest.param(
            {"ALIBABA_CLOUD_ACCOUNT_ID": "123", "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou"},
            "https://123.cn-hangzhou.fc.aliyuncs.com",
            id="derived",
        ),
    ],
)
def test_endpoint_is_given_or_derived(environment: dict[str, str], endpoint: str) -> None:
    """FC_ENDPOINT wins; without it the account's own address in the region is used."""
    assert access.function_compute(environment) == endpoint


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        pytest.param(
            {"FC_ENDPOINT": "http://fc.example.com"}, "FC_ENDPOINT is 'http://fc.example.com'.*use https", id="plain"
        ),
        pytest.param({"FC_ENDPOINT": "http://127.0.0.1.example.com"}, "use https", id="lookalike"),
        pytest.param({"FC_ENDPOINT": "fc.example.com"}, "must be https://host", id="no-scheme"),
        pytest.param({"FC_ENDPOINT": "https://fc.example.com/2023-03-30"}, "without a path", id="path"),
        pytest.param({"FC_ENDPOINT": "https://fc.example.com:0"}, "port from 1 to 65535", id="port"),
        pytest.param(
            {"ALIBABA_CLOUD_ACCOUNT_ID": "1 3", "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou"},
            "FC_ENDPOINT would be 'https://1 3.cn-hangzhou",
            id="derived",
        ),
    ],
)
def test_key_and_event_go_to_https_or_this_machine_only(environment: dict[str, str], said: str) -> None:
    """An endpoint that is not https, nor this machine, is refused with its name before anything is signed."""
    with pytest.raises(click.ClickException, match=said):
        access.function_compute(environment)


@pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning:alibabacloud_tea_openapi")
@pytest.mark.parametrize(
    "event",
    [pytest.param(b"plain", id="text"), pytest.param("Größe".encode(), id="utf-8"), pytest.param(b"", id="empty")],
)
def test_our_request_means_what_the_vendors_means(served: Served, tmp_path: Path, event: bytes) -> None:
    """Our signed request and that of ``alibabacloud_fc20230330`` are the same operation with the same result."""
    config = Config(
        access_key_id=served.temporary.access_key_id,
        access_key_secret=served.temporary.access_key_secret,
        security_token=served.temporary.security_token,
        endpoint=served.endpoint.removeprefix("http://"),
        protocol="http",
    )
    headers = models.InvokeFunctionHeaders(x_fc_log_type="Tail")
    theirs: Any = Client(config).invoke_function_with_options(
        "echo", models.InvokeFunctionRequest(body=event), headers, RuntimeOptions()
    )
    body = theirs.body.read()
    ours = run(served, tmp_path, event, "--function", "echo")
    first, second = served.world.journal("FC.InvokeFunction")
    assert ours.stdout.encode() == body + b"\n"
    assert (first.operation, first.action, first.status, first.parameters) == (
        second.operation,
        second.action,
        second.status,
        second.parameters,
    )


def test_deployed_zip_is_called_by_hand(deployed: Deployed, tmp_path: Path) -> None:
    """An event file sent to the deployed zip is authorized, and the command prints the summary."""
    done = run(deployed.cloud, tmp_path, json.dumps(request()).encode(), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["counts"] == {"authorized": 1}
    assert [result["type"] for result in deployed.results(1)] == ["vpcaccess.authorized"]


@pytest.mark.parametrize("options", [pytest.param([], id="waited-for"), pytest.param(["--async"], id="queued")])
def test_the_result_of_a_call_is_found_by_its_request_id(
    deployed: Deployed, tmp_path: Path, options: list[str]
) -> None:
    """The request id that the command prints is the InvocationId of the results, also if the answer comes through them only."""
    done = run(deployed.cloud, tmp_path, json.dumps([request(), request(Port=22)]).encode(), "--json", *options)
    results = deployed.results(2)

    assert {result["data"]["InvocationId"] for result in results} == {json.loads(done.stdout)["request_id"]}
    assert sorted(result["data"]["Place"] for result in results) == ["[0]", "[1]"]
    assert f"request id {results[0]['data']['InvocationId']}" in done.stderr


def test_the_doctors_report_can_be_json(deployed: Deployed) -> None:
    """The report of the deployed function comes as JSON for programs, and its exit code says if something is missing."""
    environment = {
        "FC_ENDPOINT": deployed.cloud.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": deployed.cloud.temporary.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": deployed.cloud.temporary.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": deployed.cloud.temporary.security_token,
    }
    done = CliRunner().invoke(main, ["invoke", "--doctor", "--json"], env=environment)
    report = json.loads(done.stdout)
    assert (done.exit_code, report["ok"]) == (0, True), done.output
    assert {"subject", "state", "text"} <= set(report["doctor"][0])


def test_partly_failed_batch_is_told_record_by_record(deployed: Deployed, tmp_path: Path) -> None:
    """The deployed zip raises for one record of two: both are shown, each reason once, and the command says "later"."""
    fault = {"operation": "CloudAPI.SetVpcAccess", "status": 403, "code": "NoPermission", "nth": 1}
    event = json.dumps([request(), request(Name="ssh", Port=22)]).encode()
    deployed.cloud.faults.set([fault])
    done = run(deployed.cloud, tmp_path, event)
    assert done.exit_code == 4, done.output
    assert done.stderr.splitlines()[-1] == "Error: 1 of 2 records failed for now; the same event can succeed later"
    assert {line.split()[0] for line in done.stdout.splitlines() if line[0] != " "} == {"outcome", "failed", "refused"}
    assert done.output.count("(HTTP 403)") == 1
    assert "stackTrace" not in done.output

    deployed.cloud.faults.set([fault])
    printed = run(deployed.cloud, tmp_path, event, "--json")
    summary = json.loads(printed.stdout)
    assert (printed.exit_code, summary["records"], summary["counts"]) == (4, 2, {"failed": 1, "refused": 1})
    assert {"outcome", "name", "target", "reason", "text"} <= set(summary["results"][0])
    assert "level" not in summary["results"][0]


def test_records_that_the_log_lost_are_counted(served: Served, tmp_path: Path) -> None:
    """Where the log's end does not tell of all records, the whole error is shown, and where the answers are."""
    source = """
        import json
        class RetryNeeded(Exception): pass
        def handler(event, context):
            print(json.dumps({"event": "record", "outcome": "failed", "name": "a", "retry": True}))
            print(json.dumps({"event": "invocation", "records": 9}))
            raise RetryNeeded("2 of 9 records can succeed")
    """
    served.products["FC"].create_function(FunctionConfig("later", write(tmp_path / "later", source)))
    done = run(served, tmp_path, b"", "--function", "later")
    assert done.exit_code == 4
    assert "failed   a" in done.stdout
    assert "Error: 2 of 9 records can succeed\n" in done.stderr
    assert "shows 1 records; the result topic has all" in done.stderr
