"""Witness: the vendor's ``aliyun-mns-sdk`` drives the stand-in's SMQ over a socket, unchanged."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from mns.account import Account
from mns.auth import Credentials
from mns.message_property import MessagePropertyValue
from mns.mns_exception import MNSClientNetworkException, MNSServerException
from mns.queue import Message, QueueMeta
from mns.subscription import SubscriptionMeta
from mns.topic import Base64TopicMessage, TopicMessage, TopicMeta

from tests.cloud.core import Credential
from tests.cloud.smq.client import SeenWaiting
from tests.cloud.smq.topics import queue_endpoint
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from tests.cloud.fixtures import Served

    Connect: TypeAlias = Callable[..., Account]

pytestmark = [
    pytest.mark.enable_socket,
    # The SDK's own QueueMeta sets the attributes it deprecates.
    pytest.mark.filterwarnings("ignore:Call to deprecated .*_messages:DeprecationWarning"),
]


@pytest.fixture
def connect() -> Iterator[Callable[..., Account]]:
    """Makes SDK accounts for a stand-in and a key, and closes their connections at the end."""
    with ExitStack() as stack:

        def connected(cloud: Served, credential: Credential | None = None) -> Account:
            key = credential or cloud.credential
            account = Account(cloud.endpoint, key.access_key_id, key.access_key_secret, key.security_token)
            stack.callback(account.get_client().close_connection)
            return account

        yield connected


@pytest.fixture
def account(cloud: Served, connect: Connect) -> Account:
    """The SDK's account with the permanent key, on the running clock."""
    return connect(cloud)


@pytest.fixture
def queue(account: Account) -> Any:
    """The SDK's queue ``q``, created."""
    queue = account.get_queue("q")
    queue.create(QueueMeta())
    return queue


@pytest.fixture
def topic(account: Account) -> Any:
    """The SDK's topic ``t``, created."""
    topic = account.get_topic("t")
    topic.create(TopicMeta())
    return topic


def refused(code: str, call: Callable[..., Any], *args: Any) -> MNSServerException:
    """Call, and return the refusal, which has this code and a request id."""
    with pytest.raises(MNSServerException) as caught:
        call(*args)
    assert caught.value.type == code
    assert caught.value.request_id
    return caught.value


def test_send_receive_delete(queue: Any) -> None:
    """A message the SDK sends comes back from a long poll with the same text and can be deleted once."""
    sent = queue.send_message(Message('hello "中"\r\n<&>'))
    received = queue.receive_message(3)
    assert received.message_body.decode() == 'hello "中"\r\n<&>'
    assert (received.message_id, received.message_body_md5) == (sent.message_id, sent.message_body_md5)
    assert (received.dequeue_count, received.priority) == (1, 8)
    queue.delete_message(received.receipt_handle)
    refused("MessageNotExist", queue.delete_message, received.receipt_handle)


def test_plain_bodies(queue: Any) -> None:
    """With encoding off the body travels as it is, XML's special characters included."""
    queue.set_encoding(False)
    text = '{"a": "<b>&\\"c\\""}\n中\tend'
    sent = queue.send_message(Message(text))
    received = queue.receive_message()
    assert (received.message_body, received.message_body_md5) == (text, sent.message_body_md5)


def test_batches(queue: Any) -> None:
    """Batch send, peek, receive and delete agree on 16 messages."""
    sent = queue.batch_send_message([Message(str(number)) for number in range(16)])
    peeked = queue.batch_peek_message(16)
    received = queue.batch_receive_message(16, 1)
    assert [message.message_id for message in received] == [message.message_id for message in sent]
    assert [message.message_body for message in peeked] == [str(number).encode() for number in range(16)]
    queue.batch_delete_message([message.receipt_handle for message in received])
    refused("MessageNotExist", queue.batch_receive_message, 16)


