"""``python -m tests.cloud send``, ``results``, ``world``: the control surface of a running stand-in, from a shell."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

import click

from tests.cloud.page.text import visible

PORT = 8899
_LOOK_EVERY = 0.2  # seconds

address = click.option("--cloud", default=f"http://127.0.0.1:{PORT}", show_default=True, help="Where it is.")


@click.command()
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", default="", help="queue:NAME, bus or function:NAME; by default the usual way of such an event.")
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for what becomes of it.")
@address
def send(event: Path, to: str, wait: float, cloud: str) -> None:
    """Send the EVENT file as its sender would, and print what became of it."""
    body = b64encode(event.read_bytes()).decode()
    sent = ask(cloud, "send", {"base64": body, "file": f"{event.resolve().parent.name}/{event.name}", "to": to})
    click.echo(f"sent to {sent['to']} as {visible(sent['id'])}", err=True)
    if sent.get("rules") == []:
        click.echo("no rule takes it: no function is called")
        return
    end = time.monotonic() + wait
    while not (went := ask(cloud, "way", sent))["invocations"]:
        if time.monotonic() > end:
            raise click.ClickException(
                f"no function has taken it within {wait:g} s: {cloud}/_cloud/ shows what is going on"
            )
        time.sleep(_LOOK_EVERY)
    told = [
        line for each in went["invocations"] for line in each["lines"] if isinstance(line, dict) and "outcome" in line
    ]
    rows = [[line.get(name, "") for name in ("outcome", "name", "target", "vpc_access_id", "reason")] for line in told]
    _show(rows or [[each["error"] or "no record"] for each in went["invocations"]])


@click.command()
@address
def results(cloud: str) -> None:
    """Print the results that nobody has taken yet, the newest first."""
    bodies = [message["body"] for message in ask(cloud, "results")]
    told = [body for body in bodies if isinstance(body, dict) and isinstance(body.get("data"), dict)]
    names = ("VpcAccessId", "ReasonCode", "Reason")
    _show(
        [
            [body.get(name, "") for name in ("time", "type", "subject")] + [body["data"].get(n, "") for n in names]
            for body in told
        ]
    )


@click.command()
@address
def world(cloud: str) -> None:
    """Print the authorizations, the newest first, and the instances."""
    there = ask(cloud, "world")
    _show(
        [
            [
                each["name"],
                f"{each['instance_id']}:{each['port']}",
                each["owner"] or "-",
                each["backend"],
                ", ".join(each["used_by"]),
            ]
            for each in there["authorizations"]
        ]
    )
    click.echo()
    _show(
        [
            [
                each["id"],
                each["status"],
                each["vpc_id"],
                " ".join(f"{key}={value}" for key, value in each["tags"].items()),
            ]
            for each in there["instances"]
        ]
    )


def ask(cloud: str, route: str, document: Any = None) -> Any:
    """Return the answer of a control route; a ClickException says why there is none."""
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"{cloud.rstrip('/')}/_cloud/{route}", data)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise click.ClickException(json.load(error)["error"]) from error
    except (urllib.error.URLError, ValueError) as error:
        raise click.ClickException(f"no stand-in answers at {cloud} ({error}): start one with `make up`") from error


def _show(rows: list[list[Any]]) -> None:
    """Print a table: each column as wide as its widest cell, the last as it is."""
    cells = [[visible(str(cell)).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
