"""What one message may hold: it is read as a whole or refused as a whole, and gives its original once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.events.parsing import MAX_PER_MESSAGE, MAX_RECORDS, parse
from shared.model.access import VpcAccess
from shared.model.records import Appeared, Invalid
from tests.invoking import VPC, Invoker, queue_event, request, state_change

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
    assert f"at most {MAX_PER_MESSAGE} are read" in refused.content.text


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


def test_parts_of_a_message_do_not_repeat_its_original(invoke: Invoker) -> None:
    """The first part that is turned down gives the original, the others name the result that has it."""
    instance = {"InstanceId": "i-bp1example0001", "VpcId": VPC, "Tags": {"apigateway-port": "22,23,24"}}
    invoke.given(instances=[instance])
    invoke(state_change())
    first, *others = [message for message in invoke.messages() if message["type"] == "vpcaccess.refused"]

    assert "StateChange" in first["data"]["Original"]
    assert len(others) == 2
    assert all("Original" not in other["data"] for other in others)
    assert {other["data"]["OriginalIn"] for other in others} == {first["id"]}