def test_batch_errors_name_their_items(queue: Any) -> None:
    """The SDK decodes both partial failures: of a batch delete, and of a batch send."""
    queue.send_message(Message("a"))
    good = queue.receive_message().receipt_handle
    spent = "8-MS0xLTEtMQ=="
    with pytest.raises(MNSServerException) as caught:
        queue.batch_delete_message([good, spent])
    error = caught.value
    assert [item["ReceiptHandle"] for item in error.sub_errors] == [spent]
    queue.set_encoding(False)
    with pytest.raises(MNSServerException) as caught:
        queue.batch_send_message([Message("fine"), Message("a" * 65536)])
    assert caught.value.type == "InvalidArgument"


def test_priority_delay_and_peek(queue: Any) -> None:
    """Priority orders, DelaySeconds hides, peek takes nothing."""
    for body, delay, priority in (("late", 600, 1), ("second", -1, 9), ("first", -1, 1)):
        queue.send_message(Message(body, delay, priority))
    assert queue.peek_message().message_body == b"first"
    assert [message.message_body for message in queue.batch_receive_message(16)] == [b"first", b"second"]
    assert queue.get_attributes().delay_messages == 1


def test_properties(queue: Any) -> None:
    """User properties of every type survive the journey through the SDK's own decoder."""
    message = Message("hello")
    message.add_user_property("text", MessagePropertyValue.create_string("中"))
    message.add_user_property("bytes", MessagePropertyValue.create_binary(b"\x00\xff"))
    queue.send_message(message)
    received = queue.receive_message().get_user_properties()
    assert received["text"].get_raw_value() == "中"
    assert received["bytes"].get_raw_value() == b"\x00\xff"


def test_redelivery(still_cloud: Served, connect: Connect) -> None:
    """What is not deleted comes back after the visibility timeout, the spent handle does not delete it."""
    skewed_clock_is_ours(still_cloud)
    queue = connect(still_cloud).get_queue("q")
    queue.create(QueueMeta(10))
    queue.send_message(Message("hello"))
    first = queue.receive_message()
    refused("MessageNotExist", queue.receive_message, 0)
    still_cloud.world.clock.advance(10)
    refused("MessageNotExist", queue.delete_message, first.receipt_handle)
    assert queue.receive_message().dequeue_count == 2


@pytest.mark.parametrize(("retention", "kept"), [(301, True), (300, False)])
@pytest.mark.parametrize(
    ("of_queue", "of_message"), [(300, -1), (0, 300), (900, 300)], ids=["queue", "message", "both"]
)
def test_a_delayed_message(
    still_cloud: Served, connect: Connect, of_queue: int, of_message: int, retention: int, kept: bool
) -> None:
    """DelaySeconds hides a message, its own before the queue's; one delayed as long as messages are kept is lost."""
    skewed_clock_is_ours(still_cloud)
    queue = connect(still_cloud).get_queue("q")
    queue.create(QueueMeta(delay_sec=of_queue, msg_ttl=retention))
    told = queue.get_attributes()
    assert (told.delay_seconds, told.message_retention_period) == (of_queue, retention)
    queue.send_message(Message("later", of_message))
    still_cloud.world.clock.advance(299)
    refused("MessageNotExist", queue.receive_message, 0)
    still_cloud.world.clock.advance(1)
    if kept:
        assert queue.receive_message(0).message_body == b"later"
    else:
        refused("MessageNotExist", queue.receive_message, 0)


def test_change_visibility(still_cloud: Served, connect: Connect) -> None:
    """A longer visibility timeout gives a new handle, and the old one is spent."""
    skewed_clock_is_ours(still_cloud)
    queue = connect(still_cloud).get_queue("q")
    queue.create(QueueMeta(10))
    queue.send_message(Message("hello"))
    first = queue.receive_message()
    changed = queue.change_message_visibility(first.receipt_handle, 100)
    assert int(changed.next_visible_time) == first.next_visible_time + 90_000
    refused("MessageNotExist", queue.change_message_visibility, first.receipt_handle, 100)
    queue.delete_message(changed.receipt_handle)


def skewed_clock_is_ours(cloud: Served) -> None:
    """Set the still clock to the SDK's time, which nobody can inject."""
    cloud.world.clock.advance(time.time() - cloud.world.clock.now())


