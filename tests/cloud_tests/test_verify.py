"""The stand-in's signature checks: the vendor's vectors pass, and each guard is shown by bending one thing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client, EnvironBuilder
from werkzeug.wrappers import Request

from tests.cloud import verify
from tests.cloud.core import Call, Credential, ManualClock, Nonces, ServiceError, World
from tests.cloud.fixtures import PERMANENT, TEMPORARY, Served
from tests.cloud.signed import V1, V3, Signed, date

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "signature-vectors.json").read_text(encoding="utf-8"))
V3_VECTORS = [pytest.param(v, id=v["name"]) for v in VECTORS["vectors"] if v["algorithm"] == verify.ACS3]
V1_VECTORS = [pytest.param(v, id=v["name"]) for v in VECTORS["vectors"] if v["algorithm"] != verify.ACS3]
ENTRY = {"Name": "n", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": "80"}


def _world(credential: Credential, sent: str) -> World:
    now = datetime.strptime(sent, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
    world = World(clock=ManualClock(now))
    world.add_credential(credential)
    return world


def _v3_call(vector: dict[str, Any], authorization: str) -> Call:
    given = vector["inputs"]
    headers: dict[str, str] = {**given["headers_to_sign"], "Authorization": authorization}
    builder = EnvironBuilder(
        path=quote(given["pathname"], safe="/%"),
        method=given["method"],
        query_string=verify.canonical_query(given["query"].items()),
        headers=list(headers.items()),
        data=given["body"].encode(),
    )
    return Call(Request({**builder.get_environ(), "REQUEST_URI": given["pathname"]}), "", "")


@pytest.mark.parametrize("vector", V3_VECTORS)
def test_v3_vectors_match_in_every_stage(vector: dict[str, Any]) -> None:
    """Canonical request, string to sign and signature of the given vectors come out, in that order."""
    given, expected = vector["inputs"], vector["expected"]
    headers = {name.lower(): value for name, value in given["headers_to_sign"].items()}
    canonical = verify.canonical_request(
        given["method"],
        given["pathname"],
        [(name, str(value)) for name, value in given["query"].items()],
        headers,
        expected["signed_headers"].split(";"),
        expected["hashed_payload"],
    )
    assert canonical == expected["canonical_request"]
    assert verify.acs3_string_to_sign(canonical) == expected["string_to_sign"]
    assert verify.acs3_signature(given["access_key_secret"], expected["string_to_sign"]) == expected["signature"]


@pytest.mark.parametrize("vector", V3_VECTORS)
def test_v3_vectors_authenticate(vector: dict[str, Any]) -> None:
    """A request made of a vector is accepted as a whole, and refused with another signature."""
    given, expected = vector["inputs"], vector["expected"]
    key = Credential(
        given["access_key_id"], given["access_key_secret"], security_token=given.get("security_token") or ""
    )
    world = _world(key, given["headers_to_sign"]["x-acs-date"])
    assert verify.acs3(_v3_call(vector, expected["authorization"]), world) == key
    bent = expected["authorization"][:-1] + ("0" if expected["authorization"][-1] != "0" else "1")
    with pytest.raises(ServiceError) as refused:
        verify.acs3(_v3_call(vector, bent), world)
    assert refused.value.code == "SignatureDoesNotMatch"
    assert f"server CanonicalRequest is [{expected['canonical_request']}]" in refused.value.message


@pytest.mark.parametrize("vector", V1_VECTORS)
def test_v1_vectors_match_and_authenticate(vector: dict[str, Any]) -> None:
    """String to sign and signature of the V1 vectors come out, and the request is accepted by them."""
    given, expected = vector["inputs"], vector["expected"]
    pairs = [(name, str(value)) for name, value in given["params"].items()]
    text = verify.v1_string_to_sign(given["method"], pairs)
    assert text == expected["string_to_sign"]
    assert verify.v1_signature(given["access_key_secret"], text) == expected["signature"]
    parameters = dict(pairs)
    key = Credential(
        parameters["AccessKeyId"], given["access_key_secret"], security_token=parameters.get("SecurityToken", "")
    )
    call = Call(Request(EnvironBuilder(method=given["method"]).get_environ()), "", "")
    signed = [*pairs, ("Signature", expected["signature"])]
    assert verify.v1(call, _world(key, parameters["Timestamp"]), signed) == key


def _header(name: str, value: str) -> Callable[[Signed], None]:
    return lambda sent: sent.headers.update({name: value})


def _without(name: str) -> Callable[[Signed], None]:
    def remove(sent: Signed) -> None:
        del sent.headers[name]

    return remove


def _body(sent: Signed) -> None:
    sent.body = b"a=b"


def _query(sent: Signed) -> None:
    sent.url = sent.url.replace("Port=80", "Port=22")


def _leave(_sent: Signed) -> None:
    """Change nothing after signing."""


def _flip_signature(sent: Signed) -> None:
    text = sent.headers["authorization"]
    sent.headers["authorization"] = text[:-1] + ("0" if text[-1] != "0" else "1")


def _unsort(sent: Signed) -> None:
    before, names, after = re.split(r"SignedHeaders=([^,]+)", sent.headers["authorization"])
    sent.headers["authorization"] = f"{before}SignedHeaders={';'.join(reversed(names.split(';')))}{after}"


def _name_one_more(sent: Signed) -> None:
    text = sent.headers["authorization"]
    sent.headers["authorization"] = text.replace("SignedHeaders=", "SignedHeaders=a-header-not-sent;")


# One thing is changed in a good request: what the client signs (first), or what arrives (second).
V3_GUARDS = [
    pytest.param({"credential": Credential("nobody", "x")}, _leave, 404, "InvalidAccessKeyId.NotFound", id="key"),
    pytest.param(
        {"credential": Credential("test-inactive", "x")}, _leave, 400, "InvalidAccessKeyId.Inactive", id="key-inactive"
    ),
    pytest.param(
        {"credential": replace(PERMANENT, access_key_secret="other")}, _leave, 400, "SignatureDoesNotMatch", id="secret"
    ),
    pytest.param(
        {"credential": replace(TEMPORARY, security_token="")}, _leave, 400, "MissingSecurityToken", id="token-missing"
    ),
    pytest.param(
        {"credential": replace(TEMPORARY, security_token="bent")},
        _leave,
        400,
        "InvalidSecurityToken.Malformed",
        id="token-bent",
    ),
    pytest.param(
        {"credential": replace(TEMPORARY, security_token="test-other-token")},
        _leave,
        400,
        "InvalidSecurityToken.MismatchWithAccessKey",
        id="token-of-another-key",
    ),
    pytest.param(
        {"headers": {"x-acs-security-token": "bent"}}, _leave, 400, "InvalidSecurityToken.Malformed", id="token-surplus"
    ),
    pytest.param(
        {"credential": Credential("test-old", "x", security_token="test-old-token")},
        _leave,
        400,
        "InvalidSecurityToken.Expired",
        id="token-expired",
    ),
    pytest.param({"algorithm": "ACS3-HMAC-SM3"}, _leave, 400, "InvalidSignatureMethod", id="algorithm"),
    pytest.param({"unsigned": frozenset({"host"})}, _leave, 400, "IncompleteSignature", id="host-unsigned"),
    pytest.param(
        {"unsigned": frozenset({"x-acs-action"})}, _leave, 400, "IncompleteSignature", id="acs-header-unsigned"
    ),
    pytest.param(
        {"headers": {"content-type": "text/plain"}, "unsigned": frozenset({"content-type"})},
        _leave,
        400,
        "IncompleteSignature",
        id="content-type-unsigned",
    ),
    pytest.param({}, _header("x-acs-retry-attempts", "1"), 400, "IncompleteSignature", id="acs-header-added"),
    pytest.param({}, _without("x-acs-version"), 400, "MissingVersion", id="version-removed"),
    pytest.param({}, _without("x-acs-date"), 400, "IncompleteSignature", id="signed-header-removed"),
    pytest.param({}, _unsort, 400, "IncompleteSignature", id="signed-headers-unsorted"),
    pytest.param({}, _name_one_more, 400, "IncompleteSignature", id="signed-header-not-sent"),
    pytest.param({}, _header("authorization", "ACS3-HMAC-SHA256"), 400, "IncompleteSignature", id="authorization-cut"),
    pytest.param({"headers": {"x-acs-content-sha256": ""}}, _leave, 400, "IncompleteSignature", id="body-hash-missing"),
    pytest.param({}, _body, 400, "ContentSha256NotMatched", id="body"),
    pytest.param({"headers": {"x-acs-content-sha256": "0"}}, _leave, 400, "ContentSha256NotMatched", id="body-hash"),
    pytest.param({}, _query, 400, "SignatureDoesNotMatch", id="parameter"),
    pytest.param({}, _header("host", "127.0.0.2"), 400, "SignatureDoesNotMatch", id="host"),
    pytest.param({}, _header("x-acs-date", "2026-11-18T10:26:41Z"), 400, "SignatureDoesNotMatch", id="date-bent"),
    pytest.param({}, _header("x-acs-signature-nonce", "bent"), 400, "SignatureDoesNotMatch", id="nonce-bent"),
    pytest.param({}, _flip_signature, 400, "SignatureDoesNotMatch", id="signature"),
    pytest.param({"headers": {"x-acs-date": ""}}, _leave, 400, "IllegalTimestamp", id="date-missing"),
    pytest.param({"headers": {"x-acs-date": "yesterday"}}, _leave, 400, "InvalidTimeStamp.Format", id="date-malformed"),
    pytest.param({"headers": {"x-acs-signature-nonce": ""}}, _leave, 400, "MissingSignatureNonce", id="nonce-missing"),
    pytest.param({"headers": {"x-acs-signature-nonce": "used"}}, _leave, 400, "SignatureNonceUsed", id="nonce-used"),
    pytest.param({}, _leave, 200, None, id="nothing"),
]


def _prepared(cloud: Served) -> Client:
    world = cloud.world
    world.add_credential(Credential("test-inactive", "x", active=False))
    world.add_credential(Credential("test-other", "x", security_token="test-other-token"))
    world.add_credential(Credential("test-old", "x", security_token="test-old-token", expires_at=world.clock.now()))
    world.nonces.use(PERMANENT.access_key_id, "used", world.clock.now())
    return Client(cloud.app)


@pytest.mark.parametrize(("signed", "arrives", "status", "code"), V3_GUARDS)
def test_v3_refuses_one_changed_thing_with_its_own_code(
    inner_cloud: Served, signed: dict[str, Any], arrives: Callable[[Signed], None], status: int, code: str | None
) -> None:
    """A request that is good but for one thing is refused with that thing's code, and nothing is written."""
    client = _prepared(inner_cloud)
    request = V3(
        **{
            "action": "SetVpcAccess",
            "parameters": ENTRY,
            "credential": PERMANENT,
            "now": inner_cloud.world.clock.now(),
            **signed,
        }
    ).sign()
    arrives(request)
    answer = client.open(**request.for_werkzeug())
    body = json.loads(answer.get_data())
    assert (answer.status_code, body.get("Code")) == (status, code)
    assert len(inner_cloud.products["CloudAPI"].entries.everything()) == (status == 200)


