"""A message to a queue: it shows when it is to, whatever the queue's own delay, and as it was sent."""

from __future__ import annotations

from base64 import b64decode

import pytest

from shared.cloud.smq import SmqQueue
from shared.errors import CloudRefused, OperatorNeeded
from shared.flow.engine import Invocation
from tests.invoking import Invoker


def _queue(invoke: Invoker, name: str = "delays") -> SmqQueue:
    session = invoke.configure().session(Invocation("r", 60.0, lambda: invoke.credentials))
    return SmqQueue(session, "http://127.0.0.1:8080", name)


def _shown(invoke: Invoker) -> list[str]:
    found = invoke.served.products["SMQ"].receive("delays", 16)
    return [b64decode(message.body, validate=True).decode() for message in found]


@pytest.mark.parametrize("own", [0, 3_600], ids=["plain", "of-a-queue-that-delays"])
@pytest.mark.parametrize("delay", [0, 1, 30, 86_400])
def test_a_message_shows_after_its_delay(invoke: Invoker, delay: int, own: int) -> None:
    """A delay of 0 is one, too: the queue's own does not take its place."""
    invoke.given(queues=[{"QueueName": "delays", "DelaySeconds": own}])
    text = '{"name": "orders-prod <&> ü"}'

    assert _queue(invoke).send(text, delay)

    if delay:
        invoke.clock.advance(delay - 1)
        assert _shown(invoke) == []
        invoke.clock.advance(1)
    assert _shown(invoke) == [text]


@pytest.mark.parametrize("delay", [-1, 604_801])
def test_a_delay_that_no_queue_takes_is_refused(invoke: Invoker, delay: int) -> None:
    """Nothing is sent then."""
    invoke.given(queues=["delays"])

    with pytest.raises(CloudRefused, match="DelaySeconds"):
        _queue(invoke).send("text", delay)
    assert _shown(invoke) == []


def test_a_queue_that_is_missing_is_the_operators(invoke: Invoker) -> None:
    """There are several queues, so the remedy names no single setting."""
    with pytest.raises(OperatorNeeded, match=r"Create it, or correct the \*_QUEUE setting") as refused:
        _queue(invoke, "nowhere").send("text")
    assert refused.value.code == "QueueNotExist"
