"""Is everything there that the function needs? Each permission is tried by a call that opens and changes nothing.

Asked by ``python -m functions doctor`` from a terminal, or of the deployed function by the event ``{"doctor": true}``.
What is asked is in ``shared.flow.questions``. Each line can name the RAM action to add. An answer that shows neither that
it is there nor that it is missing is not taken for a permission: something else may answer at the endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from shared.cloud.answers import RAM_ACTIONS, details, error_of
from shared.cloud.codes import TARGET, cured_at
from shared.cloud.endpoints import region_notice
from shared.cloud.session import Session
from shared.cloud.transport import HttpResponse, NetworkError
from shared.errors import CloudRefused, Doubtful, SettingsError, UnknownRefusal
from shared.flow.questions import MADE_UP, Question, questions, unset
from shared.settings import Settings

EVENT = b'{"doctor":true}'
OK, PROBLEM, UNKNOWN = "ok", "problem", "unknown"
_WORST = (PROBLEM, UNKNOWN, OK)
_MAX_SKEW = 60.0  # seconds of difference that are reported; at 15 minutes requests are refused
_SECONDS = 10.0  # for one question
_HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"  # https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats

_OF_ANOTHER = (
    r"HTTP\d|Invalid(Action|Api|Version|Product)|Unsupported|MethodNotAllowed|(NotFound|Forbidden)$"  # no such call
)


class Finding(NamedTuple):
    """One line of the answer: what was looked at, ``ok``, ``problem`` or ``unknown``, and what to do.

    The subject of a problem is where it is cured: an action to allow, a setting, ``credentials``, ``clock``, …
    """

    subject: str
    state: str
    text: str


class Answer(NamedTuple):
    """What a question showed; ``skew`` is how far the service's clock is ahead of ours in seconds, if it told."""

    action: str
    finding: Finding
    skew: float | None = None
    silence: str = ""  # why nobody answered


def is_asked(event: bytes) -> bool:
    """Tell whether an event asks for the doctor. Batches and messages of a queue never do: they are lists."""
    return len(event) < 64 and b"".join(event.split()) == EVENT


def report(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings as the function answers them; only a problem makes the whole not ``ok``."""
    return {
        "ok": all(finding.state != PROBLEM for finding in findings),
        "doctor": [finding._asdict() for finding in findings],
    }


def examine(function: str, settings: Settings, session: Session) -> list[Finding]:
    """Ask every service what ``function`` needs of it and return what was found, settings first.

    A problem is told once for all calls that met it.
    """
    notice = region_notice(settings.region_id)
    where = Finding("settings", OK, f"region {settings.region_id}, owner {settings.owner}")
    findings = [Finding("settings", UNKNOWN, notice) if notice else where]
    if problem := unset(function, settings):
        findings.append(Finding("settings", PROBLEM, problem))
    try:
        credentials = session.credentials()
    except SettingsError as error:
        return [*findings, Finding("credentials", PROBLEM, "; ".join(error.problems))]
    kind = "temporary" if credentials.security_token else "permanent"
    findings.append(Finding("credentials", OK, f"a {kind} access key is set"))
    answers = [_ask(question, session) for question in questions(function, settings, session)]
    findings += _told_once(answers)
    if settings.sends_to_sns:
        findings.append(
            Finding("sns:Publish", UNKNOWN, "not checked: a topic of Amazon SNS is tried by the first result")
        )
    findings.append(_clock([answer.skew for answer in answers if answer.skew is not None]))
    kept: dict[str, Finding] = {}
    for finding in findings:
        if finding.subject not in kept or finding.state == PROBLEM:
            kept[finding.subject] = finding
    return list(kept.values())


def _told_once(answers: Sequence[Answer]) -> Iterator[Finding]:
    """Yield a finding for each subject, the worst if there are several, with the actions that could not be checked."""
    if all(answer.silence for answer in answers):
        text = f"nothing answered; first {answers[0].silence}. Check the network and the region"
        answers = [answer._replace(finding=Finding("network", PROBLEM, text)) for answer in answers]
    for subject in dict.fromkeys(answer.finding.subject for answer in answers):
        met = [answer for answer in answers if answer.finding.subject == subject]
        met.sort(key=lambda answer: _WORST.index(answer.finding.state))
        actions = [answer.action for answer in met if answer.action != subject]
        unchecked = "all permissions" if len(actions) == len(answers) else ", ".join(actions)
        text = f"{met[0].finding.text}. Until then not checked: {unchecked}" if actions else met[0].finding.text
        yield met[0].finding._replace(text=text)


def _ask(question: Question, session: Session) -> Answer:
    action = RAM_ACTIONS[question.operation]
    request = question.sign(session.credentials())
    try:
        answer = session.transport.send(request, _SECONDS)
    except NetworkError as error:
        text = f"no answer: {error}. Check {question.setting} and the network"
        return Answer(action, Finding(question.setting, PROBLEM, text), silence=str(error))
    told = _time(answer.headers.get("date", ""))
    return Answer(action, _read(question, answer), None if told is None else told - session.clock.now())


def _time(date: str) -> float | None:
    """Read a Date header, to an epoch time; None if it is not in the one form that servers send."""
    try:
        return datetime.strptime(date, _HTTP_DATE).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


def _read(question: Question, answer: HttpResponse) -> Finding:
    """Return what an answer says of the permission; without a sign of the service it says nothing of it."""
    operation, action = question.operation, RAM_ACTIONS[question.operation]
    if 200 <= answer.status < 300:
        if not details(answer.status, answer.headers, answer.body).request_id:  # every answer of the cloud has one
            text = f"whoever answered (HTTP {answer.status}) is not the service: check {question.setting}"
            return Finding(question.setting, PROBLEM, text)
        if operation == "SetVpcAccess":
            return Finding(
                action, OK, f"allowed; the gateway took the made-up entry {MADE_UP!r}, which leads nowhere: remove it"
            )
        return Finding(action, OK, "allowed")
    error = error_of(operation, answer.status, answer.headers, answer.body)
    if isinstance(error, CloudRefused) and re.match(question.refusal, error.code):
        return Finding(action, OK, f"not denied ({error.code})")
    of_another = re.match(_OF_ANOTHER, error.code)
    if isinstance(error, (CloudRefused, UnknownRefusal)) and not of_another:
        return Finding(action, UNKNOWN, f"{error}. That names no permission: the first real call shows it")
    if isinstance(error, Doubtful) or of_another:
        text = f"{error}. Neither allowed nor denied: check {question.setting} and the permission, or ask again"
        return Finding(question.setting, PROBLEM, text)
    place = cured_at(error.code)
    if place or not question.target:
        return Finding(question.target if place == TARGET else place or action, PROBLEM, str(error))
    return Finding(action, PROBLEM, f"{error} (for {question.target})")


def _clock(skews: list[float]) -> Finding:
    if not skews:
        text = "not checked: no answer had a readable Date header; at 15 minutes requests are refused"
        return Finding("clock", UNKNOWN, text)
    skew = min(skews, key=abs)
    if abs(skew) > _MAX_SKEW:
        return Finding("clock", PROBLEM, f"differs from the cloud's by {skew:+.0f} s: correct this machine's time")
    return Finding("clock", OK, f"within {abs(skew):.0f} s of the cloud's")
