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
from functions.set_vpc_access.index import work
from shared import settings
from shared.clock import Clock
from shared.cloud.answers import RAM_ACTIONS
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport
from shared.flow.doctor import EVENT, examine, is_asked, report
from shared.flow.engine import Engine, Invocation
from shared.flow.runtime import Runtime
from tests.cloud.app import Cloud
from tests.cloud.core import World
from tests.cloud.ecs import EcsProduct
from tests.cloud.fixtures import TEMPORARY, Served
from tests.cloud.rpc import UnknownVersion
from tests.cloud.seeds import seed
from tests.cloud.server import Server
from tests.deployed import FUNCTIONS, Deployed, allowed, template
from tests.invoking import SETTINGS, Invoker, queue_event, request

NOW = 1_795_000_000.0
KEY = Credentials("id", "secret")
ALL = template(OnConflict="replace", ReleaseMode="apply", ReconcileMode="apply", NamedBackends="apply")
ACTIONS = {function: allowed(ALL, function) for function in FUNCTIONS}
EACH = [
    pytest.param(name, action, id=f"{name}-{action}") for name, found in ACTIONS.items() for action in sorted(found)
]


def diagnose(cloud: Served, function: str = "set_vpc_access", **changes: str) -> Result:
    """Run ``python -m functions doctor`` against a served stand-in, with the settings that need every permission."""
    environment = {name: cloud.endpoint if name.endswith("_ENDPOINT") else value for name, value in SETTINGS.items()}
    key = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": TEMPORARY.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": TEMPORARY.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": TEMPORARY.security_token,
    }
    arguments = ["doctor", "--function", function]
    every = {"ON_CONFLICT": "replace", "ALLOWED_NAMES": "vpc-1:orders-*"}
    return CliRunner().invoke(main, arguments, env={**environment, **key, **every, **changes})


@pytest.fixture
def served(cloud: Served) -> Served:
    """A served stand-in with the result topic and a queue that gets whatever is published."""
    smq = cloud.products["SMQ"]
    smq.create_topic("vpc-access-results")
    smq.create_queue("results")
    smq.create_queue("releases")
    smq.create_queue("names")
    smq.subscribe("vpc-access-results", "to-results", queue="results", format="SIMPLIFIED")
    return cloud


@pytest.mark.enable_socket
@pytest.mark.parametrize("function", ACTIONS)
def test_all_is_well(served: Served, function: str) -> None:
    """With everything in place every line is ok, there is one for each action, and the exit code is 0."""
    done = diagnose(served, function)
    lines = done.output.splitlines()
    assert done.exit_code == 0, done.output
    assert all(line.startswith("ok ") for line in lines)
    subjects = {line.split()[1] for line in lines}
    assert subjects == {"settings", "credentials", "clock", *ACTIONS[function]}


@pytest.mark.enable_socket
@pytest.mark.parametrize("absent", ["accept", "refuse"])
@pytest.mark.parametrize("function", ACTIONS)
def test_asking_changes_nothing(served: Served, function: str, absent: str) -> None:
    """No authorization is made or removed, no message sent, no hook answered; a removal of nothing may be accepted."""
    served.world.switches = served.world.switches.with_values(remove_absent=absent)
    seed(served.app, {"vpc_accesses": [request()]})
    before = served.products["CloudAPI"].state()["vpc_accesses"]
    assert diagnose(served, function).exit_code == 0
    assert served.products["CloudAPI"].state()["vpc_accesses"] == before
    assert [served.products["SMQ"].receive(queue, 1) for queue in ("results", "releases", "names")] == [[]] * 3
    took = {entry.operation for entry in served.world.journal() if entry.write and entry.status < 400}
    assert took <= {"CloudAPI.RemoveVpcAccess"}


