"""Follow the published APIs of names that have moved to the end, repeat the change where they did not, and tell of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared import log
from shared.access.moving import Followed, Mover, Seen
from shared.access.naming import ENDS, Choice, Leave
from shared.errors import AuthorizerError
from shared.flow.engine import Run
from shared.model.access import VpcAccess
from shared.model.outcome import REPLACED, Outcome
from shared.model.records import Held, Hint, Move, Record

SOURCE = "names"
MAX_WRITES = 3  # changes to one target
COMES_BACK = 15  # seconds after which what is under way is looked at again
_FOLLOWING = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between looks at tasks, within one invocation
PATIENCE = 120  # seconds that the published APIs have, before the change is repeated


@dataclass
class Name:
    """One name in this invocation: what it was asked for, what was seen and decided, and what is under way."""

    name: str
    hints: list[Hint] = field(default_factory=list)
    arrived: list[Move] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    seen: Seen | None = None
    choice: Choice | None = None
    refusal: Leave | None = None  # of a person's wish
    trouble: AuthorizerError | None = None
    is_sure: bool = False  # whatever the trouble is, a message of ours comes back
    waits: bool = False  # something is under way; hooks wait for it
    following: list[tuple[Move, list[str]]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def entry(self) -> VpcAccess | None:
        """Return what has the name now, as it was last seen."""
        return self.seen.entry if self.seen else None

    def now_has(self, entry: VpcAccess) -> None:
        """Note what has the name since it was looked at."""
        assert self.seen is not None
        self.seen = self.seen._replace(entry=entry)


class Following:
    """The changes of one invocation whose published APIs have not all followed yet."""

    def __init__(self, run: Run, mover: Mover) -> None:
        self._run, self._mover = run, mover

    def again(self, name: Name, move: Move) -> Move:
        """Ask the published APIs once more to follow to the target that the entry has; return the move as it is followed now.

        Raises the errors of ``Session.call``.
        """
        entry = name.entry
        assert entry is not None
        move = move._replace(writes=move.writes + 1, operation_id="", since=self._now())
        self.ahead(name, move)
        users, _ = self._mover.users(name.name)
        modified = self._mover.point(entry, refresh=True)
        self.begun(move)
        move = move._replace(operation_id=modified.operation_id)
        name.following.append((move, users))
        return move

    def ahead(self, name: Name, move: Move) -> None:
        """Send the message of a change that is made next, to come back in a moment; what is noted is of earlier ones."""
        self._run.send_naming(move, COMES_BACK)
        self._run.recent.forget(told(move))
        self._run.recent.forget(passed_on(move))
        name.is_sure = name.waits = True

    def begun(self, move: Move) -> None:
        """Note that published APIs follow a change, so that no other one is made, and that the old target is still in use."""
        recent = self._run.recent
        recent.forget(followed(move.name))
        recent.forget(behind(move.name))
        recent.note(under_way(move.name))
        recent.note(f"{left(move.previous[1])}{move.name}")

    def follow(self, names: Iterable[Name]) -> None:
        """Look how the published APIs fare, all names together, and tell of the moves that have arrived."""
        following = [(name, move, users) for name in names for move, users in name.following]
        for wait in _FOLLOWING:
            if following and self._run.session.deadline.has(wait + COMES_BACK):
                self._run.session.clock.sleep(wait)
                following = [one for one in following if not self._has_arrived(*one)]
        for one in following:
            self._has_arrived(*one, is_last=True)

    def _has_arrived(self, name: Name, move: Move, users: list[str], *, is_last: bool = False) -> bool:
        """Look once at a move, and tell of it if its APIs have followed; what the last look leaves is seen to later."""
        try:
            with log.tracing("names"):
                fared = self._mover.followed(move.operation_id, len(users))
                if fared.have_all:
                    self._tell(name, move, fared)
                elif is_last:
                    self._see_to(name, move, users, fared)
                return fared.have_all
        except AuthorizerError as error:
            name.trouble = error
            return False

    def _see_to(self, name: Name, move: Move, users: list[str], fared: Followed) -> None:
        """The APIs have not followed yet: look again later, or repeat the change, or tell which have not."""
        if move.operation_id and not fared.is_over and self._now() - move.since < PATIENCE:
            self.begun(move)
            self.pass_on(name, move)
        elif move.writes < MAX_WRITES:
            self.pass_on(name, self.again(name, move))
            name.following.remove((move, users))  # hooks wait for the repeated change
        else:
            silent = {api: "nothing is told" for api in users if api not in fared.done}
            fared = fared._replace(others={**silent, **fared.others})
            log.error("apis not updated", name=name.name, apis=fared.not_updated, operation_id=move.operation_id)
            self._tell(name, move, fared)

    def pass_on(self, name: Name, move: Move) -> None:
        """Have a move looked at again later, by its task: the message that was sent before the change has done its service."""
        self._run.send_naming(move, COMES_BACK)
        name.is_sure = name.waits = True
        self._run.recent.note(passed_on(move))

    def _tell(self, name: Name, move: Move, fared: Followed) -> None:
        entry = name.entry
        assert entry is not None
        name.waits = False
        self._run.recent.forget(under_way(name.name))
        self._run.recent.note(behind(name.name) if fared.others else followed(name.name))
        if move.previous == move.target:  # nothing has moved, so there is nothing to publish
            self._run.recent.note(told(move))
            return
        name.outcomes.append(replaced(move, entry, fared))

    def _now(self) -> int:
        return int(self._run.session.clock.now())


def replaced(move: Move, entry: VpcAccess, fared: Followed) -> Outcome:
    """Return what is told of a move of ``entry``, whatever that opens by now."""
    (vpc_id, instance_id, port), target = move.previous, move.target
    more = {
        "Previous": {"VpcId": vpc_id, "InstanceId": instance_id, "Port": port},
        "Cause": move.cause,
        "Apis": list(fared.done),
        **({"NotUpdated": fared.not_updated} if fared.others else {}),
    }
    text = f"{move.name!r} opened {instance_id}:{port} before ({move.cause})"
    access = entry._replace(vpc_id=target[0], instance_id=target[1], port=target[2])
    return Outcome(own_record(move), REPLACED, access, text=text, more=more)


def own_record(content: Hint | Move, part: str = "") -> Record:
    """Return a record of our own, so that the result is the same whichever message it came of."""
    return Record(SOURCE, "", part or content.name, content, "{}")


def told(move: Move) -> str:
    """Return the note that a move was told, whichever of its messages comes back.

    Two of them may give it two causes, if a target that had stopped was gone when the change was tried again.
    """
    return f"told {_once(move)}"


def passed_on(move: Move) -> str:
    """Return the note that a message with the task is on its way, so that those sent before the changes count no more."""
    return f"passed on {_once(move)}"


def carried_out(move: Move) -> str:
    """Return the note that a change was made: what comes back of it is no wish to make it once more."""
    return f"carried out {move[:7]}"


def met(request: str) -> str:
    """Return the note that the wish ``request`` was carried out: it may be delivered again with what failed beside it."""
    return f"met {request}"


def on_its_way(move: Move) -> str:
    """Return the note that the message of a change that was not carried out yet comes back in a moment."""
    return f"on its way {_once(move)}"


def _once(move: Move) -> Move:
    """Return what all messages of one change have in common."""
    cause = "" if move.cause in ENDS else move.cause
    return Move(move.name, move.region_id, move.vpc_access_id, move.previous, move.target, cause, move.started)


def under_way(name: str) -> str:
    """Return the note that published APIs follow a change of a name."""
    return f"under way {name}"


def overtaken(name: str) -> str:
    """Return how the notes begin of changes that a name has left behind, which published APIs may still follow."""
    return f"overtaken {name} "


def followed(name: str) -> str:
    """Return the note that published APIs have followed the last change of a name."""
    return f"followed {name}"


def behind(name: str) -> str:
    """Return the note that published APIs have not followed the last change of a name, however often it was repeated."""
    return f"behind {name}"


def left(instance_id: str) -> str:
    """Return how the notes begin of the names that have left an instance, which their published APIs may still use."""
    return f"left {instance_id} "
