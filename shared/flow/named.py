"""Names keep a living backend: what the names queue says goes in, results and answers to hooks come out.

A hook of a scale-in is answered once the names of its instances have moved, and in any case before its time is over.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared import log
from shared.access.naming import STANDBY, Claimant, Leave, Point, Stay
from shared.backends.rules import foreign
from shared.errors import AuthorizerError
from shared.flow.engine import Run
from shared.flow.following import COMES_BACK, Name, own_record
from shared.flow.hooks import answer_hooks
from shared.flow.moves import Names
from shared.flow.report import logged
from shared.model.outcome import IGNORED, PLANNED, SCHEDULED, UNCHANGED, HookAnswer, Job, Outcome, stopped
from shared.model.records import Changed, Ended, Held, Hint, Ignored, Move, Record

_LATEST = 300  # seconds since it was first seen after which a hook is answered before anything else is done
_HOLDING = _LATEST - 30  # seconds that it waits at most
_AGAIN = 5  # seconds until it is looked at again
Due = Hint | Move | Held | Ended | Changed


def keep_names(jobs: Sequence[Job], run: Run) -> tuple[list[Outcome], list[HookAnswer]]:
    """Return what became of each job and of each name, every result published, and the answers to hooks.

    The contents of jobs that have not ended are ``Due``. Nothing is made or moved unless NAMED_BACKENDS is apply; with DRY_RUN
    nothing is sent, published or answered either. Raises SettingsError if something is to be done and there is no access key.
    """
    mine, outcomes = list[Record](), list[Outcome]()
    for job in jobs:
        ended = job.outcome or _elsewhere(job.record, run)
        if ended is None:
            mine.append(job.record)
        else:
            outcomes.append(_told(ended, run))
    if mine:
        run.session.credentials()  # without a key nothing can be done: said once, not once for each record
    names = Names(run)
    hooks = _Hooks(names)
    hooks.answer_overdue(mine)
    names.heard.sort(mine)
    for name in list(names.names.values()):
        names.settle(name)
    names.follow()
    names.publish()
    for record in mine:
        outcome = hooks.outcome(record) if isinstance(record.content, Held) else _outcome(record, names)
        outcomes.append(_told(outcome, run))
    answered, answers = hooks.answered() if not run.settings.dry_run else ([], [])
    told = {id(outcome.record): outcome for outcome in answered}
    of_names = [outcome for name in names.names.values() for outcome in name.outcomes]
    return [*(told.get(id(outcome.record), outcome) for outcome in outcomes), *of_names], answers


def _elsewhere(record: Record, run: Run) -> Outcome | None:
    """Return the outcome of a record that is another region's or account's business."""
    content, ignored = record.content, None
    if isinstance(content, (Hint, Move)):
        if content.region_id not in ("", run.settings.region_id):
            text = f"{content.name!r} is of {content.region_id}, not {run.settings.region_id}"
            ignored = Ignored("foreign-region", text)
    else:
        assert isinstance(content, (Held, Ended, Changed))
        ignored = foreign(content.leaving if isinstance(content, Held) else content, run.settings)
    return Outcome(record, IGNORED, None, ignored.reason, ignored.text) if ignored else None


def _told(outcome: Outcome, run: Run) -> Outcome:
    """Publish what became of a record, except in a dry run, and write its line."""
    return logged(outcome if run.settings.dry_run else run.publish(outcome))


def _outcome(record: Record, names: Names) -> Outcome:
    """Return what became of a record that is no hook."""
    content = record.content
    if (unseen := names.heard.unseen.get(id(record))) is not None:
        return stopped(record, None, unseen, names.now())
    about = [name for name in names.names.values() if _is_about(name, content, names)]
    for name in about:
        if name.trouble is not None:
            return _troubled(record, name, name.trouble, names)
    if isinstance(content, Hint):
        return _of_hint(record, content, about[0], names)
    if not about:
        return Outcome(record, IGNORED, None, "no-name", "no name of ours opens it")
    return Outcome(record, IGNORED, None, "names", f"{', '.join(name.name for name in about)}: looked at")


def _is_about(name: Name, content: object, names: Names) -> bool:
    if isinstance(content, (Hint, Move)):
        return name.name == content.name
    assert isinstance(content, (Ended, Changed))
    return content.instance_id in names.heard.opened_by[name.name]


def _troubled(record: Record, name: Name, trouble: AuthorizerError, names: Names) -> Outcome:
    """Return what becomes of a record whose name could not be settled: a message of ours comes back, or the record has to."""
    if name.is_sure:
        text = f"{trouble}. It is looked at again in {COMES_BACK} s"
        return Outcome(record, SCHEDULED, name.entry, trouble.code, text)
    return stopped(record, name.entry, trouble, names.now())


def _of_hint(record: Record, hint: Hint, name: Name, names: Names) -> Outcome:
    """Return what is told of an instance that has appeared, of a person's wish, or of a name that was only to be looked at."""
    if hint.target:
        return _of_wish(record, name, names)
    assert name.seen is not None
    candidates = name.seen.candidates
    claimant = next((one for one in candidates if hint.instance_id and one.place == hint.instance_id), None)
    if claimant is None and isinstance(name.choice, Point) and not names.settings.moves_names:
        return _planned(record, name)
    if claimant is None:
        text = f"{name.name!r} was looked at ({hint.because})"
        return Outcome(record, IGNORED, None, "names", text)
    return _of_claimant(record, claimant, name, names)


