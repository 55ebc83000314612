"""Signed raw requests for the stand-in's own tests: every part can be changed before or after signing.

It uses the verifier's functions, which the vendor's vectors and SDKs pin (`tests/cloud_tests/test_verify.py`,
`tests/cloud_tests/test_witness_cloudapi.py`), so that these tests need not fear a mistake made twice.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tests.cloud import verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import Credential

_nonces = itertools.count(1)


@dataclass
class Signed:
    """A request ready to be sent: ``path?query``, headers, body."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""

    def for_werkzeug(self) -> dict[str, Any]:
        """Return the arguments of werkzeug's test client."""
        return {"path": self.url, "method": self.method, "headers": self.headers, "data": self.body}


@dataclass
class V3:
    """An ACS3 request; what is changed before `sign` is signed, what is changed on its result is not."""

    action: str
    parameters: Mapping[str, str]
    credential: Credential
    now: float
    version: str = "2016-07-14"
    host: str = "127.0.0.1"
    method: str = "POST"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    algorithm: str = verify.ACS3
    unsigned: frozenset[str] = frozenset()  # names left out of SignedHeaders

    def sign(self) -> Signed:
        """Sign it as a client would."""
        headers = {
            "host": self.host,
            "x-acs-action": self.action,
            "x-acs-version": self.version,
            "x-acs-date": date(self.now),
            "x-acs-signature-nonce": f"nonce-{next(_nonces)}",
            "x-acs-content-sha256": hashlib.sha256(self.body).hexdigest(),
        }
        if self.credential.security_token:
            headers["x-acs-security-token"] = self.credential.security_token
        headers = {name: value for name, value in {**headers, **self.headers}.items() if value}
        names = sorted(name for name in headers if name not in self.unsigned)
        canonical = verify.canonical_request(
            self.method, "/", self.parameters.items(), headers, names, headers.get("x-acs-content-sha256", "")
        )
        signature = verify.acs3_signature(self.credential.access_key_secret, verify.acs3_string_to_sign(canonical))
        claim = f"Credential={self.credential.access_key_id},SignedHeaders={';'.join(names)},Signature={signature}"
        headers |= {"authorization": f"{self.algorithm} {claim}", "accept": "application/json"}
        return Signed(self.method, f"/?{verify.canonical_query(self.parameters.items())}", headers, self.body)


@dataclass
class V1:
    """A V1 request with everything in the query, or, with ``form``, in the body; see `V3` about changes."""

    action: str
    parameters: Mapping[str, str]
    credential: Credential
    now: float
    version: str = "2016-07-14"
    method: str = "POST"
    common: dict[str, str] = field(default_factory=dict)  # overrides; an empty value leaves the parameter out
    form: bool = False

    def sign(self) -> Signed:
        """Sign it as a client would."""
        common = {
            "Action": self.action,
            "Version": self.version,
            "Format": "JSON",
            "AccessKeyId": self.credential.access_key_id,
            "SecurityToken": self.credential.security_token,
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": f"nonce-{next(_nonces)}",
            "Timestamp": date(self.now),
            **self.common,
        }
        everything = {**self.parameters, **{name: value for name, value in common.items() if value}}
        text = verify.v1_string_to_sign(self.method, everything.items())
        everything["Signature"] = verify.v1_signature(self.credential.access_key_secret, text)
        query = verify.canonical_query(everything.items())
        if self.form:
            kind = {"content-type": "application/x-www-form-urlencoded"}
            return Signed(self.method, "/", kind, query.encode())
        return Signed(self.method, f"/?{query}", {})


def date(now: float) -> str:
    """Return seconds since the epoch in the gateway's date form."""
    return datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