def test_long_poll_gets_a_later_message(cloud: Served, queue: Any) -> None:
    """A message sent while the SDK polls ends the poll."""
    clock = cloud.world.clock = SeenWaiting()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(queue.receive_message, 30)
        assert clock.waiting.wait(PATIENCE)
        cloud.products["SMQ"].send("q", base64.b64encode(b"late").decode())
        assert future.result(PATIENCE).message_body == b"late"


@pytest.mark.parametrize("content_format", ["XML", "JSON", "SIMPLIFIED"])
@pytest.mark.parametrize("kind", [TopicMessage, Base64TopicMessage])
def test_publish_to_a_subscribed_queue(
    cloud: Served, account: Account, queue: Any, topic: Any, content_format: str, kind: Any
) -> None:
    """What the SDK publishes, plain or Base64, arrives in a subscribed queue in the format asked for."""
    endpoint = queue_endpoint(cloud.world, "q")
    subscription = account.get_subscription("t", "s")
    url = subscription.subscribe(SubscriptionMeta(endpoint, "", content_format))
    message = kind("hello 中", "tag")
    published = topic.publish_message(message)
    assert url.endswith("/topics/t/subscriptions/s")
    queue.set_encoding(False)
    body = queue.receive_message(3).message_body
    wire = message.message_body
    assert {
        "XML": f"<Message>{wire}</Message>" in body,
        "JSON": content_format != "JSON" or json.loads(body)["MessageId"] == published.message_id,
        "SIMPLIFIED": body == wire,
    }[content_format]


def test_filter_tag(cloud: Served, account: Account, queue: Any, topic: Any) -> None:
    """A FilterTag lets only its own tag through."""
    meta = SubscriptionMeta(queue_endpoint(cloud.world, "q"), "", "SIMPLIFIED", "red")
    account.get_subscription("t", "s").subscribe(meta)
    topic.publish_message(Base64TopicMessage("blue", "blue"))
    topic.publish_message(Base64TopicMessage("red", "red"))
    assert [message.message_body for message in queue.batch_receive_message(16)] == [b"red"]


def test_a_plain_body_breaks_the_sdks_default_receive(cloud: Served, account: Account, queue: Any, topic: Any) -> None:
    """A plain JSON body pushed SIMPLIFIED breaks the SDK's default receive, which decodes Base64."""
    meta = SubscriptionMeta(queue_endpoint(cloud.world, "q"), "", "SIMPLIFIED")
    account.get_subscription("t", "s").subscribe(meta)
    topic.publish_message(TopicMessage('{"a": 1}'))
    with pytest.raises(ValueError, match="padding"):
        queue.receive_message()


def test_management(cloud: Served, account: Account, queue: Any, topic: Any) -> None:
    """Attributes, lists and deletions work through the SDK."""
    queue.set_attributes(QueueMeta(vis_timeout=77))
    topic.set_attributes(TopicMeta(2048))
    subscription = account.get_subscription("t", "s")
    subscription.subscribe(SubscriptionMeta(queue_endpoint(cloud.world, "q")))
    subscription.set_attributes(SubscriptionMeta(notify_strategy="EXPONENTIAL_DECAY_RETRY"))
    assert queue.get_attributes().visibility_timeout == 77
    assert topic.get_attributes().maximum_message_size == 2048
    assert subscription.get_attributes().notify_strategy == "EXPONENTIAL_DECAY_RETRY"
    assert account.list_queue()[0] == [f"{cloud.endpoint}/queues/q"]
    assert account.list_topic()[0] == [f"{cloud.endpoint}/topics/t"]
    assert topic.list_subscription()[0] == [f"{cloud.endpoint}/topics/t/subscriptions/s"]
    subscription.unsubscribe()
    topic.delete()
    queue.delete()
    assert cloud.products["SMQ"].state() == {"queues": {}, "topics": {}, "discarded": 0}


def test_creating_again(account: Account, queue: Any, topic: Any) -> None:
    """Creating the same again succeeds, with other attributes it is refused."""
    assert queue.create(QueueMeta()).endswith("/queues/q")
    refused("QueueAlreadyExist", queue.create, QueueMeta(vis_timeout=5))
    refused("TopicAlreadyExist", topic.create, TopicMeta(1024))
    assert account.get_topic("t").create(TopicMeta()).endswith("/topics/t")