def _of_claimant(record: Record, claimant: Claimant, name: Name, names: Names) -> Outcome:
    """Return what is told of an instance: it has the name, stands by for it, or may not have it."""
    choice, entry = name.choice, name.entry
    own = own_record(Hint(name.name, "", ""), f"{name.name}/{claimant.place}")
    if claimant.why_not is not None:
        return Outcome(own, claimant.why_not.outcome, claimant.access, claimant.why_not.reason, claimant.why_not.text)
    if isinstance(choice, Leave):
        return Outcome(own, choice.outcome, claimant.access, choice.reason, choice.text)
    if not names.settings.moves_names:
        return _planned(record, name)
    if entry is None or claimant.access is None:
        return Outcome(
            record, IGNORED, None, "not-yet", f"{claimant.place} is not in service yet, and is looked at again"
        )
    if entry.instance_id == claimant.place:
        if any(outcome.access == entry for outcome in name.outcomes):
            return Outcome(record, IGNORED, None, "names", f"{name.name!r} opens {claimant.place}, and that is told")
        return Outcome(own_record(Hint(name.name, "", ""), name.name), UNCHANGED, entry)
    text = f"{name.name!r} opens {entry.target_text()}: {claimant.place} stands by"
    access = claimant.access._replace(vpc_access_id=entry.vpc_access_id)
    return Outcome(own, UNCHANGED, access, STANDBY, text)


def _of_wish(record: Record, name: Name, names: Names) -> Outcome:
    choice, refusal = name.choice, name.refusal
    if refusal is not None:
        return Outcome(record, refusal.outcome, name.entry, refusal.reason, refusal.text)
    if not names.settings.moves_names:
        return _planned(record, name)
    if isinstance(choice, Point):
        return Outcome(
            record, SCHEDULED, choice.access, "Moving", "its result is published once the APIs have followed"
        )
    return Outcome(record, UNCHANGED, name.entry)


def _planned(record: Record, name: Name) -> Outcome:
    """Return what would be done."""
    choice = name.choice
    if isinstance(choice, Point):
        plan = f"move: {choice.cause}" if choice.cause else "create"
        return Outcome(record, PLANNED, choice.access, plan, "with NAMED_BACKENDS=apply it would be done now")
    end = choice.end if isinstance(choice, Stay) else ""
    return Outcome(record, PLANNED, name.entry, f"stay: {end}" if end else "stay")


def _gone_on(record: Record) -> Outcome:
    """Return what becomes of a hook that need not wait any longer."""
    assert isinstance(record.content, Held)
    return Outcome(record._replace(content=record.content.leaving), IGNORED, None, "transition", "the names have moved")


