"""``schema``: JSON Schemas of the request and result messages, made from the models, for producers and consumers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import click
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal
from pydantic.json_schema import GenerateJsonSchema

from shared.events.parsing import MAX_PER_MESSAGE
from shared.events.request import ACCESS_REQUEST, BLANKS, RESERVED_KEYS
from shared.model.outcome import FAILED, GRANTED, OF_AN_ENTRY, REFUSED, REJECTED

FOLDER = Path(__file__).parents[2] / "events" / "schema"
_KINDS = sorted(GRANTED | OF_AN_ENTRY | {REFUSED, REJECTED, FAILED})
_REQUEST = (
    "A request to authorize one instance and port, as a producer sends it or a person writes it.\n\n"
    "https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-setvpcaccess"
)
_PORT_IN_DIGITS = (
    "^0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$"  # 1 to 65535
)
_TAGS = "Each key once, which JSON Schema cannot say."
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class ResultData(BaseModel):
    """What became of one record. Fields that do not apply are absent."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid")

    source_message_id: Annotated[str, Field(description="id that the source gave its message; empty by hand")]
    source: Annotated[str, Field(description="wrappers that were opened, outermost first", examples=["smq-queue"])]
    correlation: Annotated[str, Field(description="the request's own Correlation", max_length=128)] = ""
    place: Annotated[
        str, Field(description="where the request stood in the list that was sent: [0] is the first", examples=["[2]"])
    ] = ""
    invocation_id: Annotated[
        str,
        Field(description="request id of the call that answered: `invoke` prints it, HTTP returns it, the log has it"),
    ] = ""
    name: Annotated[str, Field(description="name of the authorization")] = ""
    vpc_id: str = ""
    instance_id: str = ""
    instance_ids: Annotated[
        list[str], Field(description="all that the result is about, if an announcement has several that were not found")
    ] = []
    port: Annotated[int, Field(ge=1, le=65_535)] = 0
    vpc_access_id: Annotated[str, Field(description="the id, present when access is granted, released or kept")] = ""
    request_id: Annotated[str, Field(description="the cloud's request id, what its support asks for")] = ""
    differs: Annotated[
        list[str], Field(description="fields whose value at the gateway is not the one that was asked for")
    ] = []
    reason_code: Annotated[str, Field(description="a short fixed word, or the cloud's error code")] = ""
    reason: Annotated[str, Field(description="why, and how to lift it", max_length=2_000)] = ""
    will_retry: Annotated[bool, Field(description="a redelivery will try again; never true over HTTP")] = False
    original: Annotated[str, Field(description="the record as it came, JSON or text")] = ""
    original_truncated: bool = False
    original_in: Annotated[str, Field(description="id of the result of the same message that has the Original")] = ""

    because: Annotated[str, Field(description="of a release: what ended, as the event called it")] = ""
    undo: Annotated[
        dict[str, Any] | None, Field(description="of a release: the request that makes the authorization again")
    ] = None
    left_out: Annotated[list[str], Field(description="fields that were too large for the message and are missing")] = []
    found_gone: Annotated[
        bool,
        Field(description="of a release: it was gone when it was looked for, removed by us before or by somebody else"),
    ] = False
    not_seen: Annotated[
        list[str], Field(description="of a release: what may have used it and cannot be looked up")
    ] = []
    apis: Annotated[
        list[str],
        Field(description="APIs that the gateway named when it removed the authorization: look at them at once"),
    ] = []
    used_by: Annotated[list[str], Field(description="of one that is kept: what uses it, at most 20")] = []


class Result(BaseModel):
    """A result message: CloudEvents 1.0 in JSON. Repeats of a redelivered record have the same id."""

    model_config = ConfigDict(extra="forbid")

    specversion: Literal["1.0"]
    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    source: Annotated[str, Field(pattern="^/vpc-access-authorizer/.+$")]
    type: Annotated[str, Field(pattern=rf"^vpcaccess\.({'|'.join(_KINDS)})$")]
    subject: Annotated[str, Field(description="name of the authorization, absent if it is not known", min_length=1)] = (
        ""
    )
    time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    datacontenttype: Literal["application/json"]
    data: ResultData


@click.command()
def schema() -> None:
    """Write the JSON Schemas of our messages to events/schema/."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        click.echo(f"events/schema/{name}")


def schemas() -> dict[str, str]:
    """Return the text of each file of events/schema/, by its name."""
    return {
        "request.json": _text(_request(), "A request to authorize one instance and port, or a list of them."),
        "result.json": _text(Result.model_json_schema(), "Result of one record, published to the result topic."),
    }


def _request() -> dict[str, Any]:
    """Return the schema of a message: the validator's own rules, and what it decides in code."""
    one = {"description": _REQUEST, **GenerateJsonSchema().generate(ACCESS_REQUEST)}
    fields = one["properties"]
    fields["Port"] = {"anyOf": [fields["Port"], {"type": "string", "pattern": _PORT_IN_DIGITS}]}
    tags = fields["Tag"]["anyOf"][0]
    tags["description"] = _TAGS
    reserved = {"pattern": f"^{BLANKS}(?:{'|'.join(RESERVED_KEYS)}){BLANKS}$"}
    tags["items"]["properties"]["Key"]["not"] = reserved
    request = {"$ref": "#/$defs/Request"}
    many = {"type": "array", "items": request, "maxItems": MAX_PER_MESSAGE}
    return {"anyOf": [request, many], "$defs": {"Request": _without_last_line_break(one)}}


def _without_last_line_break(schema: Any) -> Any:
    """Return the schema with patterns that mean the same to all: ``$`` matches before a last line break, too, in Python."""
    if isinstance(schema, list):
        return [_without_last_line_break(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _without_last_line_break(value) for key, value in schema.items()}
    if not schema.get("pattern", f"{BLANKS}$").endswith(f"{BLANKS}$"):
        closed["not"] = {"pattern": "\n"}
    return closed


def _text(schema: Mapping[str, Any], title: str) -> str:
    made = {"$schema": _DIALECT, "title": title, **_plain(schema)}
    return json.dumps(made, indent=2) + "\n"  # in ASCII: patterns name characters that no editor shows


def _plain(schema: Any) -> Any:
    """Return the schema without what pydantic adds for itself: titles made of names, and defaults."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _plain(value) for key, value in schema.items() if key != "default" and not _is_title(key, value)}


def _is_title(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)
