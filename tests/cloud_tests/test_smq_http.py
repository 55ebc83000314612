"""SMQ's HTTP face: statuses, headers, XML, refusals, rights and switches, driven by a raw client."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cloud.app import Cloud
from tests.cloud.core import Credential, ManualClock, World
from tests.cloud.smq import Smq
from tests.cloud.smq.client import SmqClient, xml

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = Credential("test-access-key-id", "test-access-key-secret")
QUEUE, MESSAGES = "/queues/q", "/queues/q/messages"


@pytest.fixture
def world() -> World:
    """A world on a still clock that knows one key."""
    world = World(clock=ManualClock())
    world.add_credential(KEY)
    return world


@pytest.fixture
def cloud(world: World) -> Cloud:
    """An SMQ alone, with the queue ``q`` and the topic ``t``."""
    smq = Smq(world)
    smq.create_queue("q")
    smq.create_topic("t")
    return Cloud(world, [smq])


@pytest.fixture
def client(cloud: Cloud, world: World) -> SmqClient:
    """A raw client with the known key."""
    return SmqClient(cloud, KEY, world.clock)


def message(body: str = "aGVsbG8=", more: str = "") -> str:
    """Return the body of a SendMessage with ``more`` elements."""
    return xml("Message", f"<MessageBody>{body}</MessageBody>{more}")


SUBSCRIPTION = xml("Subscription", "<Endpoint>acs:mns:cn-hangzhou:1234567890123456:queues/q</Endpoint>")


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "location"),
    [
        pytest.param("PUT", "/queues/n", xml("Queue"), 201, "/queues/n", id="CreateQueue"),
        pytest.param("PUT", QUEUE, xml("Queue"), 204, QUEUE, id="CreateQueue again"),
        pytest.param("PUT", QUEUE + "?metaOverride=true", xml("Queue"), 204, None, id="SetQueueAttributes"),
        pytest.param("GET", QUEUE, "", 200, None, id="GetQueueAttributes"),
        pytest.param("GET", "/queues", "", 200, None, id="ListQueue"),
        pytest.param("DELETE", QUEUE, "", 204, None, id="DeleteQueue"),
        pytest.param("DELETE", "/queues/missing", "", 204, None, id="DeleteQueue of none"),
        pytest.param("POST", MESSAGES, message(), 201, None, id="SendMessage"),
        pytest.param("PUT", "/topics/n", xml("Topic"), 201, "/topics/n", id="CreateTopic"),
        pytest.param("PUT", "/topics/t", xml("Topic"), 204, "/topics/t", id="CreateTopic again"),
        pytest.param("PUT", "/topics/t?metaoverride=true", xml("Topic"), 204, None, id="SetTopicAttributes"),
        pytest.param("GET", "/topics/t", "", 200, None, id="GetTopicAttributes"),
        pytest.param("GET", "/topics", "", 200, None, id="ListTopic"),
        pytest.param("DELETE", "/topics/t", "", 204, None, id="DeleteTopic"),
        pytest.param("POST", "/topics/t/messages", message(), 201, None, id="PublishMessage"),
        pytest.param(
            "PUT", "/topics/t/subscriptions/s", SUBSCRIPTION, 201, "/topics/t/subscriptions/s", id="Subscribe"
        ),
        pytest.param("GET", "/topics/t/subscriptions", "", 200, None, id="ListSubscriptionByTopic"),
        pytest.param("DELETE", "/topics/t/subscriptions/s", "", 204, None, id="Unsubscribe"),
    ],
)
def test_success(client: SmqClient, method: str, target: str, body: str, status: int, location: str | None) -> None:
    """Each success has its documented status, Location for what was created, and the common headers."""
    reply = client(method, target, body)
    assert reply.status == status
    assert (reply.headers.get("Location") or "").endswith(location or "")
    assert ("Location" in reply.headers) == (location is not None)
    assert reply.headers["x-mns-request-id"]
    assert reply.headers["x-mns-version"] == "2015-06-06"
    assert (reply.headers.get("Content-Type") == "text/xml;charset=utf-8") == bool(reply.body)
    assert (status == 204) == (reply.body == b"") or status == 201


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code"),
    [
        pytest.param("GET", "/queues/missing", "", 404, "QueueNotExist", id="no queue"),
        pytest.param("POST", "/queues/missing/messages", message(), 404, "QueueNotExist", id="send to no queue"),
        pytest.param("GET", MESSAGES, "", 404, "MessageNotExist", id="empty queue"),
        pytest.param("GET", MESSAGES + "?peekonly=true", "", 404, "MessageNotExist", id="peek into empty queue"),
        pytest.param("GET", MESSAGES + "?waitseconds=31", "", 400, "InvalidArgument", id="waits too long"),
        pytest.param("GET", MESSAGES + "?waitseconds=-1", "", 400, "InvalidQueryString", id="waits a negative time"),
        pytest.param("GET", MESSAGES + "?numOfMessages=17", "", 400, "InvalidArgument", id="batch of 17"),
        pytest.param("GET", MESSAGES + "?numOfMessages=0", "", 400, "InvalidArgument", id="batch of 0"),
        pytest.param("GET", MESSAGES + "?wait=1", "", 400, "InvalidQueryString", id="unknown query item"),
        pytest.param("DELETE", MESSAGES, "", 400, "MissingReceiptHandle", id="no handle"),
        pytest.param("DELETE", MESSAGES + "?ReceiptHandle=x", "", 400, "ReceiptHandleError", id="bad handle"),
        pytest.param("PUT", MESSAGES + "?receiptHandle=1-AA==", "", 400, "MissingVisibilityTimeout", id="no timeout"),
        pytest.param(
            "PUT", MESSAGES + "?receiptHandle=1-AA==&visibilityTimeout=0", "", 400, "InvalidArgument", id="timeout 0"
        ),
        pytest.param(
            "PUT", MESSAGES + "?receiptHandle=1-AA==&visibilityTimeout=9", "", 404, "MessageNotExist", id="spent handle"
        ),
        pytest.param("POST", MESSAGES, "", 400, "MalformedXML", id="no body"),
        pytest.param("POST", MESSAGES, "<Message", 400, "MalformedXML", id="broken XML"),
        pytest.param("POST", MESSAGES, xml("Massage"), 400, "MalformedXML", id="wrong root"),
        pytest.param(
            "POST", MESSAGES, xml("Message", "", "http://mns.aliyuncs.com/doc/v1"), 400, "MalformedXML", id="no slash"
        ),
        pytest.param("POST", MESSAGES, "<Message/>", 400, "MalformedXML", id="no namespace"),
        pytest.param(
            "POST",
            MESSAGES,
            '<!DOCTYPE a [<!ENTITY b "c">]>' + message("&b;").partition("?>")[2],
            400,
            "MalformedXML",
            id="entity",
        ),
        pytest.param("POST", MESSAGES, xml("Message"), 400, "InvalidArgument", id="no MessageBody"),
        pytest.param("POST", MESSAGES, message(more="<Color>1</Color>"), 400, "InvalidArgument", id="unknown element"),
        pytest.param("POST", MESSAGES, message(more="<Priority>17</Priority>"), 400, "InvalidArgument", id="priority"),
        pytest.param("POST", MESSAGES, message(more="<Priority>x</Priority>"), 400, "InvalidArgument", id="no number"),
        pytest.param(
            "POST",
            MESSAGES,
            message(more="<Priority>1</Priority><Priority>1</Priority>"),
            400,
            "InvalidArgument",
            id="twice",
        ),
        pytest.param("POST", MESSAGES, message("a" * 65537), 400, "InvalidArgument", id="over 64 KB"),
        pytest.param("POST", MESSAGES, xml("Messages"), 400, "InvalidArgument", id="empty batch"),
        pytest.param(
            "POST", MESSAGES, message(more="<MessageGroupId>g</MessageGroupId>"), 501, "NotImplemented", id="FIFO"
        ),
        pytest.param(
            "PUT", "/queues/n", xml("Queue", "<DelaySeconds>604801</DelaySeconds>"), 400, "InvalidArgument", id="range"
        ),
        pytest.param(
            "PUT", "/queues/n", xml("Queue", "<LoggingEnabled>1</LoggingEnabled>"), 400, "InvalidArgument", id="boolean"
        ),
        pytest.param(
            "PUT", QUEUE, xml("Queue", "<DelaySeconds>1</DelaySeconds>"), 409, "QueueAlreadyExist", id="other queue"
        ),
        pytest.param("PUT", "/queues/n_1", xml("Queue"), 400, "InvalidQueueName", id="queue name"),
        pytest.param("POST", "/topics/missing/messages", message(), 404, "TopicNotExist", id="publish on no topic"),
        pytest.param(
            "PUT",
            "/topics/t",
            xml("Topic", "<MaximumMessageSize>1024</MaximumMessageSize>"),
            409,
            "TopicAlreadyExist",
            id="other topic",
        ),
        pytest.param("GET", "/topics/t/subscriptions/s", "", 404, "SubscriberNotExist", id="no subscription"),
        pytest.param("PATCH", QUEUE, "", 400, "InvalidRequestURL", id="unknown method"),
        pytest.param("GET", "/queues/q/letters", "", 400, "InvalidRequestURL", id="unknown path"),
        pytest.param("GET", "/?accountmeta=true", "", 501, "NotImplemented", id="account attributes"),
        pytest.param("POST", "/commonbuy/openservice", "", 501, "NotImplemented", id="OpenService"),
    ],
)
def test_refusal(client: SmqClient, method: str, target: str, body: str, status: int, code: str) -> None:
    """Each refusal has its documented status and code in the error document."""
    reply = client(method, target, body)
    assert reply.refusal == (status, code)
    assert reply.field("RequestId") == reply.headers["x-mns-request-id"]
    assert reply.field("Message")
    assert reply.field("HostId") == "http://1234567890123456.mns.cn-hangzhou.aliyuncs.com"


def test_attributes_come_back(client: SmqClient) -> None:
    """What SetQueueAttributes changed shows in GetQueueAttributes, with a dead-letter policy."""
    policy = (
        "<Enabled>true</Enabled><MaxReceiveCount>3</MaxReceiveCount><DeadLetterTargetQueue>dead</DeadLetterTargetQueue>"
    )
    body = xml("Queue", f"<VisibilityTimeout>60</VisibilityTimeout><DlqPolicy>{policy}</DlqPolicy>")
    assert client("PUT", QUEUE + "?metaoverride=true", body).status == 204
    reply = client("GET", QUEUE)
    names = ("VisibilityTimeout", "DelaySeconds", "MaxReceiveCount", "DeadLetterTargetQueue", "LoggingEnabled")
    assert [reply.field(name) for name in names] == ["60", "0", "3", "dead", "False"]


@pytest.mark.parametrize(("switch", "counts"), [("counted", ["1", "1", "0"]), ("zero", ["0", "0", "0"])])
def test_message_counts_switch(client: SmqClient, world: World, switch: str, counts: list[str]) -> None:
    """A queue tells how many messages it has, or 0 whatever it has, as its page announces."""
    world.switches = world.switches.with_values(smq_message_counts=switch)
    for _ in range(2):
        client("POST", MESSAGES, message())
    client("GET", MESSAGES)
    reply = client("GET", QUEUE)
    assert [reply.field(f"{state}Messages") for state in ("Active", "Inactive", "Delay")] == counts


def test_a_dead_letter_policy_is_complete(client: SmqClient) -> None:
    """A DlqPolicy without its parts is refused and names them."""
    reply = client("PUT", "/queues/n", xml("Queue", "<DlqPolicy><Enabled>true</Enabled></DlqPolicy>"))
    assert reply.refusal == (400, "InvalidArgument")
    assert "MaxReceiveCount, DeadLetterTargetQueue" in reply.field("Message")


def test_properties_travel(client: SmqClient) -> None:
    """User and system properties come out as they went in; their absence leaves no element."""
    user = "<PropertyValue><Name>a</Name><Value>1</Value><Type>NUMBER</Type></PropertyValue>"
    system = "<SystemPropertyValue><Name>traceparent</Name><Value>x</Value><Type>STRING</Type></SystemPropertyValue>"
    more = f"<UserProperties>{user}</UserProperties><SystemProperties>{system}</SystemProperties>"
    client("POST", MESSAGES, message(more=more))
    client("POST", MESSAGES, message())
    first, second = client("GET", MESSAGES), client("GET", MESSAGES)
    assert [first.all(name) for name in ("Name", "Value", "Type")] == [
        ["a", "traceparent"],
        ["1", "x"],
        ["NUMBER", "STRING"],
    ]
    assert b"Properties" not in second.body


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param("<PropertyValue><Value>1</Value></PropertyValue>", id="no name"),
        pytest.param("<PropertyValue><Name>a</Name><Type>DATE</Type></PropertyValue>", id="unknown type"),
        pytest.param("<PropertyValue><Name><b/></Name></PropertyValue>", id="element for text"),
    ],
)
def test_wrong_properties_are_refused(client: SmqClient, properties: str) -> None:
    """A property needs a name and a known type."""
    body = message(more=f"<UserProperties>{properties}</UserProperties>")
    assert client("POST", MESSAGES, body).refusal == (400, "InvalidArgument")


def batch(*bodies: str) -> str:
    """Return the body of a BatchSendMessage."""
    return xml("Messages", "".join(f"<Message><MessageBody>{body}</MessageBody></Message>" for body in bodies))


def test_batch_send_and_delete(client: SmqClient) -> None:
    """A batch comes back as a batch; deleting it twice answers 404 with every failed handle."""
    sent = client("POST", MESSAGES, batch("YQ==", "Yg=="))
    received = client("GET", MESSAGES + "?numOfMessages=16&waitseconds=0")
    assert sent.status == 201
    assert received.all("MessageId") == sent.all("MessageId")
    handles = received.all("ReceiptHandle")
    body = xml("ReceiptHandles", "".join(f"<ReceiptHandle>{handle}</ReceiptHandle>" for handle in handles))
    assert client("DELETE", MESSAGES, body).status == 204
    again = client("DELETE", MESSAGES, body)
    assert (again.status, again.all("ErrorCode"), again.all("ReceiptHandle")) == (404, ["MessageNotExist"] * 2, handles)


def test_a_batch_is_limited(client: SmqClient) -> None:
    """A batch of 17, or of more than 64 KB together, is refused as a whole."""
    assert client("POST", MESSAGES, batch(*["YQ=="] * 17)).refusal == (400, "InvalidArgument")
    assert client("POST", MESSAGES, batch("a" * 40000, "b" * 30000)).refusal == (400, "InvalidArgument")
    assert client("GET", MESSAGES).refusal == (404, "MessageNotExist")


def test_a_batch_fails_in_parts(client: SmqClient) -> None:
    """A refused message of a batch is listed with its error, the others are sent."""
    reply = client("POST", MESSAGES, batch("YQ==", ""))
    assert (reply.status, reply.all("ErrorCode"), len(reply.all("MessageId"))) == (400, ["InvalidArgument"], 1)
    assert client("GET", MESSAGES).field("MessageBody") == "YQ=="


def test_polling_wait_seconds(client: SmqClient, world: World) -> None:
    """A queue's PollingWaitSeconds holds a receive that does not say its own waitseconds."""
    client("PUT", "/queues/w", xml("Queue", "<PollingWaitSeconds>7</PollingWaitSeconds>"))
    start = world.clock.now()
    client("GET", "/queues/w/messages")
    client("GET", "/queues/w/messages?waitseconds=2")
    assert world.clock.now() - start == pytest.approx(9)