@pytest.mark.enable_socket
@pytest.mark.parametrize(("function", "action"), EACH)
def test_missing_permission_is_named(served: Served, function: str, action: str) -> None:
    """Take one permission away, and exactly its line says which RAM action to allow."""
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({action})))
    done = diagnose(served, function)
    (problem,) = [line for line in done.output.splitlines() if line.startswith("problem")]
    assert done.exit_code == 1
    assert problem.split()[1] == action
    assert f"Allow the RAM action {action}" in problem


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("function", "changes", "operation"),
    [
        pytest.param("set_vpc_access", {"ON_CONFLICT": "refuse"}, "ModifyVpcAccessAndUpdateApis", id="refuse"),
        pytest.param("release_vpc_access", {"RELEASE_MODE": "report"}, "RemoveVpcAccess", id="report"),
        pytest.param("release_vpc_access", {"RELEASE_MODE": "off"}, "RemoveVpcAccess", id="off"),
        pytest.param("reconcile_vpc_access", {"RECONCILE_MODE": "plan"}, "SetVpcAccess", id="plan"),
        pytest.param("reconcile_vpc_access", {"RECONCILE_MODE": "plan"}, "PublishMessage", id="plan-results"),
        pytest.param("reconcile_vpc_access", {"RECONCILE_MODE": "plan"}, "SendMessage", id="plan-releases"),
        pytest.param("set_vpc_access", {"ALLOWED_NAMES": "none"}, "SendMessage", id="no-names"),
        pytest.param("named_backends", {"NAMED_BACKENDS": "plan"}, "ModifyVpcAccessAndUpdateApis", id="names-plan"),
        pytest.param("named_backends", {"NAMED_BACKENDS": "plan"}, "SendMessage", id="names-plan-messages"),
        pytest.param("named_backends", {"DRY_RUN": "true"}, "SetVpcAccess", id="names-dry-run"),
    ],
)
def test_permission_that_a_setting_does_without_is_not_missed(
    served: Served, function: str, changes: dict[str, str], operation: str
) -> None:
    """Where no entry is moved, or none removed, the role may not, and nothing is said or asked about it."""
    action = RAM_ACTIONS[operation]
    served.world.add_credential(replace(TEMPORARY, denied=frozenset({action})))
    done = diagnose(served, function, **changes)
    assert done.exit_code == 0, done.output
    assert action not in done.output
    assert operation not in [entry.operation.partition(".")[2] for entry in served.world.journal()]


@pytest.mark.enable_socket
def test_release_queue_that_is_not_set_is_told(served: Served) -> None:
    """Without its queue the function that releases cannot schedule anything; the other one does not need it."""
    done = diagnose(served, "release_vpc_access", RELEASE_QUEUE="")
    (problem,) = [line for line in done.output.splitlines() if line.startswith("problem")]
    assert "RELEASE_QUEUE is missing" in problem
    assert diagnose(served, RELEASE_QUEUE="").exit_code == 0
    assert diagnose(served, "named_backends", RELEASE_QUEUE="").exit_code == 0
    assert diagnose(served, "reconcile_vpc_access", RELEASE_QUEUE="").exit_code == 1
    assert diagnose(served, "reconcile_vpc_access", RELEASE_QUEUE="", RECONCILE_MODE="plan").exit_code == 0


@pytest.mark.enable_socket
@pytest.mark.parametrize(("nth", "setting"), [(1, "RELEASE_QUEUE"), (2, "NAMES_QUEUE")])
def test_missing_queue_is_told(served: Served, nth: int, setting: str) -> None:
    """A queue that does not exist is a problem of the setting that names it, not one of another queue or the endpoint."""
    served.faults.add(operation="SMQ.SendMessage", nth=nth, status=404, code="QueueNotExist")
    assert [subject for subject, _ in problems_of(diagnose(served, "release_vpc_access"))] == [setting]


