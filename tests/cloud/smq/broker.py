"""The account's topics and subscriptions, on top of its queues, for use from Python."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.cloud.smq.errors import refusal
from tests.cloud.smq.messages import Property, check_body
from tests.cloud.smq.queue_broker import QueueBroker, check_name, check_range
from tests.cloud.smq.topics import (
    NOTIFY_CONTENT_FORMATS,
    NOTIFY_STRATEGIES,
    SUBSCRIPTION_LIMIT,
    TAG_LENGTH,
    TOPIC_ATTRIBUTES,
    Listener,
    Publication,
    Subscription,
    Topic,
    notification,
    queue_endpoint,
    queue_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cloud.core import World


def check_tag(name: str, tag: str) -> str:
    """Return a tag of at most 16 characters."""
    if len(tag) > TAG_LENGTH:
        raise refusal("InvalidArgument", f"{name} has at most {TAG_LENGTH} characters.")
    return tag


def one_of(name: str, attributes: Mapping[str, str], choices: tuple[str, ...], default: str) -> str:
    """Return the attribute's value, ``default`` if it is absent; it must be one of ``choices``."""
    value = attributes.get(name, default)
    if value not in choices:
        raise refusal("InvalidArgument", f"{name} is {' or '.join(choices)}, not {value!r}.")
    return value


