"""AWS Signature Version 4, pure: the date comes in as an argument, nothing goes out.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from shared.cloud.signing import Credentials, Signature, canonical_request

_ALGORITHM = "AWS4-HMAC-SHA256"


def sigv4(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    region: str,
    service: str,
    credentials: Credentials,
) -> Signature:
    """Sign a request; the intermediate strings come back too.

    ``path`` and ``query`` are encoded as they are sent, the query in canonical order. ``headers`` are those to be
    signed: ``host``, ``x-amz-date`` (UTC ``yyyyMMddTHHmmssZ``) and every other ``x-amz-*`` must be among them.
    """
    named = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    canonical, signed_headers = canonical_request(method, path, query, named, sha256(body).hexdigest())
    moment = named["x-amz-date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    string_to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{credentials.access_key_secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, string_to_sign.encode(), "sha256").hex()
    return Signature(
        canonical,
        string_to_sign,
        signature,
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={signed_headers}, Signature={signature}",
    )
