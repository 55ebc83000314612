"""Hostile messages before an honest one: it is answered in the first delivery, and little is published for them.

The clock is virtual: every call takes 50 ms, the pace is the default, and the trigger does as the template's does. It
hands over at most 100 messages at once and delivers the same event again after an error.
"""

from __future__ import annotations

import json
import string
from base64 import b64decode
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest

from tests.deployed import template
from tests.invoking import VPC, Invoker, queue_event, request

LATENCY = 0.05  # seconds a call
TIMEOUT = 120.0  # seconds of an invocation; 2 of them are kept for its report
TRIES, BETWEEN = 4, 20.0  # deliveries of a batch, and seconds between them (BACKOFF_RETRY)
LARGEST = 58_000  # bytes of a message
MOST_PUBLISHED = 20  # bytes published for each byte received
INNOCENT = request(Name="innocent", InstanceId="i-bp1innocent1")
_DIGITS = string.digits + string.ascii_letters


class Played(NamedTuple):
    """What a scene came to: ``deliveries`` until the innocent was answered, and the bytes received and published."""

    deliveries: int
    received: int
    published: int
    records: int  # results published

    @property
    def ratio(self) -> float:
        return self.published / self.received


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _packed(items: Iterable[Any]) -> list[str]:
    """Return messages that hold lists of the items, each as large as SMQ takes."""
    messages, held, size = list[str](), list[Any](), 2
    for item in items:
        length = len(_text(item)) + 1
        if size + length > LARGEST:
            messages.append(_text(held))
            held, size = [], 2
        held.append(item)
        size += length
    return [*messages, _text(held)]


def _invented(count: int) -> list[str]:
    """Return ids as short as they can be: the more of them a message holds, the worse."""
    pairs = [a + b for a in ("", *_DIGITS) for b in _DIGITS]
    return [f"i-{text}" for text in (pairs + [a + b for a in _DIGITS for b in pairs])[:count]]


def _hook(number: int, instance_ids: list[str]) -> dict[str, Any]:
    return {
        "userId": "1234567890123456",
        "regionId": "cn-hangzhou",
        "content": {
            "lifecycleHookId": f"ash-{number}",
            "lifecycleActionToken": f"{number:08}-F794-449A-ACF6-CEE24444F7BB",
            "lifecycleTransition": "SCALE_OUT",
            "instanceIds": instance_ids,
        },
    }


def _activity(instance_ids: list[str]) -> dict[str, Any]:
    return {
        "id": "activity-1",
        "source": "acs.ess",
        "specversion": "1.0",
        "type": "ess:ScalingActivity:ScaleOutSuccess",
        "data": {"instanceIds": instance_ids},
    }


def _requests(first: int, count: int, **changes: Any) -> list[dict[str, Any]]:
    """Return requests that policy allows, no two of them for one target or of one name."""
    return [
        request(**{"Name": f"n-{n}", "InstanceId": f"i-bp1h{n // 1000}", "Port": 8000 + n % 1000, **changes})
        for n in range(first, first + count)
    ]


def _one_balancer() -> list[str]:
    return _packed(_requests(0, 1_240, InstanceId="lb-bp1invented"))


SCENES: dict[str, tuple[Callable[[], list[str]], dict[str, str]]] = {
    "8900-ids": (lambda: [_text(_hook(1, _invented(8_900)))], {}),
    "two-of-12000-ids": (lambda: [_text(_hook(n, _invented(12_000))) for n in (1, 2)], {}),
    "4000-ids": (lambda: [_text(_hook(1, _invented(4_000)))], {}),
    "two-of-1000-ids": (lambda: [_text(_hook(n, _invented(1_000))) for n in (1, 2)], {}),
    "99-hooks-of-20-ids": (lambda: [_text(_hook(n, _invented(20))) for n in range(99)], {}),
    "1000-malformed-ids": (lambda: [_text(_hook(1, ["i-1", *(f"i-!{n}" for n in range(999))]))], {}),
    "one-id-1000-times": (lambda: [_text(_hook(1, ["i-1"] * 1_000))], {}),
    "activity-of-1000-ids": (lambda: [_text(_activity(_invented(1_000)))], {}),
    "1240-of-one-balancer": (_one_balancer, {"VERIFY_TARGET": "true"}),
    "9x520-allowed": (lambda: [_text(_requests(520 * n, 520)) for n in range(9)], {}),
    "1240-forged-hooks": (lambda: _packed(_hook(n, [f"i-{n}"]) for n in range(1_240)), {}),
}


