"""The messages of the names queue: what was written is read again as it was, and what is not whole is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.events.naming import naming_message
from shared.events.parsing import parse
from shared.model.records import Held, Hint, Hook, Invalid, Leaving, Move, Naming
from tests.invoking import queue_event

REGION = "cn-hangzhou"
PREVIOUS, TARGET = ("vpc-1", "i-1", 1), ("vpc-1", "i-2", 65_535)
MOVE = Move("orders", REGION, "id-1", PREVIOUS, TARGET, "Stopped", "2026-01-05T03:58Z", "task-1", 2, 1_767_586_700)
LEAVING = Leaving(Hook("ash-1", "token"), "SCALE_IN", ("i-1", "i-2"), REGION, "1234567890123456")
HELD = Held(LEAVING, 1_767_586_700, (("task-1", 3), ("task-2", 0)), ("orders", "carts"), extended=True)
NOT_OF_A_HOOK: dict[str, list[Any]] = {
    "LifecycleHookId": ["", 1],
    "LifecycleActionToken": [None, ""],
    "InstanceIds": [None, [], "i-1", [1]],
    "FirstSeen": [None, -1, True, 1.5, "1"],
}
NOT_OF_A_MOVE: dict[str, list[Any]] = {
    "Writes": [None, -1, True, "1"],
    "Since": [None, -1, False, 0.5],
    "Previous": [None, "vpc-1", ["vpc-1", "i-1"], ["vpc-1", "i-1", 80, 80]],
    "MovedTo": [
        None,
        ["", "i-1", 80],
        ["vpc-1", 7, 80],
        *(["vpc-1", "i-1", port] for port in (0, 65_536, True, "80", 80.0)),
    ],
}
NAMED: dict[str, dict[str, Any]] = {
    type(content).__name__: json.loads(naming_message(content))["NamedBackend"] for content in (MOVE, HELD)
}


def read(named: dict[str, Any]) -> Naming | Invalid:
    """Return what a message of the queue says."""
    body = json.dumps({"NamedBackend": named, "RegionId": REGION, "Because": "SCALE_IN"})
    (record,) = parse(json.dumps(queue_event(body)).encode())
    assert isinstance(record.content, (Hint, Move, Held, Invalid))
    return record.content


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(Hint("orders", REGION, "it has stopped"), id="hint"),
        pytest.param(Hint("orders", REGION, "it has appeared", "i-1"), id="hint-of-an-instance"),
        pytest.param(Hint("orders", REGION, "move", "", "i-2", "w-1"), id="wish"),
        pytest.param(MOVE, id="move"),
        pytest.param(MOVE._replace(started="", operation_id="", writes=0, since=0), id="move-not-begun"),
        pytest.param(HELD, id="hook"),
        pytest.param(Held(LEAVING._replace(account_id=""), 0), id="hook-not-seen-before"),
    ],
)
def test_what_is_written_is_read_again(content: Naming) -> None:
    """A message comes back as what it was, whichever of its fields are empty."""
    (record,) = parse(json.dumps(queue_event(naming_message(content))).encode())

    assert record.content == content


def test_a_message_takes_no_more_room_than_its_text() -> None:
    """What a person has written is not turned into escapes, which are six times as long."""
    assert "订单" in naming_message(Hint("订单", REGION, "move"))


@pytest.mark.parametrize(
    ("because", "read_again"), [("", "not said"), ("x" * 256, "x" * 256), ("x" * 257, "x" * 256)], ids=len
)
def test_a_reason_is_never_empty_and_never_long(because: str, read_again: str) -> None:
    """Without one, or with a long one, the message would not be known for one of ours."""
    (record,) = parse(json.dumps(queue_event(naming_message(Hint("orders", REGION, because)))).encode())

    assert record.content == Hint("orders", REGION, read_again)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        pytest.param(kind, field, value, id=f"{kind}-{field}-{value}")
        for kind, fields in (("Held", NOT_OF_A_HOOK), ("Move", NOT_OF_A_MOVE))
        for field, values in fields.items()
        for value in values
    ],
)
def test_a_message_that_is_not_whole_is_refused(kind: str, field: str, value: Any) -> None:
    """It says which fields are needed, and that nobody is to write such messages by hand."""
    content = read({**NAMED[kind], field: value})

    assert isinstance(content, Invalid)
    assert content.text.startswith({"Held": "a hook needs Lifecycle", "Move": "a move needs Previous"}[kind])
    assert content.name == {"Held": "", "Move": "orders"}[kind]
    assert content.text.endswith("do not send them by hand")


def test_a_message_without_a_name_is_refused() -> None:
    """A move and a hint are about a name."""
    without = {key: value for key, value in NAMED["Move"].items() if key != "Name"}

    assert [isinstance(read(named), Invalid) for named in (without, {"InstanceId": "i-1"})] == [True, True]


@pytest.mark.parametrize(
    ("tasks", "kept"),
    [
        pytest.param("task-1", (), id="no-list"),
        pytest.param(["task-1"], (), id="no-pair"),
        pytest.param([["task-1"]], (), id="one-of-a-pair"),
        pytest.param([["task-1", 1, 1]], (), id="three"),
        pytest.param([["", 1]], (), id="empty"),
        pytest.param([["task-1", "1"]], (), id="text"),
        pytest.param([["task-1", True], ["task-2", 1]], (("task-2", 1),), id="boolean"),
    ],
)
def test_tasks_that_are_none_are_left_out(tasks: Any, kept: tuple[tuple[str, int], ...]) -> None:
    """The hook is looked at with what can be read."""
    content = read({**NAMED["Held"], "Tasks": tasks})

    assert isinstance(content, Held)
    assert content.tasks == kept


@pytest.mark.parametrize(("value", "extended"), [(True, True), (False, False), (1, False), ("true", False)])
def test_a_hook_waits_longer_only_if_that_is_said(value: Any, *, extended: bool) -> None:
    """Anything but ``true`` says that its time was not extended."""
    content = read({**NAMED["Held"], "Extended": value})

    assert isinstance(content, Held)
    assert content.extended is extended
