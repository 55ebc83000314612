"""Object Storage Service: putting one object. Signature V4: https://help.aliyun.com/zh/oss/developer-reference/recommend-to-use-signature-version-4"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import quote

from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.transport import HttpRequest

_UNSIGNED = "UNSIGNED-PAYLOAD"  # the only value that OSS takes here


def authorization(
    method: str, bucket: str, key: str, headers: Mapping[str, str], region: str, credentials: Credentials
) -> str:
    """Return the Authorization header of a request without query; ``headers`` in lower case, ``x-oss-date`` among them."""
    date = headers["x-oss-date"]
    signed = "".join(
        f"{name}:{headers[name]}\n"
        for name in sorted(headers)
        if name.startswith("x-oss-") or name in ("content-md5", "content-type")
    )
    resource = quote(f"/{bucket}/{key}", safe="/~")
    canonical_request = f"{method}\n{resource}\n\n{signed}\n\n{_UNSIGNED}"
    scope = (date[:8], region, "oss", "aliyun_v4_request")
    digest = sha256(canonical_request.encode()).hexdigest()
    string_to_sign = f"OSS4-HMAC-SHA256\n{date}\n{'/'.join(scope)}\n{digest}"
    signing_key = f"aliyun_v4{credentials.access_key_secret}".encode()
    for part in scope:
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    signature = hmac.digest(signing_key, string_to_sign.encode(), "sha256").hex()
    return f"OSS4-HMAC-SHA256 Credential={credentials.access_key_id}/{'/'.join(scope)}, Signature={signature}"


def put(session: Session, endpoint: str, bucket: str, key: str, body: bytes, region: str) -> None:
    """Put ``body`` at ``key``; ``endpoint`` is the bucket's own. Safe to repeat. Raises the errors of ``Session.call``.

    https://help.aliyun.com/zh/oss/developer-reference/putobject
    """

    def sign(credentials: Credentials) -> HttpRequest:
        headers = {
            "content-type": "application/zip",
            "host": endpoint.partition("://")[2],
            "x-oss-content-sha256": _UNSIGNED,
            "x-oss-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(session.clock.now())),
        }
        if credentials.security_token:
            headers["x-oss-security-token"] = credentials.security_token
        headers["authorization"] = authorization("PUT", bucket, key, headers, region, credentials)
        return HttpRequest("PUT", endpoint, quote(f"/{key}", safe="/~"), headers, body)

    session.call("PutObject", sign, lambda answer: answer, repeatable=True)