V1_GUARDS = [
    pytest.param({}, {"AccessKeyId": "nobody"}, 404, "InvalidAccessKeyId.NotFound", id="key"),
    pytest.param({}, {"AccessKeyId": ""}, 400, "MissingAccessKeyId", id="key-missing"),
    pytest.param(
        {"credential": replace(TEMPORARY, security_token="")}, {}, 400, "MissingSecurityToken", id="token-missing"
    ),
    pytest.param({}, {"SecurityToken": "bent"}, 400, "InvalidSecurityToken.Malformed", id="token-bent"),
    pytest.param(
        {"credential": Credential("test-old", "x", security_token="test-old-token")},
        {},
        400,
        "InvalidSecurityToken.Expired",
        id="token-expired",
    ),
    pytest.param({}, {"SignatureMethod": "HMAC-MD5"}, 400, "InvalidSignatureMethod", id="algorithm"),
    pytest.param({}, {"SignatureVersion": "2.0"}, 400, "InvalidSignatureMethod", id="signature-version"),
    pytest.param(
        {"credential": replace(PERMANENT, access_key_secret="x")}, {}, 400, "SignatureDoesNotMatch", id="secret"
    ),
    pytest.param({}, {"Timestamp": ""}, 400, "IllegalTimestamp", id="date-missing"),
    pytest.param({}, {"Timestamp": "2026-11-18"}, 400, "InvalidTimeStamp.Format", id="date-malformed"),
    pytest.param({}, {"Timestamp": "2020-11-18T00:00:00Z"}, 400, "InvalidTimeStamp.Expired", id="date-old"),
    pytest.param({}, {"SignatureNonce": ""}, 400, "MissingSignatureNonce", id="nonce-missing"),
    pytest.param({}, {"SignatureNonce": "used"}, 400, "SignatureNonceUsed", id="nonce-used"),
    pytest.param({}, {}, 200, None, id="nothing"),
    pytest.param({"form": True}, {}, 200, None, id="nothing-in-a-form"),
    pytest.param({"credential": TEMPORARY}, {}, 200, None, id="nothing-with-a-token"),
]


