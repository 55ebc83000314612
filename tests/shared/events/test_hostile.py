"""Hostile input: wrappers nested, cut, re-encoded and mixed at random. Whatever comes, there is an answer to publish."""

import json
from base64 import b64encode
from collections.abc import Callable
from io import StringIO
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import log
from shared.events.parsing import DEEPEST, parse
from shared.flow.report import line, result_message
from shared.model.access import VpcAccess
from shared.model.outcome import REJECTED, Outcome
from shared.model.records import Content, Invalid, Record
from tests.bench.parse import CASES, calls, cost
from tests.events_table import FILES
from tests.invoking import queue_event, request, state_change

CORPUS = [path.read_bytes() for path in FILES]
CONTENTS = get_args(Content)
LARGEST_RESULT = 48 * 1024  # so that its Base64 fits into SMQ's 64 KB


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _base64(value: Any) -> str:
    return b64encode(_text(value).encode()).decode()


def _topic(value: Any) -> Any:
    words = dict.fromkeys(("TopicOwner", "TopicName", "Subscriber", "SubscriptionName", "MessageId"), "x")
    return {**words, "PublishTime": 1, "MessageMD5": "x", "Message": _text(value)}


def _http(value: Any) -> Any:
    context = {"requestId": "1-x", "http": {"method": "POST"}}
    whole = {"version": "v1", "rawPath": "/", "headers": {}, "queryParameters": {}, "requestContext": context}
    return {**whole, "body": _base64(value), "isBase64Encoded": True}


def _dead_letter(value: Any) -> Any:
    context = {"requestId": "x", "functionArn": "acs:fc:r:a:functions/f", "condition": "UnhandledInvocationError"}
    return {"requestContext": context, "requestPayload": _text(value), "responseContext": {}, "responsePayload": ""}


def _own_bus(value: Any) -> Any:
    return {"specversion": "1.0", "id": "x", "source": "pipeline", "type": "request", "data": value}


WRAPPERS: dict[Callable[[Any], Any], int] = {  # with the levels of depth that each costs
    _text: 1,
    _base64: 2,
    _topic: 2,
    _http: 3,
    _dead_letter: 2,
    _own_bus: 1,
    lambda value: [value]: 1,
    lambda value: queue_event(_text(value)): 4,
    lambda value: {"requestId": "x", "messageId": "x", "messageBody": value}: 1,
    lambda value: {"body": value, "attrs": {}}: 1,
    lambda value: {"body": value, "props": {"firstTopic": "x", "clientId": "x"}}: 1,
    lambda value: {"topic": "x", "systemProperties": {}, "userProperties": {}, "body": value}: 1,
    lambda value: {"envelope": {}, "props": {}, "body": value}: 1,
    lambda value: {"topic": "x", "partition": 0, "offset": 0, "value": value}: 1,
}

texts = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Cc", "Zl", "L"]), max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
cores = st.one_of(
    st.just(request()),
    st.just(state_change()),
    st.sampled_from(CORPUS).map(lambda raw: raw.decode("utf-8", "replace")),
    json_values,
    st.dictionaries(st.sampled_from([*request(), "id", "source", "type", "data", "body", "content"]), json_values),
)
layers = st.lists(st.sampled_from(list(WRAPPERS)), max_size=8)


@st.composite
def nested(draw: st.DrawFn) -> bytes:
    """Wrap a core, mix it with others, wrap that."""
    value = draw(cores)
    for wrap in draw(layers):
        value = wrap(value)
        if draw(st.booleans()):
            value = [value, draw(cores)]
        if len(_text(value)) > 200_000:
            break
    return _text(value).encode("utf-8", "surrogatepass")


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """Cut bytes out of an event, put others in, or encode it anew."""
    raw = draw(nested() | st.sampled_from(CORPUS))
    encoding = draw(st.sampled_from(["as-is", "utf-16", "latin-1", "utf-8-sig"]))
    if encoding != "as-is":
        raw = raw.decode("utf-8", "replace").encode(encoding, "replace")
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(raw)))
        raw = raw[:start] + draw(st.binary(max_size=8)) + raw[start + draw(st.integers(0, 40)) :]
    return raw


