"""Checks of the two request signatures, written from the vendor's text and not from our signer.

Order of the checks: key id, token, algorithm, signed headers, body hash, signature, clock, nonce.
Rules: https://help.aliyun.com/document_detail/2593177.html (ACS3),
https://help.aliyun.com/zh/sdk/product-overview/rpc-mechanism (V1). Codes and statuses:
https://developer.aliyun.com/ask/278265. Assumed, because no source says it: the order, the status 400 of the token
codes, `ContentSha256NotMatched`, and that a request without a nonce is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from tests.cloud.core import Call, Credential, ServiceError, World

if TYPE_CHECKING:
    from werkzeug.wrappers import Request

ACS3 = "ACS3-HMAC-SHA256"
CLOCK_TOLERANCE = 15 * 60.0

Pairs = Sequence[tuple[str, str]]


def percent_encode(text: str) -> str:
    """Encode as both schemes ask: UTF-8, only ``A-Za-z0-9-_.~`` stay, hexadecimal in upper case."""
    return quote(text, safe="~")


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the parameters encoded and sorted by name, then value; empty values keep their ``=``."""
    return "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(pairs))


def canonical_uri(raw_path: str) -> str:
    """Decode and encode again each segment of a path as it came over the wire (ROA; ``/`` for RPC)."""
    return "/".join(percent_encode(unquote(segment)) for segment in raw_path.split("/")) or "/"


def query_pairs(request: Request) -> list[tuple[str, str]]:
    """Return the decoded query parameters; ``+`` and ``%20`` are both a space on the wire."""
    return parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)


def canonical_request(
    method: str, path: str, query: Iterable[tuple[str, str]], headers: Mapping[str, str], names: Sequence[str], sha: str
) -> str:
    """Build the ACS3 canonical request over exactly the header ``names`` that the client says it signed."""
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    return f"{method}\n{canonical_uri(path)}\n{canonical_query(query)}\n{lines}\n{';'.join(names)}\n{sha}"


def acs3_string_to_sign(canonical: str) -> str:
    """Wrap a canonical request's hash as the text that ACS3 signs."""
    return f"{ACS3}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def acs3_signature(secret: str, string_to_sign: str) -> str:
    """Return the lower-case hexadecimal ACS3 signature."""
    return hmac.new(secret.encode(), string_to_sign.encode(), hashlib.sha256).hexdigest()


