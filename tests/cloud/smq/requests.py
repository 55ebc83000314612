"""Reading request bodies into arguments: attributes, messages, subscriptions, receipt handles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.cloud.smq.document import fields, name_of, parse, texts
from tests.cloud.smq.errors import refusal
from tests.cloud.smq.messages import BATCH_LIMIT, Property
from tests.cloud.smq.queue_broker import check_range
from tests.cloud.smq.queues import QUEUE_ATTRIBUTES, DlqPolicy
from tests.cloud.smq.topics import TOPIC_ATTRIBUTES

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_PROPERTY_TYPES = ("STRING", "NUMBER", "BOOLEAN", "BINARY")
# What the vendor's SDK can send and the stand-in has no behaviour for.
_NOT_EMULATED = ("MessageGroupId", "MessageAttributes")


class QueueMessage(NamedTuple):
    """A message to send: its body and the options of ``Queue.put``."""

    body: str
    options: dict[str, Any]


class TopicMessage(NamedTuple):
    """A message to publish: body, tag and properties."""

    body: str
    tag: str
    properties: dict[str, tuple[Property, ...]]


def integer(name: str, text: str) -> int:
    """Return a number of at most nine digits."""
    if not re.fullmatch(r"\s*\d{1,9}\s*", text):
        raise refusal("InvalidArgument", f"The value of {name} is not a number.")
    return int(text)


def boolean(name: str, text: str) -> bool:
    """Return True or False, in any case (the SDK writes ``True``)."""
    if text.lower() not in {"true", "false"}:
        raise refusal("InvalidArgument", f"The value of {name} should be True or False.")
    return text.lower() == "true"


def queue_attributes(body: bytes) -> dict[str, Any]:
    """Read ``<Queue>``. DlqPolicy has the names of ``ALIYUN::MNS::Queue``; its XML form is assumed."""
    children = fields(parse(body, "Queue"), (*QUEUE_ATTRIBUTES, "LoggingEnabled", "DlqPolicy"))
    policy = children.pop("DlqPolicy", None)
    attributes = _attributes({name: child.text or "" for name, child in children.items()})
    if policy is not None:
        attributes["DlqPolicy"] = _dlq_policy(policy)
    return attributes


def topic_attributes(body: bytes) -> dict[str, Any]:
    """Read ``<Topic>``."""
    return _attributes(texts(parse(body, "Topic"), (*TOPIC_ATTRIBUTES, "LoggingEnabled")))


def _attributes(values: dict[str, str]) -> dict[str, Any]:
    return {
        name: boolean(name, text) if name == "LoggingEnabled" else integer(name, text) for name, text in values.items()
    }


def _dlq_policy(element: Element) -> DlqPolicy:
    names = ("Enabled", "MaxReceiveCount", "DeadLetterTargetQueue")
    values = texts(element, names)
    if missing := [name for name in names if name not in values]:
        raise refusal("InvalidArgument", f"DlqPolicy needs {', '.join(missing)}.")
    count = check_range("MaxReceiveCount", integer("MaxReceiveCount", values["MaxReceiveCount"]), (1, 1000))
    return DlqPolicy(boolean("Enabled", values["Enabled"]), count, values["DeadLetterTargetQueue"].rpartition("/")[2])


def subscription(body: bytes) -> dict[str, str]:
    """Read ``<Subscription>``."""
    names = ("Endpoint", "NotifyStrategy", "NotifyContentFormat", "FilterTag")
    return texts(parse(body, "Subscription"), names)


def queue_message(body: bytes) -> QueueMessage:
    """Read ``<Message>`` of SendMessage."""
    return _queue_message(parse(body, "Message"))


def queue_messages(body: bytes) -> list[QueueMessage]:
    """Read ``<Messages>``, 1 to 16 of them."""
    return [_queue_message(child) for child in _items(parse(body, "Messages"), "Message")]


def receipt_handles(body: bytes) -> list[str]:
    """Read ``<ReceiptHandles>``, 1 to 16 of them."""
    return [(child.text or "").strip() for child in _items(parse(body, "ReceiptHandles"), "ReceiptHandle")]


def _items(root: Element, name: str) -> list[Element]:
    items = list(root)
    if any(name_of(item) != name for item in items):
        raise refusal("MalformedXML", f"<{name_of(root)}> takes <{name}> elements only.")
    check_range(f"the number of <{name}>", len(items), (1, BATCH_LIMIT))
    return items


def _queue_message(element: Element) -> QueueMessage:
    known = ("MessageBody", "DelaySeconds", "Priority", "UserProperties", "SystemProperties", *_NOT_EMULATED)
    children = fields(element, known)
    options: dict[str, Any] = _properties(children)
    if "DelaySeconds" in children:
        value = integer("DelaySeconds", children["DelaySeconds"].text or "")
        options["delay_seconds"] = check_range("DelaySeconds", value, QUEUE_ATTRIBUTES["DelaySeconds"])
    if "Priority" in children:
        options["priority"] = check_range("Priority", integer("Priority", children["Priority"].text or ""), (1, 16))
    return QueueMessage(_text(children, "MessageBody"), options)


def topic_message(body: bytes) -> TopicMessage:
    """Read ``<Message>`` of PublishMessage."""
    known = ("MessageBody", "MessageTag", "UserProperties", "SystemProperties", *_NOT_EMULATED)
    children = fields(parse(body, "Message"), known)
    return TopicMessage(_text(children, "MessageBody"), _text(children, "MessageTag"), _properties(children))


def _text(children: dict[str, Element], name: str) -> str:
    return (children[name].text or "") if name in children else ""


def _properties(children: dict[str, Element]) -> dict[str, tuple[Property, ...]]:
    for name in _NOT_EMULATED:
        if name in children:
            raise refusal("NotImplemented", f"The stand-in does not emulate {name}.")
    found = {}
    for element, item, key in (
        ("UserProperties", "PropertyValue", "user_properties"),
        ("SystemProperties", "SystemPropertyValue", "system_properties"),
    ):
        if element in children:
            found[key] = tuple(_property(child, item) for child in children[element])
    return found


def _property(element: Element, item: str) -> Property:
    if name_of(element) != item:
        raise refusal("MalformedXML", f"<{name_of(element)}> stands where <{item}> is expected.")
    values = texts(element, ("Name", "Value", "Type"))
    entry = Property(values.get("Name", ""), values.get("Value", ""), values.get("Type", "STRING"))
    if not entry.name or entry.type not in _PROPERTY_TYPES:
        raise refusal("InvalidArgument", f"A property needs a Name and a Type of {', '.join(_PROPERTY_TYPES)}.")
    return entry