@pytest.mark.parametrize(
    ("act", "code"),
    [
        pytest.param(
            lambda a: a.get_queue("missing").send_message(Message("a")), "QueueNotExist", id="send to no queue"
        ),
        pytest.param(lambda a: a.get_queue("missing").receive_message(), "QueueNotExist", id="receive from no queue"),
        pytest.param(lambda a: a.get_queue("missing").get_attributes(), "QueueNotExist", id="no queue"),
        pytest.param(
            lambda a: a.get_topic("missing").publish_message(TopicMessage("a")), "TopicNotExist", id="no topic"
        ),
        pytest.param(
            lambda a: a.get_subscription("t", "s").get_attributes(), "SubscriberNotExist", id="no subscription"
        ),
        pytest.param(lambda a: a.get_queue("q").receive_message(), "MessageNotExist", id="empty queue"),
        pytest.param(lambda a: a.get_queue("q").peek_message(), "MessageNotExist", id="peek into empty queue"),
        pytest.param(lambda a: a.get_queue("q").receive_message(31), "InvalidArgument", id="long wait"),
        pytest.param(lambda a: a.get_queue("q").batch_receive_message(17), "InvalidArgument", id="large batch"),
        pytest.param(lambda a: a.get_queue("q").delete_message("!"), "ReceiptHandleError", id="bad handle"),
        pytest.param(lambda a: a.get_queue("q").send_message(Message("a" * 65536)), "InvalidArgument", id="over 64 KB"),
        pytest.param(lambda a: a.get_queue("q").send_message(Message("a", -1, 17)), "InvalidArgument", id="priority"),
        pytest.param(
            lambda a: a.get_topic("t").publish_message(TopicMessage("a" * 65537)),
            "InvalidArgument",
            id="long publication",
        ),
        pytest.param(
            lambda a: a.get_topic("t").publish_message(TopicMessage("\x01")), "MalformedXML", id="control character"
        ),
        pytest.param(lambda a: a.get_queue("a" * 121).create(QueueMeta()), "QueueNameLengthError", id="long name"),
        pytest.param(lambda a: a.get_topic("a_b").create(TopicMeta()), "InvalidTopicName", id="topic name"),
        pytest.param(lambda a: a.get_attributes(), "NotImplemented", id="account attributes"),
    ],
)
@pytest.mark.usefixtures("queue", "topic")
def test_errors(account: Account, act: Callable[[Account], Any], code: str) -> None:
    """Every refusal the SDK can meet arrives as its server exception with code and request id."""
    refused(code, act, account)


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        pytest.param(Credential("test-unknown", "x"), "InvalidAccessKeyId", id="unknown key"),
        pytest.param(Credential("test-access-key-id", "x"), "SignatureDoesNotMatch", id="wrong secret"),
        pytest.param(Credential("test-sts-key-id", "test-sts-key-secret"), "InvalidSecurityToken", id="no token"),
        pytest.param(
            Credential("test-sts-key-id", "test-sts-key-secret", security_token="x"),
            "InvalidSecurityToken",
            id="other token",
        ),
    ],
)
def test_wrong_credentials(cloud: Served, connect: Connect, credential: Credential, code: str) -> None:
    """Wrong credentials are refused each with their own code."""
    refused(code, connect(cloud, credential).list_queue)


class Rotating:
    """Hands out what the stand-in calls its temporary key."""

    def __init__(self, credential: Credential) -> None:
        self.key = credential

    def get_credentials(self) -> Credentials:
        return Credentials(self.key.access_key_id, self.key.access_key_secret, self.key.security_token)


def test_temporary_credentials(cloud: Served) -> None:
    """A temporary key works through the SDK's provider as long as it lasts."""
    account = Account(cloud.endpoint, credentials_provider=Rotating(cloud.temporary))
    with closing(account.get_client().http.conn):
        assert account.list_topic() == ([], "")


