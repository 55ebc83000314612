"""The paths of Function Compute 2.0 and 3.0 and of HTTP triggers, and the operations behind them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

V2, V3, HTTP = "/2016-08-15/", "/2023-03-30/", "/http/"
_SERVICE = r"/2016-08-15/services/(?P<service>[^/.]+)"
_QUALIFIER = r"(\.(?P<qualifier>[^/]+))?"
_V2_FUNCTION, _V3_FUNCTION = r"(?P<function>[^/]+)", r"/2023-03-30/functions/(?P<function3>[^/]+)"
_PROXY = rf"/2016-08-15/proxy/(?P<service>[^/.]+){_QUALIFIER}/{_V2_FUNCTION}(?P<path>/.*)?"
_ANY = "GET POST PUT DELETE HEAD PATCH OPTIONS"
_FUNCTION = rf"{_SERVICE}/functions/{_V2_FUNCTION}|{_V3_FUNCTION}"
_ROUTES = [
    (
        "InvokeFunction",
        "POST",
        rf"{_SERVICE}{_QUALIFIER}/functions/{_V2_FUNCTION}/invocations|{_V3_FUNCTION}/invocations",
    ),
    (
        "HttpTrigger",
        _ANY,
        rf"{_PROXY}|/http/(?P<function3>[^/]+)(?P<path3>/.*)?",
    ),
    ("CreateService", "POST", "/2016-08-15/services"),
    ("GetService", "GET", _SERVICE),
    ("DeleteService", "DELETE", _SERVICE),
    ("CreateFunction", "POST", rf"{_SERVICE}/functions|/2023-03-30/functions"),
    ("GetFunction", "GET", _FUNCTION),
    ("DeleteFunction", "DELETE", _FUNCTION),
]
_COMPILED = [(operation, methods.split(), re.compile(pattern)) for operation, methods, pattern in _ROUTES]
OPERATIONS = frozenset(operation for operation, _, _ in _ROUTES)


class Route(NamedTuple):
    """What method and path name; ``service`` is "" in FC 3.0."""

    operation: str
    service: str
    function: str
    qualifier: str
    path: str

    @property
    def key(self) -> str:
        """The function's name in FC 3.0."""
        return f"{self.service}${self.function}" if self.service else self.function


def route(request: Request) -> Route | None:
    """Return what the request names, None if nothing we know."""
    for operation, methods, pattern in _COMPILED:
        found = pattern.fullmatch(request.path)
        if found and request.method in methods:
            part = {name.removesuffix("3"): unquote(value) for name, value in found.groupdict().items() if value}
            qualifier = part.get("qualifier") or request.args.get("qualifier", "LATEST")
            service, function = part.get("service", ""), part.get("function", "")
            return Route(operation, service, function, qualifier, part.get("path", "/"))
    return None
