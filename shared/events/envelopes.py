"""The table by which events are recognised.

Function Compute does not say which trigger fired, so a wrapper is recognised by the payload alone: always by several of
its keys and their types, in the order of ``ENVELOPES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from shared.events import notices, wrappers
from shared.events.fields import are_short_texts, text_of
from shared.events.wrappers import cloud_event_id, identified_by, nameless, of_type, only, texts, unwrap
from shared.model.records import Content, Unwrapped


class Envelope(NamedTuple):
    """A wrapper or announcement: recognised when all of ``keys`` are there and ``fits`` agrees, then opened.

    ``name`` goes into the record's ``source``; ``identity`` is the id that its sender knows, and the outermost one
    counts; ``replays`` says that an older event is inside, whose own ids count instead; ``passing`` says that the same
    message gets a new identity when it is sent again, so that it counts only where nothing inside has one.
    """

    name: str
    keys: frozenset[str]
    fits: Callable[[Mapping[str, Any]], bool]
    identity: Callable[[Mapping[str, Any]], str]
    open: Callable[[Mapping[str, Any]], Iterator[Unwrapped | Content]]
    replays: bool = False
    passing: bool = False


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


_CLOUD_EVENT = _keys("specversion id source type data")
_IN_BASE64 = _keys("specversion id source type data_base64")
_CREATED = ("ess:ScalingActivity:ScaleOutSuccess", "ess:ScalingActivity:ScaleOutPartialSuccess")
_HTTP = _keys("version rawPath headers body isBase64Encoded requestContext")
_HOOK = "lifecycleHookId", "lifecycleActionToken"

ENVELOPES: tuple[Envelope, ...] = (
    # An SMQ topic in JSON format puts a message's attributes beside its own keys, so the top level is the producer's:
    # it is tried first, or an attribute named like a key of another wrapper could impersonate that.
    Envelope(
        "smq-topic",
        _keys("TopicOwner TopicName SubscriptionName MessageId Message"),
        texts("TopicOwner", "TopicName", "SubscriptionName", "MessageId"),
        identified_by("MessageId"),
        unwrap("Message"),
    ),
    Envelope("", _IN_BASE64, wrappers.is_in_base64, nameless, wrappers.open_data_base64),
    # CloudEvents, by type: messages of queues and topics (named by what is inside), announcements, all others.
    Envelope(
        "",
        _CLOUD_EVENT,
        of_type(*wrappers.MESSAGE_TYPES),
        wrappers.carried_message_id,
        unwrap("data"),
    ),
    Envelope("", _CLOUD_EVENT, of_type("fc:AsyncInvoke:"), nameless, unwrap("data"), replays=True),
    Envelope(
        "eventbridge/ecs",
        _CLOUD_EVENT,
        of_type("ecs:Instance:StateChange"),
        cloud_event_id,
        notices.ecs_event,
    ),
    Envelope(
        "eventbridge/ess-hook",
        _CLOUD_EVENT,
        of_type("ess:LifecycleHook:ScaleOut", "ess:LifecycleHook:ScaleIn"),
        cloud_event_id,
        notices.hook_event,
    ),
    Envelope("eventbridge/ess", _CLOUD_EVENT, of_type(*_CREATED), cloud_event_id, notices.scale_out_event),
    Envelope(
        "eventbridge/actiontrail",
        _CLOUD_EVENT,
        wrappers.is_action_trail,
        cloud_event_id,
        notices.action_trail_event,
    ),
    Envelope("eventbridge", _CLOUD_EVENT, wrappers.is_cloud_event, cloud_event_id, wrappers.open_cloud_event),
    # The same messages bare, as the push format RawData delivers them.
    Envelope(
        "smq-queue",
        _keys("requestId messageId messageBody"),
        texts("messageId"),
        identified_by("messageId"),
        unwrap("messageBody"),
    ),
    Envelope(
        "rocketmq",
        _keys("topic systemProperties userProperties body"),
        texts("topic"),
        wrappers.rocketmq_id,
        unwrap("body"),
    ),
    Envelope(
        "rabbitmq",
        _keys("envelope props body"),
        lambda value: isinstance(value["envelope"], dict) and isinstance(value["props"], dict),
        wrappers.rabbitmq_id,
        unwrap("body"),
    ),
    Envelope("kafka", _keys("topic partition offset value"), texts("topic"), wrappers.kafka_id, wrappers.open_kafka),
    # HTTP, and the record of an asynchronous invocation, whose own ids begin anew.
    Envelope("http-async", _HTTP, wrappers.is_http_async, wrappers.http_id, wrappers.open_http, passing=True),
    Envelope("http", _HTTP, wrappers.is_http, wrappers.http_id, wrappers.open_http, passing=True),
    Envelope(
        "api-gateway",
        _keys("path httpMethod headers queryParameters body isBase64Encoded"),
        wrappers.is_api_gateway,
        wrappers.gateway_id,
        wrappers.open_http,
        passing=True,
    ),
    Envelope(
        "fc-destination",
        _keys("requestContext requestPayload responseContext"),
        wrappers.is_destination,
        nameless,
        wrappers.open_destination,
        replays=True,
    ),
    # Announcements without a CloudEvent around them.
    Envelope(
        "cloudmonitor",
        _keys("id product name content"),
        lambda value: are_short_texts(value, "id", "product", "name") and isinstance(value["content"], dict),
        identified_by("id"),
        notices.cloudmonitor,
    ),
    Envelope(
        "cloudmonitor",
        notices.ALERT_KEYS,
        lambda value: are_short_texts(value, "severity", "strategyName") and isinstance(value["alert"], (dict, str)),
        notices.alert_id,
        notices.alert_event,
    ),
    Envelope(
        "ess-hook",
        _keys("userId regionId content"),
        lambda value: isinstance(value["content"], dict) and are_short_texts(value["content"], *_HOOK),
        lambda value: text_of(value, "content", "requestId"),
        notices.hook_message,
    ),
    Envelope(
        "actiontrail",
        _keys("eventId eventName eventTime serviceName acsRegion"),
        texts("eventId", "eventName", "serviceName"),
        identified_by("eventId"),
        notices.action_trail,
    ),
    Envelope(
        "timer",
        _keys("triggerTime triggerName payload"),
        texts("triggerTime", "triggerName"),
        nameless,
        wrappers.open_timer,
    ),
    Envelope(
        "schedule",
        _keys("Release RegionId Because"),
        lambda value: isinstance(value["Release"], dict) and are_short_texts(value, "RegionId", "Because"),
        nameless,
        wrappers.open_schedule,
    ),
    Envelope(
        "names",
        _keys("NamedBackend RegionId Because"),
        lambda value: (
            isinstance(value["NamedBackend"], dict)
            and isinstance(value["RegionId"], str)
            and are_short_texts(value, "Because")
        ),
        nameless,
        wrappers.open_naming,
    ),
    # Two keys only, so no third may stand beside them.
    Envelope(
        "mqtt",
        _keys("body props"),
        lambda value: only("body", "props")(value) and are_short_texts(value["props"], "firstTopic", "clientId"),
        nameless,
        unwrap("body"),
    ),
    Envelope("smq-topic", _keys("body attrs"), only("body", "attrs"), nameless, unwrap("body")),
)
"""All wrappers and announcements, in the order they are tried. What none of them recognises is read as our own request."""
