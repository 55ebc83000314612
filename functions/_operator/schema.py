"""``schema``: the messages for producers and consumers, made from the models: JSON Schemas, and AsyncAPI over them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import click
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal
from pydantic.json_schema import GenerateJsonSchema

from functions._operator import asyncapi
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
_ABOUT: Mapping[str, tuple[str, Any]] = {
    "Name": ("name of the authorization, by which APIs refer to it; unique in the region", "orders-prod"),
    "VpcId": ("the VPC in which the backend is", "vpc-bp1example0001"),
    "InstanceId": (
        "the backend: an instance i-…, a load balancer lb-… or an IP address in the VPC",
        "i-bp1example0001",
    ),
    "Port": ("the port that is opened, as a number or its digits", 8080),
    "Description": ("a description for people", "orders backend"),
    "VpcTargetHostName": ("host name that the gateway sends to the backend", "orders.example.com"),
    "Tag": (
        "tags of the authorization; each key once, which JSON Schema cannot say",
        [{"Key": "env", "Value": "prod"}],
    ),
    "Key": ("key of the tag", "env"),
    "Value": ("value of the tag", "prod"),
    "Replaces": (
        "with ON_CONFLICT=replace: what the name opens now, so that a late or repeated request undoes nothing",
        {"VpcId": "vpc-bp1example0001", "InstanceId": "i-bp1example0002", "Port": 8080},
    ),
    "Correlation": ("a value of your own, which the result gives back", "order-4711"),
    "$schema": ("address of this schema, for editors; ignored", "https://example.com/request.json"),
}
"""What each field of a request means, and an example of it."""
REQUEST_EXAMPLE = {name: _ABOUT[name][1] for name in ("Name", "VpcId", "InstanceId", "Port", "Correlation")}
RESULT_EXAMPLE = {
    "specversion": "1.0",
    "id": "e9f2442576e8d0a2282d97d57357b000",
    "source": "/vpc-access-authorizer/team-a",
    "type": "vpcaccess.authorized",
    "subject": "orders-prod",
    "time": "2026-11-23T09:00:00Z",
    "datacontenttype": "application/json",
    "data": {
        "SourceMessageId": "C6DB60D1574661357FA2272700000001",
        "Source": "smq-queue",
        "InvocationId": "1-6923a7c0-1f2e3d4c-5b6a79880011",
        **REQUEST_EXAMPLE,
        "VpcAccessId": "f756933ddbb9fb52face040e75371401",
        "RequestId": "AC21F02A-2F6B-83BE-143F-8A6FF313F4FA",
    },
}
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
    vpc_id: Annotated[str, Field(description="the VPC in which the backend is")] = ""
    instance_id: Annotated[str, Field(description="the backend, as it was asked for or announced")] = ""
    instance_ids: Annotated[
        list[str], Field(description="all that the result is about, if an announcement has several that were not found")
    ] = []
    port: Annotated[int, Field(description="the port that is opened", ge=1, le=65_535)] = 0
    vpc_access_id: Annotated[str, Field(description="the id, present when access is granted, released or kept")] = ""
    request_id: Annotated[str, Field(description="the cloud's request id, what its support asks for")] = ""
    differs: Annotated[
        list[str], Field(description="fields whose value at the gateway is not the one that was asked for")
    ] = []
    reason_code: Annotated[str, Field(description="a short fixed word, or the cloud's error code")] = ""
    reason: Annotated[str, Field(description="why, and how to lift it", max_length=2_000)] = ""
    will_retry: Annotated[bool, Field(description="a redelivery will try again; never true over HTTP")] = False
    original: Annotated[str, Field(description="the record as it came, JSON or text")] = ""
    original_truncated: Annotated[bool, Field(description="Original is only its beginning")] = False
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

    specversion: Annotated[Literal["1.0"], Field(description="version of CloudEvents")]
    id: Annotated[
        str, Field(description="the same for every delivery of a record: drop repeats by it", pattern="^[0-9a-f]{32}$")
    ]
    source: Annotated[str, Field(description="this function and its OWNER", pattern="^/vpc-access-authorizer/.+$")]
    type: Annotated[
        str,
        Field(
            description="what became of the record; its last word is the message tag, by which a subscription filters",
            pattern=rf"^vpcaccess\.({'|'.join(_KINDS)})$",
        ),
    ]
    subject: Annotated[str, Field(description="name of the authorization, absent if it is not known", min_length=1)] = (
        ""
    )
    time: Annotated[str, Field(description="when it was published", json_schema_extra={"format": "date-time"})]
    datacontenttype: Annotated[Literal["application/json"], Field(description="form of data")]
    data: Annotated[ResultData, Field(description="what became of the record")]


@click.command()
def schema() -> None:
    """Write the JSON Schemas of our messages, and their AsyncAPI document."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        click.echo(f"events/schema/{name}")


def schemas() -> dict[str, str]:
    """Return the text of each file of events/schema/, by its name."""
    request = _document(
        _request(),
        "A request to authorize one instance and port, or a list of them.",
        [REQUEST_EXAMPLE, [REQUEST_EXAMPLE, {**REQUEST_EXAMPLE, "Name": "orders-admin", "Port": 8443}]],
    )
    result = _document(
        Result.model_json_schema(), "Result of one record, published to the result topic.", [RESULT_EXAMPLE]
    )
    made = {"request.json": request, "result.json": result, "asyncapi.json": asyncapi.document(request, result)}
    return {
        name: json.dumps(document, indent=2) + "\n" for name, document in made.items()
    }  # ASCII: patterns name odd characters


def _request() -> dict[str, Any]:
    """Return the schema of a message: the validator's own rules, and what it decides in code."""
    one = {"description": _REQUEST, **GenerateJsonSchema().generate(ACCESS_REQUEST)}
    fields = one["properties"]
    fields["Port"] = {"anyOf": [fields["Port"], {"type": "string", "pattern": _PORT_IN_DIGITS}]}
    tags = fields["Tag"]["anyOf"][0]
    reserved = {"pattern": f"^{BLANKS}(?:{'|'.join(RESERVED_KEYS)}){BLANKS}$"}
    tags["items"]["properties"]["Key"]["not"] = reserved
    for holder in (fields, tags["items"]["properties"], fields["Replaces"]["anyOf"][0]["properties"]):
        for name, field in holder.items():
            about, example = _ABOUT[name]
            holder[name] = {"description": about, "examples": [example], **field}
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


def _document(schema: Mapping[str, Any], title: str, examples: list[Any]) -> dict[str, Any]:
    return {"$schema": _DIALECT, "title": title, "examples": examples, **_plain(schema)}


def _plain(schema: Any) -> Any:
    """Return the schema without what pydantic adds for itself: titles made of names, and defaults."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _plain(value) for key, value in schema.items() if key != "default" and not _is_title(key, value)}


def _is_title(key: str, value: Any) -> bool:
    return key == "title" and isinstance(value, str)
