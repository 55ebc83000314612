"""``README.zh-CN.md`` keeps step with the English pages: the same settings, reasons and commands, and nothing besides."""

from __future__ import annotations

import re

import pytest

from tests.readme import block, read

CHINESE, ENGLISH, OPERATING = (read(page) for page in ("README.zh-CN.md", "README.md", "functions/README.md"))
WORDS = {"required": "必填", "none": "无", "derived": "自动推导"}  # of the column of defaults
MEND = "README.zh-CN.md is a translation: change it, too"


def tables(page: str) -> list[list[list[str]]]:
    """Return the tables of a page, each as its rows below the heading, each row as its cells."""
    found = re.findall(r"(?m)^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n)+)", page)
    return [[[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()] for table in found]


def section(page: str, heading: str) -> str:
    """Return a section of a page, without its heading."""
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def code(text: str) -> list[str]:
    """Return what stands in a text as code."""
    return sorted(set(re.findall(r"`([^`]+)`", text)))


def commands(page: str) -> list[str]:
    """Return the commands that a page shows, without what it says about them."""
    shown = "".join(re.findall(r"```console\n(.*?)```", page, re.DOTALL))
    return [line.partition("  #")[0].strip() for line in shown.splitlines() if line.startswith("$ ")]


def test_every_setting_is_translated() -> None:
    """Both tables have the same settings with the same defaults, in one order; each has a meaning in Chinese."""
    (english,), (chinese,) = tables(f"{block('settings')}\n"), tables(section(CHINESE, "设置项"))

    assert [row[:2] for row in chinese] == [[name, WORDS.get(default, default)] for name, default, _ in english], MEND
    assert [row[0] for row in chinese if row[0] != "`LOG_LEVEL`" and not re.search(r"[\u4e00-\u9fff]", row[2])] == [
        "`SMQ_ENDPOINT`"
    ], "a list or a URL alone needs no translation, everything else does"


@pytest.mark.parametrize("number", range(4), ids=["refused", "names", "kept", "sweep"])
def test_every_reason_is_translated(number: int) -> None:
    """Each table of reasons has the same rows in one order, and each cell names the same codes, settings and commands."""
    english, chinese = (
        tables(section(page, heading))[number]
        for page, heading in ((OPERATING, "Reasons"), (CHINESE, "拒绝或保留的原因"))
    )

    assert [[code(cell) for cell in row] for row in chinese] == [[code(cell) for cell in row] for row in english], MEND
    assert all(re.search(r"[\u4e00-\u9fff]", cell) for row in chinese for cell in row[1:])


def test_there_are_no_further_reasons() -> None:
    """All tables of reasons are translated, not only those that were there when the page was written."""
    assert len(tables(section(CHINESE, "拒绝或保留的原因"))) == len(tables(section(OPERATING, "Reasons"))), MEND


def test_the_first_commands_are_the_same() -> None:
    """Who reads Chinese types what others type in the first minute."""
    assert commands(section(CHINESE, "60 秒上手")) == commands(section(ENGLISH, "60 seconds")), MEND


def test_the_pages_lead_to_each_other() -> None:
    """Either page names the other one in its first lines."""
    assert "](README.zh-CN.md)" in "\n".join(ENGLISH.splitlines()[:5])
    assert "](README.md)" in "\n".join(CHINESE.splitlines()[:5])
