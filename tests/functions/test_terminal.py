"""What the operator's commands show: tables that cut nothing at any width, styles, and signs of life."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from click.testing import CliRunner
from rich.console import Console

from functions.__main__ import main
from functions._operator import terminal
from tests.patience import until

NAMES = ("outcome", "name", "target", "VpcAccessId", "source", "why")
TARGETS = ("i-bp67acfmxazb4ph8xyzw:8080 in vpc-bp1aevy8sofi8mh1q5k8n", "172.16.0.3:8443 in vpc-bp1example0001")
IDS = ("f756933ddbb9fb52face040e75371401", "")
WHY = "PortNotAllowed: port 22 of i-bp67acfmxazb4ph8xyzw is not allowed (https://www.alibabacloud.com/help/en/api-gateway)"
ROWS = (
    ("authorized", "orders-prod", TARGETS[0], IDS[0], "smq-queue", ""),
    ("refused", "größe-prod", TARGETS[1], IDS[1], "eventbridge/ecs", WHY),
)
LONGEST = len(f"    target {TARGETS[0]}")


def shown(width: int, rows: tuple[tuple[str, ...], ...] = ROWS) -> str:
    """Return the table as a console of that width shows it."""
    out = StringIO()
    terminal.show_table(Console(file=out, width=width, color_system=None), NAMES, rows, ["green"] * len(rows))
    return out.getvalue()


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 100, 120, 160, 200, 400])
def test_nothing_is_cut_at_any_width(width: int) -> None:
    """Whatever the width, each target and id is whole in one line, and every word of the reason is there."""
    table = shown(width)
    for text in (*TARGETS, IDS[0], "orders-prod", "größe-prod", "smq-queue", "eventbridge/ecs"):
        assert text in table
    assert WHY in " ".join(table.split())
    assert "…" not in table


@pytest.mark.parametrize("width", [LONGEST, 79, 80, 100, 120, 160, 200])
def test_lines_keep_to_the_width(width: int) -> None:
    """No line is longer than the console where the longest target fits into it."""
    assert max(map(len, shown(width).splitlines())) <= width


def test_columns_fold_by_priority() -> None:
    """What fits stands beside the outcome in the order of its importance; the rest is below, under its name."""
    heads = [shown(width).splitlines()[0].split() for width in (60, 80, 90, 130, 200)]
    assert heads == [list(NAMES[:2]), list(NAMES[:2]), list(NAMES[:3]), list(NAMES[:4]), list(NAMES)]
    assert f"    target {TARGETS[0]}\n    VpcAccessId {IDS[0]}  source smq-queue\n" in shown(80)


def test_a_column_without_text_takes_no_room() -> None:
    """Where no record has an id, there is no column for it."""
    assert "VpcAccessId" not in shown(200, ROWS[1:])


def test_text_of_others_cannot_control_the_terminal() -> None:
    """Escape sequences and marks that turn the direction of text are shown as dots; a line stays one line."""
    table = shown(200, (("refused", "a\x1b[2J\u202eb\u009bc", "x\ny", "", "", ""),))
    assert "a·[2J·b·c" in table
    assert "x y" in table
    assert len(table.splitlines()) == 2


@pytest.mark.parametrize(
    ("outcome", "reason", "cells", "color"),
    [
        pytest.param("planned", "refuse: PortNotAllowed", ["planned refuse", "PortNotAllowed: why"], "31", id="refuse"),
        pytest.param("planned", "refused: NameTaken", ["planned refused", "NameTaken: why"], "31", id="by-a-sweep"),
        pytest.param("planned", "create", ["planned create", "why"], "36", id="create"),
        pytest.param("planned", "name: Stopped", ["planned name", "Stopped: why"], "36", id="name"),
        pytest.param("planned", "", ["planned", "why"], "36", id="no-word"),
        pytest.param("refused", "refuse: odd", ["refused", "refuse: odd: why"], "31", id="not-planned"),
    ],
)
def test_a_dry_run_shows_at_a_glance_what_would_be_refused(
    outcome: str, reason: str, cells: list[str], color: str
) -> None:
    """The word of the plan stands beside the outcome, and what would be refused has the colour of what is."""
    out = StringIO()
    to = Console(file=out, width=200, color_system="standard", force_terminal=True, no_color=False)
    terminal.show_results([{"outcome": outcome, "reason": reason, "text": "why"}], to)
    row = out.getvalue().splitlines()[1]

    assert row.startswith(f"\x1b[{color}m")
    assert re.split(r" {2,}", re.sub(r"\x1b\[[0-9;]*m", "", row).strip()) == cells


@pytest.mark.parametrize(
    ("columns", "folded"),
    [
        pytest.param("80", True, id="80"),
        pytest.param("250", False, id="250"),
        pytest.param("", False, id="not-told"),
    ],
)
def test_a_pipe_follows_columns(monkeypatch: pytest.MonkeyPatch, columns: str, folded: bool) -> None:
    """Output that goes into a pipe is as wide as COLUMNS says, and wide where nobody said anything."""
    monkeypatch.setenv("COLUMNS", columns)
    assert (terminal.console().width == 80) == folded
    assert terminal.console().width >= 80


@pytest.mark.parametrize(
    ("patience", "quiet", "said"),
    [
        pytest.param(0.0, False, "building …\n", id="long"),
        pytest.param(60.0, False, "", id="fast"),
        pytest.param(0.0, True, "", id="for-programs"),
    ],
)
def test_silence_has_an_end(capsys: pytest.CaptureFixture[str], patience: float, said: str, *, quiet: bool) -> None:
    """Without a terminal, what takes long is told once, in one plain line on standard error; what is fast says nothing."""
    seen: list[str] = []

    def look() -> bool:
        seen.append(capsys.readouterr().err)
        return "".join(seen) == said

    with terminal.waiting("building", patience, quiet=quiet):
        assert until(look)
    assert "".join([*seen, capsys.readouterr().err]) == said


@pytest.mark.parametrize(
    ("no_color", "styled"), [pytest.param("", True, id="colour"), pytest.param("1", False, id="NO_COLOR")]
)
def test_no_command_styles_against_the_users_wish(no_color: str, *, styled: bool) -> None:
    """What is printed without a table follows NO_COLOR, too."""
    done = CliRunner().invoke(main, ["doctor"], env={"NO_COLOR": no_color}, color=True)
    assert "problem" in done.stdout
    assert ("\x1b[" in done.stdout) == styled
