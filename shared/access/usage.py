"""Who uses an authorization: asked before it is taken back, since nothing says that the gateway refuses to."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.cloud.references import BackendObject, Plugin, References
from shared.model.access import VpcAccess

_ESCAPED = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
"""What YAML and JSON can write in place of a character: https://yaml.org/spec/1.2.2/#57-escaped-characters"""
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")
_PART = r"[\w.-]"  # of a name: team-a-i-1-80 is not in team-a-i-1-8080


class Everybody(NamedTuple):
    """What can refer to any authorization: all backend objects, and all routing plug-ins with the forms of their texts."""

    backends: list[BackendObject]
    plugins: list[tuple[Plugin, Sequence[str]]]


def everybody(references: References) -> Everybody:
    """Look up what can refer to any authorization, for asking about many; raises the errors of ``Session.call``."""
    backends, plugins = references.shared()
    return Everybody(backends, [(plugin, _forms(plugin.data)) for plugin in plugins])


def users(entry: VpcAccess, references: References, all_others: Everybody | None = None) -> list[str]:
    """Return what refers to ``entry``, each in words; empty if everything was read and nothing does.

    Whoever asks for many entries hands over :func:`everybody`; before a removal it is looked up anew. APIs, which come and go
    most often, are looked up last, so that little more than the removal follows.
    Raises the errors of ``Session.call``: what could not be read as a whole may hold a reference.
    """
    backend_objects, routing = all_others or everybody(references)
    keys = {entry.name, entry.vpc_access_id} - {""}
    backends = [
        f"backend object {backend.backend_name} ({backend.backend_id})"
        for backend in backend_objects
        if not keys.isdisjoint(backend.refers_to)
    ]
    plugins = [
        f"routing plug-in {plugin.plugin_name} ({plugin.plugin_id})"
        for plugin, forms in routing
        if any(_names(forms, key) for key in keys)
    ]
    apis = [
        f"API {api.api_name} ({api.api_id})" + (f" in stage {api.stage_name}" if api.stage_name else " as a draft")
        for api in references.apis(entry.name)
        if api.vpc_name in ("", entry.name)
    ]
    return [*apis, *backends, *plugins]


def mentions(text: str, key: str) -> bool:
    """Tell whether a text in JSON or YAML names ``key``, however its characters and its line breaks are written."""
    return _names(_forms(text), key)


def _forms(text: str) -> Sequence[str]:
    """Return a text in each way that it can be read."""
    return [_on_one_line(form) for form in (text, _unescaped(text), text.replace("''", "'"))]


def _names(forms: Sequence[str], key: str) -> bool:
    key = _on_one_line(key)
    wanted = rf"(?<!{_PART}){re.escape(key)}(?!{_PART})"
    return any(key in form and re.search(wanted, form) for form in forms)


def _unescaped(text: str) -> str:
    """Return ``text`` with its escapes replaced by what they stand for; characters beyond U+FFFF may come as two."""

    def character(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        if code is None:
            return _SINGLE.get(found[4], found[4])
        return chr(int(code, 16)) if int(code, 16) <= _LAST else found[0]

    whole: str = json.loads(json.dumps(_ESCAPED.sub(character, _CONTINUED.sub("", text))))
    return whole  # writing and reading it has joined the halves of surrogate pairs


_LAST = 0x10FFFF
_SINGLE = {"n": "\n", "t": "\t", "r": "\r", "_": "\u00a0", "N": "\u0085", "L": "\u2028", "P": "\u2029"}


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
