"""``settings``: the values in force here and where each comes from; and their table, as functions/SETTINGS.md has it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import click

from functions._operator import exits, terminal
from shared.errors import SettingsError
from shared.settings import ACCOUNT, ENDPOINTS, REGION, VARIABLES, Settings, load

_SECRETS = (
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
_KEYS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", *_SECRETS[:2])
ENVIRONMENT, DEFAULT, MISSING, UNSET = "environment", "default", "missing", "not set"
_HIDDEN = "set, not shown"
_SHORTEST = (
    8  # characters of a secret that is looked for in other values; shorter ones are none, and are part of many words
)


class InForce(NamedTuple):
    """A setting as it counts now: its value, where that comes from, and what is wrong with it, as a sentence."""

    variable: str
    value: str
    source: str
    problem: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.option(
    "--markdown",
    is_flag=True,
    help="Instead of values: print what each setting means, as functions/SETTINGS.md has it.",
)
def settings(*, as_json: bool, markdown: bool) -> None:
    """Show the settings that are in force here, and where each comes from; of a secret only whether it is set.

    These are what  run,  plan,  list,  doctor  and the other commands read from the environment. What is missing or wrong is
    told, and ends the command with 1. A deployed function has its own:  python -m functions invoke --doctor
    """
    if markdown:
        click.echo(table())
        return
    found = in_force(os.environ)
    if as_json:
        click.echo(json.dumps([line._asdict() for line in found], indent=2, ensure_ascii=False))
    else:
        styles = ["red" if line.problem else "dim" if line.source in (DEFAULT, UNSET) else "" for line in found]
        terminal.show_table(terminal.console(), ("variable", "value", "from", "problem"), found, styles)
    if any(line.problem for line in found):
        sys.exit(exits.ERROR)


def in_force(environment: Mapping[str, str]) -> list[InForce]:
    """Return every setting, the region and account, and the keys, in this order."""
    loaded, problems = None, dict[str, str]()
    try:
        loaded = load(environment)
    except SettingsError as error:
        problems = {problem.split(" ", 1)[0]: problem for problem in error.problems}
    found = [*_places(environment), *_variables(environment, loaded), *_credentials(environment)]
    hidden = [secret for name in _SECRETS if len(secret := environment.get(name, "").strip()) >= _SHORTEST]
    return [
        line._replace(
            value=_without(hidden, line.value), problem=_without(hidden, problems.get(line.variable, line.problem))
        )
        for line in found
    ]


def _places(environment: Mapping[str, str]) -> Iterator[InForce]:
    for names in (REGION, ACCOUNT):
        name = next((each for each in names if environment.get(each, "").strip()), names[-1])
        value = environment.get(name, "").strip()
        yield InForce(name, value, ENVIRONMENT if value else MISSING if names == REGION else UNSET)


def _variables(environment: Mapping[str, str], loaded: Settings | None) -> Iterator[InForce]:
    for name, default, _ in VARIABLES:
        value = environment.get(name, "").strip()
        derived = getattr(loaded, name.lower(), "") if name in ENDPOINTS else ""
        if value:
            yield InForce(name, value, ENVIRONMENT)
        elif default is None:
            yield InForce(name, "", MISSING)
        elif derived:
            yield InForce(
                name, derived, "derived from region and account" if name == "SMQ_ENDPOINT" else "derived from region"
            )
        else:
            yield InForce(name, default, DEFAULT if default else UNSET)


def _credentials(environment: Mapping[str, str]) -> Iterator[InForce]:
    for name in _KEYS:
        is_set = bool(environment.get(name, "").strip())
        yield InForce(name, _HIDDEN if is_set else "", ENVIRONMENT if is_set else UNSET)


def _without(secrets: list[str], text: str) -> str:
    """Return a text without secrets, also where one was given to the wrong variable, and without a URL's user."""
    for secret in secrets:
        text = text.replace(secret, "[a secret]")
    return re.sub(r"//[^/@\s]*@", "//[user]@", text)


def table() -> str:
    """Return the Markdown table of all settings, made from the code that reads them."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for variable in VARIABLES:
        unset = "derived" if variable.name in ENDPOINTS else "none"
        default = {None: "required", "": unset}.get(variable.default, f"`{variable.default}`")
        rows.append(f"| `{variable.name}` | {default} | {variable.meaning} |")
    return "\n".join(rows)
