"""Unwrapping: what identifies a record for ever, what a wrapper is recognised by, and where reading stops."""

import codecs
import json
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.events.envelopes import ENVELOPES
from shared.events.parsing import MAX_DEPTH, MAX_RECORDS, parse
from shared.events.text import MAX_EVENT_BYTES, MAX_MESSAGE_BYTES, MAX_VALUES
from shared.model.access import VpcAccess
from shared.model.records import Appeared, Changed, Ended, Ignored, Invalid, Record
from tests.invoking import queue_event, request, state_change

EVENTS = Path(__file__).parents[3] / "events"
QUEUE_ID = "C6DB60D1574661357FA2272700000001"


def read(file: str) -> list[Record]:
    """Return the records of a file of the corpus."""
    return parse((EVENTS / file).read_bytes())


def parsed(value: Any) -> list[Record]:
    """Return the records of a value."""
    return parse(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("file", "message_id", "part"),
    [
        pytest.param("manual/authorize.json", "", "", id="by-hand"),
        pytest.param("smq-queue/batch.json", QUEUE_ID, "", id="queue"),
        pytest.param("smq-queue/raw-data.json", QUEUE_ID, "", id="queue-raw"),
        pytest.param("smq-queue/list-in-message.json", QUEUE_ID, "[0]", id="list-inside-a-message"),
        pytest.param("smq-topic/json.json", "2F5B3C082B923D4EAC694B76D9280001", "", id="topic"),
        pytest.param("rocketmq/batch.json", "AC14C305069E1B28CDFA3181CDA20001", "", id="rocketmq"),
        pytest.param("rocketmq/raw-data.json", "AC14C305069E1B28CDFA3181CDA20001", "", id="rocketmq-raw"),
        pytest.param("rabbitmq/batch.json", "f7622d51-e198-41de-a072-77c1ead70001", "", id="rabbitmq"),
        pytest.param("kafka/batch.json", "vpc-access/7/25", "", id="kafka"),
        pytest.param("kafka/raw-data.json", "vpc-access/7/25", "", id="kafka-raw"),
        pytest.param("mqtt/batch.json", "", "", id="mqtt-has-none"),
        pytest.param(
            "eventbridge/own-bus.json", "deploy-pipeline/8f6d1c3e-0f5a-4b39-9d0c-000000000001", "", id="own-bus"
        ),
        pytest.param("ecs/running.json", "acs.ecs/70c0414c-b260-4923-b584-1d6e56460001", "i-bp1example0001", id="ecs"),
        pytest.param("cloudmonitor/running.json", "2256A988-0B26-4E2B-820A-8A00000000E5", "i-bp1example0001", id="cms"),
        pytest.param(
            "cloudmonitor/subscription.json",
            "1e944627-80d9-4386-a87c-000000000001",
            "i-bp1example0001",
            id="subscription",
        ),
        pytest.param("cloudmonitor/in-a-queue.json", QUEUE_ID, "i-bp1example0001", id="outermost-id-counts"),
        pytest.param(
            "ess/hook-via-topic.json", "2F5B3C082B923D4EAC694B76D9280005", "i-bp1example0001", id="hook-in-a-topic"
        ),
        pytest.param(
            "actiontrail/record-alone.json", "F7393A43-6A4A-4409-AEDD-8B1C47DE0005", "i-bp1example0001", id="trail"
        ),
        pytest.param("http/post.json", "1-67aee50c-15197d0b-d07710220001", "", id="http"),
        pytest.param("api-gateway/post.json", "7AD052CB-EE8B-4DFD-BBAF-EFB340E0A001", "", id="api-gateway"),
        pytest.param("fc-destination/failed-queue-batch.json", QUEUE_ID, "", id="dead-letter-keeps-its-event's-id"),
        pytest.param("fc-destination/failed-request.json", "", "", id="dead-letter-by-hand"),
        pytest.param("fc-destination/failed-in-a-queue.json", QUEUE_ID, "", id="dead-letter-in-a-queue"),
        pytest.param("smq-topic/impersonating-attributes.json", "2F5B3C082B923D4EAC694B76D9280001", "", id="forged"),
    ],
)
def test_a_record_has_the_id_that_its_sender_knows(file: str, message_id: str, part: str) -> None:
    """The first record's identity is the broker's for the message, and the place inside it where it holds several."""
    record = read(file)[0]

    assert (record.message_id, record.part) == (message_id, part)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(json.dumps(request()), id="text"),
        pytest.param(request(), id="request"),
        pytest.param([request()], id="list"),
    ],
)
def test_a_message_without_an_id_of_its_own_has_its_event_s(data: Any) -> None:
    """Whoever sends on only the body of a queue's message leaves the id of the event, which identifies it."""
    (event,) = queue_event("")
    (record,) = parsed({**event, "data": data})

    assert record.message_id == f"{event['source']}/{event['id']}"
    assert isinstance(record.content, VpcAccess)


