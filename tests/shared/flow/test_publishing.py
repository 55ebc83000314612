"""Results that cannot be published: what is said of it where, and what time is left for one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.invoking import VPC, Invoker, request, state_change


def _said(invoke: Invoker, event: str) -> list[dict[str, Any]]:
    return [line for line in invoke.lines() if line["event"] == event]


@pytest.mark.parametrize(
    ("port", "outcome", "reason", "begins"),
    [
        pytest.param(8080, "authorized", "TopicNotExist", "the result was not published: ", id="nothing-else-to-say"),
        pytest.param(22, "refused", "PortNotAllowed", "port 22 is not", id="behind-its-own-reason"),
    ],
)
def test_a_result_without_a_topic_is_told_in_the_log(
    invoke: Invoker, port: int, outcome: str, reason: str, begins: str
) -> None:
    """The record stays due; its line says what became of it, for its own reason if it has one, and that nobody was told."""
    invoke.configure(RESULT_TOPIC="not-there")
    answer = invoke(request(Port=port))
    (error,), (line,) = _said(invoke, "result not published"), _said(invoke, "record")

    assert "1 of 1 records" in str(answer.error)
    assert (error["level"], error["code"]) == ("ERROR", "TopicNotExist")
    assert (line["outcome"], line["reason"], line["retry"]) == (outcome, reason, True)
    assert line["text"].startswith(begins)
    assert line["text"].count("the result was not published: ") == 1


@pytest.mark.parametrize(
    ("left", "published"), [pytest.param(0.6, True, id="more"), pytest.param(0.49, False, id="less")]
)
def test_a_result_needs_half_a_second(invoke: Invoker, left: float, *, published: bool) -> None:
    """With less none is begun, which fills the log with no errors: the next delivery tells what this one has done."""
    end = invoke.clock.now() + 60 - 2  # which are kept for the report

    def after(operation: str) -> None:
        if operation == "SetVpcAccess":
            invoke.clock.advance(end - left - invoke.clock.now())

    invoke.after = after
    answer = invoke(request(), timeout=60)

    assert (answer.error is None) == published
    assert len(invoke.messages()) == published
    assert [(line["level"], line["code"]) for line in _said(invoke, "result not published")] == (
        [] if published else [("DEBUG", "OutOfTime")]
    )
    assert published or "its result needs 0.5 s" in _said(invoke, "record")[0]["text"]


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        pytest.param("releases", [("scheduled", None)], id="queue"),
        pytest.param("", [("failed", "Settings")], id="none"),
    ],
)
def test_a_release_is_scheduled_where_there_is_a_queue(
    releasing: Invoker, queue: str, said: list[tuple[str, str | None]]
) -> None:
    """Without RELEASE_QUEUE the end of a backend stays due, and its line names the setting."""
    releasing.configure(RELEASE_QUEUE=queue)
    marks = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
    releasing.given(entries=[request(Tag=marks)], instances=[{"InstanceId": "i-bp1living0001", "VpcId": VPC}])
    releasing(state_change(state="Deleted"))
    lines = _said(releasing, "record")

    assert [(line["outcome"], line.get("reason")) for line in lines] == said
    assert ("RELEASE_QUEUE is missing" in lines[0]["text"]) == (not queue)
    assert releasing.calls().count("SMQ.SendMessage") == bool(queue)


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


def test_a_dry_run_leaves_a_line(invoke: Invoker) -> None:
    """Nobody is told what was planned, so that the log has it, record by record."""
    invoke.configure(DRY_RUN="true")
    invoke([request(), request(Port=22)])
    lines = _said(invoke, "record")

    assert [(line["outcome"], line["reason"]) for line in lines] == [
        ("planned", "create"),
        ("planned", "refuse: PortNotAllowed"),
    ]
    assert invoke.messages() == []
