"""The recorder tells shapes of events and nothing else, and its stack is one that can be deployed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.questions import BY_ID
from tests.contract.questions.events import recorded
from tests.contract.recorder.__main__ import code, template
from tests.contract.recorder.handler import shape
from tests.contract.recorder.names import EVENTS, known
from tests.contract_tests.asking import asking
from tests.registry.check import Template

ROOT = Path(__file__).parents[2]
KINDS = {"str", "int", "float", "bool", "NoneType", "json", "base64", "…", "no JSON"}
KNOWN = known()


def leaves(value: Any) -> Iterator[str]:
    """Yield every text of a shape."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


@given(
    st.recursive(
        st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.one_of(st.text(), st.sampled_from(sorted(KNOWN))), inner, max_size=3),
            inner.map(json.dumps),
        ),
        max_leaves=8,
    )
)
def test_a_shape_holds_no_value(event: Any) -> None:
    """Whatever an event holds, its shape has known names and kinds only."""
    assert set(leaves(shape(event, KNOWN))) <= KNOWN | KINDS


def test_the_recorder_can_be_deployed() -> None:
    """Its template fits the vendor's registry, its code fits into it, and its role may do nothing."""
    registry = json.loads((ROOT / "tests" / "registry" / "registry.json").read_text(encoding="utf-8"))
    document = template()
    function = document["Resources"]["Function"]["Properties"]

    assert list(Template(document, registry).problems()) == []
    assert len(function["Code"]["SourceCode"]) <= 4096
    assert function["Handler"] == "index.handler"
    assert "Policies" not in document["Resources"]["Role"]["Properties"]


def test_what_the_recorder_saw_is_an_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its log says that all shapes are known where they are, and counts those that are not."""
    deployed: dict[str, Any] = {}
    exec(code(), deployed)
    handler = deployed["handler"]
    for path in EVENTS:
        handler(path.read_bytes(), None)
    log = tmp_path / "log"
    lines = [f"2026-11-26T00:00:00Z [INFO] {line}" for line in capsys.readouterr().out.splitlines()]
    log.write_text("\n".join(each for each in lines if "no JSON" not in each), encoding="utf-8")
    run = asking()
    run.given = replace(run.given, recorded=str(log))
    (outcome,) = run([BY_ID["event-shapes"]]).outcomes
    assert outcome.by_client["product"].word == "all known"

    handler(b'{"orders": "i-bp1example0001"}', None)
    log.write_text(log.read_text(encoding="utf-8") + "\n" + capsys.readouterr().out, encoding="utf-8")
    (outcome,) = run([BY_ID["event-shapes"]]).outcomes
    answer = outcome.by_client["product"].answer
    assert answer is not None
    assert (answer.word, answer.evidence["shapes"] - answer.evidence["known"]) == ("others, too", 1)
    assert {"…": "str"} in recorded(log.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param('2026-11-26 {"recorded": {"…": "str"}} 12 ms', id="text"),
        pytest.param('{"message": "{\\"recorded\\": {\\"…\\": \\"str\\"}}", "level": "INFO"}', id="json"),
        pytest.param('1795000000,"{""recorded"": {""…"": ""str""}}",INFO', id="csv"),
    ],
)
def test_a_log_is_read_however_it_was_saved(line: str) -> None:
    """Lines of a log are taken as its console shows them, and as it saves them in JSON and CSV."""
    assert recorded(line) == [{"…": "str"}]
