"""Triggers of the local Function Compute: what the function gets, and what happens when it fails."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.core import ManualClock, ServiceError, Switches, World
from tests.cloud.fc import EventBridgeTrigger, FunctionCompute, QueueTrigger, Retry, TimerTrigger, TopicTrigger
from tests.cloud.fc.handlers import deploy
from tests.cloud.fc.triggers.pattern import matches
from tests.cloud.smq import Smq
from tests.cloud.smq.messages import Message, Property
from tests.patience import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cloud.fc.function import Function

# Prints what it gets, one JSON line per event, and fails while the file is there.
SOURCE = """
    import json, pathlib
    broken = pathlib.Path(__file__).with_name("broken")
    def handler(event, context):
        print("EVENT " + json.dumps(event.decode()))
        if broken.exists():
            raise RuntimeError("broken")
"""
CLOUD_EVENT_KEYS = {
    *("id", "source", "specversion", "type", "datacontenttype", "subject", "time", "data"),
    *("aliyunaccountid", "aliyunpublishtime", "aliyuneventbusname", "aliyunregionid", "aliyunpublishaddr"),
}


@pytest.fixture
def fc() -> Iterator[FunctionCompute]:
    """A Function Compute on a manual clock with some queues and the topic ``news``."""
    world = World(clock=ManualClock())
    smq = Smq(world)
    for name in ("in", "in2", "dead", "out"):
        smq.create_queue(name)
    smq.create_topic("news")
    fc = FunctionCompute(world, smq)
    yield fc
    fc.close()


def _events(function: Function) -> list[str]:
    """Return the events that the function saw, in order."""
    lines = [line for _, log in function.logs for line in log.decode().splitlines()]
    return [json.loads(line.removeprefix("EVENT ")) for line in lines if line.startswith("EVENT ")]


def _break(function: Function, *, broken: bool = True) -> None:
    marker = function.code_directory / "broken"
    marker.touch() if broken else marker.unlink()


def _queue(**values: Any) -> QueueTrigger:
    return QueueTrigger(**{"name": "queue", "queue": "in", **values})


def test_an_event_stream_hands_over_cloud_events(fc: FunctionCompute, tmp_path: Path) -> None:
    """Messages arrive as an array of CloudEvents and are deleted afterwards."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(_queue(batch_size=10),))
    sent = [fc.smq.send("in", body) for body in ("one", base64.b64encode("zwei ä".encode()).decode())]
    fc.drain()
    ((first, second),) = [json.loads(event) for event in _events(function)]
    assert set(first) == CLOUD_EVENT_KEYS | {"aliyunoriginalaccountid"}
    assert (first["source"], first["type"]) == ("MNS-f-queue", "mns:Queue:SendMessage")
    assert first["subject"] == "acs:mns:cn-hangzhou:1234567890123456:queues/in"
    assert [first["id"], second["id"]] == sent == [first["data"]["messageId"], second["data"]["messageId"]]
    assert set(first["data"]) == {"requestId", "messageId", "messageBody"}
    assert [first["data"]["messageBody"], second["data"]["messageBody"]] == ["one", "zwei ä"]
    fc.world.clock.advance(31)
    fc.drain()
    assert len(_events(function)) == 1


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        pytest.param({"event_schema": "RawData"}, [["requestId", "messageId", "messageBody"]], id="raw-array"),
        pytest.param(
            {"event_schema": "RawData", "streaming": False}, ["requestId", "messageId", "messageBody"], id="raw-object"
        ),
    ],
)
def test_raw_data_is_the_data_alone(fc: FunctionCompute, tmp_path: Path, values: dict[str, Any], shape: Any) -> None:
    """RawData leaves the CloudEvents attributes away; event-driven mode hands over one object."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(_queue(**values),))
    fc.smq.send("in", "x")
    fc.drain()
    (event,) = [json.loads(event) for event in _events(function)]
    assert ([list(item) for item in event] if isinstance(event, list) else list(event)) == shape


def test_event_driven_mode_calls_once_per_message(fc: FunctionCompute, tmp_path: Path) -> None:
    """One CloudEvents object per call, whatever the batch size."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(_queue(streaming=False, batch_size=10),))
    for body in ("a", "b"):
        fc.smq.send("in", body)
    fc.drain()
    assert [json.loads(event)["data"]["messageBody"] for event in _events(function)] == ["a", "b"]


