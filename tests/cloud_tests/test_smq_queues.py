"""Queues of the stand-in's SMQ from Python: visibility, delay, priority, waiting, retention, dead letters."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.core import ManualClock, ServiceError, World
from tests.cloud.smq import DlqPolicy, Smq
from tests.cloud.smq.client import SeenWaiting
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def smq() -> Smq:
    """An SMQ on a clock that stands still."""
    return Smq(World(clock=ManualClock()))


def refused(code: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> ServiceError:
    """Call, and return the refusal, which has this code."""
    with pytest.raises(ServiceError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code
    return caught.value


def bodies(smq: Smq, queue: str = "q", limit: int = 16, wait: float = 0) -> list[str]:
    """Receive, and return what the messages say."""
    return [message.body for message in smq.receive(queue, limit, wait)]


def test_a_message_comes_back_until_it_is_deleted(smq: Smq) -> None:
    """A received message is invisible for the visibility timeout, then delivered again with a higher count."""
    smq.create_queue("q", VisibilityTimeout=10)
    message_id = smq.send("q", "hello")
    (first,) = smq.receive("q")
    smq.world.clock.advance(9.999)
    assert smq.receive("q") == []
    smq.world.clock.advance(0.001)
    (second,) = smq.receive("q")
    assert (first.message_id, second.message_id) == (message_id, message_id)
    assert (first.dequeue_count, second.dequeue_count) == (1, 2)
    assert second.first_dequeue_time == first.first_dequeue_time == first.enqueue_time
    assert second.next_visible_time == second.first_dequeue_time + 20_000
    smq.delete("q", second.receipt_handle)
    smq.world.clock.advance(1000)
    assert smq.receive("q") == []


@pytest.mark.parametrize(
    ("handle", "code", "status"),
    [
        pytest.param("never-a-handle!", "ReceiptHandleError", 400, id="malformed"),
        pytest.param("8-MS0xLTEtMQ==", "MessageNotExist", 404, id="well-formed, unknown"),
    ],
)
def test_a_wrong_handle_is_refused(smq: Smq, handle: str, code: str, status: int) -> None:
    """What never was a handle and what is no handle of this queue are told apart."""
    smq.create_queue("q")
    assert refused(code, smq.delete, "q", handle).status == status


def test_a_spent_handle_is_refused(smq: Smq) -> None:
    """A handle is good until NextVisibleTime and only for the last receive, and only once."""
    smq.create_queue("q", VisibilityTimeout=10)
    smq.send("q", "hello")
    (first,) = smq.receive("q")
    smq.world.clock.advance(10)
    refused("MessageNotExist", smq.delete, "q", first.receipt_handle)
    (second,) = smq.receive("q")
    refused("MessageNotExist", smq.delete, "q", first.receipt_handle)
    smq.delete("q", second.receipt_handle)
    refused("MessageNotExist", smq.delete, "q", second.receipt_handle)


def test_change_visibility_counts_from_now(smq: Smq) -> None:
    """A changed visibility timeout starts at the change, may shorten the wait and replaces the handle."""
    queue = smq.create_queue("q", VisibilityTimeout=60)
    smq.send("q", "hello")
    (received,) = smq.receive("q")
    smq.world.clock.advance(15)
    changed = queue.change_visibility(received.receipt_handle, 30)
    assert changed.next_visible_time == received.enqueue_time + 45_000
    refused("MessageNotExist", queue.change_visibility, received.receipt_handle, 30)
    smq.world.clock.advance(29)
    assert smq.receive("q") == []
    smq.world.clock.advance(1)
    assert smq.receive("q")[0].dequeue_count == 2


def test_priority_goes_before_arrival(smq: Smq) -> None:
    """A smaller priority comes first, equal ones in order of arrival."""
    smq.create_queue("q")
    for body, priority in (("c", 8), ("d", 8), ("e", 16), ("a", 1), ("b", 1)):
        smq.send("q", body, priority=priority)
    assert bodies(smq) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("queue_delay", "own_delay", "expected"),
    [
        pytest.param(5, None, 5, id="queue's"),
        pytest.param(5, 9, 9, id="own goes before the queue's"),
        pytest.param(5, 0, 0, id="own zero"),
    ],
)
def test_a_delayed_message_is_hidden(smq: Smq, queue_delay: int, own_delay: int | None, expected: int) -> None:
    """A message shows only after its delay, and counts as delayed until then."""
    queue = smq.create_queue("q", DelaySeconds=queue_delay)
    smq.send("q", "later", delay_seconds=own_delay)
    assert queue.counts()["DelayMessages"] == (1 if expected else 0)
    smq.world.clock.advance(expected - 0.001 if expected else 0)
    assert bodies(smq) == ([] if expected else ["later"])
    smq.world.clock.advance(0.001)
    assert bodies(smq) == (["later"] if expected else [])


@pytest.mark.parametrize(
    ("delay", "seen"),
    [
        pytest.param(0, [0, 59], id="none"),
        pytest.param(30, [30, 59], id="shorter"),
        pytest.param(59, [59], id="a-second-left"),
        pytest.param(60, [], id="as-long"),
        pytest.param(90, [], id="longer"),
    ],
)
def test_retention_counts_from_sending(smq: Smq, delay: int, seen: list[int]) -> None:
    """A delay is part of the time that a message is kept: one that is delayed for as long is never seen."""
    queue = smq.create_queue("q", DelaySeconds=delay, MessageRetentionPeriod=60, VisibilityTimeout=1)
    smq.send("q", "hello")
    found = []
    for second in range(120):
        if second in {delay, 59, 60, 90} and smq.receive("q"):
            found.append(second)
        smq.world.clock.advance(1)
    assert found == seen
    assert queue.counts() == {"ActiveMessages": 0, "InactiveMessages": 0, "DelayMessages": 0}


def test_waiting_sees_what_becomes_visible_meanwhile(smq: Smq) -> None:
    """A long poll returns a redelivered message at its time, not at the poll's end."""
    smq.create_queue("q", VisibilityTimeout=3)
    smq.send("q", "hello")
    smq.receive("q")
    start = smq.world.clock.now()
    assert bodies(smq, wait=30) == ["hello"]
    assert smq.world.clock.now() - start == pytest.approx(3)


