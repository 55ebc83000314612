"""The stand-in's SMQ verifier against the vendor's vectors and against every single flip."""

from __future__ import annotations

import base64
import hashlib
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.app import Cloud
from tests.cloud.core import Credential, ManualClock, World
from tests.cloud.smq import Smq
from tests.cloud.smq.client import SmqClient, xml
from tests.cloud.smq.signature import request_target, signature, string_to_sign

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = Credential("test-access-key-id", "test-access-key-secret")
STS = Credential("test-sts-key-id", "test-sts-key-secret", security_token="test-security-token")
OLD = Credential("test-old-key-id", "test-old-key-secret", active=False)
BODY = xml("Message", "<MessageBody>aGVsbG8=</MessageBody>")
NOW = 1_795_000_000.0


@pytest.fixture
def world() -> World:
    """A world that knows three keys and stands still."""
    world = World(clock=ManualClock(NOW))
    for credential in (KEY, STS, OLD):
        world.add_credential(credential)
    return world


@pytest.fixture
def client(world: World) -> SmqClient:
    """A client of an SMQ that has the queue ``q``."""
    smq = Smq(world)
    smq.create_queue("q")
    return SmqClient(Cloud(world, [smq]), KEY, world.clock)


def as_key(client: SmqClient, credential: Credential) -> SmqClient:
    """Return the client with another key."""
    client.credential = credential
    return client


JUNE = "Tue, 03 Jun 2025 11:23:48 GMT"


# From `UnitTest.java` under `alibabacloud-gateway-mns` of https://github.com/aliyun/alibabacloud-gateway
@pytest.mark.parametrize(
    ("secret", "method", "target", "headers", "expected"),
    [
        pytest.param(
            "sk1",
            "POST",
            "/queues/TestQueue",
            {"date": JUNE, "x-mns-abcDEF": "abcDEF", "x-kkk-def": "def"},
            "cAThPWnbphg3hDe3ZHDADTgkgyE=",
            id="own header lower-cased, foreign header left out",
        ),
        pytest.param(
            "testSk",
            "GET",
            "/queues/TestQueue",
            {"date": JUNE},
            "uDJQXbk2xOhH95MDXmgbAGdtyE4=",
            id="no own header",
        ),
        pytest.param(
            "testSk",
            "POST",
            "/queues/Test Queue@123",
            {"date": JUNE, "content-type": "application/json"},
            "GZ/I9UgZsqvbzfzjd0GmA6VHOx4=",
            id="content type, target taken as it is",
        ),
    ],
)
def test_vendor_vectors(secret: str, method: str, target: str, headers: Mapping[str, str], expected: str) -> None:
    """The verifier computes the signatures of the vendor's own tests."""
    assert signature(secret, string_to_sign(method, target, headers.items())) == expected


def test_string_to_sign_has_every_line() -> None:
    """The string to sign has the documented lines in the documented order, x-mns-date in place of Date."""
    headers = {
        "X-MNS-Version": "2015-06-06",
        "x-mns-date": " Wed, 01 Jan 2025 00:00:00 GMT",
        "Date": "ignored",
        "Content-MD5": "m",
        "Content-Type": "text/xml",
        "Host": "example.com",
    }
    assert string_to_sign("put", "/queues/q?metaOverride=true", headers.items()) == (
        "PUT\nm\ntext/xml\nWed, 01 Jan 2025 00:00:00 GMT\n"
        "x-mns-date:Wed, 01 Jan 2025 00:00:00 GMT\nx-mns-version:2015-06-06\n/queues/q?metaOverride=true"
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"REQUEST_URI": "/queues/q?b=%41&a"}, "/queues/q?b=%41&a", id="raw"),
        pytest.param({"RAW_URI": "http://h:1/queues/q?a=1"}, "/queues/q?a=1", id="absolute form"),
        pytest.param({"RAW_URI": "http://h"}, "/", id="absolute form without a path"),
        pytest.param({"PATH_INFO": "/queues/q", "QUERY_STRING": "a=%41"}, "/queues/q?a=%41", id="rebuilt"),
        pytest.param({"PATH_INFO": "/queues/\xe4\xb8\xad"}, "/queues/%E4%B8%AD", id="rebuilt, encoded"),
    ],
)
def test_request_target(environ: dict[str, Any], expected: str) -> None:
    """The signed target is the raw one when the server keeps it, else rebuilt."""
    assert request_target(environ) == expected


def test_right_request_is_accepted(client: SmqClient) -> None:
    """A request with nothing flipped is accepted, so every refusal below has its flip as the only cause."""
    reply = client("POST", "/queues/q/messages", BODY)
    assert (reply.status, reply.field("MessageBodyMD5")) == (201, hashlib.md5(b"aGVsbG8=").hexdigest().upper())


def at(offset: float) -> str:
    """Return the moment ``offset`` seconds from now as a Date header has it."""
    return formatdate(NOW + offset, usegmt=True)


