"""The published JSON Schemas and their AsyncAPI document: up to date, valid, and true for every message of the corpus."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from functions._operator.schema import FOLDER, schemas
from shared.events.parsing import parse
from shared.events.request import read_request
from shared.model.access import VpcAccess
from shared.model.records import Invalid
from tests.cloud.seeds import seed
from tests.events_table import EVENTS, FILES, function_of
from tests.invoking import Invoker, request


def _validator(name: str) -> Draft202012Validator:
    document = json.loads((EVENTS / "schema" / name).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in schemas()])
def test_a_schema_is_what_the_model_says(name: str) -> None:
    """The committed schema equals what `python -m functions schema` writes now."""
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas()[name], "run `python -m functions schema`"


@pytest.mark.parametrize("file", [pytest.param(path, id=path.relative_to(EVENTS).as_posix()) for path in FILES])
def test_every_published_result_has_the_schema(invoke: Invoker, file: Path) -> None:
    """Results of every file of the corpus are valid."""
    seed(invoke.served.app, json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8")))
    invoke.doing(function_of(file))(file.read_bytes())
    validator = _validator("result.json")

    for message in invoke.messages():
        validator.validate(message)


ASYNCAPI: dict[str, Any] = json.loads((EVENTS / "schema" / "asyncapi.json").read_text(encoding="utf-8"))
THEIRS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "asyncapi-3.0.0.json").read_text(encoding="utf-8")
)
"""AsyncAPI's own JSON Schema; its ``$comment`` says where it is from."""


def test_the_document_is_valid_by_asyncapis_own_schema() -> None:
    """AsyncAPI 3.0's JSON Schema, unchanged, accepts it."""
    assert [error.message for error in Draft7Validator(THEIRS).iter_errors(ASYNCAPI)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"asyncapi": "2.6.0"}, id="version"),
        pytest.param({"info": {"title": "t"}}, id="no-version-of-ours"),
        pytest.param({"operations": {"o": {"action": "publish", "channel": {"$ref": "#/c"}}}}, id="action"),
        pytest.param({"channels": {"c": {"adress": "q"}}}, id="misspelt"),
    ],
)
def test_that_schema_refuses_what_is_wrong(wrong: dict[str, Any]) -> None:
    """It is not taken for valid because nothing was looked at."""
    assert not Draft7Validator(THEIRS).is_valid(ASYNCAPI | wrong)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for one in value.values() for found in _references(one)]
    return [found for one in value for found in _references(one)] if isinstance(value, list) else []


@pytest.mark.parametrize("reference", sorted(set(_references(ASYNCAPI))))
def test_every_reference_of_the_document_leads_somewhere(reference: str) -> None:
    """Nothing outside the file is needed, and nothing in it is missing."""
    found: Any = ASYNCAPI
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    assert found


@pytest.mark.parametrize(
    ("message", "value", "right"),
    [
        pytest.param("request", request(Correlation="order 4711"), True, id="request"),
        pytest.param("request", [request()], False, id="a-list-is-not-one"),
        pytest.param("request", request(Prot=80), False, id="misspelt"),
        pytest.param("requests", [request(), request(Port="443")], True, id="list"),
        pytest.param("requests", [request(Name="")], False, id="wrong-one-in-a-list"),
        pytest.param("result", {"id": "e9f2"}, False, id="no-result"),
    ],
)
def test_its_payloads_are_those_of_the_schemas(message: str, value: Any, right: bool) -> None:
    """What is a message by request.json or result.json is one by the document, for a validator of its own dialect, too."""
    payload = Draft7Validator({**ASYNCAPI, "$ref": f"#/components/messages/{message}/payload"})

    assert payload.is_valid(value) is right
    assert all(payload.is_valid(each["payload"]) for each in ASYNCAPI["components"]["messages"][message]["examples"])


@pytest.mark.parametrize("name", ["request.json", "result.json"])
def test_examples_are_right(name: str) -> None:
    """The examples of a schema are valid by it, a single request and a list among them."""
    document = json.loads((EVENTS / "schema" / name).read_text(encoding="utf-8"))

    assert {type(example) for example in document["examples"]} == ({dict, list} if name == "request.json" else {dict})
    assert [example for example in document["examples"] if not _validator(name).is_valid(example)] == []


