"""Odd answers: the status says success, and the body has no form that the operation's page knows.

Each form changes the answer of an operation that was done. An answer without what the form changes (no list, no such
key) stays as it is, and the rule did not fire. JSON answers take every form, XML answers (SMQ's, and the RPC
gateway's where they were asked for) those that are marked.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import SubElement, tostring

from defusedxml.ElementTree import fromstring

from tests.cloud import paging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Response

    Change = Callable[[Any, Any], Any]  # (the value at a place, its key or None) -> the value to put there

KEYED = frozenset({"missing-key", "null-key"})  # these take the name of a key, wherever it stands
_BOTH = frozenset({"empty-object", "error-object", *KEYED})  # JSON and XML
_ERROR = {"Code": "ServiceUnavailable", "Message": "The request has failed due to a temporary failure of the server."}
_HUGE = '"1e400 without quotes"'  # a number of this size cannot be written by json.dumps
_GONE = object()


def _each(value: Any, change: Change, key: Any = None) -> Any:
    """Return ``value`` with ``change`` made at every place, from the inside out; _GONE takes a key away."""
    if isinstance(value, dict):
        inner = {name: _each(item, change, name) for name, item in value.items()}
        value = {name: item for name, item in inner.items() if item is not _GONE}
    elif isinstance(value, list):
        value = [_each(item, change) for item in value]
    return change(value, key)


def _lists(make: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    return lambda body: _each(body, lambda value, _key: make(value) if isinstance(value, list) else value)


def _wrappers(make: Callable[[], Any]) -> Callable[[Any], Any]:
    """Change the objects that hold nothing but a list, in the gateway's old XML way."""

    def change(value: Any, _key: Any) -> Any:
        wraps = isinstance(value, dict) and [type(item) for item in value.values()] == [list]
        return make() if wraps else value

    return lambda body: _each(body, change)


def _numbers(number: Any) -> Callable[[Any], Any]:
    def change(value: Any, _key: Any) -> Any:
        return number if isinstance(value, int) and not isinstance(value, bool) else value

    return lambda body: _each(body, change)


def _counted(body: Any) -> Any:
    return {**_lists(lambda _: [])(body), "TotalCount": 40} if "TotalCount" in body else body


# What each form makes of a parsed answer, which is an object.
_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "empty-object": lambda _: {},
    "error-object": lambda body: {"RequestId": body.get("RequestId", ""), **_ERROR},
    "only-request-id": lambda body: {name: value for name, value in body.items() if name == "RequestId"},
    "null": lambda _: None,
    "list": lambda _: [],
    "text": lambda _: "ok",
    "null-list": _lists(lambda _: None),
    "no-list": _wrappers(dict),
    "null-wrapper": _wrappers(lambda: None),
    "null-items": _lists(lambda items: [None] * max(1, len(items))),
    "empty-items": _lists(lambda items: [{}] * max(1, len(items))),
    "counted-empty": _counted,
    "endless": lambda body: {**body, "NextToken": paging.token(0, 1)} if "NextToken" in body else body,
    "infinite-numbers": _numbers(math.inf),
    "huge-numbers": _numbers(json.loads(_HUGE)),
    "half-surrogates": lambda body: _each(body, lambda value, _: f"{value}\ud83d" if isinstance(value, str) else value),
}
FORMS = (*_FORMS, *sorted(KEYED))


def spoil(response: Response, form: str, key: str) -> bool:
    """Give a successful answer an odd form; False, and nothing changed, where the form does not fit the answer."""
    if not 200 <= response.status_code < 300:
        return False
    text = response.get_data()
    odd = _xml(text, form, key) if "xml" in response.content_type else _json(text, form, key)
    if odd in {None, text}:
        return False
    response.set_data(odd)
    return True


def _json(text: bytes, form: str, key: str) -> bytes | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    odd = _keyed(body, form, key) if form in KEYED else _FORMS[form](body)
    if odd == body:
        return None
    return json.dumps(odd, separators=(",", ":")).replace(_HUGE, "1e400").encode()


def _keyed(body: Any, form: str, key: str) -> Any:
    instead = _GONE if form == "missing-key" else None
    return _each(body, lambda value, name: instead if name == key else value)


def _xml(text: bytes, form: str, key: str) -> bytes | None:
    if form not in _BOTH or not text:
        return None
    root = fromstring(text)
    space = root.tag[: root.tag.find("}") + 1]  # "{namespace}", or nothing
    if form in KEYED:
        found = [(parent, child) for parent in root.iter() for child in parent if child.tag == f"{space}{key}"]
        if not found:
            return None
        for parent, child in found:
            if form == "missing-key":
                parent.remove(child)
            else:
                child.clear()
    else:
        root.clear()
    if form == "error-object":
        root.tag = f"{space}Error"
        for name, value in _ERROR.items():
            SubElement(root, f"{space}{name}").text = value
    return bytes(tostring(root, "utf-8", default_namespace=space.strip("{}") or None))