def test_lists_are_paged(client: SmqClient) -> None:
    """x-mns-prefix, x-mns-ret-number and x-mns-marker page through a list."""
    for name in ("a1", "a2", "a3", "b1"):
        client("PUT", f"/queues/{name}", xml("Queue"))
    headers: dict[str, str | None] = {"x-mns-prefix": "a", "x-mns-ret-number": "2"}
    first = client("GET", "/queues", headers=headers)
    second = client("GET", "/queues", headers={**headers, "x-mns-marker": first.field("NextMarker")})
    pages = [[url.rpartition("/")[2] for url in reply.all("QueueURL")] for reply in (first, second)]
    assert (pages, second.all("NextMarker")) == ([["a1", "a2"], ["a3"]], [])
    assert client("GET", "/queues", headers={"x-mns-ret-number": "1001"}).refusal == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("switch", "body", "status"),
    [
        pytest.param("off", "{plain}", 201, id="off, plain"),
        pytest.param("off", "aGVsbG8=", 201, id="off, Base64"),
        pytest.param("on", "{plain}", 400, id="on, plain"),
        pytest.param("on", "aGVsbG8=", 201, id="on, Base64"),
    ],
)
@pytest.mark.parametrize("target", [MESSAGES, "/topics/t/messages"])
def test_base64_switch(client: SmqClient, world: World, target: str, switch: str, body: str, status: int) -> None:
    """Plain bodies pass or are refused as the switch says; whether the real service refuses them is open."""
    world.switches = world.switches.with_values(smq_require_base64=switch)
    assert client("POST", target, message(body)).status == status


