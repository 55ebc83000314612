"""Who uses an authorization: asked before it is taken back, since nothing says that the gateway refuses to."""

from __future__ import annotations

import json
import re

from shared.cloud.references import References, Shared
from shared.model.access import VpcAccess

_ESCAPED = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
"""What YAML and JSON can write in place of a character: https://yaml.org/spec/1.2.2/#57-escaped-characters"""
_CONTINUED = re.compile(r"\\\r?\n[ \t]*")
_PART = r"[\w.-]"  # of a name: team-a-i-1-80 is not in team-a-i-1-8080


def users(entry: VpcAccess, references: References, shared: Shared | None = None) -> list[str]:
    """Return what refers to ``entry``, each in words; empty if everything was read and nothing does.

    Whoever asks for many entries hands over what is ``shared``; before a removal it is looked up anew. APIs, which come and
    go most often, are looked up last, so that little more than the removal follows. Raises the errors of ``Session.call``: what
    could not be read as a whole may hold a reference.
    """
    backend_objects, routing = shared or references.shared()
    keys = {entry.name, entry.vpc_access_id} - {""}
    backends = [
        f"backend object {backend.backend_name} ({backend.backend_id})"
        for backend in backend_objects
        if not keys.isdisjoint(backend.refers_to)
    ]
    plugins = [
        f"routing plug-in {plugin.plugin_name} ({plugin.plugin_id})"
        for plugin in routing
        if any(mentions(plugin.data, key) for key in keys)
    ]
    apis = [
        f"API {api.api_name} ({api.api_id})" + (f" in stage {api.stage_name}" if api.stage_name else " as a draft")
        for api in references.apis(entry.name)
        if api.vpc_name in ("", entry.name)
    ]
    return [*apis, *backends, *plugins]


def mentions(text: str, key: str) -> bool:
    """Tell whether a text in JSON or YAML names ``key``, however its characters and its line breaks are written."""
    wanted = rf"(?<!{_PART}){re.escape(_on_one_line(key))}(?!{_PART})"
    return any(re.search(wanted, _on_one_line(form)) for form in (text, _unescaped(text), text.replace("''", "'")))


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
