"""One invocation, top to bottom. ``Handler.handle`` is the only control flow; each step takes values and returns values."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from functions.set_vpc_access.desire import desire as job_of
from shared import log
from shared.access.apply import Applier, wanted
from shared.access.batch import Batch
from shared.access.observe import observe
from shared.access.plan import Decision, Present, Refuse, Wanted, against_policy, plan, word
from shared.clock import Clock, Deadline
from shared.cloud import results
from shared.cloud.apigateway import ApiGateway
from shared.cloud.pace import Pace
from shared.cloud.results import ResultTopic
from shared.cloud.rpc import utc
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport
from shared.errors import AuthorizerError, OutOfTime, RetryNeeded
from shared.events.parsing import parse
from shared.flow.replies import is_awaited
from shared.flow.report import counts, line, result_message, retry_text, summary
from shared.model.outcome import FAILED, IGNORED, PLANNED, SILENT, Job, Outcome
from shared.model.records import Appeared
from shared.parallel import in_parallel
from shared.settings import Settings


class Invocation(NamedTuple):
    """What one call brings: its id, the seconds it may take, and the credentials to work with."""

    request_id: str
    timeout: float
    credentials: Callable[[], Credentials]


class Handler:
    """Everything that outlives an invocation: settings, connections, pace. Made once per instance.

    ``environment`` is asked for the access key of a result topic outside Alibaba Cloud only.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport | None = None,
        clock: Clock | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.settings = settings
        self._clock = clock or Clock()
        self._transport = transport or Transport(settings.concurrency)
        self._pace = Pace(self._clock, settings.max_calls_per_second)
        self._open_topic = results.opener(settings, environment)

    def handle(self, event: bytes, invocation: Invocation) -> dict[str, Any]:
        """Work off an event and return its summary; raises RetryNeeded at the end if a redelivery can help.

        Raises SettingsError if something is to be done and there is no access key, unless a client waits for the answer.
        """
        log.begin(request_id=invocation.request_id)
        session = self.session(invocation)
        gateway = ApiGateway(session, self.settings.apigateway_endpoint)

        jobs = [job_of(record) for record in parse(event)]
        if not is_awaited(job.record.source for job in jobs) and any(_is_due(job) for job in jobs):
            invocation.credentials()  # without a key nothing can be done: told once and as what it is, not by each record
        jobs = self._resolve(jobs, session)
        jobs, present = self._observe(jobs, gateway)
        decisions = self._decide(jobs, present)
        if self.settings.dry_run:
            outcomes = [_planned(job, decisions.get(number)) for number, job in enumerate(jobs)]
            for outcome in outcomes:
                _log(outcome, {})  # nothing is published, so this is the only trace
            return self._finish(outcomes, [], invocation)
        outcomes = self._carry_out(jobs, decisions, session, gateway)
        outcomes, hooks = self._answer_hooks(outcomes, session)
        return self._finish(outcomes, hooks, invocation)

    def session(self, invocation: Invocation) -> Session:
        """Return what the calls of one invocation share."""
        deadline = Deadline(self._clock, invocation.timeout)
        return Session(self._transport, self._clock, deadline, self._pace, invocation.credentials)

    def _resolve(self, jobs: list[Job], session: Session) -> list[Job]:
        """Turn notices into requests, and with VERIFY_TARGET look whether direct requests are true."""
        if any(isinstance(job.record.content, Appeared) for job in jobs):
            from shared.backends.lookup import resolve_notices  # a request by name needs no look-up: 2 ms

            jobs = resolve_notices(jobs, session, self.settings)
        if self.settings.verify_target:
            from shared.backends.verify import verify_targets

            jobs = verify_targets(jobs, session, self.settings)
        return jobs

    def _observe(self, jobs: list[Job], gateway: ApiGateway) -> tuple[list[Job], Present]:
        """Read what is there. Requests that policy forbids need no look, and get their answer if it fails."""
        asked = [job.access for job in jobs if self._is_allowed(job) and job.access is not None]
        try:
            return jobs, observe(gateway, asked, self.settings.concurrency)
        except AuthorizerError as error:
            return [job.delayed(error) if self._is_allowed(job) else job for job in jobs], Present()

    def _is_allowed(self, job: Job) -> bool:
        """Tell whether a job is still to be decided by what is there."""
        return job.outcome is None and job.access is not None and against_policy(job.access, self.settings) is None

    def _decide(self, jobs: Sequence[Job], present: Present) -> dict[int, Decision]:
        """Plan every job that has no outcome yet, by its place."""
        asked = {number: _wanted(job) for number, job in enumerate(jobs) if job.outcome is None}
        return plan(asked, present, self.settings)

    def _carry_out(
        self, jobs: Sequence[Job], decisions: Mapping[int, Decision], session: Session, gateway: ApiGateway
    ) -> list[Outcome]:
        """Apply and publish, each record when it is settled what it depends on."""
        topic = self._open_topic(session)
        batch = Batch(jobs, decisions, Applier(gateway, session, self.settings))
        outcomes: list[Outcome | None] = [None] * len(jobs)

        def finish(number: int, settle: Callable[[int], Outcome]) -> None:
            with log.record(message_id=jobs[number].record.message_id) as tally:
                outcomes[number] = outcome = self._publish(settle(number), topic)
                _log(outcome, tally)

        in_parallel(lambda number: finish(number, batch.settle), batch.leaders(), self.settings.concurrency)
        followers, freed = batch.waiting()
        in_parallel(lambda number: finish(number, batch.settle), followers, self.settings.concurrency)
        for number in freed:
            finish(number, batch.settle_freed)
        return [outcome for outcome in outcomes if outcome is not None]

    def _publish(self, outcome: Outcome, topic: ResultTopic) -> Outcome:
        """Publish the result; a failure makes the record due for redelivery, when it is kept and published again."""
        if outcome.type in SILENT:
            return outcome
        try:
            message = result_message(outcome, self.settings.owner, utc(self._clock.now()))
            return outcome._replace(published=topic.publish(message))
        except AuthorizerError as error:
            report = log.debug if isinstance(error, OutOfTime) else log.error  # a late batch would fill the log
            report("result not published", code=error.code, text=str(error))
            if outcome.reason != error.code:  # otherwise the text says it already
                text = f"the result was not published: {error}"
                outcome = outcome._replace(
                    reason=outcome.reason or error.code, text=f"{outcome.text}; {text}" if outcome.text else text
                )
            return outcome._replace(retry=True)

    def _answer_hooks(self, outcomes: list[Outcome], session: Session) -> tuple[list[Outcome], list[dict[str, Any]]]:
        """Complete the lifecycle hooks among the records."""
        if not any(getattr(outcome.record.content, "hook", None) for outcome in outcomes):
            return outcomes, []
        from shared.cloud.ess import Ess
        from shared.flow.hooks import settle  # only Auto Scaling needs it: 1 ms

        ess = Ess(session, self.settings.ess_endpoint, self.settings.region_id)
        outcomes, answers = settle(outcomes, ess, self.settings)
        return outcomes, [answer.line() for answer in answers]

    def _finish(
        self, outcomes: Sequence[Outcome], hooks: Sequence[dict[str, Any]], invocation: Invocation
    ) -> dict[str, Any]:
        """Report; raise for a redelivery unless a client waits for the answer, who is told to ask again."""
        ignored = _ignored_because(outcomes)
        log.info("invocation", records=len(outcomes), **counts(outcomes), **ignored)
        answer = summary(outcomes, invocation.request_id) | ignored
        if hooks:
            answer["hooks"] = list(hooks)
        again = retry_text(outcomes)
        if again and not is_awaited(outcome.record.source for outcome in outcomes):
            raise RetryNeeded(again, answer)
        return answer


def _is_due(job: Job) -> bool:
    """Tell whether a job needs any call: to be carried out, or to have its answer published."""
    return job.outcome is None or job.outcome.type not in SILENT


def _ignored_because(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    reasons = [outcome.reason for outcome in outcomes if outcome.type == IGNORED]
    return {"ignored_because": dict(Counter(reasons))} if reasons else {}


def _wanted(job: Job) -> Wanted:
    assert job.access is not None  # every job without an outcome has one after _resolve
    return wanted(job.record, job.access)


def _planned(job: Job, decision: Decision | None) -> Outcome:
    if job.outcome is not None or decision is None:
        return job.outcome or Outcome(job.record, FAILED)
    text = decision.text if isinstance(decision, Refuse) else ""
    reason = f"refuse: {decision.reason}" if isinstance(decision, Refuse) else word(decision)
    return Outcome(job.record, PLANNED, decision.access, reason, text)


def _log(outcome: Outcome, tally: Mapping[str, float]) -> None:
    write = log.info if outcome.type != FAILED and not outcome.retry else log.warning
    write("record", **line(outcome), **{name: round(amount, 3) for name, amount in tally.items()})
