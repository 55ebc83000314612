"""HTML in which nothing of anybody else's can stand but text: every text is escaped here, where it becomes HTML."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup, escape

from tests.cloud.page.text import visible

_VOID = frozenset({"input", "link", "meta"})
_LONGEST = 6_000  # characters of one text that are shown


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """Return an element. What is Markup already stays as it is, everything else is text; None is nothing.

    ``class_`` is the attribute ``class`` and ``data_key`` is ``data-key``; True is an attribute without value, None and
    False are none.
    """
    opened = [name, *filter(None, (_attribute(key, value) for key, value in attributes.items()))]
    start = Markup(f"<{' '.join(opened)}>")
    if name in _VOID:
        return start
    return start + Markup("").join(map(text, children)) + Markup(f"</{name}>")


def text(value: Any) -> Markup:
    """Return a value as HTML: Markup as it is, a text escaped and with nothing hidden in it."""
    if isinstance(value, Markup):
        return value
    return escape("" if value is None else visible(_cut(str(value))))


def pretty(value: Any) -> str:
    """Return what a message holds as indented JSON, a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return name if value is True else f'{name}="{text(value)}"'


def _cut(whole: str) -> str:
    left = len(whole) - _LONGEST
    return whole if left <= 0 else f"{whole[:_LONGEST]} … and {left} characters more"