def test_attributes_cannot_impersonate_a_wrapper() -> None:
    """A topic message whose attributes imitate a CloudEvent and a queue message is still only its Message."""
    (record,) = read("smq-topic/impersonating-attributes.json")

    assert record.source == "smq-topic"
    assert record.content == VpcAccess("orders-prod", "vpc-bp1example0001", "i-bp1example0001", 8080)


def _wrapped(file: str) -> dict[str, Any]:
    value = json.loads((EVENTS / file).read_bytes())
    return dict(value[0] if isinstance(value, list) else value)


SAMPLES = {
    "smq-topic": ["smq-topic/json.json", "smq-topic/stream-attributes.json"],
    "smq-queue": ["smq-queue/raw-data.json"],
    "rocketmq": ["rocketmq/raw-data.json"],
    "rabbitmq": ["rabbitmq/raw-data.json"],
    "kafka": ["kafka/raw-data.json"],
    "mqtt": ["mqtt/batch.json"],
    "eventbridge": ["eventbridge/own-bus.json"],
    "eventbridge/ecs": ["ecs/running.json"],
    "eventbridge/ess": ["ess/scale-out-success.json"],
    "eventbridge/ess-hook": ["ess/hook-via-eventbridge.json"],
    "eventbridge/actiontrail": ["actiontrail/run-instances.json"],
    "http": ["http/post.json"],
    "http-async": ["http/post-async.json"],
    "api-gateway": ["api-gateway/post.json"],
    "fc-destination": ["fc-destination/failed-request.json"],
    "cloudmonitor": ["cloudmonitor/running.json", "cloudmonitor/subscription.json"],
    "ess-hook": ["ess/hook-stale-token.json"],
    "actiontrail": ["actiontrail/record-alone.json"],
    "timer": ["timer/timer.json"],
    "schedule": ["release/due-bare.json"],
    "names": ["names/hint.json"],
}


def test_every_wrapper_is_sampled() -> None:
    """The samples of these tests cover the table of wrappers."""
    named = [envelope for envelope in ENVELOPES if envelope.name]

    assert {envelope.name for envelope in named} == SAMPLES.keys()
    for envelope in named:
        assert any(envelope.keys <= _wrapped(file).keys() for file in SAMPLES[envelope.name])


@pytest.mark.parametrize(
    ("name", "file", "key"),
    [
        pytest.param(envelope.name, file, key, id=f"{file}-without-{key}")
        for envelope in ENVELOPES
        for file in SAMPLES.get(envelope.name, ())
        if envelope.keys <= _wrapped(file).keys()
        for key in sorted(envelope.keys)
    ],
)
def test_no_single_key_makes_a_wrapper(name: str, file: str, key: str) -> None:
    """With any one of its keys missing a wrapper is not recognised as what it was, and nothing inside is acted on."""
    whole = _wrapped(file)
    assert all(record.source.startswith(name) for record in parsed(whole))
    del whole[key]

    for record in parsed(whole):
        assert record.source != name
        assert not isinstance(record.content, (VpcAccess, Appeared))


ALERT = _wrapped("cloudmonitor/subscription.json")["alert"]
SPOKEN_OF = Appeared("ecs", "i-bp1example0001", "cn-hangzhou", "1234567890123456")


def _notified(*without: str, **changes: Any) -> dict[str, Any]:
    """Return a notification of an event subscription whose alert is changed."""
    alert = {key: value for key, value in {**ALERT, **changes}.items() if key not in without}
    return {**_wrapped("cloudmonitor/subscription.json"), "alert": alert}


def _posted(body: str, kind: str = "application/x-www-form-urlencoded", *, encoded: bool = True) -> dict[str, Any]:
    return {
        **_wrapped("cloudmonitor/subscription-webhook-form.json"),
        "headers": {"Content-Type": kind},
        "body": b64encode(body.encode()).decode() if encoded else body,
        "isBase64Encoded": encoded,
    }


