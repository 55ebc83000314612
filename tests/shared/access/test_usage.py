"""Who uses an authorization: every form in which its name can stand, and answers that must not pass for "nobody"."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.access.usage import mentions, users
from shared.cloud.references import References
from shared.cloud.transport import HttpRequest, HttpResponse, Transport
from shared.errors import Doubtful
from shared.flow.engine import Invocation
from shared.model.access import VpcAccess
from tests.invoking import VPC, Invoker

NAME = "team-a-i-1-80"
ENTRY = VpcAccess(NAME, VPC, "i-1", 80, vpc_access_id="id-1")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps({"routes": [{"backend": {"vpcAccessName": NAME}}]}), id="json"),
        pytest.param(f"vpcAccessName: {NAME}", id="yaml-at-the-end"),
        pytest.param(f"vpcAccessName: {NAME}\r\nname: x", id="yaml-windows"),
        pytest.param(f"vpcAccessName: '{NAME}'", id="yaml-single-quotes"),
        pytest.param(f"{{vpcAccessName: {NAME}, type: HTTP-VPC}}", id="yaml-flow"),
        pytest.param(f"vpcAccessName: {NAME}# no comment: a part of the name, but who knows", id="hash"),
        pytest.param(f"x: &anchor {NAME}\nvpcAccessName: *anchor", id="yaml-anchor"),
        pytest.param(f"vpcAccessName: !!str {NAME}", id="yaml-tag"),
        pytest.param(f"vpcAccessName: >-\n  {NAME}\n", id="yaml-block"),
        pytest.param('"team\\u002da-i-1-80"', id="escaped-hyphen"),
        pytest.param('"team\\x2da-i-1-80"', id="yaml-x"),
        pytest.param('"team\\U0000002da-i-1-80"', id="yaml-large-u"),
        pytest.param('"\\tteam-a-i-1-80"', id="after-an-escape"),
        pytest.param('"team-a-i-1-80\\n"', id="before-an-escape"),
        pytest.param('"team-a-\\\n   i-1-80"', id="folded"),
        pytest.param('"team-a-\\\r\n\ti-1-80"', id="folded-windows"),
        pytest.param(f"# {NAME} was here", id="comment"),
    ],
)
def test_a_text_that_names_the_entry_is_seen(text: str) -> None:
    """However YAML or JSON writes the name."""
    assert mentions(text, NAME)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("\"it''s a/b\"", "it''s a/b", id="double-quotes-keep-two"),
        pytest.param("'it''s'", "it's", id="apostrophe"),
        pytest.param('"a\\/b"', "a/b", id="slash"),
        pytest.param('"a \\"b\\""', 'a "b"', id="quotes"),
        pytest.param("vpcAccessName: a long\n  name", "a long name", id="plain-over-two-lines"),
        pytest.param('"\\u8ba2\\u5355"', "订单", id="chinese"),
        pytest.param('"\\U0010ffff"', "\U0010ffff", id="the-last-character"),
        pytest.param('"\\U00110000\\x2dprod"', "U00110000-prod", id="no-character"),
        pytest.param('"\\ud83d\\ude00"', "😀", id="surrogates"),
        pytest.param("vpcAccessName: (a+b)", "(a+b)", id="not-a-pattern"),
    ],
)
def test_names_of_any_character_are_seen(text: str, name: str) -> None:
    """A name is looked for as it is, whatever stands in it."""
    assert mentions(text, name)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{NAME}80", id="longer-port"),
        pytest.param(f"{NAME}-old", id="hyphen"),
        pytest.param(f"{NAME}.old", id="dot"),
        pytest.param(f"x-{NAME}", id="longer-at-the-front"),
        pytest.param("team-a-i-1-8", id="shorter"),
        pytest.param("team-a-i-1\n-80", id="two-words"),
        pytest.param("", id="nothing"),
    ],
)
def test_another_name_is_not_taken_for_it(text: str) -> None:
    """The name of another entry that begins or ends alike is none of ours."""
    assert not mentions(f'{{"vpcAccessName": "{text}"}}', NAME)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(lambda text: text.split()))
@example("a  b")
@example("\\")
@example("it's")
def test_whatever_json_writes_is_seen(name: str) -> None:
    """Both of JSON's ways to write a text name it, the one with escapes and the one without."""
    name = " ".join(name.split())

    assert mentions(json.dumps({"vpcAccessName": name}), name)
    assert mentions(json.dumps({"vpcAccessName": name}, ensure_ascii=False), name)


