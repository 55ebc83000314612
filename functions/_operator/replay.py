"""``replay``: dead letters and refused requests, sent to the request queue again. Nothing is deleted before it was sent."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from functions._operator import access, exits, terminal
from functions._operator.letters import STUCK, WRONG, Letter, documents, letters
from functions._operator.queue import SmqQueue
from shared.cloud.session import Session
from shared.errors import AuthorizerError, CloudRefused
from shared.events.text import read_json

_LONGEST = 6 * 3600.0  # seconds for everything
_READ_SECONDS = 40.0  # more than the longest wait of ReceiveMessage
_QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")  # https://help.aliyun.com/document_detail/27495.htm


class Mail(NamedTuple):
    """Letters that came in one document; ``handle`` is its receipt in the queue, "" from a file."""

    place: str
    letters: list[Letter]
    handle: str = ""


@dataclass
class Tally:
    """What became of the letters; ``wrong`` are the texts of those that have to be repaired."""

    sent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    wrong: list[str] = field(default_factory=list)
    worst: int = exits.DONE  # exit code of the failures

    @property
    def code(self) -> int:
        """Return the exit code."""
        return max(self.worst, exits.NO if self.skipped.keys() & STUCK else exits.DONE)

    def sentence(self, verb: str) -> str:
        """Return the counts, such as ``sent 3, skipped 2 (truncated 1, wrong 1), failed 0``."""
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(self.skipped.items()))
        skipped = f"{sum(self.skipped.values())} ({reasons})" if reasons else "0"
        return f"{verb} {self.sent}, skipped {skipped}, failed {self.failed}"


@dataclass
class Postman:
    """Sends what came and keeps the tally. ``send`` takes a text, ``tell`` a line for the operator."""

    send: Callable[[str], object]
    tell: Callable[[str], None]
    tally: Tally = field(default_factory=Tally)

    def deliver(self, mail: Mail) -> bool:
        """Send the letters and tell whether all were; raises Transient errors, after which no other send would succeed."""
        sent = [self._sent(mail.place, letter) for letter in mail.letters]
        return all(sent)

    def _sent(self, place: str, letter: Letter) -> bool:
        if letter.reason:
            self.tally.skipped[letter.reason] += 1
            if letter.reason == WRONG:
                self.tally.wrong.append(letter.text)
            self.tell(f"skipped  {place}: {letter.reason}: {letter.why}")
            return False
        try:
            self.send(letter.text)
        except CloudRefused as error:
            self.fail(place, error)
            return False
        self.tally.sent += 1
        return True

    def fail(self, place: str, error: AuthorizerError) -> None:
        """Count and report a failure."""
        self.tally.failed += 1
        self.tally.worst = max(self.tally.worst, exits.of_error(error))
        self.tell(f"failed   {place}: {error}")


def _queue_name(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value and not _QUEUE.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not the name of a queue: letters, digits and '-', without a URL")
    return value


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--queue", "name", callback=_queue_name, help="SMQ queue of dead letters or results to take from.")
@click.option("--to", "target", envvar="REQUEST_QUEUE", required=True, callback=_queue_name, help="The request queue.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, a JSON line each; send and delete nothing.")
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
def replay(
    files: tuple[Path, ...], name: str | None, target: str, repair: Path | None, wait: int, *, dry_run: bool
) -> None:
    """Send dead letters and refused requests to the request queue again: those in FILES, or in a queue.

    A file holds a JSON document or JSON lines: result messages, records of failed asynchronous invocations, dead
    letters of triggers, requests. A message leaves its queue after everything in it was sent. SMQ_ENDPOINT (or
    ALIBABA_CLOUD_ACCOUNT_ID and ALIBABA_CLOUD_REGION_ID) says where, ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and
    _SECURITY_TOKEN as whom.
    """
    if bool(files) == (name is not None):
        raise click.UsageError("give FILES, or --queue NAME")
    if name == target:
        raise click.UsageError("--queue and --to name the same queue: its messages would go round for ever")
    offline = dry_run and not name
    opened: AbstractContextManager[Session | None] = (
        nullcontext() if offline else access.session(_LONGEST, read_seconds=_READ_SECONDS)
    )
    with opened as session, _progress(hidden=dry_run and sys.stdout.isatty()) as progress:
        postman = Postman(_print if session is None or dry_run else _sender(session, target), _teller(progress.console))
        try:
            if session is None or name is None:
                mails = list(_from_files(files))
                for mail in progress.track(mails, description="replaying"):
                    postman.deliver(mail)
            else:
                queue = SmqQueue(session, access.message_queue(), name)
                _empty(queue, postman, progress, wait, dry_run=dry_run)
        except AuthorizerError as error:
            postman.fail("stopped, the rest was not tried", error)
    _finish(postman.tally, repair, dry_run=dry_run)


def _sender(session: Session, target: str) -> Callable[[str], object]:
    return SmqQueue(session, access.message_queue(), target).send


def _print(text: str) -> None:
    """Print a letter as a JSON line, in ASCII so that no letter can control the terminal."""
    click.echo(_line(text))


def _line(text: str) -> str:
    """Return ``text`` as a JSON line that replays to the same: its value if it is JSON, otherwise a string."""
    try:
        return json.dumps(read_json(text))
    except ValueError:
        return json.dumps(text)


def _progress(*, hidden: bool) -> Progress:
    """Return the bar, on standard error; what a dry run prints would stand in the middle of it on a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        console=terminal.console(stderr=True),
        disable=hidden,
    )