def _form(notification: dict[str, Any]) -> str:
    return urlencode(
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in notification.items()}
    )


def _as_text(notification: dict[str, Any]) -> dict[str, Any]:
    return {**notification, "alert": json.dumps(notification["alert"])}


@pytest.mark.parametrize(
    "carry",
    [
        pytest.param(lambda notification: notification, id="bare"),
        pytest.param(_as_text, id="alert-as-text"),
        pytest.param(lambda notification: queue_event(json.dumps(notification)), id="queue"),
        pytest.param(lambda notification: queue_event(json.dumps(_as_text(notification))), id="queue-alert-as-text"),
        pytest.param(lambda notification: _posted(json.dumps(notification), "application/json"), id="webhook"),
        pytest.param(lambda notification: _posted(_form(notification)), id="form"),
        pytest.param(lambda notification: _posted(_form(notification), encoded=False), id="form-not-encoded"),
    ],
)
@pytest.mark.parametrize(
    "notification",
    [
        pytest.param(_notified(), id="both"),
        pytest.param(_notified("eventRawContent"), id="map"),
        pytest.param(_notified("eventContentMap"), id="raw"),
        pytest.param(_notified("eventContentMap", eventRawContent=ALERT["eventContentMap"]), id="raw-as-an-object"),
        pytest.param(_notified(eventRawContent="{}"), id="raw-is-empty"),
        pytest.param(_notified(eventContentMap={}), id="map-is-empty"),
        pytest.param(_notified("product", "eventName", "arn", "source"), id="only-the-meta-data-describe-it"),
        pytest.param(_notified(meta={}), id="no-meta-data"),
    ],
)
def test_an_event_subscription_is_read_like_the_old_form(notification: dict[str, Any], carry: Any) -> None:
    """The running instance is announced wherever CloudMonitor puts its fields and however the notification comes."""
    (record,) = parsed(carry(notification))

    assert record.source.split("/")[-1] == "cloudmonitor"
    assert record.content == SPOKEN_OF


@pytest.mark.parametrize(
    ("notification", "answer"),
    [
        pytest.param(_notified(product="RDS"), "product", id="other-product"),
        pytest.param(_notified(eventName="Disk:Stalled"), "event-name", id="other-event"),
        pytest.param(_notified("meta", "eventName", source="METRIC"), "event-name", id="threshold"),
        pytest.param(_notified(alertStatus="RESOLVED"), "resolved", id="over"),
        pytest.param(_notified("meta", "eventName"), "needs product and eventName", id="nameless"),
        pytest.param(_notified("eventContentMap", "eventRawContent"), "its state", id="without-content"),
        pytest.param({**_notified(), "alert": "[]"}, "must be an object", id="list"),
        pytest.param({**_notified(), "alert": "none"}, "must be an object", id="no-json"),
    ],
)
def test_what_an_event_subscription_does_not_announce(notification: dict[str, Any], answer: str) -> None:
    """Other events are ignored for a reason; what cannot be understood says what is missing."""
    (record,) = parsed(notification)

    assert isinstance(record.content, (Ignored, Invalid))
    assert answer in (record.content.reason if isinstance(record.content, Ignored) else record.content.text)


def test_a_form_is_known_by_its_fields() -> None:
    """What curl posts under a form's content type is read as the JSON or Base64 that it is."""
    for body in (json.dumps(request()), b64encode(json.dumps(request()).encode()).decode()):
        (record,) = parsed(_posted(body))
        assert isinstance(record.content, VpcAccess)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        pytest.param(urlencode({**request(), "alert": "{}"}), "not JSON", id="of-others"),
        pytest.param(_form(_notified()) + "&x=1" * 100, "not JSON", id="of-too-many-fields"),
        pytest.param(_form(_notified(more="x" * MAX_MESSAGE_BYTES)), "bytes", id="too-large"),
    ],
)
def test_another_form_is_refused(form: str, said: str) -> None:
    """A form is read if it is CloudMonitor's, which has sixteen fields; of others the answer says what can be sent."""
    (record,) = parsed(_posted(form))

    assert isinstance(record.content, Invalid)
    assert said in record.content.text
    assert not record.content.retry


