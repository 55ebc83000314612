"""``list``: every authorization that the gateway has, with what can be found out about its backend. Nothing is written.

Nothing is guessed: a backend is ``alive`` if a look-up shows it, ``gone`` if that is proven, and ``unknown`` otherwise.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from functions._operator import access, exits, terminal
from functions._operator.survey import ALIVE, GONE, UNKNOWN, Named, Survey, moves
from shared import log, settings
from shared.access.naming import described
from shared.access.observe import everything
from shared.access.plan import Present
from shared.cloud.apigateway import ApiGateway
from shared.model.access import VpcAccess
from shared.settings import Settings

_MAX_SECONDS = 3600.0
_READ_SECONDS = 30.0  # nobody documents how long ValidateVpcConnectivity takes
_ASKED = 100  # entries for which it is asked without being told who uses them
_STYLES = {ALIVE: "green", GONE: "red", UNKNOWN: "yellow"}
_WORDS = {True: "yes", False: "no", None: UNKNOWN}


class Row(NamedTuple):
    """An entry and what was found out: ``apis``, ``connected`` and ``named`` are None where that is not known."""

    entry: VpcAccess
    state: str
    apis: int | None = None
    connected: bool | None = None
    named: Named | None = None


@click.command("list")
@click.option("--owner", metavar="OWNER", help="Only those of this owner.")
@click.option("--foreign", is_flag=True, help="Only those that are not ours.")
@click.option("--stale", is_flag=True, help="Only ours whose backend is proven to be gone.")
@click.option(
    "--used/--no-used",
    default=None,
    help=f"Count the APIs that use each, a call for each: by itself for up to {_ASKED}.",
)
@click.option(
    "--connectivity",
    "gateway_id",
    metavar="GATEWAY-INSTANCE",
    help="Ask whether this instance of API Gateway reaches each, a call for each: api-shared-vpc-001, apigateway-hz-…",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def listing(
    owner: str | None, gateway_id: str | None, *, foreign: bool, stale: bool, used: bool | None, as_json: bool
) -> None:
    """List the authorizations: name, target, owner, origin, whether the backend is alive, who uses it, since when, id.

    The settings are those of the function, from the environment, as  run  reads them: they say where, and what is ours.
    """
    if sum((owner is not None, foreign, stale)) > 1:
        raise click.UsageError("give one of --owner, --foreign and --stale")
    loaded = settings.load(os.environ)
    log.configure(os.environ.get("LOG_LEVEL", "OFF").upper(), sys.stderr)
    with access.session(_MAX_SECONDS, _READ_SECONDS) as session:
        with terminal.waiting("reading all authorizations"):
            entries = everything(ApiGateway(session, loaded.apigateway_endpoint), loaded.concurrency)
        present = Present(entries)
        entries = sorted(
            filter(_chosen(loaded, owner, foreign=foreign, stale=stale), entries), key=lambda entry: entry.name
        )
        survey = Survey(session, loaded)
        states = survey.states(entries)
        rows = [Row(entry, states[entry.instance_id]) for entry in entries]
        unsure = sum(row.state == UNKNOWN for row in rows) if stale else 0
        rows = [row for row in rows if row.state == GONE] if stale else rows
        asked = used if used is not None else len(rows) <= _ASKED
        shown = [row.entry for row in rows]
        apis = survey.apis(shown) if asked else {}
        connected = survey.connected(shown, gateway_id) if gateway_id else {}
        named = survey.candidates(shown, states, present)
    rows = [
        row._replace(apis=apis.get(row.entry), connected=connected.get(row.entry), named=named.get(row.entry))
        for row in rows
    ]
    columns = [name for name, wanted in (("APIs", asked), ("connected", gateway_id)) if wanted]
    _print_json(rows, columns, loaded) if as_json else _print(rows, columns)
    if not asked and used is None:
        survey.note(f"who uses {len(rows)} authorizations was not asked, as it takes a call for each: --used asks")
    if unsure:
        survey.note(
            f"{unsure} of ours are not shown: their backends do not show, and nothing proves that they are gone"
        )
    for text in survey.notes:
        click.echo(terminal.printable(text), err=True)
    click.echo(_summary(rows), err=True)
    sys.exit(max(map(exits.of_error, survey.errors), default=exits.DONE))


def _chosen(loaded: Settings, owner: str | None, *, foreign: bool, stale: bool) -> Callable[[VpcAccess], bool]:
    """Return what tells which entries are asked for, by their owner."""
    if foreign:
        return lambda entry: entry.owner != loaded.owner
    wanted = loaded.owner if stale else owner
    return lambda entry: wanted is None or entry.owner == wanted


def _print(rows: Sequence[Row], columns: Sequence[str]) -> None:
    names = ("state", "name", "target", "VpcAccessId", *columns, "owner", "origin", "made", "candidates")
    cells = []
    for row in rows:
        entry = row.entry
        found = {"APIs": UNKNOWN if row.apis is None else str(row.apis), "connected": _WORDS[row.connected]}
        marks = entry.owner or "nobody", entry.origin or "-", entry.created_time
        asked = [found[column] for column in columns]
        candidates = described(entry.name, entry, *row.named) if row.named else ""
        cells.append([row.state, entry.name, entry.target_text(), entry.vpc_access_id, *asked, *marks, candidates])
    if cells:
        terminal.show_table(terminal.console(), names, cells, [_STYLES[row.state] for row in rows])


def _print_json(rows: Sequence[Row], columns: Sequence[str], loaded: Settings) -> None:
    """Print a list of objects; null is what is not known, and what was not asked has no field."""
    documents = [
        {**_document(row, columns), **({"Candidates": _candidates(row)} if moves(row.entry, loaded) else {})}
        for row in rows
    ]
    click.echo(json.dumps(documents, indent=2, ensure_ascii=False))


def _candidates(row: Row) -> list[Mapping[str, Any]] | None:
    """Return who else claims the name, and what keeps each from having it."""
    if row.named is None:
        return None
    return [
        {
            "InstanceId": one.place,
            "Status": one.backend.status,
            "LifecycleState": one.member or None,
            "Ready": one.is_ready,
            "ReasonCode": one.why_not.reason if one.why_not else None,
            "Reason": one.why_not.text if one.why_not else None,
        }
        for one in row.named.claimants
        if one.place != row.entry.instance_id
    ]


def _document(row: Row, columns: Sequence[str]) -> Mapping[str, Any]:
    entry = row.entry
    asked = {"APIs": ("Apis", row.apis), "connected": ("Connected", row.connected)}
    return {
        "Name": entry.name,
        "VpcId": entry.vpc_id,
        "InstanceId": entry.instance_id,
        "Port": entry.port,
        "VpcAccessId": entry.vpc_access_id or None,
        "CreatedTime": entry.created_time or None,
        "Owner": entry.owner,
        "Origin": entry.origin,
        "State": row.state,
        **dict(asked[column] for column in columns),
    }


def _summary(rows: Sequence[Row]) -> str:
    counts = Counter(row.state for row in rows)
    listed = ", ".join(f"{counts[state]} {state}" for state in (ALIVE, GONE, UNKNOWN) if counts[state])
    noun = "authorization" if len(rows) == 1 else "authorizations"
    return f"{len(rows)} {noun}{': ' if listed else ''}{listed}"
