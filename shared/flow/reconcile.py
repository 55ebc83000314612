"""The sweep: read everything, make one plan, authorize what is missing, schedule what is gone. It never removes or changes.

Events get lost, instances are older than the stack, tags change, people edit the gateway. Harmless when two sweeps
overlap: what one makes the other finds, and a release that is scheduled twice is checked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared import log
from shared.access.observe import everything
from shared.access.sweep import CREATE, HELD_BACK, IN_USE, KEEP, RELEASE, Item, Sweep, plan_sweep
from shared.access.usage import users
from shared.backends.inventory import take
from shared.cloud.apigateway import ApiGateway
from shared.cloud.references import References
from shared.cloud.smq import SmqQueue
from shared.errors import AuthorizerError, SettingsError
from shared.events.schedule import schedule_message
from shared.flow.authorize import authorize
from shared.flow.engine import Run
from shared.flow.report import RECONCILE, line
from shared.model.backend import kind_of
from shared.model.outcome import FAILED, IGNORED, PLANNED, SCHEDULED, Job, Outcome
from shared.model.records import Appeared, Record

_SHARE = 0.8  # of the time-out; the rest is for what is under way
_SHOWN = 1_000  # items in a summary
_BECAUSE = "no look-up shows its backend any more (found by the sweep)"

Progress = Callable[[int], None]


def sweep(record: Record, run: Run) -> list[Outcome]:
    """Reconcile once for a timer's record and return what was done or planned, what is as it should be left out.

    Never raises our errors: the next run is the retry. With RECONCILE_MODE=plan, or DRY_RUN, nothing is written.
    """
    mode = "plan" if run.settings.dry_run else run.settings.reconcile_mode
    if mode == "off":
        return [
            logged(Outcome(record, IGNORED, None, "reconcile-off", "nothing is reconciled with RECONCILE_MODE=off"))
        ]
    session = run.session
    run = run._replace(session=session._replace(deadline=session.deadline.part(_SHARE)))
    began = session.clock.monotonic()
    log.info("sweep started", mode=mode)
    try:
        with log.tracing("sweep"):
            plan = look(run)
            outcomes = carry_out(plan, record, run) if mode == "apply" else []
    except AuthorizerError as error:
        log.error("sweep incomplete", code=error.code, text=str(error))
        return [logged(Outcome(record, FAILED, None, error.code, str(error)))]
    done = {outcome.access.target for outcome in outcomes if outcome.access}
    told = [item for item in plan.items if item.kind != KEEP and item.access.target not in done]
    outcomes += [logged(_told(record, item)) for item in told[:_SHOWN]]
    _close(plan, outcomes, session.clock.monotonic() - began)
    return outcomes


def logged(outcome: Outcome) -> Outcome:
    """Write the line of what became of a record, or of an item of the plan: nobody reads the answer to a timer."""
    write = log.warning if outcome.type == FAILED else log.info
    write("record", **line(outcome))
    return outcome


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
    references = References(run.session, settings.apigateway_endpoint)
    try:
        shared = references.shared()
        return plan.using({item.access.name: users(item.access, references, shared) for item in releases})
    except AuthorizerError as error:
        return plan.partial(f"who uses an authorization could not be looked up: {error}")


def carry_out(plan: Sweep, record: Record, run: Run, progress: Progress = lambda _: None) -> list[Outcome]:
    """Create and schedule what the plan says; ``progress`` is called with how much is done. Never raises our errors."""
    jobs = [Job(_announced(item, run), item.access._replace(tags=())) for item in plan.of(CREATE)]
    made: list[Outcome] = []
    for start in range(0, len(jobs), _AT_ONCE):
        outcomes, _ = authorize(jobs[start : start + _AT_ONCE], run)
        made += [outcome._replace(retry=False) for outcome in outcomes]
        progress(len(made))
    scheduled = plan.of(RELEASE) if run.settings.release_mode == "apply" and not run.settings.dry_run else []
    for item in scheduled:
        made.append(logged(_schedule(item, record, run)))
        progress(len(made))
    return made


_AT_ONCE = 100  # records that look at the gateway together


def _announced(item: Item, run: Run) -> Record:
    """Return the record of a target that a sweep found missing, as if its backend had just appeared."""
    kind = kind_of(item.access.instance_id)
    assert kind is not None  # a sweep creates for backends that it has looked up
    appeared = Appeared(kind.name, item.access.instance_id, run.settings.region_id, run.settings.account_id)
    return Record(RECONCILE, "", item.access.instance_id, appeared, "{}")


def _schedule(item: Item, record: Record, run: Run) -> Outcome:
    settings = run.settings
    try:
        if not settings.release_queue:
            raise SettingsError(["RELEASE_QUEUE is missing: the name of the SMQ queue that holds scheduled releases"])
        queue = SmqQueue(run.session, settings.smq_endpoint, settings.release_queue)
        message = schedule_message(item.access, settings.region_id, f"{item.access.instance_id}: {_BECAUSE}")
        queue.send(message, settings.release_delay_seconds)
    except AuthorizerError as error:
        return Outcome(record, FAILED, item.access, error.code, str(error))
    text = f"{item.text}: everything is checked again in {settings.release_delay_seconds} s"
    return Outcome(record, SCHEDULED, item.access, text=text)


def _told(record: Record, item: Item) -> Outcome:
    reason = f"{item.kind}: {item.reason}" if item.reason else item.kind
    return Outcome(record, PLANNED, item.access if item.access.port else None, reason, item.text)


def _close(plan: Sweep, outcomes: Sequence[Outcome], seconds: float) -> None:
    """Write the lines that alarms watch: what was held back or is in use, and that a sweep saw and did all there was."""
    for item in plan.of(IN_USE):
        log.warning("dead and in use", name=item.access.name, target=item.access.target_text(), text=item.text)
    held = plan.of(HELD_BACK)
    if held:
        log.warning("sweep held back", releases=len(held), reason=held[0].reason, text=held[0].text)
    failed = sum(outcome.type == FAILED for outcome in outcomes)
    fields = {**{kind.replace(" ", "_"): count for kind, count in plan.counts().items()}, "seconds": round(seconds, 1)}
    if plan.problems or failed:
        log.warning("sweep incomplete", failed=failed, problems=list(plan.problems), **fields)
    else:
        log.info("sweep completed", checksum=plan.checksum(), **fields)
