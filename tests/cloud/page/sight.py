"""What there is to see in a stand-in, as plain values: for the page, and as JSON for programs."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NoReturn

from tests.cloud.cloudapi.uses import refers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.cloud.app import Cloud
    from tests.cloud.cloudapi.entry import GatewayEntry
    from tests.cloud.fc.function import Function, Logged
    from tests.cloud.smq.messages import Message

OWNER_TAG = "vpc-access-owner"
"""The tag that says whose an authorization is, as this project writes it."""
ORIGIN_TAG = "vpc-access-origin"
"""The tag that says why it is there: requested, announced or named."""
GONE = "gone"
_DEEPEST = 100  # lists and objects in one another
MOST = 200
"""How many of the last messages and invocations are told, unless less is asked for."""


def authorizations(cloud: Cloud) -> list[dict[str, Any]]:
    """Return the authorizations of the stand-in's own account, the newest first: whose, whether alive, used by what."""
    gateway, account = cloud["CloudAPI"], cloud.world.account_id
    there = _backends(cloud)
    return [
        {
            "name": entry.name,
            "vpc_access_id": entry.vpc_access_id,
            "vpc_id": entry.vpc_id,
            "instance_id": entry.instance_id,
            "port": entry.port,
            "created": entry.created_time,
            "owner": dict(entry.tags).get(OWNER_TAG, ""),
            "origin": dict(entry.tags).get(ORIGIN_TAG, ""),
            "tags": dict(entry.tags),
            "backend": there.get((entry.vpc_id, entry.instance_id), GONE),
            "used_by": list(_users(cloud, entry)),
        }
        for entry in reversed(gateway.entries.everything(account))
    ]


def _backends(cloud: Cloud) -> dict[tuple[str, str], str]:
    """Return the status of everything that an authorization can name, by its VPC and its id or address."""
    found: dict[tuple[str, str], str] = {}
    for instance in instances(cloud):
        found |= dict.fromkeys([(instance["vpc_id"], instance[name]) for name in ("id", "address")], instance["status"])
    balancers = cloud["SLB"].state()["load_balancers"]
    return found | {(each["VpcId"], each["LoadBalancerId"]): each["LoadBalancerStatus"] for each in balancers}


def _users(cloud: Cloud, entry: GatewayEntry) -> Iterator[str]:
    uses, account = cloud["CloudAPI"].uses, cloud.world.account_id
    for api in uses.using(account, entry):
        yield f"API {api.api_name or api.api_id}" + (f" in {api.stage_name}" if api.stage_name else ", a draft")
    for backend in uses.backends(account):
        if any(refers(model, entry) for model in backend["BackendModels"]):
            yield f"backend object {backend.get('BackendName', backend['BackendId'])}"
    for plugin in uses.plugins(account):
        if entry.name in plugin["PluginData"]:
            yield f"plug-in {plugin.get('PluginName', plugin['PluginId'])}"


def instances(cloud: Cloud) -> list[dict[str, Any]]:
    """Return the ECS instances with their tags."""
    return [
        {
            "id": each["InstanceId"],
            "vpc_id": each["VpcAttributes"]["VpcId"],
            "address": next(iter(each["VpcAttributes"]["PrivateIpAddress"]["IpAddress"]), ""),
            "status": each["Status"],
            "tags": {tag["TagKey"]: tag["TagValue"] for tag in each["Tags"]["Tag"]},
        }
        for each in cloud["ECS"].state()["instances"]
    ]


def queues(cloud: Cloud, most: int = MOST) -> list[dict[str, Any]]:
    """Return the queues with the last messages in them, the newest first; ``topics`` are those that it is subscribed to."""
    now, subscribed = cloud.world.clock.now(), subscriptions(cloud)
    return [
        {
            "name": queue.name,
            "topics": subscribed.get(queue.name, []),
            **queue.counts(),
            "messages": [_message(message, now) for message in reversed(queue.stored()[-most:])],
        }
        for queue in cloud["SMQ"].queues()
    ]


def subscriptions(cloud: Cloud) -> dict[str, list[str]]:
    """Return the topics that each subscribed queue gets messages of."""
    subscribed: dict[str, list[str]] = {}
    for topic in cloud["SMQ"].topics():
        for subscription in topic.subscriptions.values():
            subscribed.setdefault(subscription.queue_name, []).append(topic.name)
    return subscribed


def _message(message: Message, now: float) -> dict[str, Any]:
    return {
        "id": message.message_id,
        "body": decoded(message.body),
        "sent": message.enqueue_time / 1000,
        "received": message.dequeue_count,
        "due_in": max(0.0, message.next_visible_time / 1000 - now),
    }


def decoded(body: str) -> Any:
    """Return what a message says: JSON as what it holds, else its text; out of Base64 where it is in it.

    What is nested deeper than anybody means it stays a text, too: printing it again could fail.
    """
    texts = [body]
    with suppress(ValueError):
        texts.insert(0, base64.b64decode(body, validate=True).decode("utf-8"))
    for text in texts:
        with suppress(ValueError):
            return body if _is_deep(text) else json.loads(text, parse_constant=_no_number)
    return body


def _is_deep(text: str) -> bool:
    """Tell by the brackets alone, those in strings included: one pass, whatever the text is."""
    if text.count("[") + text.count("{") <= _DEEPEST:
        return False
    steps = (1 if bracket in "[{" else -1 for bracket in re.findall(r"[][{}]", text))
    return max(accumulate(steps), default=0) > _DEEPEST


def _no_number(constant: str) -> NoReturn:
    """Refuse NaN and its like, which are no JSON and would be none when they are printed again."""
    raise ValueError(constant)


def results(cloud: Cloud, most: int = MOST) -> list[dict[str, Any]]:
    """Return the last of ``published``, decoded."""
    now = cloud.world.clock.now()
    return [_message(message, now) for message in published(cloud)[:most]]


def published(cloud: Cloud) -> list[Message]:
    """Return what topics sent to subscribed queues and nobody has taken yet, the newest first.

    What several queues hold is there once, and what came to one of them twice is there twice.
    """
    subscribed = subscriptions(cloud)
    found: dict[tuple[str, int], Message] = {}
    for queue in cloud["SMQ"].queues():
        times: Counter[str] = Counter()
        for message in reversed(queue.stored()) if queue.name in subscribed else ():
            times[message.body] += 1
            found.setdefault((message.body, times[message.body]), message)
    return sorted(found.values(), key=lambda message: message.enqueue_time, reverse=True)


def invocations(cloud: Cloud, most: int = MOST) -> list[dict[str, Any]]:
    """Return the last invocations of all functions, the newest first, with the lines that they logged."""
    last = [(each, function) for function in cloud["FC"].functions for each in function.logged[-most:]]
    last.sort(key=lambda pair: pair[0].ended, reverse=True)
    return [_invocation(function, each) for each, function in last[:most]]


def _invocation(function: Function, logged: Logged) -> dict[str, Any]:
    lines = logged.log.decode(errors="replace").splitlines()[1:-1]  # without the platform's own two
    return {
        "request_id": logged.request_id,
        "function": function.config.key,
        "ended": logged.ended,
        "ms": round(logged.duration),
        "error": logged.error_type,
        "lines": list(map(_line, lines)),
    }


def _line(text: str) -> Any:
    """Return a line of a log: an object where it is the JSON of one, else the text."""
    line = decoded(text) if text.startswith("{") else text
    return line if isinstance(line, dict) else text


def records(invocation: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Return the lines of an invocation that say what became of a record."""
    return [line for line in invocation["lines"] if isinstance(line, dict) and "outcome" in line]
