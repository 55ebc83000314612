"""``plan`` and ``apply``: the sweep of ``reconcile_vpc_access`` from a terminal, first what it would do, then doing it.

The same code as the function's, with the operator's key. ``apply`` makes entries and schedules releases; it removes nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from functions._operator import access, exits, terminal
from shared import log, settings
from shared.access.observe import Recent
from shared.access.sweep import (
    CREATE,
    DRIFT,
    FOREIGN,
    HELD_BACK,
    IN_USE,
    KEEP,
    NAME,
    REFUSED,
    RELEASE,
    STAYS,
    Item,
    Sweep,
)
from shared.flow.engine import Run, topic_opener
from shared.flow.reconcile import carry_out, look, to_do, without_outcome
from shared.flow.report import line
from shared.model.outcome import Outcome
from shared.model.records import Record, Timer
from shared.settings import Settings

CHANGES = 2
_MAX_SECONDS = 3600.0  # seconds for everything
_WORDS = {
    CREATE: ("to create", "to create"),
    NAME: ("name to look at", "names to look at"),
    DRIFT: ("differs", "differ"),
    RELEASE: ("to release", "to release"),
    HELD_BACK: ("held back", "held back"),
    IN_USE: ("gone and in use", "gone and in use"),
    FOREIGN: ("opened by others", "opened by others"),
    REFUSED: ("refused", "refused"),
    STAYS: ("stays", "stay"),
    KEEP: ("as it should be", "as they should be"),
}
_STYLES = {CREATE: "green", NAME: "cyan", RELEASE: "yellow", KEEP: "dim", STAYS: "dim", FOREIGN: "dim"}
_VPC = click.option("--vpc", "vpcs", multiple=True, metavar="VPC-ID", help="Only what is in this VPC; may be repeated.")

_RELEASE_MAX = click.option(
    "--release-max", type=click.IntRange(0, 10_000), help="In place of the setting RELEASE_MAX_PER_RUN."
)


@click.command()
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@_RELEASE_MAX
@_VPC
def plan(form: str, release_max: int | None, vpcs: tuple[str, ...]) -> None:
    """Show what a sweep would do now; nothing is written.

    Everything is read: what the gateway holds, which backends carry the tag, and which of ours are gone. The checksum stands
    for what would be made and scheduled;  apply --checksum  does exactly that or nothing, with the same --vpc and
    --release-max. Exits with 0 if there is nothing to do, with 2 if there are changes, and with 1 if not everything could be read.
    """
    with _opened(release_max) as run:
        seen = _looked(run, vpcs)
    click.echo(_FORMS[form](seen), nl=False)
    _require_whole(seen)
    given = run.settings._replace(dry_run=False)
    held = seen.of(HELD_BACK) if given.release_mode == "apply" or given.moves_names else []
    begun = to_do(seen, given)
    sys.exit(CHANGES if held or any(item.is_change for item in begun) else exits.DONE)


@click.command()
@click.option("--checksum", help="Do it only if it is the plan that has this checksum.")
@_RELEASE_MAX
@click.option("--yes", is_flag=True, help="Do not ask.")
@_VPC
def apply(checksum: str | None, release_max: int | None, vpcs: tuple[str, ...], *, yes: bool) -> None:
    """Make what is missing and schedule the release of what is gone, as a sweep with RECONCILE_MODE=apply does.

    Nothing is removed: release_vpc_access checks everything again when a release is due. Without --checksum you see the plan
    and are asked. Results are published as the function does it. Settings are read here, from the environment; a name is only
    sent to named_backends, which decides by its own ALLOWED_NAMES: one that these do not allow it neither makes nor moves.
    """
    with _opened(release_max) as run:
        seen = _looked(run, vpcs)
        if checksum is not None and seen.checksum() != checksum:  # an empty one is that of no plan
            click.echo(_text(seen), err=True, nl=False)
            text = (
                f"the plan has the checksum {seen.checksum()}, not {checksum!r}: something changed since, or --vpc and "
                "--release-max are not those of the plan, so nothing was done"
            )
            raise click.ClickException(terminal.printable(text))
        if seen.of(RELEASE) and run.settings.release_mode != "apply":
            click.echo(f"note: nothing is scheduled with RELEASE_MODE={run.settings.release_mode}", err=True)
        begun = to_do(seen, run.settings)
        if any(item.kind == NAME and item.is_change for item in begun):
            click.echo("note: named_backends decides by its own ALLOWED_NAMES: what they lack stays as it is", err=True)
        if not begun:
            click.echo(_text(seen), nl=False)
            end(seen, [], run.settings)
        if checksum is None:
            click.echo(_text(seen), err=True, nl=False)
            _agree(seen, run, agreed=yes)
        outcomes = _carried_out(seen, run)
    terminal.show_results([line(outcome) for outcome in outcomes])
    end(seen, outcomes, run.settings)


@contextmanager
def _opened(release_max: int | None = None) -> Iterator[Run]:
    """Give what the steps of a sweep share, made of the function's settings and the operator's key."""
    loaded = settings.load(os.environ)
    log.configure(os.environ.get("LOG_LEVEL", "OFF").upper(), sys.stderr)
    if release_max is not None:
        loaded = loaded._replace(release_max_per_run=release_max)
    with access.session(_MAX_SECONDS) as session:
        topic = topic_opener(loaded, os.environ)(session)
        yield Run(loaded, session, topic, awaited=True, recent=Recent(session.clock), originals={})


def _looked(run: Run, vpcs: Sequence[str]) -> Sweep:
    with terminal.waiting("reading everything that is tagged and everything that is open"):
        seen = look(run)
    return seen if not vpcs else seen._replace(items=tuple(item for item in seen.items if item.access.vpc_id in vpcs))


def _agree(seen: Sweep, run: Run, *, agreed: bool) -> None:
    """Ask, and end the command unless the answer is yes."""
    if agreed or run.settings.dry_run:
        return
    if not terminal.is_attended():
        raise click.ClickException("nothing was done, since nobody is here to be asked: --yes or --checksum does it")
    if not click.confirm(f"{_summary(seen, CREATE, NAME, RELEASE)}: do it?", err=True):
        raise click.ClickException("nothing was done")


def _carried_out(seen: Sweep, run: Run) -> list[Outcome]:
    """Do what is planned, with a bar on standard error, and return what became of it."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=terminal.console(stderr=True)) as progress:
        task = progress.add_task("applying", total=len(to_do(seen, run.settings)))
        record = Record("operator", "", "", Timer("apply", ""), "{}")
        return carry_out(seen, record, run, lambda done: progress.update(task, completed=done))


