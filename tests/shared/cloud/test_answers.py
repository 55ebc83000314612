"""What an answer of the cloud means: by code first, by status second, whatever the dialect of the body."""

import json

import pytest

from shared.cloud.answers import details, error_of, error_of_look, retry_after, xml_text
from shared.cloud.codes import FAMILIES, family
from shared.errors import (
    AuthorizerError,
    CloudRefused,
    CloudUnavailable,
    CredentialsExpired,
    Doubtful,
    NotTheService,
    OperatorNeeded,
    Transient,
    UnknownRefusal,
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


PERMISSION_AND_ACCOUNT = [
    "Forbidden",
    "Forbidden.RAM",
    "Forbidden.NoPermission",
    "Forbidden.NoUserAuthorization",
    "Forbidden.Unauthorized",
    "Forbidden.SubUser",
    "forbidden",
    "ForbiddenRam",
    "NoPermission",
    "NoPermission.ServiceLinkedRole",
    "Unauthorized",
    "UnauthorizedOperation",
    "UnAuthorized",
    "User.NotAuthorized",
    "AccessDenied",
    "AccessDeniedException",
    "PermissionDenied",
    "InvalidUser.NoPermission",
    "InvalidAuthorizationHeader",
    "Forbidden.AccessKeyDisabled",
    "Forbidden.RiskControl",
    "Forbidden.UserVerification",
    "Forbidden.AccountClosed",
    "InsufficientBalance",
    "InvalidAccountStatus.NotEnoughBalance",
    "Forbidden.InArrears",
    "OverduePayment",
    "ServiceNotOpen",
    "ServiceNotOpened",
    "ServiceNotActivated",
    "ServiceNotEnabled",
    "ServiceSuspended",
    "UserNotFound",
    "InvalidSignature",
    "InvalidCredentials",
    "InvalidTimestamp.Expired",
    "RequestTimeTooSkewed",
    "InvalidApi.NotFound",
    "InvalidAction.NotFound",
    "InvalidVersion",
    "InvalidProduct.NotFound",
    "InvalidRegionId.NotFound",
    "UnsupportedHTTPMethod",
]


@pytest.mark.parametrize("status", [400, 403, 404, 503])
@pytest.mark.parametrize("code", PERMISSION_AND_ACCOUNT)
def test_what_the_operator_cures_is_theirs_however_it_is_spelt(code: str, status: int) -> None:
    """Permission, account, secret, clock and endpoint keep a record for redelivery, and the text says what to do."""
    body = json.dumps({"Code": code, "Message": "m", "RequestId": "r"}).encode()
    error = error_of("SetVpcAccess", status, {}, body)

    assert type(error) is OperatorNeeded
    assert not str(error).endswith("(RequestId r)")


UNREADABLE = "the answer had no readable error message"
FINAL = [
    "InvalidVpcId",
    "InvalidFormatName",
    "InvalidParameter.Format",
    "InvalidLoadBalancerId.NotFound",
    "InvalidInstanceId.Malformed",
    "MissingName",
    "MissingParameter",
    "NotFoundInstance",
    "RepeatedName",
    "DuplicateVpcAccess",
    "DependencyViolationVpcAccess",
    "ExceedLimitVpcAccess",
    "ForbiddenVpcAccess",
    "ForbiddenInstance",
    "UnsupportedParameter",
    "IdempotentParameterMismatch",
    "LifecycleHookIdAndLifecycleActionToken.Invalid",
    "MessageNotExist",
    "DryRunOperation",
    "FunctionNotFound",
    "EntityTooLarge",
]


@pytest.mark.parametrize("code", FINAL)
def test_final_is_what_the_service_itself_says_in_a_documented_word(code: str) -> None:
    """The same code without a RequestId is a proxy's, with a 5xx it is a doubt, and to a look it says nothing of a request."""
    whole = json.dumps({"Code": code, "Message": "m", "RequestId": "r"}).encode()
    without = json.dumps({"Code": code, "Message": "m"}).encode()

    assert type(error_of("SetVpcAccess", 400, {}, whole)) is CloudRefused
    assert type(error_of("SetVpcAccess", 400, {"x-acs-request-id": "r"}, without)) is CloudRefused
    assert type(error_of("SetVpcAccess", 400, {}, without)) is NotTheService
    assert type(error_of("SetVpcAccess", 500, {}, whole)) is Doubtful
    assert type(error_of_look("DescribeVpcAccesses", 400, {}, whole)) is UnknownRefusal


def test_trouble_of_a_look_is_what_it_is_of_any_call() -> None:
    """Only what would be final for a request is something else."""
    body = json.dumps({"Code": "Throttling", "RequestId": "r"}).encode()

    assert type(error_of_look("DescribeVpcAccesses", 400, {}, body)) is CloudUnavailable


def test_every_final_family_has_a_code_above() -> None:
    """No row of final codes is there without a documented one that it is for."""
    used = {family(code) for code in FINAL}

    assert [row.codes for row in FAMILIES if row.kind is CloudRefused and row not in used] == []


@pytest.mark.parametrize(
    "code", ["NeverHeardOf", "Invalid", "NotFound", "Missing.Word", "OperationDenied.NoStock", "Incorrect", "404", "X"]
)
@pytest.mark.parametrize("status", [302, 400, 403, 404, 409, 422])
def test_a_code_that_nobody_documents_is_not_final(code: str, status: int) -> None:
    """A refusal by the service that no table explains may have been a success, and is told with a word of what follows."""
    error = error_of("SetVpcAccess", status, {}, json.dumps({"Code": code, "RequestId": "r"}).encode())

    assert type(error) is UnknownRefusal
    assert "a later try may succeed" in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 405, 407, 408, 410, 411, 413, 414, 421, 451])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html><body>no</body></html>", id="html"),
        pytest.param(b"<!DOCTYPE html><title>no</title>", id="html-5"),
        pytest.param(b"", id="empty"),
        pytest.param(b"no", id="text"),
        pytest.param(b'{"code":404,"message":"no"}', id="json"),
        pytest.param(b'{"Code":"Denied by the firewall"}', id="json-with-a-code"),
        pytest.param(b'{"Code":"InvalidName","Message":"cut o', id="cut-off"),
        pytest.param(b"<Error><Code>NoSuchBucket</Code></Error>", id="xml"),
    ],
)
def test_a_page_is_never_the_service(status: int, body: bytes) -> None:
    """What a proxy, firewall or load balancer answers ends nothing for good: a look follows, and another try."""
    error = error_of("SetVpcAccess", status, {}, body)

    assert type(error) is NotTheService
    assert isinstance(error, Transient)
    assert "is not the service" in str(error)


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
        pytest.param(b"<html><title>502</title></html>", "HTTP502", UNREADABLE, "h", id="html"),
        pytest.param(b"<html><Code>C</Code></html>", "HTTP502", UNREADABLE, "h", id="html-and-xml"),
        pytest.param(b" " * 505 + b"<!><html><Code>C</Code>", "C", UNREADABLE, "h", id="html-beyond-512-characters"),
        pytest.param(b"no: <Code>C</Code>", "HTTP502", UNREADABLE, "h", id="text-with-xml"),
        pytest.param(b"", "HTTP502", UNREADABLE, "h", id="empty"),
        pytest.param(b'{"Code":"C', "HTTP502", UNREADABLE, "h", id="truncated"),
        pytest.param(b"[1]", "HTTP502", UNREADABLE, "h", id="list"),
        pytest.param(b"\xff\xfe{", "HTTP502", UNREADABLE, "h", id="not-utf-8"),
        pytest.param(b"{" * 100_000, "HTTP502", UNREADABLE, "h", id="deep"),
    ],
)
def test_every_dialect_is_read(body: bytes, code: str, message: str, request_id: str) -> None:
    """JSON in either case, XML, HTML, empty and broken bodies give code, message and request id without raising."""
    assert details(502, {"x-acs-request-id": "h"}, body) == (code, message, request_id)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1500", 1.5),
        ("1", 0.001),
        ("999999999", 120.0),
        ("9999999999", None),
        ("0", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("\u0661", None),
    ],
)
def test_retry_after_is_in_milliseconds(value: str, seconds: float | None) -> None:
    """The header is read in ms, capped at 120 s, and ignored when it makes no sense."""
    assert retry_after({"x-acs-retry-after": value}) == seconds


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        pytest.param(400, "Throttling", CloudUnavailable, id="throttled"),
        pytest.param(429, "Whatever", CloudUnavailable, id="429"),
        pytest.param(503, "ServiceUnavailable", Doubtful, id="503"),
        pytest.param(500, "InternalError", Doubtful, id="500"),
        pytest.param(400, "Whatever", UnknownRefusal, id="unknown"),
        pytest.param(400, "InvalidVpcId", UnknownRefusal, id="a-final-no-does-not-ask-for-another-try"),
    ],
)
def test_a_wait_is_honoured_and_makes_no_doubt_a_certainty(status: int, code: str, kind: type[Transient]) -> None:
    """The header says how long to wait, not whether the call took effect: a write is not repeated for it without a look."""
    body = json.dumps({"Code": code, "Message": "m", "RequestId": "r"}).encode()
    error = error_of("SetVpcAccess", status, {"x-acs-retry-after": "250"}, body)

    assert type(error) is kind
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


@pytest.mark.parametrize(
    ("size", "code"),
    [pytest.param(65_536, "Throttling", id="64-KB"), pytest.param(65_537, "HTTP400", id="beyond")],
)
def test_an_error_is_read_to_64_kilobytes(size: int, code: str) -> None:
    """An error of the service is short; of a longer one only the beginning is looked at, which is no JSON."""
    whole = {"Pad": "", "Code": "Throttling", "RequestId": "r"}
    body = json.dumps({**whole, "Pad": "x" * (size - len(json.dumps(whole)))}).encode()

    assert len(body) == size
    assert error_of("X", 400, {}, body).code == code


def test_xml_text_expands_nothing() -> None:
    """Entities other than the five of XML stay as they are, and elements with attributes or children do not match."""
    assert xml_text("<a>&x;&amp;</a>", "a") == "&x;&"
    assert not xml_text("<a><b>1</b></a>", "a")
