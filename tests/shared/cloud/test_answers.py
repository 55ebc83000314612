"""What an answer of the cloud means: by code first, by status second, whatever the dialect of the body."""

import json

import pytest

from shared.cloud.answers import details, error_of, retry_after, xml_text
from shared.errors import (
    AuthorizerError,
    CloudRefused,
    CloudUnavailable,
    CredentialsExpired,
    Doubtful,
    OperatorNeeded,
    redact,
)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "Throttling", CloudUnavailable),
        (400, "Throttling.User", CloudUnavailable),
        (400, "Throttling.Api", CloudUnavailable),
        (400, "Rejected.Throttling", CloudUnavailable),
        (429, "TooManyRequests", CloudUnavailable),
        (429, "", CloudUnavailable),
        (400, "SignatureNonceUsed", CloudUnavailable),
        (400, "RepeatedCommit", Doubtful),
        (400, "RepeatedName", CloudRefused),
        (400, "DuplicateName", CloudRefused),
        (503, "ServiceUnavailable", Doubtful),
        (503, "ServiceUnavailable.RegionMaintaining", Doubtful),
        (500, "InternalError", Doubtful),
        (502, "", Doubtful),
        (409, "OperationConflict", Doubtful),
        (400, "InvalidVpcId", CloudRefused),
        (400, "NotFoundInstance", CloudRefused),
        (400, "ExceedLimitVpcAccess", CloudRefused),
        (404, "InvalidAccessKeyId.NotFound", CredentialsExpired),
        (400, "InvalidSecurityToken.Expired", CredentialsExpired),
        (400, "SignatureDoesNotMatch", OperatorNeeded),
        (403, "SignatureDoesNotMatch", OperatorNeeded),
        (400, "InvalidTimeStamp.Expired", OperatorNeeded),
        (403, "NoPermission", OperatorNeeded),
        (403, "Forbidden.RAM", OperatorNeeded),
        (404, "TopicNotExist", OperatorNeeded),
        (403, "ForbiddenVpcAccess", CloudRefused),
    ],
)
def test_codes_decide_what_happens_next(status: int, code: str, kind: type[AuthorizerError]) -> None:
    """Each code of the vendor's tables maps to the one class that says what to do."""
    body = json.dumps({"Code": code, "Message": "m", "RequestId": "r"}).encode() if code else b""

    assert type(error_of("SetVpcAccess", status, {}, body)) is kind


@pytest.mark.parametrize(
    ("body", "code", "message", "request_id"),
    [
        pytest.param(b'{"Code":"C","Message":"m","RequestId":"r"}', "C", "m", "r", id="json"),
        pytest.param(b'{"code":"C","message":"m","requestId":"r"}', "C", "m", "r", id="lower-case"),
        pytest.param(b'{"Code":"C\\ud800","Message":"\\udc00m"}', "C?", "?m", "h", id="half-surrogate-pairs"),
        pytest.param(b'{"ErrorCode":"C","ErrorMessage":"m"}', "C", "m", "h", id="function-compute"),
        pytest.param(
            b'<?xml version="1.0"?><Error><Code>C</Code><Message>a &lt; b</Message><RequestId>r</RequestId></Error>',
            "C",
            "a < b",
            "r",
            id="xml",
        ),
        pytest.param(
            b"<html><title>502</title></html>", "HTTP502", "the answer had no readable error message", "h", id="html"
        ),
        pytest.param(b"", "HTTP502", "the answer had no readable error message", "h", id="empty"),
        pytest.param(b'{"Code":"C', "HTTP502", "the answer had no readable error message", "h", id="truncated"),
        pytest.param(b"[1]", "HTTP502", "the answer had no readable error message", "h", id="list"),
        pytest.param(b"\xff\xfe{", "HTTP502", "the answer had no readable error message", "h", id="not-utf-8"),
        pytest.param(b"{" * 100_000, "HTTP502", "the answer had no readable error message", "h", id="deep"),
    ],
)
def test_every_dialect_is_read(body: bytes, code: str, message: str, request_id: str) -> None:
    """JSON in either case, XML, HTML, empty and broken bodies give code, message and request id without raising."""
    assert details(502, {"x-acs-request-id": "h"}, body) == (code, message, request_id)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1500", 1.5), ("999999999", 120.0), ("0", None), ("-5", None), ("soon", None), ("", None), ("\u0661", None)],
)
def test_retry_after_is_in_milliseconds(value: str, seconds: float | None) -> None:
    """The header is read in ms, capped at 120 s, and ignored when it makes no sense."""
    assert retry_after({"x-acs-retry-after": value}) == seconds


def test_retry_after_makes_any_error_a_throttling() -> None:
    """An error with the header is waited for as long as it says, whatever its code (as the vendor's SDK does)."""
    error = error_of("SetVpcAccess", 400, {"x-acs-retry-after": "250"}, b'{"Code":"Whatever"}')

    assert isinstance(error, CloudUnavailable)
    assert error.retry_after == 0.25


def test_a_missing_permission_is_named() -> None:
    """The RAM action comes from AccessDeniedDetail if it is there, else from the operation."""
    told = b'{"Code":"NoPermission","AccessDeniedDetail":{"AuthAction":"apigateway:SetVpcAccess"}}'

    assert "apigateway:SetVpcAccess" in str(error_of("X", 403, {}, told))
    assert "ecs:DescribeInstances" in str(error_of("DescribeInstances", 403, {}, b'{"Code":"Forbidden.RAM"}'))


ECHO = (
    "Specified signature does not match our calculation. server StringToSign is [ACS3-HMAC-SHA256\nabc] "
    "server CanonicalRequest is [POST\n/\nx-acs-security-token:tok-MARK\n]"
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(ECHO, id="v3-echo"),
        pytest.param("server string to sign is:POST&%2F&SecurityToken%3Dtok-MARK%26Signature%3Dx", id="v1-echo"),
        pytest.param("bad header x-acs-security-token: tok-MARK", id="header"),
        pytest.param('{"SecurityToken":"tok-MARK"}', id="json"),
        pytest.param("Authorization: ACS3-HMAC-SHA256 Credential=a,Signature=tok-MARK", id="authorization"),
        pytest.param("Authorization: MNS ak:tok-MARK", id="mns"),
    ],
)
def test_echoed_secrets_are_redacted(text: str) -> None:
    """What a refusal echoes of the request never survives `redact`, nor an error made of it."""
    body = json.dumps({"Code": "SignatureDoesNotMatch", "Message": text}).encode()

    assert "MARK" not in redact(text)
    assert "MARK" not in str(error_of("SetVpcAccess", 400, {}, body))


def test_xml_text_expands_nothing() -> None:
    """Entities other than the five of XML stay as they are, and elements with attributes or children do not match."""
    assert xml_text("<a>&x;&amp;</a>", "a") == "&x;&"
    assert not xml_text("<a><b>1</b></a>", "a")
