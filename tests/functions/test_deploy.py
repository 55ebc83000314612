"""``deploy`` and ``destroy`` without the cloud: each request is what the vendor's client sends, and every end is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import HTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import click
import httpx
import pytest
from click.testing import CliRunner

from functions.__main__ import main
from functions._operator import oss
from functions._operator.contents import Places
from functions._operator.deploy import Code, Target, roll_out, take_down, target
from functions._operator.ros import Change, Stacks
from shared.clock import Clock, Deadline
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport
from shared.errors import AuthorizerError, OutOfTime
from shared.model.access import OWNER_TAG
from tests.cloud.core import Credential, ManualClock, World
from tests.cloud.fixtures import new_cloud
from tests.cloud.seeds import seed
from tests.deployed import create_queues, template
from tests.invoking import InProcess, request
from tests.registry.record import Recorder

RECORDED = json.loads((Path(__file__).parents[1] / "vectors" / "deploy-requests.json").read_text(encoding="utf-8"))
HERE = "http://127.0.0.1:8080"  # the stand-in, in process
WHERE = Target(
    "cn-hangzhou",
    "vpc-access",
    "bucket",
    "https://ros.aliyuncs.com",
    "https://bucket.oss.aliyuncs.com",
    Places(HERE, HERE),
)
OUTPUTS = {
    "ResultTopic": "http://topic",
    "RequestQueue": "http://1234567890123456.mns.cn-hangzhou.aliyuncs.com/queues/set-vpc-access-requests",
    "HookQueue": "http://1234567890123456.mns.cn-hangzhou.aliyuncs.com/queues/set-vpc-access-hooks",
    "ReleaseQueue": "http://1234567890123456.mns.cn-hangzhou.aliyuncs.com/queues/set-vpc-access-releases",
    "DeadLetterQueue": "http://1234567890123456.mns.cn-hangzhou.aliyuncs.com/queues/set-vpc-access-dead-letters",
    "VisibilityTimeout": 720,
}
PARAMETERS = {"Owner": "team-a", "AllowedPorts": "80,443,8000-8999", "Title": "Größe & mehr"}
TEMPLATE = "ROSTemplateFormatVersion: '2015-09-01'\n"
KEY = Credentials("test-id", "test-secret")


class Call(NamedTuple):
    """One request that was sent: the operation, its parameters, and its form."""

    operation: str
    query: dict[str, str]
    form: dict[str, str]
    url: str


class Services:
    """Stands for ROS and OSS: answers by operation and takes every request down; ``statuses`` are given in turn.

    Queues and gateway are the stand-in's, as ``create_queues`` leaves them.
    """

    def __init__(self, *statuses: str, exists: bool = False) -> None:
        self.calls: list[Call] = []
        self.statuses = list(statuses)
        self.exists = exists
        self.refusal: tuple[int, str] | None = None
        self.clock = ManualClock()
        self.cloud = new_cloud(World(clock=self.clock))
        self.cloud.world.add_credential(Credential(KEY.access_key_id, KEY.access_key_secret))
        create_queues(self.cloud["SMQ"], template())
        self._inner = InProcess(self.cloud)
        clock = Clock(self.clock.now, self.clock.now, self.clock.sleep, lambda: 0.5)
        transport = Transport(inner=httpx.MockTransport(self._answer))
        self.session = Session(transport, clock, Deadline(clock, 1800), Pace(clock, 10), lambda: KEY)

    @property
    def operations(self) -> list[str]:
        """The operations called, without polling."""
        return [call.operation for call in self.calls if call.operation != "GetStack"]

    def _answer(self, sent: httpx.Request) -> httpx.Response:
        if sent.headers["host"] == HERE.partition("://")[2]:
            return self._inner.handle_request(sent)
        target_ = urlsplit(sent.extensions["target"].decode())
        operation = sent.headers.get("x-acs-action", "PutObject")
        body = sent.read()
        is_form = sent.headers.get("content-type") == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(body.decode())) if is_form else {}
        self.calls.append(Call(operation, dict(parse_qsl(target_.query)), form, f"{sent.url.host}{target_.path}"))
        if self.refusal and operation in ("PutObject", "CreateStack"):
            status, code = self.refusal
            return _response(status, {"Code": code, "Message": "no", "RequestId": "r-1"})
        answers = {
            "ListStacks": self._list_stacks,
            "PreviewStack": self._preview_stack,
            "CreateStack": self._create_stack,
            "GetStack": self._get_stack,
            "ListStackEvents": self._list_stack_events,
        }
        return _response(200, {"RequestId": "r-1", **answers.get(operation, dict)()})

    def _list_stacks(self) -> dict[str, Any]:
        old = {"StackName": "vpc-access", "StackId": "s-0", "Status": "DELETE_COMPLETE"}
        found = {"StackName": "vpc-access", "StackId": "s-1", "Status": "CREATE_COMPLETE"}
        return {"Stacks": [old, found] if self.exists else [old]}

    def _preview_stack(self) -> dict[str, Any]:
        names = (("Add", "ALIYUN::MNS::Topic", "ResultTopic"), ("None", "ALIYUN::MNS::Queue", "RequestQueue"))
        resources = [{"Action": a, "ResourceType": t, "LogicalResourceId": n} for a, t, n in names]
        return {"Stack": {"Resources": resources}}

    def _create_stack(self) -> dict[str, Any]:
        return {"StackId": "s-1"}

    def _get_stack(self) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]
        given = [{"ParameterKey": "Owner", "ParameterValue": "team-a"}]
        return {"Status": status, "StatusReason": "because", "Outputs": outputs, "Parameters": given}

    def _list_stack_events(self) -> dict[str, Any]:
        fine = {"LogicalResourceId": "Role", "ResourceType": "ALIYUN::RAM::Role", "Status": "CREATE_COMPLETE"}
        bad = {"LogicalResourceId": "Function", "ResourceType": "ALIYUN::FC3::Function", "Status": "CREATE_FAILED"}
        return {"Events": [fine, {**bad, "StatusReason": "quota exceeded"}]}


def _response(status: int, document: dict[str, Any]) -> httpx.Response:
    return httpx.Response(status, stream=httpx.ByteStream(json.dumps(document).encode()))


@pytest.fixture
def code(tmp_path: Path) -> Code:
    """A zip, ready to be deployed."""
    archive = tmp_path / "set_vpc_access.zip"
    archive.write_bytes(b"zip")
    return Code(archive, "vpc-access/0123456789abcdef.zip", "3.12")


def recorded(action: str, number: int = 0) -> dict[str, Any]:
    """Return what the vendor's client sent for an action."""
    found = [each for each in RECORDED["requests"] if each["headers"].get("x-acs-action") == action]
    return dict(found[number])


