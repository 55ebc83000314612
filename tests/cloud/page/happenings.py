"""The parts of the page that show what happened: results, invocations with their log, calls, an event's way."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

from tests.cloud.page import sight
from tests.cloud.page.markup import tag
from tests.cloud.page.section import Row, Section, badge, clock, code, details, document, small

if TYPE_CHECKING:
    from markupsafe import Markup

    from tests.cloud.app import Cloud
    from tests.cloud.core import SeenCall

_SHOWN = 40  # rows of each part
_SAID = ("time", "level", "event", "request_id")  # of a line of a log: shown before the rest, or known


def results(cloud: Cloud) -> Section:
    """Return the results that are in subscribed queues, decoded."""
    found = sight.results(cloud, _SHOWN)
    return Section(
        "results",
        "Results",
        "No result yet. Send an event, or start an instance.",
        rows=[Row(message["id"], (result(message),)) for message in found],
        more=len(sight.published(cloud)) - len(found),
    )


def result(message: dict[str, Any]) -> Markup:
    """Return one result: what became of what, why, and the whole message inside."""
    body = message["body"]
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        return details(tag("span", clock(message["sent"]), " a message"), document(body))
    outcome = str(body.get("type", "")).rpartition(".")[2]
    target = f"{data['InstanceId']}:{data.get('Port', '')}" if "InstanceId" in data else ""
    head = tag(
        "span",
        badge(outcome),
        tag("b", body.get("subject") or data.get("Name") or "a request without a name"),
        code(target) if target else None,
        clock(message["sent"]),
        class_="line",
    )
    reason = ": ".join(str(data[name]) for name in ("ReasonCode", "Reason") if data.get(name))
    below = small(reason) if reason else small(code(data.get("VpcAccessId", "")))
    return details(tag("span", head, below), document(body))


def invocations(cloud: Cloud) -> Section:
    """Return the last invocations, with the lines that they logged."""
    found = sight.invocations(cloud, _SHOWN)
    number = sum(len(function.logged) for function in cloud["FC"].functions)
    return Section(
        "invocations",
        "Invocations",
        "No function was called yet.",
        rows=[Row(f"{each['request_id']} {each['ended']}", (invocation(each),)) for each in found],
        more=number - len(found),
    )


def invocation(each: dict[str, Any]) -> Markup:
    """Return one invocation: when, which function, what became of its records, and its log inside."""
    counted = Counter(str(record["outcome"]) for record in sight.records(each))
    badges = [badge(word, times=times) for word, times in counted.items()]
    failed = badge(each["error"], "bad") if each["error"] else None
    head = tag("span", code(each["function"]), *badges, failed, clock(each["ended"]), class_="line")
    below = small(f"{each['ms']} ms, request ", code(each["request_id"]))
    lines = [tag("li", *_line(line)) for line in each["lines"]]
    return details(tag("span", head, below), tag("ol", *lines, class_="log"))


def _line(line: Any) -> list[Any]:
    if not isinstance(line, dict):
        return [tag("span", line)]
    level = str(line.get("level", ""))
    rest = [(name, value) for name, value in line.items() if name not in _SAID]
    said = [tag("span", tag("i", name), " ", str(value), class_="field") for name, value in rest]
    tone = {"WARNING": "warn", "ERROR": "bad"}.get(level, "plain")
    return [badge(level, tone), tag("b", line.get("event", "")), *said]


def calls(cloud: Cloud) -> Section:
    """Return the last calls, with what the verifier thought of the signature of each."""
    seen = cloud.world.journal()
    last = list(enumerate(seen))[-_SHOWN:]
    return Section(
        "calls",
        "Calls",
        "Nobody has called yet.",
        ("Time", "Operation", "Signature", "Answer"),
        [Row(str(number), _call(call)) for number, call in reversed(last)],
        more=len(seen) - len(last),
    )


def _call(call: SeenCall) -> tuple[Any, ...]:
    about = {name: value for name, value in call.parameters.items() if value}
    operation = tag("span", code(call.operation), badge("writes", "plain") if call.write else None)
    answer = tag("span", tag("span", call.status or "cut off", class_="number"), " ", call.code)
    fault = badge(f"fault {call.fault}", "warn") if call.fault else None
    return (
        clock(call.at),
        details(operation, document(about)) if about else operation,
        tag("span", *_verdict(call)),
        tag("span", details(answer, tag("p", call.message)) if call.message else answer, fault),
    )


def _verdict(call: SeenCall) -> tuple[Any, ...]:
    """Return what was thought of a signature: right, not asked for, or not found right."""
    who = small(code(call.access_key_id)) if call.access_key_id else None
    if call.verified:
        return tag("span", "✓ ", call.verified, class_="good"), who
    if call.status and not call.code:
        return tag("span", "not asked for", class_="faint"), who
    return tag("span", "✗ not verified", class_="bad"), who


def way(sent: dict[str, Any], went: dict[str, Any]) -> Markup:
    """Return how far an event has come: sent, taken by a function, what became of it, its results."""
    steps = [tag("li", tag("b", "sent"), f" to {sent['to'].replace(':', ' ')} as ", code(sent["id"]), class_="done")]
    if sent.get("rules") == []:
        steps.append(tag("li", tag("b", "no rule takes it"), ": no function is called", class_="done"))
    elif not went["invocations"]:
        steps.append(tag("li", "waiting for a function to take it …", class_="open"))
    for each in reversed(went["invocations"]):
        told = f" in {each['ms']} ms" + (f", failed with {each['error']}" if each["error"] else "")
        records = [tag("li", *_record(record)) for record in sight.records(each)]
        steps.append(
            tag("li", tag("b", "taken"), " by ", code(each["function"]), told, tag("ul", *records), class_="done")
        )
    if went["invocations"]:
        steps.append(tag("li", *_published(went["results"]), class_="done"))
    return tag("ol", *steps, class_="way")


def _record(record: dict[str, Any]) -> chain[Any]:
    what = filter(None, (record.get("name"), record.get("target")))
    why = ": ".join(str(record[name]) for name in ("reason", "text") if record.get(name))
    return chain([badge(str(record["outcome"]))], (tag("span", each) for each in what), [small(why)] if why else [])


def _published(found: list[dict[str, Any]]) -> list[Any]:
    if not found:
        return [tag("b", "no result"), " was published for it"]
    return [tag("b", "published"), *(result(message) for message in reversed(found))]
