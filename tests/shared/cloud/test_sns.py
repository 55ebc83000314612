"""Amazon SNS as the result topic: signature, endpoints, errors, and the whole way through moto's server into SQS."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import botocore.session
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from functions._operator.build import stage
from functions.set_vpc_access.index import work
from shared import settings
from shared.clock import Clock, Deadline
from shared.cloud.aws import sns
from shared.cloud.aws.sigv4 import sigv4
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.cloud.signing import Credentials, percent_encode
from shared.cloud.transport import Transport
from shared.errors import (
    AuthorizerError,
    CloudRefused,
    CloudUnavailable,
    CredentialsExpired,
    Doubtful,
    OperatorNeeded,
    SettingsError,
)
from shared.flow.engine import Engine, Invocation, topic_opener
from tests.cloud.aws import Aws, aws
from tests.cloud.core import ManualClock
from tests.invoking import SETTINGS, Invoker, Watched, queue_event, request, state_change

__all__ = ["aws"]

ARN = "arn:aws:sns:eu-central-1:123456789012:results"
KEYS = {"AWS_ACCESS_KEY_ID": "test-aws-id", "AWS_SECRET_ACCESS_KEY": "test-aws-secret"}

_words = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40)
_ascii = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)


@hypothesis_settings(deadline=None)  # the machine may be busy
@given(
    st.dictionaries(_words.filter(bool), _words, max_size=4),
    st.dictionaries(st.from_regex(r"x-amz-[a-z]{1,8}", fullmatch=True), st.text("ab ,=", max_size=9), max_size=3),
    st.binary(max_size=200),
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive bounds
    st.tuples(_ascii.filter(bool), _words.filter(bool), _ascii),
)
def test_the_signature_is_botocores_stage_by_stage(
    parameters: dict[str, str], extra: dict[str, str], body: bytes, moment: datetime, key: tuple[str, str, str]
) -> None:
    """Canonical request, string to sign and signature equal those of AWS's own signer, whatever is signed."""
    date = moment.replace(tzinfo=timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {**extra, "host": "sns.eu-central-1.amazonaws.com", "x-amz-date": date}
    theirs = SigV4Auth(BotoCredentials(key[0], key[1]), "sns", "eu-central-1")
    asked = AWSRequest("POST", f"https://{headers['host']}/", headers=headers, data=body, params=parameters)
    asked.context["timestamp"] = date
    canonical = theirs.canonical_request(asked)
    string_to_sign = theirs.string_to_sign(asked, canonical)
    encoded = sorted((percent_encode(name), percent_encode(value)) for name, value in parameters.items())

    ours = sigv4(
        "POST",
        "/",
        "&".join(f"{name}={value}" for name, value in encoded),
        headers,
        body,
        region="eu-central-1",
        service="sns",
        credentials=Credentials(*key),
    )

    assert ours.canonical_request == canonical
    assert ours.string_to_sign == string_to_sign
    assert ours.signature == theirs.signature(string_to_sign, asked)
    assert ours.authorization.startswith(f"AWS4-HMAC-SHA256 Credential={key[0]}/{date[:8]}/eu-central-1/sns/")
    assert ours.authorization.endswith(f"SignedHeaders={';'.join(sorted(headers))}, Signature={ours.signature}")


class Answers(httpx.BaseTransport):
    """Answers with what it was given, in order, and keeps the requests."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers, self.requests = list(answers), list[httpx.Request]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status, body = self._answers.pop(0)
        return httpx.Response(status, stream=httpx.ByteStream(body.encode()))


def _session(answers: Answers, clock: ManualClock) -> Session:
    ours = Clock(clock.now, clock.now, clock.advance, lambda: 1.0)
    return Session(Transport(inner=answers), ours, Deadline(ours, 60), Pace(ours, 10), lambda: Credentials("no", "no"))


def _error(code: str, message: str = "because") -> str:
    return (
        '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-2</RequestId></ErrorResponse>"
    )


PUBLISHED = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
    "<MessageId>m-1</MessageId></PublishResult></PublishResponse>"
)


def test_each_attempt_is_signed_anew_with_the_key_of_the_moment() -> None:
    """A throttled publication is repeated under a later date; an expired key is replaced by what the environment has then."""
    environment, clock = {**KEYS, "AWS_SESSION_TOKEN": "token-1"}, ManualClock()

    class Rotating(Answers):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            clock.advance(1)
            if len(self.requests) == 1:
                environment["AWS_SESSION_TOKEN"] = "token-2"
            return super().handle_request(request)

    answers = Rotating((429, _error("Throttled")), (403, _error("ExpiredToken")), (200, PUBLISHED))
    topic = sns.opener(ARN, "", environment)(_session(answers, clock))

    assert topic.publish("{}", "authorized") == "m-1"
    dates = [sent.headers["x-amz-date"] for sent in answers.requests]
    assert dates == sorted(set(dates))
    assert [sent.headers["x-amz-security-token"] for sent in answers.requests] == ["token-1", "token-1", "token-2"]
    assert len({sent.headers["authorization"] for sent in answers.requests}) == 3
    assert all("Credential=test-aws-id/" in sent.headers["authorization"] for sent in answers.requests)


def test_an_answer_without_an_id_is_no_publication() -> None:
    """Whoever answered that was not SNS: the message is sent again, and without an id for it in the end that is an error."""
    answers = Answers((200, "<html></html>"), (200, PUBLISHED))

    assert sns.opener(ARN, "", KEYS)(_session(answers, ManualClock())).publish("{}", "authorized") == "m-1"
    with pytest.raises(Doubtful, match="NoMessageId"):
        sns.opener(ARN, "", KEYS)(_session(Answers(*[(200, "")] * 3), ManualClock())).publish("{}", "authorized")


def test_the_request_is_the_documented_form() -> None:
    """Publish goes out as a form with version, topic and the message, to the topic's own region."""
    answers = Answers((200, PUBLISHED))
    sns.opener(ARN, "", KEYS)(_session(answers, ManualClock())).publish('{"a":"b & c","d":"é"}', "authorized")
    (sent,) = answers.requests

    assert str(sent.url) == "https://sns.eu-central-1.amazonaws.com"
    assert sent.headers["host"] == "sns.eu-central-1.amazonaws.com"
    assert "x-amz-security-token" not in sent.headers
    assert dict(parse_qsl(sent.read().decode(), strict_parsing=True)) == {
        "Action": "Publish",
        "Version": "2010-03-31",
        "TopicArn": ARN,
        "Message": '{"a":"b & c","d":"é"}',
        "MessageAttributes.entry.1.Name": "type",
        "MessageAttributes.entry.1.Value.DataType": "String",
        "MessageAttributes.entry.1.Value.StringValue": "authorized",
    }


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        pytest.param("aws", "us-east-1", id="default"),
        pytest.param("aws", "ap-southeast-7", id="newer-region"),
        pytest.param("aws-cn", "cn-north-1", id="beijing"),
        pytest.param("aws-cn", "cn-northwest-1", id="ningxia"),
        pytest.param("aws-us-gov", "us-gov-west-1", id="gov-cloud"),
    ],
)
def test_the_endpoint_is_the_one_that_botocore_resolves(partition: str, region: str) -> None:
    """In every partition the endpoint derived from the ARN is AWS's own."""
    client = botocore.session.get_session().create_client(
        "sns", region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
    )
    theirs = client.meta.endpoint_url
    client.close()
    answers = Answers((200, PUBLISHED))
    arn = f"arn:{partition}:sns:{region}:123456789012:results"
    sns.opener(arn, "", KEYS)(_session(answers, ManualClock())).publish("{}", "authorized")

    assert str(answers.requests[0].url) == theirs


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        pytest.param(400, "Throttling", CloudUnavailable, "Throttling", id="throttling"),
        pytest.param(429, "Throttled", CloudUnavailable, "Throttled", id="throttled"),
        pytest.param(400, "KMSThrottling", CloudUnavailable, "KMSThrottling", id="key-throttled"),
        pytest.param(429, "SlowDown", CloudUnavailable, "SlowDown", id="unknown-429"),
        pytest.param(403, "ExpiredTokenException", CredentialsExpired, "AWS_SESSION_TOKEN", id="expired"),
        pytest.param(403, "InvalidClientTokenId", CredentialsExpired, "AWS_ACCESS_KEY_ID", id="unknown-key"),
        pytest.param(403, "SignatureDoesNotMatch", OperatorNeeded, "AWS_SECRET_ACCESS_KEY", id="secret"),
        pytest.param(400, "RequestExpired", OperatorNeeded, "clock", id="clock"),
        pytest.param(403, "AuthorizationError", OperatorNeeded, "sns:Publish", id="not-allowed"),
        pytest.param(404, "NotFound", OperatorNeeded, "RESULT_TOPIC", id="no-topic"),
        pytest.param(400, "KMSAccessDenied", OperatorNeeded, "kms:GenerateDataKey", id="key-not-usable"),
        pytest.param(403, "OptInRequired", OperatorNeeded, "enabled", id="opt-in"),
        pytest.param(500, "InternalError", Doubtful, "InternalError", id="internal"),
        pytest.param(503, "ServiceUnavailable", Doubtful, "ServiceUnavailable", id="unavailable"),
        pytest.param(400, "InvalidParameter", CloudRefused, "InvalidParameter", id="parameter"),
    ],
)
def test_errors_fall_into_our_tree(status: int, code: str, kind: type[AuthorizerError], words: str) -> None:
    """Every code that SNS documents decides what happens next, and names what the operator has to do."""
    error = sns.error_of("Publish", status, {}, _error(code).encode())

    assert type(error) is kind
    assert error.code == code
    assert words in str(error)
    assert "r-2" in str(error)