@pytest.mark.parametrize(
    ("flip", "status", "code"),
    [
        pytest.param({"after": {"Authorization": None}}, 400, "MissingAuthorizationHeader", id="no authorization"),
        pytest.param({"after": {"Authorization": "MNS"}}, 400, "InvalidAuthorizationHeader", id="scheme only"),
        pytest.param({"after": {"Authorization": "MNS a"}}, 400, "InvalidAuthorizationHeader", id="no colon"),
        pytest.param({"after": {"Authorization": "FC a:b"}}, 400, "InvalidAuthorizationHeader", id="other scheme"),
        pytest.param(
            {"after": {"Authorization": "MNS4-HMAC-SHA256 Credential=a"}}, 400, "InvalidAuthorizationHeader", id="V4"
        ),
        pytest.param({"after": {"Authorization": "MNS other:x"}}, 403, "InvalidAccessKeyId", id="unknown key"),
        pytest.param({"after": {"security-token": "stray"}}, 403, "InvalidSecurityToken", id="token without need"),
        pytest.param({"after": {"Date": at(1)}}, 403, "SignatureDoesNotMatch", id="date moved by a second"),
        pytest.param({"headers": {"Date": None}}, 400, "MissingDateHeader", id="no date"),
        pytest.param({"headers": {"Date": "yesterday"}}, 400, "InvalidDateHeader", id="date unreadable"),
        pytest.param({"headers": {"Date": at(-901)}}, 408, "TimeExpired", id="15 minutes and a second old"),
        pytest.param({"headers": {"Date": at(901)}}, 408, "TimeExpired", id="15 minutes and a second ahead"),
        pytest.param({"headers": {"x-mns-date": at(-901)}}, 408, "TimeExpired", id="x-mns-date goes before Date"),
        pytest.param({"after": {"x-mns-extra": "1"}}, 403, "SignatureDoesNotMatch", id="own header added"),
        pytest.param({"after": {"x-mns-version": "2015-06-07"}}, 403, "SignatureDoesNotMatch", id="own header changed"),
        pytest.param({"after": {"Content-Type": "text/plain"}}, 403, "SignatureDoesNotMatch", id="content type"),
        pytest.param({"after": {"Content-MD5": "AA=="}}, 403, "SignatureDoesNotMatch", id="content md5 after signing"),
        pytest.param({"headers": {"Content-MD5": "AA=="}}, 400, "InvalidDegist", id="content md5 signed but wrong"),
        pytest.param({"headers": {"x-mns-version": None}}, 400, "MissingVersionHeader", id="no version"),
        pytest.param({"headers": {"x-mns-version": "2026-04-09"}}, 400, "InvalidVersionHeader", id="other version"),
        pytest.param(
            {"send": ("POST", "/queues/q/messages", BODY.replace("aGV", "bGV"))}, 400, "InvalidDegist", id="body"
        ),
        pytest.param({"send": ("PUT", "/queues/q/messages", BODY)}, 403, "SignatureDoesNotMatch", id="method"),
        pytest.param({"send": ("POST", "/queues/r/messages", BODY)}, 403, "SignatureDoesNotMatch", id="path"),
        pytest.param({"send": ("POST", "/queues/q/messages?a=1", BODY)}, 403, "SignatureDoesNotMatch", id="query"),
    ],
)
def test_one_flip_is_refused(client: SmqClient, flip: dict[str, Any], status: int, code: str) -> None:
    """Each single change of a right request is refused with its own code."""
    assert client("POST", "/queues/q/messages", BODY, **flip).refusal == (status, code)


def test_wrong_secret_is_refused(client: SmqClient) -> None:
    """A signature made with another secret does not match."""
    as_key(client, Credential(KEY.access_key_id, "test-other-secret"))
    assert client("GET", "/queues/q").refusal == (403, "SignatureDoesNotMatch")


def test_inactive_key_is_refused(client: SmqClient) -> None:
    """A disabled key is as good as unknown."""
    assert as_key(client, OLD)("GET", "/queues/q").refusal == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize("offset", [-900, 900])
def test_quarter_of_an_hour_is_accepted(client: SmqClient, offset: float) -> None:
    """A date exactly 15 minutes off still passes."""
    assert client("GET", "/queues/q", headers={"Date": at(offset)}).status == 200


def test_x_mns_date_replaces_date(client: SmqClient) -> None:
    """A request whose only right date is x-mns-date passes."""
    assert client("GET", "/queues/q", headers={"Date": at(-9999), "x-mns-date": at(0)}).status == 200


def test_content_md5_of_the_hexadecimal_digest_is_accepted(client: SmqClient) -> None:
    """The form that ``aliyun-mns-sdk`` sends, Base64 of the hexadecimal digest, is right too."""
    md5 = base64.b64encode(hashlib.md5(BODY.encode()).hexdigest().encode()).decode()
    assert client("POST", "/queues/q/messages", BODY, headers={"Content-MD5": md5}).status == 201


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param(None, "InvalidSecurityToken", id="missing"),
        pytest.param("test-security-token-2", "InvalidSecurityToken", id="another one"),
    ],
)
def test_temporary_key_needs_its_token(client: SmqClient, token: str | None, code: str) -> None:
    """A temporary key without its own token is refused (code assumed)."""
    reply = as_key(client, STS)("GET", "/queues/q", after={"security-token": token})
    assert reply.refusal == (403, code)


def test_token_is_not_signed(client: SmqClient) -> None:
    """A temporary key with its token passes although the token is added after signing."""
    assert as_key(client, STS)("GET", "/queues/q").status == 200


def test_expired_token_is_refused(client: SmqClient, world: World) -> None:
    """A token past its end is refused (code assumed), one before it is not."""
    ends = Credential("test-ends-key-id", "test-s", security_token="test-security-token-3", expires_at=NOW + 60)
    world.add_credential(ends)
    assert as_key(client, ends)("GET", "/queues/q").status == 200
    world.clock.advance(60)
    assert client("GET", "/queues/q").refusal == (403, "SecurityTokenExpired")