def _properties(value: Any, where: str = "") -> dict[str, Any]:
    """Return every property that a schema names, by its path."""
    if isinstance(value, list):
        return {path: one for item in value for path, one in _properties(item, where).items()}
    if not isinstance(value, dict):
        return {}
    mine = {f"{where}/{name}": one for name, one in value.get("properties", {}).items()}
    return mine | {
        path: one for key, item in value.items() for path, one in _properties(item, f"{where}/{key}").items()
    }


@pytest.mark.parametrize("name", ["request.json", "result.json"])
def test_every_field_is_described(name: str) -> None:
    """Whoever reads a schema learns what each field means."""
    found = _properties(json.loads((EVENTS / "schema" / name).read_text(encoding="utf-8")))

    assert len(found) > 10
    assert [path for path, one in found.items() if not one.get("description")] == []


SCHEMA = json.loads((EVENTS / "schema" / "request.json").read_text(encoding="utf-8"))
VALIDATOR = _validator("request.json")


def _accepted(value: Any) -> bool:
    """Tell whether the function takes a message for what it may authorize."""
    return not any(isinstance(record.content, Invalid) for record in parse(json.dumps(value).encode()))


def _said(value: Any) -> bool:
    """Tell whether the schema says so. Repeated keys of tags are the one thing that it cannot say."""
    requests = value if isinstance(value, list) else [value]
    return VALIDATOR.is_valid(value) and not any(_repeats_a_key(one) for one in requests)


def _repeats_a_key(one: dict[str, Any]) -> bool:
    keys = [tag["Key"].strip() for tag in one.get("Tag") or []]
    return len(keys) != len(set(keys))


def of_schema(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that a schema accepts, made from nothing but the keywords that ours uses."""
    if "$ref" in schema:
        return of_schema(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return st.one_of([of_schema(one) for one in schema["anyOf"]])
    made = _MADE[schema["type"]](schema)
    return made.filter(Draft202012Validator(schema).is_valid) if "not" in schema or "pattern" in schema else made


def _text(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    return st.from_regex(schema["pattern"], alphabet=st.characters(codec="utf-8"))


def _number(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    numbers = st.integers(schema["minimum"], schema["maximum"])
    return numbers | numbers.map(float)


def _object(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {key: of_schema(one) for key, one in schema["properties"].items()}
    required = set(schema["required"])
    return st.fixed_dictionaries(
        {key: made for key, made in fields.items() if key in required},
        optional={key: made for key, made in fields.items() if key not in required},
    )


_MADE: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
    "string": _text,
    "integer": _number,
    "null": lambda _: st.none(),
    "array": lambda schema: st.lists(of_schema(schema["items"]), max_size=min(3, schema["maxItems"])),
    "object": _object,
}

ODD = [*" \n\t\x00\x0b\x85\xa0\u3000\u200b\u202e\x9b\ufeff\u2028\U000e0041+-_.0٣ex:", "\r\n", "/24", "%eth0"]
WORDS = """8080 08080 0 65535 65536 8_080 +8080 8080.0 ８０８０ http i-1 lb-a_b alb-1 eci-1 i- myhost vpc-1 orders a.b
10.0.0.1 10.0.0.256 010.0.0.1 1.2.3 :: ::1 1::8 1:2:3:4:5:6:7:8 1:2:3:4:5:6:7:: 1:2:3:4:5:6:7:8:9 1::2::3 fe80::1%eth0
::ffff:1.2.3.4 vpc-access-owner"""
NUMBERS = [0, 1, -1, 65_535, 65_536, 10**25, 8080.0, 8080.5, 0.0, 1e300]
LENGTHS = ["n" * length for length in (0, 64, 65, 128, 129, 253, 254, 256, 257, 1024, 1025)]
LENGTHS += ["vpc-" + "a" * 60, "vpc-" + "a" * 61, "i-" + "a" * 126, "i-" + "a" * 127]
OTHERS: list[Any] = [
    None,
    True,
    False,
    [],
    {},
    ["x"],
    [{}],
    *([{"Key": f"k{n}"} for n in range(count)] for count in (19, 20)),
]
VALUES = [*WORDS.split(), *NUMBERS, *LENGTHS, *OTHERS]
WHOLE = request(
    Description="orders",
    VpcTargetHostName="orders.example",
    Tag=[{"Key": "env", "Value": "prod"}],
    Correlation="order 4711",
) | {"$schema": "https://schemas.example/request.json"}


def _with(field: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the whole request with one field changed, a tag's where the field is one of those."""
    if field in ("Key", "Value", "Other"):
        return WHOLE | {"Tag": [WHOLE["Tag"][0] | {field: change(WHOLE["Tag"][0].get(field))}]}
    return WHOLE | {field: change(WHOLE.get(field))}


FIELDS = [*WHOLE, "Key", "Value", "Other"]
TEXTS = [field for field in FIELDS if field not in ("Port", "Tag", "Other")]


def _instead(field: str, value: Any) -> dict[str, Any]:
    """Return the whole request with ``value`` in one of its fields."""
    return _with(field, lambda _: value)


def _put(field: str, odd: str, place: int) -> dict[str, Any]:
    """Return the whole request with ``odd`` in one of its texts."""
    return _with(field, lambda old: old[:place] + odd + old[place:])


def test_schema_and_function_refuse_the_same() -> None:
    """A whole request with any one field of another type, length or value, or left out, is right to both or to none."""
    spoiled = [_instead(field, value) for field in FIELDS for value in VALUES]
    spoiled += [{key: value for key, value in WHOLE.items() if key != field} for field in WHOLE]
    spoiled += [_put(field, odd, place) for field in TEXTS for odd in ODD for place in (0, 1, 99)]
    spoiled += [WHOLE | {"Port": port} for odd in ODD for port in (f"{odd}80", f"8{odd}0", f"80{odd}")]

    assert [value for value in spoiled if _said(value) != _accepted(value)] == []
    assert {_accepted(value) for value in spoiled} == {True, False}


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from(TEXTS), odd=st.text(max_size=2), place=st.sampled_from([0, 1, 99]))
def test_schema_and_function_know_the_same_characters(field: str, odd: str, place: int) -> None:
    """Characters of any kind, at any place of any text, are right to both or to none."""
    value = _put(field, odd, place)

    assert _said(value) == _accepted(value)