@pytest.mark.parametrize(("signed", "common", "status", "code"), V1_GUARDS)
def test_v1_refuses_one_changed_thing_with_its_own_code(
    inner_cloud: Served, signed: dict[str, Any], common: dict[str, str], status: int, code: str | None
) -> None:
    """A V1 request that is good but for one thing is refused with that thing's code."""
    client = _prepared(inner_cloud)
    now = inner_cloud.world.clock.now()
    request = V1(
        **{
            "action": "SetVpcAccess",
            "parameters": ENTRY,
            "credential": PERMANENT,
            "now": now,
            "common": common,
            **signed,
        }
    ).sign()
    answer = client.open(**request.for_werkzeug())
    assert (answer.status_code, json.loads(answer.get_data()).get("Code")) == (status, code)


@pytest.mark.parametrize("form", [False, True], ids=["query", "form"])
def test_v1_signature_covers_query_and_form(inner_cloud: Served, form: bool) -> None:
    """A parameter changed on the way is noticed wherever it travels."""
    request = V1("SetVpcAccess", ENTRY, PERMANENT, inner_cloud.world.clock.now(), form=form).sign()
    request.url = request.url.replace("Port=80", "Port=22")
    request.body = request.body.replace(b"Port=80", b"Port=22")
    answer = Client(inner_cloud.app).open(**request.for_werkzeug())
    body = json.loads(answer.get_data())
    assert body["Code"] == "SignatureDoesNotMatch"
    assert "server string to sign is:POST&%2F&AccessKeyId%3D" in body["Message"]