@pytest.mark.enable_socket
@pytest.mark.parametrize(("nth", "setting"), [(1, "RELEASE_QUEUE"), (2, "NAMES_QUEUE")])
def test_missing_right_to_one_queue_says_which(served: Served, nth: int, setting: str) -> None:
    """Who may send to one queue and not to the other is told which of the two is meant."""
    served.faults.add(operation="SMQ.SendMessage", nth=nth, status=403, code="AccessDenied")
    ((subject, text),) = problems_of(diagnose(served, "release_vpc_access"))
    assert subject == "mns:SendMessage"
    assert f"(for {setting})" in text


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
        pytest.param(
            {"ECS_ENDPOINT": "http://127.0.0.1:9"}, ["no answer: ConnectError", "Check ECS_ENDPOINT"], id="endpoint"
        ),
    ],
)
def test_what_is_wrong_is_told(served: Served, changes: dict[str, str], said: list[str]) -> None:
    """Settings, key and endpoints that are wrong are each told in a line with what to do."""
    done = diagnose(served, **changes)
    problems = "".join(line for line in done.output.splitlines() if line.startswith("problem"))
    assert done.exit_code == 1
    assert [text for text in said if text not in problems] == [], done.output


ASKED_AT = {
    "CloudAPI.DescribeVpcAccesses": "APIGATEWAY_ENDPOINT",
    "CloudAPI.SetVpcAccess": "APIGATEWAY_ENDPOINT",
    "CloudAPI.ModifyVpcAccessAndUpdateApis": "APIGATEWAY_ENDPOINT",
    "ECS.DescribeInstances": "ECS_ENDPOINT",
    "SLB.ListTagResources": "SLB_ENDPOINT",
    "SLB.DescribeLoadBalancerAttribute": "SLB_ENDPOINT",
    "ESS.CompleteLifecycleAction": "ESS_ENDPOINT",
    "ESS.RecordLifecycleActionHeartbeat": "ESS_ENDPOINT",
    "SMQ.PublishMessage": "SMQ_ENDPOINT",
}


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": 404, "body": "html"}, id="page-not-found"),
        pytest.param({"status": 403, "body": "html"}, id="page-forbidden"),
        pytest.param({"status": 502, "body": "html"}, id="page-of-a-proxy"),
        pytest.param({"status": 200, "body": "html"}, id="page"),
        pytest.param({"status": 200, "body": "empty"}, id="empty"),
        pytest.param({"status": 302, "body": "empty"}, id="redirect"),
        pytest.param({"status": 400, "body": "garbage"}, id="garbage"),
        pytest.param({"status": 404, "code": "InvalidAction.NotFound"}, id="no-such-action"),
        pytest.param({"status": 404, "code": "InvalidApi.NotFound"}, id="no-such-api"),
        pytest.param({"status": 404, "code": "InvalidVersion.NotFound"}, id="no-such-version"),
        pytest.param({"status": 404, "code": "InvalidProduct.NotFound"}, id="no-such-product"),
        pytest.param({"status": 400, "code": "UnsupportedOperation"}, id="unsupported-operation"),
        pytest.param({"status": 405, "code": "MethodNotAllowed"}, id="another-kind-of-service"),
        pytest.param({"status": 404, "code": "NotFound"}, id="not-found"),
        pytest.param({"status": 403, "code": "Forbidden"}, id="forbidden"),
    ],
)
def test_answer_of_the_wrong_service_is_no_permission(served: Served, answer: dict[str, Any]) -> None:
    """What neither succeeds nor refuses the made-up target is a problem of the endpoint's setting, told once for each."""
    for operation in ASKED_AT:
        served.faults.add(operation=operation, when="before", **answer)
    done = diagnose(served)
    problems = [line for line in done.output.splitlines() if line.startswith("problem")]
    assert done.exit_code == 1
    assert [line.split()[1] for line in problems] == list(dict.fromkeys(ASKED_AT.values()))
    assert [line for line in problems if f"check {line.split()[1]}" not in line] == []
    for operation, setting in ASKED_AT.items():
        (line,) = [line for line in problems if line.split()[1] == setting]
        assert RAM_ACTIONS[operation.partition(".")[2]] in line.partition("not checked: ")[2]