@pytest.mark.parametrize(
    ("decode", "body", "seen"),
    [
        pytest.param(True, "aGk=", "hi", id="decoded"),
        pytest.param(True, "plain text", "plain text", id="not-base64"),
        pytest.param(True, "a-G-k=", "a-G-k=", id="almost-base64"),
        pytest.param(True, base64.b64encode(b"\xff").decode(), "/w==", id="not-text"),
        pytest.param(False, "aGk=", "aGk=", id="switched-off"),
    ],
)
def test_base64_is_decoded_if_so_configured(
    fc: FunctionCompute, tmp_path: Path, decode: bool, body: str, seen: str
) -> None:
    """``IsBase64Decode`` undoes the SDK's encoding; what is not Base64 is left alone."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(_queue(decode_base64=decode),))
    fc.smq.send("in", body)
    fc.drain()
    assert json.loads(_events(function)[0])[0]["data"]["messageBody"] == seen


def test_batches_are_cut_by_count(fc: FunctionCompute, tmp_path: Path) -> None:
    """A batch takes at most ``batch_size`` messages, also beyond SMQ's 16 per call."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(_queue(batch_size=20),))
    for number in range(45):
        fc.smq.send("in", str(number))
    fc.drain()
    batches = [[record["data"]["messageBody"] for record in json.loads(event)] for event in _events(function)]
    assert [len(batch) for batch in batches] == [20, 20, 5]
    assert sorted(int(body) for batch in batches for body in batch) == list(range(45))


def test_a_window_waits_for_more(fc: FunctionCompute, tmp_path: Path) -> None:
    """An incomplete batch is held until the window is over, a complete one is not."""
    deploy(fc, tmp_path, SOURCE, triggers=(_queue(batch_size=2, batch_window=10),))
    started = fc.world.clock.now()
    fc.smq.send("in", "a")
    fc.smq.send("in", "b")
    fc.drain()
    assert fc.world.clock.now() == started
    fc.smq.send("in", "c")
    fc.drain()
    assert fc.world.clock.now() - started == pytest.approx(10, abs=0.2)


