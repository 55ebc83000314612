"""The sweep: read everything, make one plan, authorize what is missing, schedule what is gone. It never removes or changes.

Events get lost, instances are older than the stack, tags change, people edit the gateway. Harmless when two sweeps
overlap: what one makes the other finds, and a release that is scheduled twice is checked twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import takewhile

from shared import log
from shared.access.observe import everything
from shared.access.releasable import not_an_instance
from shared.access.sweep import CREATE, HELD_BACK, IN_USE, KEEP, NAME, RELEASE, TOO_MANY, Item, Sweep, plan_sweep
from shared.access.usage import everybody, users
from shared.backends.inventory import take
from shared.clock import Deadline, utc
from shared.cloud.apigateway import ApiGateway
from shared.cloud.references import References
from shared.errors import AuthorizerError, OutOfTime
from shared.flow.creations import announced, create
from shared.flow.engine import Run
from shared.flow.report import logged
from shared.model.access import ANNOUNCED
from shared.model.outcome import (
    FAILED,
    GRANTED,
    IGNORED,
    PLANNED,
    REFUSED,
    REJECTED,
    SCHEDULED,
    UNCHANGED,
    Outcome,
)
from shared.model.records import Hint, Record
from shared.parallel import in_parallel
from shared.settings import Settings

_SHARE = 0.8  # of the time-out; the rest is for what is under way
_ASKING = 0.5  # of what is left then may go into asking who uses what is gone, so that what is missing can be made
_SHOWN = 1_000  # items in a summary
_BECAUSE = "no look-up shows its backend any more (found by the sweep)"

Progress = Callable[[int], None]


def sweep(record: Record, run: Run) -> list[Outcome]:
    """Reconcile once for a timer's record and return what was done or planned, what is as it should be left out.

    Never raises our errors: the next run is the retry. With RECONCILE_MODE=plan, or DRY_RUN, nothing is written.
    """
    mode = run.settings.reconcile_mode
    if mode == "off":
        return [
            logged(Outcome(record, IGNORED, None, "reconcile-off", "nothing is reconciled with RECONCILE_MODE=off"))
        ]
    mode = "plan" if run.settings.dry_run else mode
    session = run.session
    until = session.deadline.part(_SHARE)
    began = session.clock.monotonic()
    log.info("sweep started", mode=mode)
    try:
        with log.tracing("sweep"):
            plan = look(run._replace(session=session._replace(deadline=until)))
    except AuthorizerError as error:
        log.error("sweep incomplete", code=error.code, text=str(error))
        return [logged(Outcome(record, FAILED, None, error.code, str(error)))]
    outcomes = carry_out(plan, record, run, until=until) if mode == "apply" else []
    left = without_outcome(to_do(plan, run.settings), outcomes) if mode == "apply" else []
    told = without_outcome([item for item in plan.items if item.kind != KEEP], outcomes)
    outcomes += [logged(_told(record, item)) for item in told[:_SHOWN]]
    _close(plan, outcomes, len(left), session.clock.monotonic() - began)
    return outcomes


def look(run: Run) -> Sweep:
    """Read everything and return the plan; raises the errors of ``Session.call`` if the gateway cannot be read."""
    settings = run.settings
    gateway = ApiGateway(run.session, settings.apigateway_endpoint)
    entries = everything(gateway, settings.concurrency)
    ours = {entry.instance_id for entry in entries if entry.owner == settings.owner}
    plan = plan_sweep(entries, take(ours, run.session, settings), settings)
    releases = plan.of(RELEASE)
    if not releases:
        return plan
    session = run.session._replace(deadline=run.session.deadline.part(_ASKING))
    references = References(session, settings.apigateway_endpoint)
    try:
        others = everybody(references)
        return plan.using({item.access.name: users(item.access, references, others) for item in releases})
    except OutOfTime:
        return plan.partial(
            f"there was no time to ask who uses {len(releases)} authorizations: raise MAX_CALLS_PER_SECOND, or use "
            "`python -m functions apply`, which has an hour"
        )
    except AuthorizerError as error:
        return plan.partial(f"who uses an authorization could not be looked up: {error}")


def carry_out(
    plan: Sweep, record: Record, run: Run, progress: Progress = lambda _: None, until: Deadline | None = None
) -> list[Outcome]:
    """Create and schedule what the plan says, and return what became of it. Never raises our errors.

    Nothing begins after ``until`` (by default four fifths of the time that is left): the rest is for what is under way, and
    what is left over has no outcome. ``progress`` is called with how much is done.
    """
    run = run._replace(settings=run.settings._replace(on_conflict="refuse"))  # a sweep never changes an entry
    until = until or run.session.deadline.part(_SHARE)
    outcomes: list[Outcome] = []
    try:
        with log.tracing("sweep"):
            for step in takewhile(lambda _: until.remaining(), _steps(plan, record, run, until)):
                outcomes += step()
                progress(len(outcomes))
    except AuthorizerError as error:
        outcomes.append(logged(Outcome(record, FAILED, None, error.code, str(error))))
    return outcomes


def to_do(plan: Sweep, settings: Settings) -> list[Item]:
    """Return what :func:`carry_out` begins, if there is time for all: what is scheduled depends on the settings."""
    schedules = settings.release_mode == "apply" and not settings.dry_run
    tells = settings.moves_names
    return plan.of(CREATE) + (plan.of(NAME) if tells else []) + (plan.of(RELEASE) if schedules else [])


def without_outcome(items: Sequence[Item], outcomes: Sequence[Outcome]) -> list[Item]:
    """Return the items that no outcome is about."""
    done = {outcome.access.target for outcome in outcomes if outcome.access}
    return [item for item in items if item.access.target not in done]


def _steps(plan: Sweep, record: Record, run: Run, until: Deadline) -> Iterator[Callable[[], list[Outcome]]]:
    """Yield what there is to do, in pieces that fit into what is left of the run after ``until``."""
    begun = to_do(plan, run.settings)
    wanted = [item for item in begun if item.kind == CREATE]
    while wanted:
        # each piece looks at the whole gateway: more entries, larger pieces
        fitting = (run.session.deadline.remaining() - until.remaining()) * run.settings.max_calls_per_second / 2
        size = max(1, min(max(_AT_ONCE, len(plan.items) // 20), int(fitting)))
        yield partial(create, wanted[:size], run)
        wanted = wanted[size:]
    if run.settings.dry_run:
        return
    for item in begun:
        if item.kind in _SENT:
            yield partial(_SENT[item.kind], item, record, run)
    lately = _made_lately(plan.of(KEEP), record, run)
    for start in range(0, len(lately), _AT_ONCE):
        yield partial(_tell_again, lately[start : start + _AT_ONCE], run)


_AT_ONCE = 100  # records that look at the gateway together


def _made_lately(items: Sequence[Item], record: Record, run: Run) -> list[Item]:
    """Return those whose entries were made for announced backends since the last sweeps, the newest first."""
    since = utc(run.session.clock.now() - _TOLD_AGAIN * 60 * _minutes(record) - _LONGEST)
    announced = [item for item in items if item.access.origin == ANNOUNCED and not_an_instance(item.access) is None]
    lately = [item for item in announced if item.access.created_time >= since]
    return sorted(lately, key=lambda item: item.access.created_time, reverse=True)


def _tell_again(items: Sequence[Item], run: Run) -> list[Outcome]:
    """Publish again what was made lately, under the same id; return what could not be told.

    A sweep that ended between making an entry and telling it is not delivered again, and for the next one the entry is there.
    """
    again = [Outcome(announced(item, run), UNCHANGED, item.access) for item in items]
    told = in_parallel(run.publish, again, run.settings.concurrency)
    log.info("told again", results=len(told))
    return [outcome._replace(retry=False) for outcome in told if not outcome.published]


_TOLD_AGAIN = 2  # sweeps tell of a new entry again
_LONGEST = 600.0  # seconds that a sweep may take
_DEFAULT_MINUTES, _MOST_MINUTES = 60, 1_440


def _minutes(record: Record) -> int:
    """Return how many minutes there are between sweeps, which is the timer's payload."""
    payload = getattr(record.content, "payload", "")
    if not re.fullmatch("[0-9]{1,4}", payload):
        return _DEFAULT_MINUTES
    return min(int(payload), _MOST_MINUTES) or _DEFAULT_MINUTES


