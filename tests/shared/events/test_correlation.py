"""How a producer finds its own results: by the value that it gave, the place in its list, the call that answered."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from shared.events.parsing import parse
from shared.events.text import MAX_RECORD_BYTES
from tests.invoking import Invoker, moving, queue_event, request, state_change

LONG = "c" * 129


def ordered(value: Any, **changes: Any) -> dict[str, Any]:
    """Return a request with a Correlation."""
    return request(Correlation=value, **changes)


def posted(body: Any) -> dict[str, Any]:
    """Return what the HTTP trigger makes of a body."""
    context = {"requestId": "1-65e0", "http": {"method": "POST", "path": "/"}}
    whole = {"version": "v1", "rawPath": "/", "headers": {}, "requestContext": context}
    return {**whole, "body": json.dumps(body), "isBase64Encoded": False}


@pytest.mark.parametrize(
    ("event", "found"),
    [
        pytest.param(ordered("a"), [("a", "")], id="by-hand"),
        pytest.param([ordered("a"), ordered("b")], [("a", "[0]"), ("b", "[1]")], id="list-by-hand"),
        pytest.param([[ordered("a")], ordered("b")], [("a", "[0][0]"), ("b", "[1]")], id="list-in-a-list"),
        pytest.param(
            queue_event(json.dumps([ordered("a"), ordered("b")])), [("a", "[0]"), ("b", "[1]")], id="list-in-a-message"
        ),
        pytest.param(
            queue_event(json.dumps(ordered("a")), json.dumps([ordered("b")])),
            [("a", ""), ("b", "[0]")],
            id="place-in-the-batch-is-not-told",
        ),
        pytest.param(
            [{"body": json.dumps([ordered("a")]), "attrs": {}}, {"body": json.dumps(ordered("b")), "attrs": {}}],
            [("a", "[0]"), ("b", "")],
            id="batch-without-ids",
        ),
        pytest.param(posted([ordered("a"), ordered("b")]), [("a", "[0]"), ("b", "[1]")], id="list-over-http"),
        pytest.param(posted(ordered("a")), [("a", "")], id="one-over-http"),
        pytest.param([json.dumps(ordered("a"))], [("a", "[0]")], id="text-in-a-list"),
        pytest.param(b64encode(json.dumps([ordered("a")]).encode()).decode(), [("a", "[0]")], id="base64"),
        pytest.param(ordered("a", Port=None), [("a", "")], id="request-without-a-port"),
        pytest.param(ordered("a", Description="d" * MAX_RECORD_BYTES), [("a", "")], id="request-that-is-too-large"),
        pytest.param(ordered(LONG), [("", "")], id="too-long-to-be-given-back"),
        pytest.param(ordered("a\x1b[31m"), [("", "")], id="control-sequence"),
        pytest.param(ordered(4711), [("", "")], id="number"),
        pytest.param(state_change(), [("", "")], id="announcement"),
    ],
)
def test_a_record_knows_its_correlation_and_place(event: Any, found: list[tuple[str, str]]) -> None:
    """Each record of what a producer sent, also one that is rejected, can be told from the others."""
    records = parse(json.dumps(event).encode())

    assert [(getattr(record.content, "correlation", ""), record.place) for record in records] == found


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        pytest.param(ordered("order 4711"), "authorized", id="authorized"),
        pytest.param(ordered("order 4711", Port=22), "refused", id="refused"),
        pytest.param(ordered("order 4711", VpcId=None), "rejected", id="rejected"),
    ],
)
def test_a_result_gives_back_what_its_request_said(invoke: Invoker, asked: dict[str, Any], kind: str) -> None:
    """Result, summary and log have the Correlation; the result has the place and the id of the invocation, too."""
    answer = invoke(queue_event(json.dumps([request(Name="first", Port=443), asked])))
    first, second = sorted(invoke.messages(), key=lambda message: message["data"]["Place"])

    assert second["type"] == f"vpcaccess.{kind}"
    assert {name: second["data"].get(name) for name in ("Correlation", "Place", "InvocationId")} == {
        "Correlation": "order 4711",
        "Place": "[1]",
        "InvocationId": "req-1",
    }
    assert "Correlation" not in first["data"]
    assert answer.summary["request_id"] == "req-1"
    assert [line.get("correlation") for line in answer.results] == [None, "order 4711"]
    assert [line.get("correlation") for line in invoke.lines() if line["event"] == "record"].count("order 4711") == 1


def test_requests_for_the_same_are_answered_each_by_its_value(invoke: Invoker) -> None:
    """Two producers ask for one authorization in one batch: it is made once, and each finds its own result."""
    invoke(queue_event(json.dumps(ordered("a")), json.dumps(ordered("b"))))

    assert [(message["data"]["Correlation"], message["type"]) for message in invoke.messages()] == [
        ("a", "vpcaccess.authorized"),
        ("b", "vpcaccess.unchanged"),
    ]
    assert len(invoke.accesses()) == 1


def test_another_correlation_is_the_same_authorization(invoke: Invoker) -> None:
    """The message sent again with another value, or none, changes nothing at the gateway and answers under the same id."""
    invoke.configure(ON_CONFLICT="replace")
    for value in ("a", "b", None):
        invoke(queue_event(json.dumps(ordered(value))))
    messages = invoke.messages()

    assert [message["type"] for message in messages] == ["vpcaccess.authorized"] + ["vpcaccess.unchanged"] * 2
    assert len({message["id"] for message in messages}) == 1
    assert invoke.calls("CloudAPI.SetVpcAccess") == ["CloudAPI.SetVpcAccess"]
    assert "Differs" not in messages[-1]["data"]


def test_a_request_that_moves_a_name_has_one_too(invoke: Invoker) -> None:
    """The result of a replacement gives the value back as any other."""
    invoke.configure(ON_CONFLICT="replace")
    invoke(request())
    invoke(moving(Correlation="move", Port=443))

    assert [(message["type"], message["data"].get("Correlation")) for message in invoke.messages()] == [
        ("vpcaccess.authorized", None),
        ("vpcaccess.replaced", "move"),
    ]
