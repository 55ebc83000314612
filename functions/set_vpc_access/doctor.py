"""Is everything there that the function needs? Each permission is tried by a call that opens and changes nothing.

Asked by ``python -m functions doctor`` from a terminal, or of the deployed function by the event ``{"doctor": true}``.
A call that names something made up is refused *for that* by a service that would have allowed it, and refused for want
of a permission by one that would not; so each line can name the RAM action to add. ``DescribeInstances`` answers an
empty list to whoever may not look, hence ``DryRun``: https://www.alibabacloud.com/help/doc-detail/25506.htm
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from shared.cloud import apigateway, ecs, ess, slb
from shared.cloud.answers import RAM_ACTIONS, error_of
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session, Sign
from shared.cloud.smq import SmqTopic
from shared.cloud.transport import HttpResponse, NetworkError
from shared.errors import CloudRefused
from shared.settings import Settings

EVENT = b'{"doctor":true}'
MADE_UP = "vpc-access-doctor"  # name of what does not exist
OK, PROBLEM = "ok", "problem"
_MOST_SKEW = 60.0  # seconds worth a word; at 15 minutes requests are refused
_SECONDS = 10.0  # for one question


class Finding(NamedTuple):
    """One line of the answer: what was looked at, ``ok`` or ``problem``, and what to do."""

    subject: str
    state: str
    text: str


class Question(NamedTuple):
    """A call that changes nothing; who may make it gets an answer, or a refusal of what is made up."""

    operation: str
    sign: Sign


class Answer(NamedTuple):
    """What a question brought to light; ``skew`` is how far the service's clock is ahead of ours, in seconds."""

    finding: Finding
    skew: float | None = None


def is_asked(event: bytes) -> bool:
    """Tell whether an event asks for the doctor. Batches and messages of a queue never do: they are lists."""
    return len(event) < 64 and b"".join(event.split()) == EVENT


def report(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings as the function answers them."""
    return {
        "ok": all(finding.state == OK for finding in findings),
        "doctor": [finding._asdict() for finding in findings],
    }


def examine(settings: Settings, session: Session) -> list[Finding]:
    """Ask every service once and return what was found, settings first."""
    credentials = session.credentials()
    kind = "temporary" if credentials.security_token else "permanent"
    findings = [
        Finding("settings", OK, f"region {settings.region_id}, owner {settings.owner}"),
        Finding("credentials", OK, f"a {kind} access key is set"),
    ]
    answers = [_ask(question, session) for question in _questions(settings, session)]
    skews = [answer.skew for answer in answers if answer.skew is not None]
    return [*findings, *(answer.finding for answer in answers), _clock(skews)]


def _questions(settings: Settings, session: Session) -> list[Question]:
    """Return one question for each action of the role."""
    gateway = RpcService(session, settings.apigateway_endpoint, apigateway.VERSION)
    servers = RpcService(session, settings.ecs_endpoint, ecs.VERSION)
    balancers = RpcService(session, settings.slb_endpoint, slb.VERSION)
    scaling = RpcService(session, settings.ess_endpoint, ess.VERSION)
    region = {"RegionId": settings.region_id}
    nowhere = {"Name": MADE_UP, "VpcId": "vpc-doctor", "InstanceId": "i-doctor", "Port": "0"}
    hook = {**region, "LifecycleHookId": MADE_UP, "LifecycleActionToken": MADE_UP}
    asked: list[tuple[RpcService, str, Mapping[str, str]]] = [
        (gateway, "DescribeVpcAccesses", {"PageNumber": "1", "PageSize": "1"}),
        # Neither VPC nor instance nor port exists: whatever the gateway makes of it, nothing can be reached by it.
        (gateway, "SetVpcAccess", nowhere),
        (gateway, "ModifyVpcAccessAndUpdateApis", {**nowhere, "Name": f"{MADE_UP}-{session.clock.nonce()}"}),
        (servers, "DescribeInstances", {**region, "DryRun": "true"}),
        (balancers, "ListTagResources", {**region, "ResourceType": "instance", "ResourceId.1": "lb-doctor"}),
        (balancers, "DescribeLoadBalancerAttribute", {**region, "LoadBalancerId": "lb-doctor"}),
        (scaling, "CompleteLifecycleAction", {**hook, "LifecycleActionResult": "CONTINUE"}),
        (
            scaling,
            "RecordLifecycleActionHeartbeat",
            {**region, "lifecycleHookId": MADE_UP, "lifecycleActionToken": MADE_UP},
        ),
    ]
    questions = [Question(operation, service.signer(operation, values)) for service, operation, values in asked]
    if not settings.sends_to_sns:
        topic = SmqTopic(session, settings.smq_endpoint, settings.result_topic)
        questions.append(Question("PublishMessage", topic.signer(b"<Message/>")))  # no body: cannot be published
    return questions


def _ask(question: Question, session: Session) -> Answer:
    action = RAM_ACTIONS[question.operation]
    request = question.sign(session.credentials())
    try:
        answer = session.transport.send(request, _SECONDS)
    except NetworkError as error:
        return Answer(Finding(action, PROBLEM, f"no answer: {error}. Check the endpoint's setting and the network"))
    date = answer.headers.get("date")
    skew = parsedate_to_datetime(date).timestamp() - session.clock.now() if date else None
    return Answer(_read(question.operation, action, answer), skew)


def _read(operation: str, action: str, answer: HttpResponse) -> Finding:
    if 200 <= answer.status < 300:
        if operation == "SetVpcAccess":
            return Finding(
                action, OK, f"allowed; the gateway took the made-up entry {MADE_UP!r}, which leads nowhere: remove it"
            )
        return Finding(action, OK, "allowed")
    error = error_of(operation, answer.status, answer.headers, answer.body)
    if isinstance(error, CloudRefused):
        return Finding(action, OK, f"not denied ({error.code})")
    return Finding(action, PROBLEM, str(error))


def _clock(skews: list[float]) -> Finding:
    if not skews:
        return Finding("clock", PROBLEM, "no service told its time")
    skew = min(skews, key=abs)
    if abs(skew) > _MOST_SKEW:
        return Finding("clock", PROBLEM, f"differs from the cloud's by {skew:+.0f} s: correct this machine's time")
    return Finding("clock", OK, f"within {abs(skew):.0f} s of the cloud's")