def test_a_failed_batch_is_retried_as_a_whole(fc: FunctionCompute, tmp_path: Path) -> None:
    """The same batch comes again after the strategy's wait; what follows waits behind it."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(_queue(batch_size=2, retry=Retry((20.0,))),))
    for body in ("a", "b", "c"):
        fc.smq.send("in", body)
    _break(function)
    fc.pump_once()
    assert not fc.pump_once()  # before its time it is not tried again, nor is the next batch
    _break(function, broken=False)
    fc.world.clock.advance(20)
    fc.drain()
    batches = [[record["data"]["messageBody"] for record in json.loads(event)] for event in _events(function)]
    assert batches == [["a", "b"], ["a", "b"], ["c"]]


@pytest.mark.parametrize("tolerant", [True, False], ids=["ALL", "NONE"])
def test_used_up_retries_go_on_or_block(fc: FunctionCompute, tmp_path: Path, tolerant: bool) -> None:
    """Tolerated errors go to the dead-letter queue and the stream moves on; otherwise it stands still until mended."""
    trigger = _queue(retry=Retry((1.0, 1.0)), tolerate_errors=tolerant, dead_letter_queue="dead")
    function = deploy(fc, tmp_path, SOURCE, triggers=(trigger,))
    _break(function)
    fc.smq.send("in", "bad")
    fc.drain()
    assert len(_events(function)) == 3
    buried = [json.loads(message.body) for message in fc.smq.receive("dead", 16)]
    _break(function, broken=False)
    fc.smq.send("in", "good")
    fc.world.clock.advance(1)
    fc.pump_once()
    after = [json.loads(event)[0]["data"]["messageBody"] for event in _events(function)][3:]
    if tolerant:
        assert [record["data"]["messageBody"] for (record,) in buried] == ["bad"]
        assert after == ["good"]
    else:
        assert buried == []
        assert after == ["bad"]


@pytest.mark.parametrize(
    ("queue", "body", "why"),
    [
        pytest.param("dead", "x" * 40_000, "InvalidArgument", id="two-of-40-KB-are-too-long-together"),
        pytest.param("nowhere", "x", "QueueNotExist", id="no-such-queue"),
    ],
)
def test_a_stream_goes_on_when_its_dead_letter_is_refused(
    fc: FunctionCompute, tmp_path: Path, queue: str, body: str, why: str
) -> None:
    """A batch that the dead-letter queue does not take is lost and counted; the next one is delivered."""
    trigger = _queue(batch_size=2, retry=Retry(()), tolerate_errors=True, dead_letter_queue=queue)
    function = deploy(fc, tmp_path, SOURCE, triggers=(trigger,))
    _break(function)
    for _ in range(2):
        fc.smq.send("in", body)
    fc.drain()
    ((key, destination, reason),) = fc.lost_records
    assert (key, destination) == (function.config.key, queue)
    assert why in reason
    _break(function, broken=False)
    fc.smq.send("in", "good")
    fc.drain()
    assert json.loads(_events(function)[-1])[0]["data"]["messageBody"] == "good"


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_throttled_batches_are_kept(fc: FunctionCompute, tmp_path: Path, asynchronous: bool) -> None:
    """Without an instance nothing is lost: sync retries the batch, async has the invocation in its queue."""
    trigger = _queue(asynchronous=asynchronous, retry=Retry((5.0,) * 3))
    deploy(fc, tmp_path, SOURCE, triggers=(trigger,), max_instances=0)
    fc.smq.send("in", "x")
    assert fc.pump_once()
    fc.world.clock.advance(31)
    assert bool(fc.smq.receive("in")) is not asynchronous
    assert (fc.queue.due() is not None) is asynchronous


def test_an_asynchronous_stream_splits_what_is_too_large(fc: FunctionCompute, tmp_path: Path) -> None:
    """More than 128 KB becomes several invocations, none larger."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(_queue(batch_size=5, asynchronous=True),))
    for letter in "abcde":
        fc.smq.send("in", letter + " " + letter * 50_000)
    fc.drain()
    events = _events(function)
    assert len(events) > 1
    assert all(len(event) <= 128 * 1024 for event in events)
    assert "".join(record["data"]["messageBody"][0] for event in events for record in json.loads(event)) == "abcde"


def test_a_pattern_filters_the_stream(fc: FunctionCompute, tmp_path: Path) -> None:
    """Messages that do not match are taken from the queue without a call."""
    pattern = {"data": {"messageBody": [{"prefix": "keep"}]}}
    function = deploy(fc, tmp_path, SOURCE, triggers=(_queue(batch_size=2, pattern=pattern),))
    for body in ("keep 1", "drop", "drop", "drop"):
        fc.smq.send("in", body)
    fc.drain()
    assert [record["data"]["messageBody"] for event in _events(function) for record in json.loads(event)] == ["keep 1"]


@pytest.mark.parametrize(
    "trigger",
    [
        pytest.param(QueueTrigger("t", "in", enabled=False), id="queue"),
        pytest.param(TopicTrigger("t", "news", enabled=False), id="topic"),
        pytest.param(EventBridgeTrigger("t", {}, enabled=False), id="rule"),
    ],
)
def test_a_disabled_trigger_does_nothing(fc: FunctionCompute, tmp_path: Path, trigger: Any) -> None:
    """Neither queue, topic nor rule call the function while they are disabled."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(trigger,))
    fc.smq.send("in", "x")
    fc.smq.publish("news", "x")
    fc.put_event({"source": "acs.ecs"})
    fc.drain()
    assert _events(function) == []


@pytest.mark.parametrize("body", ["plain text", '{"Name":"x"}', "aGk="])
def test_a_topic_in_stream_format_hands_over_the_bare_body(fc: FunctionCompute, tmp_path: Path, body: str) -> None:
    """STREAM is the body as published, Base64 or not."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(TopicTrigger("topic", "news"),))
    fc.smq.publish("news", body)
    fc.drain()
    assert _events(function) == [body]


