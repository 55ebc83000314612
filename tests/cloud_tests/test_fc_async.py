"""Asynchronous invocations of the local Function Compute: retries, age, destinations, task ids."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.core import ManualClock, ServiceError, World
from tests.cloud.fc import AsyncConfig, EventBridgeTrigger, FunctionCompute
from tests.cloud.fc.asynchronous import MAX_PAYLOAD
from tests.cloud.fc.handlers import deploy
from tests.cloud.smq import Smq
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ECHO = "def handler(event, context):\n    return event\n"
FAIL = "def handler(event, context):\n    raise ValueError('no')\n"
QUEUE = "acs:mns:cn-hangzhou:1234567890123456:/queues/results/messages"
TOPIC = "acs:mns:cn-hangzhou:1234567890123456:/topics/results/messages"
BUS = "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/mine"


@pytest.fixture
def fc() -> Iterator[FunctionCompute]:
    """A Function Compute on a manual clock with a queue and a topic ``results``."""
    world = World(clock=ManualClock())
    smq = Smq(world)
    smq.create_queue("results")
    smq.create_topic("results")
    fc = FunctionCompute(world, smq)
    yield fc
    fc.close()


def _records(fc: FunctionCompute) -> list[dict[str, Any]]:
    return [json.loads(message.body) for message in fc.smq.receive("results", 16)]


@pytest.mark.parametrize("retries", [0, 3, 8])
def test_a_function_error_is_retried_as_configured(fc: FunctionCompute, tmp_path: Path, retries: int) -> None:
    """The first attempt and ``max_retry_attempts`` more run under one request id; then comes the failure record."""
    config = AsyncConfig(max_retry_attempts=retries, on_failure=QUEUE, on_success=TOPIC, retry_wait=7)
    function = deploy(fc, tmp_path, FAIL, async_config=config)
    started = fc.world.clock.now()
    fc.submit(function, b'{"failure":true}', "request-1")
    fc.drain()
    assert [request_id for request_id, _ in function.logs] == ["request-1"] * (1 + retries)
    assert fc.world.clock.now() - started == 7 * retries
    (record,) = _records(fc)
    response = json.loads(record.pop("responsePayload"))
    assert (response["errorMessage"], response["errorType"]) == ("no", "ValueError")
    assert record == {
        "timestamp": int(fc.world.clock.now() * 1000),
        "requestContext": {
            "requestId": "request-1",
            "functionArn": "acs:fc:cn-hangzhou:1234567890123456:functions/f",
            "condition": "UnhandledInvocationError",
            "approximateInvokeCount": 1 + retries,
        },
        "requestPayload": '{"failure":true}',
        "responseContext": {"statusCode": 200, "functionError": "UnhandledInvocationError"},
    }


def test_a_time_out_is_recorded_in_its_own_words(fc: FunctionCompute, tmp_path: Path) -> None:
    """Condition and error of a time-out are ``InvocationError``, the payload says how long it ran."""
    config = AsyncConfig(max_retry_attempts=0, on_failure=QUEUE)
    function = deploy(
        fc, tmp_path, "def handler(event, context):\n    while True: pass\n", async_config=config, timeout=0.1
    )
    fc.submit(function, b"")
    fc.drain()
    (record,) = _records(fc)
    assert record["requestContext"]["condition"] == record["responseContext"]["functionError"] == "InvocationError"
    assert json.loads(record["responsePayload"])["errorMessage"].startswith("Function timed out after 0.1 seconds")


@pytest.mark.parametrize(
    ("destination", "service", "arn"),
    [
        pytest.param(QUEUE, "", "acs:fc:cn-hangzhou:1234567890123456:functions/f", id="queue"),
        pytest.param(TOPIC, "s", "acs:fc:cn-hangzhou:1234567890123456:services/s.LATEST/functions/f", id="topic"),
    ],
)
def test_success_goes_to_queue_or_topic(
    fc: FunctionCompute, tmp_path: Path, destination: str, service: str, arn: str
) -> None:
    """The record of a success has an empty condition and the function's answer as a string."""
    seen: list[str] = []
    fc.smq.topic_listeners("results", lambda publication: seen.append(publication.body))
    function = deploy(fc, tmp_path, ECHO, service=service, async_config=AsyncConfig(on_success=destination))
    fc.submit(function, b"hello")
    fc.drain()
    (record,) = [json.loads(text) for text in seen] or _records(fc)
    assert (record["requestContext"]["condition"], record["requestContext"]["functionArn"]) == ("", arn)
    assert (record["requestPayload"], record["responsePayload"]) == ("hello", "hello")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        pytest.param("functions/next", "next", id="3.0"),
        pytest.param("services/s.LATEST/functions/next", "s$next", id="2.0"),
    ],
)
def test_success_goes_to_another_function(fc: FunctionCompute, tmp_path: Path, target: str, name: str) -> None:
    """A function as destination gets the record as its event."""
    next_one = deploy(
        fc,
        tmp_path,
        "def handler(event, context):\n    print(event.decode())\n",
        name="next",
        service=name.partition("$")[0] if "$" in name else "",
    )
    arn = f"acs:fc:cn-hangzhou:1234567890123456:{target}"
    function = deploy(fc, tmp_path, ECHO, async_config=AsyncConfig(on_success=arn))
    fc.submit(function, b"hello")
    fc.drain()
    ((_, log),) = next_one.logs
    assert json.loads(log.decode().splitlines()[1])["responsePayload"] == "hello"


