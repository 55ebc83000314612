"""The request message in the vendor's own field names, and what is wrong with one.

Only what is certain is checked here: required fields, types, and forms that can never be right. Length and character
rules of ``Name`` are not documented anywhere, so the bounds are generous and the service decides.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_pascal
from pydantic_core import PydanticCustomError

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


def _instance_id(value: str) -> str:
    """Accept the ids that the API documents (ECS, load balancers) and IP addresses."""
    if value.startswith(("i-", "lb-", "alb-", "nlb-")):
        return value
    try:
        ip_address(value)
    except ValueError as error:
        raise PydanticCustomError(
            "instance_id", 'must be an instance "i-…", a load balancer "lb-…" or an IP address'
        ) from error
    return value


Text = Annotated[str, StringConstraints(max_length=1024, pattern=_PRINTABLE)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_PRINTABLE)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9.:_-]+$")]


class Tag(BaseModel):
    """A tag of the authorization."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", hide_input_in_errors=True)

    key: Key
    value: Annotated[str, StringConstraints(max_length=128, pattern=_PRINTABLE)] = ""


class AccessRequest(BaseModel):
    """A request to authorize one instance and port, as a producer sends it or a person writes it.

    https://www.alibabacloud.com/help/en/api-gateway/traditional-api-gateway/developer-reference/api-cloudapi-2016-07-14-setvpcaccess
    """

    model_config = ConfigDict(alias_generator=to_pascal, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_PRINTABLE, strip_whitespace=True)]
    vpc_id: Annotated[str, StringConstraints(max_length=64, pattern=r"^vpc-[A-Za-z0-9]+$")]
    instance_id: Annotated[Identifier, BeforeValidator(lambda v: _instance_id(v) if isinstance(v, str) else v)]
    port: Annotated[
        int,
        Field(ge=1, le=65_535, json_schema_extra={"type": ["integer", "string"], "pattern": "^[0-9]+$"}),
        BeforeValidator(_whole_number),
    ]
    description: Text | None = None
    vpc_target_host_name: Annotated[str, StringConstraints(max_length=253, pattern=r"^[A-Za-z0-9.*_-]*$")] | None = None
    tag: Annotated[list[Tag], Field(max_length=19)] | None = None

    def access(self) -> VpcAccess:
        """Return what is asked for."""
        return VpcAccess(
            name=self.name,
            vpc_id=self.vpc_id,
            instance_id=self.instance_id,
            port=self.port,
            description=self.description or "",
            vpc_target_host_name=self.vpc_target_host_name or "",
            tags=tuple((tag.key, tag.value) for tag in self.tag or ()),
        )


FIELDS = tuple(field.alias or name for name, field in AccessRequest.model_fields.items())


def read_request(value: dict[str, Any]) -> VpcAccess | str:
    """Validate a request; return what it asks for, or the text of what is wrong with it and how to fix it."""
    try:
        access = AccessRequest.model_validate(value).access()
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