def _schedule(item: Item, record: Record, run: Run) -> list[Outcome]:
    try:
        run.schedule_release(item.access, f"{item.access.instance_id}: {_BECAUSE}")
    except AuthorizerError as error:
        return [logged(Outcome(record, FAILED, item.access, error.code, str(error)))]
    text = f"{item.text}: everything is checked again in {run.settings.release_delay_seconds} s"
    return [logged(Outcome(record, SCHEDULED, item.access, text=text))]


def _look_at(item: Item, record: Record, run: Run) -> list[Outcome]:
    """Have ``named_backends`` look at a name."""
    try:
        run.send_naming(Hint(item.access.name, run.settings.region_id, "found by the sweep"))
    except AuthorizerError as error:
        return [logged(Outcome(record, FAILED, item.access, error.code, str(error)))]
    return [logged(Outcome(record, SCHEDULED, item.access, "Named", item.text))]


_SENT = {RELEASE: _schedule, NAME: _look_at}


def _told(record: Record, item: Item) -> Outcome:
    reason = f"{item.kind}: {item.reason}" if item.reason else item.kind
    return Outcome(record, PLANNED, item.access if item.access.port else None, reason, item.text)


def _close(plan: Sweep, outcomes: Sequence[Outcome], left: int, seconds: float) -> None:
    """Write the lines that alarms watch: what was held back or is in use, and that a sweep saw and did all there was."""
    for item in plan.of(IN_USE):
        log.warning("dead and in use", name=item.access.name, target=item.access.target_text(), text=item.text)
    held = [item for item in plan.of(HELD_BACK) if item.reason == TOO_MANY]  # what could not be seen is a problem below
    if held:
        log.warning("sweep held back", releases=len(held), reason=held[0].reason, text=held[0].text)
    missing = {
        "failed": sum(outcome.type == FAILED for outcome in outcomes),
        "untold": sum(outcome.type in _TOLD and not outcome.published for outcome in outcomes),
        "left": left,
    }
    counts = {_COUNTED.get(kind, kind.replace(" ", "_")): count for kind, count in plan.counts().items()}
    fields = {**counts, "seconds": round(seconds, 1)}
    if plan.problems or any(missing.values()):
        log.warning("sweep incomplete", problems=list(plan.problems), **missing, **fields)
    else:
        log.info("sweep completed", checksum=plan.checksum(), **fields)


_COUNTED = {NAME: "names"}  # ``name`` is that of an entry in every line
_TOLD = GRANTED | {REFUSED, REJECTED}  # what has a result that consumers wait for
