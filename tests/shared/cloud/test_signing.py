"""The signer against vectors that others computed: the vendor's documentation and SDK, and the vendor's own tests."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cloud.signing import Credentials, acs3, acs3_headers, canonical_query, mns, percent_encode

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "signature-vectors.json").read_text(encoding="utf-8"))[
    "vectors"
]
V3 = [vector for vector in VECTORS if vector["algorithm"] == "ACS3-HMAC-SHA256"]


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector["name"]) for vector in V3])
def test_acs3_agrees_with_the_vendor_stage_by_stage(vector: dict[str, Any]) -> None:
    """Canonical request, string to sign, signature and header equal the vector's, compared in that order."""
    inputs, expected = vector["inputs"], vector["expected"]
    query = canonical_query(inputs["query"].items())
    signed = acs3(
        inputs["method"],
        inputs["pathname"],
        query,
        inputs["headers_to_sign"],
        inputs["headers_to_sign"]["x-acs-content-sha256"],
        Credentials(inputs["access_key_id"], inputs["access_key_secret"], inputs.get("security_token", "")),
    )

    assert query == expected["canonical_query_string"]
    assert signed.canonical_request == expected["canonical_request"]
    assert signed.string_to_sign == expected["string_to_sign"]
    assert signed.signature == expected["signature"]
    assert signed.authorization == expected["authorization"]


def test_every_given_v3_vector_is_used() -> None:
    """All 26 vectors are accounted for: 18 of V3 here, 8 of V1 in cloud_tests/test_verify."""
    assert (len(VECTORS), len(V3)) == (26, 18)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("doc-v3-runinstances", id="documentation"),
        pytest.param("v3-setvpcaccess-sts", id="with-token"),
        pytest.param("v3-setvpcaccess-form-body", id="with-body"),
        pytest.param("v3-roa-path", id="roa"),
    ],
)
def test_headers_of_a_whole_request_are_those_of_the_vector(name: str) -> None:
    """`acs3_headers` builds the very headers that the vector signs, and its Authorization."""
    vector = next(vector for vector in V3 if vector["name"] == name)
    inputs, expected = vector["inputs"], vector["expected"]
    given_headers = inputs["headers_to_sign"]
    headers = acs3_headers(
        inputs["method"],
        inputs["pathname"],
        canonical_query(inputs["query"].items()),
        host=given_headers["host"],
        action=given_headers["x-acs-action"],
        version=given_headers["x-acs-version"],
        date=given_headers["x-acs-date"],
        nonce=given_headers["x-acs-signature-nonce"],
        credentials=Credentials(
            inputs["access_key_id"], inputs["access_key_secret"], given_headers.get("x-acs-security-token", "")
        ),
        body=inputs["body"].encode(),
        extra={name: given_headers[name] for name in given_headers if name == "content-type"},
    )

    assert headers.pop("authorization") == expected["authorization"]
    assert headers == given_headers


MNS = [
    pytest.param(
        "ak1",
        "sk1",
        "POST",
        "/queues/TestQueue",
        {"date": "Tue, 03 Jun 2025 11:23:48 GMT", "x-mns-abcdef": "abcDEF"},
        "MNS ak1:cAThPWnbphg3hDe3ZHDADTgkgyE=",
        id="vendor-unit-test",  # aliyun/alibabacloud-gateway, alibabacloud-gateway-mns/java, UnitTest.java
    ),
]


@pytest.mark.parametrize(("key", "secret", "method", "resource", "headers", "expected"), MNS)
def test_mns_agrees_with_the_vendor(
    key: str, secret: str, method: str, resource: str, headers: dict[str, str], expected: str
) -> None:
    """The SMQ signature equals the one in the vendor's own tests."""
    assert mns(method, resource, headers, Credentials(key, secret)).authorization == expected


def test_mns_date_replaces_date() -> None:
    """`x-mns-date` stands in the date's line when both are there, and among the own headers."""
    signed = mns("GET", "/topics", {"date": "a", "x-mns-date": "b"}, Credentials("k", "s"))

    assert signed.string_to_sign == "GET\n\n\nb\nx-mns-date:b\n/topics"


def test_the_token_is_not_part_of_the_mns_signature() -> None:
    """The same request signs alike with and without a security token."""
    headers = {"date": "Tue, 03 Jun 2025 11:23:48 GMT"}

    assert mns("GET", "/", headers, Credentials("k", "s")) == mns("GET", "/", headers, Credentials("k", "s", "token"))


@given(st.text())
def test_percent_encoding_is_reversible_and_reserved_free(text: str) -> None:
    """Whatever the text, the encoding holds unreserved characters and upper-case escapes only, and decodes back."""
    if not text.isascii() and any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        return
    encoded = percent_encode(text)

    assert unquote(encoded) == text
    assert "+" not in encoded
    assert encoded == encoded.upper() or unquote(encoded) == text


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8"))))
def test_the_query_on_the_wire_is_the_query_that_was_signed(parameters: dict[str, str]) -> None:
    """Decoding the canonical query gives back every parameter, in order of the encoded text."""
    query = canonical_query(parameters.items())

    assert dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))) == parameters


def test_secrets_do_not_show() -> None:
    """Neither credentials nor signatures print what they hold."""
    credentials = Credentials("id", "the-secret", "the-token")
    signed = mns("GET", "/", {}, credentials)

    for shown in (repr(credentials), str(credentials), f"{credentials}", repr(signed), str(signed)):
        assert "the-secret" not in shown
        assert "the-token" not in shown
        assert signed.signature not in shown
