"""The operations on topics and subscriptions: an :class:`Ask` in, an :class:`SmqAnswer` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cloud.smq import requests as read
from tests.cloud.smq.answers import SmqAnswer
from tests.cloud.smq.ask import NO_CONTENT, Ask, check_sent, created, page
from tests.cloud.smq.document import compose
from tests.cloud.smq.messages import body_md5
from tests.cloud.smq.topics import TOPIC_RETENTION

if TYPE_CHECKING:
    from tests.cloud.smq.document import Child


def create_topic(ask: Ask) -> SmqAnswer:
    """Make a topic; Location names it."""
    new = ask.broker.add_topic(ask.route.topic, read.topic_attributes(ask.body))
    return created(ask, f"topics/{ask.route.topic}", new=new)


def set_topic_attributes(ask: Ask) -> SmqAnswer:
    """Change the attributes that the body has."""
    ask.broker.set_topic_attributes(ask.route.topic, read.topic_attributes(ask.body))
    return NO_CONTENT


def get_topic_attributes(ask: Ask) -> SmqAnswer:
    """Answer the attributes and the count of the messages of a day."""
    topic = ask.broker.topic(ask.route.topic)
    children: list[Child] = [
        ("TopicName", topic.name),
        ("CreateTime", topic.create_time),
        ("LastModifyTime", topic.last_modify_time),
        ("MaximumMessageSize", topic.attributes["MaximumMessageSize"]),
        ("MessageRetentionPeriod", TOPIC_RETENTION),
        ("MessageCount", topic.message_count(int(ask.broker.world.clock.now() * 1000))),
        ("LoggingEnabled", topic.logging_enabled),
    ]
    return SmqAnswer(200, compose("Topic", children))


def list_topic(ask: Ask) -> SmqAnswer:
    """Answer a page of the topics' URLs."""
    return page(ask, "Topic", "topics", [topic.name for topic in ask.broker.topics()])


def delete_topic(ask: Ask) -> SmqAnswer:
    """Delete a topic with its subscriptions; that there is none is no error."""
    ask.broker.delete_topic(ask.route.topic)
    return NO_CONTENT


def publish_message(ask: Ask) -> SmqAnswer:
    """Hand one message to every subscription whose tag fits; answer its id and the MD5 of its body."""
    wanted = read.topic_message(ask.body)
    check_sent(ask, wanted.body)
    message_id = ask.broker.publish(ask.route.topic, wanted.body, wanted.tag, **wanted.properties)
    children: list[Child] = [("MessageId", message_id), ("MessageBodyMD5", body_md5(wanted.body))]
    return SmqAnswer(201, compose("Message", children))


def subscribe(ask: Ask) -> SmqAnswer:
    """Make a subscription; Location names it."""
    new = ask.broker.add_subscription(ask.route.topic, ask.route.subscription, read.subscription(ask.body))
    return created(ask, f"topics/{ask.route.topic}/subscriptions/{ask.route.subscription}", new=new)


def set_subscription_attributes(ask: Ask) -> SmqAnswer:
    """Change the attributes that the body has."""
    attributes = read.subscription(ask.body)
    ask.broker.set_subscription_attributes(ask.route.topic, ask.route.subscription, attributes)
    return NO_CONTENT


def get_subscription_attributes(ask: Ask) -> SmqAnswer:
    """Answer the endpoint, the form of notifications and the tag of a subscription."""
    entry = ask.broker.subscription(ask.route.topic, ask.route.subscription)
    children: list[Child] = [
        ("TopicOwner", ask.broker.world.account_id),
        ("TopicName", entry.topic_name),
        ("Subscriber", ask.broker.world.account_id),
        ("SubscriptionName", entry.name),
        ("Endpoint", entry.endpoint),
        ("NotifyStrategy", entry.notify_strategy),
        ("NotifyContentFormat", entry.notify_content_format),
        ("FilterTag", entry.filter_tag),
        ("CreateTime", entry.create_time),
        ("LastModifyTime", entry.last_modify_time),
    ]
    return SmqAnswer(200, compose("Subscription", children))


def list_subscription_by_topic(ask: Ask) -> SmqAnswer:
    """Answer a page of the subscriptions' URLs."""
    names = sorted(ask.broker.topic(ask.route.topic).subscriptions)
    return page(ask, "Subscription", f"topics/{ask.route.topic}/subscriptions", names)


def unsubscribe(ask: Ask) -> SmqAnswer:
    """End a subscription; that there is none is no error."""
    ask.broker.unsubscribe(ask.route.topic, ask.route.subscription)
    return NO_CONTENT
