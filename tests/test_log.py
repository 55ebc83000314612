"""Log lines of a batch: whole, whatever threads write them."""

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest

from shared import log


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