def problems_of(done: Result) -> list[tuple[str, str]]:
    """Return subject and text of each problem."""
    lines = [line.split(maxsplit=2) for line in done.output.splitlines() if line.startswith("problem")]
    return [(subject, text) for _, subject, text in lines]


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("changes", "place", "cure"),
    [
        pytest.param(
            {"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "another"},
            "credentials",
            "check that ALIBABA_CLOUD_ACCESS_KEY_SECRET",
            id="secret",
        ),
        pytest.param(
            {"ALIBABA_CLOUD_ACCESS_KEY_ID": "another"}, "credentials", "Check ALIBABA_CLOUD_ACCESS_KEY_ID", id="key-id"
        ),
        pytest.param({"ALIBABA_CLOUD_SECURITY_TOKEN": ""}, "credentials", "MissingSecurityToken", id="token"),
        pytest.param(
            dict.fromkeys(settings.ENDPOINTS, "http://127.0.0.1:9"), "network", "Check the network", id="network"
        ),
    ],
)
def test_problem_of_all_calls_is_told_once(served: Served, changes: dict[str, str], place: str, cure: str) -> None:
    """What every call meets is one line about where it is cured, and no permission is said to be there or missing."""
    done = diagnose(served, **changes)
    ((subject, text),) = problems_of(done)
    assert (done.exit_code, subject) == (1, place)
    assert cure in text
    assert text.endswith("Until then not checked: all permissions")
    assert not any(action in done.output for action in RAM_ACTIONS.values())


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("code", "place"),
    [
        pytest.param("InvalidTimeStamp.Expired", "clock", id="clock"),
        pytest.param("Forbidden.AccessKeyDisabled", "account", id="account"),
        pytest.param("IncompleteSignature", "credentials", id="signature"),
    ],
)
def test_refusal_of_any_call_is_told_where_it_is_cured(served: Served, code: str, place: str) -> None:
    """Refusals that have nothing to do with the operation are one line, beside what the other calls brought to light."""
    for operation in ("ECS.DescribeInstances", "CloudAPI.SetVpcAccess", "CloudAPI.DescribeVpcAccesses"):
        served.faults.add(operation=operation, status=403, code=code)
    done = diagnose(served)
    ((subject, text),) = problems_of(done)
    assert subject == place
    assert code in text
    assert "not checked: apigateway:DescribeVpcAccesses, apigateway:SetVpcAccess, ecs:DescribeInstances" in text
    assert sum(line.split()[1] == place for line in done.output.splitlines()) == 1


@pytest.mark.enable_socket
def test_unknown_region_is_mentioned(served: Served) -> None:
    """A region that no map of the vendor has is no problem yet, and is told."""
    done = diagnose(served, FC_REGION="xx-newer-1")
    (line,) = [line for line in done.output.splitlines() if line.split()[1] == "settings"]
    assert line.startswith("unknown")
    assert "the region xx-newer-1 is in none of the vendor's endpoint maps" in line


def test_function_without_a_role_is_told(invoke: Invoker) -> None:
    """Asked without credentials, the deployed function answers with that one problem instead of failing."""
    answer: dict[str, Any] = json.loads(str(Runtime("set_vpc_access", invoke.configure(), {}).invoke(EVENT, None)))
    assert [finding["subject"] for finding in answer["doctor"]] == ["settings", "credentials"]
    assert "give the function a role" in answer["doctor"][1]["text"]
    assert answer["ok"] is False