class Broker(QueueBroker):
    """Queues, topics and subscriptions of one account in one region."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._topics: dict[str, Topic] = {}
        self.discarded = 0  # notifications for queues that do not exist

    def topic(self, name: str) -> Topic:
        """Return the topic or raise ``TopicNotExist``."""
        with self._lock:
            if name not in self._topics:
                raise refusal("TopicNotExist")
            return self._topics[name]

    def topics(self) -> list[Topic]:
        """Return all topics by name."""
        with self._lock:
            return [self._topics[name] for name in sorted(self._topics)]

    def create_topic(self, name: str, **attributes: Any) -> Topic:
        """Create a topic and return it; see :meth:`add_topic`."""
        self.add_topic(name, attributes)
        return self.topic(name)

    def add_topic(self, name: str, attributes: Mapping[str, Any]) -> bool:
        """Create a topic (``MaximumMessageSize``, ``LoggingEnabled``); return False if it was there.

        Other attributes than before are ``TopicAlreadyExist``, 409
        (https://help.aliyun.com/document_detail/27495.htm).
        """
        check_name("Topic", name)
        with self._lock:
            now = int(self.world.clock.now())
            topic = Topic(name, create_time=now, last_modify_time=now)
            self._apply_topic(topic, attributes)
            known = self._topics.setdefault(name, topic)
            if (known.attributes, known.logging_enabled) != (topic.attributes, topic.logging_enabled):
                raise refusal("TopicAlreadyExist")
            return known is topic

    def set_topic_attributes(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Change the named attributes of a topic."""
        with self._lock:
            topic = self.topic(name)
            self._apply_topic(topic, attributes)
            topic.last_modify_time = int(self.world.clock.now())

    def _apply_topic(self, topic: Topic, attributes: Mapping[str, Any]) -> None:
        for key, value in attributes.items():
            if key == "LoggingEnabled":
                continue
            if key not in TOPIC_ATTRIBUTES:
                raise refusal("InvalidArgument", f"{key} is not an attribute of a topic.")
            topic.attributes[key] = check_range(key, value, TOPIC_ATTRIBUTES[key])
        topic.logging_enabled = attributes.get("LoggingEnabled", topic.logging_enabled)

    def delete_topic(self, name: str) -> None:
        """Delete a topic with its subscriptions; a missing one is not an error (assumed, as for queues)."""
        with self._lock:
            self._topics.pop(name, None)

    def topic_listeners(self, topic_name: str, callback: Listener, *, tag: str = "") -> Callable[[], None]:
        """Call ``callback(publication)`` for each message published; returns what ends that.

        This is how a Function Compute topic trigger subscribes; ``tag`` filters as FilterTag does.
        The callback runs in the publisher's thread and must not block.
        """
        with self._lock:
            entry = (tag, callback)
            listeners = self.topic(topic_name).listeners
            listeners.append(entry)

        def stop() -> None:
            with self._lock:
                listeners.remove(entry)

        return stop

    def publish(self, topic_name: str, body: str, tag: str = "", **properties: tuple[Property, ...]) -> str:
        """Publish a message and return its id; subscribed queues have it before this returns.

        A notification for a queue that does not exist is counted in ``discarded``: the real service
        retries it by NotifyStrategy first.
        """
        with self._lock:
            topic = self.topic(topic_name)
            check_body(body, topic.attributes["MaximumMessageSize"])
            check_tag("MessageTag", tag)
            publication = Publication(
                topic_name, self.world.ids.hex(32).upper(), body, tag, int(self.world.clock.now() * 1000), **properties
            )
            topic.record(publication.publish_time)
            reached = [
                s.queue_name for s in topic.subscriptions.values() if s.wants(tag) and self._notify(publication, s)
            ]
            listeners = [callback for filter_tag, callback in topic.listeners if filter_tag in {"", tag}]
        self._call_back(reached)
        for listener in listeners:
            listener(publication)
        return publication.message_id

    def _notify(self, publication: Publication, subscription: Subscription) -> bool:
        queue = self._queues.get(subscription.queue_name)
        if queue is None:
            self.discarded += 1
            return False
        queue.put(
            notification(publication, subscription, self.world.account_id),
            user_properties=publication.user_properties,
            system_properties=publication.system_properties,
        )
        return True

    def subscribe(
        self,
        topic: str,
        name: str,
        *,
        queue: str,
        format: str = "XML",  # noqa: A002 - the name the stand-in's parts agreed on
        strategy: str = "BACKOFF_RETRY",
        filter_tag: str = "",
    ) -> Subscription:
        """Subscribe a queue to a topic and return the subscription; see :meth:`add_subscription`."""
        attributes = {
            "Endpoint": queue_endpoint(self.world, queue),
            "NotifyContentFormat": format,
            "NotifyStrategy": strategy,
            "FilterTag": filter_tag,
        }
        self.add_subscription(topic, name, attributes)
        return self.subscription(topic, name)

    def add_subscription(self, topic_name: str, name: str, attributes: Mapping[str, str]) -> bool:
        """Subscribe an endpoint, attributes in the vendor's names; return False if the same subscription was there.

        Another subscription of that name is ``SubscriptionAlreadyExist`` (assumed, as topics do).
        """
        check_name("Subscription", name)
        endpoint, now = attributes.get("Endpoint", ""), int(self.world.clock.now())
        new = Subscription(
            topic_name=topic_name,
            name=name,
            endpoint=endpoint,
            queue_name=queue_of(self.world, endpoint),
            notify_strategy=one_of("NotifyStrategy", attributes, NOTIFY_STRATEGIES, "BACKOFF_RETRY"),
            notify_content_format=one_of("NotifyContentFormat", attributes, NOTIFY_CONTENT_FORMATS, "XML"),
            filter_tag=check_tag("FilterTag", attributes.get("FilterTag", "")),
            create_time=now,
            last_modify_time=now,
        )
        with self._lock:
            subscriptions = self.topic(topic_name).subscriptions
            known = subscriptions.get(name)
            if known is None:
                check_range("the number of subscriptions", len(subscriptions) + 1, (0, SUBSCRIPTION_LIMIT))
                subscriptions[name] = new
            elif replace(known, create_time=now, last_modify_time=now) != new:
                raise refusal("SubscriptionAlreadyExist")
            return known is None

    def subscription(self, topic_name: str, name: str) -> Subscription:
        """Return the subscription or raise ``SubscriberNotExist``."""
        with self._lock:
            subscriptions = self.topic(topic_name).subscriptions
            if name not in subscriptions:
                raise refusal("SubscriberNotExist")
            return subscriptions[name]

    def set_subscription_attributes(self, topic_name: str, name: str, attributes: Mapping[str, str]) -> None:
        """Change NotifyStrategy, the only attribute that can be changed (``aliyun-mns-sdk`` sends no other)."""
        if unknown := set(attributes) - {"NotifyStrategy"}:
            raise refusal("InvalidArgument", f"{', '.join(sorted(unknown))} cannot be changed.")
        with self._lock:
            known = self.subscription(topic_name, name)
            strategy = one_of("NotifyStrategy", attributes, NOTIFY_STRATEGIES, known.notify_strategy)
            changed = replace(known, notify_strategy=strategy, last_modify_time=int(self.world.clock.now()))
            self.topic(topic_name).subscriptions[name] = changed

    def unsubscribe(self, topic_name: str, name: str) -> None:
        """End a subscription; a missing one is not an error (assumed, as for queues)."""
        with self._lock:
            self.topic(topic_name).subscriptions.pop(name, None)
