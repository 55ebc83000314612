"""Reading single fields of somebody else's JSON without trusting their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.events.text import MAX_MESSAGE_BYTES, read_json

MAX_TEXT_CHARS = (
    256  # characters of an id or name of theirs; longer ones are not ids and must not fill logs and results
)


def is_short_text(value: Any) -> bool:
    """Tell whether ``value`` is text of a length that an id or a name can have."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARS


def are_short_texts(value: Mapping[str, Any], *keys: str) -> bool:
    """Tell whether all of these fields are words."""
    return all(is_short_text(value.get(key)) for key in keys)


def text_of(value: Any, *path: str) -> str:
    """Return the text at ``path`` inside nested objects, "" if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and is_short_text(value) else ""


def texts_of(value: Any, *path: str) -> list[str] | None:
    """Return the distinct words of the list at ``path``, None if there is no list or something else is in it."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(value, list) or not all(is_short_text(item) for item in value):
        return None
    return list(dict.fromkeys(value))


def object_of(value: Any) -> Mapping[str, Any] | None:
    """Return an object that may stand as its JSON text, None if it is neither."""
    if isinstance(value, str) and len(value) <= MAX_MESSAGE_BYTES:
        try:
            value = read_json(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


def shown(text: str, most: int) -> str:
    """Return the beginning of ``text`` for a sentence of ours: one emoji in it would make that four times as large."""
    text = text[:most]
    return text if max(text, default="") <= "\uffff" else text.encode("ascii", "replace").decode()
