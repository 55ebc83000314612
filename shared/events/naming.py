"""The messages of the names queue: hints, moves that are under way, and hooks that wait for them. Pure.

Only our functions, and operators, write them, into a queue of their own. Nothing in one is believed: it says where to look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from shared.events.fields import MAX_TEXT_CHARS, is_short_text, text_of, texts_of
from shared.model.records import Held, Hint, Hook, Invalid, Leaving, Move, Naming

_MAX_PORT = 65_535
_FIX = "only our own functions and `python -m functions move` write such messages: do not send them by hand"


def naming_message(content: Naming) -> str:
    """Return the message that says ``content``."""
    if isinstance(content, Hint):
        because, region = content.because, content.region_id
        named: dict[str, Any] = {
            "Name": content.name,
            "InstanceId": content.instance_id,
            "Target": content.target,
            "Request": content.request,
        }
    elif isinstance(content, Move):
        because, region = content.cause, content.region_id
        named = {
            "Name": content.name,
            "VpcAccessId": content.vpc_access_id,
            "Previous": list(content.previous),
            "MovedTo": list(content.target),
            "Started": content.started,
            "OperationId": content.operation_id,
            "Writes": content.writes,
            "Since": content.since,
        }
    else:
        leaving = content.leaving
        because, region = leaving.transition, leaving.region_id
        named = {
            "LifecycleHookId": leaving.hook.hook_id,
            "LifecycleActionToken": leaving.hook.token,
            "InstanceIds": list(leaving.instance_ids),
            "AccountId": leaving.account_id,
            "FirstSeen": content.first_seen,
            "Tasks": [list(task) for task in content.tasks],
            "Names": list(content.names),
            **({"Extended": True} if content.extended else {}),
        }
    message = {
        "NamedBackend": {key: value for key, value in named.items() if value not in ("", [])},
        "RegionId": region,
        "Because": because[:MAX_TEXT_CHARS] or "not said",
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def read_naming(message: Mapping[str, Any]) -> Iterator[Naming | Invalid]:
    """Yield what a message says, or what is wrong with it."""
    named, region, because = message["NamedBackend"], text_of(message, "RegionId"), text_of(message, "Because")
    if "LifecycleHookId" in named:
        yield _held(named, region, because)
    elif not text_of(named, "Name"):
        yield Invalid(f"NamedBackend needs a Name: {_FIX}")
    elif "MovedTo" in named:
        yield _move(named, region, because)
    else:
        texts = (text_of(named, key) for key in ("InstanceId", "Target", "Request"))
        yield Hint(text_of(named, "Name"), region, because, *texts)


def _held(named: Mapping[str, Any], region: str, transition: str) -> Held | Invalid:
    hook = Hook(text_of(named, "LifecycleHookId"), text_of(named, "LifecycleActionToken"))
    ids, tasks = texts_of(named, "InstanceIds"), named.get("Tasks", [])
    first_seen = _whole(named, "FirstSeen")
    if not (all(hook) and ids) or first_seen is None:
        return Invalid(f"a hook needs LifecycleHookId, LifecycleActionToken, InstanceIds and FirstSeen: {_FIX}")
    leaving = Leaving(hook, transition, tuple(ids), region, text_of(named, "AccountId"))
    return Held(
        leaving, first_seen, tuple(_tasks(tasks)), tuple(texts_of(named, "Names") or ()), named.get("Extended") is True
    )


def _tasks(value: Any) -> Iterator[tuple[str, int]]:
    for task in value if isinstance(value, list) else ():
        if isinstance(task, list) and len(task) == len(("OperationId", "apis")):
            operation_id, apis = task
            if is_short_text(operation_id) and isinstance(apis, int) and not isinstance(apis, bool):
                yield operation_id, apis


def _move(named: Mapping[str, Any], region: str, cause: str) -> Move | Invalid:
    name = text_of(named, "Name")
    previous, target = _target(named.get("Previous")), _target(named.get("MovedTo"))
    writes, since = _whole(named, "Writes"), _whole(named, "Since")
    if previous is None or target is None or writes is None or since is None:
        return Invalid(
            f"a move needs Previous and MovedTo, each a VPC, an instance and a port, Writes and Since: {_FIX}", name
        )
    texts = {key: text_of(named, key) for key in ("VpcAccessId", "Started", "OperationId")}
    return Move(
        name,
        region,
        texts["VpcAccessId"],
        previous,
        target,
        cause,
        texts["Started"],
        texts["OperationId"],
        writes,
        since,
    )


def _whole(named: Mapping[str, Any], key: str) -> int | None:
    value = named.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _target(value: Any) -> tuple[str, str, int] | None:
    if not isinstance(value, list) or len(value) != len(("VpcId", "InstanceId", "Port")):
        return None
    vpc_id, instance_id, port = value
    if (
        not (is_short_text(vpc_id) and is_short_text(instance_id))
        or isinstance(port, bool)
        or not isinstance(port, int)
    ):
        return None
    return (vpc_id, instance_id, port) if 1 <= port <= _MAX_PORT else None