@pytest.mark.parametrize("body", [pytest.param("", id="empty"), pytest.param("<html>502</html>", id="html")])
def test_an_unreadable_error_is_doubtful_and_keeps_the_request_id(body: str) -> None:
    """A proxy's error page decides by its status; the id comes from the header."""
    error = sns.error_of("Publish", 502, {"x-amzn-requestid": "r-3"}, body.encode())

    assert isinstance(error, Doubtful)
    assert error.request_id == "r-3"


def test_an_echoed_canonical_string_is_redacted() -> None:
    """AWS explains a wrong signature with the strings it made, token included: none of them reaches a message."""
    echo = "Check it. The Canonical String for this request should have been 'POST x-amz-security-token:token-9'"
    error = sns.error_of("Publish", 403, {}, _error("SignatureDoesNotMatch", echo).encode())

    assert "token-9" not in str(error)
    assert "POST" not in str(error)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"RESULT_TOPIC": f"{ARN}.fifo"}, "RESULT_TOPIC is", id="fifo"),
        pytest.param({"RESULT_TOPIC": "arn:aws:sqs:eu-central-1:123456789012:q"}, "RESULT_TOPIC is", id="queue"),
        pytest.param({"RESULT_TOPIC": f"{ARN}:subscription"}, "RESULT_TOPIC is", id="subscription"),
        pytest.param({"SNS_ENDPOINT": "http://sns.example"}, "SNS_ENDPOINT is", id="plain-http"),
        pytest.param({"SNS_ENDPOINT": "https://sns.example/path"}, "SNS_ENDPOINT is", id="path"),
    ],
)
def test_wrong_settings_are_named(changes: dict[str, str], problem: str) -> None:
    """Only the ARN of a standard topic and an https endpoint are accepted."""
    with pytest.raises(SettingsError) as caught:
        settings.load({**SETTINGS, "RESULT_TOPIC": ARN, **changes})

    assert [text for text in caught.value.problems if text.startswith(problem)]
    assert len(caught.value.problems) == 1


