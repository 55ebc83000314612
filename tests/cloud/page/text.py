"""Text of others, made harmless to look at: what is invisible, or turns the direction of writing, is written out."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset(
    {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
)  # controls, marks, halves of surrogate pairs, ends of a line
_KEPT = "\n\t"


def visible(text: str) -> str:
    """Return a text in which nothing is hidden: ``U+202E`` in place of a mark that turns the text around."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written(each) for each in text)


def _written(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x1_0000 else f"\\U{code:08x}"
