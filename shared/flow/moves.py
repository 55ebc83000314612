"""One look and one decision for each name, and a change at most; the published APIs are followed to the end.

Whatever is to be changed is sent to ourselves first, to come back in a moment: so a crash at any point loses nothing, and
the result is told once the published APIs have followed. Everything is looked up anew each time.
"""

from __future__ import annotations

from shared import log
from shared.access.apply import Applier
from shared.access.moving import Mover
from shared.access.naming import ON_PURPOSE, Leave, Point, Stay, described
from shared.errors import AuthorizerError, Transient
from shared.flow.engine import Run
from shared.flow.following import (
    COMES_BACK,
    MAX_WRITES,
    PATIENCE,
    Following,
    Name,
    behind,
    carried_out,
    followed,
    met,
    on_its_way,
    overtaken,
    own_record,
    passed_on,
    replaced,
    told,
    under_way,
)
from shared.flow.heard import Heard
from shared.flow.report import logged
from shared.flow.staying import Staying
from shared.flow.wishes import request_of, wish_of
from shared.model.access import VpcAccess
from shared.model.outcome import FAILED, GRANTED, Outcome
from shared.model.records import Hint, Move

_HOUR = 3_600  # seconds


class Names:
    """The work of one invocation."""

    def __init__(self, run: Run) -> None:
        self.run, self.settings = run, run.settings
        self.mover = Mover(run.session, run.settings)
        self._staying = Staying(run, self.mover)
        self._following = Following(run, self.mover)
        self.heard = Heard(run, self.mover)
        self.names = self.heard.names

    def now(self) -> int:
        """Return the epoch second."""
        return int(self.run.session.clock.now())

    def settle(self, name: Name) -> None:
        """Look, decide, and do what was decided; trouble is noted, and costs no other name anything."""
        try:
            with log.tracing("names"):
                self._settle(name)
        except AuthorizerError as error:
            name.trouble = error

    def _settle(self, name: Name) -> None:
        name.seen = self.mover.look(name.name, self.heard.entries.get(name.name) or self.mover.entry(name.name))
        leaving, wish = frozenset(self.heard.leaving), wish_of(name, self.run.recent, self.now())
        name.seen, name.choice = self.mover.choose(name.seen, leaving, wish)
        if wish and isinstance(name.choice, Leave):  # then the rule holds as if nobody had asked
            name.refusal = name.choice
            name.seen, name.choice = self.mover.choose(name.seen, leaving, "")
        log.info("name", name=name.name, text=described(name.name, name.entry, name.seen.target, name.seen.candidates))
        if not self.settings.moves_names or isinstance(name.choice, Leave):  # not one of ours, whatever a message says
            return
        if isinstance(name.choice, Stay):
            self._staying.tell(name, name.choice)
            self._staying.wait(name, name.choice, frozenset(self.heard.leaving))
        pending = self._take_up(name)
        if isinstance(name.choice, Point):
            self._point(name, name.choice, pending)
        elif not name.choice.end and not name.following:
            self._mend(name)

    def _take_up(self, name: Name) -> Move | None:
        """Go on with the moves that came back; return one that was not carried out yet."""
        pending: Move | None = None
        newest = {told(move): move for move in sorted(name.arrived, key=lambda one: (one.writes, one.operation_id))}
        for move in newest.values():
            entry = name.entry
            if self.run.recent.noted(told(move), _HOUR) or (
                not move.operation_id and self.run.recent.noted(passed_on(move))
            ):
                continue
            if entry is None or entry.vpc_access_id != move.vpc_access_id:
                continue  # the entry that it was about is gone
            if entry.target == move.target:
                users, _ = self.mover.users(name.name)
                name.following.append((move, users))
            elif entry.target == move.previous:
                pending = move
            else:
                self._overtaken(name, entry, move)
        return pending

    def _overtaken(self, name: Name, entry: VpcAccess, move: Move) -> None:
        """The name has moved on. APIs that follow the old change late may end where the name has left, so they are asked again."""
        fared = self.mover.followed(move.operation_id, 1)
        young = self.now() - move.since < PATIENCE
        note = f"{overtaken(name.name)}{told(move)}"
        if not isinstance(name.choice, Stay) or (move.operation_id and not fared.is_over and young):
            self.run.send_naming(move, COMES_BACK)
            self.run.recent.note(note)
            return
        self.run.recent.forget(note)
        if move.operation_id and move.previous != move.target:
            name.outcomes.append(replaced(move, entry, fared))  # it was made, and nobody has told of it
        if not name.choice.end:
            self._following.again(name, _refreshing(entry, self.settings.region_id, self.now()))

    def _point(self, name: Name, choice: Point, pending: Move | None) -> None:
        """Make the entry, or move it: at most one change of a name in an invocation, and none while APIs follow the last one."""
        entry = name.entry
        if entry is None:
            self._create(name, choice)
            return
        if name.following or self.run.recent.noted(under_way(name.name)):
            self._put_off(name, choice)
            return
        request = request_of(name, self.run.recent) if choice.cause == ON_PURPOSE else ""
        move = self._planned(entry, choice, request, pending)
        if pending is None and self.run.recent.noted(on_its_way(move)):
            name.waits = True  # a change is tried again when its message is back, whoever else asks for it
            return
        if move.writes > MAX_WRITES:
            self.run.recent.forget(on_its_way(move))
            text = f"it could not be pointed to {choice.access.target_text()} in {MAX_WRITES} tries: the next sweep tries again"
            log.error("name not moved", name=name.name, target=choice.access.target_text(), text=text)
            name.outcomes.append(Outcome(own_record(move), FAILED, entry, "NotMoved", text))
            return
        self.heard.hold(name.held)
        self._following.ahead(name, move)
        self.run.recent.note(on_its_way(move))
        if not self.mover.still_holds(entry, choice):
            log.info("changed meanwhile", name=name.name)
            return
        access = choice.access._replace(
            vpc_access_id=entry.vpc_access_id, vpc_target_host_name=entry.vpc_target_host_name, tags=entry.tags
        )
        log.info("moving", name=name.name, previous=entry.target_text(), target=access.target_text(), cause=move.cause)
        modified = self.mover.point(access)
        self._following.begun(move)
        self.run.recent.note(carried_out(move))
        if request:
            self.run.recent.note(met(request))
        self.run.recent.forget(on_its_way(move))
        name.now_has(access._replace(created_time=entry.created_time))
        move = move._replace(operation_id=modified.operation_id, since=self.now())
        try:
            users, _ = self.mover.users(name.name)  # not before the change, which is what callers wait for
        except AuthorizerError:
            self._following.pass_on(name, move)
            raise
        name.following.append((move, users))

    def _planned(self, entry: VpcAccess, choice: Point, request: str, pending: Move | None) -> Move:
        """Return a change that is to be made: for the first time, or once more than its message that came back (``pending``)."""
        cause, started = f"{choice.cause} {request}".rstrip(), choice.to.backend.started
        previous, target, writes = entry.target, choice.access.target, 1
        if pending is not None and (pending.previous, pending.target) == (previous, target):
            cause, started, writes = pending.cause, pending.started, pending.writes + 1
        region, now = self.settings.region_id, self.now()
        return Move(entry.name, region, entry.vpc_access_id, previous, target, cause, started, writes=writes, since=now)

    def _put_off(self, name: Name, choice: Point) -> None:
        """Look again later, once the APIs have followed; of a wish nothing else tells then."""
        hint = Hint(name.name, self.settings.region_id, "its APIs were still following")
        if choice.cause == ON_PURPOSE:
            hint = hint._replace(target=choice.to.place, request=request_of(name, self.run.recent))
        self.run.send_naming(hint, COMES_BACK)

    def _create(self, name: Name, choice: Point) -> None:
        """Make the entry for the first backend that stands for the name."""
        settings = self.settings._replace(on_conflict="refuse")
        applier = Applier(self.mover.gateway, self.run.session, settings, self.run.recent)
        outcome = applier.decide_and_apply(own_record(Hint(name.name, "", ""), name.name), choice.access)
        if outcome.retry:
            name.trouble = Transient(outcome.text)
            name.trouble.code, name.trouble.request_id = outcome.reason, outcome.request_id
            return
        name.outcomes.append(outcome)
        if outcome.type in GRANTED and outcome.access is not None:
            name.now_has(outcome.access)

    def _mend(self, name: Name) -> None:
        """Ask published APIs again to follow that are seen to go somewhere else than the name, or of which nobody knows.

        Of a name that a hook waits for, and that has moved, somebody has to know that its APIs have followed.
        """
        entry, recent = name.entry, self.run.recent
        if entry is None or recent.noted(under_way(name.name)):
            return
        users, astray = self.mover.users(name.name, entry)
        known = recent.noted(followed(name.name)) or recent.noted(behind(name.name))
        unknown = not known and any(
            entry.instance_id not in held.leaving.instance_ids and not held.tasks for held in name.held
        )
        if astray or (users and unknown):
            self._following.again(name, _refreshing(entry, self.settings.region_id, self.now()))

    def follow(self) -> None:
        """Look how the published APIs fare that are to follow, all names together."""
        self._following.follow(list(self.names.values()))

    def is_under_way(self, name: Name) -> bool:
        """Tell whether this instance knows that published APIs follow a change of a name, its last one or an earlier one."""
        recent = self.run.recent
        return recent.noted(under_way(name.name)) or bool(recent.noted_after(overtaken(name.name)))

    def is_behind(self, name: Name) -> bool:
        """Tell whether this instance has given up on published APIs that do not follow a name: the hook's time may help."""
        return self.run.recent.noted(behind(name.name))

    def has_followed(self, name: Name) -> bool:
        """Tell whether this instance knows that all published APIs have followed the last change of a name."""
        return self.run.recent.noted(followed(name.name))

    def publish(self) -> None:
        """Publish what became of the names; a move that was told is not told again when its message comes back."""
        for name in self.names.values():
            for place, outcome in enumerate(name.outcomes):
                published = name.outcomes[place] = logged(self._later(self.run.publish(outcome)))
                if published.published and isinstance(published.record.content, Move):
                    self.run.recent.note(told(published.record.content))

    def _later(self, outcome: Outcome) -> Outcome:
        """Have a move told later whose result could not be published: the name may have moved on before it is delivered again."""
        if outcome.retry and isinstance(outcome.record.content, Move):
            try:
                self.run.send_naming(outcome.record.content, COMES_BACK)
                return outcome._replace(retry=False)
            except AuthorizerError as error:
                log.warning("move not kept", name=outcome.name, code=error.code, text=str(error))
        return outcome


def _refreshing(entry: VpcAccess, region_id: str, now: int) -> Move:
    return Move(entry.name, region_id, entry.vpc_access_id, entry.target, entry.target, f"Refresh {now}")