def test_success_goes_to_a_bus_as_an_event(fc: FunctionCompute, tmp_path: Path) -> None:
    """A custom bus gets the record in a CloudEvent, which rules of that bus match."""
    rule = EventBridgeTrigger("done", {"type": ["fc:AsyncInvoke:succeeded"]}, bus="mine")
    other = EventBridgeTrigger("other", {}, bus="default")
    source = "def handler(event, context):\n    print(event.decode())\n"
    listener = deploy(fc, tmp_path, source, name="listener", triggers=(rule, other))
    fc.submit(deploy(fc, tmp_path, ECHO, async_config=AsyncConfig(on_success=BUS)), b"hello")
    fc.drain()
    ((_, log),) = listener.logs
    event = json.loads(log.decode().splitlines()[1])
    assert (event["source"], event["aliyuneventbusname"]) == ("acs:fc", "mine")
    assert event["data"]["responsePayload"] == "hello"


@pytest.mark.parametrize(
    ("config", "event", "reason"),
    [
        pytest.param({"role_actions": frozenset()}, b"", "mns:SendMessage", id="no-right"),
        pytest.param({}, b"x" * 40_000, "EntityTooLarge", id="too-large"),
        pytest.param({"arn": QUEUE.replace("results", "gone")}, b"", "QueueNotExist", id="no-queue"),
    ],
)
def test_a_record_that_its_destination_refuses_is_lost_and_counted(
    fc: FunctionCompute, tmp_path: Path, config: dict[str, Any], event: bytes, reason: str
) -> None:
    """No right, too large or no such queue: nothing arrives, and the loss is shown."""
    arn = config.pop("arn", QUEUE)
    function = deploy(fc, tmp_path, ECHO, async_config=AsyncConfig(on_success=arn), **config)
    fc.submit(function, event)
    fc.drain()
    assert _records(fc) == []
    ((key, destination, why),) = fc.lost_records
    assert (key, destination) == ("f", arn)
    assert reason in why


def test_throttling_backs_off_for_five_hours(fc: FunctionCompute, tmp_path: Path) -> None:
    """Without an instance the waits double from half a second; after five hours the record says why."""
    function = deploy(fc, tmp_path, ECHO, max_instances=0, async_config=AsyncConfig(on_failure=QUEUE))
    started = fc.world.clock.now()
    fc.submit(function, b"")
    waits = []
    while (due := fc.queue.due()) is not None:
        waits.append(due - fc.world.clock.now())
        fc.world.clock.advance(waits[-1])
        fc.pump_once()
    assert waits[:5] == [0, 0.5, 1, 2, 4]
    assert 2.2 * 3600 < fc.world.clock.now() - started <= 5 * 3600
    (record,) = _records(fc)
    assert record["requestContext"]["condition"] == "FunctionResourceExhausted"
    assert (record["requestContext"]["approximateInvokeCount"], record["responsePayload"]) == (0, "")


def test_an_event_that_grew_too_old_is_given_up(fc: FunctionCompute, tmp_path: Path) -> None:
    """After ``max_event_age`` no further attempt is made."""
    config = AsyncConfig(max_event_age=10, retry_wait=11, on_failure=QUEUE)
    function = deploy(fc, tmp_path, FAIL, async_config=config)
    fc.submit(function, b"")
    fc.drain()
    assert len(function.logs) == 1
    (record,) = _records(fc)
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_a_delay_holds_an_invocation_back(fc: FunctionCompute, tmp_path: Path) -> None:
    """A delayed invocation runs when its time has come and not before."""
    function = deploy(fc, tmp_path, ECHO)
    fc.submit(function, b"", delay=60)
    assert not fc.pump_once()
    fc.world.clock.advance(60)
    assert fc.pump_once()
    assert len(function.logs) == 1


@pytest.mark.parametrize(
    ("event", "options", "refusal"),
    [
        pytest.param(b"x" * (MAX_PAYLOAD + 1), {}, "400 EntityTooLarge", id="payload"),
        pytest.param(b"", {"delay": 3601}, "400 InvalidArgument", id="delay"),
        pytest.param(b"", {"task_id": "taken"}, "409 StatefulAsyncInvocationAlreadyExists", id="task-id"),
    ],
)
def test_a_submission_is_refused(
    fc: FunctionCompute, tmp_path: Path, event: bytes, options: dict[str, Any], refusal: str
) -> None:
    """Over 128 KB, a delay over an hour, or a task id that was used: nothing is queued."""
    function = deploy(fc, tmp_path, ECHO)
    fc.submit(function, b"", task_id="taken")
    fc.drain()
    with pytest.raises(ServiceError, match=refusal):
        fc.submit(function, event, **options)
    fc.drain()
    assert len(function.logs) == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({"max_retry_attempts": 9}, "0 to 8", id="retries"),
        pytest.param({"max_event_age": 604_801}, "604800", id="age"),
    ],
)
def test_settings_outside_the_documented_range_are_refused(values: dict[str, Any], reason: str) -> None:
    """Retries are 0 to 8, ages 1 s to 7 days."""
    with pytest.raises(ValueError, match=reason):
        AsyncConfig(**values)


def test_an_unknown_destination_is_refused_when_the_function_is_made(fc: FunctionCompute, tmp_path: Path) -> None:
    """A malformed ARN does not wait for the first failure to be noticed."""
    with pytest.raises(ValueError, match="not a destination: 'acs:oss:x'"):
        deploy(fc, tmp_path, ECHO, async_config=AsyncConfig(on_failure="acs:oss:x"))


def test_started_workers_run_invocations_by_themselves(fc: FunctionCompute, tmp_path: Path) -> None:
    """After ``start`` nobody has to drain."""
    arrived = threading.Event()
    fc.smq.on_message("results", lambda _: arrived.set())
    fc.start()
    fc.start()  # once more is harmless
    fc.submit(deploy(fc, tmp_path, ECHO, async_config=AsyncConfig(on_success=QUEUE)), b"hello")
    assert arrived.wait(PATIENCE)
    assert _records(fc)[0]["responsePayload"] == "hello"
