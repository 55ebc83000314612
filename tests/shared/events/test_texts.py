"""Texts as others send them: every spelling of Base64, byte order marks, CloudEvents in bytes or in headers, in any wrapper."""

import codecs
import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.events.parsing import parse
from shared.model.access import VpcAccess
from shared.model.records import Appeared, Invalid, Record
from tests.events_table import EVENTS
from tests.invoking import queue_event, request, state_change

REQUEST = request(Name="orders 订单 ????>>>>")  # with bytes that the two alphabets of Base64 spell differently
ACCESS = VpcAccess("orders 订单 ????>>>>", "vpc-bp1example0001", "i-bp1example0001", 8080)
TEXT = json.dumps(REQUEST, ensure_ascii=False)
EVENT_ID = {"specversion": "1.0", "id": "e-1", "source": "deploy-pipeline", "type": "backend.ready"}


def only(event: Any) -> Record:
    """Return the one record of an event."""
    (record,) = parse(event if isinstance(event, bytes) else json.dumps(event).encode())
    return record


def http(body: str, headers: dict[str, str] | None = None, *, encoded: bool = False, number: int = 1) -> dict[str, Any]:
    """Return what the HTTP trigger delivers."""
    return {
        "version": "v1",
        "rawPath": "/",
        "headers": headers or {},
        "queryParameters": {},
        "body": body,
        "isBase64Encoded": encoded,
        "requestContext": {"requestId": f"1-{number}"},
    }


def dead_letter(payload: str) -> dict[str, Any]:
    """Return the record of an asynchronous invocation that failed."""
    context = {"requestId": "x", "functionArn": "acs:fc:r:a:functions/f", "condition": "UnhandledInvocationError"}
    return {"requestContext": context, "requestPayload": payload, "responseContext": {}, "responsePayload": ""}


SPELLINGS: dict[str, Callable[[bytes], str]] = {
    "standard": lambda raw: b64encode(raw).decode(),
    "wrapped": lambda raw: encodebytes(raw).decode(),
    "wrapped-crlf": lambda raw: encodebytes(raw).decode().replace("\n", "\r\n"),
    "url-safe": lambda raw: urlsafe_b64encode(raw).decode(),
    "url-safe-unpadded": lambda raw: urlsafe_b64encode(raw).decode().rstrip("="),
    "unpadded": lambda raw: b64encode(raw).decode().rstrip("="),
}
PLACES: dict[str, Callable[[str], Any]] = {
    "event": str.encode,
    "queue": queue_event,
    "http-body": http,
    "dead-letter": dead_letter,
    "queue-in-a-dead-letter": lambda text: dead_letter(json.dumps(queue_event(text))),
}
BASE64_PLACES: dict[str, Callable[[str], Any]] = {
    **PLACES,
    "http-body-marked": lambda text: http(text, encoded=True),
    "data_base64": lambda text: EVENT_ID | {"data_base64": text},
}


def test_the_sample_tells_the_alphabets_apart() -> None:
    """The text's Base64 has characters of its alphabet's own, and padding."""
    encoded = b64encode(TEXT.encode())

    assert {b"+", b"/", b"="} <= {encoded[place : place + 1] for place in range(len(encoded))}


@pytest.mark.parametrize("place", [pytest.param(place, id=name) for name, place in BASE64_PLACES.items()])
@pytest.mark.parametrize("spelled", [pytest.param(spelled, id=name) for name, spelled in SPELLINGS.items()])
def test_base64_is_read_however_it_is_spelled(spelled: Callable[[bytes], str], place: Callable[[str], Any]) -> None:
    """Either alphabet, with or without padding and line breaks, is the same request wherever a text may stand."""
    assert only(place(spelled(TEXT.encode()))).content == ACCESS


@pytest.mark.parametrize("place", [pytest.param(place, id=name) for name, place in PLACES.items()])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeff" + TEXT, id="json"),
        pytest.param("\ufeff" + b64encode(TEXT.encode()).decode(), id="base64"),
        pytest.param(b64encode(codecs.BOM_UTF8 + TEXT.encode()).decode(), id="inside-base64"),
        pytest.param(json.dumps("\ufeff" + TEXT), id="inside-a-text"),
        pytest.param(json.dumps(queue_event("\ufeff" + TEXT)), id="inside-a-queue-batch"),
    ],
)
def test_a_byte_order_mark_is_no_content(text: str, place: Callable[[str], Any]) -> None:
    """Files written on Windows may begin with one, and whoever sends a file's text on sends the mark too."""
    assert only(place(text)).content == ACCESS


