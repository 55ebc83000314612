"""``replay``: dead letters and refused requests, sent to the request queue again as far as they are not done.

Nothing is deleted before it was sent, and nothing is sent that opens something unless that was shown and agreed to.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from functions._operator import access, exits, terminal
from functions._operator.mail import Mail, Mailbox, from_files
from functions._operator.postman import DECLINED, UNASKED, Postman, Tally
from functions._operator.preview import DONE, Preview, planner, preview
from functions._operator.queue import SmqQueue, queue_name
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.errors import AuthorizerError, CloudRefused
from shared.events.text import read_json

_MAX_SECONDS = 6 * 3600.0  # seconds for everything
_READ_SECONDS = 40.0  # more than the longest wait of ReceiveMessage


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--queue", "name", callback=queue_name, help="SMQ queue of dead letters or results to take from.")
@click.option("--to", "target", envvar="REQUEST_QUEUE", required=True, callback=queue_name, help="The request queue.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, a JSON line each; send and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before something is sent that opens a target.")
@click.option("--done", is_flag=True, help="Send what is done, too: it opens nothing, and its result comes again.")
@click.option("--blind", is_flag=True, help="Do not look first, send everything: it may open what was closed.")
@click.option(
    "--repair",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write requests that are wrong into this file, a JSON line each: correct them and replay it.",
)
@click.option(
    "--wait",
    type=click.IntRange(0, 30),
    default=1,
    show_default=True,
    help="Seconds without a message after which the queue counts as empty.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="Send at most N messages a second, so that what is new need not wait behind what is old.",
)
def replay(
    files: tuple[Path, ...],
    name: str | None,
    target: str,
    repair: Path | None,
    wait: int,
    rate: float | None,
    *,
    dry_run: bool,
    yes: bool,
    done: bool,
    blind: bool,
) -> None:
    """Send dead letters and refused requests to the request queue again: those in FILES, or in a queue.

    A file holds a JSON document or JSON lines: result messages, records of failed asynchronous invocations, dead
    letters of triggers, requests. A message leaves its queue after everything in it was sent.

    First you see what the function would do with each record now; what is done already is not sent, and you are asked
    before something is opened. For that the function's settings are read from the environment, as  run  reads them.
    SMQ_ENDPOINT (or ALIBABA_CLOUD_ACCOUNT_ID and ALIBABA_CLOUD_REGION_ID) says where the queues are,
    ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and _SECURITY_TOKEN as whom.
    """
    if bool(files) == (name is not None):
        raise click.UsageError("give FILES, or --queue NAME")
    if name == target:
        raise click.UsageError("--queue and --to name the same queue: its messages would go round for ever")
    console = terminal.console(stderr=True)
    tell = _teller(console)
    with ExitStack() as opened:
        plan = None if blind else opened.enter_context(planner())
        session = None if dry_run and not name else opened.enter_context(access.session(_MAX_SECONDS, _READ_SECONDS))
        box = Mailbox(_at(session, name), wait) if session and name else None
        postman = Postman(_print if session is None or dry_run else paced(_at(session, target), session, rate), tell)
        try:
            mails = _mails(files, box)
            if plan is None:
                tell("warning  nobody looks what is done already: what was closed meanwhile may be opened again")
            else:
                with terminal.waiting("looking what the function would do now"):
                    seen = preview(mails, plan)
                mails = _chosen(seen, tell, done=done, agreed=yes or dry_run)
            if session and not dry_run:
                _require_time(mails, rate, session.deadline.remaining())
            _deliver(
                mails, postman, None if dry_run else box, _progress(console, hidden=dry_run and sys.stdout.isatty())
            )
        except AuthorizerError as error:
            postman.fail(f"stopped, the rest was not tried: {error}", exits.of_error(error))
        if box:
            _hand_back(box, tell)
    _finish(postman.tally, repair, dry_run=dry_run)


def _at(session: Session, name: str) -> SmqQueue:
    return SmqQueue(session, access.message_queue(), name)


def paced(queue: SmqQueue, session: Session, rate: float | None) -> Callable[[str], object]:
    """Return what sends to ``queue``, at most ``rate`` messages a second by the session's clock; None is no limit."""
    if rate is None:
        return queue.send
    pace = Pace(session.clock, rate)

    def send(text: str) -> str:
        pace.wait("SendMessage", session.deadline)
        return queue.send(text)

    return send


