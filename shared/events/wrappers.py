"""What triggers wrap around a message: how each is recognised beyond its keys, named and opened.

Shapes: https://help.aliyun.com/zh/functioncompute/fc/user-guide/formats-of-event-for-different-triggers-1 and the pages
named below. ``fits`` functions look at types, ``…_id`` functions return the identity that the source gave the message
("" if it has none), ``open_…`` functions yield what is inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from shared.events.fields import are_short_texts, is_short_text, text_of
from shared.events.notices import alert_form
from shared.events.text import MAX_MESSAGE_BYTES, decode_base64, read_json
from shared.model.records import Content, Ignored, Invalid, Succeeded, Timer, Unwrapped

RESULT_SOURCE = "/vpc-access-authorizer/"  # CloudEvents source of our results, before the owner
_ATTRIBUTE = "ce-"  # begins the name of a header that holds an attribute of a CloudEvent

Event = Mapping[str, Any]
MESSAGE_TYPES = frozenset(
    {"mns:Queue:SendMessage", "mq:Topic:SendMessage", "amqp:Queue:SendMessage", "alikafka:Topic:Message"}
)
"""CloudEvents that carry one message of a queue or topic; ``data`` is what the push format RawData delivers."""


def texts(*keys: str) -> Callable[[Event], bool]:
    """Return a ``fits`` that wants these fields to be words."""
    return lambda value: are_short_texts(value, *keys)


def only(*keys: str) -> Callable[[Event], bool]:
    """Return a ``fits`` that wants no other key than these, and an object in the last: too few keys to be lax."""
    return lambda value: value.keys() == set(keys) and isinstance(value[keys[-1]], dict)


def unwrap(key: str) -> Callable[[Event], Iterator[Unwrapped | Content]]:
    """Return an ``open`` for a wrapper whose content is one field."""

    def open_it(value: Event) -> Iterator[Unwrapped | Content]:
        yield Unwrapped(value[key])

    return open_it


def identified_by(key: str) -> Callable[[Event], str]:
    """Return an identity that is one field."""
    return lambda value: text_of(value, key)


def nameless(_value: Event) -> str:
    """The wrapper gives its content no identity that survives a redelivery."""
    return ""


# CloudEvents: https://help.aliyun.com/document_detail/181428.html says that source and id identify an event.


def of_type(*types: str) -> Callable[[Event], bool]:
    """Return a ``fits`` for CloudEvents of these types; one that ends in a colon stands for all that begin so."""
    prefixes = tuple(kind for kind in types if kind.endswith(":"))

    def fits(event: Event) -> bool:
        kind = event["type"]
        return are_short_texts(event, "specversion", "id", "source", "type") and (
            kind in types or (prefixes != () and kind.startswith(prefixes))
        )

    return fits


def is_cloud_event(event: Event) -> bool:
    """Tell whether the attributes that CloudEvents requires are words."""
    return are_short_texts(event, "specversion", "id", "source", "type")


def is_action_trail(event: Event) -> bool:
    """Tell whether it is ``<product>:ActionTrail:<kind>``."""
    return is_cloud_event(event) and event["type"].split(":")[1:2] == ["ActionTrail"]


def cloud_event_id(event: Event) -> str:
    """Return source and id, which together identify an event."""
    return f"{event['source']}/{event['id']}"


def is_in_base64(event: Event) -> bool:
    """Tell whether ``data_base64`` stands for the data."""
    return is_cloud_event(event) and "data" not in event


def open_data_base64(event: Event) -> Iterator[Unwrapped | Content]:
    """Return the same event with its data, which CloudEvents calls ``data_base64`` where a sender takes it for bytes.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#31-handling-of-data
    """
    encoded = event["data_base64"]
    data = decode_base64(encoded) if isinstance(encoded, str) else None
    yield _with_data({key: value for key, value in event.items() if key != "data_base64"}, data or encoded)


def _with_data(attributes: Event, data: Any) -> Unwrapped:
    """Return the CloudEvent of these attributes; its data is read if it is JSON, since announcements are objects."""
    if isinstance(data, str) and len(data) <= MAX_MESSAGE_BYTES:
        with suppress(ValueError):  # a text, or Base64 again: told where it is opened
            data = read_json(data)
    return Unwrapped({**attributes, "data": data})


def carried_message_id(event: Event) -> str:
    """Return the message's own id where the broker gave it one, since a stream's event id may be made anew."""
    data = event["data"]
    found = ""
    if isinstance(data, Mapping):
        found = text_of(data, "messageId") or rocketmq_id(data) or rabbitmq_id(data) or kafka_id(data)
    return found or cloud_event_id(event)


def open_cloud_event(event: Event) -> Iterator[Unwrapped | Content]:
    """Other events of a cloud product announce nothing; those of a producer's own bus carry a request.

    Our own results are ignored, or a result topic that is wired back to the function would answer itself for ever.
    """
    if event["source"].startswith(RESULT_SOURCE):
        yield Ignored("own-result", f"{event['type']} is an answer of this function, not a request")
    elif event["source"].startswith(("acs.", "acs:")):
        yield Ignored("event-type", f"events of type {event['type']} neither announce nor end a backend")
    else:
        yield Unwrapped(event["data"])


# Messages of RocketMQ, RabbitMQ, Kafka: the pages of their triggers, e.g.
# https://help.aliyun.com/zh/functioncompute/fc/user-guide/apsaramq-for-rocketmq-triggers


def rocketmq_id(data: Event) -> str:
    """Return ``UNIQ_KEY``, the message's unique key: https://help.aliyun.com/document_detail/191238.html"""
    return text_of(data, "systemProperties", "UNIQ_KEY")


