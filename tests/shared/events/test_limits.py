"""Limits count per message: what is wrong or too much about one costs no other its answer, and nobody his id."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events.parsing import MAX_RECORDS, parse
from shared.events.text import MAX_MESSAGE_BYTES, MAX_RECORD_BYTES, elements, read_json
from shared.flow.report import result_id, result_message
from shared.model.access import VpcAccess
from shared.model.outcome import REJECTED, Outcome
from shared.model.records import Ignored, Invalid, Record
from tests.invoking import queue_event, request

TAGS = [{"Key": f"key-{number}", "Value": "value"} for number in range(18)]
GOOD = json.dumps(request())
LARGE = "x" * (MAX_RECORD_BYTES + 1)
TWO_BYTES = "é" * (MAX_MESSAGE_BYTES // 2 + 1)


def parsed(value: Any) -> list[Record]:
    """Return the records of a value."""
    return parse(json.dumps(value).encode())


def kinds(records: list[Record]) -> list[str]:
    """Return what each record holds, in short."""
    return [type(record.content).__name__ for record in records]


def kafka(offset: int, value: Any) -> dict[str, Any]:
    """Return what the push format RawData delivers of a Kafka message."""
    return {"topic": "vpc-access", "partition": 7, "offset": offset, "value": value}


def test_sixteen_messages_of_csv_are_sixteen_answers() -> None:
    """64 KB of commas each: every message is refused under its own id, and the request beside them is read."""
    records = parsed(queue_event(*["1,2," * 16_000] * 16, GOOD))

    assert kinds(records) == ["Invalid"] * 16 + ["VpcAccess"]
    assert len({record.message_id for record in records}) == 17


@pytest.mark.parametrize("wrapped", [pytest.param(False, id="list"), pytest.param(True, id="queue-batch")])
def test_ten_thousand_tagged_requests_are_read(*, wrapped: bool) -> None:
    """As many requests as a batch may hold, each with as many tags as it may have, are as many records."""
    requests = [request(Name=f"orders-{number}", Tag=TAGS) for number in range(MAX_RECORDS)]
    records = parsed(queue_event(*map(json.dumps, requests)) if wrapped else requests)

    assert [record.content.name for record in records if isinstance(record.content, VpcAccess)] == [
        asked["Name"] for asked in requests
    ]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        pytest.param(b'{"Name": orders}', "not JSON", id="not-json"),
        pytest.param(b'{"Name": "\xff"}', "not JSON", id="not-utf-8"),
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b"[1}", "not JSON", id="crossed-brackets"),
        pytest.param(b'{"Name": ' + b"[" * 2_000 + b"]" * 2_000 + b"}", "", id="too-deep"),
        pytest.param(b'{"Name": [' + b"[]," * 100_000 + b"[]]}", "values", id="too-many-values"),
        pytest.param(b'{"Name": "' + LARGE.encode() + b'"}', "bytes", id="too-large"),
        pytest.param(b'{"Name": "\xf0\x9f\x9a\x80' + LARGE.encode() + b'\\ud800"}', "bytes", id="too-large-and-wide"),
    ],
)
def test_a_bad_element_costs_only_itself(bad: bytes, text: str) -> None:
    """Requests before and after what cannot be read get their answers, in order, and it gets one."""
    first, refused, last = parse(b"[" + b",".join([GOOD.encode(), bad, GOOD.encode()]) + b"]")

    assert isinstance(refused.content, Invalid)
    assert text in refused.content.text
    assert kinds([first, last]) == ["VpcAccess", "VpcAccess"]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(f"[{GOOD}, {GOOD}".encode(), id="no-end"),
        pytest.param(f'[{GOOD}, {GOOD}, "'.encode(), id="open-text"),
        pytest.param(f"[{GOOD}}}".encode(), id="another-end"),
        pytest.param(f"[{GOOD}] [{GOOD}]".encode(), id="two-lists"),
    ],
)
def test_of_a_list_that_is_cut_nothing_is_read(event: bytes) -> None:
    """Where a list does not end well nobody knows what it should have held: it is refused as one."""
    assert kinds(parse(event)) == ["Invalid"]


@pytest.mark.parametrize(
    ("event", "source", "message_id"),
    [
        pytest.param([kafka(25, LARGE), kafka(26, GOOD)], "kafka", "vpc-access/7/25", id="kafka"),
        pytest.param([kafka(25, [LARGE]), kafka(26, GOOD)], "kafka", "vpc-access/7/25", id="object-in-kafka"),
        pytest.param(queue_event(LARGE, GOOD), "smq-queue", "C6DB60D1574661357FA2272700000001", id="queue"),
        pytest.param([kafka(25, TWO_BYTES), kafka(26, GOOD)], "kafka", "vpc-access/7/25", id="in-bytes"),
        pytest.param([kafka(25, ["x" * 1_000] * 1_100), kafka(26, GOOD)], "manual", "", id="of-many-short-texts"),
    ],
)
def test_a_message_too_large_is_refused_under_its_id(event: Any, source: str, message_id: str) -> None:
    """Its wrapper is read without its long texts, so that its sender learns of it, if any are long; the next one is read."""
    large, small = parsed(event)

    assert isinstance(large.content, Invalid)
    assert "bytes" in large.content.text
    assert (large.source, large.message_id) == (source, message_id)
    assert small.content == VpcAccess("orders-prod", "vpc-bp1example0001", "i-bp1example0001", 8080)


def test_an_http_request_too_large_is_answered() -> None:
    """A client that sends too much is told so, and not taken for a queue."""
    context = {"requestId": "1-1", "http": {"method": "POST"}}
    event = {"version": "v1", "rawPath": "/", "headers": {}, "requestContext": context, "isBase64Encoded": False}
    (record,) = parsed(event | {"body": LARGE})

    assert isinstance(record.content, Invalid)
    assert record.message_id == "1-1"
    assert record.is_awaited


def test_what_is_ignored_is_ignored_at_any_size() -> None:
    """An event of a product that announces nothing is none of our business, however large it is."""
    event = {"specversion": "1.0", "id": "1", "source": "acs.oss", "type": "oss:ObjectCreated", "data": {"x": LARGE}}
    (record,) = parsed(event)

    assert isinstance(record.content, Ignored)


def test_texts_too_large_are_told_apart() -> None:
    """Of a text too large for a message the result shows the beginning; its id stands for all of it."""
    first, same, other = (
        Outcome(parse(f'"{LARGE}{end}"'.encode())[0], REJECTED, None, "InvalidRecord", "no") for end in "aab"
    )

    assert result_id(first, "team-a") == result_id(same, "team-a") != result_id(other, "team-a")
    assert json.loads(result_message(first, "team-a", "2026-01-05T04:18:26Z"))["data"]["OriginalTruncated"] is True


@pytest.mark.parametrize(
    "value", [pytest.param({"a🚀": 1}, id="unknown-object"), pytest.param(request() | {"Port🚀": 80}, id="misspelt")]
)
def test_a_refusal_quotes_no_emoji(value: Any) -> None:
    """One would make the text four times as large in memory, and there may be ten thousand of them."""
    (record,) = parsed(value)

    assert isinstance(record.content, Invalid)
    assert max(record.content.text) <= "\uffff"
    assert any(f"{key[:-1]}?" in record.content.text for key in value)


texts = st.text(st.characters() | st.sampled_from('\\"u[]{},:'), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(held=st.lists(values, max_size=5), indent=st.sampled_from([None, 0, 3]), ascii_only=st.booleans())
def test_the_elements_of_a_list_are_found(held: list[Any], indent: int | None, *, ascii_only: bool) -> None:
    """However a list is written, what stands between the places are its elements."""
    raw = json.dumps(held, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "replace")
    places = elements(b" \n" + raw + b"\r\n", MAX_RECORDS)

    assert places is not None
    assert [json.loads((b" \n" + raw)[begin:end]) for begin, end in places] == json.loads(raw)


@settings(max_examples=200, deadline=None)
@given(value=values | st.text(st.characters(categories=["Cs"]) | st.sampled_from('\\"ua🚀'), max_size=8))
def test_only_halves_of_pairs_are_lost(value: Any) -> None:
    """JSON is read as by Python's own reader, but for escaped halves of surrogate pairs, which become NUL."""
    raw = json.dumps(value)
    expected = json.dumps(json.loads(raw), ensure_ascii=False)

    assert read_json(raw) == json.loads(re.sub("[\ud800-\udfff]", r"\\u0000", expected))