def v1_string_to_sign(method: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Build V1's text from all parameters of query and form; ``Signature`` itself is left out."""
    query = canonical_query((name, value) for name, value in parameters if name != "Signature")
    return f"{method}&%2F&{percent_encode(query)}"


def v1_signature(secret: str, string_to_sign: str) -> str:
    """Return the Base64 HMAC-SHA1; the key is the secret with a ``&`` behind it."""
    digest = hmac.new(f"{secret}&".encode(), string_to_sign.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def acs3(call: Call, world: World) -> Credential:
    """Authenticate an ACS3-signed request, RPC or ROA; ServiceError names the first check that failed."""
    headers = _headers(call.request)
    claim = _authorization(headers.get("authorization", ""))
    call.credential = credential = _known_key(world, claim.access_key_id)
    _check_token(world, credential, headers.get("x-acs-security-token", ""))
    if claim.algorithm != ACS3:
        raise ServiceError(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
    _check_coverage(headers, claim.signed_headers)
    sha = _check_body(call.request, headers)
    path = str(call.request.environ.get("REQUEST_URI") or quote(call.request.path, safe="/~")).partition("?")[0]
    canonical = canonical_request(
        call.request.method, path, query_pairs(call.request), headers, claim.signed_headers, sha
    )
    string_to_sign = acs3_string_to_sign(canonical)
    if not _same(acs3_signature(credential.access_key_secret, string_to_sign), claim.signature):
        raise ServiceError(
            400,
            "SignatureDoesNotMatch",
            "Specified signature does not match our calculation. "
            f"server StringToSign is [{string_to_sign}] server CanonicalRequest is [{canonical}]",
        )
    check_clock(world, headers.get("x-acs-date"))
    check_nonce(world, credential, headers.get("x-acs-signature-nonce"))
    call.verified = ACS3
    return credential


def v1(call: Call, world: World, parameters: Pairs) -> Credential:
    """Authenticate a V1-signed RPC request by its ``parameters`` (query and form together)."""
    given = dict(parameters)
    call.credential = credential = _known_key(world, _mandatory(given, "AccessKeyId"))
    _check_token(world, credential, given.get("SecurityToken", ""))
    if given.get("SignatureMethod") != "HMAC-SHA1" or given.get("SignatureVersion") != "1.0":
        raise ServiceError(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
    signature = given.get("Signature")
    if not signature:
        raise _incomplete("there is no Signature")
    string_to_sign = v1_string_to_sign(call.request.method, parameters)
    if not _same(v1_signature(credential.access_key_secret, string_to_sign), signature):
        raise ServiceError(
            400,
            "SignatureDoesNotMatch",
            f"Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}",
        )
    check_clock(world, given.get("Timestamp"))
    check_nonce(world, credential, given.get("SignatureNonce"))
    call.verified = "HMAC-SHA1"
    return credential


def check_clock(world: World, date: str | None) -> None:
    """Refuse a missing, malformed or stale ``yyyy-MM-ddTHH:mm:ssZ``; the future side is a switch."""
    if not date:
        raise ServiceError(400, "IllegalTimestamp", 'The input parameter "Timestamp" is not supplied.')
    try:
        sent = datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    except ValueError as error:
        raise ServiceError(
            400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."
        ) from error
    age = world.clock.signing_now() - sent
    if age > CLOCK_TOLERANCE or (age < -CLOCK_TOLERANCE and world.switches.future_dates == "refuse"):
        raise ServiceError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")


def check_nonce(world: World, credential: Credential, nonce: str | None) -> None:
    """Refuse a missing nonce and one that the key used in the last 15 minutes."""
    if not nonce:
        raise ServiceError(400, "MissingSignatureNonce", "SignatureNonce is mandatory for this action.")
    if not world.nonces.use(credential.access_key_id, nonce, world.clock.now()):
        raise ServiceError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")


@dataclass(frozen=True)
class _Claim:
    algorithm: str
    access_key_id: str
    signed_headers: list[str]
    signature: str


def _authorization(header: str) -> _Claim:
    algorithm, _, rest = header.partition(" ")
    fields = dict(part.partition("=")[::2] for part in rest.split(","))
    names = fields.get("SignedHeaders", "")
    if not (algorithm and fields.get("Credential") and names and fields.get("Signature")):
        raise _incomplete("Authorization must name Credential, SignedHeaders and Signature")
    return _Claim(algorithm, fields["Credential"], names.split(";"), fields["Signature"])


def _headers(request: Request) -> dict[str, str]:
    # WSGI hands header bytes over as Latin-1; what was signed is UTF-8.
    return {
        name.lower(): value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace")
        for name, value in request.headers.items()
    }


def _known_key(world: World, access_key_id: str) -> Credential:
    credential = world.credentials.get(access_key_id)
    if credential is None:
        raise ServiceError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    if not credential.active:
        raise ServiceError(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
    return credential


def _check_token(world: World, credential: Credential, token: str) -> None:
    if credential.security_token and not token:
        raise ServiceError(400, "MissingSecurityToken", "SecurityToken is mandatory for this action.")
    if not _same(credential.security_token, token):
        known = any(_same(other.security_token, token) for other in list(world.credentials.values()))
        code = "MismatchWithAccessKey" if known else "Malformed"
        text = "mismatch with the AccessKey" if known else "malformed"
        raise ServiceError(400, f"InvalidSecurityToken.{code}", f"Specified SecurityToken is {text}.")
    if world.token_expired(credential):
        raise ServiceError(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")


def _check_coverage(headers: Mapping[str, str], signed: Sequence[str]) -> None:
    needed = {name for name in headers if name.startswith("x-acs-")} | {"host"}
    if headers.get("content-type"):
        needed.add("content-type")
    if missing := sorted(needed - set(signed)):
        raise _incomplete(f"SignedHeaders leaves out {', '.join(missing)}")
    if absent := sorted(set(signed) - set(headers)):
        raise _incomplete(f"SignedHeaders names {', '.join(absent)}, which the request lacks")
    if list(signed) != sorted(signed):
        raise _incomplete("SignedHeaders is not sorted")


def _check_body(request: Request, headers: Mapping[str, str]) -> str:
    claimed = headers.get("x-acs-content-sha256", "")
    if not claimed:
        raise _incomplete("x-acs-content-sha256 is missing")
    if not _same(hashlib.sha256(request.get_data()).hexdigest(), claimed):
        raise ServiceError(400, "ContentSha256NotMatched", "x-acs-content-sha256 is not the hash of the body.")
    return claimed


def _mandatory(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name)
    if not value:
        raise ServiceError(400, f"Missing{name}", f"{name} is mandatory for this action.")
    return value


def _incomplete(detail: str) -> ServiceError:
    text = "The request signature does not conform to Aliyun standards."
    return ServiceError(400, "IncompleteSignature", f"{text} ({detail})")


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode())
