"""What the commands show to people: tables that cut nothing at any width, and a sign of life while something takes its time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import wrap
from threading import Timer
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from shared.model.outcome import PLANNED, REFUSED

_WIDE, _NARROWEST = 160, 40  # columns: of a pipe that nobody gave a width, and the least that a table is laid out for
_LEAST_PROSE = 30  # columns that sentences need to stand beside the rest
_GAP, _INDENT = 2, 4
_WORD = 9  # columns of the word before sentences
_STYLES = {
    **dict.fromkeys(("authorized", "unchanged", "replaced", "keep"), "green"),
    **dict.fromkeys(("planned", "create", "replace", "scheduled", "released", "sent"), "cyan"),
    "kept": "yellow",
    "ignored": "dim",
}
_PATIENCE = 3.0  # seconds that may pass without a sign of life


def console(*, stderr: bool = False) -> Console:
    """Return a console as wide as the terminal, or as COLUMNS says; with NO_COLOR it knows no bold and italic either.

    https://no-color.org
    """
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _WIDE
    return Console(stderr=stderr, width=width, color_system=None if os.environ.get("NO_COLOR") else "auto")


def is_attended() -> bool:
    """Tell whether somebody sees what is printed on standard error, and can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def printable(text: str) -> str:
    """Return text of others without what could control the terminal or turn the direction of what it shows."""
    return "".join(character if character.isprintable() or character == "\n" else "·" for character in text)


@contextmanager
def waiting(what: str, patience: float = _PATIENCE, *, quiet: bool = False) -> Iterator[None]:
    """Tell on standard error that ``what`` goes on: on a terminal with the seconds so far, elsewhere once, in a line.

    The line comes after ``patience`` seconds, so what is fast says nothing; ``quiet`` leaves it out, for programs.
    """
    to = console(stderr=True)
    if to.is_interactive:
        columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
        with Progress(*columns, console=to, transient=True) as progress:
            progress.add_task(printable(what), total=None)
            yield
        return
    if quiet:
        yield
        return
    timer = Timer(patience, click.echo, (f"{printable(what)} …",), {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def show_line(to: Console, word: str, style: str, text: str) -> None:
    """Print a word and sentences beside it, broken between words only."""
    line = Text(f"{word:{_WORD}}", style=style)
    width = max(to.width, _NARROWEST) - _WORD
    for part in wrap(printable(text), width, break_long_words=False, break_on_hyphens=False) or [""]:
        to.print(Text.assemble(line, part), soft_wrap=True)
        line = Text(" " * _WORD)


def style(outcome: str) -> str:
    """Return the style of an outcome, or of another word for what happened."""
    return _STYLES.get(outcome, "red")


def show_results(results: Sequence[Mapping[str, Any]], to: Console | None = None) -> None:
    """Print the lines of a summary (``shared.flow.report.line``): what was decided about what, and why.

    Of what is only planned, the plan's word stands beside the outcome, so that it is seen at once what would be refused.
    """
    results = [_with_plan(result) for result in results]
    fields = ("word", "name", "target", "vpc_access_id", "correlation", "source", "message_id")
    rows = [
        [
            *(str(result.get(field, "")) for field in fields),
            ": ".join(filter(None, (result.get("reason"), result.get("text")))),
        ]
        for result in ({"target": result.get("part", ""), **result} for result in results)
    ]
    names = ("outcome", "name", "target", "VpcAccessId", "correlation", "source", "message", "why")
    show_table(to or console(), names, rows, [style(result["outcome"]) for result in results])


def _with_plan(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a line with the ``word`` that its row begins with; what would be refused has the outcome of what is."""
    outcome, reason = result["outcome"], result.get("reason", "")
    if outcome != PLANNED or not reason:
        return {**result, "word": outcome}
    plan, _, reason = reason.partition(": ")
    outcome = REFUSED if plan in ("refuse", "refused") else outcome
    return {**result, "word": f"{PLANNED} {plan}", "outcome": outcome, "reason": reason}


def show_table(to: Console, names: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
    """Print rows under the ``names`` of their columns: the most important first, sentences last.

    The columns that fit stand beside each other. The others stand below their row with their names, so nothing is cut
    at any width; lines are broken between words only, so an id can be copied. Columns without any text are left out.
    ``styles`` has one for the first cell of each row.
    """
    cells = [[Text(printable(cell).replace("\n", " ")) for cell in row] for row in rows]
    for row, style in zip(cells, styles, strict=True):
        row[0].stylize(style)
    widths = {
        column: max([len(name), *(row[column].cell_len for row in cells)])
        for column, name in enumerate(names)
        if any(row[column] for row in cells)
    }
    layout = _Layout(to, names, widths)
    layout.show([Text(name, style="bold") for name in names], heading=True)
    for row in cells:
        layout.show(row)


class _Layout:
    """Which columns stand beside each other. ``widths`` has those with any text, by number; the last one is sentences."""

    def __init__(self, to: Console, names: Sequence[str], widths: Mapping[int, int]) -> None:
        self._to, self._names, self._widths = to, names, widths
        self._total = max(to.width, _NARROWEST)
        self._sentences = len(names) - 1
        self._beside = self._fitting()

    def _fitting(self) -> list[int]:
        fitting: list[int] = []
        used = 0
        for column, width in self._widths.items():
            needed = min(width, _LEAST_PROSE) if column == self._sentences else width
            if fitting and used + needed > self._total:
                break
            fitting.append(column)
            used += needed + _GAP
        return fitting

    def show(self, cells: Sequence[Text], *, heading: bool = False) -> None:
        """Print one row."""
        line = Text()
        for column in self._beside:
            if column == self._sentences:
                indent = line.cell_len
                self._show_sentences(line, cells[column], indent)
                break
            line.append_text(cells[column])
            line.pad_right(_GAP + self._widths[column] - cells[column].cell_len)
        else:
            self._print(line)
        if not heading:
            self._show_below([column for column in self._widths if column not in self._beside and cells[column]], cells)

    def _show_below(self, columns: Sequence[int], cells: Sequence[Text]) -> None:
        line = Text(" " * _INDENT)
        for column in columns:
            if column == self._sentences:
                continue
            item = Text.assemble((f"{self._names[column]} ", "dim"), cells[column], " " * _GAP)
            if len(line) > _INDENT and line.cell_len + item.cell_len - _GAP > self._total:
                self._print(line)
                line = Text(" " * _INDENT)
            line.append_text(item)
        if len(line) > _INDENT:
            self._print(line)
        if self._sentences in columns:
            self._show_sentences(Text(" " * _INDENT), cells[self._sentences], _INDENT)

    def _show_sentences(self, line: Text, sentences: Text, indent: int) -> None:
        width = self._total - indent
        for part in wrap(sentences.plain, width, break_long_words=False, break_on_hyphens=False) or [""]:
            line.append(part)
            self._print(line)
            line = Text(" " * indent)

    def _print(self, line: Text) -> None:
        line.rstrip()
        self._to.print(line, soft_wrap=True)
