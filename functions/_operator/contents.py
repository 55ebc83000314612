"""What a stack holds that nobody can make again: messages in its queues, and what stays at the gateway without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from functions._operator.queue import SmqQueue
from functions._operator.ros import State
from shared.cloud.apigateway import ApiGateway
from shared.cloud.endpoints import endpoint_problem
from shared.cloud.session import Session
from shared.errors import AuthorizerError

_REQUESTS, _HOOKS, _RELEASES = "RequestQueue", "HookQueue", "ReleaseQueue"  # outputs of the template
_DEAD_LETTERS, _HIDDEN = "DeadLetterQueue", "VisibilityTimeout"  # the same
_NAMES = "NamesQueue"  # only a stack that keeps names has it
_WORKED_ON = (_REQUESTS, _HOOKS, _RELEASES, _NAMES)  # queues that feed a function
_MAX_NAMES = 20  # in a line


class Places(NamedTuple):
    """Where to look. ``smq_endpoint`` is "" where the URL of a queue says it."""

    smq_endpoint: str
    gateway_endpoint: str


class Holding(NamedTuple):
    """One line: what becomes of something (``lost``, ``stays``, ``none`` or ``unknown``), and what it is."""

    fate: str
    text: str


def holdings(session: Session, places: Places, state: State) -> Iterator[Holding]:
    """Yield what deleting the stack loses and what it leaves. What cannot be looked up is ``unknown``, never ``none``."""
    requests, letters = (_name(state, output) for output in (_REQUESTS, _DEAD_LETTERS))
    again = f"`python -m functions replay --queue {letters} --to {requests}` sends them again, as long as the queues are there"
    waiting = "let the function finish them, or Auto Scaling waits for each until its hook's time is over"
    yield _messages(session, places, state, _REQUESTS, "stop their producers and let the function finish them")
    yield _messages(session, places, state, _HOOKS, waiting)
    yield _messages(session, places, state, _RELEASES, "releases that are scheduled: their authorizations stay")
    if _NAMES in state.outputs:
        yield _messages(
            session, places, state, _NAMES, "hooks wait there, and moves whose APIs are followed: let them end"
        )
    yield _messages(session, places, state, _DEAD_LETTERS, again)
    yield _entries(session, places, state.parameters.get("Owner", ""))
    yield _attached(_queue(session, places, state, _HOOKS))
    yield Holding("stays", "the zips in the bucket")


def hidden_for_too_short(session: Session, places: Places, state: State) -> Iterator[str]:
    """Yield what is wrong with the time for which a queue that feeds a function hides a message.

    A stack does not notice what was changed in the console.
    """
    wanted = float(state.outputs.get(_HIDDEN, 0))
    for queue in (_queue(session, places, state, output) for output in _WORKED_ON):
        if queue is not None and (problem := _too_short(queue, wanted)):
            yield problem


def _too_short(queue: SmqQueue, wanted: float) -> str:
    """Return what is wrong with the time for which a queue hides a message, "" if nothing is."""
    try:
        seconds = queue.standing().visibility_timeout
    except AuthorizerError as error:
        return f"not checked for how long the queue {queue.name} hides a message (VisibilityTimeout): {error}"
    if seconds >= wanted:
        return ""
    return (
        f"the queue {queue.name} hides a message for {seconds} s, and the function may work on one for {wanted:g} s: set its "
        f"VisibilityTimeout to {wanted:g}, or a slow message comes again while it is worked on"
    )


def _messages(session: Session, places: Places, state: State, output: str, advice: str) -> Holding:
    queue = _queue(session, places, state, output)
    if queue is None:
        return Holding("unknown", f"messages: the stack has no output {output} with the URL of a queue")
    try:
        peeked, counted = queue.peek(), queue.standing().messages
    except AuthorizerError as error:
        return Holding("unknown", f"messages in the queue {queue.name}: {error}")
    if not peeked and not counted:
        return Holding(
            "none", f"no message shows in the queue {queue.name}; one that is worked on or not due yet may not"
        )
    amount = f"at least {peeked}" if peeked > counted else f"about {counted}"
    return Holding("lost", f"messages in the queue {queue.name}: {amount}; {advice}")


def _entries(session: Session, places: Places, owner: str) -> Holding:
    if not owner:
        return Holding("unknown", "authorizations: the stack has no parameter Owner")
    try:
        gateway = ApiGateway(session, places.gateway_endpoint)
        names = sorted({entry.name for entry in gateway.pages() if entry.owner == owner})
    except AuthorizerError as error:
        return Holding("unknown", f"authorizations of the owner {owner}: {error}")
    if not names:
        return Holding("none", f"no authorization of the owner {owner}")
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    listed = ", ".join(names[:_MAX_NAMES]) + more
    how = "open until you release them (`python -m functions release NAME`)"
    return Holding("stays", f"authorizations of the owner {owner}, {how}: {len(names)} ({listed})")


def _attached(queue: SmqQueue | None) -> Holding:
    """Say what is not looked up: the scaling groups that name the queue of hooks."""
    if queue is None:
        return Holding("unknown", f"lifecycle hooks of scaling groups: the stack has no output {_HOOKS}")
    what = f"lifecycle hooks of scaling groups that name the queue {queue.name}, if there are any"
    return Holding("stays", f"{what}: delete them, or each scaling activity waits until its hook's time is over")


def _name(state: State, output: str) -> str:
    return urlsplit(state.outputs.get(output, "")).path.rpartition("/")[2]


def _queue(session: Session, places: Places, state: State, output: str) -> SmqQueue | None:
    name = _name(state, output)
    endpoint = places.smq_endpoint or f"https://{urlsplit(state.outputs.get(output, '')).netloc}"
    return SmqQueue(session, endpoint, name) if name and not endpoint_problem(endpoint) else None