def test_a_topic_in_json_format_hands_over_the_wrapper(fc: FunctionCompute, tmp_path: Path) -> None:
    """JSON has the eight documented keys; PublishTime is an integer of milliseconds."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(TopicTrigger("topic", "news", "JSON"),))
    message_id = fc.smq.publish("news", "hello topic")
    fc.drain()
    assert json.loads(_events(function)[0]) == {
        "TopicOwner": "1234567890123456",
        "Message": "hello topic",
        "Subscriber": "1234567890123456",
        "PublishTime": int(fc.world.clock.now() * 1000),
        "SubscriptionName": "topic",
        "MessageMD5": "D6206122A430035E4EC1463CDD704B59",
        "TopicName": "news",
        "MessageId": message_id,
    }


@pytest.mark.parametrize(
    ("content_format", "seen"),
    [
        pytest.param("STREAM", {"body": "hello", "attrs": {"key": "value"}}, id="STREAM"),
        pytest.param("JSON", {"Message": "hello", "key": "value"}, id="JSON"),
    ],
)
def test_attributes_of_a_message_show(
    fc: FunctionCompute, tmp_path: Path, content_format: str, seen: dict[str, Any]
) -> None:
    """STREAM wraps a message that has attributes, JSON puts each at the top level."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(TopicTrigger("topic", "news", content_format),))
    smq: Any = fc.smq
    smq.publish("news", "hello", "", user_properties=(Property("key", "value"),))
    fc.drain()
    event = json.loads(_events(function)[0])
    assert {key: event[key] for key in seen} == seen


def test_a_topic_trigger_filters_by_tag_and_ends_with_its_function(fc: FunctionCompute, tmp_path: Path) -> None:
    """Only messages with the tag come, and none after the function is gone."""
    function = deploy(fc, tmp_path, SOURCE, triggers=(TopicTrigger("topic", "news", filter_tag="important"),))
    fc.smq.publish("news", "no", "other")
    fc.smq.publish("news", "yes", "important")
    fc.drain()
    assert _events(function) == ["yes"]
    fc.delete_function("f")
    fc.smq.publish("news", "late", "important")
    fc.drain()
    assert _events(function) == ["yes"]


def test_a_topic_that_does_not_exist_is_refused(fc: FunctionCompute, tmp_path: Path) -> None:
    """A trigger needs its topic; the function is not half made."""
    with pytest.raises(ServiceError, match="TopicNotExist"):
        deploy(fc, tmp_path, SOURCE, triggers=(TopicTrigger("topic", "gone"),))
    assert fc.functions == []


def test_a_rule_hands_over_one_ecs_event(fc: FunctionCompute, tmp_path: Path) -> None:
    """The state change of an instance reaches the function that asked for it, as one CloudEvent."""
    pattern = {"source": ["acs.ecs"], "type": ["ecs:Instance:StateChange"], "data": {"state": ["Running"]}}
    function = deploy(fc, tmp_path, SOURCE, triggers=(EventBridgeTrigger("rule", pattern),))
    fc.ecs_state_change("i-1", "Pending")
    fc.ecs_state_change("i-1")
    fc.drain()
    (event,) = [json.loads(event) for event in _events(function)]
    assert set(event) == CLOUD_EVENT_KEYS
    assert event["subject"] == "acs:ecs:cn-hangzhou:1234567890123456:instance/i-1"
    assert event["data"] == {"resourceId": "i-1", "resourceType": "ALIYUN::ECS::Instance", "state": "Running"}
    assert event["time"].endswith("+08:00")