@pytest.mark.parametrize("text", [pytest.param("hello world!", id="text"), pytest.param("eyJOYW1l*", id="nearly")])
def test_a_refused_text_hears_of_base64(text: str) -> None:
    """What is neither JSON nor Base64 is told that both are read."""
    content = only(queue_event(text)).content

    assert isinstance(content, Invalid)
    assert "not JSON" in content.text
    assert "not Base64" in content.text


def test_an_announcement_may_come_as_bytes() -> None:
    """A state change whose data stands in data_base64 is the announcement that it would be in data."""
    (event,) = [state_change()]
    encoded = b64encode(json.dumps(event.pop("data")).encode()).decode()

    assert only(event | {"data_base64": encoded}) == only(state_change())._replace(
        original=only(event | {"data_base64": encoded}).original
    )


@pytest.mark.parametrize("data", [pytest.param("{}?", id="not-base64"), pytest.param(7, id="no-text")])
def test_broken_bytes_are_answered_under_the_event_s_id(data: Any) -> None:
    """A data_base64 that is not Base64 is refused, with the identity that the event gives."""
    record = only(EVENT_ID | {"data_base64": data})

    assert isinstance(record.content, Invalid)
    assert (record.source, record.message_id) == ("eventbridge", "deploy-pipeline/e-1")


BINARY = {"Ce-Specversion": "1.0", "Ce-Id": "e-1", "Ce-Source": "deploy-pipeline", "Ce-Type": "backend.ready"}


@pytest.mark.parametrize(
    ("event", "source", "message_id"),
    [
        pytest.param(http(TEXT, BINARY), "http/eventbridge", "deploy-pipeline/e-1", id="binary-mode"),
        pytest.param(
            http(TEXT, {name.lower(): value for name, value in BINARY.items()}),
            "http/eventbridge",
            "deploy-pipeline/e-1",
            id="lower-case-headers",
        ),
        pytest.param(
            http(TEXT, BINARY | {"Ce-Source": "/%E5%8F%91%E5%B8%83%20a"}),
            "http/eventbridge",
            "/发布 a/e-1",
            id="percent-encoded",
        ),
        pytest.param(
            http(b64encode(TEXT.encode()).decode(), BINARY, encoded=True),
            "http/eventbridge",
            "deploy-pipeline/e-1",
            id="body-in-base64",
        ),
        pytest.param(
            http(TEXT, BINARY) | {"path": "/", "httpMethod": "POST", "version": 2},
            "api-gateway/eventbridge",
            "deploy-pipeline/e-1",
            id="api-gateway",
        ),
        pytest.param(
            http(json.dumps(EVENT_ID | {"data": REQUEST})),
            "http/eventbridge",
            "deploy-pipeline/e-1",
            id="structured-mode",
        ),
        pytest.param(
            http(json.dumps([EVENT_ID | {"data": REQUEST}])),
            "http/eventbridge",
            "deploy-pipeline/e-1",
            id="batched-mode",
        ),
        pytest.param(http(TEXT, BINARY | {"Ce-Id": ""}), "http", "1-1", id="without-an-id"),
        pytest.param(http(TEXT), "http", "1-1", id="no-event"),
    ],
)
def test_an_event_over_http_has_its_own_identity(event: Any, source: str, message_id: str) -> None:
    """Source and id identify a CloudEvent, not the request that brought it; other requests have only that."""
    record = only(event)

    assert (record.source, record.message_id, record.part) == (source, message_id, "")
    assert record.content == ACCESS


def test_an_event_sent_twice_is_the_same_one() -> None:
    """A sender that got no answer asks again in another request, and the event keeps its identity."""
    first, second = (only(http(TEXT, BINARY, number=number)) for number in (1, 2))

    assert first == second


def test_an_announcement_in_headers_is_one() -> None:
    """The type in ce-type decides as it does in the event's own field."""
    event = state_change()
    attributes = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    record = only(http(json.dumps(event["data"]), attributes))

    assert isinstance(record.content, Appeared)
    assert record.source == "http/eventbridge/ecs"


def test_the_requests_of_one_body_are_told_apart() -> None:
    """Elements of a list that have no id of their own are parts of the HTTP request."""
    records = parse(json.dumps(http(json.dumps([request(), request(Name="second")]))).encode())

    assert [(record.message_id, record.part) for record in records] == [("1-1", "[0]"), ("1-1", "[1]")]


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in sorted(EVENTS.rglob("*.json"))])
def test_a_small_text_says_what_it_says_as_a_large_one(path: Path) -> None:
    """A text of up to 4 KB is read at once, a larger one piece by piece: blanks behind it change no record."""
    event = path.read_bytes()
    for text in (event, b"[" + event + b"," + event + b"]", json.dumps(event.decode()).encode()):
        assert parse(text) == parse(text + b" " * 5_000)