def test_expired_credentials(cloud: Served, connect: Connect) -> None:
    """A token that has ended is refused (code assumed)."""
    ended = Credential("test-ended", "test-s", security_token="test-security-token-1", expires_at=1.0)
    cloud.world.add_credential(ended)
    refused("SecurityTokenExpired", connect(cloud, ended).list_queue)


@pytest.mark.parametrize("skew", [-1000, 1000])
def test_wrong_clock(cloud: Served, account: Account, skew: float) -> None:
    """A server clock more than 15 minutes from the client's refuses the request."""
    cloud.world.clock.skew = skew
    refused("TimeExpired", account.list_queue)


def test_missing_right(cloud: Served, connect: Connect, topic: Any) -> None:
    """A key without mns:PublishMessage is refused with the printed text."""
    denied = Credential("test-denied", "test-s", denied=frozenset({"mns:PublishMessage"}))
    cloud.world.add_credential(denied)
    error = refused(
        "AccessDenied", connect(cloud, denied).get_topic(topic.topic_name).publish_message, TopicMessage("a")
    )
    assert error.message == "The OwnerId that your Access Key Id associated to is forbidden for this operation."


def test_connections_are_kept(cloud: Served, queue: Any, account: Account) -> None:
    """The SDK's requests share one kept connection."""
    queue.send_message(Message("a"))
    before = account.get_client().http.conn.sock
    queue.send_message(Message("b"))
    assert account.get_client().http.conn.sock is before
    assert len(cloud.world.journal("SMQ.SendMessage")) == 2


def test_a_lost_answer_makes_a_second_message(cloud: Served, queue: Any) -> None:
    """The SDK silently sends again when the connection is cut, so a lost answer becomes two messages."""
    cloud.faults.add(operation="SMQ.SendMessage", nth=1, cut="after")
    sent = queue.send_message(Message("a"))
    received = queue.batch_receive_message(16)
    assert [message.message_body for message in received] == [b"a", b"a"]
    assert received[0].message_id != received[1].message_id == sent.message_id


@pytest.mark.parametrize(
    ("fault", "error", "kind", "messages"),
    [
        pytest.param(
            {"status": 429, "code": "TooManyRequests"}, MNSServerException, "TooManyRequests", 0, id="throttled"
        ),
        pytest.param({"status": 500, "code": "InternalError"}, MNSServerException, "InternalError", 0, id="internal"),
        pytest.param(
            {"status": 500, "code": "InternalError", "when": "after"},
            MNSServerException,
            "InternalError",
            1,
            id="internal, after the effect",
        ),
        pytest.param(
            {"body": "html", "status": 502},
            MNSClientNetworkException,
            "RespDataDamaged",
            1,
            id="HTML from a proxy",
        ),
        pytest.param({"body": "truncated"}, MNSClientNetworkException, "NetWorkException", 1, id="truncated XML"),
        pytest.param({"skew": 3600}, MNSServerException, "TimeExpired", 0, id="clock skew"),
        pytest.param({"cut": "before", "times": 2}, MNSClientNetworkException, "NetWorkException", 0, id="cut twice"),
    ],
)
def test_faults(cloud: Served, queue: Any, fault: dict[str, Any], error: Any, kind: str, messages: int) -> None:
    """Every injected fault reaches the SDK as the exception it has for it, with or without the effect."""
    cloud.faults.add(operation="SMQ.SendMessage", **({} if "times" in fault else {"nth": 1}), **fault)
    with pytest.raises(error) as caught:
        queue.send_message(Message("a"))
    assert caught.value.type == kind
    assert sum(cloud.products["SMQ"].state()["queues"]["q"].values()) == messages


def test_a_token_that_ends_now(cloud: Served, connect: Connect) -> None:
    """The expired-token fault refuses a temporary key once, and not the permanent one."""
    cloud.faults.add(operation="SMQ.ListQueue", nth=1, expired_token=True)
    account = connect(cloud, cloud.temporary)
    refused("SecurityTokenExpired", account.list_queue)
    assert account.list_queue() == ([], "")
