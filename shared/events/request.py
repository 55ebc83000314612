"""The request message in the vendor's own field names, and what is wrong with one.

Only what is certain is checked here: required fields, types, and forms that can never be right. Length and character
rules of ``Name`` are not documented anywhere, so the bounds are generous and the service decides.

The schema is written for pydantic's core. Its models would make the same one at every cold start: half of a request's
(``make bench`` compares with a process that has them).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError
from pydantic_core import core_schema as cs

from shared.vpcaccess import OWNER_TAG, VpcAccess

_PRINTABLE = r"^[^\x00-\x1f\x7f\u2028\u2029]*$"
_MOST_PROBLEMS = 12  # told of one request: 10,000 unknown fields would make a text of 1 MB
_EXAMPLES = {
    "Name": 'a unique name, such as "orders-prod"',
    "VpcId": 'the VPC, such as "vpc-bp1example"',
    "InstanceId": 'an instance "i-…", a load balancer "lb-…" or an IP address',
    "Port": "a port from 1 to 65535, such as 8080",
    "Tag": 'a list of {"Key": …, "Value": …}',
    "Key": "the tag's key",
}


def _whole_number(value: Any) -> Any:
    """Accept 80 and "80" (producers send both), not true and not 80.5."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise PydanticCustomError("port", "must be a whole number, such as 8080")
    return value


def _instance_id(value: Any) -> Any:
    """Accept the ids that the API documents (ECS, load balancers) and IP addresses."""
    if not isinstance(value, str) or value.startswith(("i-", "lb-", "alb-", "nlb-")):
        return value
    from ipaddress import ip_address  # 2 ms, needed only for what is no id

    try:
        ip_address(value)
    except ValueError as error:
        raise PydanticCustomError(
            "instance_id", 'must be an instance "i-…", a load balancer "lb-…" or an IP address'
        ) from error
    return value


def _text(most: int, least: int | None = None, pattern: str = _PRINTABLE, *, strip: bool = False) -> cs.CoreSchema:
    return cs.str_schema(min_length=least, max_length=most, pattern=pattern, strip_whitespace=strip)


def _required(schema: cs.CoreSchema) -> cs.TypedDictField:
    return cs.typed_dict_field(schema, required=True)


def _optional(schema: cs.CoreSchema) -> cs.TypedDictField:
    return cs.typed_dict_field(cs.nullable_schema(schema), required=False)


TAG = cs.typed_dict_schema(
    {"Key": _required(_text(128, 1)), "Value": cs.typed_dict_field(_text(128), required=False)},
    extra_behavior="forbid",
)
ACCESS_REQUEST = cs.typed_dict_schema(
    {
        "Name": _required(_text(256, 1, strip=True)),
        "VpcId": _required(_text(64, pattern=r"^vpc-[A-Za-z0-9]+$")),
        "InstanceId": _required(
            cs.no_info_before_validator_function(_instance_id, _text(128, 1, pattern=r"^[A-Za-z0-9.:_-]+$"))
        ),
        "Port": _required(cs.no_info_before_validator_function(_whole_number, cs.int_schema(ge=1, le=65_535))),
        "Description": _optional(_text(1024)),
        "VpcTargetHostName": _optional(_text(253, pattern=r"^[A-Za-z0-9.*_-]*$")),
        "Tag": _optional(cs.list_schema(TAG, max_length=19)),
    },
    extra_behavior="forbid",
)
"""A request to authorize one instance and port, as a producer sends it or a person writes it.

https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-setvpcaccess
"""

FIELDS = tuple(ACCESS_REQUEST["fields"])
_VALIDATOR = SchemaValidator(ACCESS_REQUEST, cs.CoreConfig(hide_input_in_errors=True))


def read_request(value: Mapping[str, Any]) -> VpcAccess | str:
    """Validate a request; return what it asks for, or the text of what is wrong with it and how to fix it."""
    try:
        access = _access(_VALIDATOR.validate_python(value))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = [_problem(one["loc"], one["type"], one["msg"]) for one in found[:_MOST_PROBLEMS]]
        if len(found) > _MOST_PROBLEMS:
            problems.append(f"and {len(found) - _MOST_PROBLEMS} more of the kind")
        return "; ".join(dict.fromkeys(problems))
    keys = [key for key, _ in access.tags]
    if OWNER_TAG in keys:
        return f"Tag {OWNER_TAG!r} is reserved for the function's own mark: leave it out"
    repeated = next((key for key in keys if keys.count(key) > 1), None)
    return f"Tag {repeated!r} stands twice: keep one" if repeated is not None else access


def _access(request: Mapping[str, Any]) -> VpcAccess:
    return VpcAccess(
        request["Name"],
        request["VpcId"],
        request["InstanceId"],
        request["Port"],
        request.get("Description") or "",
        request.get("VpcTargetHostName") or "",
        tuple([(tag["Key"], tag.get("Value", "")) for tag in request.get("Tag") or ()]),
    )


def _problem(location: tuple[int | str, ...], kind: str, message: str) -> str:
    where = ".".join(str(part) for part in location)
    field = str(location[-1]) if location else ""
    if kind == "missing":
        return f"{where} is missing: give {_EXAMPLES.get(field, 'a value')}"
    if kind == "extra_forbidden":
        return f"{where[:64]!r} is not a field of a request{_meant(field)}; the fields are {', '.join(FIELDS)}"
    if kind == "string_pattern_mismatch":
        rule = (
            "may not contain control characters"
            if field in ("Name", "Description", "Key", "Value")
            else "has a wrong form"
        )
        example = _EXAMPLES.get(field)
        return f"{where} {rule}" + (f": give {example}" if example else "")
    return f"{where} {message[0].lower()}{message[1:]}" if where else message


def _meant(field: str) -> str:
    from difflib import get_close_matches  # 5 ms, needed only for a misspelt field

    close = get_close_matches(field[:64], FIELDS, n=1, cutoff=0.6) or [
        name for name in FIELDS if name.lower() == field.lower().replace("_", "")
    ]
    return f" (did you mean {close[0]}?)" if close else ""
