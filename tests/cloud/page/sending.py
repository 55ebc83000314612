"""An event on its way: into a queue, onto the event bus or straight into a function, and what became of it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.cloud.fc.triggers.config import EventBridgeTrigger, QueueTrigger
from tests.cloud.fc.triggers.pattern import matches
from tests.cloud.page import sight

if TYPE_CHECKING:
    from tests.cloud.app import Cloud

QUEUE, BUS, FUNCTION = "queue", "bus", "function"
_BY_QUEUE = ("manual", "hostile")  # folders of what a producer sends
_FIRST_WORDS = {"names": "named"}  # of a function, by the folder of its events, where that is not called so itself
_REQUESTS = "-requests"  # how the name of a queue of requests ends
_KEYS = {"to", "body", "base64", "file"}


def send(cloud: Cloud, document: Any) -> dict[str, Any]:
    """Send an event and return where it went, and the id by which `way` finds it.

    The event is ``body`` (text) or ``base64``; ``to`` is ``queue:NAME``, ``bus`` or ``function:NAME``, and by default the
    usual one (see `usual`), which a ``file`` such as ``ecs/running.json`` helps to find.
    """
    if unknown := sorted(set(document) - _KEYS):
        raise ValueError(f"unknown key {', '.join(unknown)}; there are {', '.join(sorted(_KEYS))}")
    event = base64.b64decode(document["base64"]) if "base64" in document else document["body"].encode()
    to = document.get("to") or usual(cloud, event, document.get("file", ""))
    kind, _, name = to.partition(":")
    sent = {"to": to, "at": cloud.world.clock.now()}
    if kind == QUEUE:
        return {**sent, "id": cloud["SMQ"].send(name, event.decode())}
    if kind == BUS:
        put = cloud["FC"].put_event(json.loads(event))
        return {**sent, "id": f"{put['source']}/{put['id']}", "rules": rules(cloud, put)}
    if kind != FUNCTION:
        raise ValueError(f"to is queue:NAME, bus or function:NAME, not {to!r}")
    request_id = cloud.world.ids.request_id()
    cloud["FC"].submit(cloud["FC"].function(name), event, request_id)
    return {**sent, "id": request_id}


def rules(cloud: Cloud, event: dict[str, Any]) -> list[str]:
    """Return the functions whose rules take an event of the default bus."""
    return [
        function.config.key
        for function in cloud["FC"].functions
        for trigger in function.config.triggers
        if isinstance(trigger, EventBridgeTrigger) and matches(trigger.pattern, event)
    ]


def usual(cloud: Cloud, event: bytes, file: str = "") -> str:
    """Return the way that an event usually takes; ValueError where nothing is there to take it.

    What a product announces goes onto the bus, a request into the queue of requests, and what a trigger has wrapped
    already into the function; that is the one that a folder is for.
    """
    folder = file.partition("/")[0]
    queue = next((queue.name for queue in cloud["SMQ"].queues() if queue.name.endswith(_REQUESTS)), "")
    try:
        text = event.decode()
    except UnicodeDecodeError:
        return _function(cloud, folder, queue)
    value = sight.decoded(text)
    if isinstance(value, dict) and "specversion" in value and str(value.get("source", "")).startswith("acs."):
        return BUS
    asks = isinstance(value, dict) and "VpcId" in value
    return f"{QUEUE}:{queue}" if queue and (asks or folder in _BY_QUEUE) else _function(cloud, folder, queue)


def _function(cloud: Cloud, folder: str, queue: str) -> str:
    functions = cloud["FC"].functions
    begin = f"{_FIRST_WORDS.get(folder, folder)}_"
    named = [each for each in functions if each.config.handler.startswith(begin)]
    triggers = {each.config.key: each.config.triggers for each in functions}
    asked = [
        key
        for key, its in triggers.items()
        if any(isinstance(trigger, QueueTrigger) and trigger.queue == queue for trigger in its)
    ]
    found = [each.config.key for each in named] + asked + sorted(triggers)
    if not found:
        raise ValueError("there is no function: `make up` has all of them, `make cloud` none")
    return f"{FUNCTION}:{found[0]}"


def way(cloud: Cloud, its_id: str, since: float = 0.0) -> dict[str, Any]:
    """Return what became of a sent event since then: the invocations that saw it, and the results that tell of it.

    ``its_id`` is that of the message, the event or the request; an invocation saw it if its log names it.
    """
    seen = [
        invocation
        for invocation in sight.invocations(cloud)
        if invocation["ended"] >= since and its_id in _ids(invocation)
    ]
    known = {its_id}
    for invocation in seen:
        if invocation["request_id"] == its_id:  # it was called by hand, with all that was in the event
            known |= _ids(invocation)
    results = [each for each in sight.results(cloud) if each["sent"] >= since and _source(each["body"]) in known]
    return {"id": its_id, "invocations": seen, "results": results}


def _source(body: Any) -> str:
    """Return the id of what a result is about, "" if it is no result."""
    data = body.get("data") if isinstance(body, dict) else None
    return str(data.get("SourceMessageId", "")) if isinstance(data, dict) else ""


def _ids(invocation: dict[str, Any]) -> set[str]:
    """Return the ids that an invocation goes by: its own, and those of the messages in its log."""
    told = {str(line["message_id"]) for line in invocation["lines"] if isinstance(line, dict) and "message_id" in line}
    return told | {invocation["request_id"]}
