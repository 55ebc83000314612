"""Nothing that names an account reaches a record: what is planted into every field of every answer stays out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.cloud.endpoints import REGIONS
from shared.cloud.signing import Credentials
from tests.cloud.core import Credential
from tests.contract.question import Answer
from tests.contract.questions import BY_ID, QUESTIONS
from tests.contract.record import EVIDENCE, NOT_ASKED, NOT_SEEN, UNCLEAR, Asked, Outcome, document
from tests.contract.words import HIDDEN, KNOWN, told
from tests.contract_tests.asking import Asking, asking

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
HEX = "0123456789abcdef"


def _of(alphabet: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=most)


SECRETS = st.one_of(
    _of(LETTERS, 12, 24).map(lambda text: f"LTAI5t{text}"),
    _of(LETTERS, 20, 60).map(lambda text: f"STS.N{text}"),
    _of("0123456789", 16, 16),
    _of(HEX, 40, 40),
    _of(LETTERS, 17, 17).map(lambda text: f"vpc-bp1{text}"),
    _of(LETTERS, 17, 17).map(lambda text: f"i-bp1{text}"),
    _of(LETTERS, 17, 17).map(lambda text: f"lb-bp1{text}"),
    st.ip_addresses(v=4).map(str),
    st.from_regex(r"[A-Za-z0-9+/]{27}=", fullmatch=True),
    st.from_regex(r"(orders|billing|kunden)-[a-z]{3,9}", fullmatch=True),
    st.from_regex(r"(Orders|Billing|Kunden)[A-Z][b-df-hj-np-tv-z]{5,9}", fullmatch=True),
    st.text("订单服务测试", min_size=2, max_size=8),
)


class Planter:
    """Puts secrets in the place of fields of answers: ``share`` of all, whichever the seed draws."""

    def __init__(self, secrets: list[str], share: float, seed: int) -> None:
        self._secrets, self._share, self._random = secrets, share, Random(seed)

    def __call__(self, answer: httpx.Response) -> httpx.Response:
        """Return an answer with secrets in it, in its headers as well."""
        body = answer.read()
        try:
            spoiled = json.dumps(self._value(json.loads(body))).encode()
        except ValueError:
            spoiled = re.sub(rb">([^<>]+)<", lambda found: b">" + self._text(found[1].decode()).encode() + b"<", body)
        headers = {"content-type": answer.headers.get("content-type", ""), "x-acs-request-id": self._secret()}
        return httpx.Response(answer.status_code, headers=headers | {"x-secret": self._secret()}, content=spoiled)

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._text(key): self._value(each) for key, each in value.items()} | {"Secret": self._secret()}
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and not isinstance(value, bool) and self._random.random() < self._share:
            return int(next((each for each in self._secrets if each.isdecimal()), "1234567890123456"))
        return value

    def _text(self, text: str) -> str:
        return self._secret() if self._random.random() < self._share else text

    def _secret(self) -> str:
        secret = self._random.choice(self._secrets)
        return secret if secret.isascii() else json.dumps(secret)


def _spoiled(secrets: list[str], share: float, seed: int) -> Asking:
    """Return a run as which everything is secret: the key, what the user named, and much of what the cloud says."""
    run = asking(apis_follow_after_looks=1)
    key = Credentials(f"LTAI5t{seed}key", f"{seed}-secret", f"STS.{seed}-token")
    run.cloud.world.add_credential(
        Credential(key.access_key_id, key.access_key_secret, security_token=key.security_token)
    )
    run.place = run.place._replace(credentials=key)
    run.given = replace(run.given, vpc_id=f"vpc-bp1{seed}vpc", instance_id=f"i-bp1{seed}instance")
    planter = Planter(secrets, share, seed)
    seen = [0]

    def spoil(answer: httpx.Response) -> httpx.Response:
        seen[0] += 1
        return planter(answer) if seen[0] > 1 else answer  # the first look tells whether the key is right

    run.spoil = spoil
    return run


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


OURS = {
    *("contract", "date", "cloud", "region", "answers", "question", "answer", "clients", "seconds", "switches"),
    *("evidence", "product", "sdk", "real", "stand-in", "…", NOT_ASKED, NOT_SEEN, UNCLEAR, *EVIDENCE, *REGIONS),
    *(word for question in QUESTIONS for word in (question.id, *question.words, *question.settles)),
}


VALUES = st.recursive(
    st.one_of(SECRETS, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(SECRETS, inner, max_size=3)),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(EVIDENCE)), VALUES, min_size=1), st.data())
def test_no_evidence_names_anything(evidence: dict[str, Any], data: st.DataObject) -> None:
    """Whatever a question takes from an answer as its evidence, only known words and small numbers are written."""
    question = data.draw(st.sampled_from(QUESTIONS))
    answer = Answer(question.words[0], {}, evidence)
    whole = document(
        [Outcome(question.id, {"sdk": Asked(answer)}, 1e12)], real=True, region_id="cn-hangzhou", now=1.8e9
    )

    _check(whole)


@settings(max_examples=4, deadline=None)
@given(st.lists(SECRETS, min_size=1, max_size=6), st.sampled_from([0.02, 0.2, 0.7, 1.0]), st.integers(100_000, 999_999))
def test_no_secret_reaches_a_record(secrets: list[str], share: float, seed: int) -> None:
    """Whatever the cloud puts where, the record has our own words, small numbers, and known words of the cloud only."""
    run = _spoiled(secrets, share, seed)
    whole = document(run().outcomes, real=True, region_id=secrets[0], now=1.8e9)
    text = json.dumps(whole, ensure_ascii=False)

    for secret in (*secrets, f"{seed}", run.given.used_entry, run.given.draft_entry, "contract0001", "contract-api"):
        assert secret not in text
    assert whole["region"] == HIDDEN
    _check(whole)


def _check(whole: dict[str, Any]) -> None:
    """Fail if a record holds anything but our words, known words of the cloud and small numbers."""
    for leaf in _leaves(whole):
        if isinstance(leaf, str):
            assert leaf in OURS or leaf in _values() or _is_told(leaf) or leaf == whole["date"], leaf
        else:
            assert leaf is None or isinstance(leaf, bool) or -1 <= leaf <= 100_000


def _values() -> set[str]:
    """Return the values that switches can have."""
    from dataclasses import fields

    from tests.cloud.switches import Switches

    return {value for switch in fields(Switches) for value in switch.metadata.get("choices", ())}


def _is_told(text: str) -> bool:
    return all(
        word.lower() in KNOWN for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\.", text.replace(HIDDEN, ""))
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("NotFoundVpcAccess", "NotFoundVpcAccess", id="code"),
        pytest.param("InvalidLoadBalancerId.NotFound", "InvalidLoadBalancerId.NotFound", id="code-of-two-parts"),
        pytest.param("Forbidden.RAM", "Forbidden.RAM", id="capitals"),
        pytest.param("InvalidFrobnicatorName", "Invalid…Name", id="unknown-word"),
        pytest.param("OrdersBilling", "…", id="unknown-words"),
        pytest.param("updating", "updating", id="state"),
        pytest.param("orders-prod", "…", id="name"),
        pytest.param("i-bp1example0001", "…", id="instance"),
        pytest.param("10.0.0.1", "…", id="address"),
        pytest.param("1234567890123456", "…", id="account"),
        pytest.param("NotFound" * 20, "…", id="long"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_text_of_the_cloud_is_told_word_by_word(text: str, kept: str) -> None:
    """A code keeps the words that are known; what is not made of letters and dots is hidden as a whole."""
    assert told(text) == kept


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        pytest.param(Answer("orders-prod"), "has no answer", id="word"),
        pytest.param(Answer("present", {}, {"name": "orders-prod"}), "name", id="evidence"),
        pytest.param(Answer("present", {"name": "orders-prod"}), "unknown switch", id="switch"),
        pytest.param(Answer("present", {"vpc_access_id": "f756"}), "takes present or absent", id="value"),
    ],
)
def test_a_mistake_of_a_question_ends_in_no_record(answer: Answer, problem: str) -> None:
    """A question that answers by a word, a name of evidence or a switch that is not allowed fails, and nothing is written."""
    outcome = Outcome("set-answer", {"product": Asked(answer)}, 0.0)
    with pytest.raises(ValueError, match=problem):
        document([outcome], real=True, region_id="cn-hangzhou", now=0.0)


def test_the_evidence_of_the_stand_in_is_told_in_full() -> None:
    """Codes, states and names of fields that the vendor documents are among the known words."""
    run = asking(apis_follow_after_looks=1)
    whole = document(run().outcomes, real=False, region_id="cn-hangzhou", now=0.0)

    assert HIDDEN not in json.dumps(whole, ensure_ascii=False)
    assert whole["answers"][0].keys() >= {"question", "answer", "clients", "seconds", "evidence"}
    assert [row["question"] for row in whole["answers"]] == list(BY_ID)
