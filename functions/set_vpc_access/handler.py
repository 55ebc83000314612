"""One invocation, top to bottom. ``Handler.handle`` is the only control flow; each step takes values and returns values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from functions.set_vpc_access.apply import Applier, wanted
from shared import log
from shared.clock import Clock, Deadline
from shared.cloud.apigateway import PAGE_SIZE, ApiGateway
from shared.cloud.ecs import Ecs
from shared.cloud.pace import Pace
from shared.cloud.rpc import utc
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.smq import SmqTopic
from shared.cloud.transport import Transport
from shared.errors import AuthorizerError, RetryNeeded, Transient
from shared.events.parsing import parse
from shared.events.records import Ignored, InstanceNotice, Invalid, Record
from shared.inventory import Unresolved, resolve
from shared.plan import Create, Decision, Keep, Present, Refuse, Replace, Wanted, against_policy, plan, word
from shared.report import (
    FAILED,
    IGNORED,
    PLANNED,
    REFUSED,
    REJECTED,
    SILENT,
    UNCHANGED,
    Outcome,
    counts,
    line,
    result_message,
    retry_text,
    summary,
)
from shared.settings import Settings
from shared.vpcaccess import VpcAccess


class Invocation(NamedTuple):
    """What one call brings: its id, the seconds it may take, and the credentials to work with."""

    request_id: str
    timeout: float
    credentials: Callable[[], Credentials]


class Job(NamedTuple):
    """A record on its way: the request it stands for, or the outcome it has already."""

    record: Record
    access: VpcAccess | None = None
    outcome: Outcome | None = None


class Handler:
    """Everything that outlives an invocation: settings, connections, pace. Made once per instance."""

    def __init__(self, settings: Settings, transport: Transport | None = None, clock: Clock | None = None) -> None:
        self.settings = settings
        self._clock = clock or Clock()
        self._transport = transport or Transport(settings.concurrency)
        self._pace = Pace(self._clock, settings.max_calls_per_second)

    def handle(self, event: bytes, invocation: Invocation) -> dict[str, Any]:
        """Work off an event and return its summary; raises RetryNeeded at the end if a redelivery can help."""
        log.begin(request_id=invocation.request_id)
        deadline = Deadline(self._clock, invocation.timeout)
        session = Session(self._transport, self._clock, deadline, self._pace, invocation.credentials)
        gateway = ApiGateway(session, self.settings.apigateway_endpoint)

        jobs = self._resolve([_job(record) for record in parse(event)], session)
        jobs, present = self._observe(jobs, gateway)
        decisions = self._decide(jobs, present)
        if self.settings.dry_run:
            outcomes = [_planned(job, decision) for job, decision in zip(jobs, decisions, strict=True)]
        else:
            outcomes = self._carry_out(jobs, decisions, session, gateway)
        return self._finish(outcomes, invocation)

    def _resolve(self, jobs: Sequence[Job], session: Session) -> list[Job]:
        """Turn notices into requests: one look-up for all of them, one job for each port."""
        notices = [job.record.content for job in jobs if isinstance(job.record.content, InstanceNotice)]
        if not notices:
            return list(jobs)
        ecs = Ecs(session, self.settings.ecs_endpoint, self.settings.region_id)
        try:
            found = ecs.describe_instances(notice.instance_id for notice in notices)
        except AuthorizerError as error:
            return [_failed(job, error) if isinstance(job.record.content, InstanceNotice) else job for job in jobs]
        resolved: list[Job] = []
        for job in jobs:
            notice = job.record.content
            if not isinstance(notice, InstanceNotice):
                resolved.append(job)
                continue
            answer = resolve(notice, found.get(notice.instance_id), self.settings)
            if isinstance(answer, Ignored):
                resolved.append(job._replace(outcome=Outcome(job.record, IGNORED, None, answer.reason, answer.text)))
            elif isinstance(answer, Unresolved):
                kind = FAILED if answer.retry else REJECTED
                outcome = Outcome(job.record, kind, None, answer.reason, answer.text, retry=answer.retry)
                resolved.append(job._replace(outcome=outcome))
            else:
                resolved.extend(job._replace(access=access) for access in answer)
        return resolved

    def _observe(self, jobs: list[Job], gateway: ApiGateway) -> tuple[list[Job], Present]:
        """Read what is there: every page once, or where that is dearer two exact look-ups for each request."""
        asked = [job.access for job in jobs if job.access is not None and not against_policy(job.access, self.settings)]
        if not asked:
            return jobs, Present()
        try:
            return jobs, Present(_entries(gateway, asked))
        except AuthorizerError as error:
            return [job if job.outcome else _failed(job, error) for job in jobs], Present()

    def _decide(self, jobs: Sequence[Job], present: Present) -> list[Decision | None]:
        """Plan every job that has no outcome yet."""
        open_jobs = [number for number, job in enumerate(jobs) if job.outcome is None]
        decided = plan([_wanted(jobs[number]) for number in open_jobs], present, self.settings)
        decisions: list[Decision | None] = [None] * len(jobs)
        for number, decision in zip(open_jobs, decided, strict=True):
            decisions[number] = (
                decision._replace(same_as=open_jobs[decision.same_as])
                if isinstance(decision, Keep) and decision.same_as is not None
                else decision
            )
        return decisions

    def _carry_out(
        self, jobs: Sequence[Job], decisions: Sequence[Decision | None], session: Session, gateway: ApiGateway
    ) -> list[Outcome]:
        """Apply and publish: first every record that stands for itself, then those that share another's answer."""
        topic = SmqTopic(
            session,
            self.settings.smq_endpoint,
            self.settings.result_topic,
            base64=self.settings.result_encoding == "base64",
        )
        applier = Applier(gateway, session, self.settings)
        outcomes: list[Outcome | None] = [None] * len(jobs)

        def work(number: int) -> None:
            job, decision = jobs[number], decisions[number]
            with log.record(message_id=job.record.message_id) as tally:
                outcome = self._outcome(job, decision, applier, outcomes)
                outcomes[number] = outcome = self._publish(outcome, topic)
                _log(outcome, tally)

        followers = [
            n for n, decision in enumerate(decisions) if isinstance(decision, Keep) and decision.same_as is not None
        ]
        leaders = sorted(set(range(len(jobs))).difference(followers))
        self._in_parallel(work, leaders)
        self._in_parallel(work, followers)
        return [outcome for outcome in outcomes if outcome is not None]

    def _outcome(
        self, job: Job, decision: Decision | None, applier: Applier, outcomes: Sequence[Outcome | None]
    ) -> Outcome:
        if job.outcome is not None:
            return job.outcome
        if isinstance(decision, Create):
            return applier.create(job.record, decision.access)
        if isinstance(decision, Replace):
            return applier.replace(job.record, decision.access)
        if isinstance(decision, Refuse):
            return Outcome(job.record, REFUSED, decision.access, decision.reason, decision.text)
        assert isinstance(decision, Keep)
        if decision.same_as is None:
            return Outcome(job.record, UNCHANGED, decision.access, drift=decision.drift)
        leader = outcomes[decision.same_as]
        assert leader is not None
        kind = leader.type if leader.type in (FAILED, REFUSED, REJECTED) else UNCHANGED
        return leader._replace(record=job.record, type=kind, drift=decision.drift, published="")

    def _publish(self, outcome: Outcome, topic: SmqTopic) -> Outcome:
        """Publish the result; a failure makes the record due for redelivery, when it is kept and published again."""
        if outcome.type in SILENT:
            return outcome
        try:
            message = result_message(outcome, self.settings.owner, utc(self._clock.now()))
            return outcome._replace(published=topic.publish(message) or "yes")
        except AuthorizerError as error:
            log.error("result not published", code=error.code, text=str(error))
            if outcome.reason != error.code:  # otherwise the text says it already
                text = f"the result was not published: {error}"
                outcome = outcome._replace(
                    reason=outcome.reason or error.code, text=f"{outcome.text}; {text}" if outcome.text else text
                )
            return outcome._replace(retry=True)

    def _in_parallel(self, work: Callable[[int], None], numbers: Sequence[int]) -> None:
        """Run ``work`` for every number, at most CONCURRENCY at once."""
        if len(numbers) < 2 or self.settings.concurrency == 1:
            for number in numbers:
                work(number)
            return
        from concurrent.futures import ThreadPoolExecutor  # only batches need it: 3 ms

        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            for _ in pool.map(work, numbers):
                pass

    def _finish(self, outcomes: Sequence[Outcome], invocation: Invocation) -> dict[str, Any]:
        log.info("invocation", records=len(outcomes), **counts(outcomes))
        again = retry_text(outcomes)
        if again:
            raise RetryNeeded(again)
        return summary(outcomes, invocation.request_id)


