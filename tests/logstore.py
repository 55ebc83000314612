"""A log store, as far as the template's queries need one: searches by the index, and SQL over what they find.

A search is fields with a word, a phrase, ``*`` or a bound, and ``and``, ``or``, ``not`` and brackets:
https://www.alibabacloud.com/help/en/sls/user-guide/search-syntax. The SQL is SQLite's with the vendor's functions:
https://www.alibabacloud.com/help/en/sls/sql-syntax-and-functions
"""

from __future__ import annotations

import operator
import re
import sqlite3
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import strptime
from typing import Any

from shared.clock import utc

Row = dict[str, Any]
_TYPES: dict[str, Callable[[Any], Any]] = {"text": str, "long": int, "double": float}
_NAME = r"[A-Za-z_][\w.]*"
_TERM = re.compile(
    rf'\s*(?:(?P<sign>[()])|(?P<field>{_NAME})\s*(?P<how>:|>=|<=|>|<)\s*(?P<value>"[^"]*"|[^\s()]+)|(?P<word>\w+))'
)
_BOUNDS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def index_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that an index of the template knows, with their types: those of JSON by their whole path."""
    found = dict[str, str]()
    for key in properties["KeyIndices"]:
        if not key["EnableAnalytics"]:
            raise ValueError(f"{key['Name']} cannot be counted")
        if key["Type"] != "json":
            found[key["Name"]] = key["Type"]
        for inner in key.get("JsonKeyIndices", []):
            found[f"{key['Name']}.{inner['Name']}"] = inner["Type"]
    return found


def written(lines: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return lines of a function as Function Compute stores them."""
    return [{"__time__": timegm(strptime(line["time"], "%Y-%m-%dT%H:%M:%SZ")), "message": dict(line)} for line in lines]


def search_of(query: str) -> str:
    """Return the part of a query that searches."""
    return query.partition(" | ")[0]


def fields_of(query: str) -> set[str]:
    """Return the fields that a query searches or reads; names that it gives itself are none."""
    search, _, sql = query.partition(" | ")
    bare = re.sub(r"'[^']*'", "''", sql)
    given = {name.lower() for name in re.findall(r"\bAS (\w+)", bare)}
    quoted = re.findall(r'"([^"]+)"', bare)
    plain = [
        name for name in re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"]*"', "", bare)) if name.lower() not in _SQL | given
    ]
    return {found["field"] for found in _TERM.finditer(search) if found["field"]} | {*quoted, *plain} - {"__time__"}


def values_of(query: str) -> set[tuple[str, str]]:
    """Return the fields that a query compares with a text, each with the text."""
    search, _, sql = query.partition(" | ")
    searched = {(found["field"], found["value"].strip('"')) for found in _TERM.finditer(search) if found["how"] == ":"}
    return searched | set(re.findall(r'"?([\w.]+)"? = \'([^\']*)\'', sql))


_SQL = frozenset(
    re.findall(
        r"\w+",
        "select as from log where group by order limit and or not desc asc distinct having "
        "count count_if sum max min coalesce date_trunc from_unixtime approx_percentile",
    )
)
"""Words of SQL that are no names of fields."""


class LogStore:
    """What was stored, and what is found of it."""

    def __init__(self, index: Mapping[str, str], stored: Sequence[Row]) -> None:
        self._index = index
        self._rows = [self._flat(row) for row in stored]

    def find(self, query: str) -> list[Row]:
        """Return what a query's search finds, by whole paths; raises ValueError for a field that has no index."""
        unknown = fields_of(query) - self._index.keys()
        if unknown:
            raise ValueError(f"no index for {', '.join(sorted(unknown))}")
        return [row for row in self._rows if _Search(search_of(query)).fits(row)]

    def ask(self, query: str) -> list[Row]:
        """Return the rows that a query with SQL gives; raises ValueError, and the errors of SQLite."""
        connection = sqlite3.connect(":memory:")
        connection.row_factory = sqlite3.Row
        columns = ["__time__", *self._index]
        connection.execute(f"CREATE TABLE log ({', '.join(f'{_quoted(name)} ANY' for name in columns)})")
        places = ", ".join("?" * len(columns))
        found = ([row.get(name) for name in columns] for row in self.find(query))
        connection.executemany(f"INSERT INTO log VALUES ({places})", found)
        connection.create_function("date_trunc", 2, lambda unit, time: time - time % {"hour": 3600}[unit])
        connection.create_function("from_unixtime", 1, utc)
        connection.create_aggregate("count_if", 1, _CountIf)
        connection.create_aggregate("approx_percentile", 2, _Percentile)
        try:
            return [dict(row) for row in connection.execute(query.partition(" | ")[2])]
        finally:
            connection.close()

    def _flat(self, row: Row) -> Row:
        message = row.get("message", {})
        whole = {**row, **{f"message.{name}": value for name, value in message.items()}}
        return {
            name: whole[name] if name == "__time__" else _TYPES[self._index[name]](whole[name])
            for name in ("__time__", *self._index)
            if name in whole
        }


class _Search:
    """A search, read anew for each row."""

    def __init__(self, text: str) -> None:
        self._terms = [found for found in _TERM.finditer(text) if found[0].strip()]
        if "".join(found[0] for found in self._terms).split() != text.split():
            raise ValueError(f"not understood: {text}")
        self._at = 0

    def fits(self, row: Row) -> bool:
        fits = self._either(row)
        if self._at != len(self._terms):
            raise ValueError(f"not understood from {self._terms[self._at][0]!r} on")
        return fits

    def _either(self, row: Row) -> bool:
        return any([self._both(row), *self._more("or", self._both, row)])

    def _both(self, row: Row) -> bool:
        return all([self._one(row), *self._more("and", self._one, row)])

    def _more(self, word: str, read: Callable[[Row], bool], row: Row) -> Iterator[bool]:
        while self._at < len(self._terms) and self._terms[self._at]["word"] == word:
            self._at += 1
            yield read(row)

    def _one(self, row: Row) -> bool:
        term = self._terms[self._at]
        self._at += 1
        if term["word"] == "not":
            return not self._one(row)
        if term["sign"] == "(":
            fits = self._either(row)
            self._at += 1
            return fits
        return _fits(row.get(term["field"]), term["how"], term["value"])


def _fits(value: Any, how: str, wanted: str) -> bool:
    """Tell whether a field has the words that are wanted, or keeps the bound."""
    if value is None or wanted == "*":
        return value is not None
    if how != ":":
        return _BOUNDS[how](value, float(wanted))
    return _words(wanted) <= _words(value)


def _words(text: Any) -> set[str]:
    return {word.lower() for word in re.split(r"[^\w-]+", str(text)) if word}


def _quoted(name: str) -> str:
    return f'"{name}"'


class _CountIf:
    def __init__(self) -> None:
        self._count = 0

    def step(self, holds: object) -> None:
        self._count += bool(holds)

    def finalize(self) -> int:
        return self._count


class _Percentile:
    def __init__(self) -> None:
        self._values, self._share = list[float](), 0.0

    def step(self, *given: Any) -> None:
        value, share = given
        self._share = share
        if value is not None:
            self._values.append(value)

    def finalize(self) -> Any:
        ordered = sorted(self._values)
        return ordered[int(self._share * (len(ordered) - 1))] if ordered else None
