"""The request message in the vendor's own field names, and what is wrong with one.

Only what is certain is checked here: required fields, types, and forms that can never be right. Length and character
rules of ``Name`` are not documented anywhere, so the bounds are generous and the service decides.

The schema is written for pydantic's core. Its models would make the same one at every cold start: half of a request's
(``make bench`` compares with a process that has them).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, cast

from shared.events.core import PydanticCustomError, SchemaValidator, ValidationError
from shared.events.fields import shown
from shared.model.access import MARKS, Replaced, Tags, VpcAccess
from shared.model.backend import TARGET_ID

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

Schema = dict[str, Any]  # of pydantic's core: https://docs.pydantic.dev/latest/api/pydantic_core_schema/

# Parts of patterns hold the characters themselves: engines differ in how they want them escaped (events/schema/).
_CONTROL = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Characters that control how a text is shown: controls, line and paragraph ends, changes of the text's direction."""
_INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Other characters that show nothing, so that two names look alike: Default_Ignorable_Code_Point, and U+FFF9 to U+FFFB.

https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
"""
_BLANK = "\t\n\r \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
BLANKS = f"[{_BLANK}]*"
"""Removed from both ends of names, tags and descriptions: a text of several lines in YAML ends with a line break."""
_TEXT = f"^{BLANKS}[^{_CONTROL}]*{BLANKS}$"
_NAME = f"^{BLANKS}[^{_BLANK}{_CONTROL}{_INVISIBLE}][^{_CONTROL}{_INVISIBLE}]*{BLANKS}$"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PAIR = "[0-9A-Fa-f]{1,4}"  # of bytes, in an IPv6 address; "::" stands for one or more that are 0
_SHORTENED = "|".join(f"(?:{_PAIR}:){{1,{count}}}(?::{_PAIR}){{1,{7 - count}}}" for count in range(1, 7))
_IPV6 = f"(?:{_PAIR}:){{7}}{_PAIR}|(?:{_PAIR}:){{1,7}}:|{_SHORTENED}|:(?::{_PAIR}){{1,7}}|::"
_INSTANCE_ID = rf"^(?:{TARGET_ID}|{_BYTE}(?:\.{_BYTE}){{3}}|{_IPV6})$"
_MAX_PROBLEMS = 12  # reported for one request: 10,000 unknown fields would make a text of 1 MB
_EXAMPLES = {
    "Name": 'a unique name, such as "orders-prod"',
    "VpcId": 'the VPC, such as "vpc-bp1example"',
    "InstanceId": 'an instance "i-…", a load balancer "lb-…" or an IP address',
    "Port": "a port from 1 to 65535, such as 8080",
    "Tag": 'a list of {"Key": …, "Value": …}',
    "Replaces": 'what the name opens now: {"VpcId": …, "InstanceId": …, "Port": …}',
    "Key": "the tag's key",
}
RESERVED_KEYS = MARKS


def _port(value: Any) -> int:
    """Return the number of 8080, 8080.0 and "8080" (producers send each); nothing else is meant for one."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value.lstrip("0")[:6] or "0")  # more digits are not a port either, and would take long to read
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise PydanticCustomError(
        "port",
        "must be a whole number from 1 to 65535, such as 8080; as text its digits only, without sign, space or point",
    )


def _text(most: int, pattern: str) -> Schema:
    return _function("after", str.strip, _word(most, pattern))


def _word(most: int, pattern: str) -> Schema:
    return {"type": "str", "max_length": most, "pattern": pattern}


def _function(when: str, function: Callable[[Any], Any], schema: Schema) -> Schema:
    return {"type": f"function-{when}", "function": {"type": "no-info", "function": function}, "schema": schema}


def _object(fields: Schema) -> Schema:
    return {"type": "typed-dict", "fields": fields, "extra_behavior": "forbid"}


def _required(schema: Schema) -> Schema:
    return {"type": "typed-dict-field", "schema": schema, "required": True}


def _optional(schema: Schema) -> Schema:
    return _left_out({"type": "nullable", "schema": schema})


def _left_out(schema: Schema) -> Schema:
    return {"type": "typed-dict-field", "schema": schema, "required": False}


TAG = _object({"Key": _required(_text(128, _NAME)), "Value": _left_out(_text(128, _TEXT))})
_VPC_ID, _TARGET_ID = _word(64, r"^vpc-[A-Za-z0-9]+$"), _word(128, _INSTANCE_ID)
_PORT = _function("before", _port, {"type": "int", "ge": 1, "le": 65_535})
_HOST_NAME = _word(253, r"^[A-Za-z0-9.*_-]*$")
_MAX_CORRELATION = 128  # characters
_CORRELATION = f"[^{_CONTROL}]*"
REPLACES = _object(
    {
        "VpcId": _required(_VPC_ID),
        "InstanceId": _required(_TARGET_ID),
        "Port": _required(_PORT),
        "VpcTargetHostName": _optional(_HOST_NAME),
    }
)
ACCESS_REQUEST = _object(
    {
        "Name": _required(_text(256, _NAME)),
        "VpcId": _required(_VPC_ID),
        "InstanceId": _required(_TARGET_ID),
        "Port": _required(_PORT),
        "Description": _optional(_text(1024, _TEXT)),
        "VpcTargetHostName": _optional(_HOST_NAME),
        "Tag": _optional({"type": "list", "items_schema": TAG, "max_length": 20 - len(MARKS)}),
        "Replaces": _optional(REPLACES),
        "Correlation": _optional(_word(_MAX_CORRELATION, f"^{_CORRELATION}$")),
        "$schema": _optional(_word(1024, "^[!-~]*$")),  # the address of a schema, for editors; it asks for nothing
    }
)
"""A request to authorize one instance and port, as a producer sends it or a person writes it.

https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-setvpcaccess
"""

