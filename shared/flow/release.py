"""Two steps: the end of a backend schedules the release of its entries; when that is due, each is checked and released.

An hour lies between them, unless the setting says otherwise, in which whoever made a mistake can notice it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from shared import log
from shared.access import release as checks
from shared.access.releasable import Kept, not_ours
from shared.access.release import Case, Check, examine, open_case, remove
from shared.backends.rules import foreign
from shared.cloud.apigateway import ApiGateway, Removed
from shared.errors import AuthorizerError, CloudRefused, UnknownRefusal
from shared.flow.engine import Run
from shared.flow.report import logged
from shared.model.access import VpcAccess
from shared.model.outcome import IGNORED, KEPT, PLANNED, RELEASED, SCHEDULED, HookAnswer, Job, Outcome, stopped
from shared.model.records import Changed, Ended, Hint, Ignored, Leaving, Record, Scheduled

OFF = Ignored("release-off", "nothing is released with RELEASE_MODE=off")
_SHOWS = 30  # seconds after which every list of instances should show what an event told
_UNSEEN = ("stage variables of API groups", "definitions of APIs outside the gateway")


def release(
    jobs: Sequence[Job], run: Run, when_due: Sequence[Check] = checks.CHECKS
) -> tuple[list[Outcome], list[HookAnswer]]:
    """Return what became of each job, in their order, every result published, and the answers to hooks of scale-ins.

    One after the other: together all would wait for the pace of the same calls, and run out of time together, each time anew.
    The end of a backend has an outcome for each entry that opens it. What is due is released if ``when_due`` holds; tests
    leave out checks to see what each is for. With DRY_RUN nothing is removed, sent, published or answered. Raises
    SettingsError if something is to be done and a setting for it, or the access key, is missing.
    """
    if any(job.outcome is None for job in jobs):
        run.session.credentials()  # without a key nothing can be done: said once, not once for each record
    gateway = ApiGateway(run.session, run.settings.apigateway_endpoint)

    def finished(job: Job) -> list[Outcome]:
        with log.record(message_id=job.record.message_id) as tally:
            outcomes = list(_outcomes(job, gateway, run, when_due))
            if not run.settings.dry_run:
                outcomes = [run.publish(outcome) for outcome in outcomes]
            return [logged(outcome, tally) for outcome in outcomes]

    outcomes = [outcome for job in jobs for outcome in finished(job)]
    if run.settings.dry_run:
        return [_planned(outcome) for outcome in outcomes], []
    leaving = [outcome for outcome in outcomes if isinstance(outcome.record.content, Leaving)]
    answered, hooks = run.answer_hooks(leaving)
    told = {id(outcome.record): outcome for outcome in answered}
    return [told.get(id(outcome.record), outcome) for outcome in outcomes], hooks


def _outcomes(job: Job, gateway: ApiGateway, run: Run, when_due: Sequence[Check]) -> Iterator[Outcome]:
    """Yield what becomes of a job. An error stops this record only, and is due again unless it is known to be final."""
    record, content = job.record, job.record.content
    if job.outcome is not None:
        yield job.outcome
        return
    try:
        with log.tracing("release"):
            if isinstance(content, Ended):
                yield from _ended(record, content, gateway, run)
            elif isinstance(content, Changed):
                yield from _stopped(record, content, gateway, run)
            else:
                assert isinstance(content, Scheduled)
                yield _due(record, content, gateway, run, when_due)
    except AuthorizerError as error:
        access = content.access if isinstance(content, Scheduled) else None
        if access is not None and isinstance(error, CloudRefused):
            yield _kept(record, access, Kept(error.code, str(error)))
        else:
            yield stopped(record, access, error, run.session.clock.now())


def _ended(record: Record, ended: Ended, gateway: ApiGateway, run: Run) -> Iterator[Outcome]:
    """Schedule the release of each entry that opens a backend; of what is never released it is told at once."""
    if (elsewhere := foreign(ended, run.settings)) is not None:
        yield _ignored(record, elsewhere)
        return
    because = f"{ended.instance_id} has ended ({ended.event})"
    entries = _entries_of(ended.instance_id, gateway)
    if not entries:
        yield _ignored(
            record, Ignored("no-entry", f"nothing opens {ended.instance_id}, which has ended ({ended.event})")
        )
    for entry in entries:
        yield _begun(record, entry, because, gateway, run)


def _begun(record: Record, entry: VpcAccess, because: str, gateway: ApiGateway, run: Run) -> Outcome:
    """Schedule the release of an entry whose backend has ended, or return why nothing is released."""
    settings = run.settings
    if settings.keeps_names and entry.is_name_of(settings.owner):
        return _handed_on(record, entry, because, run)
    if settings.release_mode == "off":
        return _ignored(record, OFF)
    kept = _finding(Case(entry, (entry,), gateway, run.session, settings), checks.BEFORE_SCHEDULING)
    if kept is not None and not_ours(entry, settings) is not None:  # its owner is told by a stack of its own
        return Outcome(record, IGNORED, entry, "foreign-entry", kept.text)
    if kept is not None:
        return _kept(record, entry, kept)
    try:
        if not settings.dry_run:
            run.schedule_release(entry, because)
    except CloudRefused as refusal:  # of this message: it is too large
        return stopped(record, entry, refusal, run.session.clock.now())
    text = f"{because}: everything is checked again in {settings.release_delay_seconds} s"
    return Outcome(record, SCHEDULED, entry, text=text)


def _stopped(record: Record, changed: Changed, gateway: ApiGateway, run: Run) -> Iterator[Outcome]:
    """Tell ``named_backends`` of the names that open an instance which has stopped; nothing is released for that."""
    entries = _entries_of(changed.instance_id, gateway)
    named = [entry for entry in entries if entry.is_name_of(run.settings.owner)]
    for entry in named:
        yield _handed_on(record, entry, f"{changed.instance_id} has stopped", run)
    if not named:
        yield _ignored(record, Ignored("state", f"{changed.instance_id} has stopped, and no name of ours opens it"))


def _entries_of(instance_id: str, gateway: ApiGateway) -> list[VpcAccess]:
    """Return the entries that open an instance, each once: pages can shift while they are read."""
    found = gateway.pages(InstanceId=instance_id)
    return list(dict.fromkeys(entry for entry in found if entry.instance_id == instance_id))


def _handed_on(record: Record, entry: VpcAccess, because: str, run: Run) -> Outcome:
    """Tell ``named_backends`` that a name may need another target, and again later: lists may not show the end yet."""
    if not run.settings.dry_run:
        hint = Hint(entry.name, run.settings.region_id, because)
        run.send_naming(hint)
        run.send_naming(hint, _SHOWS)
    return Outcome(record, SCHEDULED, entry, "Named", f"{because}: named_backends looks for another backend")


def _due(record: Record, scheduled: Scheduled, gateway: ApiGateway, run: Run, when_due: Sequence[Check]) -> Outcome:
    """Check everything anew, and release the entry if all of it holds."""
    access, settings = scheduled.access, run.settings
    if scheduled.region_id != settings.region_id:
        where = f"{access.name!r} is of {scheduled.region_id}, not {settings.region_id}"
        return _ignored(record, Ignored("foreign-region", where))
    case = open_case(access, gateway, run.session, settings)
    if not case.present:  # the last delivery may have removed it and not have come to say so
        return released(record, access, scheduled.because, None)
    try:
        done: Kept | Removed | None = _finding(case, when_due)
    except UnknownRefusal as refusal:  # as it comes if another delivery has removed the entry meanwhile
        gone = refusal.code.startswith(checks.NOT_FOUND)
        if not gone or open_case(access, gateway, run.session, settings).present:
            raise
        return released(record, access, scheduled.because, None)
    if done is None and settings.release_mode == "report":
        done = Kept("ReportOnly", "all checks passed: with RELEASE_MODE=apply it would have been released now")
    if done is None and settings.dry_run:
        return released(record, access, scheduled.because, Removed((), ""))
    entry = case.entry or access
    if done is None:
        # in the log before it goes: no result may follow
        log.info("removing", name=entry.name, vpc_access_id=entry.vpc_access_id, undo=undo(entry))
        done = remove(case)
    if isinstance(done, Kept):
        return _kept(record, access, done)
    return released(record, entry, scheduled.because, done)


def _finding(case: Case, some: Sequence[Check]) -> Kept | None:
    """Return the first check's finding that keeps the entry, None if all checks hold."""
    return next((kept for _, kept in examine(case, some) if kept is not None), None)