@pytest.mark.parametrize(
    ("action", "number", "ask"),
    [
        pytest.param("ListStacks", 0, lambda s: s.find("vpc-access"), id="find"),
        pytest.param("PreviewStack", 0, lambda s: s.preview("vpc-access", "", TEMPLATE, PARAMETERS), id="preview-new"),
        pytest.param("PreviewStack", 1, lambda s: s.preview("vpc-access", "s-1", TEMPLATE, PARAMETERS), id="preview"),
        pytest.param("CreateStack", 0, lambda s: s.create("vpc-access", TEMPLATE, PARAMETERS), id="create"),
        pytest.param("UpdateStack", 0, lambda s: s.update("s-1", TEMPLATE, PARAMETERS), id="update"),
        pytest.param("GetStack", 0, lambda s: s.state("s-1"), id="state"),
        pytest.param("ListStackEvents", 0, lambda s: s.failures("s-1"), id="failures"),
        pytest.param("DeleteStack", 0, lambda s: s.delete("s-1"), id="delete"),
    ],
)
def test_request_is_what_the_vendors_client_sends(action: str, number: int, ask: Callable[[Stacks], object]) -> None:
    """Operation, parameters and form of each call equal those recorded; only a token of its own differs."""
    services = Services("CREATE_COMPLETE")
    ask(Stacks(services.session, WHERE.ros_endpoint, WHERE.region))
    (call,) = services.calls
    wanted = recorded(action, number)
    assert call.operation == action
    assert call.form == wanted.get("form", {})
    assert call.query.keys() == wanted["query"].keys()
    ours, theirs = ({**query, "ClientToken": ""} for query in (call.query, wanted["query"]))
    flag = {"UsePreviousParameters": theirs.get("UsePreviousParameters", "").lower()}  # theirs is Python's "True"
    assert {**ours, **flag} == {**theirs, **flag}