@pytest.mark.enable_socket
def test_endpoint_of_another_service_is_told() -> None:
    """At an endpoint that serves ECS alone, only what is asked of ECS is found."""
    world = World()
    world.add_credential(TEMPORARY)
    app = Cloud(world, [EcsProduct(world), UnknownVersion(world)])
    with Server(app) as server:
        done = diagnose(Served(app, server.endpoint))
    assert done.exit_code == 1
    fine = {line.split()[1] for line in done.output.splitlines() if line.startswith("ok ")}
    assert fine == {"settings", "credentials", "clock", "ecs:DescribeInstances"}


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("operation", "status", "code"),
    [
        pytest.param("CloudAPI.SetVpcAccess", 400, "NotFoundVpcId", id="vpc"),
        pytest.param("CloudAPI.SetVpcAccess", 400, "NotFoundInstance", id="instance"),
        pytest.param("CloudAPI.SetVpcAccess", 400, "InvalidFormatPort", id="port"),
        pytest.param("CloudAPI.SetVpcAccess", 400, "InvalidParameter", id="parameter"),
        pytest.param("CloudAPI.SetVpcAccess", 400, "DuplicateName", id="taken-before"),
        pytest.param("CloudAPI.ModifyVpcAccessAndUpdateApis", 400, "NotFoundName", id="name"),
        pytest.param("ECS.DescribeInstances", 400, "DryRunOperation", id="dry-run"),
        pytest.param("SLB.ListTagResources", 404, "InvalidResourceId.NotFound", id="tags"),
        pytest.param("SLB.DescribeLoadBalancerAttribute", 400, "InvalidLoadBalancerId", id="load-balancer"),
        pytest.param("ESS.CompleteLifecycleAction", 404, "InvalidLifecycleHookId.NotFound", id="hook"),
        pytest.param("SMQ.PublishMessage", 400, "InvalidArgument", id="message"),
    ],
)
def test_refusal_of_what_is_made_up_is_permission(served: Served, operation: str, status: int, code: str) -> None:
    """A service that finds fault with the made-up target would have allowed the call."""
    served.faults.add(operation=operation, status=status, code=code)
    done = diagnose(served)
    assert done.exit_code == 0, done.output
    assert f"not denied ({code})" in done.output


@pytest.mark.enable_socket
def test_code_that_nobody_documented_is_neither(served: Served) -> None:
    """A refusal by the service itself that says nothing of permissions is shown, and is no problem yet."""
    served.faults.add(operation="CloudAPI.SetVpcAccess", status=400, code="VpcAccessUnheardOf")
    done = diagnose(served)
    (line,) = [line for line in done.output.splitlines() if not line.startswith("ok ")]
    assert done.exit_code == 0
    assert line.split()[:2] == ["unknown", "apigateway:SetVpcAccess"]
    assert "VpcAccessUnheardOf" in line


@pytest.mark.enable_socket
def test_missing_result_topic_is_told(cloud: Served) -> None:
    """A topic of SMQ that does not exist is a problem of its own, not one of the endpoint."""
    cloud.faults.add(operation="SMQ.PublishMessage", status=404, code="TopicNotExist")
    done = diagnose(cloud)
    (problem,) = [line for line in done.output.splitlines() if line.startswith("problem")]
    assert "correct RESULT_TOPIC" in problem
    assert "SMQ_ENDPOINT" not in problem


@pytest.mark.enable_socket
def test_topic_of_sns_is_said_to_be_unchecked(cloud: Served) -> None:
    """With an ARN as result topic one line says that nothing was tried there, and it spoils nothing."""
    done = diagnose(cloud, RESULT_TOPIC="arn:aws:sns:eu-central-1:123456789012:results")
    (line,) = [line for line in done.output.splitlines() if not line.startswith("ok ")]
    assert done.exit_code == 0
    assert line.split()[:2] == ["unknown", "sns:Publish"]
    assert "not checked: a topic of Amazon SNS is tried by the first result" in line
    assert "mns:PublishMessage" not in done.output


@pytest.mark.enable_socket
def test_gateway_that_takes_the_made_up_entry_is_told(served: Served) -> None:
    """If a gateway takes what leads nowhere, the line says so and what to remove."""
    served.world.switches = served.world.switches.with_values(port_range="accept")
    done = diagnose(served)
    assert "'vpc-access-doctor', which leads nowhere: remove it" in done.output


def answering(status: int, date: str | None, code: str = "") -> Transport:
    """Return a transport whose every answer is the same, with this Date header, if any."""
    headers = {} if date is None else {"date": date}
    body = json.dumps({"Code": code, "Message": "no"} if code else {}).encode()
    return Transport(
        inner=httpx.MockTransport(lambda _: httpx.Response(status, headers=headers, stream=httpx.ByteStream(body)))
    )


