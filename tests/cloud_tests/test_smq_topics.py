"""Topics of the stand-in's SMQ from Python: notification formats, filter tags, listeners."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import fromstring

import pytest

from tests.cloud.core import ACCOUNT_ID, ManualClock, ServiceError, World
from tests.cloud.smq import Property, Publication, Smq
from tests.cloud.smq.topics import queue_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def smq() -> Smq:
    """An SMQ on a still clock with the topic ``t`` and the queue ``q``."""
    smq = Smq(World(clock=ManualClock()))
    smq.create_topic("t")
    smq.create_queue("q")
    return smq


def refused(code: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> ServiceError:
    """Call, and return the refusal, which has this code."""
    with pytest.raises(ServiceError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code
    return caught.value


def expected_notification(message_id: str, body: str, tag: str, publish_time: str) -> dict[str, str]:
    """The documented fields (https://alibabacloud.com/help/en/mns/notifycontentformat)."""
    fields = {
        "TopicOwner": ACCOUNT_ID,
        "TopicName": "t",
        "Subscriber": ACCOUNT_ID,
        "SubscriptionName": "s",
        "MessageId": message_id,
        "Message": body,
        "MessageMD5": hashlib.md5(body.encode()).hexdigest().upper(),
        "PublishTime": publish_time,
    }
    return {**fields, "MessageTag": tag} if tag else fields


BODIES = pytest.mark.parametrize(
    "body",
    [
        pytest.param("hello 中", id="text"),
        pytest.param('{"a":"<b>&\\"c"}', id="JSON"),
        pytest.param("a\r\nb\tc", id="line ends"),
        pytest.param("aGVsbG8=", id="Base64"),
    ],
)


@BODIES
@pytest.mark.parametrize("tag", ["", "important"])
def test_json_notification(smq: Smq, body: str, tag: str) -> None:
    """JSON delivers the documented keys, MessageTag only if there is one, PublishTime as a string."""
    smq.subscribe("t", "s", queue="q", format="JSON")
    message_id = smq.publish("t", body, tag)
    (message,) = smq.receive("q")
    now = str(int(smq.world.clock.now() * 1000))
    assert json.loads(message.body) == expected_notification(message_id, body, tag, now)


@BODIES
@pytest.mark.parametrize("tag", ["", "important"])
def test_xml_notification(smq: Smq, body: str, tag: str) -> None:
    """XML, the default, delivers the same fields in a Notification in SMQ's namespace."""
    smq.subscribe("t", "s", queue="q")
    message_id = smq.publish("t", body, tag)
    root = fromstring(smq.receive("q")[0].body)
    namespace = "{http://mns.aliyuncs.com/doc/v1/}"
    assert root.tag == namespace + "Notification"
    now = str(int(smq.world.clock.now() * 1000))
    fields = {child.tag.removeprefix(namespace): child.text for child in root}
    assert fields == expected_notification(message_id, body, tag, now)


@BODIES
def test_simplified_notification(smq: Smq, body: str) -> None:
    """SIMPLIFIED delivers the body as it was published, and the user's properties beside it."""
    smq.subscribe("t", "s", queue="q", format="SIMPLIFIED")
    smq.publish("t", body, user_properties=(Property("a", "1", "NUMBER"),))
    (message,) = smq.receive("q")
    assert (message.body, message.user_properties) == (body, (Property("a", "1", "NUMBER"),))


@pytest.mark.parametrize(
    ("filter_tag", "tag", "arrives"),
    [
        pytest.param("", "", True, id="no filter, no tag"),
        pytest.param("", "red", True, id="no filter"),
        pytest.param("red", "red", True, id="same tag"),
        pytest.param("red", "blue", False, id="other tag"),
        pytest.param("red", "", False, id="no tag"),
    ],
)
def test_filter_tag(smq: Smq, filter_tag: str, tag: str, *, arrives: bool) -> None:
    """A subscription with a FilterTag gets messages of that tag only, and so does a listener."""
    heard: list[Publication] = []
    smq.subscribe("t", "s", queue="q", filter_tag=filter_tag)
    smq.topic_listeners("t", heard.append, tag=filter_tag)
    smq.publish("t", "hello", tag)
    assert (bool(smq.receive("q")), bool(heard)) == (arrives, arrives)


def test_every_subscription_gets_its_own_message(smq: Smq) -> None:
    """Two subscriptions get two queue messages with ids of their own."""
    smq.create_queue("r")
    smq.subscribe("t", "s", queue="q", format="SIMPLIFIED")
    smq.subscribe("t", "s2", queue="r", format="SIMPLIFIED")
    published = smq.publish("t", "hello")
    ids = {smq.receive(name)[0].message_id for name in ("q", "r")}
    assert len(ids | {published}) == 3


def test_listeners(smq: Smq) -> None:
    """A listener gets the publication until it is stopped, and may use the broker itself."""
    heard: list[Publication] = []

    def listen(publication: Publication) -> None:
        heard.append(publication)
        smq.send("q", "from the listener")

    stop = smq.topic_listeners("t", listen)
    message_id = smq.publish("t", "hello", "tag")
    stop()
    smq.publish("t", "again")
    assert [(p.message_id, p.body, p.tag, p.topic_name) for p in heard] == [(message_id, "hello", "tag", "t")]
    assert [message.body for message in smq.receive("q", 16)] == ["from the listener"]


def test_a_missing_queue_discards(smq: Smq) -> None:
    """A notification for a queue that does not exist is dropped and counted; the publish succeeds."""
    smq.subscribe("t", "s", queue="missing")
    assert smq.publish("t", "hello")
    assert smq.state()["discarded"] == 1


def test_message_count_forgets_after_a_day(smq: Smq) -> None:
    """MessageCount covers the topic's retention of one day."""
    smq.publish("t", "one")
    smq.world.clock.advance(86399)
    smq.publish("t", "two")
    now = int(smq.world.clock.now() * 1000)
    assert [smq.topic("t").message_count(now + after) for after in (0, 1000, 86400_000)] == [2, 1, 0]


def test_creating_twice(smq: Smq) -> None:
    """The same topic or subscription twice is one; with other attributes it is refused with 409."""
    assert smq.create_topic("t") is smq.topic("t")
    assert refused("TopicAlreadyExist", smq.create_topic, "t", MaximumMessageSize=1024).status == 409
    first = smq.subscribe("t", "s", queue="q")
    smq.world.clock.advance(5)
    assert smq.subscribe("t", "s", queue="q") is first
    assert refused("SubscriptionAlreadyExist", smq.subscribe, "t", "s", queue="q", format="JSON").status == 409


@pytest.mark.parametrize(
    ("call", "code", "status"),
    [
        pytest.param(lambda smq: smq.publish("missing", "a"), "TopicNotExist", 404, id="publish on no topic"),
        pytest.param(lambda smq: smq.publish("t", ""), "InvalidArgument", 400, id="empty body"),
        pytest.param(lambda smq: smq.publish("t", "a" * 65537), "InvalidArgument", 400, id="over 64 KB"),
        pytest.param(lambda smq: smq.publish("t", "a", "x" * 17), "InvalidArgument", 400, id="long tag"),
        pytest.param(lambda smq: smq.create_topic("a" * 121), "TopicNameLengthError", 400, id="long name"),
        pytest.param(lambda smq: smq.create_topic("a.b"), "InvalidTopicName", 400, id="dotted name"),
        pytest.param(lambda smq: smq.create_topic("u", Size=1), "InvalidArgument", 400, id="unknown attribute"),
        pytest.param(
            lambda smq: smq.create_topic("u", MaximumMessageSize=1023), "InvalidArgument", 400, id="size too small"
        ),
        pytest.param(lambda smq: smq.subscribe("missing", "s", queue="q"), "TopicNotExist", 404, id="no topic"),
        pytest.param(lambda smq: smq.subscribe("t", "s/", queue="q"), "InvalidSubscriptionName", 400, id="bad name"),
        pytest.param(
            lambda smq: smq.subscribe("t", "s", queue="q", format="STREAM"), "InvalidArgument", 400, id="format"
        ),
        pytest.param(
            lambda smq: smq.subscribe("t", "s", queue="q", strategy="NONE"), "InvalidArgument", 400, id="strategy"
        ),
        pytest.param(
            lambda smq: smq.subscribe("t", "s", queue="q", filter_tag="x" * 17),
            "InvalidArgument",
            400,
            id="long filter",
        ),
        pytest.param(lambda smq: smq.subscription("t", "missing"), "SubscriberNotExist", 404, id="no subscription"),
        pytest.param(lambda smq: smq.topic_listeners("missing", print), "TopicNotExist", 404, id="listen to no topic"),
    ],
)
def test_refusals(smq: Smq, call: Callable[[Smq], object], code: str, status: int) -> None:
    """What a topic or subscription cannot be is refused with the vendor's code."""
    assert refused(code, call, smq).status == status


@pytest.mark.parametrize(
    ("endpoint", "code", "status"),
    [
        pytest.param("acs:mns:cn-beijing:1234567890123456:queues/q", "InvalidEndpoint", 400, id="other region"),
        pytest.param("acs:mns:cn-hangzhou:1:queues/q", "InvalidEndpoint", 400, id="other account"),
        pytest.param("q", "InvalidEndpoint", 400, id="no endpoint"),
        pytest.param("http://127.0.0.1:1/", "NotImplemented", 501, id="HTTP"),
        pytest.param("mail:directmail:a@example.com", "NotImplemented", 501, id="mail"),
    ],
)
def test_endpoints(smq: Smq, endpoint: str, code: str, status: int) -> None:
    """Only queues of this account and region can subscribe; what is not emulated says so."""
    assert refused(code, smq.add_subscription, "t", "s", {"Endpoint": endpoint}).status == status


def test_hundred_subscriptions(smq: Smq) -> None:
    """A topic has at most 100 subscriptions."""
    for number in range(100):
        smq.subscribe("t", f"s{number}", queue="q")
    refused("InvalidArgument", smq.subscribe, "t", "s100", queue="q")


def test_only_the_strategy_can_change(smq: Smq) -> None:
    """SetSubscriptionAttributes changes NotifyStrategy and refuses the rest."""
    smq.subscribe("t", "s", queue="q")
    smq.world.clock.advance(7)
    smq.set_subscription_attributes("t", "s", {"NotifyStrategy": "EXPONENTIAL_DECAY_RETRY"})
    changed = smq.subscription("t", "s")
    assert changed.notify_strategy == "EXPONENTIAL_DECAY_RETRY"
    assert changed.last_modify_time == changed.create_time + 7
    refused("InvalidArgument", smq.set_subscription_attributes, "t", "s", {"Endpoint": queue_endpoint(smq.world, "q")})


def test_ends(smq: Smq) -> None:
    """After Unsubscribe nothing arrives; a deleted topic and its subscriptions are gone."""
    smq.subscribe("t", "s", queue="q")
    smq.unsubscribe("t", "s")
    smq.publish("t", "hello")
    assert smq.receive("q") == []
    smq.delete_topic("t")
    refused("TopicNotExist", smq.publish, "t", "hello")
    assert smq.state()["topics"] == {}
