"""The parts of the page that show what is there: authorizations, instances, queues, faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cloud.page import sight
from tests.cloud.page.markup import tag
from tests.cloud.page.section import Row, Section, badge, code, details, document, small, span

if TYPE_CHECKING:
    from markupsafe import Markup

    from tests.cloud.app import Cloud

PORT_TAG = "apigateway-port"
"""The tag by which an instance asks to be opened, as this project reads it."""
NAME_TAG = "apigateway-name"
"""The tag by which it asks to be what a name leads to."""
_MESSAGES = 20  # of a queue that are shown
_COUNTS = ("ActiveMessages", "InactiveMessages", "DelayMessages")


def authorizations(cloud: Cloud) -> Section:
    """Return what API Gateway may reach: whose each entry is, why it is there, whether its backend is alive, what uses it."""
    return Section(
        "authorizations",
        "Authorizations",
        "API Gateway may reach nothing yet.",
        ("Name", "Opens", "Owner, origin", "Backend", "Used by"),
        [
            Row(
                each["vpc_access_id"],
                (
                    tag("span", tag("b", each["name"]), small(code(each["vpc_access_id"]))),
                    tag("span", code(f"{each['instance_id']}:{each['port']}"), small(each["vpc_id"])),
                    tag(
                        "span",
                        each["owner"] or tag("span", "nobody’s", class_="faint"),
                        small(each["origin"]) if each["origin"] else None,
                    ),
                    badge(each["backend"]),
                    tag("span", *map(small, each["used_by"])) if each["used_by"] else tag("span", "—", class_="faint"),
                ),
            )
            for each in sight.authorizations(cloud)
        ],
    )


def instances(cloud: Cloud) -> Section:
    """Return the ECS instances, the newest first, with what can be done to each."""
    return Section(
        "instances",
        "Instances",
        "There is no instance.",
        ("Instance", "Status", "Port, name", "Do"),
        [Row(each["id"], _instance(each)) for each in reversed(sight.instances(cloud))],
        about="What happens here is announced as the cloud announces it. A tag is not: a sweep finds it.",
    )


def _instance(each: dict[str, Any]) -> tuple[Any, ...]:
    its_id, running = each["id"], each["status"] == "Running"
    port, name = _field("port", PORT_TAG, each), _field("backend", NAME_TAG, each)
    start = button("Stop", "stop", its_id) if running else button("Start", "start", its_id)
    return (
        tag("span", code(its_id), small(f"{each['address'] or 'classic network'} {each['vpc_id']}")),
        badge(each["status"]),
        tag("form", port, name, tag("button", "Tag", type="submit", class_="quiet"), data_do="tag", data_of=its_id),
        tag("span", start, button("Delete", "delete", its_id), class_="buttons"),
    )


def _field(name: str, key: str, instance: dict[str, Any]) -> Markup:
    """Return the field in which a tag of an instance is, to be changed."""
    return tag(
        "input",
        type="text",
        name=name,
        value=instance["tags"].get(key, ""),
        size="10",
        placeholder=f"no {key.rpartition('-')[2]}",
        title=key,
        autocomplete="off",
        aria_label=f"{key} of {instance['id']}",
    )


def button(word: str, do: str, of: str = "", kind: str = "quiet") -> Markup:
    """Return a button that does something, of which it says to whom, unless its word does."""
    label = word if of in word else f"{word} {of}"
    return tag("button", word, type="button", class_=kind, data_do=do, data_of=of, aria_label=label)


def queues(cloud: Cloud) -> Section:
    """Return the queues with what is in them."""
    return Section(
        "queues",
        "Queues",
        "There is no queue.",
        ("Queue", "Visible", "Taken", "Delayed"),
        [Row(each["name"], _queue(each)) for each in sight.queues(cloud, _MESSAGES)],
    )


def _queue(each: dict[str, Any]) -> tuple[Any, ...]:
    messages = [tag("li", *_message(message)) for message in each["messages"]]
    name = tag(
        "span",
        code(each["name"]),
        small("gets what is published to ", ", ".join(each["topics"])) if each["topics"] else None,
    )
    left = sum(each[kind] for kind in _COUNTS) - len(messages)
    more = tag("li", f"and {left} older ones", class_="faint") if left > 0 else None
    opened = details(name, tag("ul", *messages, more, class_="inner")) if messages else name
    return opened, *(_count(each[kind]) for kind in _COUNTS)


def _message(message: dict[str, Any]) -> tuple[Any, ...]:
    state = f"due in {span(message['due_in'])}" if message["due_in"] else "visible"
    taken = f", received {message['received']} times" if message["received"] else ""
    return code(message["id"]), small(state, taken), document(message["body"])


def _count(number: int) -> Markup:
    return tag("span", number, class_="number" if number else "number faint")


def faults(cloud: Cloud) -> Section:
    """Return the fault rules that are set, with how often each has done something."""
    return Section(
        "faults",
        "Faults",
        "None is set: every call is answered as it should be.",
        ("Rule", "Operation", "Does", "Seen", "Hits"),
        [
            Row(
                rule["id"],
                (
                    code(rule["id"]),
                    code(rule["operation"]),
                    document({k: v for k, v in rule.items() if k not in ("id", "operation", "seen", "hits")}),
                    _count(rule["seen"]),
                    _count(rule["hits"]),
                ),
            )
            for rule in cloud.faults.report()
        ],
    )
