"""One invocation, from bytes to its report. ``Engine.handle`` is the frame; the work in it is the function's.

A function's work takes the records of an event and a :class:`Run`, and returns what became of each record.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared import log
from shared.access.observe import Recent
from shared.clock import Clock, Deadline, utc
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.smq import SmqTopic
from shared.cloud.transport import Transport
from shared.errors import AuthorizerError, OutOfTime, RetryNeeded, SettingsError
from shared.events.parsing import parse
from shared.flow.report import Report, has_original, result_id, result_message
from shared.model.access import VpcAccess
from shared.model.outcome import FAILED, SCHEDULED, SILENT, HookAnswer, Outcome
from shared.model.records import Held, Hint, Leaving, Naming, Record
from shared.settings import NO_RELEASE_QUEUE, Settings

_MIN_PUBLISH_SECONDS = 0.5  # seconds


class ResultTopic(Protocol):
    """Takes result messages."""

    def publish(self, message: str, tag: str) -> str:
        """Publish JSON text at least once, with its tag where the topic knows tags; return its id, or raise AuthorizerError."""


class Invocation(NamedTuple):
    """What one call brings: its id, the seconds it may take, and the credentials to work with."""

    request_id: str
    timeout: float
    credentials: Callable[[], Credentials]


class Run(NamedTuple):
    """What the steps of one invocation share. ``awaited``: a client waits for the answer, and nobody redelivers."""

    settings: Settings
    session: Session
    topic: ResultTopic
    awaited: bool
    recent: Recent
    originals: dict[int, str]  # what results have given so far (by identity): the id of the result
    request_id: str = ""  # of the invocation; "" for a command of the operator

    def publish(self, outcome: Outcome) -> Outcome:
        """Publish the result; a failure makes the record due for redelivery, when it is kept and published again."""
        if outcome.type in SILENT or outcome.spoken_for:
            return outcome
        try:
            with log.tracing("publish"):
                self.session.deadline.require(_MIN_PUBLISH_SECONDS, "its result")  # building one takes time, too
                now = utc(self.session.clock.now())
                given = self._original_in(outcome)
                message = result_message(
                    outcome,
                    self.settings.owner,
                    now,
                    redelivered=not self.awaited,
                    original_in=given,
                    invocation_id=self.request_id,
                )
                return outcome._replace(published=self.topic.publish(message, outcome.type))
        except AuthorizerError as error:
            report = log.debug if isinstance(error, OutOfTime) else log.error  # a late batch would fill the log
            report("result not published", code=error.code, text=str(error))
            if outcome.reason != error.code:  # otherwise the text says it already
                text = f"the result was not published: {error}"
                outcome = outcome._replace(
                    reason=outcome.reason or error.code, text=f"{outcome.text}; {text}" if outcome.text else text
                )
            return outcome._replace(retry=True)

    def schedule_release(self, entry: VpcAccess, because: str) -> None:
        """Send the message that schedules the release of ``entry``; raises SettingsError, and the errors of ``Session.call``."""
        from shared.cloud.smq import SmqQueue
        from shared.events.schedule import schedule_message  # what only authorizes does without

        settings = self.settings
        if not settings.release_queue:
            raise SettingsError([NO_RELEASE_QUEUE])
        queue = SmqQueue(self.session, settings.smq_endpoint, settings.release_queue)
        queue.send(schedule_message(entry, settings.region_id, because), settings.release_delay_seconds)

    def send_naming(self, content: Naming, delay: int = 0) -> None:
        """Send ``content`` to ``named_backends``; raises the errors of ``Session.call``."""
        from shared.cloud.smq import SmqQueue
        from shared.events.naming import naming_message

        settings = self.settings  # which name a queue wherever they keep names
        SmqQueue(self.session, settings.smq_endpoint, settings.names_queue).send(naming_message(content), delay)

    def hand_on(self, outcome: Outcome) -> Outcome:
        """Tell ``named_backends`` of an instance that stands for a name; if that fails the record is due again."""
        if outcome.type != SCHEDULED or outcome.access is None:
            return outcome
        access, region = outcome.access, self.settings.region_id
        hint = Hint(access.name, region, f"{access.instance_id} has appeared", access.instance_id)
        return self._once_told(outcome, hint)

    def answer_hooks(self, outcomes: list[Outcome]) -> tuple[list[Outcome], list[HookAnswer]]:
        """Complete the lifecycle hooks among the outcomes; those whose hook could not be answered are due again.

        Where names move, the hook of a scale-in is for ``named_backends`` to answer, once they have.
        """
        if not any(getattr(outcome.record.content, "hook", None) for outcome in outcomes):
            return outcomes, []
        from shared.cloud.ess import Ess
        from shared.flow.hooks import answer_hooks, hook_of  # only Auto Scaling needs it: 1 ms

        settings, now = self.settings, self.session.clock.now()
        mine, handed_on = list[Outcome](), dict[int, Outcome]()
        for outcome in outcomes:
            content = outcome.record.content
            if settings.moves_names and isinstance(content, Leaving) and hook_of(outcome, settings) is not None:
                handed_on[id(outcome)] = self._handing_on(outcome, Held(content, int(now)))
            else:
                mine.append(outcome)
        ess = Ess(self.session, settings.ess_endpoint, settings.region_id)
        marked, answers = answer_hooks(mine, ess, settings, now)
        told = {id(outcome): answered for outcome, answered in zip(mine, marked, strict=True)} | handed_on
        return [told[id(outcome)] for outcome in outcomes], answers

    def _handing_on(self, outcome: Outcome, held: Held) -> Outcome:
        """Tell ``named_backends`` of a hook; if that fails the record is due again."""
        text = f"hook {held.leaving.hook.hook_id} is answered by named_backends, once the names of its instances have moved"
        return self._once_told(outcome._replace(type=SCHEDULED, reason="Named", text=text), held)

    def _once_told(self, outcome: Outcome, content: Naming) -> Outcome:
        """Tell ``named_backends`` and return ``outcome``; if that fails, a failure in its place, which is due again."""
        try:
            self.send_naming(content)
        except AuthorizerError as error:
            return outcome._replace(type=FAILED, reason=error.code, text=str(error), retry=True)
        return outcome

    def _original_in(self, outcome: Outcome) -> str:
        """Return the id of the result that gives the same original, "" if this one has to, or has none."""
        if not has_original(outcome):
            return ""
        own = result_id(outcome, self.settings.owner)
        first = self.originals.setdefault(id(outcome.record.original), own)
        return "" if first == own else first


Work = Callable[[Sequence[Record], Run], tuple[list[Outcome], list[HookAnswer]]]
"""What a function does with the records of an event. Never raises for a single record; raises SettingsError."""


class Engine:
    """Everything that outlives an invocation: settings, connections, pace. Made once per instance.

    ``environment`` is asked for the access key of a result topic outside Alibaba Cloud only.
    """

    def __init__(
        self,
        settings: Settings,
        work: Work,
        transport: Transport | None = None,
        clock: Clock | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.settings = settings
        self._work = work
        self._clock = clock or Clock()
        self._transport = transport or Transport(settings.concurrency)
        self._pace = Pace(self._clock, settings.max_calls_per_second)
        self._recent = Recent(self._clock)
        self._open_topic = topic_opener(settings, environment)

    def handle(self, event: bytes, invocation: Invocation) -> Report:
        """Process one event and return its report; raises RetryNeeded at the end if a redelivery can help.

        Where a client waits for the answer nobody redelivers: it is told to ask again. Raises SettingsError if something is
        to be done and there is no access key, unless a client waits.
        """
        report = self.process(parse(event), invocation)
        again = report.retry_text()
        if again and not report.awaited:
            raise RetryNeeded(again, report.summary())
        return report

    def process(self, records: Sequence[Record], invocation: Invocation) -> Report:
        """Process the records of one event and return the report, whatever a redelivery can do; raises SettingsError."""
        log.begin(request_id=invocation.request_id)
        session = self.session(invocation)
        # only if all are: one of a batch must not keep the others from coming again
        awaited = all(record.is_awaited for record in records)
        outcomes, hooks = self._work(
            records,
            Run(self.settings, session, self._open_topic(session), awaited, self._recent, {}, invocation.request_id),
        )
        report = Report(invocation.request_id, outcomes, hooks, awaited)
        log.info("invocation", records=len(outcomes), **report.counts(), **report.ignored_because())
        return report

    def session(self, invocation: Invocation) -> Session:
        """Return what the calls of one invocation share."""
        deadline = Deadline(self._clock, invocation.timeout)
        return Session(self._transport, self._clock, deadline, self._pace, invocation.credentials)

    def close(self) -> None:
        """Close the connections. A command does at its end; an instance of a function keeps them for as long as it lives."""
        self._transport.close()


def topic_opener(settings: Settings, environment: Mapping[str, str]) -> Callable[[Session], ResultTopic]:
    """Return what makes the result topic of an invocation; raises SettingsError.

    ``environment`` holds the access key of AWS where the topic is Amazon's. That part of the code is an extra:
    a hybrid user builds it in, everybody else does not carry it.
    """
    if not settings.sends_to_sns:
        return lambda session: SmqTopic(
            session, settings.smq_endpoint, settings.result_topic, base64=settings.result_encoding == "base64"
        )
    try:
        from shared.cloud.aws import sns
    except ModuleNotFoundError as error:
        raise SettingsError(
            [
                (
                    f"RESULT_TOPIC is {settings.result_topic!r}, but this package was built without Amazon SNS: build it "
                    "with `python -m functions build --with-sns`, or name an SMQ topic"
                )
            ]
        ) from error
    return sns.opener(settings.result_topic, settings.sns_endpoint, environment)