def test_a_body_may_be_an_object() -> None:
    """Whoever makes a test event in the console forgets to write the body as a text, and is understood."""
    (record,) = parsed({**_posted(""), "body": request(), "isBase64Encoded": False})

    assert isinstance(record.content, VpcAccess)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"hello", "not JSON", id="text"),
        pytest.param(b"\xff\xfe", "not JSON", id="not-utf-8"),
        pytest.param(b'{"Port": NaN}', "Port must be a whole number", id="nan"),
        pytest.param(b'{"Name": "\\ud83d"}', "Name may not contain control characters", id="half-a-pair"),
        pytest.param(b"[" * 100_000, "not JSON", id="only-brackets"),
        pytest.param(b'{"Port": ' + b"9" * 5000 + b"}", "Port must be a whole number", id="long-number"),
        pytest.param(b"null", "not null", id="null"),
        pytest.param(b"true", "not a boolean", id="boolean"),
        pytest.param(b"1.5", "not a number", id="number"),
        pytest.param(b'{"a": 1}', "an object with a", id="unknown"),
        pytest.param(b"{}", "no keys", id="empty-object"),
        pytest.param(b" " * (MAX_EVENT_BYTES + 1), "Function Compute takes", id="larger-than-the-platform's-limit"),
        pytest.param(b'{"a": [' + b"{}," * MAX_VALUES + b"{}]}", "values", id="too-many-values"),
    ],
)
def test_what_cannot_be_read_is_one_answer(event: bytes, text: str) -> None:
    """Bytes of any kind give a record that says what is wrong."""
    (record,) = parse(event)

    assert isinstance(record.content, Invalid)
    assert text in record.content.text


NOTIFICATION = json.loads((EVENTS / "smq-queue/xml-notification.json").read_bytes())["data"]["messageBody"]


@pytest.mark.parametrize(
    ("event", "hint"),
    [
        pytest.param(queue_event(NOTIFICATION), True, id="in-a-queue"),
        pytest.param(queue_event(b64encode(NOTIFICATION.encode()).decode()), True, id="in-base64"),
        pytest.param(queue_event("<html><body>502 Bad Gateway</body></html>"), False, id="other-markup"),
    ],
)
def test_a_notification_in_xml_names_the_format_to_choose(event: Any, *, hint: bool) -> None:
    """A subscription's default is XML; the refusal tells the setting that makes its messages readable."""
    (record,) = parsed(event)

    assert isinstance(record.content, Invalid)
    assert ("set NotifyContentFormat of the subscription to JSON or SIMPLIFIED" in record.content.text) is hint


def test_a_kafka_record_without_a_value_is_not_one_with_an_empty_value() -> None:
    """Null deletes a key and is ignored; an empty text is a message that cannot be read."""
    (tombstone,) = read("kafka/tombstone.json")
    (empty,) = parsed({**json.loads((EVENTS / "kafka/tombstone.json").read_bytes())[0], "value": ""})

    assert isinstance(tombstone.content, Ignored)
    assert tombstone.content.reason == "tombstone"
    assert isinstance(empty.content, Invalid)


def test_a_pair_of_surrogates_is_a_character() -> None:
    """A character outside the basic plane may be escaped, as Python's producers do by default."""
    (record,) = parse(json.dumps(request(Name="orders 🚀")).encode())

    assert isinstance(record.content, VpcAccess)
    assert record.content.name == "orders 🚀"


@pytest.mark.parametrize(
    ("layers", "readable"),
    [pytest.param(MAX_DEPTH - 1, True, id="deepest"), pytest.param(MAX_DEPTH, False, id="deeper")],
)
def test_nesting_is_bounded(layers: int, *, readable: bool) -> None:
    """MAX_DEPTH layers of lists around a request are opened, one more is refused as one record."""
    value: Any = request()
    for _ in range(layers):
        value = [value]
    (record,) = parsed(value)

    assert isinstance(record.content, VpcAccess) is readable


def test_a_message_is_bounded_by_itself() -> None:
    """A message larger than any broker's is refused, the others of its batch are read."""
    large, small = parsed(queue_event(json.dumps(request()) + " " * MAX_MESSAGE_BYTES, json.dumps(request())))

    assert isinstance(large.content, Invalid)
    assert isinstance(small.content, VpcAccess)


def test_one_bad_element_of_ten_thousand_costs_only_itself() -> None:
    """Of the largest batch a trigger delivers, with one bad message, 9,999 are good."""
    bodies = [json.dumps(request(Name=f"orders-{number}")) for number in range(MAX_RECORDS)]
    bodies[7_777] = '{"Name": "orders-7777", '
    records = parsed(queue_event(*bodies))

    assert len(records) == MAX_RECORDS
    assert [n for n, record in enumerate(records) if not isinstance(record.content, VpcAccess)] == [7_777]
    assert len({record.message_id for record in records}) == MAX_RECORDS