@pytest.mark.parametrize("retry", ["on", "off"])
def test_a_rule_retries_a_function_error_or_not(fc: FunctionCompute, tmp_path: Path, retry: str) -> None:
    """Whether an error that comes with HTTP 200 counts is open, so it is a switch; then the event is buried."""
    fc.world.switches = Switches(fc_rule_retry=retry)
    trigger = EventBridgeTrigger("rule", {}, retry=Retry((15.0,) * 3), dead_letter_queue="dead")
    function = deploy(fc, tmp_path, SOURCE, triggers=(trigger,))
    _break(function)
    event = fc.put_event({"source": "acs.ecs", "type": "x"})
    fc.drain()
    assert len(_events(function)) == (4 if retry == "on" else 1)
    (buried,) = fc.smq.receive("dead", 16)
    assert json.loads(buried.body) == event


def test_a_rule_goes_on_when_its_dead_letter_is_refused(fc: FunctionCompute, tmp_path: Path) -> None:
    """An event of more than 64 KB that was given up is lost and counted."""
    trigger = EventBridgeTrigger("rule", {}, retry=Retry(()), dead_letter_queue="dead")
    function = deploy(fc, tmp_path, SOURCE, triggers=(trigger,))
    _break(function)
    fc.put_event({"source": "acs.ecs", "type": "x", "data": {"text": "x" * 70_000}})
    fc.drain()
    assert [lost[:2] for lost in fc.lost_records] == [(function.config.key, "dead")]


def test_a_timer_fires_when_told(fc: FunctionCompute, tmp_path: Path) -> None:
    """Trigger time in UTC to the second, the trigger's name and the payload as a string."""
    trigger = TimerTrigger("reconcile", payload='{"action":"reconcile"}')
    function = deploy(fc, tmp_path, SOURCE, triggers=(trigger,))
    fc.fire_timer("reconcile")
    fc.drain()
    assert json.loads(_events(function)[0]) == {
        "triggerTime": "2026-11-18T11:06:40Z",
        "triggerName": "reconcile",
        "payload": '{"action":"reconcile"}',
    }
    with pytest.raises(ServiceError, match="TriggerNotFound"):
        fc.fire_timer("other")


def test_started_triggers_work_by_themselves(fc: FunctionCompute, tmp_path: Path) -> None:
    """After ``start`` a message is enough: a function deployed before and one deployed after both get theirs."""
    seen = threading.Semaphore(0)
    fc.smq.on_message("out", lambda _: seen.release())
    failing = QueueTrigger("q", "in", retry=Retry(()), tolerate_errors=True, dead_letter_queue="out")
    _break(deploy(fc, tmp_path, SOURCE, triggers=(failing,)))
    fc.start()
    second = QueueTrigger("q", "in2", retry=Retry(()), tolerate_errors=True, dead_letter_queue="out")
    _break(deploy(fc, tmp_path, SOURCE, name="g", triggers=(second,)))
    fc.smq.send("in", "x")
    fc.smq.send("in2", "x")
    assert seen.acquire(timeout=PATIENCE)
    assert seen.acquire(timeout=PATIENCE)


class _BrokenSmq(Smq):
    """A mistake of ours: no message can be taken from it."""

    def receive(self, queue_name: str, max_messages: int = 1, wait: float = 0.0) -> list[Message]:
        raise LookupError(f"cannot take {max_messages} from {queue_name} within {wait} s")


@pytest.mark.parametrize("end", [FunctionCompute.check, FunctionCompute.close])
def test_a_fault_in_a_trigger_s_thread_is_not_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: Callable[[FunctionCompute], None]
) -> None:
    """Its trace is printed at once, and whoever looks, or closes the stand-in, gets it as an error."""
    world = World()
    smq = _BrokenSmq(world)
    smq.create_queue("in")
    fc = FunctionCompute(world, smq)
    deploy(fc, tmp_path, SOURCE, triggers=(_queue(),))
    fc.start()
    assert until(lambda: fc.faults)
    with pytest.raises(RuntimeError, match="Function Compute is broken") as raised:
        end(fc)
    assert isinstance(raised.value.__cause__, LookupError)
    assert "cannot take 1 from in" in capsys.readouterr().err
    fc.check()  # it was told
    fc.close()


