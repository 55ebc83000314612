"""Jobs to outcomes: look up, observe, plan, apply, publish, answer the hooks. The same for every function that authorizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from shared import log
from shared.access.apply import Applier, wanted
from shared.access.batch import Batch
from shared.access.observe import observe
from shared.access.plan import Decision, Keep, Present, Refuse, Wanted, against_policy, name_of, plan
from shared.cloud.apigateway import ApiGateway
from shared.errors import AuthorizerError, Unexpected
from shared.flow.engine import Run
from shared.flow.report import logged
from shared.model.outcome import PLANNED, SILENT, HookAnswer, Job, Outcome
from shared.model.records import Appeared
from shared.parallel import in_parallel
from shared.settings import Settings

Result = TypeVar("Result")
Turn = tuple[int, int]  # its number, and how many records have it together
_LOOKING = 2 / 3  # of the time that is left may go into look-ups, so that what was found can be authorized


def authorize(jobs: list[Job], run: Run) -> tuple[list[Outcome], list[HookAnswer]]:
    """Return what became of each job, every result published, and the answers to the hooks among them.

    With DRY_RUN nothing is written, published or answered: the outcomes say what was planned. Raises SettingsError if
    something is to be done and there is no access key, unless a client waits for the answer.
    """
    if not run.awaited and any(_is_due(job) for job in jobs):
        run.session.credentials()  # without a key nothing can be done: said once, not once for each record
    gateway = ApiGateway(run.session, run.settings.apigateway_endpoint)
    turns = turns_of(jobs)
    jobs.sort(key=lambda job: turns[id(job.record)])
    if run.settings.verify_target or any(isinstance(job.record.content, Appeared) for job in jobs):
        looking = run._replace(session=run.session._replace(deadline=run.session.deadline.part(_LOOKING)))
        jobs = guarded("look-up", jobs, lambda some: _resolve(some, looking))
    jobs, present = _observe(jobs, gateway, run.settings, run.session.clock.now())
    run.recent.saw(present)
    jobs, decisions = _plan(jobs, present, run.settings)
    if run.settings.dry_run:
        planned = [job.outcome or _planned(job, decisions[number]) for number, job in enumerate(jobs)]
        outcomes = _in_their_order(planned, turns)
        for outcome in outcomes:
            logged(outcome)  # nothing is published, so this is the only trace
        return outcomes, []
    return run.answer_hooks(_in_their_order(_carry_out(jobs, decisions, gateway, run, turns), turns))


def turns_of(jobs: Sequence[Job]) -> dict[int, Turn]:
    """Return the turn of each job's record, by the record's identity (``id``) and in the order of the jobs.

    It is 0 for the first record of every message.

    Messages take turns, so one that holds a thousand records delays another by one record and not by a thousand. The
    instances of a hook have one turn, since the hook has one answer. Of equal turns the smaller comes first, so that a
    hook of a thousand instances delays no other either. A record without a message's id is a message.
    """
    taken: Counter[str | int] = Counter()
    units: dict[tuple[str | int, object], int] = {}
    unit_of: dict[int, tuple[str | int, object]] = {}
    for number, job in enumerate(jobs):
        message = job.record.message_id or number
        unit = unit_of[id(job.record)] = (message, getattr(job.record.content, "hook", None) or number)
        if unit not in units:
            units[unit] = taken[message]
            taken[message] += 1
    sizes = Counter(unit_of.values())
    held_once: dict[Turn, Turn] = {}  # most have the same
    turns = ((record, (units[unit], sizes[unit])) for record, unit in unit_of.items())
    return {record: held_once.setdefault(turn, turn) for record, turn in turns}


def _in_their_order(outcomes: list[Outcome], turns: Mapping[int, Turn]) -> list[Outcome]:
    """Return the outcomes in the order in which their records came."""
    places = {record: place for place, record in enumerate(turns)}
    return sorted(outcomes, key=lambda outcome: places[id(outcome.record)])


def guarded(stage: str, jobs: list[Job], work: Callable[[list[Job]], list[Job]]) -> list[Job]:
    """Return what ``work`` makes of the jobs. A fault of ours costs only the job that it is about its answer for now.

    If the work fails for all together it is done for each alone, and the job that it then fails for is due again.
    """
    try:
        with log.tracing(stage):
            return work(jobs)
    except Unexpected as error:
        if len(jobs) == 1:
            return [jobs[0].delayed(error)]
    return [done for job in jobs for done in guarded(stage, [job], work)]


def _asked(stage: str, jobs: list[Job], work: Callable[[list[Job]], Result]) -> tuple[list[Job], Result]:
    """Return what ``work`` says of the jobs, and the jobs: one that it fails for is due again, and said nothing of."""
    try:
        with log.tracing(stage):
            return jobs, work(jobs)
    except Unexpected:
        jobs = guarded(stage, jobs, lambda some: [job for job in some if work([job]) is not None])
        return jobs, work(jobs)


def _plan(jobs: list[Job], present: Present, settings: Settings) -> tuple[list[Job], dict[int, Decision]]:
    """Plan every job that has no outcome yet, by its place."""

    def planned(some: list[Job]) -> dict[int, Decision]:
        return plan({n: _wanted(job) for n, job in enumerate(some) if job.outcome is None}, present, settings)

    return _asked("plan", jobs, planned)


def _resolve(jobs: list[Job], run: Run) -> list[Job]:
    """Turn announcements into requests, and with VERIFY_TARGET check that the targets of direct requests exist."""
    if any(isinstance(job.record.content, Appeared) for job in jobs):
        from shared.backends.lookup import resolve_notices  # a request by name needs no look-up: 2 ms

        jobs = resolve_notices(jobs, run.session, run.settings)
    if run.settings.verify_target:
        from shared.access.verify import verify_targets

        jobs = verify_targets(jobs, run.session, run.settings)
    return jobs


def _observe(jobs: list[Job], gateway: ApiGateway, settings: Settings, now: float) -> tuple[list[Job], Present]:
    """Read what is there. Requests that policy forbids need no look, and get their answer if it fails."""
    jobs, allowed = _asked("policy", jobs, lambda some: [job for job in some if _is_allowed(job, settings)])
    try:
        with log.tracing("observe"):
            return jobs, observe(gateway, [job.access for job in allowed if job.access], settings.concurrency)
    except AuthorizerError as error:
        return [job.failed(error, now) if _is_allowed(job, settings) else job for job in jobs], Present()


def _carry_out(
    jobs: Sequence[Job], decisions: dict[int, Decision], gateway: ApiGateway, run: Run, turns: Mapping[int, Turn]
) -> list[Outcome]:
    """Apply and publish jobs that stand in their turns, each record when what it depends on has its outcome.

    The first record of every message comes first, then what is not there yet, then what is only reported again, also that
    it still cannot be done: if time runs out, the next delivery goes on where this one stopped instead of repeating it.
    """
    batch = Batch(jobs, decisions, Applier(gateway, run.session, run.settings, run.recent))
    outcomes: list[Outcome | None] = [None] * len(jobs)

    def finish(number: int, outcome_of: Callable[[int], Outcome]) -> None:
        with log.record(message_id=jobs[number].record.message_id) as tally:
            outcomes[number] = logged(run.publish(run.hand_on(outcome_of(number))), tally)

    def urgency(number: int) -> tuple[bool, bool]:
        job = jobs[number]
        repeated = isinstance(decisions.get(number), Keep) or (job.outcome is not None and job.outcome.retry)
        return turns[id(job.record)][0] > 0, repeated

    leaders = sorted(batch.leaders(), key=urgency)  # among equals it stays as it is: by turns
    in_parallel(lambda number: finish(number, batch.finish), leaders, run.settings.concurrency)
    followers, freed = batch.waiting()
    in_parallel(lambda number: finish(number, batch.finish), followers, run.settings.concurrency)
    for number in freed:
        finish(number, batch.finish_freed)
    return [outcome for outcome in outcomes if outcome is not None]


def _is_due(job: Job) -> bool:
    """Tell whether a job needs any call: to be carried out, or to have its answer published."""
    return job.outcome is None or job.outcome.type not in SILENT


def _is_allowed(job: Job, settings: Settings) -> bool:
    """Tell whether a job is still to be decided by what is there."""
    return job.outcome is None and job.access is not None and against_policy(job.access, settings) is None


def _wanted(job: Job) -> Wanted:
    assert job.access is not None  # every job without an outcome has one after _resolve
    return wanted(job.record, job.access)


def _planned(job: Job, decision: Decision) -> Outcome:
    text = decision.text if isinstance(decision, Refuse) else ""
    reason = f"refuse: {decision.reason}" if isinstance(decision, Refuse) else name_of(decision)
    return Outcome(job.record, PLANNED, decision.access, reason, text)