def _teller(console: Console) -> Callable[[str], None]:
    """Return what prints a line above the bar."""

    def tell(text: str) -> None:
        console.print(terminal.printable(text).replace("\n", "·"), markup=False, highlight=False, soft_wrap=True)

    return tell


def _from_files(files: Iterable[Path]) -> Iterator[Mail]:
    for path in files:
        for line, document in documents(path.read_bytes()):
            yield Mail(f"{path.name}:{line}", letters(document))


def _empty(queue: SmqQueue, postman: Postman, progress: Progress, wait: int, *, dry_run: bool) -> None:
    """Take the messages that were there at the start, delete those that were sent whole and hand the others back.

    Later ones are left alone, because they may be the answers to what is sent here: a request that is refused again
    would come round for ever. One that is seen again has become visible meanwhile: all others were seen, too.
    """
    task = progress.add_task("replaying", total=None)
    begun: float | None = None
    seen: dict[str, str] = {}  # message id → receipt of a message that stays, "" once it is deleted
    while received := queue.receive(wait):
        begun = received.now + 1 if begun is None else begun  # the server's clock, told in whole seconds
        known = received.message_id in seen
        seen[received.message_id] = received.handle
        if known or received.enqueued > begun:
            break
        mail = Mail(received.message_id, letters(received.body.encode("utf-8", "surrogatepass")), received.handle)
        if postman.deliver(mail) and not dry_run and _deleted(queue, mail, postman):
            seen[received.message_id] = ""
        progress.advance(task)
    _hand_back(queue, filter(None, seen.values()), postman)


def _deleted(queue: SmqQueue, mail: Mail, postman: Postman) -> bool:
    try:
        queue.delete(mail.handle)
    except CloudRefused as error:
        postman.fail(f"{mail.place} was sent and is still in the queue", error)
        return False
    return True


def _hand_back(queue: SmqQueue, handles: Iterable[str], postman: Postman) -> None:
    """Make what stays visible again; where that is refused, the queue's VisibilityTimeout does it by itself."""
    try:
        for handle in handles:
            queue.hand_back(handle)
    except AuthorizerError as error:
        postman.tell(f"note     messages that stay show again only after the queue's VisibilityTimeout: {error}")


def _finish(tally: Tally, repair: Path | None, *, dry_run: bool) -> None:
    if repair and tally.wrong:
        repair.write_text("".join(f"{_line(text)}\n" for text in tally.wrong), encoding="utf-8")
        click.echo(f"{repair} has what is wrong: correct it, then replay the file", err=True)
    click.echo(tally.sentence("would send" if dry_run else "sent"), err=True)
    sys.exit(tally.code)