class _Hooks:
    """The hooks of an invocation, and what becomes of each."""

    def __init__(self, names: Names) -> None:
        self._names, self._ready = names, list[Outcome]()
        self._waiting = list[HookAnswer]()
        self._early: dict[int, Outcome] = {}  # of records, by identity

    def answer_overdue(self, records: Sequence[Record]) -> None:
        """Answer the hooks that have waited for long enough, before anything else: what is to be done first may take minutes."""
        latest = self._names.now() - _LATEST
        overdue = [
            record for record in records if isinstance(record.content, Held) and record.content.first_seen <= latest
        ]
        if not overdue or self._names.settings.dry_run:
            return
        outcomes, answers = self._answer([_gone_on(record) for record in overdue])
        self._waiting += answers
        self._early = {id(record): outcome for record, outcome in zip(overdue, outcomes, strict=True)}

    def outcome(self, record: Record) -> Outcome:
        """Return what becomes of a hook's record: it waits, in a message of ours, or is answered with the others."""
        held = record.content
        assert isinstance(held, Held)
        if (early := self._early.get(id(record))) is not None:
            return early
        tasks = self._tasks(held)
        why = self._why_wait(record, held) or (f"{len(tasks)} changes are still followed" if tasks else "")
        if why and self._names.now() - held.first_seen < _HOLDING:
            try:
                self._wait(held, tuple(tasks))
            except AuthorizerError as error:
                return stopped(record, None, error, self._names.now())
            return Outcome(record, SCHEDULED, None, "Waiting", why)
        outcome = _gone_on(record)
        self._ready.append(outcome)
        return outcome

    def answered(self) -> tuple[list[Outcome], list[HookAnswer]]:
        """Answer the hooks that need not wait any longer."""
        if not self._ready:
            return [], self._waiting
        outcomes, answers = self._answer(self._ready)
        return outcomes, [*self._waiting, *answers]

    def _answer(self, ready: Sequence[Outcome]) -> tuple[list[Outcome], list[HookAnswer]]:
        run = self._names.run
        return answer_hooks(ready, self._names.mover.ess, run.settings, run.session.clock.now())

    def _wait(self, held: Held, tasks: tuple[tuple[str, int], ...]) -> None:
        self._names.heard.hold([held])
        names = tuple(name.name for name in self._names.heard.names_of(held))
        kept = held._replace(tasks=tasks, names=names, extended=self._names.heard.is_extended(held))
        self._names.run.send_naming(kept, _AGAIN)
        self._waiting.append(HookAnswer(held.leaving.hook, "WAIT"))

    def _why_wait(self, record: Record, held: Held) -> str:
        """Return why a hook should wait for its names; that of an instance that is no target has nothing to wait for."""
        if not self._names.settings.moves_names:
            return ""
        if (unseen := self._names.heard.unseen.get(id(record))) is not None:
            return str(unseen)
        for name in self._names.heard.names_of(held):
            if name.trouble is not None:
                return str(name.trouble)
            assert name.seen is not None
            entry, target = name.seen.entry, name.seen.target
            is_here = entry is not None and entry.instance_id in held.leaving.instance_ids
            if name.waits or self._names.is_under_way(name) or (is_here and isinstance(name.choice, Point)):
                return f"{name.name!r} is moving"
            if self._names.is_behind(name):
                return f"published APIs do not follow {name.name!r}"
            if is_here and isinstance(name.choice, Stay) and not name.choice.end and target.member:
                return f"Auto Scaling does not show yet that the target of {name.name!r} leaves"
        return ""

    def _tasks(self, held: Held) -> list[tuple[str, int]]:
        """Return the tasks that a hook has to wait for, those that are over left out."""
        names = self._names.heard.names_of(held)
        if not self._names.settings.moves_names or (names and all(map(self._names.has_followed, names))):
            return []
        new = [
            (move.operation_id, len(users))
            for name in names
            if name.waits
            for move, users in name.following
            if move.operation_id
        ]
        old = [task for task in held.tasks if not self._is_over(*task)]
        return list(dict.fromkeys([*old, *new]))

    def _is_over(self, operation_id: str, apis: int) -> bool:
        try:
            return self._names.mover.followed(operation_id, apis).have_all
        except AuthorizerError as error:
            log.warning("task not seen", operation_id=operation_id, code=error.code, text=str(error))
            return False
