"""Turn announced backends into requests: one look-up for the whole batch, asked again while it may not know them yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shared import log
from shared.backends import rules as inventory
from shared.backends.rules import Standing, Unresolved
from shared.cloud.ecs import Ecs
from shared.cloud.session import Session
from shared.errors import AuthorizerError
from shared.model.backend import CLB, ECS, KINDS, Backend, kind_of
from shared.model.outcome import IGNORED, SCHEDULED, Job, is_old
from shared.model.records import Appeared, Ignored
from shared.settings import Settings

WAITS = (1.0, 2.0, 4.0, 8.0)  # seconds between look-ups; together at most half of what the look-ups have

Found = dict[str, Backend | AuthorizerError]
Absent = dict[str, bool | AuthorizerError]


def resolve_notices(jobs: Sequence[Job], session: Session, settings: Settings) -> list[Job]:
    """Return the jobs with every notice resolved: into one job for each port, or into its outcome.

    No call is made for notices that can be decided without a look-up.
    """
    jobs = [_without_asking(job, settings) for job in jobs]
    asked = [job for job in jobs if _notice(job) is not None]
    if asked:
        found = _patiently(asked, session, settings)
        now = session.clock.now()
        absent = _absent(asked, found, session, settings, now)
        jobs = [resolved for job in jobs for resolved in _resolved(job, found, absent, settings, now)]
    return _told_together(jobs)


def _told_together(jobs: Sequence[Job]) -> list[Job]:
    """Let one result speak for all instances of an announcement that nothing was found of, for one reason.

    Whoever invents instances needs five bytes for each, and a result takes a thousand.
    """
    each = [(job, _unfound(job)) for job in jobs]
    ids: dict[tuple[str, ...], dict[str, None]] = {}
    for alike, instance_id in [about for _, about in each if about is not None]:
        ids.setdefault(alike, {})[instance_id] = None
    told = list[Job]()
    for job, about in each:
        if about is not None and job.outcome is not None:
            all_alike = ids.pop(about[0], None)
            more = {"InstanceIds": list(all_alike)} if all_alike is not None and len(all_alike) > 1 else {}
            job = job._replace(outcome=job.outcome._replace(more=more, spoken_for=all_alike is None))  # noqa: PLW2901
        told.append(job)
    return told


def _unfound(job: Job) -> tuple[tuple[str, ...], str] | None:
    """Return what is alike among instances that one result can speak for, and whose id that is; None if it cannot."""
    record, outcome = job.record, job.outcome
    if outcome is None or not isinstance(record.content, Appeared):
        return None
    if not outcome.retry and outcome.reason != inventory.NOT_A_BACKEND:
        return None
    return (record.message_id, record.original, outcome.reason), record.content.instance_id


def _notice(job: Job) -> Appeared | None:
    """Return the notice that still has to be looked up."""
    content = job.record.content
    return content if isinstance(content, Appeared) and job.outcome is None and job.access is None else None


def _without_asking(job: Job, settings: Settings) -> Job:
    notice = _notice(job)
    answer = inventory.without_asking(notice, settings) if notice is not None else None
    return job if answer is None else _ended(job, answer)


def _resolved(job: Job, found: Found, absent: Absent, settings: Settings, now: float) -> Iterable[Job]:
    notice = _notice(job)
    if notice is None:
        return [job]
    backend = found.get(notice.instance_id)
    if isinstance(backend, AuthorizerError):
        return [job.failed(backend, now)]
    if _is_missing(job, found) and is_old(job.record, now):
        proof = absent[notice.instance_id]
        if isinstance(proof, AuthorizerError):
            return [job.delayed(proof)]
        if proof:
            return [_ended(job, inventory.gone(notice, settings))]
    answer = inventory.resolve(notice, backend, settings)
    if isinstance(answer, (Ignored, Unresolved)):
        return [_ended(job, answer)]
    if isinstance(answer, Standing):
        name = answer.access.name
        text = f"{notice.instance_id} stands for the name {name!r}: named_backends is told, and says what becomes of it"
        return [job._replace(access=answer.access).ended(SCHEDULED, "Named", text)]
    return [job._replace(access=access) for access in answer]


def _ended(job: Job, answer: Ignored | Unresolved) -> Job:
    kind = IGNORED if isinstance(answer, Ignored) else answer.outcome
    return job.ended(kind, answer.reason, answer.text)


def _patiently(jobs: Sequence[Job], session: Session, settings: Settings) -> Found:
    """Ask the products, then again for what they do not know yet; ids are unique across products."""
    found: Found = {}
    patience = session.deadline.remaining() / 2
    waiting = list(jobs)
    for wait in (0.0, *WAITS):
        patience -= wait
        if not waiting or patience < 0:
            return found
        if wait:
            log.debug("look-up again", wait=wait, instances=len(waiting))
            session.clock.sleep(wait)
        found |= look_up(_ids(waiting), session, settings, opted_in=True)
        now = session.clock.now()
        waiting = [job for job in waiting if _worth_waiting(job, found, settings, now)]
    return found


def _ids(jobs: Iterable[Job]) -> list[str]:
    return [notice.instance_id for job in jobs if (notice := _notice(job)) is not None]


def _worth_waiting(job: Job, found: Found, settings: Settings, now: float) -> bool:
    """Tell whether to look again in a moment: not for an error, and not for what was announced long ago."""
    notice = _notice(job)
    backend = found.get(notice.instance_id) if notice is not None else None
    if notice is None or isinstance(backend, AuthorizerError):
        return False
    return inventory.worth_waiting(notice, backend, settings) and not is_old(job.record, now)


def _absent(jobs: Sequence[Job], found: Found, session: Session, settings: Settings, now: float) -> Absent:
    """Prove of each backend that does not show and was announced long ago whether it is gone.

    One that was announced just now may not show yet. It is worth a redelivery in any case and costs no call of these.
    """
    late = (job for job in jobs if _is_missing(job, found) and is_old(job.record, now))
    missing = list(dict.fromkeys(_ids(late)))
    return prove_absent(missing, session, settings) if missing else {}


def _is_missing(job: Job, found: Found) -> bool:
    """Tell whether no look-up shows the backend of a notice that is the last about it."""
    notice = _notice(job)
    return notice is not None and not notice.early and notice.instance_id not in found


def look_up(ids: Iterable[str], session: Session, settings: Settings, *, opted_in: bool) -> Found:
    """Ask each product for its backends among ``ids``, once; an error of one is the answer for its backends only.

    What is not there is not in the answer. With ``opted_in`` a load balancer that lacks the port tag costs no call of its
    own, and only its tags are returned.
    """
    asked: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for item in dict.fromkeys(ids):
        kind = kind_of(item)
        if kind is not None:
            asked[kind.name].append(item)
    found: Found = {}
    instances, balancers = asked[ECS.name], asked[CLB.name]
    if instances:
        try:
            found.update(Ecs(session, settings.ecs_endpoint, settings.region_id).describe_instances(instances))
        except AuthorizerError as error:
            found.update(dict.fromkeys(instances, error))
    if balancers:
        from shared.cloud.slb import Slb  # 1 ms that announcements of instances are spared

        slb = Slb(session, settings.slb_endpoint, settings.region_id)
        found.update(slb.describe(balancers, settings.port_tag) if opted_in else slb.attributes(balancers))
    return found


def prove_absent(missing: Sequence[str], session: Session, settings: Settings) -> Absent:
    """Tell of each id that ``look_up`` did not find whether it is proven to be gone, or why that cannot be known.

    A load balancer is: its look-up answers with a code of its own. The list of ECS leaves out what is hidden, too. Of what
    is neither nothing can be known.
    """
    proven: Absent = {item: kind_of(item) is not None for item in missing}
    instances = [item for item in missing if kind_of(item) == ECS]
    if instances:
        try:
            absent = Ecs(session, settings.ecs_endpoint, settings.region_id).proven_absent(instances)
            proven.update({item: item in absent for item in instances})
        except AuthorizerError as error:
            proven.update(dict.fromkeys(instances, error))
    return proven
