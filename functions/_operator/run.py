"""``run``: one event through the handler in this process, against whatever the endpoints in the environment say."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import click

from functions._operator import catalogue, exits, given, terminal
from shared.errors import RetryNeeded

_FUNCTION = (
    f"The function that handles it; else the one that its folder is named for, {catalogue.DEFAULT} if none is. Of "
)
_FUNCTION += "standard input it is the one whose triggers deliver such an event."


@click.command()
@click.argument("event", type=given.EVENT)
@click.option("--json", "as_json", is_flag=True, help="Print the summary (with DRY_RUN=1 the plan) as JSON.")
@click.option("--function", "name", type=click.Choice(catalogue.names()), help=_FUNCTION)
@click.option("--timeout", default=60.0, show_default=True, help="Seconds that the invocation may take.")
def run(event: Path, name: str | None, timeout: float, *, as_json: bool) -> None:
    """Process the EVENT file here and print what became of each record; settings come from the environment.

    With  -  the event comes on standard input.
    """
    payload = given.read(event)
    with terminal.waiting(f"handling {given.name_of(event)}, which may take up to {timeout:g} s", quiet=as_json):
        summary = _handled(name or _function_for(event, payload), payload, timeout)
    if as_json:
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        terminal.show_results(summary["results"])
    exits.end(summary["results"])


def _function_for(event: Path, payload: bytes) -> str:
    return catalogue.for_content(payload) if event == given.STANDARD_INPUT else catalogue.for_event(event)


def _handled(name: str, event: bytes, timeout: float) -> Mapping[str, Any]:
    """Return the summary of an event, also where the platform would get an error instead."""
    from shared import log
    from shared.flow.runtime import start

    runtime = start(name, catalogue.work(name), os.environ, sys.stderr)
    log.configure(os.environ.get("LOG_LEVEL", "OFF").upper(), sys.stderr)  # the table says it, unless asked for more
    context = SimpleNamespace(request_id=str(uuid4()), function=SimpleNamespace(timeout=timeout))
    try:
        return runtime.answer(event, context).summary()
    except RetryNeeded as error:
        return error.summary
    finally:
        runtime.engine.close()
