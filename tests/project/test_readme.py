"""The README is executed: its table of settings, its commands and its messages are those of the code."""

import json
import re
from pathlib import Path

import pytest

from shared.events.parsing import parse
from shared.model.access import VpcAccess
from tests.bench.report import RATIOS, judged, samples
from tests.invoking import Invoker
from tests.readme import BLOCKS, HOW, block

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
JSON_BLOCKS = re.findall(r"```json\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("name", BLOCKS)
def test_what_is_generated_is_up_to_date(name: str) -> None:
    """Each block between markers is what its code makes now."""
    assert block(name, README) == BLOCKS[name](), HOW


def test_the_committed_results_are_whole() -> None:
    """`latest.json`, of which the tables are made, holds every ratio that somebody may look for."""
    document = json.loads((ROOT / "tests" / "bench" / "results" / "latest.json").read_text(encoding="utf-8"))

    assert document["ratios"].keys() == set(RATIOS)
    assert all(document[key] for key in ("machine", "versions", "date", "samples"))


def test_the_committed_goals_are_those_of_the_samples() -> None:
    """Ratios and goals follow from the samples; what is measured in rounds has its spread, and growth is not the peak."""
    document = json.loads((ROOT / "tests" / "bench" / "results" / "latest.json").read_text(encoding="utf-8"))
    goals = {goal["key"]: goal for goal in document["goals"]}

    assert judged(samples(document), document["zip_bytes"]).items() <= document.items(), "python -m tests.bench --again"
    assert all(goal["low"] <= goal["value"] <= goal["high"] for key, goal in goals.items() if "zip" not in key)
    assert goals["batch_memory"]["value"] < goals["batch_peak"]["value"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z]+)", README))))
def test_every_make_target_exists(target: str) -> None:
    """Each `make X` that the README names is a target of the Makefile."""
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_request_message_is_understood() -> None:
    """The README's request parses into an authorization with all its fields."""
    (record,) = parse(JSON_BLOCKS[0].encode())

    assert isinstance(record.content, VpcAccess)
    assert record.content.tags == (("env", "prod"),)


def test_the_result_message_has_the_fields_of_a_real_one(invoke: Invoker) -> None:
    """The README's result has exactly the fields of the result that the README's request gives."""
    shown = json.loads(JSON_BLOCKS[1])
    invoke(json.loads(JSON_BLOCKS[0]))
    (message,) = invoke.messages()

    assert shown.keys() == message.keys()
    assert shown["data"].keys() == message["data"].keys()
    assert shown["type"] == message["type"]


def test_every_refusal_is_listed() -> None:
    """Each reason code that the plan and the applier can give stands in the table of refusals."""
    source = (ROOT / "shared/access/plan.py").read_text() + (ROOT / "shared/access/apply.py").read_text()
    codes = set(re.findall(r'"([A-Z][a-z]+[A-Z][A-Za-z]+)",\n? *f?"', source)) | {"QuotaExceeded"}

    assert codes >= {"TargetTaken", "NameTaken", "VpcNotAllowed"}
    assert not [code for code in codes if f"`{code}`" not in README]