@settings(max_examples=100, deadline=None)
@given(value=of_schema(SCHEMA))
def test_what_the_schema_accepts_the_function_accepts(value: Any) -> None:
    """Any document made from the published schema, a request or a list, is taken."""
    assert _accepted(value) == _said(value)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        pytest.param(request(), True, id="least"),
        pytest.param([request(), request(Name="second")], True, id="list"),
        pytest.param([], True, id="empty-list"),
        pytest.param(request(Port="8080"), True, id="port-as-text"),
        pytest.param(request(Port=8080.0), True, id="whole-float"),
        pytest.param(request(Port="08080"), True, id="leading-zero"),
        pytest.param(request(Port="8_080"), False, id="underscore"),
        pytest.param(request(Port="+8080"), False, id="sign"),
        pytest.param(request(Port=" 8080\n"), False, id="spaces"),
        pytest.param(request(Port="8080\n"), False, id="line-break"),
        pytest.param(request(Port="8080.0"), False, id="float-as-text"),
        pytest.param(request(Port="٨٠٨٠"), False, id="digits-of-another-script"),
        pytest.param(request(Port="99999"), False, id="text-too-high"),
        pytest.param(request(Port="0" * 5_000 + "80"), True, id="many-zeros"),
        pytest.param(request(Port="9" * 5_000), False, id="many-digits"),
        pytest.param(request(Port=0), False, id="port-zero"),
        pytest.param(request(Port=65_536), False, id="port-too-high"),
        pytest.param(request(Port=80.5), False, id="half-a-port"),
        pytest.param(request(Port=True), False, id="boolean"),
        pytest.param(request(Port="http"), False, id="port-name"),
        pytest.param(request(Description=None, Tag=[{"Key": "env"}]), True, id="tag-without-value"),
        pytest.param(request(InstanceId="172.16.0.9", VpcTargetHostName="orders.example"), True, id="address"),
        pytest.param(request(InstanceId="fd00::9"), True, id="address-of-version-6"),
        pytest.param(request(InstanceId="myhost"), False, id="host"),
        pytest.param(request(InstanceId="172.16.0.256"), False, id="no-address"),
        pytest.param(request(InstanceId="i-bp1example0001\n"), False, id="id-with-a-line-break"),
        pytest.param(request(InstanceId="i-bp1.example"), False, id="id-with-a-point"),
        pytest.param(request(Name=""), False, id="no-name"),
        pytest.param(request(Name=" \u3000"), False, id="blank-name"),
        pytest.param(request(Name=" orders\n"), True, id="blanks-around-a-name"),
        pytest.param(request(Name="a\nb"), False, id="control-character"),
        pytest.param(request(Name="orders\u200b"), False, id="zero-width-space"),
        pytest.param(request(Name="orders\u202etxt"), False, id="other-direction"),
        pytest.param(request(Name="orders\x9b31m"), False, id="control-sequence"),
        pytest.param(request(Name="orders\U000e0041"), False, id="invisible-tag"),
        pytest.param(request(Name="n" * 257), False, id="long-name"),
        pytest.param(request(Description="first\nsecond"), False, id="two-lines"),
        pytest.param(request(Description="orders\n"), True, id="last-line-break"),
        pytest.param(request(Description="می‌خواهم"), True, id="joiner-that-a-script-needs"),
        pytest.param(request(Description="orders\u202e"), False, id="direction-of-a-description"),
        pytest.param(request(VpcId="bp1"), False, id="no-vpc"),
        pytest.param(request(VpcId=None), False, id="missing-vpc"),
        pytest.param(request(Prot=80), False, id="unknown-field"),
        pytest.param(request(Tag=[{"Value": "x"}]), False, id="tag-without-key"),
        pytest.param(request(Tag=[{"Key": " env ", "Value": " x\n"}]), True, id="blanks-around-a-tag"),
        pytest.param(request(Tag=[{"Key": "vpc-access-owner"}]), False, id="our-mark"),
        pytest.param(request(Tag=[{"Key": "vpc-access-owner "}]), False, id="our-mark-and-a-space"),
        pytest.param(request(Tag=[{"Key": "vpc-access-owner\u2060"}]), False, id="our-mark-and-nothing-to-see"),
        pytest.param(request(Tag=[{"Key": f"k{n}"} for n in range(20)]), False, id="too-many-tags"),
        pytest.param(request(Correlation="Bestellung 🚀 4711"), True, id="correlation"),
        pytest.param(request(Correlation=None), True, id="no-correlation"),
        pytest.param(request(Correlation="c" * 128), True, id="longest-correlation"),
        pytest.param(request(Correlation="c" * 129), False, id="long-correlation"),
        pytest.param(request(Correlation=4711), False, id="number-as-correlation"),
        pytest.param(request(Correlation="a\u202eb"), False, id="direction-of-a-correlation"),
        pytest.param(request() | {"$schema": "request.json"}, True, id="schema-of-a-request"),
        pytest.param(request() | {"$schema": {}}, False, id="odd-schema-of-a-request"),
    ],
)
def test_schema_and_function_agree_about_requests(value: Any, *, right: bool) -> None:
    """A message that the schema accepts is accepted by the function, and the other way round."""
    assert (_said(value), _accepted(value)) == (right, right)


