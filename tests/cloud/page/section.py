"""A part of the page: a table or a list whose rows come and go while somebody looks at them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from markupsafe import Markup

from tests.cloud.page.markup import pretty, tag, text

_TONES = {
    "good": ("authorized", "replaced", "released", "Running", "active", "completed"),
    "warn": ("refused", "kept", "Stopped", "Stopping", "Pending", "Starting", "held back", "inactive"),
    "bad": ("rejected", "failed", "gone"),
}
_TONE = {word: tone for tone, words in _TONES.items() for word in words}


@dataclass(frozen=True)
class Row:
    """A row with the key that it keeps; its cells are the columns of a table, or the one of a list."""

    key: str
    cells: tuple[Any, ...]


@dataclass(frozen=True)
class Section:
    """A part with its heading. ``columns`` are a table's; a list has none. ``about`` is a sentence below the heading."""

    id: str
    title: str
    empty: str
    columns: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    about: str = ""
    more: int = 0  # rows that are not shown

    def live(self) -> dict[str, Any]:
        """Return what changes: the count, and each row with its key and a mark of how it looks."""
        rows = [self._row(row.key, self._cells(row)) for row in self.rows] or [
            self._row("", self._nothing(), "nothing")
        ]
        return {"count": str(len(self.rows) + self.more), "rows": rows}

    def html(self, *tools: Markup) -> Markup:
        """Return the whole part as it is now; ``tools`` stand below the heading."""
        live, title = self.live(), f"{self.id}-title"
        return tag(
            "section",
            tag("h2", self.title, tag("span", live["count"], class_="count", data_count=self.id), id=title),
            tag("p", self.about, class_="about") if self.about else None,
            *tools,
            tag("div", self._body(live["rows"]), class_="scroll", tabindex="0", role="region", aria_labelledby=title),
            id=self.id,
            class_="card",
            aria_labelledby=title,
        )

    def _body(self, rows: list[tuple[str, str, Markup]]) -> Markup:
        inside = [html for _, _, html in rows]
        if not self.columns:
            return tag("ul", *inside, class_="rows", data_rows=self.id)
        head = tag("tr", *(tag("th", name, scope="col", role="columnheader") for name in self.columns), role="row")
        body = tag("tbody", *inside, data_rows=self.id, role="rowgroup")
        return tag("table", tag("thead", head, role="rowgroup"), body, role="table")

    def _row(self, key: str, inside: Markup, kind: str | None = None) -> tuple[str, str, Markup]:
        mark = format(zlib.crc32(inside.encode()), "x")
        marks: dict[str, Any] = {"data_key": key, "data_mark": mark, "class_": kind}
        whole = tag("tr", inside, role="row", **marks) if self.columns else tag("li", inside, **marks)
        return key, mark, whole

    def _cells(self, row: Row) -> Markup:
        if not self.columns:
            return Markup("").join(map(text, row.cells))
        cells = zip(self.columns, row.cells, strict=True)
        return Markup("").join(tag("td", cell, data_label=name, role="cell") for name, cell in cells)

    def _nothing(self) -> Markup:
        return tag("td", self.empty, colspan=len(self.columns), role="cell") if self.columns else text(self.empty)


def badge(word: str, tone: str = "", times: int = 1) -> Markup:
    """Return a word with the colour of what it means, and how many times it was so."""
    return tag("span", word, f" {times}" if times > 1 else None, class_=f"badge {tone or _TONE.get(word, 'plain')}")


def code(value: Any) -> Markup:
    """Return an id, a name or a number in the letters of code."""
    return tag("code", value)


def small(*values: Any) -> Markup:
    """Return what stands below the rest, and is less important."""
    return tag("span", *values, class_="small")


def details(summary: Any, *inside: Any) -> Markup:
    """Return something that opens."""
    return tag("details", tag("summary", summary), *inside)


def document(value: Any) -> Markup:
    """Return what a message holds, laid out."""
    return tag("pre", pretty(value), tabindex="0")


def clock(seconds: float) -> Markup:
    """Return a time of the day, in UTC."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return tag("time", moment.strftime("%H:%M:%S"), datetime=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def span(seconds: float) -> str:
    """Return a span of time in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
