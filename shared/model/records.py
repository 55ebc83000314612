"""What an event holds once it is understood: one :class:`Record` for everything that gets an answer of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.model.access import VpcAccess

UNWRITABLE = '"nested too deeply to be shown"'
_AWAITED = ("http", "api-gateway")  # sources with a client at the other end


class Hook(NamedTuple):
    """An Auto Scaling lifecycle action that waits for us; one token covers all instances of the activity."""

    hook_id: str
    token: str


class Appeared(NamedTuple):
    """A backend was announced. VPC, port and name still have to be looked up."""

    kind: str  # of KINDS
    instance_id: str
    region_id: str = ""  # "" where the announcement does not say
    account_id: str = ""
    hook: Hook | None = None
    early: bool = False  # it does not run yet and is announced again when it does: not worth waiting for


class Ended(NamedTuple):
    """A backend is gone, says ``event``: the state Deleted of an instance, the call that deleted a load balancer."""

    kind: str
    instance_id: str
    region_id: str
    account_id: str
    event: str


class Scheduled(NamedTuple):
    """The release of an entry is due; ``access`` is the entry as it was when that was decided, ``because`` says why."""

    access: VpcAccess
    region_id: str
    because: str


class Changed(NamedTuple):
    """An instance went into ``state``, which is neither an appearance nor an end: Stopped, Starting …"""

    kind: str
    instance_id: str
    region_id: str
    account_id: str
    state: str


class Leaving(NamedTuple):
    """A scaling group is about to remove instances and waits for an answer; ``transition`` is the vendor's word."""

    hook: Hook
    transition: str
    instance_ids: tuple[str, ...]
    region_id: str = ""
    account_id: str = ""


class Hint(NamedTuple):
    """Somebody says that the target of a name may have to change, ``because``. It is looked up, and none of it believed.

    ``instance_id`` is the instance that has appeared with the name, ``target`` one that a person wants the name to open;
    ``request`` is what tells two wishes for the same move apart.
    """

    name: str
    region_id: str
    because: str
    instance_id: str = ""
    target: str = ""
    request: str = ""


class Move(NamedTuple):
    """A name that is on its way from the target ``previous`` to ``target``, because of ``cause``; told when it has arrived.

    ``started`` tells the run of the target apart from an earlier one. ``operation_id`` is the task by which published APIs
    follow, "" if its answer was lost; ``writes`` counts the changes asked for, ``since`` is the epoch second of the last.
    """

    name: str
    region_id: str
    vpc_access_id: str
    previous: tuple[str, str, int]
    target: tuple[str, str, int]
    cause: str
    started: str = ""
    operation_id: str = ""
    writes: int = 0
    since: int = 0


class Held(NamedTuple):
    """A hook of a scale-in that waits until the names of its instances have moved, at most since ``first_seen`` (epoch).

    ``names`` are those that were seen to open one of the instances: once they have moved, nothing else tells of them.
    """

    leaving: Leaving
    first_seen: int
    tasks: tuple[tuple[str, int], ...] = ()  # OperationId, and how many published APIs follow by it
    names: tuple[str, ...] = ()
    extended: bool = False  # Auto Scaling was asked to wait for longer than we do


Naming = Hint | Move | Held
"""What the names queue holds."""


class Timer(NamedTuple):
    """A timer of the function fired; ``payload`` is the text that its trigger was given."""

    name: str
    payload: str


class Succeeded(NamedTuple):
    """The record of an asynchronous invocation that succeeded; one of a failure is opened, its event is what counts."""

    request_id: str


class Ignored(NamedTuple):
    """Understood, and none of our business. ``reason`` is a short fixed word that is counted."""

    reason: str
    text: str


class Invalid(NamedTuple):
    """Not understood. ``text`` names the field and the fix; ``name`` and ``correlation`` are the request's as far as it has them.

    With ``retry`` it was not even read, so the event must not be taken for done.
    """

    text: str
    name: str = ""
    retry: bool = False
    correlation: str = ""


Content = (
    VpcAccess
    | Appeared
    | Ended
    | Scheduled
    | Changed
    | Leaving
    | Hint
    | Move
    | Held
    | Timer
    | Succeeded
    | Ignored
    | Invalid
)
"""What a record says. Facts only: what to do with one is decided by the function that it came to."""


class Unwrapped(NamedTuple):
    """What a wrapper held: bytes, text, or what its JSON was read as."""

    value: Any


class Record(NamedTuple):
    """One thing to answer. ``message_id`` and ``part`` name it for ever, however often and in whatever batch it comes.

    ``message_id`` is the id that the source gave its message ("" for an event by hand), ``part`` the place inside the
    message ("" unless it held several), ``source`` the wrappers that were opened, outermost first (``smq-topic/ess-hook``),
    ``original`` what it was read from: the text, or the JSON that its wrapper held, written again (``UNWRITABLE`` if
    that cannot be). ``place`` is where it stood in its sender's list, also if that had no id: ``[0]`` for the first.
    """

    source: str
    message_id: str
    part: str
    content: Content
    original: str
    place: str = ""

    @property
    def is_awaited(self) -> bool:
        """Tell whether a client waits at the other end. All records of an HTTP request come from it."""
        return self.source.split("/", 1)[0] in _AWAITED