def test_smqs_endpoint_is_not_asked_for() -> None:
    """Whoever publishes to SNS needs no account id to derive SMQ's endpoint from; whoever names an SMQ topic does."""
    known = {
        name: value for name, value in SETTINGS.items() if name not in ("SMQ_ENDPOINT", "FC_ACCOUNT_ID", "RESULT_TOPIC")
    }

    assert settings.load({**known, "RESULT_TOPIC": ARN}).smq_endpoint == ""
    with pytest.raises(SettingsError, match="SMQ_ENDPOINT cannot be derived"):
        settings.load({**known, "RESULT_TOPIC": "results"})


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        pytest.param({}, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], id="none"),
        pytest.param({"AWS_ACCESS_KEY_ID": "x"}, ["AWS_SECRET_ACCESS_KEY"], id="half"),
    ],
)
def test_a_missing_key_is_told_at_initialisation(environment: Mapping[str, str], missing: list[str]) -> None:
    """Without an access key of AWS the function does not start, and says which variables it wants."""
    loaded = settings.load({**SETTINGS, "RESULT_TOPIC": ARN})
    with pytest.raises(SettingsError) as caught:
        topic_opener(loaded, environment)

    assert [problem.split(" ")[0] for problem in caught.value.problems] == missing


class Routed(httpx.BaseTransport):
    """Alibaba Cloud in this process, everything else over the network."""

    def __init__(self, invoker: Invoker) -> None:
        self._inner, self._network = Watched(invoker), httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        own = request.headers["host"] == "127.0.0.1:8080"
        return (self._inner if own else self._network).handle_request(request)

    def close(self) -> None:
        self._network.close()


