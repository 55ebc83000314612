"""``release``: take one authorization back by hand, after the checks that the function makes, printed one by one.

What the function never releases by itself (requested entries, addresses, a backend that lives) can be released here, since
somebody says so; what cannot be told apart from a mistake (another's entry, one that changed meanwhile) cannot.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping
from typing import NamedTuple, NoReturn

import click

from functions._operator import access, exits, terminal
from functions._operator.survey import moves
from shared import log, settings
from shared.access import release as checks
from shared.access.observe import Recent
from shared.access.releasable import Kept
from shared.access.release import Case, Check, open_case, remove
from shared.cloud.apigateway import ApiGateway, Removed
from shared.errors import AuthorizerError, Transient
from shared.events.schedule import schedule_message
from shared.flow.engine import Run, topic_opener
from shared.flow.release import released, undo
from shared.model.access import VpcAccess
from shared.model.records import Record, Scheduled
from shared.settings import Settings

_MAX_SECONDS = 3600.0  # seconds for everything, the time to think about the question with it
_CHECKS = tuple(check for check in checks.CHECKS if check is not checks.FROM_ANNOUNCEMENT)
_LAST_WORD = (checks.UNCHANGED, checks.OURS)  # where one of these says no, nothing lifts it, and the rest is not asked
_IN_DOUBT = "it is not known whether it is removed: give the command again. If it finds nothing then, it was, and nobody was told"
_ALIVE, _IN_USE = "--although-alive", "--although-in-use"


class Findings(NamedTuple):
    """What the checks found: those that do not hold, each with the flag that lifts it ("" if none was given)."""

    kept: Mapping[Check, Kept]
    lifted: Mapping[Check, str]

    @property
    def open(self) -> list[Kept]:
        """Return what keeps the entry."""
        return [kept for check, kept in self.kept.items() if check not in self.lifted]

    @property
    def overridden(self) -> list[str]:
        """Return what was found and lifted, in words."""
        return [f"{kept.reason} ({self.lifted[check]})" for check, kept in self.kept.items() if check in self.lifted]

    def differ(self, other: Findings) -> bool:
        """Tell whether other findings say anything else."""
        return [(kept.reason, kept.used_by) for kept in self.kept.values()] != [
            (kept.reason, kept.used_by) for kept in other.kept.values()
        ]


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show the checks; so does DRY_RUN=1.")
@click.option(_IN_USE, is_flag=True, help="Release it although something uses it, which will fail from then on.")
@click.option(
    _ALIVE,
    is_flag=True,
    help="Release it although its backend is alive, or cannot be proven to be gone (an address never can).",
)
def release(name: str, *, yes: bool, dry_run: bool, although_in_use: bool, although_alive: bool) -> None:
    """Remove the authorization of exactly this NAME, after the checks that the function makes.

    It has to be ours, its backend proven to be gone, and nobody may use it. Whether it was announced or requested does not
    matter, nor does RELEASE_MODE. The checks are shown, then you are asked, then they are made again.

    Standard output gets the request that makes the entry again, and nothing else: keep it. The result is published as the
    function does it. Settings are those of the function, from the environment, as  run  reads them.
    """
    loaded = settings.load(os.environ)
    log.configure(os.environ.get("LOG_LEVEL", "OFF").upper(), sys.stderr)  # the checks are shown, unless asked for more
    lifted = dict.fromkeys((checks.AN_INSTANCE, checks.GONE), _ALIVE) if although_alive else {}
    lifted |= {checks.UNUSED: _IN_USE} if although_in_use else {}
    with access.session(_MAX_SECONDS) as session:
        gateway = ApiGateway(session, loaded.apigateway_endpoint)
        entry = _found(name, gateway)
        _show_entry(entry)
        case = open_case(entry, gateway, session, loaded)
        findings = _examined(case, lifted)
        _end_if_kept(findings)
        if dry_run or loaded.dry_run:
            _say("it would be released; in this dry run nothing was done")
            return
        if moves(entry, loaded):
            _say(
                f"if an instance carries the tag {loaded.name_tag}={entry.name}, it is made again for that one: take the tags "
                "off first, or the name out of ALLOWED_NAMES"
            )
        elif findings.kept:
            _say(
                f"if its backend carries the tag {loaded.port_tag}, it is made again when it starts: remove the tag first"
            )
        if not yes:
            _agree(entry)
            case = _checked_again(case, findings)
        _remove(case, findings)


def _found(name: str, gateway: ApiGateway) -> VpcAccess:
    """Return the one entry of exactly that name; raises a ClickException if there is none, or more."""
    with terminal.waiting("looking for the authorization"):
        found = list(dict.fromkeys(entry for entry in gateway.pages(Name=name) if entry.name == name))
    shown = terminal.printable(name)
    if not found:
        raise click.ClickException(
            f"no authorization has exactly the name {shown!r}, so nothing was done: `python -m functions list` shows all"
        )
    if len(found) > 1:
        targets = ", ".join(entry.target_text() for entry in found)
        text = f"the gateway shows {len(found)} authorizations of the name {shown!r} ({targets}), so nothing was done: look again"
        raise click.ClickException(terminal.printable(text))
    return found[0]


def _show_entry(entry: VpcAccess) -> None:
    fields = {
        "name": entry.name,
        "target": entry.target_text(),
        "id": entry.vpc_access_id or "not known",
        "owner": entry.owner or "nobody",
        "origin": entry.origin or "not known",
        "made": entry.created_time or "not known",
    }
    for field, value in fields.items():
        terminal.show_line(terminal.console(stderr=True), field, "dim", value)


def _examined(case: Case, lifted: Mapping[Check, str]) -> Findings:
    """Make the checks and print each; what a flag lifts is shown all the same. Raises the errors of ``Session.call``."""
    kept: dict[Check, Kept] = {}
    for check in _CHECKS:
        if check is checks.GONE and checks.AN_INSTANCE in kept:
            continue  # nothing can look that up
        found = _finding(check, case, lifted)
        if found is None:
            _show("ok", "green", check.holds)
            continue
        kept[check] = found
        if check in lifted:
            _show("lifted", "yellow", f"{found.reason}: {found.text} (lifted by {lifted[check]})")
        else:
            _show("no", "red", f"{found.reason}: {found.text}")
        if check in _LAST_WORD:
            break
    return Findings(kept, lifted)


def _finding(check: Check, case: Case, lifted: Collection[Check]) -> Kept | None:
    """Return why a check does not hold. That it cannot be made ends the command, unless a flag lifts it."""
    try:
        with terminal.waiting(check.holds):
            return check.why_not(case)
    except AuthorizerError as error:
        if check in lifted:
            return Kept("NotKnown", str(error))
        _show("unknown", "red", check.holds)
        raise


def _end_if_kept(findings: Findings) -> None:
    if not findings.open:
        return
    lifting = {checks.AN_INSTANCE: _ALIVE, checks.GONE: _ALIVE, checks.UNUSED: _IN_USE}
    flags = [lifting.get(check, "") for check in findings.kept if check not in findings.lifted]
    hint = f": {' '.join(flags)} would release it all the same" if all(flags) else ""
    _kept(f"{', '.join(kept.reason for kept in findings.open)}{hint}")


def _kept(why: str) -> NoReturn:
    _say(f"kept: {why}")
    sys.exit(exits.NO)


def _agree(entry: VpcAccess) -> None:
    """Ask, and end the command unless the answer is yes."""
    if not terminal.is_attended():
        raise click.ClickException("nothing was done, since nobody is here to be asked: --yes releases it")
    if not click.confirm(f"release {terminal.printable(entry.name)}?", err=True):
        raise click.ClickException("nothing was done")


def _checked_again(case: Case, before: Findings) -> Case:
    """Make all checks once more, as time has passed, and return the case as it is now; ends the command if they differ."""
    again = open_case(case.scheduled, case.gateway, case.session, case.settings)
    if not again.present:
        _say("it is gone already: somebody else removed it meanwhile")
        sys.exit(exits.DONE)
    _say("once more, since time has passed:")
    after = _examined(again, before.lifted)
    if after.open or before.differ(after):
        _kept("something changed after you were asked. Look at it, and give the command again")
    return again


def _remove(case: Case, findings: Findings) -> None:
    """Remove the entry and tell of it; what makes it again is printed before, so that nothing can lose it."""
    entry = case.entry or case.scheduled
    because = "released by hand with `python -m functions release`"
    because += f", although {', '.join(findings.overridden)}" if findings.overridden else ""
    _say("the request that makes it again, under another id, for `python -m functions invoke FILE`:")
    click.echo(json.dumps(undo(entry)))
    try:
        with terminal.waiting("removing it"):
            removed = remove(case)
    except Transient:
        _show("unclear", "red", _IN_DOUBT)
        _show_what_tells(entry, because, case.settings)
        raise
    if isinstance(removed, Kept):
        _kept(f"{removed.reason}, {removed.text}")
    if removed.apis:
        _show("warning", "red", f"API Gateway named APIs in its answer, so it was in use: {', '.join(removed.apis)}")
    _tell(case, entry, because, removed)


def _tell(case: Case, entry: VpcAccess, because: str, removed: Removed) -> None:
    """Publish the result as the function does; ends the command with an error if that fails."""
    session, loaded = case.session, case.settings
    record = Record("operator", "", "", Scheduled(entry, loaded.region_id, because), "")
    topic = topic_opener(loaded, os.environ)(session)
    run = Run(loaded, session, topic, awaited=True, recent=Recent(session.clock), originals={})
    told = run.publish(released(record, entry, because, removed))
    if told.retry:
        _show("problem", "red", f"it is released, but {told.text}. Correct that first")
        _show_what_tells(entry, because, loaded)
        sys.exit(exits.ERROR)
    _show("released", "green", f"{entry.name}; its result was published to {loaded.result_topic}")


def _show_what_tells(entry: VpcAccess, because: str, loaded: Settings) -> None:
    """Print what lets the function tell of an entry that is gone already; if it is there, it is checked anew."""
    _say("to tell that it is released, save the next line as FILE, and give")
    _say("`python -m functions run FILE --function release_vpc_access`:")
    click.echo(schedule_message(entry, loaded.region_id, because), err=True)


def _show(word: str, style: str, text: str) -> None:
    terminal.show_line(terminal.console(stderr=True), word, style, text)


def _say(text: str) -> None:
    click.echo(terminal.printable(text), err=True)
