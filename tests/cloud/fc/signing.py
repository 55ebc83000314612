"""The signature of Function Compute 2.0, ``FC {key id}:{Base64 HMAC-SHA256}``; that of 3.0 is ``verify.acs3``.

Rules: <https://www.alibabacloud.com/help/en/functioncompute/signature-authentication>, compared with what PyPI
``aliyun-fc2`` 2.5.2 sends. Codes: <https://www.alibabacloud.com/help/en/function-compute/latest/error-codes>. Assumed:
the code of a request that is too old (AccessDenied), and of a token that is missing, wrong or expired
(InvalidAccessKeyID, after
<https://www.alibabacloud.com/help/en/fc/support/how-to-handle-the-the-access-key-id-does-not-exist-error>).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tests.cloud.core import Call, Credential, ServiceError, World
from tests.cloud.verify import CLOCK_TOLERANCE, query_pairs

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your access key and signing method"
)


def string_to_sign(request: Request) -> str:
    """Return method, MD5, type, date, sorted ``x-fc-*`` headers and decoded path; ``/proxy/`` adds the query."""
    headers = request.headers
    lines = [request.method, *(headers.get(name, "") for name in ("content-md5", "content-type", "date"))]
    signed = sorted((name.lower(), value) for name, value in headers.items() if name.lower().startswith("x-fc-"))
    resource = request.path
    if "/proxy/" in resource:
        resource += "\n" + "\n".join(sorted(f"{name}={value}" for name, value in query_pairs(request)))
    return "\n".join([*lines, "".join(f"{name}:{value}\n" for name, value in signed) + resource])


def signature(secret: str, text: str) -> str:
    """Return the Base64 HMAC-SHA256 of the text."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def verify(call: Call, world: World) -> Credential:
    """Authenticate a request: key id, token, signature, clock; ServiceError names the first that fails."""
    request = call.request
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    key_id, _, given = rest.partition(":")
    if not scheme:
        raise ServiceError(400, "MissingRequiredHeader", "required HTTP header Authorization was not specified")
    if scheme != "FC" or not given:
        raise ServiceError(403, "SignatureNotMatch", _MISMATCH)
    credential = world.credentials.get(key_id)
    if credential is None or not credential.active:
        raise ServiceError(403, "InvalidAccessKeyID", f"invalid access key ID '{key_id}'")
    call.credential = credential
    if world.token_expired(credential) or request.headers.get("x-fc-security-token", "") != credential.security_token:
        raise ServiceError(403, "InvalidAccessKeyID", f"invalid access key ID '{key_id}'")
    expected = signature(credential.access_key_secret, string_to_sign(request))
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise ServiceError(403, "SignatureNotMatch", _MISMATCH)
    _check_date(request, world)
    call.verified = "FC"
    return credential


def _check_date(request: Request, world: World) -> None:
    date = request.headers.get("date")
    if date is None:
        raise ServiceError(400, "MissingRequiredHeader", "required HTTP header Date was not specified")
    try:
        sent = parsedate_to_datetime(date).timestamp()
    except ValueError as error:
        raise ServiceError(400, "InvalidArgument", f"the Date header is not a date: {date!r}") from error
    if abs(world.clock.signing_now() - sent) > CLOCK_TOLERANCE:
        raise ServiceError(403, "AccessDenied", f"the request's date {date} is more than 15 minutes off")
