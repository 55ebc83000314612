"""What a fault rule may say; a wrong one is refused with the reason before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cloud import odd

if TYPE_CHECKING:
    from collections.abc import Mapping

EFFECTS = ("status", "delay", "cut", "body", "odd", "skew", "expired_token", "throttle")
BODIES = ("truncated", "html", "xml", "empty", "garbage")
_SELECTORS = {"nth", "from", "to", "every", "times", "rate", "seed"}
_KEYS = {"id", "operation", "code", "message", "retry_after", "when", "key"} | _SELECTORS | set(EFFECTS)
_CHOICES = {
    "cut": ("before", "after"),
    "when": ("before", "after"),
    "body": BODIES,
    "odd": odd.FORMS,
    "expired_token": (True,),
}
_COUNTS = {"nth", "from", "to", "every", "times"}
_NUMBERS = {"rate", "delay", "skew", "retry_after"}
_THROTTLE = {"rate", "burst", "status", "code"}


def check(item: Mapping[str, Any], name: str, operations: frozenset[str]) -> None:
    """Raise ValueError, naming the rule and what it may be instead, unless the rule makes sense."""
    for complaint in (_structure(item, operations), _selection(item), _values(item)):
        if complaint:
            raise ValueError(f"fault rule {name}: {complaint}")


def _structure(item: Mapping[str, Any], operations: frozenset[str]) -> str:
    if unknown := sorted(set(item) - _KEYS):
        return f"unknown key {', '.join(unknown)}; there are {', '.join(sorted(_KEYS))}"
    if item.get("operation") not in operations:
        return f"unknown operation {item.get('operation')!r}; there are {', '.join(sorted(operations))}"
    effects = {name for name in EFFECTS if name in item} - ({"status"} if "body" in item else set())
    if len(effects) != 1:
        return f"needs exactly one effect of {', '.join(EFFECTS)}"
    if "body" in item and item.get("when") == "before" and ("status" not in item or item["body"] == "truncated"):
        return "a body before the effect needs a status, and cannot be truncated"
    if "odd" in item and "when" in item:
        return "an odd answer comes after the effect"
    if ("key" in item) != (item.get("odd") in odd.KEYED):
        return f"odd of {', '.join(sorted(odd.KEYED))} needs a key, and nothing else takes one"
    return ""


def _selection(item: Mapping[str, Any]) -> str:
    if len({"nth", "times", "rate", "from"} & set(item)) > 1:
        return "selects by more than one of nth, from, times, rate"
    if {"to", "every"} & set(item) and "from" not in item:
        return "to and every need a from"
    if wrong := sorted(name for name in _COUNTS & set(item) if not _whole(item[name]) or item[name] < 1):
        return f"{', '.join(wrong)} must be a whole number from 1"
    if "seed" in item and not ("rate" in item and _whole(item["seed"])):
        return "seed is a whole number that goes with a rate"
    return ""


def _values(item: Mapping[str, Any]) -> str:
    for name, choices in _CHOICES.items():
        if name in item and item[name] not in choices:
            return f"{name} is one of {', '.join(map(str, choices))}"
    if wrong := sorted(name for name in _NUMBERS & set(item) if not _number(item[name])):
        return f"{', '.join(wrong)} must be a number"
    if "rate" in item and not 0 <= item["rate"] <= 1:
        return "rate is a share between 0 and 1"
    if "status" in item and not (_whole(item["status"]) and 200 <= item["status"] <= 599):
        return "status is an HTTP status"
    if not isinstance(item.get("key", ""), str):
        return "key is the name of a key of the answer"
    if "throttle" in item:
        return _throttle(item["throttle"])
    return ""


def _throttle(throttle: Any) -> str:
    if not isinstance(throttle, dict) or set(throttle) - _THROTTLE or not _number(throttle.get("rate")):
        return f"throttle is an object of {', '.join(sorted(_THROTTLE))} with a rate per second"
    return "" if _number(throttle.get("burst", 1)) else "burst must be a number"


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
