"""``doctor``: what is missing? Settings, endpoints, clock, credentials and each permission, a line each."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from functions._operator import access, catalogue
from functions._operator.terminal import printable, waiting
from shared import settings
from shared.errors import SettingsError
from shared.flow.doctor import OK, PROBLEM, UNKNOWN, Finding, examine, report

_MAX_SECONDS = 120.0  # seconds for all questions
_COLOURS = {OK: "green", UNKNOWN: "yellow"}


@click.command()
@click.option("--function", "name", type=click.Choice(catalogue.names()), default=catalogue.DEFAULT, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def doctor(name: str, *, as_json: bool) -> None:
    """Check with this terminal's settings and access key that the function would find what it needs.

    The deployed function, with its role, is asked the same by:  python -m functions invoke --doctor
    """
    try:
        loaded = settings.load(os.environ)
    except SettingsError as error:
        show(report([Finding("settings", PROBLEM, problem) for problem in error.problems]), as_json=as_json)
        return
    try:
        with (
            waiting(f"asking every service, at most {_MAX_SECONDS:g} s", quiet=as_json),
            access.session(_MAX_SECONDS) as session,
        ):
            found = examine(name, loaded, session)
    except click.ClickException as error:
        found = [Finding("credentials", PROBLEM, error.message)]
    show(report(found), as_json=as_json)


def show(report: dict[str, Any], *, as_json: bool) -> None:
    """Print a report and exit with 1 if it has a problem."""
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        for finding in report["doctor"]:
            state = finding["state"]
            mark = click.style(f"{state:8}", fg=_COLOURS.get(state, "red"), bold=state == PROBLEM)
            click.echo(f"{mark} {finding['subject']:42} {printable(finding['text'])}")
    if not report["ok"]:
        sys.exit(1)
