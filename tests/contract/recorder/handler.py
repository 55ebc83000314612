"""Write the shape of an event into the log: known names of fields, kinds of values, no value."""

import json
from base64 import b64decode

NAMES = ""


def shape(value: object, known: frozenset[str], depth: int = 0) -> object:
    """Return known names, and kinds; of a list its first item."""
    if depth > 20:
        return "…"
    if isinstance(value, dict):
        return {key if key in known else "…": shape(inner, known, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner, known, depth + 1) for inner in value[:1]]
    if not isinstance(value, str):
        return type(value).__name__
    for kind in ("json", "base64"):
        try:
            inner = json.loads(value if kind == "json" else b64decode(value, validate=True))
        except (ValueError, RecursionError):
            continue
        if isinstance(inner, (dict, list)):
            return {kind: shape(inner, known, depth + 1)}
    return "str"


def handler(event: bytes, context: object) -> str:  # noqa: ARG001 - as Function Compute calls it
    """Log the shape of an event."""
    try:
        seen = shape(json.loads(event), frozenset(NAMES.split()))
    except (ValueError, RecursionError):
        seen = "no JSON"
    print(json.dumps({"recorded": seen}, ensure_ascii=False))
    return ""