def test_waiting_for_nothing_ends_at_its_time(smq: Smq) -> None:
    """A long poll of an empty queue ends empty after exactly the wait."""
    smq.create_queue("q")
    start = smq.world.clock.now()
    assert smq.receive("q", wait=30) == []
    assert smq.world.clock.now() - start == pytest.approx(30)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        pytest.param(lambda smq: smq.send("q", "hello"), ["hello"], id="a message"),
        pytest.param(lambda smq: smq.publish("t", "news"), ["news"], id="a publication"),
        pytest.param(lambda smq: smq.delete_queue("q"), "QueueNotExist", id="the queue's end"),
        pytest.param(lambda smq: smq.close(), "QueueNotExist", id="the stand-in's end"),
    ],
)
def test_a_waiting_receiver_wakes(act: Callable[[Smq], object], expected: object) -> None:
    """A long poll in another thread returns as soon as something happens, long before its time."""
    clock = SeenWaiting()
    smq = Smq(World(clock=clock))
    smq.create_queue("q")
    smq.create_topic("t")
    smq.subscribe("t", "s", queue="q", format="SIMPLIFIED")

    def wait() -> object:
        try:
            return bodies(smq, wait=30)
        except ServiceError as error:
            return error.code

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(wait)
        assert clock.waiting.wait(PATIENCE)
        act(smq)
        assert future.result(PATIENCE) == expected


def test_peek_takes_nothing(smq: Smq) -> None:
    """A peeked message stays visible and has no handle; a later receive gets it."""
    queue = smq.create_queue("q")
    for body in "abc":
        smq.send("q", body)
    assert [message.body for message in queue.peek(2)] == ["a", "b"]
    assert [message.receipt_handle for message in queue.peek(16)] == ["", "", ""]
    assert bodies(smq) == ["a", "b", "c"]


def test_old_messages_are_dropped(smq: Smq) -> None:
    """A message is gone after MessageRetentionPeriod, visible or not."""
    queue = smq.create_queue("q", MessageRetentionPeriod=60, VisibilityTimeout=600)
    smq.send("q", "received")
    smq.receive("q")
    smq.send("q", "waiting")
    smq.world.clock.advance(30)
    smq.send("q", "young")
    smq.world.clock.advance(30)
    assert queue.counts() == {"ActiveMessages": 1, "InactiveMessages": 0, "DelayMessages": 0}
    assert bodies(smq) == ["young"]


def test_dead_letters_move(smq: Smq) -> None:
    """A message received MaxReceiveCount times without a delete turns up in the dead-letter queue."""
    smq.create_queue("dead")
    smq.create_queue(
        "q", VisibilityTimeout=5, DlqPolicy=DlqPolicy(enabled=True, max_receive_count=2, dead_letter_queue="dead")
    )
    origin = smq.send("q", "poison")
    for _ in range(2):
        assert bodies(smq) == ["poison"]
        smq.world.clock.advance(5)
    assert smq.receive("q") == []
    (dead,) = smq.receive("dead")
    assert (dead.body, dead.dequeue_count) == ("poison", 1)
    assert {entry.name: entry.value for entry in dead.system_properties}["DLQOriginMessageId"] == origin


