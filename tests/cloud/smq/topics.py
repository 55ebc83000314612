"""Topics, their subscriptions, and what a notification looks like in each NotifyContentFormat."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.cloud.smq.document import compose
from tests.cloud.smq.errors import refusal
from tests.cloud.smq.messages import MAXIMUM_MESSAGE_SIZE, Property, body_md5

if TYPE_CHECKING:
    from tests.cloud.core import World

TOPIC_ATTRIBUTES = {"MaximumMessageSize": (1024, MAXIMUM_MESSAGE_SIZE, MAXIMUM_MESSAGE_SIZE)}
TOPIC_RETENTION = 86400  # seconds, not settable (https://alibabacloud.com/help/en/mns/product-overview/limits)
SUBSCRIPTION_LIMIT = 100
TAG_LENGTH = 16
NOTIFY_STRATEGIES = ("BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY")
NOTIFY_CONTENT_FORMATS = ("XML", "JSON", "SIMPLIFIED")
_QUEUE_ENDPOINT = re.compile(r"acs:mns:([a-z0-9-]+):(\d+):queues/([A-Za-z0-9-]+)")


@dataclass(frozen=True)
class Publication:
    """A message published on a topic. ``publish_time`` is in milliseconds since the epoch."""

    topic_name: str
    message_id: str
    body: str
    tag: str
    publish_time: int
    user_properties: tuple[Property, ...] = ()
    system_properties: tuple[Property, ...] = ()

    @property
    def body_md5(self) -> str:
        return body_md5(self.body)


@dataclass(frozen=True)
class Subscription:
    """A queue that gets the messages of a topic; an empty ``filter_tag`` lets every message pass."""

    topic_name: str
    name: str
    endpoint: str
    queue_name: str
    notify_strategy: str = "BACKOFF_RETRY"
    notify_content_format: str = "XML"
    filter_tag: str = ""
    create_time: int = 0
    last_modify_time: int = 0

    def wants(self, tag: str) -> bool:
        return self.filter_tag in {"", tag}


Listener = Callable[[Publication], None]


@dataclass(eq=False)
class Topic:
    """A topic with its subscriptions.

    It keeps the times of its publications for a day, for MessageCount alone: there is no receive call
    on topics, only subscriptions see a message.
    """

    name: str
    create_time: int
    attributes: dict[str, int] = field(default_factory=lambda: {k: v[2] for k, v in TOPIC_ATTRIBUTES.items()})
    logging_enabled: bool = False
    last_modify_time: int = 0
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    listeners: list[tuple[str, Listener]] = field(default_factory=list)
    _published: deque[int] = field(default_factory=deque)

    def record(self, publish_time: int) -> None:
        self._published.append(publish_time)
        self.message_count(publish_time)

    def message_count(self, now: int) -> int:
        """Return how many messages are younger than a day (assumed meaning of MessageCount)."""
        while self._published and self._published[0] <= now - TOPIC_RETENTION * 1000:
            self._published.popleft()
        return len(self._published)


def queue_endpoint(world: World, queue_name: str) -> str:
    """Return the endpoint form that subscribes a queue."""
    return f"acs:mns:{world.region_id}:{world.account_id}:queues/{queue_name}"


def queue_of(world: World, endpoint: str) -> str:
    """Return the queue name of a subscription endpoint.

    Only queues of this account and region can be reached; HTTP, mail and SMS endpoints are not
    emulated and refused as such, so that no test waits for a push that never comes.
    """
    if endpoint.partition(":")[0] in {"http", "https", "mail", "sms"}:
        raise refusal("NotImplemented", f"The stand-in pushes to queues only, not to {endpoint.partition(':')[0]}.")
    found = _QUEUE_ENDPOINT.fullmatch(endpoint)
    if found is None or found.group(1, 2) != (world.region_id, world.account_id):
        raise refusal("InvalidEndpoint")
    return found.group(3)


def notification(publication: Publication, subscription: Subscription, owner: str) -> str:
    """Return the body that a subscribed queue receives.

    Source: https://alibabacloud.com/help/en/mns/notifycontentformat; PublishTime is a string in JSON
    and MessageTag is present only when the message has one. Subscriber is the topic's owner here.
    """
    if subscription.notify_content_format == "SIMPLIFIED":
        return publication.body
    content = {
        "TopicOwner": owner,
        "TopicName": publication.topic_name,
        "Subscriber": owner,
        "SubscriptionName": subscription.name,
        "MessageId": publication.message_id,
        "Message": publication.body,
        "MessageMD5": publication.body_md5,
        "PublishTime": str(publication.publish_time),
    }
    if publication.tag:
        content["MessageTag"] = publication.tag
    if subscription.notify_content_format == "JSON":
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return compose("Notification", content.items())
