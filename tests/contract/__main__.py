"""``make contract``: asks what the vendor's pages leave open, and leaves a record of the answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from functions._operator import exits, interrupt, terminal
from shared.clock import Clock
from shared.cloud.signing import Credentials
from shared.cloud.transport import Transport
from tests.contract import known, places, record, stage
from tests.contract.account import PORTS, PREFIX, Given
from tests.contract.ledger import Ledger
from tests.contract.leftovers import Leftover
from tests.contract.product import Product, real_clock
from tests.contract.question import Question
from tests.contract.questions import BY_ID, QUESTIONS
from tests.contract.record import Outcome
from tests.contract.replies import Caller
from tests.contract.run import Ran, ask_all

_STYLES = {record.NOT_ASKED: "dim", record.NOT_SEEN: "dim", record.UNCLEAR: "red"}


class _Setting(NamedTuple):
    """Where questions are asked, what is given for them, and by which clock."""

    place: places.Place
    given: Given
    clock: Clock


def _writable(_context: click.Context, _option: click.Parameter, out: Path) -> Path:
    """Return where the record goes; that it cannot be written there is said before anything is asked."""
    if not os.access(out if out.exists() else out.absolute().parent, os.W_OK):
        raise click.BadParameter(f"{out} cannot be written: make its folder, or name another file")
    return out


@click.command(cls=exits.Command, epilog=exits.HELP)
@click.option(
    "--cloud", "where", default="local", help="local (default): the embedded stand-in; real; a stand-in's URL."
)
@click.option("--vpc", "vpc_id", default="", help="A VPC of yours; what writes needs it.")
@click.option("--instance", "instance_id", default="", help="An instance in it; nothing on it is opened that listens.")
@click.option("--gateway-instance", default="", help="An instance of API Gateway, to validate connectivity.")
@click.option("--used-entry", default="", help="An authorization of a published test API, which may fail for a while.")
@click.option("--draft-entry", default="", help="An authorization that only an API uses which was never published.")
@click.option("--may-remove-used", is_flag=True, help="Also remove --used-entry and make it again, under another id.")
@click.option("--provoke-throttling", is_flag=True, help="Also read until the gateway throttles the account.")
@click.option("--fill-quota", default=0, metavar="N", help="Also make up to N authorizations, until one is refused.")
@click.option("--recorded", type=click.Path(exists=True, dir_okay=False), help="Log lines of the recorder.")
@click.option("--yes", is_flag=True, help="Do not ask before the first write.")
@click.option("--only", multiple=True, type=click.Choice(list(BY_ID)), metavar="QUESTION", help="Ask this one only.")
@click.option("--sdk/--no-sdk", default=True, help="Also ask by the vendor's own clients.  [default: sdk]")
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="A switch of the embedded stand-in.")
@click.option(
    "--out",
    default="contract.json",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_writable,
    help="The record.",
)
@click.option(
    "--learn",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take an account's record into known.json.",
)
@click.option("--stand-in-secret", envvar="STAND_IN_SECRET", default=stage.KEY.access_key_secret, hidden=True)
def main(
    where: str,
    only: tuple[str, ...],
    switches: tuple[str, ...],
    out: Path,
    stand_in_secret: str,
    learn: Path | None,
    *,
    yes: bool,
    sdk: bool,
    **given: Any,
) -> None:
    """Ask what no page of the vendor says, and write the answers to contract.json, without anything that names you.

    With CLOUD=real the key, region and account are read from the environment, as the operator's commands read them. Without
    --yes nothing is written there before you have typed yes; all that is made is taken away again.
    """
    if learn:
        _learn(learn)
        return
    if where != "real" and record.is_of_an_account(out):
        raise click.UsageError(
            f"{out} is the record of an account, which is not to be lost: name another file by --out"
        )
    questions = [question for question in QUESTIONS if not only or question.id in only]
    key = stage.KEY._replace(access_key_secret=stand_in_secret)
    with _setting(where, Given(**given), key, dict(map(_switch, switches))) as at:
        asked = _Consent(at, yes=yes or where != "real")
        ran = _ran(questions, at, asked, sdk=sdk)
        whole = record.document(ran.outcomes, real=at.place.is_real, region_id=at.place.region_id, now=at.clock.now())
    _show(ran.outcomes)
    record.write(out, whole)
    _end(ran, out)


def _learn(learnt: Path) -> None:
    try:
        count = known.learn(json.loads(learnt.read_text(encoding="utf-8")))
    except ValueError as error:
        raise click.ClickException(f"{learnt}: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise click.ClickException(
            f"{learnt} is no record of `make contract`: {type(error).__name__}, {error}"
        ) from error
    _say(f"{count} answers are in {known.KNOWN.name} now: look at them, and give  python -m tests.readme --write")


def _ran(questions: Sequence[Question], at: _Setting, consent: _Consent, *, sdk: bool) -> Ran:
    with ExitStack() as stack:
        ledger = Ledger()

        def ended(kind: type[BaseException] | None, *_: object) -> None:
            _tell(ledger.left if kind else ())  # of a run that comes to its end it is the last thing that is said

        stack.push(ended)
        transport = Transport()
        stack.callback(transport.close)
        product, others = Product(at.place, transport, at.clock), list[Caller]()
        if sdk:
            from tests.contract.vendor import Vendor  # the vendor's clients take a second to load

            vendor = Vendor(at.place)
            stack.callback(vendor.close)
            others.append(vendor)
        return ask_all(questions, product, others, at.given, at.clock, consent, telling=terminal.waiting, ledger=ledger)


@contextmanager
def _setting(where: str, given: Given, key: Credentials, switches: dict[str, str]) -> Iterator[_Setting]:
    if where != "local" and switches:
        raise click.UsageError("--switch is for the embedded stand-in")
    if where == "real":
        yield _Setting(places.real(os.environ), given, real_clock())
        return
    with ExitStack() as stack:
        endpoint, bare = where.rstrip("/"), None
        if where == "local":
            try:
                _, server = stack.enter_context(stage.embedded(**switches))
            except ValueError as error:
                raise click.UsageError(str(error)) from error
            endpoint, bare = server.endpoint, stage.BARE
        place = places.stand_in(endpoint, key, bare)
        if where != "local":
            interrupt_safe = interrupt.put_away(lambda: stage.furnished(endpoint))
            stack.enter_context(interrupt_safe)
        throttling = where == "local" or given.provoke_throttling
        ours = replace(stage.GIVEN, provoke_throttling=throttling, recorded=given.recorded)
        yield _Setting(place, ours, stage.jumping(endpoint))


class _Consent:
    """Asks once before the first write, and says what is going to be written."""

    def __init__(self, at: _Setting, *, yes: bool) -> None:
        self._at, self._yes = at, yes

    def __call__(self, questions: Sequence[Question], left: Sequence[Leftover], run_id: str) -> bool:
        """Tell whether the questions may be asked."""
        for each in left:
            _say(f"an earlier run left {each.what}: it is removed before anything is made")
        if self._yes:
            return True
        if not terminal.is_attended():
            return False
        given = self._at.given
        _say(f"{len(questions)} questions write. They make, and take away again:")
        _say(
            f"  authorizations {PREFIX}{run_id}-… of {given.instance_id or '(no --instance)'} in "
            f"{given.vpc_id or '(no --vpc)'} on ports {PORTS.start} to {PORTS.stop - 1}, where nothing should listen"
        )
        _say(f"  queues and topics {PREFIX}{run_id}-…")
        if given.used_entry:
            _say(f"  {given.used_entry} is pointed to such a port and back again: its API fails meanwhile")
        if given.used_entry and given.may_remove_used:
            _say(
                f"  {given.used_entry} is also removed and made again. Note its target and its tags: if the command is "
                "killed meanwhile, it is gone"
            )
        return bool(click.prompt("type yes to go on", default="no", err=True) == "yes")


def _show(outcomes: Sequence[Outcome]) -> None:
    names = ("answer", "question", "seconds", "differs", "why")
    rows = [_cells(outcome) for outcome in outcomes]
    styles = [_STYLES.get(next(iter(outcome.by_client.values())).word, "green") for outcome in outcomes]
    terminal.show_table(terminal.console(), names, rows, styles)


def _cells(outcome: Outcome) -> list[str]:
    asked = outcome.by_client["product"]
    other = outcome.by_client.get("sdk", asked)
    code = asked.answer.evidence.get("code") if asked.answer else ""
    differs = other.word if other is not asked and asked.answer and outcome.agreed is None else ""
    return [
        asked.word,
        outcome.question_id,
        f"{outcome.seconds:.1f}",
        f"sdk: {differs}" if differs else "",
        asked.why or str(code or ""),
    ]


def _end(ran: Ran, out: Path) -> None:
    answered = sum(next(iter(each.by_client.values())).answer is not None for each in ran.outcomes)
    _say(f"{answered} of {len(ran.outcomes)} questions are answered: {out}")
    _tell(ran.left)
    if ran.left:
        sys.exit(exits.ERROR)


def _tell(left: Sequence[str]) -> None:
    for each in left:
        _say(f"left behind: {each}")
    if left:
        _say(f"what is named {PREFIX}… goes with the next run; see to the rest by hand")


def _switch(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--switch takes NAME=VALUE, not {text!r}")
    return name, value


def _say(text: str) -> None:
    click.echo(terminal.printable(text), err=True)


if __name__ == "__main__":
    interrupt.attend("ended by Ctrl-C; what was made is taken away")
    main(prog_name="make contract")