def _answerable(record: Record) -> None:
    """Check that a record can be published and logged: text that UTF-8 can hold, within SMQ's limit, on one line."""
    text = getattr(record.content, "text", "no text")
    outcome = Outcome(record, REJECTED, None, "InvalidRecord", text)
    assert len(result_message(outcome, "team-a", "2026-01-05T04:18:26Z").encode()) <= LARGEST_RESULT
    written = StringIO()
    log.configure("DEBUG", written)
    log.info("record", **line(outcome))
    log.configure()
    assert written.getvalue().count("\n") == 1
    written.getvalue().encode()


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # events of 160 KB are part of it
@settings(max_examples=300, deadline=None)
@given(event=st.binary(max_size=200) | nested() | mutilated())
def test_whatever_comes_has_an_answer(event: bytes) -> None:
    """No exception leaves ``parse``, there is at least one record, and each can be published and logged."""
    records = parse(event)

    assert records
    for record in records:
        assert isinstance(record.content, CONTENTS)
        _answerable(record)


@settings(max_examples=200, deadline=None)
@given(chosen=layers)
def test_wrappers_nest_in_any_order(chosen: list[Callable[[Any], Any]]) -> None:
    """A request inside any wrappers, as long as they are not too many, is read as the request it is."""
    value: Any = request()
    depth = 1
    for wrap in chosen:
        if depth + WRAPPERS[wrap] > DEEPEST - 1:
            break
        value, depth = wrap(value), depth + WRAPPERS[wrap]
    (record,) = parse(json.dumps(value).encode())

    assert record.content == VpcAccess("orders-prod", "vpc-bp1example0001", "i-bp1example0001", 8080)


@settings(max_examples=100, deadline=None)
@given(others=st.lists(cores, max_size=5), place=st.integers(0, 5))
def test_neighbours_cost_a_record_nothing(others: list[Any], place: int) -> None:
    """A good record between any others, in whatever place, stays what it is."""
    batch = [*others[:place], request(Name="the-good-one"), *others[place:]]
    records = parse(json.dumps(batch).encode())

    assert [r for r in records if isinstance(r.content, VpcAccess) and r.content.name == "the-good-one"]


@pytest.mark.parametrize("depth", [pytest.param(depth, id=f"{depth}-lists") for depth in (100, 500, 5_000, 50_000)])
def test_depth_is_answered(depth: int) -> None:
    """Nesting at every depth around the parser's limit ends in an answer, also when that is written further down."""

    def further_down(levels: int, record: Record) -> None:
        _answerable(record) if levels == 0 else further_down(levels - 1, record)

    for lists in range(depth, depth + 500, 1 if depth == 500 else 100):
        (record,) = parse(b'{"Name": ' + b"[" * lists + b"]" * lists + b"}")
        further_down(20, record)


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in CASES])
def test_work_is_linear_in_the_size(name: str) -> None:
    """Four times the event takes at most four times the function calls; ``tests.bench.parse`` shows the seconds."""
    small, large = CASES[name](100), CASES[name](400)

    assert calls(large) <= 4.2 * calls(small)
    assert len(large) >= 3.5 * len(small)


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in CASES])
def test_memory_is_a_small_multiple(name: str) -> None:
    """At most 8 times the event's size, and the 12 MB that ten thousand records may take whatever they are."""
    measured = cost(CASES[name](2_000))

    assert measured.peak <= 8.5 * measured.size + 12_000_000


def test_texts_of_too_many_values_are_not_even_read() -> None:
    """32 MB of brackets, which would be a gigabyte of objects, are refused for the price of counting them."""
    measured = cost(b"[" + b"[]," * 10_000_000 + b"[]]")

    assert measured.peak <= 3 * measured.size
    assert measured.calls < 1_000


@pytest.mark.parametrize(
    "filling", [pytest.param(filling, id=ascii(filling)) for filling in ("a", '"', "\\", "é", "\x01", "🚀", "\u2028")]
)
def test_an_original_of_any_characters_fits_the_result(filling: str) -> None:
    """The rejected message is shown as far as SMQ's limit allows, however many bytes its characters take."""
    (record,) = parse(json.dumps({"Name": filling * 60_000, "Prot": filling * 300}).encode())

    _answerable(record)
    message = json.loads(result_message(Outcome(record, REJECTED), "team-a", "2026-01-05T04:18:26Z"))
    assert message["data"]["OriginalTruncated"] is True
    assert len(json.dumps(message["data"]["Original"])) > 30_000


def test_a_request_of_unknown_fields_is_told_in_short() -> None:
    """Ten thousand misspelt fields cost no more than a dozen, and the text names a dozen and counts the rest."""
    few, many = ({"Name": "n"} | {f"Nam{number}": "" for number in range(size)} for size in (50, 10_000))
    (record,) = parse(json.dumps(many).encode())

    assert isinstance(record.content, Invalid)
    assert len(record.content.text) < 2_000
    assert record.content.text.startswith("VpcId is missing")
    assert record.content.text.endswith("and 9991 more of the kind")
    assert cost(json.dumps(many).encode()).calls < 2 * cost(json.dumps(few).encode()).calls