@pytest.mark.parametrize("number", [pytest.param(-2, id="permanent-key"), pytest.param(-1, id="temporary-key")])
def test_upload_is_signed_as_the_vendors_client_does(number: int) -> None:
    """OSS's signature over the recorded headers is the recorded one."""
    wanted = RECORDED["requests"][number]
    headers = dict(wanted["headers"])
    token = wanted["security-token"]
    if token:
        headers["x-oss-security-token"] = token
    key = Credentials("test-id", "test-secret", token)
    signed = oss.authorization("PUT", "bucket", "set-vpc-access/0123 ä.zip", headers, "cn-hangzhou", key)
    assert signed == wanted["authorization"]


def test_new_stack_is_created(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    """First the preview, then the upload, then the stack, whose outputs are shown when it is complete."""
    services = Services("CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    asked: list[str] = []
    roll_out(services.session, WHERE, code, {"Owner": "team-a"}, lambda: asked.append(services.operations[-1]))
    assert services.operations == ["ListStacks", "PreviewStack", "PutObject", "CreateStack"]
    assert asked == ["PreviewStack"]
    upload, create = services.calls[2:4]
    assert upload.url == "bucket.oss.aliyuncs.com/vpc-access/0123456789abcdef.zip"
    given = {
        create.query[f"Parameters.{n}.ParameterKey"]: create.query[f"Parameters.{n}.ParameterValue"]
        for n in range(1, 5)
    }
    assert given == {"Owner": "team-a", "CodeBucket": "bucket", "CodeObject": code.key, "Runtime": "python3.12"}
    assert create.form["TemplateBody"].startswith("# What an operator deploys")
    said = capsys.readouterr().out
    assert "Add     ResultTopic (ALIYUN::MNS::Topic)" in said
    assert "RequestQueue (" not in said
    assert "    CREATE_IN_PROGRESS\n    CREATE_COMPLETE\nResultTopic: http://topic\n" in said


def test_stack_that_is_there_is_updated(code: Code) -> None:
    """A stack of that name is changed, and what is not given stays as it was."""
    services = Services("UPDATE_COMPLETE", exists=True)
    roll_out(services.session, WHERE, code, {}, None)
    assert services.operations == ["ListStacks", "PreviewStack", "PutObject", "UpdateStack"]
    assert (services.calls[3].query["StackId"], services.calls[3].query["UsePreviousParameters"]) == ("s-1", "true")


def test_dry_run_changes_nothing(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run looks and previews, and says what it would do."""
    services = Services()
    roll_out(services.session, WHERE, code, {}, None, dry_run=True)
    assert services.operations == ["ListStacks", "PreviewStack"]
    said = capsys.readouterr().out
    assert "would upload set_vpc_access.zip to oss://bucket/vpc-access/0123456789abcdef.zip" in said
    assert "would call CreateStack" in said


def test_no_means_no(code: Code) -> None:
    """Who declines after the preview has changed nothing."""

    def decline() -> None:
        raise click.Abort

    services = Services()
    with pytest.raises(click.Abort):
        roll_out(services.session, WHERE, code, {}, decline)
    assert services.operations == ["ListStacks", "PreviewStack"]


@pytest.mark.parametrize("status", ["CREATE_FAILED", "CREATE_ROLLBACK_COMPLETE", "UPDATE_FAILED"])
def test_failed_stack_is_told_with_its_reasons(code: Code, status: str) -> None:
    """A stack that is not created is an error that names each resource that failed and why."""
    services = Services("CREATE_IN_PROGRESS", status)
    with pytest.raises(click.ClickException) as raised:
        roll_out(services.session, WHERE, code, {}, None)
    assert f"the stack s-1 is {status}: because" in raised.value.message
    assert "Function (ALIYUN::FC3::Function): quota exceeded" in raised.value.message
    assert "Role" not in raised.value.message


def test_waiting_ends_with_the_deadline(code: Code) -> None:
    """A stack that stays in progress does not hold the terminal for ever."""
    services = Services("CREATE_IN_PROGRESS")
    with pytest.raises(OutOfTime, match="still CREATE_IN_PROGRESS after 30 minutes"):
        roll_out(services.session, WHERE, code, {}, None)
    assert len(services.calls) > 300


def test_stack_is_taken_down(capsys: pytest.CaptureFixture[str]) -> None:
    """Destroying finds the stack, asks, deletes it and waits until it is gone."""
    services = Services("CREATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_COMPLETE", exists=True)
    asked: list[bool] = []
    take_down(services.session, WHERE, lambda: asked.append(True))
    assert (services.operations, asked) == (["ListStacks", "DeleteStack"], [True])
    assert capsys.readouterr().out.endswith("deleted the stack vpc-access\n")


def test_what_is_lost_and_what_stays_is_said_before_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    """Who is asked has read what waits in the queues and what stays at the gateway; looking changes neither."""
    services = Services("CREATE_COMPLETE", exists=True)
    smq, gateway = services.cloud["SMQ"], services.cloud["CloudAPI"]
    smq.send("set-vpc-access-requests", "waits")
    seed(services.cloud, {"vpc_accesses": [request(Tag=[{"Key": OWNER_TAG, "Value": "team-a"}])]})
    before = gateway.state()

    def decline() -> None:
        raise click.Abort

    with pytest.raises(click.Abort):
        take_down(services.session, WHERE, decline)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["lost", "none", "none", "none", "stays", "stays", "stays"]
    assert "set-vpc-access-requests" in said[0]
    assert "orders-prod" in said[4]
    assert "set-vpc-access-hooks" in said[5]
    assert services.operations == ["ListStacks"]
    assert gateway.state() == before
    assert len(smq.receive("set-vpc-access-requests", 16)) == 1


@pytest.mark.parametrize(
    ("seconds", "warned"), [pytest.param(720, "", id="as-deployed"), pytest.param(30, "set its", id="by-hand")]
)
def test_queue_that_hides_messages_for_too_short_is_told(
    code: Code, capsys: pytest.CaptureFixture[str], seconds: int, warned: str
) -> None:
    """A time that somebody has set by hand is not the stack's, so deploying looks at the queue itself, and warns."""
    services = Services("UPDATE_COMPLETE", exists=True)
    services.cloud["SMQ"].set_queue_attributes("set-vpc-access-requests", {"VisibilityTimeout": seconds})
    roll_out(services.session, WHERE, code, {}, None)
    said = capsys.readouterr().err
    assert ("VisibilityTimeout to 720" in said) == bool(warned)
    assert warned in said


@pytest.mark.parametrize(
    ("exists", "said"),
    [pytest.param(False, "there is no stack", id="gone"), pytest.param(True, "would delete", id="dry-run")],
)
def test_nothing_is_deleted(exists: bool, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A stack that is not there is not an error, and a dry run only says what it would do."""
    services = Services("CREATE_COMPLETE", exists=exists)
    take_down(services.session, WHERE, None, dry_run=True)
    assert services.operations == ["ListStacks"]
    assert said in capsys.readouterr().out


def test_stack_that_cannot_be_deleted_is_told() -> None:
    """What stands in the way of deleting is named."""
    services = Services("CREATE_COMPLETE", "DELETE_FAILED", exists=True)
    with pytest.raises(click.ClickException, match="DELETE_FAILED"):
        take_down(services.session, WHERE, None)


def test_preview_reads_changes() -> None:
    """Each resource of the answer is one change."""
    found = Stacks(Services().session, WHERE.ros_endpoint, WHERE.region).preview("n", "", TEMPLATE, {})
    assert found[0] == Change("Add", "ALIYUN::MNS::Topic", "ResultTopic")


@pytest.mark.parametrize(
    ("environment", "ros", "bucket"),
    [
        pytest.param({}, "https://ros.aliyuncs.com", "https://bucket.oss-cn-hangzhou.aliyuncs.com", id="derived"),
        pytest.param(
            {"ROS_ENDPOINT": "https://a/", "OSS_ENDPOINT": "http://127.0.0.1:1"},
            "https://a",
            "http://127.0.0.1:1",
            id="given",
        ),
    ],
)
def test_target_is_derived_from_the_environment(environment: dict[str, str], ros: str, bucket: str) -> None:
    """Region and bucket give the endpoints, unless they are set."""
    found = target("vpc-access", "bucket", {"ALIBABA_CLOUD_REGION_ID": "cn-hangzhou", **environment})
    assert (found.region, found.ros_endpoint, found.bucket_endpoint) == ("cn-hangzhou", ros, bucket)
    assert found.places == Places("", "https://apigateway.cn-hangzhou.aliyuncs.com")


def test_target_without_a_bucket_has_no_endpoint_for_it() -> None:
    """Taking down uploads nothing."""
    assert target("vpc-access", "", {"ALIBABA_CLOUD_REGION_ID": "cn-hangzhou"}).bucket_endpoint == ""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        pytest.param({"ROS_ENDPOINT": "http://ros.example.com"}, "ROS_ENDPOINT is .*use https", id="ros"),
        pytest.param({"OSS_ENDPOINT": "http://10.0.0.1"}, "OSS_ENDPOINT is .*use https", id="oss"),
        pytest.param({"SMQ_ENDPOINT": "http://10.0.0.1"}, "SMQ_ENDPOINT is .*use https", id="smq"),
        pytest.param({"APIGATEWAY_ENDPOINT": "http://10.0.0.1"}, "APIGATEWAY_ENDPOINT is .*use https", id="gateway"),
        pytest.param({"ALIBABA_CLOUD_REGION_ID": "a/b"}, "ALIBABA_CLOUD_REGION_ID is 'a/b' but must be", id="region"),
    ],
)
def test_target_is_https_or_this_machine(environment: dict[str, str], said: str) -> None:
    """Key and code go over plain http to this machine only."""
    with pytest.raises(click.ClickException, match=said):
        target("vpc-access", "bucket", {"ALIBABA_CLOUD_REGION_ID": "cn-hangzhou", **environment})


@pytest.fixture
def nowhere() -> dict[str, str]:
    """An environment without region and key."""
    names = ("ALIBABA_CLOUD_REGION_ID", "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "CODE_BUCKET")
    return dict.fromkeys(names, "")


@pytest.mark.parametrize(
    ("arguments", "changes", "said"),
    [
        pytest.param(["deploy"], {}, "--bucket", id="no-bucket"),
        pytest.param(["deploy", "--bucket", "b"], {}, "set ALIBABA_CLOUD_REGION_ID", id="no-region"),
        pytest.param(["deploy", "--bucket", "b", "-p", "Owner"], {}, "KEY=VALUE", id="parameter"),
        pytest.param(["destroy"], {}, "set ALIBABA_CLOUD_REGION_ID", id="destroy-without-region"),
        pytest.param(
            ["destroy"],
            {"ALIBABA_CLOUD_REGION_ID": "cn-hangzhou"},
            "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            id="no-key",
        ),
    ],
)
def test_what_is_missing_is_told(
    nowhere: dict[str, str], arguments: list[str], changes: dict[str, str], said: str
) -> None:
    """What the commands need and do not have is named before anything is done."""
    done = CliRunner().invoke(main, arguments, env={**nowhere, **changes})
    assert done.exit_code != 0
    assert said in done.stderr


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        pytest.param((403, "AccessDenied"), "PutObject failed with AccessDenied", id="bucket"),
        pytest.param((404, "NoSuchBucket"), "NoSuchBucket", id="no-bucket"),
    ],
)
def test_refusal_is_told_in_the_clouds_words(code: Code, refusal: tuple[int, str], said: str) -> None:
    """What OSS refuses ends the deployment before the stack is touched."""
    services = Services()
    services.refusal = refusal
    with pytest.raises(AuthorizerError, match=said):
        roll_out(services.session, WHERE, code, {}, None)
    assert "CreateStack" not in services.operations


@pytest.mark.enable_socket
def test_command_shows_every_step() -> None:
    """The whole command, over a socket and dry: built, previewed, and what would come next, with the zip's hash as key."""
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    environment = {
        "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "test-id",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test-secret",
        "ROS_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
    }
    try:
        done = CliRunner().invoke(main, ["deploy", "--bucket", "b", "-p", "Owner=a", "--dry-run"], env=environment)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert done.exit_code == 0, done.output
    built, previewed, upload, call = done.stdout.splitlines()
    digest = built.rpartition("sha256 ")[2].rstrip(")")
    assert built.startswith("1 built ")
    assert previewed == "2 previewed the new stack vpc-access in cn-hangzhou"
    assert upload == f"3 would upload vpc-access-authorizer.zip to oss://b/vpc-access/{digest[:16]}.zip"
    assert call == "4 would call CreateStack"
