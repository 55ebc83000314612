"""Follow the published APIs of names that have moved to the end, repeat the change where they did not, and tell of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from shared import log
from shared.access.moving import Followed, Mover, Seen
from shared.access.naming import ON_PURPOSE, Choice, Leave
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

    def again(self, name: Name, move: Move) -> None:
        """Ask the published APIs once more to follow to the target that the entry has; raises the errors of ``Session.call``."""
        entry = name.entry
        assert entry is not None
        move = move._replace(writes=move.writes + 1, operation_id="", since=self._now())
        self._run.send_naming(move, COMES_BACK)
        name.is_sure = name.waits = True
        users, _ = self._mover.users(name.name)
        modified = self._mover.point(entry, refresh=True)
        self.begun(move)
        name.following.append((move._replace(operation_id=modified.operation_id), users))

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
            if not following or self._run.session.deadline.remaining() < wait + COMES_BACK:
                break
            if wait:
                self._run.session.clock.sleep(wait)
            following = [one for one in following if not self._guarded(self._arrived, *one)]
        for name, move, users in following:
            self._guarded(self._later, name, move, users)

    def _guarded(self, work: Callable[[Name, Move, list[str]], bool], name: Name, move: Move, users: list[str]) -> bool:
        try:
            with log.tracing("names"):
                return work(name, move, users)
        except AuthorizerError as error:
            name.trouble = error
            return False

    def _arrived(self, name: Name, move: Move, users: list[str]) -> bool:
        """Tell of a move whose APIs have followed; False while they have not."""
        told = self._mover.followed(move.operation_id, len(users))
        if not told.is_over or told.failed:
            return False
        self._tell(name, move, told)
        return True

    def _later(self, name: Name, move: Move, users: list[str]) -> bool:
        """The APIs have not followed yet: look again later, or repeat the change, or tell which have not."""
        told = self._mover.followed(move.operation_id, len(users))
        waiting = not told.is_over and self._now() - move.since < PATIENCE
        name.waits = True
        if waiting and move.operation_id:
            self.begun(move)
            self.pass_on(name, move)
        elif move.writes < MAX_WRITES:
            self.again(name, move)
            self.pass_on(name, name.following[-1][0])
        else:
            silent = [] if told.failed else [f"{api}: nothing is told" for api in users]
            failed = (*told.failed, *silent)
            log.error("apis not updated", name=name.name, apis=list(failed), operation_id=move.operation_id)
            self._tell(name, move, told._replace(failed=failed))
        return True

    def pass_on(self, name: Name, move: Move) -> None:
        """Have a move looked at again later, by its task: the message that was sent before the change has done its service."""
        self._run.send_naming(move, COMES_BACK)
        name.is_sure = True
        self._run.recent.note(passed_on(move))

    def _tell(self, name: Name, move: Move, fared: Followed) -> None:
        entry = name.entry
        assert entry is not None
        name.waits = False
        self._run.recent.forget(under_way(name.name))
        self._run.recent.note(behind(name.name) if fared.failed else followed(name.name))
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
        **({"NotUpdated": list(fared.failed)} if fared.failed else {}),
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
    """Return the note that a newer message than the one before the change is on its way."""
    return f"passed on {move[:7]} {move.writes}"


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
    cause = move.cause if move.cause.startswith(ON_PURPOSE) else ""
    return move._replace(cause=cause, operation_id="", writes=0, since=0)


def under_way(name: str) -> str:
    """Return the note that published APIs follow a change of a name."""
    return f"under way {name}"


def followed(name: str) -> str:
    """Return the note that published APIs have followed the last change of a name."""
    return f"followed {name}"


def behind(name: str) -> str:
    """Return the note that published APIs have not followed the last change of a name, however often it was repeated."""
    return f"behind {name}"


def left(instance_id: str) -> str:
    """Return how the notes begin of the names that have left an instance, which their published APIs may still use."""
    return f"left {instance_id} "