def test_notifications_pass_the_base64_switch(client: SmqClient, world: World) -> None:
    """The switch is about what clients send: a JSON notification still reaches its queue."""
    world.switches = world.switches.with_values(smq_require_base64="on")
    client("PUT", "/topics/t/subscriptions/s", SUBSCRIPTION)
    assert client("POST", "/topics/t/messages", message()).status == 201
    assert client("GET", MESSAGES).status == 200


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"denied": frozenset({"mns:PublishMessage"})}, id="denied"),
        pytest.param({"allowed": frozenset({"mns:SendMessage"})}, id="not allowed"),
        pytest.param({"account_id": "9999999999999999"}, id="other account"),
    ],
)
def test_rights(client: SmqClient, cloud: Cloud, world: World, change: dict[str, Any]) -> None:
    """A key without the right for an operation is refused by that operation's RAM action."""
    world.add_credential(replace(KEY, **change))
    assert client("POST", "/topics/t/messages", message()).refusal == (403, "AccessDenied")
    (entry,) = world.journal("SMQ.PublishMessage")
    assert (entry.action, entry.status, entry.code, entry.write) == ("mns:PublishMessage", 403, "AccessDenied", True)
    assert cloud["SMQ"].topic("t").message_count(0) == 0


def test_journal(client: SmqClient, world: World) -> None:
    """The journal names operation, resources and whether something was written."""
    client("POST", "/topics/t/messages", message())
    client("GET", MESSAGES + "?waitseconds=0")
    kept = [(entry.operation, dict(entry.parameters), entry.write, entry.status) for entry in world.journal()]
    assert kept == [
        ("SMQ.PublishMessage", {"TopicName": "t"}, True, 201),
        ("SMQ.ReceiveMessage", {"QueueName": "q", "waitseconds": "0"}, False, 404),
    ]


