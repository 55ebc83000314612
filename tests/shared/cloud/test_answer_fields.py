"""The fields of a successful answer: read in the forms that are documented, and doubt in every other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.cloud.answers import Answer, message_id
from shared.errors import Doubtful

DIGITS = "9" * 18
Read = Callable[[Answer], Any]


def answer(**fields: Any) -> Answer:
    """Return what a successful call has answered."""
    return Answer.of("Describe", {}, json.dumps({"RequestId": "r", **fields}).encode())


def whole(one: Answer) -> int:
    """Read a whole number."""
    return one.whole("A")


def inner(one: Answer) -> Any:
    """Read an object that has to be there."""
    return one.required_object("A").fields


@pytest.mark.parametrize(
    ("read", "value", "told"),
    [
        pytest.param(whole, 0, 0, id="nothing"),
        pytest.param(whole, DIGITS, int(DIGITS), id="digits"),
        pytest.param(inner, {"B": 1}, {"B": 1}, id="object"),
        pytest.param(inner, {}, {}, id="empty-object"),
    ],
)
def test_a_documented_form_is_read(read: Read, value: Any, told: Any) -> None:
    """A number may stand in digits, and an object may be empty."""
    assert read(answer(A=value)) == told


@pytest.mark.parametrize(
    ("read", "value", "why"),
    [
        pytest.param(whole, f"{DIGITS}9", "A is missing or is not a whole number", id="too-many-digits"),
        pytest.param(whole, -1, "A is missing or is not a whole number", id="negative"),
        pytest.param(whole, True, "A is missing or is not a whole number", id="boolean"),
        pytest.param(inner, None, "A is missing", id="no-object"),
        pytest.param(inner, [], "A is not an object", id="list"),
    ],
)
def test_another_form_is_doubt(read: Read, value: Any, why: str) -> None:
    """The error says which field cannot be read; the call had succeeded."""
    with pytest.raises(Doubtful) as raised:
        read(answer(A=value))

    assert str(raised.value).count(f"cannot be read: {why}")
    assert (raised.value.code, raised.value.status, raised.value.request_id) == ("UnreadableAnswer", 200, "r")


def test_an_error_with_http_200_is_doubt() -> None:
    """An answer that has a Code is an error, whatever its status says, and its RequestId is that of the header."""
    with pytest.raises(Doubtful, match="it is an error with HTTP 200: Throttling") as raised:
        Answer.of("Describe", {"x-acs-request-id": "h"}, b'{"RequestId": "r", "Code": "Throttling"}')

    assert raised.value.request_id == "h"


def test_a_message_that_was_taken_has_an_id() -> None:
    """Without one nobody knows whether the topic has answered."""
    assert message_id("PublishMessage", 201, b"<Message><MessageId>m-1</MessageId></Message>") == "m-1"
    with pytest.raises(Doubtful, match="no MessageId") as raised:
        message_id("PublishMessage", 201, b"<Message><MessageId></MessageId></Message>")
    assert raised.value.status == 201
