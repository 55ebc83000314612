"""Typed reading of flattened RPC parameters: what an operation takes is data, what it does not take is refused.

The wire forms (numbers and booleans as text, ``Tag.1.Key`` lists counting from 1) are what the vendor's SDKs send, by
https://github.com/aliyun/aliyun-openapi-meta. That an unknown parameter is refused is stricter than any page promises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_INTEGER = re.compile(r"-?[0-9]{1,10}")
_ITEM = re.compile(r"(?P<list>[A-Za-z]+)\.(?P<number>[1-9][0-9]*)(?:\.(?P<field>[A-Za-z]+))?")


@dataclass(frozen=True)
class Parameter:
    """One parameter: ``kind`` is string, integer, boolean, strings (``Name.N``) or tags (``Tag.N.Key/Value``)."""

    name: str
    kind: str = "string"
    required: bool = False
    minimum: int = -(2**31)
    maximum: int = 2**31 - 1


def missing(name: str) -> ServiceError:
    """Return the refusal of an absent or empty mandatory parameter."""
    return ServiceError(400, f"Missing{name}", f"The {name} is mandatory for this action.")


def invalid(name: str) -> ServiceError:
    """Return the refusal of a value that has the wrong type or range."""
    return ServiceError(400, f"Invalid{name}", f"The specified parameter {name} value is not valid.")


def not_found(name: str) -> ServiceError:
    """Return the refusal of a value that names something that does not exist."""
    return ServiceError(400, f"NotFound{name}", f"Cannot find resource according to your specified {name}.")


def read(specification: Iterable[Parameter], given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the typed values by name; absent optional parameters are absent.

    Raises ServiceError for an unknown, repeated, missing or mistyped parameter.
    """
    known = {parameter.name: parameter for parameter in specification}
    scalars: dict[str, str] = {}
    lists: dict[str, dict[tuple[int, str], str]] = {}
    for name, value in given:
        item = _ITEM.fullmatch(name)
        base = item["list"] if item else name
        parameter = known.get(base)
        if parameter is None or (item is not None) != (parameter.kind in {"strings", "tags"}):
            raise ServiceError(400, "UnsupportedParameter", f"The parameter {name} is not supported.")
        place = lists.setdefault(base, {}) if item else scalars
        key: Any = (int(item["number"]), item["field"] or "") if item else name
        if key in place:
            raise ServiceError(400, "InvalidParameter", f"The parameter {name} is given more than once.")
        place[key] = value
    return {
        name: value
        for name, parameter in known.items()
        if (value := _value(parameter, scalars.get(name), lists.get(name, {}))) is not None
    }


def _value(parameter: Parameter, text: str | None, items: Mapping[tuple[int, str], str]) -> Any:
    if parameter.kind == "tags":
        value: Any = _tags(parameter.name, items) or None
    elif parameter.kind == "strings":
        value = _strings(parameter.name, items) or None
    else:
        value = None if text is None else _scalar(parameter, text)
    if parameter.required and value in {None, ""}:
        raise missing(parameter.name)
    return value


def _scalar(parameter: Parameter, text: str) -> str | int | bool | None:
    if parameter.kind == "string":
        return text
    if text == "" and not parameter.required:
        return None
    if text == "":
        raise missing(parameter.name)
    if parameter.kind == "boolean":
        if text.lower() not in {"true", "false"}:
            raise invalid(parameter.name)
        return text.lower() == "true"
    if not _INTEGER.fullmatch(text) or not parameter.minimum <= int(text) <= parameter.maximum:
        raise invalid(parameter.name)
    return int(text)


def _strings(name: str, items: Mapping[tuple[int, str], str]) -> list[str]:
    if any(field for _, field in items):
        raise invalid(name)
    return [items[key] for key in sorted(items)]


def _tags(name: str, items: Mapping[tuple[int, str], str]) -> list[dict[str, str]]:
    tags = []
    for number in sorted({number for number, _ in items}):
        fields = {field: value for (at, field), value in items.items() if at == number}
        if not fields.get("Key") or set(fields) - {"Key", "Value"}:
            raise invalid(name)
        tags.append({"Key": fields["Key"], "Value": fields.get("Value", "")})
    return tags