def test_records_beyond_the_largest_batch_are_refused_together() -> None:
    """An event with more records than any trigger delivers says so once, after what was read."""
    records = parsed([{"a": 1}] * (MAX_RECORDS + 5))

    assert len(records) == MAX_RECORDS + 1
    assert isinstance(records[-1].content, Invalid)
    assert "send it in parts" in records[-1].content.text


def test_base64_is_decoded_only_where_it_is_no_json() -> None:
    """Digits are valid Base64 and valid JSON: JSON wins, as an SMQ console's plain message has to."""
    body = b64encode(json.dumps(request()).encode()).decode()

    assert isinstance(parsed(queue_event(body))[0].content, VpcAccess)
    assert isinstance(parsed(queue_event("1234"))[0].content, Invalid)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(codecs.BOM_UTF8 + json.dumps(request()).encode(), id="json"),
        pytest.param(b64encode(codecs.BOM_UTF8 + json.dumps(request()).encode()), id="base64"),
    ],
)
def test_a_byte_order_mark_is_no_content(event: bytes) -> None:
    """Files written on Windows may begin with one."""
    assert isinstance(parse(event)[0].content, VpcAccess)


def test_the_bus_region_helps_out_where_the_subject_does_not_say() -> None:
    """Without an ARN as subject, region and account are those of the bus, whose region may end in -vpc."""
    (record,) = parsed(state_change(subject="", aliyunregionid="cn-hangzhou-vpc"))

    assert isinstance(record.content, Appeared)
    assert (record.content.region_id, record.content.account_id) == ("cn-hangzhou", "1234567890123456")


def test_the_same_instance_twice_in_one_message_is_one_record() -> None:
    """Repeated ids of an announcement are announced once."""
    hook = json.loads((EVENTS / "ess/hook-stale-token.json").read_bytes())
    hook["content"]["instanceIds"] *= 3

    assert len(parsed(hook)) == 1


def test_an_audit_event_without_its_record_is_not_a_silent_one() -> None:
    """An ActionTrail event whose record is missing or has no name is answered as invalid."""
    shapes: list[Any] = [{}, None, "RunInstances"]
    for data in shapes:
        (record,) = parsed(state_change(type="ecs:ActionTrail:ApiCall", data=data))
        assert isinstance(record.content, Invalid)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"content": {"resourceId": "i-bp1example0001", "state": "Running"}}, id="both-under-content"),
        pytest.param({"resourceId": "i-bp1example0001", "content": {"state": "Running"}}, id="state-under-content"),
        pytest.param({"resourceId": "i-bp1example0001", "state": "Running", "content": None}, id="content-is-null"),
        pytest.param(
            {
                "resourceId": "acs:ecs:cn-hangzhou:1234567890123456:instance/i-bp1example0009",
                "content": {"resourceId": "i-bp1example0001", "state": "Running"},
            },
            id="arn-outside",
        ),
        pytest.param(
            {
                "resourceId": "acs:ecs:cn-hangzhou:1234567890123456:instance/i-bp1example0001",
                "content": {"state": "Running"},
            },
            id="arn-only",
        ),
    ],
)
def test_a_state_may_stand_under_content(data: dict[str, Any]) -> None:
    """Instance and state of an ECS event are read from data.content, and from data where that is silent."""
    (record,) = parsed(state_change(data=data))

    assert record.content == Appeared("ecs", "i-bp1example0001", "cn-hangzhou", "1234567890123456")


def test_an_unreadable_state_is_not_a_silent_one() -> None:
    """A StateChange without a state is answered as invalid; any other state is a change, and Deleted an end."""
    shapes: list[Any] = [{}, "Running", None]
    for data in shapes:
        (invalid,) = parsed(state_change(data=data))
        assert isinstance(invalid.content, Invalid)
        assert not invalid.content.retry
    (changed,) = parsed(state_change(state="Stopped"))
    (ended,) = parsed(state_change(state="Deleted"))
    place = ("ecs", "i-bp1example0001", "cn-hangzhou", "1234567890123456")

    assert changed.content == Changed(*place, "Stopped")
    assert ended.content == Ended(*place, "Deleted")