def play(invoke: Invoker, bodies: list[str]) -> Played:
    """Deliver the messages in one batch until the last of them is answered, at most as often as the trigger does."""
    event = queue_event(*bodies)
    last = event[-1]["data"]["messageId"]
    invoke.before = lambda _: invoke.clock.advance(LATENCY)
    published = records = 0
    for delivery in range(1, TRIES + 1):
        error = invoke(event, TIMEOUT).error
        answered = False
        while found := invoke.served.products["SMQ"].receive("results", 16):
            for message in found:
                invoke.served.products["SMQ"].delete("results", message.receipt_handle)
                published += len(message.body)
                records += 1
                result = json.loads(b64decode(message.body))
                answered |= result["type"] == "vpcaccess.authorized" and result["data"]["SourceMessageId"] == last
        received = delivery * sum(map(len, bodies))
        if answered or error is None:
            return Played(delivery if answered else 0, received, published, records)
        invoke.clock.advance(BETWEEN)
    return Played(0, received, published, records)


def _played(invoke: Invoker, hostile: list[str], last: Any, record: Callable[[str, object], None]) -> Played:
    """Play the last message behind the hostile ones, and note what it came to."""
    window = template().properties("RequestTrigger")["TriggerConfig"]["runOptions"]["batchWindow"]
    assert len(hostile) < window["CountBasedWindow"]
    played = play(invoke, [*hostile, _text(last)])
    figures = {**played._asdict(), "ratio": round(played.ratio, 2)}
    for name, figure in figures.items():
        record(name, figure)
    print(f"{len(hostile)} hostile messages: {figures}")  # pytest -rP shows it
    return played


@pytest.mark.parametrize("scene", SCENES)
def test_the_innocent_is_answered_in_the_first_delivery(
    invoke: Invoker, scene: str, record_property: Callable[[str, object], None]
) -> None:
    """Whatever comes before it in the batch, an honest request waits for no second delivery, and no flood is published."""
    hostile, settings = SCENES[scene]
    invoke.configure(MAX_CALLS_PER_SECOND="10", **settings)
    invoke.given(instances=[{"InstanceId": INNOCENT["InstanceId"], "VpcId": VPC}])
    played = _played(invoke, hostile(), INNOCENT, record_property)

    assert played.deliveries == 1
    assert played.ratio < MOST_PUBLISHED


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(list, id="alone"),
        pytest.param(SCENES["1240-forged-hooks"][0], id="behind-1240-forged-hooks"),
        pytest.param(lambda: [_text(_hook(n, _invented(1_000))) for n in (1, 2)], id="behind-two-of-1000-ids"),
    ],
)
def test_an_honest_hook_is_completed_in_the_first_delivery(
    invoke: Invoker, hostile: Callable[[], list[str]], record_property: Callable[[str, object], None]
) -> None:
    """A hook of twenty instances goes on at once; two forged ones as large as a message may be do not delay it."""
    ids = [f"i-bp1example{number:04}" for number in range(20)]
    tagged = [{"InstanceId": item, "VpcId": VPC, "Tags": {"apigateway-port": "8080"}} for item in ids]
    hook = _hook(9_999, ids)
    waiting = {
        name: hook["content"][name[0].lower() + name[1:]] for name in ("LifecycleHookId", "LifecycleActionToken")
    }
    invoke.given(instances=tagged, hooks=[waiting])
    invoke.configure(MAX_CALLS_PER_SECOND="10")
    played = _played(invoke, hostile(), hook, record_property)

    assert played.deliveries == 1
    (action,) = invoke.served.products["ESS"].state()["lifecycle_actions"]
    assert action["LifecycleActionResult"] == "CONTINUE"
