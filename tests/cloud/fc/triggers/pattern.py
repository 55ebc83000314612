"""Event patterns of EventBridge.

Operators and rules: <https://www.alibabacloud.com/help/en/eventbridge/latest/event-patterns> (Apr 11, 2024): a matched
event has every field of the pattern at the same depth (AND), and one of the values in each array (OR).
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Callable, Mapping
from typing import Any

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_ABSENT = object()


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """True if the event satisfies the pattern; an empty one takes everything.

    ValueError or TypeError if it is malformed.
    """
    return all(_field(condition, event.get(name, _ABSENT)) for name, condition in pattern.items())


def _field(condition: Any, value: Any) -> bool:
    if isinstance(condition, Mapping):
        return matches(condition, value if isinstance(value, Mapping) else {})
    if not isinstance(condition, list):
        raise TypeError(f"a field of an event pattern is an object or an array of values, not {condition!r}")
    candidates = value if isinstance(value, list) else [value]
    return any(_satisfies(alternative, candidate) for alternative in condition for candidate in candidates)


def _satisfies(condition: Any, value: Any) -> bool:
    if not isinstance(condition, Mapping):
        return value is not _ABSENT and type(value) is type(condition) and value == condition
    if len(condition) != 1:
        raise ValueError(f"a condition of an event pattern has one operator: {condition!r}")
    ((name, operand),) = condition.items()
    if name == "exists":
        return (value is not _ABSENT) is operand
    if name not in _OPERATORS:
        raise ValueError(f"unknown operator {name!r}; there are exists, {', '.join(sorted(_OPERATORS))}")
    return value is not _ABSENT and _OPERATORS[name](operand, value)


def _anything_but(operand: Any, value: Any) -> bool:
    excluded = operand if isinstance(operand, list) else [operand]
    return not any(_satisfies(condition, value) for condition in excluded)


def _numeric(operand: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return all(_COMPARE[sign](value, bound) for sign, bound in zip(operand[::2], operand[1::2], strict=True))


def _cidr(operand: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(operand)
    except ValueError:
        return False


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": lambda operand, value: isinstance(value, str) and value.startswith(operand),
    "suffix": lambda operand, value: isinstance(value, str) and value.endswith(operand),
    "contains": lambda operand, value: isinstance(value, str) and operand in value,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
}