def _job(record: Record) -> Job:
    content = record.content
    if isinstance(content, VpcAccess):
        return Job(record, content)
    if isinstance(content, Invalid):
        return Job(record, outcome=Outcome(record, REJECTED, None, "InvalidRecord", content.text))
    if isinstance(content, Ignored):
        return Job(record, outcome=Outcome(record, IGNORED, None, content.reason, content.text))
    return Job(record)


def _wanted(job: Job) -> Wanted:
    assert job.access is not None  # every job without an outcome has one after _resolve
    return wanted(job.record, job.access)


def _failed(job: Job, error: AuthorizerError) -> Job:
    outcome = Outcome(job.record, FAILED, job.access, error.code, str(error), retry=isinstance(error, Transient))
    return job._replace(outcome=outcome)


def _entries(gateway: ApiGateway, wanted: Sequence[VpcAccess]) -> Iterable[VpcAccess]:
    first = gateway.page()
    pages = -(-first.total // PAGE_SIZE)
    if pages <= 1:
        return first.entries
    if pages - 1 <= 2 * len(wanted):
        return gateway.pages(first)
    return gateway.matching(wanted)


def _planned(job: Job, decision: Decision | None) -> Outcome:
    if job.outcome is not None or decision is None:
        return job.outcome or Outcome(job.record, FAILED)
    text = decision.text if isinstance(decision, Refuse) else ""
    reason = f"refuse: {decision.reason}" if isinstance(decision, Refuse) else word(decision)
    return Outcome(job.record, PLANNED, decision.access, reason, text)


def _log(outcome: Outcome, tally: Mapping[str, float]) -> None:
    write = log.info if outcome.type != FAILED and not outcome.retry else log.warning
    write("record", **line(outcome), **{name: round(amount, 3) for name, amount in tally.items()})