def rabbitmq_id(data: Event) -> str:
    """Return the ``messageId`` that the publisher gave."""
    return text_of(data, "props", "messageId")


def open_kafka(data: Event) -> Iterator[Unwrapped | Content]:
    """Open the value. One that is null is a tombstone: it deletes what its key stood for, and asks for nothing.

    https://kafka.apache.org/documentation/#compaction
    """
    value = data["value"]
    yield (
        Unwrapped(value)
        if value is not None
        else Ignored("tombstone", "a Kafka record without a value asks for nothing")
    )


def kafka_id(data: Event) -> str:
    """Return topic, partition and offset, which identify a Kafka message."""
    topic, partition, offset = text_of(data, "topic"), data.get("partition"), data.get("offset")
    return f"{topic}/{partition}/{offset}" if topic and isinstance(partition, int) and isinstance(offset, int) else ""


# HTTP trigger v1: https://help.aliyun.com/zh/functioncompute/fc/user-guide/http-trigger-invoking-function
# API Gateway: https://www.alibabacloud.com/help/doc-detail/74797.htm


def is_http(event: Event) -> bool:
    """Tell whether it is the HTTP trigger's format, version 1."""
    return event["version"] == "v1" and isinstance(event["headers"], dict) and isinstance(event["requestContext"], dict)


def is_http_async(event: Event) -> bool:
    """Tell whether nobody waits for the answer (``X-Fc-Invocation-Type: Async``, answered 202 by the platform).

    Assumed: the header reaches the function. If it does not, a failure is answered 503 and not redelivered.
    """
    headers = event["headers"]
    return is_http(event) and any(
        name.lower() == "x-fc-invocation-type" and value == "Async" for name, value in headers.items()
    )


def is_api_gateway(event: Event) -> bool:
    """Tell whether it is what API Gateway (classic) hands to a function."""
    return are_short_texts(event, "path", "httpMethod") and isinstance(event["headers"], dict)


def http_id(event: Event) -> str:
    """Return the request id; a client that asks again gets a new one."""
    return text_of(event, "requestContext", "requestId")


def gateway_id(event: Event) -> str:
    """Return ``X-Ca-Request-Id`` where the gateway passes it on."""
    return next(
        (
            value
            for name, value in event["headers"].items()
            if name.lower() == "x-ca-request-id" and is_short_text(value)
        ),
        "",
    )


def open_http(event: Event) -> Iterator[Unwrapped | Content]:
    """Open the body. ``isBase64Encoded`` is a boolean, from API Gateway also "true" or "false"."""
    body = event["body"]
    encoded = isinstance(body, str) and str(event["isBase64Encoded"]).lower() == "true"
    data = decode_base64(body) if encoded else body
    attributes = _binary_mode(event["headers"])
    if not body:
        yield Invalid("the HTTP request has no body: POST a JSON object with the request")
    elif data is None:
        yield Invalid("isBase64Encoded is true but the body is not Base64 of a text: send one or the other")
    elif are_short_texts(attributes, "specversion", "id", "source", "type"):
        yield _with_data(attributes, data)
    else:
        yield Unwrapped(alert_form(data) or data)


def _binary_mode(headers: Mapping[Any, Any]) -> dict[str, str]:
    """Return the attributes of a CloudEvent whose data is the body: ``ce-id``, ``ce-source``, and so on, percent-encoded.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode
    """
    found = {
        name[len(_ATTRIBUTE) :].lower(): value
        for name, value in headers.items()
        if name.lower().startswith(_ATTRIBUTE) and isinstance(value, str)
    }
    return {name: unquote(value) for name, value in found.items()}


# The record of an asynchronous invocation: https://help.aliyun.com/zh/functioncompute/fc/user-guide/asynchronous-invocation


def is_destination(event: Event) -> bool:
    """Tell whether it is a destination's record, for instance a dead letter that is fed back."""
    context = event["requestContext"]
    return text_of(context, "functionArn").startswith("acs:fc:") and bool(text_of(context, "requestId"))


def open_destination(event: Event) -> Iterator[Unwrapped | Content]:
    """Open the event that failed; the record of a success is a fact by itself."""
    if not text_of(event, "requestContext", "condition"):
        yield Succeeded(text_of(event, "requestContext", "requestId"))
    elif not event["requestPayload"]:
        yield Invalid("requestPayload is empty: the record does not hold the event that failed")
    else:
        yield Unwrapped(event["requestPayload"])


def open_timer(event: Event) -> Iterator[Unwrapped | Content]:
    """A timer of the function: https://help.aliyun.com/zh/functioncompute/fc/user-guide/time-triggers"""
    payload = event["payload"]
    yield Timer(event["triggerName"], payload if isinstance(payload, str) else "")


def open_schedule(event: Event) -> Iterator[Unwrapped | Content]:
    """The message by which one of our functions schedules a release."""
    from shared.events.schedule import read_schedule  # no other event needs it

    yield from read_schedule(event)


def open_naming(event: Event) -> Iterator[Unwrapped | Content]:
    """A message of the names queue."""
    from shared.events.naming import read_naming  # no other event needs it

    yield from read_naming(event)