FIELDS = tuple(name for name in ACCESS_REQUEST["fields"] if name.isalpha())
_VALIDATOR = SchemaValidator(cast("CoreSchema", ACCESS_REQUEST), {"hide_input_in_errors": True})


def read_request(value: Mapping[str, Any]) -> VpcAccess | str:
    """Validate a request; return what it asks for, or the text of what is wrong with it and how to fix it."""
    try:
        access = _access(_VALIDATOR.validate_python(value))
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [_problem(one["loc"], one["type"], one["msg"], one["input"]) for one in found[:_MAX_PROBLEMS]]
        if len(found) > _MAX_PROBLEMS:
            problems.append(f"and {len(found) - _MAX_PROBLEMS} more of the kind")
        if any(one["type"] == "extra_forbidden" and len(one["loc"]) == 1 for one in found):
            problems.append(f"the fields of a request are {', '.join(FIELDS)}")
        return "; ".join(dict.fromkeys(problems))
    keys = [key for key, _ in access.tags]
    reserved = next((key for key in keys if key in RESERVED_KEYS), None)
    if reserved is not None:
        return f"Tag {reserved!r} is reserved for the function's own marks: leave it out"
    repeated = next((key for key in keys if keys.count(key) > 1), None)
    return f"Tag {repeated!r} is given twice: keep one" if repeated is not None else access


def _access(request: Mapping[str, Any]) -> VpcAccess:
    """Return what a valid request asks for. What the requests of a batch have in common is held once, not for each."""
    return VpcAccess(
        request["Name"],
        intern(request["VpcId"]),
        request["InstanceId"],
        request["Port"],
        intern(request.get("Description") or ""),
        intern(request.get("VpcTargetHostName") or ""),
        _held_once(tuple([(tag["Key"], tag.get("Value", "")) for tag in request.get("Tag") or ()])),
        replaces=_replaced(request.get("Replaces")),
        correlation=request.get("Correlation") or "",
    )


@lru_cache(16)
def _held_once(tags: Tags) -> Tags:
    return tags


def correlation_of(value: Mapping[str, Any]) -> str:
    """Return the Correlation of a request that is wrong otherwise, "" if it has none or one that cannot be given back."""
    found = value.get("Correlation")
    if isinstance(found, str) and len(found) <= _MAX_CORRELATION and re.fullmatch(_CORRELATION, found):
        return found
    return ""


def _replaced(seen: Mapping[str, Any] | None) -> Replaced | None:
    if seen is None:
        return None
    return Replaced((seen["VpcId"], seen["InstanceId"], seen["Port"]), seen.get("VpcTargetHostName") or "")


def _problem(location: tuple[int | str, ...], kind: str, message: str, value: Any) -> str:
    where = ".".join(str(part) for part in location)
    field = str(location[-1]) if location else ""
    if kind == "missing":
        return f"{where} is missing: give {_EXAMPLES.get(field, 'a value')}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"{where} is out of range: give {_EXAMPLES.get(field, 'a value')}"
    if kind == "extra_forbidden":
        return f"{shown(where, 64)!r} is not a field{_meant(field) or ': leave it out'}"
    if kind == "string_pattern_mismatch":
        rule = _odd_character(value) if field in _FREE else "has a wrong form"
        example = _EXAMPLES.get(field)
        return f"{where} {rule}" + (f": give {example}" if example else "")
    return f"{where} {message[0].lower()}{message[1:]}" if where else message


_FREE = ("Name", "Description", "Key", "Value", "Correlation")


def _odd_character(text: str) -> str:
    """Return what is wrong with a text of free characters: names one that may not stand there, and where."""
    found = re.search(f"[{_CONTROL}{_INVISIBLE}]", text.strip("\t\n\r "))
    if not found:
        return "is blank"
    return (
        f"may not contain control characters, invisible characters or changes of text direction: leave out U+{ord(found[0]):04X} "
        f"(character {text.index(found[0]) + 1})"
    )


def _meant(field: str) -> str:
    from difflib import get_close_matches  # 5 ms, needed only for a misspelt field

    close = get_close_matches(field[:64], FIELDS, n=1, cutoff=0.6) or [
        name for name in FIELDS if name.lower() == field.lower().replace("_", "")
    ]
    return f" (did you mean {close[0]}?)" if close else ""
