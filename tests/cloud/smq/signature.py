"""Verification of ``Authorization: MNS {AccessKeyId}:{signature}`` (HMAC-SHA1, "V2" in the SDKs).

Written from https://help.aliyun.com/document_detail/27487.htm and the vendor's vectors (``UnitTest.java`` of
https://github.com/aliyun/alibabacloud-gateway) alone, so that it can disagree with the signer under test.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tests.cloud.smq.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from werkzeug.wrappers import Request

    from tests.cloud.core import Credential, World

VERSION = "2015-06-06"
_WINDOW = 15 * 60  # seconds a Date may be off, either way


def string_to_sign(method: str, target: str, headers: Iterable[tuple[str, str]]) -> str:
    """Return the text both sides sign.

    ``target`` is the request target with its query exactly as sent. Missing ``Content-MD5`` or
    ``Content-Type`` give an empty line; ``x-mns-date`` stands in the Date line when present.
    """
    values = {name.lower(): value.strip() for name, value in headers}
    own = "".join(f"{name}:{values[name]}\n" for name in sorted(values) if name.startswith("x-mns-"))
    date = values.get("x-mns-date", values.get("date", ""))
    return "\n".join(
        [
            method.upper(),
            values.get("content-md5", ""),
            values.get("content-type", ""),
            date,
            own + target,
        ]
    )


def signature(secret: str, text: str) -> str:
    """Return Base64(HMAC-SHA1(secret, text))."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def request_target(environ: Mapping[str, Any]) -> str:
    """Return path and query as the client sent them.

    werkzeug's server keeps the raw target; an in-process WSGI client does not, there it is rebuilt.
    """
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw:
        if raw.startswith("/"):
            return str(raw)
        parts = urlsplit(raw)  # absolute form, as sent to a proxy
        return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    path = quote(environ.get("PATH_INFO", "/").encode("latin-1"), safe="/-._~!$&'()*+,;=:@")
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path


def verify(request: Request, world: World) -> Credential:
    """Return the credential that signed ``request`` or raise the refusal.

    Checked in this order: Authorization header, key id, security token, date, signature, version,
    Content-MD5. No page tells the real order; the first six agree with the codes SMQ documents.
    """
    credential, given = _claimed(request, world)
    _check_token(request, credential, world)
    _check_date(request, world.clock.signing_now())
    text = string_to_sign(request.method, request_target(request.environ), request.headers.items())
    if not hmac.compare_digest(signature(credential.access_key_secret, text).encode(), given.encode()):
        raise refusal("SignatureDoesNotMatch")
    _check_version(request)
    _check_content_md5(request)
    return credential


def _claimed(request: Request, world: World) -> tuple[Credential, str]:
    header = request.headers.get("Authorization", "")
    if not header:
        raise refusal("MissingAuthorizationHeader")
    scheme, _, rest = header.partition(" ")
    key_id, colon, given = rest.strip().partition(":")
    if scheme.startswith("MNS4"):
        # In the code of https://github.com/aliyun/aliyun-mns-java-sdk since 2025-12, on no help page: not emulated.
        raise refusal("InvalidAuthorizationHeader", f"The stand-in verifies the MNS scheme only, not {scheme}.")
    if scheme != "MNS" or not (key_id and colon and given):
        raise refusal("InvalidAuthorizationHeader")
    credential = world.credentials.get(key_id)
    if credential is None or not credential.active:
        raise refusal("InvalidAccessKeyId")
    return credential, given


def _check_token(request: Request, credential: Credential, world: World) -> None:
    """Compare ``security-token``, which travels beside the signature and is not covered by it."""
    token = request.headers.get("security-token", "")
    if not hmac.compare_digest(token.encode(), credential.security_token.encode()):
        raise refusal("InvalidSecurityToken")
    if world.token_expired(credential):
        raise refusal("SecurityTokenExpired")


def _check_date(request: Request, now: float) -> None:
    text = request.headers.get("x-mns-date") or request.headers.get("Date")
    if not text:
        raise refusal("MissingDateHeader")
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError) as error:
        raise refusal("InvalidDateHeader") from error
    if moment.tzinfo is None:  # "-0000": parsed as naive UTC, but the header has to say GMT
        moment = moment.replace(tzinfo=timezone.utc)
    if abs(now - moment.timestamp()) > _WINDOW:
        raise refusal("TimeExpired")


def _check_version(request: Request) -> None:
    version = request.headers.get("x-mns-version")
    if version is None:
        raise refusal("MissingVersionHeader")
    if version != VERSION:
        raise refusal("InvalidVersionHeader", f"The stand-in speaks {VERSION}, not {version}.")


def _check_content_md5(request: Request) -> None:
    """Refuse a Content-MD5 that does not fit the body.

    The code ``InvalidDegist`` is documented, that it is really checked is assumed. Two forms are
    right: RFC 1864's, and the Base64 of the *hexadecimal* digest that ``aliyun-mns-sdk`` sends.
    """
    given = request.headers.get("Content-MD5")
    if given is None:
        return
    digest = hashlib.md5(request.get_data())
    accepted = {base64.b64encode(digest.digest()).decode(), base64.b64encode(digest.hexdigest().encode()).decode()}
    if given not in accepted:
        raise refusal("InvalidDegist")
