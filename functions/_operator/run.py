"""``run``: one event through the handler in this process, against whatever the endpoints in the environment say."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.errors import AuthorizerError, RetryNeeded, SettingsError

console = Console(width=None if sys.stdout.isatty() else 160)
STYLES = {"authorized": "green", "unchanged": "green", "replaced": "green", "planned": "cyan", "ignored": "dim"}


@click.command()
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the summary (with DRY_RUN=1 the plan) as JSON.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds that the invocation may take.")
def run(event: Path, timeout: float, *, as_json: bool) -> None:
    """Handle the EVENT file here and print what became of each record; settings come from the environment."""
    from functions.set_vpc_access.bootstrap import start
    from shared import log

    context = SimpleNamespace(request_id=str(uuid4()), function=SimpleNamespace(timeout=timeout))
    try:
        runtime = start(os.environ, sys.stderr)
        log.configure(
            os.environ.get("LOG_LEVEL", "OFF").upper(), sys.stderr
        )  # the table says it, unless asked for more
        summary = runtime.answer(event.read_bytes(), context)
    except SettingsError as error:
        raise click.ClickException("\n  ".join(["settings need attention:", *error.problems])) from error
    except RetryNeeded as error:
        raise click.ClickException(str(error)) from error
    except AuthorizerError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        show(summary["results"])
    if summary["counts"].keys() & {"rejected", "refused", "failed"}:
        sys.exit(3)


def show(results: list[dict[str, Any]]) -> None:
    """Print a line for each record: what it was recognised as, what was decided, why."""
    table = Table("source", "name", "target", "outcome", "VpcAccessId", "why", box=None, pad_edge=False)
    for result in results:
        outcome = result["outcome"]
        why = ": ".join(filter(None, (result.get("reason"), result.get("text"))))
        style = STYLES.get(outcome, "red")
        table.add_row(
            escape(result.get("source", "")),
            escape(result.get("name", "")),
            escape(result.get("target", "")),
            f"[{style}]{outcome}[/]",
            escape(result.get("vpc_access_id", "")),
            escape(why),
        )
    console.print(table)
