"""``move``: have a name opened to another instance on purpose, by the rule and through the queue of ``named_backends``.

Here it is only looked at and asked; the function looks at everything anew before it moves anything.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn
from uuid import uuid4

import click

from functions._operator import access, exits, terminal
from functions._operator.queue import SmqQueue
from shared import log, settings
from shared.access.moving import Mover, Seen
from shared.access.naming import Claimant, Leave, Point, Stay
from shared.events.naming import naming_message
from shared.model.records import Hint
from shared.settings import Settings

_MAX_SECONDS = 3600.0  # seconds for everything, the time to think about the question with it
_BECAUSE = "python -m functions move"


@click.command()
@click.argument("name")
@click.argument("instance")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would happen; so does DRY_RUN=1.")
def move(name: str, instance: str, *, yes: bool, dry_run: bool) -> None:
    """Have the NAME opened to this INSTANCE, which carries the name's tag as its target does.

    For a rolling release: start the new version beside the old one, move the name, stop the old one. The same holds as for
    a move that nobody asks for: the instance runs, is in service in its scaling group, and policy lets it have the name.

    What would happen is shown, then you are asked, then the wish goes to the queue of named_backends, which looks again and
    moves the name. Standard output gets the id of the wish, with which the  Cause  of its result ends. Settings are those of
    the function, from the environment, as  run  reads them.
    """
    loaded = settings.load(os.environ)
    log.configure(os.environ.get("LOG_LEVEL", "OFF").upper(), sys.stderr)  # it is shown, unless asked for more
    _require_policy(name, loaded)
    with access.session(_MAX_SECONDS) as session:
        mover = Mover(session, loaded)
        with terminal.waiting("looking at the name, and at the instances that claim it"):
            seen = mover.look(name, mover.entry(name))
            seen, choice = mover.choose(seen, frozenset(), instance)
            users = mover.users(name)[0] if seen.entry else []  # of a name that nothing has it is not asked
        _show_seen(seen)
        if not isinstance(choice, Point) or choice.to.place != instance:
            _end(seen, choice, instance)
        _show("would", "cyan", f"{'move' if seen.entry else 'be made'} to {choice.access.target_text()}")
        for user in users:
            _show("with it", "dim", f"API {user}")
        if dry_run or loaded.dry_run:
            _say("in this dry run nothing was sent")
            return
        if loaded.named_backends != "apply":
            raise click.ClickException(
                f"nothing was sent, since with NAMED_BACKENDS={loaded.named_backends} no name moves: set it to apply, for the "
                "function as well"
            )
        if not yes:
            _agree(name, instance)
        request = str(uuid4())
        queue = SmqQueue(session, loaded.smq_endpoint, loaded.names_queue)
        with terminal.waiting("sending the wish"):
            queue.send(naming_message(Hint(name, loaded.region_id, _BECAUSE, target=instance, request=request)))
    _show("sent", "green", f"to {queue.name}: named_backends looks at everything again, then moves the name")
    _say(
        f"next: `replaced` on {loaded.result_topic} once the APIs have followed, or why not; `python -m functions list` shows it"
    )
    click.echo(request)


def _require_policy(name: str, loaded: Settings) -> None:
    """End the command unless settings let tags claim such a name."""
    if loaded.named_backends == "off":
        raise click.ClickException("NAMED_BACKENDS is off, so no name moves: set it to apply, for the function as well")
    if not loaded.reserves(name):
        shown = terminal.printable(name)
        raise click.ClickException(
            f"tags may not claim the name {shown!r}, so it never moves: add `vpc-id:{shown}` to ALLOWED_NAMES, for the function "
            "as well, unless NAME_TEMPLATE makes such names"
        )


def _show_seen(seen: Seen) -> None:
    """Print what has the name, and each instance that claims it with what keeps it from having it."""
    _show("name", "dim", seen.name)
    _show("opens", "dim", f"{seen.entry.target_text()}, {seen.target.state}" if seen.entry else "nothing yet")
    for one in seen.candidates:
        if seen.entry is None or one.place != seen.entry.instance_id:
            word, style = ("standby" if seen.entry else "ready", "green") if one.is_ready else ("not", "red")
            _show(word, style, f"{one.place}{_state(one)}")


def _state(claimant: Claimant) -> str:
    """Return what an instance is doing, and why it may not have the name."""
    states = [claimant.backend.status.lower(), f"{claimant.member} in its scaling group" if claimant.member else ""]
    why_not = f": {claimant.why_not.reason}, {claimant.why_not.text}" if claimant.why_not else ""
    return "".join(f", {state}" for state in states if state) + why_not


def _end(seen: Seen, choice: Stay | Point | Leave, instance: str) -> NoReturn:
    """End the command, as there is nothing to send: the name cannot go there, or is there."""
    if isinstance(choice, Leave):
        _say(f"refused: {choice.reason}, {choice.text}")
        sys.exit(exits.NO)
    if isinstance(choice, Stay) and not choice.end:
        _say(f"{seen.name!r} opens {instance} already{f', though {choice.drift}' if choice.drift else ''}")
        sys.exit(exits.DONE)
    end = choice.end if isinstance(choice, Stay) else choice.cause
    goes = (
        f"by itself the name goes to {choice.to.place}" if isinstance(choice, Point) else "no other instance is ready"
    )
    _say(f"refused: {seen.name!r} opens {instance}, which is no backend for it any more ({end}); {goes}")
    sys.exit(exits.NO)


def _agree(name: str, instance: str) -> None:
    """Ask, and end the command unless the answer is yes."""
    if not terminal.is_attended():
        raise click.ClickException("nothing was sent, since nobody is here to be asked: --yes sends it")
    if not click.confirm(f"have {terminal.printable(name)} opened to {terminal.printable(instance)}?", err=True):
        raise click.ClickException("nothing was sent")


def _show(word: str, style: str, text: str) -> None:
    terminal.show_line(terminal.console(stderr=True), word, style, text)


def _say(text: str) -> None:
    click.echo(terminal.printable(text), err=True)
