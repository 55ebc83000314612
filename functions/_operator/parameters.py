"""What is wrong with parameters for the stack, by the template's own rules and those of the function's settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from shared import settings
from shared.errors import SettingsError

OF_DEPLOY = {
    "CodeBucket": "--bucket gives it",
    "CodeObject": "it follows from the code",
    "Runtime": "--python-version gives it",
}
_LEAST = {
    "OWNER": "owner",
    "ALLOWED_VPC_IDS": "*",
    "ALLOWED_PORTS": "80",
    "RESULT_TOPIC": "topic",
    "FC_REGION": "cn-hangzhou",
    "FC_ACCOUNT_ID": "1",
}
"""Settings without which none can be read; nothing is wrong with these."""


Declared = Mapping[str, Mapping[str, Any]]


def declared_in(template: Path) -> Declared:
    """Return the parameters of a template by their names, each with its rules."""
    declared: Declared = yaml.safe_load(template.read_text(encoding="utf-8"))["Parameters"]
    return declared


def problems_of(given: Mapping[str, str], declared: Declared) -> list[str]:
    """Return a sentence for each value that a stack with these parameters would not take, or the function could not use.

    Rules: https://www.alibabacloud.com/help/en/ros/user-guide/overview-10
    """
    found = {name: _problem(name, value, declared) for name, value in given.items()}
    told = _of_settings({name: value for name, value in given.items() if not found[name]})
    return [f"{name} {problem}" for name in given if (problem := found[name] or told.get(name, ""))]


def _problem(name: str, value: str, declared: Declared) -> str:
    if name in OF_DEPLOY:
        return f"is not for -p: {OF_DEPLOY[name]}"
    if name not in declared:
        close = get_close_matches(name, declared, n=1) or [each for each in declared if each.lower() == name.lower()]
        return f"is no parameter of template.yml{f': did you mean {close[0]}?' if close else ', which lists them'}"
    parameter = declared[name]
    for rule, holds, words in RULES:
        if rule in parameter and not holds(value, parameter[rule]):
            why = (parameter.get("ConstraintDescription") or {}).get("en") or words(parameter[rule])
            return f"is {value!r} but must be {why.rstrip('.')}"
    return ""


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) else None


def _at_least(value: str, least: float) -> bool:
    number = _number(value)
    return number is not None and number >= least


def _at_most(value: str, most: float) -> bool:
    number = _number(value)
    return number is not None and number <= most


Rule = tuple[str, Callable[[str, Any], bool], Callable[[Any], str]]
RULES: Iterable[Rule] = (
    ("Type", lambda value, kind: kind != "Number" or _number(value) is not None, lambda _: "a number"),
    (
        "AllowedValues",
        lambda value, allowed: value in map(str, allowed),
        lambda allowed: f"one of {', '.join(map(str, allowed))}",
    ),
    (
        "AllowedPattern",
        lambda value, pattern: re.fullmatch(pattern, value) is not None,
        lambda pattern: f"of the form {pattern}",
    ),
    ("MinValue", _at_least, lambda least: f"at least {least}"),
    ("MaxValue", _at_most, lambda most: f"at most {most}"),
)
"""The rules that a parameter of the template may have: whether a value keeps it, and what it says to people."""


def _of_settings(given: Mapping[str, str]) -> dict[str, str]:
    """Return what the function would say of parameters that are settings of it, by the parameter."""
    variables = {variable.name.replace("_", "").lower(): variable.name for variable in settings.VARIABLES}
    names = {variables[name.lower()]: name for name in given if name.lower() in variables}
    try:
        settings.load({**_LEAST, **{variable: given[name] for variable, name in names.items()}})
    except SettingsError as error:
        told = dict(problem.split(" ", 1) for problem in error.problems)
        return {names[variable]: problem for variable, problem in told.items() if variable in names}
    return {}