@pytest.mark.parametrize(
    ("age", "future", "status"),
    [
        pytest.param(900, "accept", 200, id="15-minutes-old"),
        pytest.param(901, "accept", 400, id="a-second-too-old"),
        pytest.param(-901, "accept", 200, id="ahead-accepted"),
        pytest.param(-901, "refuse", 400, id="ahead-refused"),
        pytest.param(-900, "refuse", 200, id="15-minutes-ahead"),
    ],
)
def test_clock_tolerance_is_fifteen_minutes(inner_cloud: Served, age: int, future: str, status: int) -> None:
    """A date counts for 15 minutes; how far ahead it may be is a switch."""
    world = inner_cloud.world
    world.switches = world.switches.with_values(future_dates=future)
    request = V3("SetVpcAccess", ENTRY, PERMANENT, world.clock.now() - age).sign()
    assert Client(inner_cloud.app).open(**request.for_werkzeug()).status_code == status


def test_a_replayed_request_is_refused(inner_cloud: Served) -> None:
    """The very same bytes sent twice are a used nonce, as the retry of a lost answer would be."""
    client = Client(inner_cloud.app)
    request = V3("DescribeVpcAccesses", {}, PERMANENT, inner_cloud.world.clock.now()).sign()
    first, second = (client.open(**request.for_werkzeug()) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 400)
    assert json.loads(second.get_data())["Code"] == "SignatureNonceUsed"


def test_nonces_are_remembered_for_fifteen_minutes() -> None:
    """A nonce is free again after its window, is another key's own affair, and does not pile up."""
    nonces = Nonces()
    assert nonces.use("a", "n", 0.0)
    assert not nonces.use("a", "n", 900.0)
    assert nonces.use("b", "n", 900.0)
    assert nonces.use("a", "n", 901.0)
    assert not nonces.use("b", "n", 901.0)
    assert len(nonces._seen) == len(nonces._order) == 2


def test_checks_come_in_the_documented_order(inner_cloud: Served) -> None:
    """With everything wrong at once, mending one fault after the other shows the checks one by one."""
    client, now = _prepared(inner_cloud), inner_cloud.world.clock.now()
    bad: dict[str, Any] = {
        "credential": Credential("nobody", "x"),
        "algorithm": "ACS3-HMAC-SM3",
        "unsigned": frozenset({"host"}),
        "headers": {
            "x-acs-security-token": "bent",
            "x-acs-content-sha256": "0",
            "x-acs-date": date(now - 9999),
            "x-acs-signature-nonce": "used",
        },
    }
    mending: list[Callable[[], Any]] = [
        lambda: bad.update(credential=replace(PERMANENT, access_key_secret="x")),
        lambda: bad["headers"].pop("x-acs-security-token"),
        lambda: bad.pop("algorithm"),
        lambda: bad.pop("unsigned"),
        lambda: bad["headers"].pop("x-acs-content-sha256"),
        lambda: bad.update(credential=PERMANENT),
        lambda: bad["headers"].pop("x-acs-date"),
        lambda: bad["headers"].pop("x-acs-signature-nonce"),
    ]
    seen = []
    for mend in [lambda: None, *mending]:
        mend()
        request = V3(**{"action": "SetVpcAccess", "parameters": ENTRY, "now": now, **bad}).sign()
        answer = client.open(**request.for_werkzeug())
        seen.append(json.loads(answer.get_data()).get("Code"))
    assert seen == [
        "InvalidAccessKeyId.NotFound",
        "InvalidSecurityToken.Malformed",
        "InvalidSignatureMethod",
        "IncompleteSignature",
        "ContentSha256NotMatched",
        "SignatureDoesNotMatch",
        "InvalidTimeStamp.Expired",
        "SignatureNonceUsed",
        None,
    ]


@given(parameters=st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), st.text(), max_size=5))
def test_any_parameters_survive_the_wire(parameters: dict[str, str]) -> None:
    """Whatever the parameters are, decoding the query and encoding it again gives the text that was signed."""
    query = verify.canonical_query(parameters.items())
    request = Request(EnvironBuilder(query_string=query).get_environ())
    assert verify.canonical_query(verify.query_pairs(request)) == query