EVENT = {
    "source": "acs.oss",
    "subject": "a/b.jpg",
    "data": {"state": "init", "count": 5, "ip": "10.0.0.7", "none": None, "empty": "", "tags": ["x", "y"], "on": True},
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param({}, True, id="empty"),
        pytest.param({"source": ["acs.ecs", "acs.oss"]}, True, id="or"),
        pytest.param({"source": ["acs.oss"], "subject": ["other"]}, False, id="and"),
        pytest.param({"source": ["ACS.OSS"]}, False, id="case"),
        pytest.param({"missing": ["x"]}, False, id="missing-field"),
        pytest.param({"source": {"inner": ["x"]}}, False, id="wrong-depth"),
        pytest.param({"source": [{"prefix": "acs."}]}, True, id="prefix"),
        pytest.param({"source": [{"prefix": "oss"}]}, False, id="prefix-no"),
        pytest.param({"subject": [{"suffix": ".jpg"}]}, True, id="suffix"),
        pytest.param({"subject": [{"suffix": ".png"}]}, False, id="suffix-no"),
        pytest.param({"subject": [{"contains": "/b"}]}, True, id="contains"),
        pytest.param({"subject": [{"contains": "/c"}]}, False, id="contains-no"),
        pytest.param({"data": {"state": [{"anything-but": "init"}]}}, False, id="anything-but"),
        pytest.param({"data": {"state": [{"anything-but": ["a", "b"]}]}}, True, id="anything-but-list"),
        pytest.param({"data": {"state": [{"anything-but": {"prefix": "in"}}]}}, False, id="anything-but-prefix"),
        pytest.param({"data": {"count": [{"numeric": [">", 0, "<=", 5]}]}}, True, id="numeric"),
        pytest.param({"data": {"count": [{"numeric": ["<", 5]}]}}, False, id="numeric-no"),
        pytest.param({"data": {"state": [{"numeric": ["=", 5]}]}}, False, id="numeric-text"),
        pytest.param({"data": {"on": [{"numeric": ["=", 1]}]}}, False, id="numeric-boolean"),
        pytest.param({"data": {"ip": [{"cidr": "10.0.0.0/24"}]}}, True, id="cidr"),
        pytest.param({"data": {"ip": [{"cidr": "10.0.1.0/24"}]}}, False, id="cidr-no"),
        pytest.param({"data": {"state": [{"cidr": "10.0.1.0/24"}]}}, False, id="cidr-text"),
        pytest.param({"data": {"state": [{"exists": True}], "gone": [{"exists": False}]}}, True, id="exists"),
        pytest.param({"data": {"state": [{"exists": False}]}}, False, id="exists-no"),
        pytest.param({"data": {"none": [None]}}, True, id="null"),
        pytest.param({"data": {"gone": [None]}}, False, id="null-is-not-missing"),
        pytest.param({"data": {"empty": [""]}}, True, id="empty-text"),
        pytest.param({"data": {"tags": ["y"]}}, True, id="array"),
        pytest.param({"data": {"tags": ["z"]}}, False, id="array-no"),
        pytest.param({"data": {"count": ["5"]}}, False, id="type"),
    ],
)
def test_event_patterns_match_as_documented(pattern: dict[str, Any], expected: bool) -> None:
    """Every operator of the vendor's list takes what it should and nothing else."""
    assert matches(pattern, EVENT) is expected


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        pytest.param({"source": "acs.oss"}, TypeError, id="no-array"),
        pytest.param({"source": [{"like": "a"}]}, ValueError, id="unknown-operator"),
        pytest.param({"source": [{"prefix": "a", "suffix": "b"}]}, ValueError, id="two-operators"),
    ],
)
def test_a_malformed_pattern_is_refused(pattern: dict[str, Any], error: type[Exception]) -> None:
    """A pattern that could never work is not silently a pattern that never matches."""
    with pytest.raises(error):
        matches(pattern, EVENT)
