"""What an event holds once it is understood: one :class:`Record` for everything that gets an answer of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

from shared.model.access import VpcAccess


class Hook(NamedTuple):
    """An Auto Scaling lifecycle action that waits for us; one token covers all instances of the activity."""

    hook_id: str
    token: str


class InstanceNotice(NamedTuple):
    """Somebody announced a backend. VPC, port and name still have to be looked up."""

    kind: str  # "ecs" | "slb"
    instance_id: str
    region_id: str = ""  # "" where the notice does not say
    account_id: str = ""
    hook: Hook | None = None
    early: bool = False  # it does not run yet and is announced again when it does: not worth waiting for


class Ignored(NamedTuple):
    """Understood, and none of our business. ``reason`` is a short fixed word that is counted."""

    reason: str
    text: str


class Invalid(NamedTuple):
    """Not understood. ``text`` names the field and the fix; ``name`` is the request's Name where it has one.

    With ``retry`` it was not even read, so the event must not be taken for done.
    """

    text: str
    name: str = ""
    retry: bool = False


Content = VpcAccess | InstanceNotice | Ignored | Invalid


class Inner(NamedTuple):
    """What a wrapper held: bytes, text, or what its JSON was read as."""

    value: Any


class Record(NamedTuple):
    """One thing to answer. ``message_id`` and ``part`` name it for ever, however often and in whatever batch it comes.

    ``message_id`` is the id that the source gave its message ("" for an event by hand), ``part`` the place inside the
    message ("" unless it held several), ``source`` the wrappers that were opened, outermost first (``smq-topic/ess-hook``),
    ``original`` the value it was read from (text, or what its JSON held).
    """

    source: str
    message_id: str
    part: str
    content: Content
    original: Any
