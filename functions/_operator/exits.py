"""How the commands end: one table of exit codes, and the only place that turns errors into messages and codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from functions._operator import interrupt
from functions._operator.terminal import printable
from shared.errors import AuthorizerError, CredentialsExpired, OperatorNeeded, SettingsError, Transient
from shared.model.outcome import FAILED, KEPT, REFUSED, REJECTED

DONE, ERROR, NO, LATER, USAGE = 0, 1, 3, 4, 64
MEANINGS = {
    DONE: "done",
    ERROR: "an error, or you said no: the text says what to do",
    2: "`plan` only: there are changes",
    NO: "something was refused, rejected, kept or held back; in a dry run, would be",
    LATER: "something failed that can succeed later, as it is",
    USAGE: "wrong usage",
    interrupt.CODE: "ended by Ctrl-C",
}
"""What each code means, for every command. Where several apply, it is the highest."""

HELP = "\b\nExit codes:\n" + "\n".join(f"  {code:<3} {meaning}" for code, meaning in MEANINGS.items())


def table() -> str:
    """Return the table of exit codes in Markdown, as functions/README.md has it."""
    rows = [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["| exit code | meaning |", "|---|---|", *rows])


def of(results: Sequence[Mapping[str, Any]]) -> int:
    """Return the code for what became of records: the lines of a summary (``shared.flow.report.line``)."""
    return max(map(_of, results), default=DONE)


def _of(result: Mapping[str, Any]) -> int:
    if result.get("retry"):
        return LATER
    if result["outcome"] in (REFUSED, REJECTED, KEPT) or result.get("reason", "").startswith(("refuse: ", "keep: ")):
        return NO
    return ERROR if result["outcome"] == FAILED else DONE


def end(results: Sequence[Mapping[str, Any]]) -> NoReturn:
    """End a command that has shown what became of records; where some can succeed later, say how many."""
    later = sum(bool(result.get("retry")) for result in results)
    if later:
        raise Later(f"{later} of {len(results)} records failed for now; the same event can succeed later")
    sys.exit(of(results))


def of_error(error: AuthorizerError) -> int:
    """Return the code for an error: whether the same command can succeed later without anybody doing something."""
    waiting_helps = isinstance(error, Transient) and not isinstance(error, (OperatorNeeded, CredentialsExpired))
    return LATER if waiting_helps else ERROR


class Later(click.ClickException):
    """Ends a command with a text on standard error: what failed can succeed later."""

    exit_code = LATER


@contextmanager
def _ending() -> Iterator[None]:
    """Give errors of ours their text and code, and click's own errors of usage theirs."""
    try:
        yield
    except click.UsageError as error:
        error.show()
        sys.exit(USAGE)
    except AuthorizerError as error:
        problems = error.problems if isinstance(error, SettingsError) else None
        text = "\n  ".join(["settings need attention:", *problems]) if problems else str(error)
        kind = Later if of_error(error) == LATER else click.ClickException
        raise kind(printable(text)) from error


class Command(click.Command):
    """A command that ends as the table says."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the arguments."""
        with _ending():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Do the work."""
        with _ending():
            return super().invoke(ctx)


class Group(click.Group):
    """Commands that end as the table says, which the help of each shows; NO_COLOR means no styles at all."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command."""
        cmd.epilog = HELP
        super().add_command(cmd, name)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the arguments up to the name of the command."""
        with _ending():
            context = super().make_context(*args, **extra)
        context.color = False if os.environ.get("NO_COLOR") else context.color
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Read the command's own arguments and do its work."""
        with _ending():
            return super().invoke(ctx)