class Told(Transport):
    """Answers each operation with what was prepared, page by page; the last page again and again."""

    def __init__(self, answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self._answers = {operation: list(pages) for operation, pages in answers.items()}

    def send(self, request: HttpRequest, seconds: float) -> HttpResponse:  # noqa: ARG002
        pages = self._answers[request.headers["x-acs-action"]]
        page = pages.pop(0) if len(pages) > 1 else pages[0]
        return HttpResponse(200, {}, json.dumps({"RequestId": "r-1", **page}).encode())


NO_APIS: dict[str, Any] = {"TotalCount": 0, "ApiVpcAccessInfos": {"ApiVpcAccessInfo": []}}
NO_BACKENDS: dict[str, Any] = {"TotalCount": 0, "BackendInfoList": []}
NO_PLUGINS: dict[str, Any] = {"TotalCount": 0, "Plugins": {"PluginAttribute": []}}


def apis(total: Any, *ids: str, **fields: Any) -> dict[str, Any]:
    """Return a page of DescribeApisByVpcAccess."""
    rows = [{"ApiId": its_id, "ApiName": "orders", "VpcName": NAME, **fields} for its_id in ids]
    return {"TotalCount": total, "ApiVpcAccessInfos": {"ApiVpcAccessInfo": rows}}


def plugins(total: Any, *ids: str) -> dict[str, Any]:
    """Return a page of DescribePlugins."""
    return {"TotalCount": total, "Plugins": {"PluginAttribute": [{"PluginId": i, "PluginData": "{}"} for i in ids]}}


def info(*models: Any, its_id: str = "b-1") -> dict[str, Any]:
    """Return an answer of DescribeBackendInfo."""
    return {"BackendInfo": {"BackendId": its_id, "BackendName": "shop", "BackendModels": list(models)}}


def asked(invoke: Invoker, **answers: Any) -> list[str]:
    """Return who uses the entry by these answers; of what none is given there is nothing."""
    told: dict[str, Any] = {
        "DescribeApisByVpcAccess": [NO_APIS],
        "DescribeBackendList": [NO_BACKENDS],
        "DescribePlugins": [NO_PLUGINS],
    }
    if "DescribeBackendInfo" in answers:
        told["DescribeBackendList"] = [{"TotalCount": 1, "BackendInfoList": [{"BackendId": "b-1"}]}]
    session = invoke.configure().session(Invocation("r", 60.0, lambda: invoke.credentials))
    session = session._replace(transport=Told(told | answers))
    return users(ENTRY, References(session, "http://127.0.0.1:8080"))


FULL = [str(number) for number in range(100)]


def model(**config: Any) -> dict[str, Any]:
    """Return a stage's model of a backend object."""
    return {"StageName": "RELEASE", "BackendConfig": config}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"DescribeApisByVpcAccess": [apis("0")]}, [], id="digits"),
        pytest.param({"DescribeApisByVpcAccess": [apis(1, "a")]}, ["API orders (a) as a draft"], id="draft"),
        pytest.param(
            {"DescribeApisByVpcAccess": [apis(1, "a", StageName="PRE")]}, ["API orders (a) in stage PRE"], id="stage"
        ),
        pytest.param(
            {"DescribeApisByVpcAccess": [apis(1, "a", VpcName=None)]}, ["API orders (a) as a draft"], id="names-nothing"
        ),
        pytest.param({"DescribeApisByVpcAccess": [apis(1, "a", VpcName=f"{NAME}80")]}, [], id="another's"),
        pytest.param({"DescribeBackendInfo": [info(model(Type="HTTP"))]}, [], id="backend-elsewhere"),
        pytest.param({"DescribeBackendInfo": [info()]}, [], id="backend-without-stages"),
        pytest.param(
            {"DescribeBackendInfo": [info(model(Type="HTTP"), model(VpcConfig={"VpcAccessId": "id-1"}))]},
            ["backend object shop (b-1)"],
            id="backend-in-one-stage",
        ),
        pytest.param({"DescribePlugins": [plugins(101, *FULL), plugins(101, "100")]}, [], id="two-pages"),
    ],
)
def test_who_uses_it_is_told(invoke: Invoker, answers: dict[str, Any], said: list[str]) -> None:
    """Everything that refers to the entry is named; what is of another one is not."""
    assert asked(invoke, **answers) == said


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({"DescribeApisByVpcAccess": [apis(1)]}, id="counted-and-empty"),
        pytest.param({"DescribeApisByVpcAccess": [apis(0, "a")]}, id="more-than-counted"),
        pytest.param({"DescribeApisByVpcAccess": [apis(None)]}, id="not-counted"),
        pytest.param({"DescribeApisByVpcAccess": [apis(-1)]}, id="below-zero"),
        pytest.param({"DescribeApisByVpcAccess": [apis(True, "a")]}, id="counted-in-words"),
        pytest.param({"DescribeApisByVpcAccess": [apis(1, "a", VpcName=f"{NAME}\ud83d")]}, id="half-a-name"),
        pytest.param({"DescribePlugins": [plugins(101, *FULL), plugins(100)]}, id="one-vanished"),
        pytest.param({"DescribePlugins": [plugins(101, *FULL), plugins(102, "100", "101")]}, id="one-more"),
        pytest.param({"DescribePlugins": [plugins(101, *FULL), plugins(101, "99")]}, id="shifted"),
        pytest.param({"DescribePlugins": [plugins(101, *FULL), plugins(101)]}, id="the-last-page-is-empty"),
        pytest.param(
            {"DescribePlugins": [{"TotalCount": 1, "Plugins": {"PluginAttribute": [{"PluginId": "p"}]}}]}, id="no-text"
        ),
        pytest.param({"DescribeBackendInfo": [info(its_id="b-2")]}, id="about-another"),
        pytest.param({"DescribeBackendInfo": [{"BackendInfo": {"BackendId": "b-1"}}]}, id="no-stages"),
        pytest.param({"DescribeBackendInfo": [info({"StageName": "RELEASE"})]}, id="no-config"),
        pytest.param({"DescribeBackendInfo": [info(model(Type="VPC"))]}, id="in-a-vpc-without-saying-which"),
        pytest.param({"DescribeBackendInfo": [info(model())]}, id="of-no-type"),
        pytest.param({"DescribeBackendInfo": [info(model(Type="VPC", VpcConfig={"VpcId": VPC}))]}, id="names-nothing"),
    ],
)
def test_what_cannot_be_read_as_a_whole_is_not_nobody(invoke: Invoker, answers: dict[str, Any]) -> None:
    """An answer that hides, loses or contradicts something stops the release."""
    with pytest.raises(Doubtful):
        asked(invoke, **answers)
