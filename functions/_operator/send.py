"""``send``: the requests of a file onto the request queue, as their producer sends them; with ``--wait`` their results, too."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from functions._operator import access, exits, given, terminal
from functions._operator.inbox import Inbox, line
from functions._operator.letters import TOO_LARGE, WRONG, Letter, documents, letters, too_large
from functions._operator.queue import SmqQueue, queue_name
from shared.clock import Deadline
from shared.errors import AuthorizerError
from shared.events.parsing import parse
from shared.model.access import VpcAccess
from shared.model.records import Invalid, Record

_MARGIN_SECONDS = 120.0  # seconds for sending, and for handing back
_READ_SECONDS = 40.0  # more than the longest wait of ReceiveMessage
_SENT = "sent"


@click.command()
@click.argument("event", metavar="FILE", type=given.EVENT)
@click.option(
    "--to",
    "target",
    envvar="REQUEST_QUEUE",
    required=True,
    callback=queue_name,
    show_envvar=True,
    help="The request queue.",
)
@click.option(
    "--results",
    envvar="RESULT_QUEUE",
    show_envvar=True,
    callback=queue_name,
    help="A queue of yours that is subscribed to the result topic; --wait needs it.",
)
@click.option("--wait", type=click.IntRange(1, 3600), metavar="SECONDS", help="Wait so long for the results.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each request as JSON.")
def send(event: Path, target: str, results: str | None, wait: int | None, *, as_json: bool) -> None:
    """Put the requests of FILE on the request queue, each as a message of its own; with  -  they come on standard input.

    With --wait what became of each is printed, as  run  does, and decides the exit code. The results are received from
    the queue --results: those of these requests are deleted there, all others are handed back.

    SMQ_ENDPOINT (or ALIBABA_CLOUD_ACCOUNT_ID and ALIBABA_CLOUD_REGION_ID) says where the queues are,
    ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and _SECURITY_TOKEN as whom.
    """
    if wait and not results:
        raise click.UsageError(
            "--wait needs --results: the name of a queue of yours that is subscribed to the result topic"
        )
    requests, skipped = _requests(given.read(event))
    for text in skipped:
        click.echo(terminal.printable(f"skipped  {text}"), err=True)
    sent: list[dict[str, Any]] = []
    with access.session((wait or 0) + _MARGIN_SECONDS, _READ_SECONDS) as session:
        try:
            with terminal.waiting(f"sending {len(requests)} requests", quiet=as_json):
                _send(requests, SmqQueue(session, access.message_queue(), target), sent)
        except AuthorizerError:
            _show(sent, as_json=as_json)  # those may be carried out: who sends all again makes nothing twice
            raise
        if wait and results and sent:
            with terminal.waiting(f"waiting for the results, at most {wait} s", quiet=as_json):
                sent = _answered(
                    sent, SmqQueue(session, access.message_queue(), results), Deadline(session.clock, wait, margin=0)
                )
    _show(sent, as_json=as_json)
    _end(sent, skipped, wait, results)


def _show(lines: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"results": lines}, indent=2, ensure_ascii=False))
    elif lines:
        terminal.show_results(lines)


def _requests(raw: bytes) -> tuple[list[Letter], list[str]]:
    """Return what can be sent, also what will be rejected, and sentences about the rest."""
    found = [(number, letter) for number, document in documents(raw) for letter in letters(document)]
    skipped = [f"line {number}: {why}" for number, letter in found if (why := _unsendable(letter))]
    return [letter for _, letter in found if not _unsendable(letter)], skipped


def _unsendable(letter: Letter) -> str:
    """Return why a letter is not sent, "" if it is: the function, not this command, says what is wrong with a request."""
    if letter.reason and letter.reason != WRONG:
        return f"{letter.reason}: {letter.why}"
    if why := too_large(letter.text):
        return f"{TOO_LARGE}: {why}"
    if all(isinstance(record.content, (VpcAccess, Invalid)) for record in _records(letter)):
        return ""
    return "announcement: its product sends it, not a producer: python -m functions run or invoke handles it"


def _records(letter: Letter) -> list[Record]:
    return parse(letter.text.encode("utf-8", "surrogatepass"))


def _send(requests: Sequence[Letter], queue: SmqQueue, lines: list[dict[str, Any]]) -> None:
    """Send the requests; add a line for each that was sent, to stand as long as its result is not known."""
    for letter in requests:
        message_id = queue.send(letter.text)
        content = _records(letter)[0].content
        target = content.target_text() if isinstance(content, VpcAccess) else ""
        name, correlation = getattr(content, "name", ""), getattr(content, "correlation", "")
        lines.append(
            {"outcome": _SENT, "message_id": message_id, "correlation": correlation, "name": name, "target": target}
        )


def _answered(sent: list[dict[str, Any]], queue: SmqQueue, deadline: Deadline) -> list[dict[str, Any]]:
    """Return the lines with what became of the requests, as far as it was told in time."""
    inbox = Inbox(queue)
    try:
        found = inbox.answers([request["message_id"] for request in sent], deadline)
    finally:
        _hand_back(inbox)
    return [line(found[each["message_id"]]) if each["message_id"] in found else each for each in sent]


def _hand_back(inbox: Inbox) -> None:
    """Make others' results visible again; where that is refused, the queue's VisibilityTimeout does it by itself."""
    try:
        inbox.hand_back()
    except AuthorizerError as error:
        text = f"note     results of others show again only after the queue's VisibilityTimeout: {error}"
        click.echo(terminal.printable(text), err=True)


def _end(lines: Sequence[dict[str, Any]], skipped: Sequence[str], wait: int | None, results: str | None) -> NoReturn:
    """End by what became of the requests; a result that did not come in time can come later."""
    missing = sum(each["outcome"] == _SENT for each in lines) if wait else 0
    if missing:
        raise exits.Later(
            f"no result of {missing} of {len(lines)} requests came within {wait} s. Is {results} subscribed to the result topic, "
            "does a function take from the request queue, and does nobody else receive from these queues?"
        )
    if skipped and exits.of(lines) < exits.NO:
        sys.exit(exits.NO)
    exits.end(lines)
