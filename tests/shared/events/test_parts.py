"""What one message may hold: it is read as a whole or refused as a whole, and gives its original once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.events.parsing import MAX_PER_MESSAGE, MAX_RECORDS, parse
from shared.model.access import VpcAccess
from shared.model.records import UNWRITABLE, Appeared, Invalid
from tests.invoking import VPC, Invoker, queue_event, request

MANY = MAX_PER_MESSAGE + 1


def _hook(count: int) -> dict[str, Any]:
    ids = [f"i-bp1{number:05}" for number in range(count)]
    content = {"lifecycleHookId": "ash-1", "lifecycleActionToken": "token", "instanceIds": ids}
    return {"userId": "1234567890123456", "regionId": "cn-hangzhou", "content": content}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(json.dumps([1] * MANY), id="list"),
        pytest.param(json.dumps(json.dumps([1] * MANY)), id="list-in-a-text"),
        pytest.param(json.dumps(["12345"] * MANY), id="list-of-more-than-4-KB"),
        pytest.param(json.dumps({"body": [1] * MANY, "attrs": {}}), id="list-in-a-wrapper"),
        pytest.param(json.dumps([[1] * 500] * 3), id="lists-in-a-list"),
        pytest.param(json.dumps(_hook(MANY)), id="hook"),
    ],
)
def test_a_message_with_too_many_records_is_refused_whole(body: str) -> None:
    """One answer says how many there are and how many are read; the neighbours are read as ever."""
    first, refused, last = parse(
        json.dumps(queue_event(*[json.dumps(request()), body, json.dumps(request())])).encode()
    )

    assert isinstance(first.content, VpcAccess)
    assert isinstance(last.content, VpcAccess)
    assert isinstance(refused.content, Invalid)
    assert not refused.content.retry
    counted = "more than 1000" if body.startswith("[[") else "1001"  # as far as a list was read, or all of it
    assert f"the message holds {counted} records, at most {MAX_PER_MESSAGE} are read" in refused.content.text
    assert (refused.original == UNWRITABLE) == body.startswith("[[")


@pytest.mark.parametrize("count", [1, 20, MAX_PER_MESSAGE])
def test_as_many_as_are_allowed_are_read(count: int) -> None:
    """The bound is for one message, and a hook may name that many instances."""
    records = parse(json.dumps(queue_event(json.dumps(_hook(count)))).encode())

    assert len(records) == count
    assert all(isinstance(record.content, Appeared) for record in records)


def test_a_batch_may_hold_more_than_a_message() -> None:
    """Ten thousand messages with one request each are ten thousand records."""
    records = parse(json.dumps(queue_event(*[json.dumps(request())] * 3 * MAX_PER_MESSAGE)).encode())

    assert len(records) == 3 * MAX_PER_MESSAGE


def test_a_message_that_does_not_fit_any_more_is_left_for_the_next_delivery() -> None:
    """The event's own bound cuts between messages, so that no hook is answered for a part of its instances."""
    size = MAX_PER_MESSAGE - 1
    bodies = [json.dumps(_hook(size))] * (MAX_RECORDS // size + 1)
    *records, rest = parse(json.dumps(queue_event(*bodies)).encode())

    assert len(records) % size == 0
    assert isinstance(rest.content, Invalid)
    assert rest.content.retry


def _told(invoke: Invoker) -> list[str]:
    """Return of each result what it says, about whom, and about whom else."""
    found = [(message["type"].removeprefix("vpcaccess."), message["data"]) for message in invoke.messages()]
    return [f"{kind} {data['InstanceId']} {'+'.join(data.get('InstanceIds', []))}".strip() for kind, data in found]


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        pytest.param([["i-1", "i-2"]], ["authorized i-1", "authorized i-2"], id="all-found"),
        pytest.param([["i-1", "i-8"]], ["authorized i-1", "failed i-8"], id="one-not-found"),
        pytest.param([["i-8", "i-1", "i-9"]], ["authorized i-1", "failed i-8 i-8+i-9"], id="two-not-found"),
        pytest.param([["i-8"] * 3], ["failed i-8"], id="one-three-times"),
        pytest.param([["i-!8", "i-!9"]], ["rejected i-!8 i-!8+i-!9"], id="two-that-nothing-can-have"),
        pytest.param([["i-8", "i-!8", "i-9"]], ["rejected i-!8", "failed i-8 i-8+i-9"], id="each-reason-by-itself"),
        pytest.param([["i-3", "i-4"]], ["rejected i-3", "rejected i-4"], id="found-with-a-wrong-tag"),
        pytest.param([["i-8", "i-9"], ["i-8"]], ["failed i-8", "failed i-8 i-8+i-9"], id="each-hook-by-itself"),
    ],
)
def test_one_result_tells_of_all_that_are_not_found(invoke: Invoker, ids: list[list[str]], told: list[str]) -> None:
    """Of an announcement, for one reason; what was found has a result of its own, and so has each announcement."""
    tags = {"i-1": "8080", "i-2": "8080", "i-3": "http", "i-4": "http"}
    invoke.given(
        instances=[{"InstanceId": item, "VpcId": VPC, "Tags": {"apigateway-port": port}} for item, port in tags.items()]
    )
    hooks = [_hook(0) for _ in ids]
    for number, (hook, instance_ids) in enumerate(zip(hooks, ids, strict=True)):
        hook["content"] |= {"instanceIds": instance_ids, "lifecycleHookId": f"ash-{number}"}
    invoke(queue_event(json.dumps(hooks)), timeout=4)

    assert sorted(_told(invoke)) == sorted(told)


def test_one_result_names_as_many_as_an_announcement_may_have(invoke: Invoker) -> None:
    """A thousand instances with ids of the length that the products make fit into it."""
    hook = _hook(0)
    hook["content"]["instanceIds"] = ids = [f"i-{number:020}" for number in range(MAX_PER_MESSAGE)]
    invoke(queue_event(json.dumps(hook)), timeout=4)
    (message,) = invoke.messages()

    assert message["data"]["InstanceIds"] == ids


def test_each_message_has_its_answer(invoke: Invoker) -> None:
    """The same announcement in two messages has two results: a producer looks for the id of its own."""
    body = json.dumps(_hook(2))
    invoke(queue_event(body, body), timeout=4)

    assert len({message["data"]["SourceMessageId"] for message in invoke.messages()}) == 2


def test_who_is_spoken_for_is_due_and_keeps_the_hook_waiting(invoke: Invoker) -> None:
    """That one result speaks for all changes nothing for the event: it comes again, and then each has its answer."""
    invoke.given(hooks=[{"LifecycleHookId": "ash-1", "LifecycleActionToken": "token"}])
    event = queue_event(json.dumps(_hook(3)))
    first = invoke(event, timeout=4)
    told = _told(invoke)
    tagged = {"VpcId": VPC, "Tags": {"apigateway-port": "8080"}}
    invoke.given(instances=[{"InstanceId": f"i-bp1{number:05}", **tagged} for number in range(3)])
    waited = invoke.calls("ESS.RecordLifecycleActionHeartbeat")
    again = invoke(event)

    assert "3 of 3 records" in str(first.error)
    assert told == ["failed i-bp100000 i-bp100000+i-bp100001+i-bp100002"]
    assert len(waited) == 1
    assert again.error is None
    assert _told(invoke) == [f"authorized i-bp1{number:05}" for number in range(3)]