def http_date(ahead: float) -> str:
    """Return the Date header of a clock that is ``ahead`` seconds before ours."""
    return formatdate(NOW + ahead, usegmt=True)


@pytest.mark.parametrize(
    ("date", "state", "said"),
    [
        pytest.param(http_date(0.0), "ok", "within 0 s", id="same"),
        pytest.param(http_date(-40.0), "ok", "within 40 s", id="a-little"),
        pytest.param(http_date(300.0), "problem", "differs from the cloud's by +300 s", id="ahead"),
        pytest.param(http_date(-7200.0), "problem", "differs from the cloud's by -7200 s", id="behind"),
        pytest.param(None, "unknown", "not checked: no answer had a readable Date header", id="none"),
        pytest.param("", "unknown", "not checked", id="empty"),
        pytest.param("yesterday", "unknown", "not checked", id="garbled"),
        pytest.param("Mon, 23 Nov 99999999999 08:00:00 GMT", "unknown", "not checked", id="far-away"),
        pytest.param("Mon, 30 Feb 2026 08:00:00 GMT", "unknown", "not checked", id="no-such-day"),
        pytest.param(http_date(0).replace("GMT", "-0000"), "unknown", "not checked", id="no-zone"),
        pytest.param(http_date(0).replace("GMT", "+0800"), "unknown", "not checked", id="another-zone"),
        pytest.param(f"{http_date(0)}, {http_date(0)}", "unknown", "not checked", id="two"),
    ],
)
def test_clock_is_compared(date: str | None, state: str, said: str) -> None:
    """The cloud's time is taken from its answers; a minute apart is worth a word, and so is a time nobody can read."""
    engine = Engine(settings.load(SETTINGS), work, answering(200, date), Clock(now=lambda: NOW))
    clock = examine("set_vpc_access", engine.settings, engine.session(Invocation("r", 60, lambda: KEY)))[-1]
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
        "set_vpc_access",
        invoke.configure(ON_CONFLICT="replace", ALLOWED_NAMES="vpc-1:orders-*"),
        {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": TEMPORARY.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": TEMPORARY.access_key_secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": TEMPORARY.security_token,
        },
    )
    answer: dict[str, Any] = json.loads(str(runtime.invoke(b'{"doctor": true}', None)))
    assert {finding["subject"] for finding in answer["doctor"]} >= ACTIONS["set_vpc_access"]
    assert invoke.messages() == []


def test_message_cannot_ask(invoke: Invoker) -> None:
    """The question inside a queue's message is a request like any other, and a bad one."""
    answer = invoke(queue_event('{"doctor":true}'))
    assert answer.result["outcome"] == "rejected"


def test_report_is_ok_without_a_problem() -> None:
    """One problem makes the whole report one; what is unknown does not."""
    engine = Engine(settings.load(SETTINGS), work, answering(403, http_date(0), "NoPermission"), Clock(now=lambda: NOW))
    found = examine("set_vpc_access", engine.settings, engine.session(Invocation("r", 60, lambda: KEY)))
    assert report(found)["ok"] is False
    assert report([finding for finding in found if finding.state != "problem"])["ok"] is True


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("name", "function"),
    [
        pytest.param("set-vpc-access", "set_vpc_access", id="set"),
        pytest.param("set-vpc-access-release", "release_vpc_access", id="release"),
    ],
)
def test_zip_answers_the_question_with_the_roles_rights(deployed: Deployed, name: str, function: str) -> None:
    """Each function of the deployed zip, asked from a terminal, finds all it needs with the template's role."""
    environment = {
        "FC_ENDPOINT": deployed.cloud.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": deployed.cloud.credential.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": deployed.cloud.credential.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": "",
    }
    done = CliRunner().invoke(main, ["invoke", "--doctor", "--function", name], env=environment)
    assert done.exit_code == 0, done.output
    fine = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("ok ")}
    assert fine == {"settings", "credentials", "clock", *allowed(deployed.stack, function)}