def _require_time(mails: Sequence[Mail], rate: float | None, seconds: float) -> None:
    """Raise a ClickException, before anything is sent, if all of it takes longer than the ``seconds`` that are left."""
    count = sum(not letter.reason for mail in mails for letter in mail.letters)
    if rate and count / rate > seconds:
        raise click.ClickException(
            f"{count} messages at {rate:g} a second take {count / rate / 3600:.1f} hours, and {seconds / 3600:.1f} are left: "
            f"give a --rate above {count / seconds:.2g}, or fewer messages"
        )


def _print(text: str) -> None:
    """Print a letter as a JSON line, in ASCII so that no letter can control the terminal."""
    click.echo(_line(text))


def _line(text: str) -> str:
    """Return ``text`` as a JSON line that replays to the same: its value if it is JSON, otherwise a string."""
    try:
        return json.dumps(read_json(text))
    except ValueError:
        return json.dumps(text)


def _progress(console: Console, *, hidden: bool) -> Progress:
    """Return the bar, on standard error; what a dry run prints would stand in the middle of it on a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        console=console,
        disable=hidden,
    )


def _teller(console: Console) -> Callable[[str], None]:
    """Return what prints a line above the bar."""

    def tell(text: str) -> None:
        console.print(terminal.printable(text).replace("\n", "·"), markup=False, highlight=False, soft_wrap=True)

    return tell


def _mails(files: Sequence[Path], box: Mailbox | None) -> list[Mail]:
    if box is None:
        return from_files(files)
    with terminal.waiting("receiving what is in the queue"):
        return list(box.take())


def _chosen(seen: Preview, tell: Callable[[str], None], *, done: bool, agreed: bool) -> list[Mail]:
    """Show what would become of everything, ask once if something would be opened, and mark what is not to be sent."""
    seen.show()
    opened = len(seen.opened)
    if agreed or not opened:
        return seen.judged("", done=done)
    what = f"what opens {opened} target{'s' if opened > 1 else ''}"
    if not terminal.is_attended():
        tell(f"note     {what} is not sent, since nobody is here to be asked: --yes sends it")
        return seen.judged(UNASKED, done=done)
    return seen.judged("" if click.confirm(f"send {what}?", err=True) else DECLINED, done=done)


def _deliver(mails: Sequence[Mail], postman: Postman, box: Mailbox | None, progress: Progress) -> None:
    """Send everything, and delete from ``box`` what was sent whole."""
    with progress:
        for mail in progress.track(mails, description="replaying"):
            if not postman.deliver(mail) or box is None:
                continue
            try:
                box.remove(mail)
            except CloudRefused as error:
                postman.fail(f"{mail.place} was sent and is still in the queue: {error}", exits.of_error(error))
        for place in box.remove_late() if box else ():
            postman.fail(f"{place} was sent and is still in the queue, hidden for now: look again later", exits.ERROR)


def _hand_back(box: Mailbox, tell: Callable[[str], None]) -> None:
    """Make what stays visible again; where that is refused, the queue's VisibilityTimeout does it by itself."""
    try:
        box.hand_back()
    except AuthorizerError as error:
        tell(f"note     messages that stay show again only after the queue's VisibilityTimeout: {error}")


def _finish(tally: Tally, repair: Path | None, *, dry_run: bool) -> None:
    if repair and tally.wrong:
        repair.write_text("".join(f"{_line(text)}\n" for text in tally.wrong), encoding="utf-8")
        click.echo(f"{repair} has what is wrong: correct it, then replay the file", err=True)
    if tally.skipped[DONE]:
        click.echo("what is done was not sent, and its results were not repeated: --done sends it, too", err=True)
    click.echo(tally.sentence("would send" if dry_run else "sent"), err=True)
    sys.exit(tally.code)
