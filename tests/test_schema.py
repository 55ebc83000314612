"""The published JSON Schemas: up to date, and true for every message of the corpus."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions._operator.schema import FOLDER, schemas
from shared.events.request import read_request
from tests.cloud.seeds import seed
from tests.invoking import Invoker, request

EVENTS = Path(__file__).parents[1] / "events"
FILES = sorted(path for path in EVENTS.rglob("*") if path.is_file() and path.parent not in (EVENTS, EVENTS / "schema"))


def _validator(name: str) -> Draft202012Validator:
    document = json.loads((EVENTS / "schema" / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in schemas()])
def test_a_schema_is_what_the_model_says(name: str) -> None:
    """The committed schema equals what `python -m functions schema` writes now."""
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas()[name]


@pytest.mark.parametrize("file", [pytest.param(path, id=path.relative_to(EVENTS).as_posix()) for path in FILES])
def test_every_published_result_has_the_schema(invoke: Invoker, file: Path) -> None:
    """Results of every file of the corpus are valid."""
    seed(invoke.served.app, json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8")))
    invoke(file.read_bytes())
    validator = _validator("result.json")

    for message in invoke.messages():
        validator.validate(message)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(request(), id="least"),
        pytest.param(request(Port="8080"), id="port-as-text"),
        pytest.param(request(Description=None, Tag=[{"Key": "env"}]), id="tag-without-value"),
        pytest.param(request(InstanceId="172.16.0.9", VpcTargetHostName="orders.example"), id="address"),
        pytest.param(request(Port=0), id="port-zero"),
        pytest.param(request(Port=65_536), id="port-too-high"),
        pytest.param(request(Port=80.5), id="half-a-port"),
        pytest.param(request(Port=True), id="boolean"),
        pytest.param(request(Port="http"), id="port-name"),
        pytest.param(request(Name=""), id="no-name"),
        pytest.param(request(Name="a\nb"), id="control-character"),
        pytest.param(request(Name="n" * 257), id="long-name"),
        pytest.param(request(VpcId="bp1"), id="no-vpc"),
        pytest.param(request(VpcId=None), id="missing-vpc"),
        pytest.param(request(Prot=80), id="unknown-field"),
        pytest.param(request(Tag=[{"Value": "x"}]), id="tag-without-key"),
        pytest.param(request(Tag=[{"Key": f"k{n}"} for n in range(20)]), id="too-many-tags"),
    ],
)
def test_schema_and_function_agree_about_requests(value: dict[str, Any]) -> None:
    """A request that the schema accepts is accepted by the function, and the other way round."""
    assert _validator("request.json").is_valid(value) == (not isinstance(read_request(value), str))