def test_dead_letters_reach_a_waiting_receiver(smq: Smq) -> None:
    """A long poll of the dead-letter queue gets the message when it dies, though nobody touches its source."""
    smq.create_queue(
        "q", VisibilityTimeout=5, DlqPolicy=DlqPolicy(enabled=True, max_receive_count=1, dead_letter_queue="dead")
    )
    smq.create_queue("dead")
    smq.send("q", "poison")
    smq.receive("q")
    start = smq.world.clock.now()
    assert bodies(smq, "dead", wait=30) == ["poison"]
    assert smq.world.clock.now() - start == pytest.approx(5)


def test_without_a_dead_letter_queue_nothing_is_lost(smq: Smq) -> None:
    """A used-up message whose dead-letter queue does not exist stays in its queue."""
    smq.create_queue(
        "q", VisibilityTimeout=5, DlqPolicy=DlqPolicy(enabled=True, max_receive_count=1, dead_letter_queue="missing")
    )
    smq.send("q", "poison")
    smq.receive("q")
    smq.world.clock.advance(5)
    assert bodies(smq) == ["poison"]


def test_creating_twice(smq: Smq) -> None:
    """The same queue twice is one queue; other attributes are refused and change nothing."""
    queue = smq.create_queue("q", DelaySeconds=1)
    assert smq.create_queue("q", DelaySeconds=1) is queue
    assert refused("QueueAlreadyExist", smq.create_queue, "q", DelaySeconds=2).status == 409
    assert queue.attributes["DelaySeconds"] == 1


@pytest.mark.parametrize(
    ("name", "attributes", "code"),
    [
        pytest.param("", {}, "QueueNameLengthError", id="empty name"),
        pytest.param("q" * 121, {}, "QueueNameLengthError", id="long name"),
        pytest.param("-q", {}, "InvalidQueueName", id="dash first"),
        pytest.param("q_1", {}, "InvalidQueueName", id="underscore"),
        pytest.param("q", {"VisibilityTimeout": 0}, "InvalidArgument", id="too small"),
        pytest.param("q", {"DelaySeconds": 604801}, "InvalidArgument", id="too large"),
        pytest.param("q", {"Delay": 1}, "InvalidArgument", id="unknown attribute"),
    ],
)
def test_wrong_queues_are_refused(smq: Smq, name: str, attributes: dict[str, Any], code: str) -> None:
    """Malformed names and attributes out of range are refused, and no queue is left behind."""
    refused(code, smq.create_queue, name, **attributes)
    assert smq.queues() == []


def test_a_longest_name_is_accepted(smq: Smq) -> None:
    """A name may have 120 characters."""
    assert smq.create_queue("q" * 120).name == "q" * 120


def test_sending_is_checked(smq: Smq) -> None:
    """A missing queue, an empty body, a body over 64 KB in UTF-8 and one XML cannot carry are refused."""
    smq.create_queue("q")
    assert refused("QueueNotExist", smq.send, "missing", "hello").status == 404
    refused("InvalidArgument", smq.send, "q", "")
    refused("InvalidArgument", smq.send, "q", "\x00")
    refused("InvalidArgument", smq.send, "q", "中" * 21846)
    assert smq.send("q", "a" * 65536)


def test_callbacks_follow_every_message(smq: Smq) -> None:
    """on_message calls back for sent and published messages until it is stopped."""
    smq.create_queue("q")
    smq.create_topic("t")
    smq.subscribe("t", "s", queue="q")
    calls: list[list[str]] = []
    stop = smq.on_message("q", lambda name: calls.append(bodies(smq, name)))
    smq.send("q", "one")
    smq.publish("t", "two")
    stop()
    smq.send("q", "three")
    assert calls[0] == ["one"]
    assert len(calls) == 2


def test_ten_thousand_messages_through_many_hands() -> None:
    """Eight consumers share 10,000 messages without loss and without a second delivery."""
    smq = Smq(World())
    smq.create_queue("q")
    sent = {smq.send("q", str(number)) for number in range(10_000)}

    def consume() -> list[str]:
        mine = []
        while batch := smq.receive("q", 16):
            for message in batch:
                mine.append(message.message_id)
                smq.delete("q", message.receipt_handle)
        return mine

    with ThreadPoolExecutor(8) as pool:
        got = [message_id for future in [pool.submit(consume) for _ in range(8)] for message_id in future.result()]
    assert len(got) == 10_000
    assert set(got) == sent
    assert smq.state()["queues"]["q"] == {"ActiveMessages": 0, "InactiveMessages": 0, "DelayMessages": 0}
