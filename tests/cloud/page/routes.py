"""What a browser asks for: the page and its files, what changes in it, an event to edit, how far a sent one has come."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from tests.cloud.page import frame, happenings, sending
from tests.cloud.page.doing import start_new, tag_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Request

    from tests.cloud.app import Cloud

_FILES = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}


def routes(cloud: Cloud) -> dict[tuple[str, str], Callable[[Any], Any]]:
    """Return the routes that answer JSON, as those of `control` do."""
    return {
        ("GET", "page/live"): lambda _body: frame.live(cloud),
        ("POST", "page/event"): lambda body: _event(cloud, body["file"]),
        ("POST", "page/way"): lambda sent: _way(cloud, sent),
        ("POST", "page/instance"): lambda body: start_new(cloud, body["vpc"], body["port"], body["name"]),
        ("POST", "page/tag"): lambda body: tag_with(cloud, body["instanceId"], body["port"], body["name"]),
    }


def file(cloud: Cloud, request: Request) -> Response | None:
    """Return the page or one of its files, None if a request is for none of them."""
    name = request.path.removeprefix("/_cloud/")
    if request.method != "GET":
        return None
    if not name:
        return Response(str(frame.page(cloud)), content_type="text/html; charset=utf-8")
    if name not in _FILES:
        return None
    return Response(Path(__file__).with_name(name).read_bytes(), content_type=_FILES[name])


def _event(cloud: Cloud, name: str) -> dict[str, Any]:
    """Return one of the event files; ``text`` is None for one that is no text, which is sent as it is.

    ``to`` is its usual way, "" where nothing is there that takes it.
    """
    event, to = frame.files()[name].read_bytes(), ""
    with suppress(ValueError):
        to = sending.usual(cloud, event, name)
    try:
        return {"text": event.decode("utf-8"), "to": to}
    except UnicodeDecodeError:
        return {"text": None, "to": to, "base64": base64.b64encode(event).decode()}


def _way(cloud: Cloud, sent: dict[str, Any]) -> dict[str, Any]:
    went = sending.way(cloud, sent["id"], sent["at"])
    return {"html": happenings.way(sent, went), "done": bool(went["invocations"]) or sent.get("rules") == []}


def dumped(body: Any) -> str:
    """Return JSON in ASCII: half of a surrogate pair, which no UTF-8 holds, stands in it as an escape."""
    return json.dumps(body, default=sorted)
