"""Log lines: one JSON object each, whole and bounded, whoever writes what in which thread."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO, StringIO, TextIOWrapper
from threading import Barrier
from typing import Any
from unicodedata import category

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared import log
from tests.patience import PATIENCE


class Careless(StringIO):
    """A stream that, as ``sys.stdout`` does, mixes up what is written while it writes."""

    def write(self, text: str) -> int:
        for character in text:
            super().write(character)
        return len(text)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads change as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
def test_lines_of_threads_do_not_mix() -> None:
    """Each of many threads' lines stands whole and by itself."""
    stream = Careless()
    log.configure("INFO", stream)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.info("record", number=number), range(200)))
    log.configure()

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert sorted(line["number"] for line in lines) == list(range(200))


class Output:
    """Standard output as the platform has it: UTF-8, and strict. No invocation has begun, whatever ran before."""

    def __init__(self, level: str = "DEBUG") -> None:
        self._bytes = BytesIO()
        self._text = TextIOWrapper(self._bytes, encoding="utf-8")
        log.configure(level, self._text)
        log.begin()

    def raw(self) -> bytes:
        self._text.flush()
        return self._bytes.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw().decode().splitlines()]


@pytest.fixture
def output() -> Iterator[Output]:
    """What is logged at any level."""
    yield Output()
    log.begin()
    log.configure()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('ok"}\n{"level":"INFO","event":"forged"}', id="newline"),
        pytest.param("a\r\nb", id="carriage-return"),
        pytest.param("a\x0bb\x0cc\x1cd\x1de\x1ef", id="other-controls"),
        pytest.param("a\x85b\u2028c\u2029d", id="line-ends-of-unicode"),
        pytest.param("\x1b[2Ka\x7fb\x9bc", id="terminal"),
        pytest.param("a\u202eb\u2066c\u200fd", id="direction-of-text"),
        pytest.param("a\ud800b", id="half-a-surrogate-pair"),
        pytest.param("Bestellungen ä 中 🚀", id="other-languages"),
    ],
)
def test_no_text_leaves_its_string(output: Output, text: str) -> None:
    """Whatever stands in a value, it makes one line, comes back as it was, and nothing in the line acts on a terminal."""
    log.info("record", name=text)
    (line,) = output.lines()

    assert line["name"] == text
    assert line["event"] == "record"
    written = output.raw().decode()
    assert written[:-1].isprintable()
    assert ("中" in written) is ("中" in text)


# The dearest characters in a log line take six bytes ("\x00") or four (an emoji).
_texts = st.builds(
    lambda unit, times: unit * times,
    st.text(st.characters(), max_size=5) | st.sampled_from(["a", '"', "\x00", "🚀", "\ud800"]),
    st.sampled_from([0, 1, 30, 3_000, 6_000]),
)
_values = _texts | st.integers() | st.booleans() | st.none() | st.lists(_texts, max_size=4) | st.builds(object)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), _values, max_size=20))
@example({f"field_{number}": "\x00" * 3_000 for number in range(20)})
@example({f"field_{number}": "🚀" * 3_000 for number in range(9)})
def test_every_line_is_json_of_bounded_size(fields: dict[str, Any]) -> None:
    """Values of any kind and size make one line of JSON that the platform does not cut."""
    output = Output()
    try:
        log.write("INFO", "record", **{f"x_{name}": value for name, value in fields.items()})
        (line,) = output.lines()
    finally:
        log.configure()

    assert len(output.raw()) <= log.MAX_LINE_BYTES + 1
    assert line.keys() == {"time", "level", "event"} | {f"x_{name}" for name in fields}
    assert {category(character) for character in output.raw()[:-1].decode()}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})


def test_a_long_value_is_cut_and_marked_and_its_neighbours_are_not(output: Output) -> None:
    """Only what makes the line too large is cut, as little as is needed."""
    log.info("record", name="orders", text="x" * 20_000, calls=3)
    (line,) = output.lines()

    assert (line["name"], line["calls"]) == ("orders", 3)
    assert line["text"] == "x" * 1_000 + "…"


@pytest.mark.parametrize(
    ("level", "written"),
    [
        pytest.param("DEBUG", ["DEBUG", "INFO", "WARNING", "ERROR"], id="debug"),
        pytest.param("INFO", ["INFO", "WARNING", "ERROR"], id="info"),
        pytest.param("WARNING", ["WARNING", "ERROR"], id="warning"),
        pytest.param("ERROR", ["ERROR"], id="error"),
        pytest.param("OFF", [], id="off"),
    ],
)
@pytest.mark.usefixtures("output")
def test_levels_below_the_threshold_are_silent(level: str, written: list[str]) -> None:
    """A level lets itself and what is above it through."""
    output = Output(level)
    for write in (log.debug, log.info, log.warning, log.error):
        write("record")

    assert [line["level"] for line in output.lines()] == written


def test_lines_carry_their_invocation_and_record(output: Output) -> None:
    """The request id stands in every line of the invocation, the message id in those of the record only."""
    log.begin(request_id="r-1")
    with log.record(message_id="m-1"):
        log.info("inside")
        with log.record(message_id="m-2"):
            log.info("deeper")
        log.info("inside")
    log.info("outside")
    log.begin(request_id="r-2")
    log.info("next")

    assert [(line["request_id"], line.get("message_id")) for line in output.lines()] == [
        ("r-1", "m-1"),
        ("r-1", "m-2"),
        ("r-1", "m-1"),
        ("r-1", None),
        ("r-2", None),
    ]


def test_counts_belong_to_their_record() -> None:
    """What happens inside a record is counted there, also after an error, and nowhere outside of one."""
    log.add(calls=1)
    with log.record() as outer:
        log.add(calls=1)
        with suppress(ValueError), log.record() as inner:
            log.add(calls=2, waited=0.5)
            raise ValueError
        log.add(calls=1)
    log.add(calls=1)

    assert (outer, inner) == ({"calls": 2}, {"calls": 2, "waited": 0.5})


def test_threads_keep_their_records_apart(output: Output) -> None:
    """Two records at work at the same moment share neither counts nor fields."""
    both = Barrier(2, timeout=PATIENCE)

    def work(number: int) -> dict[str, float]:
        with log.record(message_id=f"m-{number}") as counts:
            both.wait()
            log.add(calls=number)
            log.info("working", number=number)
            both.wait()
            log.add(calls=number)
        return counts

    with ThreadPoolExecutor(2) as pool:
        counted = list(pool.map(work, (1, 2)))

    assert counted == [{"calls": 2}, {"calls": 4}]
    assert sorted((line["message_id"], line["number"]) for line in output.lines()) == [("m-1", 1), ("m-2", 2)]
