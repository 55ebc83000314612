"""When an announcement was made, as far as its sender tells."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.events.parsing import parse
from shared.model.age import announced_at
from shared.model.records import Appeared
from tests.invoking import queue_event, request, state_change

EVENTS = Path(__file__).parents[3] / "events"
NOON = 1767586706.0  # 2026-01-05 04:18:26 UTC


def _announced(event: Any) -> list[float | None]:
    return [announced_at(record) for record in parse(json.dumps(event).encode())]


@pytest.mark.parametrize(
    "name",
    [
        "ecs/running.json",
        "cloudmonitor/running.json",
        "cloudmonitor/in-a-queue.json",
        "cloudmonitor/subscription.json",
        "actiontrail/record-alone.json",
        "actiontrail/run-instances.json",
        "ess/hook-via-eventbridge.json",
        "slb/create-load-balancer.json",
    ],
)
def test_every_kind_of_announcement_tells_its_time(name: str) -> None:
    """Each sender's own field and form is read, also inside a queue's message."""
    records = parse((EVENTS / name).read_bytes())

    assert {announced_at(record) for record in records if isinstance(record.content, Appeared)} == {NOON}


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        pytest.param("2026-01-05T04:18:26Z", NOON, id="utc"),
        pytest.param("2026-01-05T12:18:26.922+08:00", NOON, id="ahead"),
        pytest.param("2026-01-04T23:48:26-04:30", NOON, id="behind"),
        pytest.param("20260105T121826.922+0800", NOON, id="without-signs"),
        pytest.param(1767586706000, NOON, id="milliseconds"),
        pytest.param("2026-01-05T04:18:26", None, id="no-zone"),
        pytest.param("2026-01-05T12:18:26Asia/Shanghai", None, id="named-zone"),
        pytest.param("2026-13-05T04:18:26Z", None, id="month-13"),
        pytest.param("0000-01-05T04:18:26Z", None, id="year-0"),
        pytest.param("\u0662026-01-05T04:18:26Z", None, id="other-digits"),
        pytest.param("yesterday", None, id="word"),
        pytest.param(10**400, None, id="huge"),
        pytest.param(10**12 + 1, 10**9 + 0.001, id="earliest-milliseconds"),
        pytest.param(10**12, None, id="too-few-milliseconds"),
        pytest.param(10**14 - 1, 10**11 - 0.001, id="latest-milliseconds"),
        pytest.param(10**14, None, id="too-many-milliseconds"),
        pytest.param(1767586706, None, id="seconds"),
        pytest.param(-1, None, id="negative"),
        pytest.param(True, None, id="boolean"),
        pytest.param(None, None, id="null"),
        pytest.param(["2026-01-05T04:18:26Z"], None, id="list"),
    ],
)
def test_only_a_moment_with_its_zone_is_one(time: Any, seconds: float | None) -> None:
    """What cannot be read for certain is not told at all: nothing ends because of a guess."""
    assert _announced(state_change(time=time)) == [seconds]


def test_an_original_that_is_a_text_tells_none() -> None:
    """What is announced in a text that is no JSON has no field to read a time from."""
    (record,) = parse(json.dumps(state_change()).encode())

    assert announced_at(record._replace(original="Running")) is None


def test_requests_and_hooks_messages_tell_none() -> None:
    """A queue's message may be old when it is first delivered, and a hook's message has no time."""
    hook = json.loads((EVENTS / "ess" / "hook-via-queue.json").read_text(encoding="utf-8"))

    assert _announced(queue_event(json.dumps(request()))) == [None]
    assert set(_announced(hook)) == {None}
