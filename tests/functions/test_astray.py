"""What comes to a function that is not for it: it is ignored with a reason that says so, and nothing is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.events.naming import naming_message
from shared.model.records import Hint
from tests.invoking import Invoker, request, state_change
from tests.release_worlds import schedule

EVENTS = Path(__file__).resolve().parents[2] / "events"


def _file(path: str) -> Any:
    return json.loads((EVENTS / path).read_text(encoding="utf-8"))


WANTED = request(Name="orders-prod")
SCHEDULE = json.loads(schedule({**WANTED, "VpcAccessId": "id-1", "CreatedTime": "2026-01-05T04:00:00Z"}))
HINT = json.loads(naming_message(Hint("orders-prod", "cn-hangzhou", "has stopped")))
TIMER = {"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "hourly", "payload": ""}
SUCCEEDED = _file("fc-destination/succeeded.json")
STARTING = state_change(state="Starting")


@pytest.mark.parametrize(
    ("function", "event", "reason", "words"),
    [
        pytest.param("invoke", SCHEDULE, "schedule", "the release of 'orders-prod' is not", id="authorize-schedule"),
        pytest.param("invoke", HINT, "names", "a message of the names queue is not", id="authorize-hint"),
        pytest.param("invoke", TIMER, "timer", "timer hourly", id="authorize-timer"),
        pytest.param("invoke", SUCCEEDED, "succeeded", "nothing is left to do", id="authorize-succeeded"),
        pytest.param("invoke", STARTING, "state", "i-bp1example0001 is Starting", id="authorize-starting"),
        pytest.param("releasing", WANTED, "request", "send it to the queue of set_vpc_access", id="release-request"),
        pytest.param("releasing", HINT, "names", "a message of the names queue is not", id="release-hint"),
        pytest.param("releasing", TIMER, "timer", "timer hourly", id="release-timer"),
        pytest.param("releasing", SUCCEEDED, "succeeded", "nothing is left to do", id="release-succeeded"),
        pytest.param("releasing", STARTING, "state", "may come back", id="release-starting"),
        pytest.param("naming", WANTED, "not-a-name", "send events and requests to set_vpc_access", id="names-request"),
        pytest.param("naming", SCHEDULE, "not-a-name", "hears of names only", id="names-schedule"),
        pytest.param("naming", TIMER, "not-a-name", "hears of names only", id="names-timer"),
        pytest.param("naming", STARTING, "state", "only Stopped and Deleted are ends", id="names-starting"),
        pytest.param("sweeping", WANTED, "not-a-timer", "acts on its timer only", id="sweep-request"),
        pytest.param("sweeping", SCHEDULE, "not-a-timer", "acts on its timer only", id="sweep-schedule"),
    ],
)
def test_what_is_for_another_function_is_ignored(
    request: pytest.FixtureRequest, function: str, event: dict[str, Any], reason: str, words: str
) -> None:
    """A trigger on the wrong queue does no harm, and whoever reads the log knows what came astray."""
    invoker: Invoker = request.getfixturevalue(function)
    assert invoker(event).error is None
    (line,) = [line for line in invoker.lines() if line["event"] == "record"]

    assert (line["outcome"], line["reason"]) == ("ignored", reason)
    assert words in line["text"]
    assert invoker.calls() == []