def test_blanks_around_a_text_are_left_off() -> None:
    """Name, keys and values of tags and the description are taken without blanks and line breaks around them."""
    asked = request(Name=" orders\n", Description="for orders\n", Tag=[{"Key": "env ", "Value": "prod\n"}])
    (record,) = parse(json.dumps(asked).encode())

    assert isinstance(record.content, VpcAccess)
    assert record.content[:4] == ("orders", "vpc-bp1example0001", "i-bp1example0001", 8080)
    assert (record.content.description, record.content.tags) == ("for orders", (("env", "prod"),))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(request(Port="8_080"), ("Port", "digits only", "8080"), id="port"),
        pytest.param(request(Name="orders\u200b"), ("Name", "leave out U+200B", "character 7"), id="invisible"),
        pytest.param(request(Name="ab\u202e"), ("Name", "leave out U+202E", "character 3"), id="direction"),
        pytest.param(request(Name="\n"), ("Name is blank", "orders-prod"), id="blank"),
        pytest.param(request(Tag=[{"Key": "a\x9b"}]), ("Tag.0.Key", "leave out U+009B"), id="tag"),
        pytest.param(
            request(Tag=[{"Key": "vpc-access-owner "}]), ("'vpc-access-owner'", "leave it out"), id="reserved"
        ),
        pytest.param(request(Tag=[{"Key": "a"}, {"Key": " a"}]), ("'a' is given twice", "keep one"), id="repeated"),
        pytest.param(request(InstanceId="myhost"), ("InstanceId", "IP address"), id="instance"),
    ],
)
def test_a_refusal_says_how_to_mend_it(value: dict[str, Any], words: tuple[str, ...]) -> None:
    """The text names the field, the fault and the cure, and none of the characters that it complains of."""
    text = read_request(value)

    assert isinstance(text, str)
    assert [word for word in words if word not in text] == []
    assert text.isprintable()