def end(seen: Sweep, outcomes: Sequence[Outcome], given: Settings) -> NoReturn:
    """End ``apply``: with what there was no time for, with what could not be read, or with what became of all."""
    wanted = to_do(seen, given)
    left = without_outcome(wanted, outcomes)
    if left:
        raise exits.Later(
            f"{len(left)} of {len(wanted)} changes were not begun, since the time was over: plan and apply again to go on"
        )
    _require_whole(seen)
    held = exits.NO if seen.of(HELD_BACK) else exits.DONE
    sys.exit(max(held, exits.of([line(outcome) for outcome in outcomes])))


def _require_whole(seen: Sweep) -> None:
    if seen.problems:
        raise click.ClickException(terminal.printable("not everything could be read:\n  " + "\n  ".join(seen.problems)))


def _summary(seen: Sweep, *kinds: str) -> str:
    """Return the counts in words: ``2 to create · 3 to release``."""
    counts = seen.counts()
    told = [
        f"{counts[kind]} {one if counts[kind] == 1 else many}"
        for kind, (one, many) in _WORDS.items()
        if kind in counts and kind in (kinds or _WORDS)
    ]
    return " · ".join(told) or "nothing is tagged, and nothing is open"


def _change(item: Item) -> str:
    """Return what is there and what is asked for where the two differ, and why."""
    moved = f"{item.before.target_text()} → {item.target_text()}: " if item.before and item.kind == DRIFT else ""
    return moved + ": ".join(filter(None, (item.reason, item.text)))


def _told(seen: Sweep) -> list[Item]:
    return [item for item in seen.items if item.kind != KEEP]


def _text(seen: Sweep) -> str:
    to = terminal.console()
    with to.capture() as shown:
        items = _told(seen)
        if items:
            rows = [[item.kind, item.access.name, item.target_text(), _change(item)] for item in items]
            styles = [_style(item) for item in items]
            terminal.show_table(to, ("what", "name", "target", "why"), rows, styles)
    return f"{shown.get()}{_summary(seen)}\nchecksum {seen.checksum()}\n"


def _style(item: Item) -> str:
    if item.kind == NAME and not item.is_change:
        return "red" if item.reason else "dim"
    return _STYLES.get(item.kind, "red")


def _json(seen: Sweep) -> str:
    items = [
        {
            "what": item.kind,
            "name": item.access.name,
            "target": item.target_text(),
            "vpc_access_id": item.access.vpc_access_id,
            "before": item.before.target_text() if item.before else "",
            "reason": item.reason,
            "text": item.text,
        }
        for item in _told(seen)
    ]
    told = [{name: value for name, value in item.items() if value} for item in items]
    whole = {"summary": _summary(seen), "checksum": seen.checksum(), "counts": seen.counts(), "problems": seen.problems}
    return json.dumps({**whole, "items": told}, indent=2, ensure_ascii=False) + "\n"


def _markdown(seen: Sweep) -> str:
    """Return the plan for a pull request: the counts, the checksum, and a table that others cannot break."""
    rows = [
        f"| {item.kind} | {_cell(item.access.name)} | {_cell(item.target_text())} | {_cell(_change(item))} |"
        for item in _told(seen)
    ]
    table = ["", "| what | name | target | why |", "|---|---|---|---|", *rows] if rows else []
    return "\n".join([f"**{_summary(seen)}** (checksum `{seen.checksum()}`)", *table, ""])


def _cell(text: str) -> str:
    """Return text for a cell of a table in Markdown: no character of it has a meaning there."""
    plain = terminal.printable(text).replace("\n", " ")
    return "".join(f"\\{character}" if character in "\\`*_[]<>|~" else character for character in plain)


_FORMS: dict[str, Callable[[Sweep], str]] = {"text": _text, "json": _json, "markdown": _markdown}
