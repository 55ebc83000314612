"""``explain``: everything that log lines say about one name, in order of time and in plain sentences."""

from __future__ import annotations

import json
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

import click

from functions._operator import given, story, terminal

_MOST_NAMES = 5


@click.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=given.EVENT, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print the lines themselves, a JSON line each.")
def explain(name: str, files: tuple[Path, ...], *, as_json: bool) -> None:
    """Tell what the log says about the authorization NAME, in order of time.

    A FILE holds log lines, in any order and with other lines between them: what a local run writes (LOG_LEVEL=DEBUG python
    -m functions run EVENT 2> FILE), or what Simple Log Service exports, as JSON or JSON lines. With  -  they come on
    standard input. Nothing is looked up; times are UTC.
    """
    lines = list(chain.from_iterable(story.read(given.read(file)) for file in files))
    found = story.about(lines, name)
    if not found:
        raise click.ClickException(terminal.printable(_nothing(name, lines)))
    if as_json:
        for line in found:
            click.echo(json.dumps(line))
        return
    told = [story.tell(line) for line in found]
    to = terminal.console()
    terminal.show_table(to, ("time", "what", "how it was"), told, [terminal.style(each.what) for each in told])
    to.print(terminal.printable(story.end(found, name)), markup=False, highlight=False, soft_wrap=True)


def _nothing(name: str, lines: list[story.Line]) -> str:
    if not lines:
        return "none of these files holds a line of the functions' log: give what they write, or an export of the log store as JSON"
    known = story.names(lines)
    close = get_close_matches(name, known, _MOST_NAMES) or known[:_MOST_NAMES]
    hint = f"there are {', '.join(close)}" if close else "none of them has a name: LOG_LEVEL=INFO or DEBUG writes more"
    return f"none of {len(lines)} lines is about {name!r}; {hint}"
