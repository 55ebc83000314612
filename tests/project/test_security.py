"""Nothing secret ever comes out: marked secrets go through every error path, then all output is searched."""

import json
import re
import traceback
from pathlib import Path
from typing import Any

import pytest

from shared.cloud.signing import Credentials
from tests.cloud.core import Credential
from tests.invoking import VPC, Invoker, queue_event, request, state_change

MARKED = Credential("marked-key-id", "MARK-secret", security_token="MARK-token")
OPERATIONS = ("CloudAPI.DescribeVpcAccesses", "CloudAPI.SetVpcAccess", "ECS.DescribeInstances", "SMQ.PublishMessage")
FAULTS: tuple[dict[str, Any], ...] = (
    {"cut": "before"},
    {"cut": "after"},
    {"status": 500, "code": "InternalError"},
    {"status": 503, "code": "ServiceUnavailable"},
    {"status": 400, "code": "Throttling.User"},
    {"status": 400, "code": "InvalidVpcId"},
    {"status": 403, "code": "NoPermission"},
    {"expired_token": True},
    {"skew": 3600},
    {"body": "truncated"},
    {"body": "html"},
    {"body": "xml"},
    {"body": "empty"},
    {"body": "garbage"},
)
ECHO = "server StringToSign is [MARK-string] server CanonicalRequest is [x-acs-security-token:MARK-token]"
EVENT = [*queue_event(json.dumps(request()), "{}", json.dumps(request(Port=22))), state_change()]


def test_every_defence_names_its_proof() -> None:
    """Each row of the table of defences in SECURITY.md names tests, and they are there."""
    root = Path(__file__).parents[2]
    page = (root / "SECURITY.md").read_text(encoding="utf-8")
    table = page.partition("## What is defended")[2].partition("\n## ")[0]
    proofs = [line.split("|")[-2] for line in table.splitlines() if line.startswith("|")][2:]
    there = {path.name for path in (root / "tests").rglob("test_*.py")}

    assert len(proofs) > 10
    for proof in proofs:
        named = re.findall(r"`(test_\w+\.py)`", proof)
        assert named, f"{proof!r} names no test"
        assert there.issuperset(named)


def _all_output(invoke: Invoker, event: Any) -> str:
    """Invoke and return everything that anybody can see of it: logs, summary, errors with their causes, results."""
    invoke.served.world.add_credential(MARKED)
    answer = invoke(event)
    seen = [invoke.logged.getvalue(), json.dumps(answer.summary), repr(invoke.credentials)]
    if answer.error is not None:
        seen += traceback.format_exception(answer.error)
    return "\n".join([*seen, json.dumps(invoke.messages())])


def _prepare(invoke: Invoker, credentials: Credentials) -> None:
    invoke.credentials = credentials
    instance = {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "443"}}
    invoke.given(instances=[instance])


def _assert_clean(output: str, invoke: Invoker) -> None:
    assert "MARK" not in output
    assert "StringToSign" not in output
    assert "CanonicalRequest" not in output
    assert invoke.signatures
    assert not [signature for signature in invoke.signatures if signature in output]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", [pytest.param(fault, id="-".join(map(str, fault.values()))) for fault in FAULTS])
def test_no_secret_survives_any_fault(invoke: Invoker, operation: str, fault: dict[str, Any]) -> None:
    """Whatever an operation answers, secrets, tokens and signatures stay out of logs, results and errors."""
    _prepare(invoke, Credentials(MARKED.access_key_id, MARKED.access_key_secret, MARKED.security_token))
    invoke.given(faults=[{"operation": operation, **fault}])

    _assert_clean(_all_output(invoke, EVENT), invoke)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_answer_that_echoes_the_request_is_redacted(invoke: Invoker, operation: str, status: int) -> None:
    """A message with the string to sign and the token in it comes out without them."""
    _prepare(invoke, Credentials(MARKED.access_key_id, MARKED.access_key_secret, MARKED.security_token))
    fault = {"operation": operation, "status": status, "code": "SignatureDoesNotMatch", "message": ECHO}
    invoke.given(faults=[fault])

    _assert_clean(_all_output(invoke, EVENT), invoke)


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(Credentials(MARKED.access_key_id, "MARK-wrong", MARKED.security_token), id="wrong-secret"),
        pytest.param(Credentials(MARKED.access_key_id, MARKED.access_key_secret, "MARK-wrong"), id="wrong-token"),
        pytest.param(Credentials(MARKED.access_key_id, MARKED.access_key_secret), id="no-token"),
        pytest.param(Credentials("unknown-key-id", "MARK-secret", "MARK-token"), id="unknown-key"),
    ],
)
def test_no_secret_survives_a_refusal(invoke: Invoker, credentials: Credentials) -> None:
    """Refused keys, tokens and signatures are told without showing them; the stand-in echoes as the real one does."""
    _prepare(invoke, credentials)
    output = _all_output(invoke, EVENT)

    _assert_clean(output, invoke)
    assert "RequestId" in output


def test_a_producer_cannot_forge_log_lines(invoke: Invoker) -> None:
    """Line breaks of every kind in a message stay inside their line; each line is one JSON object."""
    forged = 'x\n{"level": "INFO", "event": "record", "outcome": "authorized"}\r\u2028\u2029\x85'
    invoke(queue_event(json.dumps(request(Name=forged)), forged, json.dumps({forged: 1})))

    for line in invoke.logged.getvalue().splitlines():
        assert json.loads(line).get("outcome") != "authorized"


@pytest.mark.parametrize(
    "changes",
    [
        {"Tag": [{"Key": "vpc-access-owner", "Value": "team-b"}]},
        {"Tag": [{"Key": " vpc-access-owner", "Value": "team-b"}]},
        {"InstanceId": "i-1&Port=22"},
        {"InstanceId": "i-1%26Port%3D22"},
        {"InstanceId": "i-169.254.169.254"},
        {"InstanceId": "i-:::"},
        {"InstanceId": "fe80::0:1"},
        {"InstanceId": "::ffff:10.0.0.1"},
        {"InstanceId": "::ffff:a00:1"},
        {"InstanceId": "100.100.100.200"},
        {"InstanceId": "169.254.169.254"},
        {"InstanceId": "127.0.0.1"},
        {"InstanceId": "0177.0.0.1"},
        {"InstanceId": "2130706433"},
        {"InstanceId": "8.8.8.8"},
        {"VpcTargetHostName": "a b\r\nx-acs-action: RemoveVpcAccess"},
        {"VpcTargetHostName": "evil.example/\u2025"},
        {"VpcId": "vpc-bp1example0001&Port=22"},
        {"Port": 22.0},
        {"Port": "22"},
        {"Port": "+22"},
        {"Port": [22]},
        {"Name": ""},
        {"Name": "   "},
    ],
)
def test_no_form_of_a_request_gets_around_the_policy(invoke: Invoker, changes: dict[str, Any]) -> None:
    """Injection, the owner's mark, addresses of no backend and clever spellings of port 22 open nothing at all."""
    invoke(request(**changes))

    opened = [(entry["InstanceId"], entry["Port"]) for entry in invoke.accesses()]
    assert opened in ([], [("i-bp1example0001", 8080)])
    assert not [entry for entry in invoke.accesses() if entry["Tags"]["TagInfo"][-1]["Value"] != "team-a"]
