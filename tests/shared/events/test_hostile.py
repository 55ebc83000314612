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
from shared.events.parsing import MAX_DEPTH, parse
from shared.events.text import MAX_EVENT_BYTES, MAX_RECORD_BYTES
from shared.flow.report import line, result_message
from shared.model.access import VpcAccess
from shared.model.outcome import REJECTED, Outcome
from shared.model.records import Content, Invalid, Record
from tests.bench.parse import BATCHES, CASES, ONE, calls, memory
from tests.events_table import FILES
from tests.invoking import queue_event, request, state_change

CORPUS = [path.read_bytes() for path in FILES]
CONTENTS = get_args(Content)
MAX_RESULT_BYTES = 48 * 1024  # so that its Base64 fits into SMQ's 64 KB


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
    assert len(result_message(outcome, "team-a", "2026-01-05T04:18:26Z").encode()) <= MAX_RESULT_BYTES
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
        if depth + WRAPPERS[wrap] > MAX_DEPTH - 1:
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


@pytest.mark.parametrize("digits", [400, 401, 5_000])
def test_a_number_of_many_digits_costs_its_record_alone(digits: int) -> None:
    """It is no port of anybody's; reading all of it would take quadratic time, or be refused by Python."""
    bad, good = parse(json.dumps([request(), request()]).encode().replace(b"8080", b"9" * digits, 1))

    assert isinstance(bad.content, Invalid)
    assert bad.content.text.startswith("Port ")
    assert isinstance(good.content, VpcAccess)


@pytest.mark.parametrize("depth", [pytest.param(depth, id=f"{depth}-lists") for depth in (100, 500, 5_000, 50_000)])
def test_depth_is_answered(depth: int) -> None:
    """Nesting at every depth around the parser's limit ends in an answer, also when that is written further down."""

    def further_down(levels: int, record: Record) -> None:
        _answerable(record) if levels == 0 else further_down(levels - 1, record)

    for lists in range(depth, depth + 500, 1 if depth == 500 else 100):
        (record,) = parse(b'{"Name": ' + b"[" * lists + b"]" * lists + b"}")
        further_down(20, record)


@pytest.mark.parametrize(
    ("wrap", "most"),
    [
        pytest.param(lambda value: [value], MAX_DEPTH - 1, id="lists"),
        pytest.param(lambda value: {"body": value, "attrs": {}}, MAX_DEPTH - 1, id="messages"),
    ],
)
def test_wrappers_have_an_end(wrap: Callable[[Any], Any], most: int) -> None:
    """As many as nest in practice and some more are opened; beyond that the answer says what to send."""
    value: Any = request()
    for _ in range(most):
        value = wrap(value)
    (read,) = parse(json.dumps(value).encode())
    (refused,) = parse(json.dumps(wrap(value)).encode())

    assert isinstance(read.content, VpcAccess)
    assert isinstance(refused.content, Invalid)
    assert f"more than {MAX_DEPTH} wrappers" in refused.content.text


@pytest.mark.no_cover
@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in CASES])
def test_work_is_linear_in_the_size(name: str) -> None:
    """A byte of a larger event takes no more function calls; ``tests.bench.parse`` shows the seconds."""
    small, large = CASES[name](100), CASES[name](400)

    assert calls(large) / len(large) <= 1.05 * calls(small) / len(small)


def _wide(size: int) -> bytes:
    """Return a JSON text with an emoji and half a pair of surrogates in it."""
    return b'"' + b"x" * size + "🚀".encode() + b'\\ud800"'


def _sized(event: Callable[[int], bytes], size: int) -> bytes:
    """Return the event of the case that has about ``size`` bytes."""
    return event(size * 1_000 // len(event(1_000)))


@pytest.mark.no_cover
@pytest.mark.parametrize("event", [pytest.param(event, id=name) for name, event in ONE.items()])
def test_memory_of_a_record_is_bounded(event: Callable[[int], bytes]) -> None:
    """The largest record that is read costs 8 times its size and 12 MB, whatever it holds; a larger one not even that."""
    largest, larger = _sized(event, MAX_RECORD_BYTES - 20_000), _sized(event, MAX_RECORD_BYTES * 3 // 2)

    assert memory(largest)[0] <= 8 * len(largest) + 12_000_000
    assert memory(larger)[0] <= 4 * len(larger)


@pytest.mark.no_cover
@pytest.mark.parametrize("event", [pytest.param(event, id=name) for name, event in BATCHES.items()])
def test_memory_of_a_batch_grows_with_its_size(event: Callable[[int], bytes]) -> None:
    """A byte more of a batch costs at most 8, beside the 12 MB that ten thousand records may take whatever they are."""
    small, large = _sized(event, 200_000), _sized(event, 400_000)
    (before, few), (after, many) = memory(small), memory(large)

    assert after <= 8 * len(large) + 12_000_000
    assert after - before <= 8 * (len(large) - len(small)) + 1_200 * (many - few)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda: b'{"Name":' + _wide(33_000_000) + b"}", id="one-text"),
        pytest.param(lambda: b"[" + b",".join([_wide(1_000_000)] * 33) + b"]", id="texts"),
        pytest.param(lambda: b"[" + b"[]," * 11_000_000 + b"[]]", id="lists"),
    ],
)
def test_the_largest_event_fits_the_function(event: Callable[[], bytes]) -> None:
    """32 MB of what would take a gigabyte as values take no more than they have themselves."""
    raw = event()

    assert MAX_EVENT_BYTES * 0.95 < len(raw) <= MAX_EVENT_BYTES
    assert memory(raw)[0] <= len(raw)


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
    assert "and 9991 more of the kind; the fields of a request are Name, " in record.content.text
    assert calls(json.dumps(many).encode()) < 2 * calls(json.dumps(few).encode())