def _ignored(record: Record, ignored: Ignored) -> Outcome:
    return Outcome(record, IGNORED, None, ignored.reason, ignored.text)


def _kept(record: Record, access: VpcAccess, kept: Kept) -> Outcome:
    if kept.reason == checks.IN_USE:
        used_by = list(kept.used_by)
        log.warning("dead and in use", name=access.name, target=access.target_text(), used_by=used_by, text=kept.text)
    more = {"UsedBy": list(kept.used_by)} if kept.used_by else {}
    return Outcome(record, KEPT, access, kept.reason, kept.text, more=more)


def released(record: Record, access: VpcAccess, because: str, removed: Removed | None) -> Outcome:
    """Return what is told of an entry that is gone: why, how to make it again, and what nobody could look up.

    ``removed`` is None if it was gone when it was looked for: an earlier delivery has removed it, or somebody else.
    """
    more: dict[str, Any] = {"Because": because, "Undo": undo(access), "NotSeen": list(_UNSEEN)}
    if removed is None:
        more["FoundGone"] = True
    elif removed.apis:
        more["Apis"] = list(removed.apis)
    return Outcome(record, RELEASED, access, text=because, request_id=removed.request_id if removed else "", more=more)


def undo(access: VpcAccess) -> dict[str, Any]:
    """Return the request that makes an entry again."""
    request: dict[str, Any] = {
        "Name": access.name,
        "VpcId": access.vpc_id,
        "InstanceId": access.instance_id,
        "Port": access.port,
        "Description": access.description,
        "VpcTargetHostName": access.vpc_target_host_name,
        "Tag": [{"Key": key, "Value": value} for key, value in access.unmarked_tags],
    }
    return {name: value for name, value in request.items() if value}


def _planned(outcome: Outcome) -> Outcome:
    """Return what would become of an entry as a plan: ``schedule``, ``release``, or ``keep: InUse``; the rest as it is."""
    plan = {SCHEDULED: "schedule", RELEASED: "release", KEPT: f"keep: {outcome.reason}"}.get(outcome.type)
    return outcome if plan is None else outcome._replace(type=PLANNED, reason=plan, more={})
