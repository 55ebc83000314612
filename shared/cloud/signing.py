"""Request signatures of Alibaba Cloud, pure: clock and nonce come in as arguments, nothing goes out.

* ``acs3``: ACS3-HMAC-SHA256 ("V3") for RPC and ROA services: CloudAPI, ECS, SLB, ESS, FC 3.0.
  https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
* ``mns``: the SMQ (formerly MNS) scheme. https://help.aliyun.com/document_detail/27487.htm

Both return the intermediate strings too, so a test that fails names the stage that broke.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")


class Credentials(NamedTuple):
    """An access key; ``security_token`` is empty unless the key is temporary (STS). Never shows its secrets."""

    access_key_id: str
    access_key_secret: str
    security_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(access_key_id={self.access_key_id!r}, …)"


class Signature(NamedTuple):
    """A signature with the strings that led to it; only ``authorization`` goes on the wire."""

    canonical_request: str
    string_to_sign: str
    signature: str
    authorization: str

    def __repr__(self) -> str:
        return "Signature(…)"


def percent_encode(text: str) -> str:
    """Encode as UTF-8 by RFC 3986: unreserved characters stay, all else is ``%XX`` in upper case (a space ``%20``)."""
    return text if _UNRESERVED.issuperset(text) else quote(text, safe="~")


def canonical_query(parameters: Iterable[tuple[str, str]]) -> str:
    """Return the query string that is signed *and* sent: encoded, sorted by name, then by value."""
    return "&".join([f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(parameters)])


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], content_sha256: str
) -> tuple[str, str]:
    """Return the canonical request and the list of its signed headers; ACS3 has the form of AWS's Version 4."""
    named = sorted((name.lower(), value.strip()) for name, value in headers.items())
    signed_headers = ";".join([name for name, _ in named])
    lines = "".join([f"{name}:{value}\n" for name, value in named])
    return f"{method}\n{path}\n{query}\n{lines}\n{signed_headers}\n{content_sha256}", signed_headers


def acs3(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    content_sha256: str,
    credentials: Credentials,
) -> Signature:
    """Sign a request with ACS3-HMAC-SHA256.

    ``path`` is already percent-encoded (``/`` for RPC), ``query`` comes from :func:`canonical_query`,
    ``headers`` are exactly those to be signed (``host``, every ``x-acs-*`` and a present ``content-type``
    must be among them), ``content_sha256`` is the hexadecimal digest of the body bytes.
    """
    canonical, signed_headers = canonical_request(method, path, query, headers, content_sha256)
    string_to_sign = f"ACS3-HMAC-SHA256\n{sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(credentials.access_key_secret.encode(), string_to_sign.encode(), "sha256").hex()
    return Signature(
        canonical,
        string_to_sign,
        signature,
        f"ACS3-HMAC-SHA256 Credential={credentials.access_key_id},SignedHeaders={signed_headers},Signature={signature}",
    )


def acs3_headers(
    method: str,
    path: str,
    query: str,
    *,
    host: str,
    action: str,
    version: str,
    date: str,
    nonce: str,
    credentials: Credentials,
    body: bytes = b"",
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return all headers of a signed V3 request, ``Authorization`` included.

    ``host`` carries ``:port`` when the port is not the scheme's default, ``date`` is UTC ``yyyy-MM-ddTHH:mm:ssZ``,
    ``extra`` are further headers that have to be signed (``content-type``, ``x-fc-*``).
    """
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": sha256(body).hexdigest() if body else EMPTY_SHA256,
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-version": version,
    }
    if credentials.security_token:
        headers["x-acs-security-token"] = credentials.security_token
    if extra:
        headers.update(extra)
    signed = acs3(method, path, query, headers, headers["x-acs-content-sha256"], credentials)
    headers["authorization"] = signed.authorization
    return headers


def mns(method: str, resource: str, headers: Mapping[str, str], credentials: Credentials) -> Signature:
    """Sign an SMQ request (HMAC-SHA1).

    ``resource`` is the request target with its query as sent (``/topics/t/messages``); of ``headers`` (lower-case
    names) ``content-md5``, ``content-type``, ``date`` and every ``x-mns-*`` are signed. The token of temporary
    credentials travels in ``security-token`` and is not part of the signature.
    """
    own = "".join([f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-mns-")])
    date = headers.get("x-mns-date") or headers.get("date", "")
    string_to_sign = "\n".join(
        [method, headers.get("content-md5", ""), headers.get("content-type", ""), date, own + resource]
    )
    digest = hmac.digest(credentials.access_key_secret.encode(), string_to_sign.encode(), "sha1")
    signature = b64encode(digest).decode()
    return Signature(string_to_sign, string_to_sign, signature, f"MNS {credentials.access_key_id}:{signature}")
