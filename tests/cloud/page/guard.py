"""Who may speak to the control surface: programs of this machine, and the page itself, by a loopback address.

A page of somebody else's that is open in the same browser is neither. It has another ``Origin``; and if its own name was
made to lead here (DNS rebinding), it has another ``Host``. https://owasp.org/www-community/attacks/DNS_Rebinding
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from werkzeug.wrappers import Request, Response

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer: a page may use its own files and nothing else, and nothing in it is a script that is not one of them."""


def problem(request: Request) -> str:
    """Return why a request is refused, "" if it is not."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not _is_loopback(host):
        return f"the stand-in is not called {host!r}: use the address that it printed, such as http://127.0.0.1:8899/_cloud/"
    if origin not in {None, f"http://{host}"}:
        return f"a page of {origin} may not ask the stand-in: open http://{host}/_cloud/ itself"
    return ""


def guarded(response: Response) -> Response:
    """Return an answer with the headers of every one."""
    response.headers.update(HEADERS)
    return response


def _is_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
