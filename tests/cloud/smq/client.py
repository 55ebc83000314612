"""A second, independent client for tests: a request, signed by hand, through a WSGI application.

It shares nothing with the verifier or with the product under test, and it can send what no SDK would:
every part of the request may be replaced after signing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import fromstring

from werkzeug.test import Client

from tests.cloud.core import CloudClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from _typeshed.wsgi import WSGIApplication

    from tests.cloud.core import Credential

_NS = "{http://mns.aliyuncs.com/doc/v1/}"


class Reply(NamedTuple):
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def field(self, name: str) -> str:
        """Return the text of the first element of that name."""
        found = fromstring(self.body).find(f".//{_NS}{name}")
        assert found is not None, f"no <{name}> in {self.body!r}"
        return found.text or ""

    def all(self, name: str) -> list[str]:
        """Return the texts of all elements of that name."""
        return [element.text or "" for element in fromstring(self.body).iter(_NS + name)]

    @property
    def refusal(self) -> tuple[int, str]:
        """Return status and code of an error answer."""
        return self.status, self.field("Code")


def sign(secret: str, lines: Iterable[str]) -> str:
    """Return the signature over the joined lines."""
    digest = hmac.new(secret.encode("utf-8"), "\n".join(lines).encode("utf-8"), "sha1").digest()
    return base64.standard_b64encode(digest).decode("ascii")


class SmqClient:
    """Sends signed requests; ``clock`` gives the Date."""

    def __init__(self, app: WSGIApplication, credential: Credential, clock: CloudClock) -> None:
        self._http, self.credential, self.clock = Client(app), credential, clock

    def __call__(
        self,
        method: str,
        target: str,
        body: str = "",
        *,
        headers: Mapping[str, str | None] | None = None,
        after: Mapping[str, str | None] | None = None,
        send: tuple[str, str, str] | None = None,
    ) -> Reply:
        """Sign and send.

        ``headers`` are signed with the rest; ``after`` replaces headers and ``send`` method, target and
        body when the signature is already made. None removes a header.
        """
        sent = {"Date": formatdate(self.clock.now(), usegmt=True), "x-mns-version": "2015-06-06"}
        if body:
            md5 = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
            sent |= {"Content-Type": "text/xml;charset=UTF-8", "Content-MD5": md5}
        sent = _merged(sent, headers or {})
        sent["Authorization"] = self._authorization(method, target, sent)
        if self.credential.security_token:
            sent["security-token"] = self.credential.security_token
        sent = _merged(sent, after or {})
        method, target, body = send or (method, target, body)
        response = self._http.open(target, method=method, headers=sent, data=body.encode())
        return Reply(response.status_code, dict(response.headers), response.data)

    def _authorization(self, method: str, target: str, headers: Mapping[str, str]) -> str:
        low = {name.lower(): value for name, value in headers.items()}
        own = [f"{name}:{low[name]}" for name in sorted(low) if name[:6] == "x-mns-"]
        date = low.get("x-mns-date") or low.get("date", "")
        lines = [method, low.get("content-md5", ""), low.get("content-type", ""), date, *own, target]
        return f"MNS {self.credential.access_key_id}:{sign(self.credential.access_key_secret, lines)}"


def _merged(headers: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**headers, **changes}.items() if value is not None}


def xml(root: str, inner: str = "", namespace: str = "http://mns.aliyuncs.com/doc/v1/") -> str:
    """Return a request document."""
    return f'<?xml version="1.0" encoding="utf-8"?><{root} xmlns="{namespace}">{inner}</{root}>'


class SeenWaiting(CloudClock):
    """A real clock that tells when somebody has begun to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = threading.Event()

    def wait(self, condition: threading.Condition, seconds: float) -> bool:
        self.waiting.set()
        return condition.wait(seconds)