def test_clear_forgets(client: SmqClient, cloud: Cloud) -> None:
    """A reset of the stand-in empties SMQ."""
    cloud.reset()
    assert cloud["SMQ"].state() == {"queues": {}, "topics": {}, "discarded": 0}
    assert client("GET", QUEUE).refusal == (404, "QueueNotExist")


@pytest.mark.parametrize(
    ("target", "signed", "status"),
    [
        pytest.param("/queues/q", "/queues/q", 200, id="as it is"),
        pytest.param("/queues/q?a=%2F", "/queues/q?a=%2F", 400, id="query as sent"),
        pytest.param("/queues/q?a=%2F", "/queues/q?a=/", 403, id="query decoded before signing"),
    ],
)
def test_in_process_transport(cloud: Cloud, world: World, target: str, signed: str, status: int) -> None:
    """Through ``httpx.WSGITransport``, which keeps no raw target, signatures are verified all the same."""
    made: dict[str, Any] = {}
    signer: Callable[..., Any] = SmqClient(lambda environ, start: recorded(environ, start, made), KEY, world.clock)
    signer("GET", signed)
    with httpx.Client(transport=httpx.WSGITransport(app=cloud), base_url="http://smq") as client:
        assert client.get(target, headers=made).status_code == status


def recorded(environ: Any, start_response: Any, made: dict[str, Any]) -> list[bytes]:
    """Keep the headers that were sent instead of answering them."""
    made |= {
        "Authorization": environ["HTTP_AUTHORIZATION"],
        "Date": environ["HTTP_DATE"],
        "x-mns-version": environ["HTTP_X_MNS_VERSION"],
    }
    start_response("204 No Content", [])
    return []