def _deliver(invoke: Invoker, bench: Aws, event: Any, topic: str = "") -> dict[str, Any]:
    """Handle an event whose results go to the bench's topic and return the summary."""
    loaded = settings.load({**SETTINGS, "RESULT_TOPIC": topic or bench.topic_arn, "SNS_ENDPOINT": bench.endpoint})
    transport = Transport(inner=Routed(invoke))
    clock = Clock(invoke.clock.now, invoke.clock.now, invoke.clock.advance, lambda: 0.5)
    engine = Engine(loaded, work, transport, clock, bench.environment)
    try:
        invocation = Invocation("req-1", 60, lambda: invoke.credentials)
        return engine.handle(json.dumps(event).encode(), invocation).summary()
    finally:
        transport.close()


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(request(), id="authorized"),
        pytest.param(request(Port=22, Name="Bestellungen ä 中 <&>"), id="refused"),
        pytest.param({"Name": "orders"}, id="rejected"),
    ],
)
def test_a_queue_behind_sns_gets_what_a_queue_behind_smq_gets(invoke: Invoker, aws: Aws, body: dict[str, Any]) -> None:
    """The same event gives the same CloudEvent through both topics: bare in a raw queue, and inside SNS's envelope."""
    event = queue_event(json.dumps(body))
    invoke(event)
    (through_smq,) = invoke.messages()
    summary = _deliver(invoke, aws, event)
    (raw,), (envelope,) = aws.receive(), aws.receive_envelopes()
    through_sns = json.loads(raw)

    if through_smq["type"] == "vpcaccess.authorized":  # the second delivery finds what the first one made
        through_smq["type"] = "vpcaccess.unchanged"
        del through_smq["data"]["RequestId"]
    assert through_sns == through_smq
    assert (envelope["Message"], envelope["MessageId"]) == (raw, summary["results"][0]["result"])
    assert invoke.messages() == []


@pytest.mark.enable_socket
def test_a_missing_topic_keeps_the_record_for_redelivery(invoke: Invoker, aws: Aws) -> None:
    """When SNS refuses the result, the authorization stands, the error says what to do, and the platform is asked again."""
    event = queue_event(json.dumps(request()))
    with pytest.raises(AuthorizerError, match=r"NotFound.*Create the topic, or correct RESULT_TOPIC"):
        _deliver(invoke, aws, event, topic=f"{aws.topic_arn}-gone")

    assert len(invoke.accesses()) == 1
    _deliver(invoke, aws, event)
    assert [json.loads(message)["type"] for message in aws.receive()] == ["vpcaccess.unchanged"]


PROGRAM = """
import sys
sys.path.insert(0, '.')
import set_vpc_access
set_vpc_access.initialize(None)
print('shared.cloud.aws' in sys.modules)
"""


@pytest.mark.parametrize(
    ("with_sns", "changes", "said"),
    [
        pytest.param(False, {}, "False", id="smq-without-the-extra"),
        pytest.param(True, {}, "False", id="smq-with-the-extra-not-loaded"),
        pytest.param(False, {"RESULT_TOPIC": ARN, **KEYS}, "build --with-sns", id="sns-without-the-extra"),
        pytest.param(True, {"RESULT_TOPIC": ARN, **KEYS}, "True", id="sns-with-the-extra"),
    ],
)
def test_the_extra_is_needed_and_loaded_by_sns_only(
    with_sns: bool, changes: dict[str, str], said: str, tmp_path: Path
) -> None:
    """What is deployed without the extra refuses an ARN and names the build option; SMQ never loads the extra."""
    stage(tmp_path / "code", [], with_sns=with_sns)
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM],
        cwd=tmp_path / "code",
        env={**SETTINGS, **changes},
        capture_output=True,
        text=True,
        check=False,
    )

    assert said in done.stdout + done.stderr
    assert (done.returncode == 0) == (said in ("True", "False"))


def test_a_topic_of_amazon_is_opened_with_its_own_key(invoke: Invoker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that holds that part starts, and an event without a result is done."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-access-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
    invoke.configure(RESULT_TOPIC="arn:aws:sns:eu-central-1:123456789012:results")

    assert invoke(state_change(state="Stopped")).result["outcome"] == "ignored"
