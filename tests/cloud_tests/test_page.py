"""The page over HTTP: what it shows, whom it answers, and that what others wrote is nothing but text in it."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

from tests.cloud.asking import Asker
from tests.cloud.core import Credential
from tests.cloud.fc.handlers import deploy
from tests.cloud.fixtures import Served
from tests.cloud.page import sight
from tests.cloud.page.markup import tag
from tests.cloud.page.text import visible
from tests.cloud.page.world import button
from tests.cloud.seeds import seed

EVENTS = Path(__file__).parents[2] / "events"
ENTRY: dict[str, Any] = {"Name": "web", "VpcId": "vpc-1", "InstanceId": "i-1", "Port": 80}
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def ask(cloud: Served, method: str, route: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
    """Return status and answer of a control route: JSON as what it holds, a page as its text."""
    data = b"" if body is None else json.dumps(body).encode()
    answer = Client(cloud.app).open(f"/_cloud/{route}", method=method, data=data, headers=headers)
    text = answer.get_data(as_text=True)
    return answer.status_code, json.loads(text) if answer.mimetype == "application/json" else text


class Read(HTMLParser):
    """The elements of a page, the attributes that could run something, and the text of each part."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._part = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self._part = dict(attrs)["id"] or ""

    def handle_data(self, data: str) -> None:
        self.texts[self._part] = self.texts.get(self._part, "") + data + " "

    def running(self) -> list[str]:
        """Return everything that would run, or look, as nothing of ours does."""
        ours = ("script", {"src": "page.js", "defer": None})
        scripts = [str(found) for found in self.elements if found[0] == "script" and found != ours]
        names = [
            name for _, attributes in self.elements for name in attributes if name.startswith("on") or name == "style"
        ]
        foreign = {"iframe", "object", "embed", "img", "svg", "style", "base"} & {tag for tag, _ in self.elements}
        return [*scripts, *names, *foreign]


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        pytest.param("", "text/html; charset=utf-8", id="page"),
        pytest.param("page.css", "text/css; charset=utf-8", id="style"),
        pytest.param("page.js", "text/javascript; charset=utf-8", id="script"),
        pytest.param("page/live", "application/json", id="live"),
        pytest.param("state", "application/json", id="state"),
        pytest.param("nowhere", "application/json", id="nothing"),
    ],
)
def test_every_answer_is_guarded(inner_cloud: Served, route: str, kind: str) -> None:
    """Each says its type and that nothing but the page's own files may run, be framed, or be kept."""
    answer = Client(inner_cloud.app).get(f"/_cloud/{route}")
    assert (answer.content_type, answer.headers["Content-Security-Policy"]) == (kind, CSP)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


HERE = "127.0.0.1:8899"


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        pytest.param({"Host": HERE}, 200, "", id="a-program"),
        pytest.param({"Host": HERE, "Origin": f"http://{HERE}"}, 200, "", id="the-page"),
        pytest.param({"Host": "localhost:8899", "Origin": "http://localhost:8899"}, 200, "", id="localhost"),
        pytest.param({"Host": "[::1]:8899", "Origin": "http://[::1]:8899"}, 200, "", id="ipv6"),
        pytest.param({"Host": "evil.example:8899"}, 403, "is not called 'evil.example:8899'", id="another-name"),
        pytest.param({"Host": "127.0.0.1.evil.example"}, 403, "use the address that it printed", id="a-name-like-it"),
        pytest.param({"Host": "192.168.0.9:8899"}, 403, "is not called", id="another-address"),
        pytest.param({"Host": "[::1"}, 403, "is not called", id="no-host"),
        pytest.param(
            {"Host": HERE, "Origin": "http://evil.example"}, 403, "a page of http://evil.example", id="origin"
        ),
        pytest.param({"Host": HERE, "Origin": "http://127.0.0.1:9000"}, 403, "open http://127.0.0.1:8899/", id="port"),
        pytest.param({"Host": HERE, "Origin": "http://localhost:8899"}, 403, "may not ask", id="its-other-name"),
        pytest.param({"Host": HERE, "Origin": f"https://{HERE}"}, 403, "may not ask", id="https"),
        pytest.param({"Host": HERE, "Origin": "null"}, 403, "a page of null", id="sandboxed"),
    ],
)
@pytest.mark.parametrize(("method", "route"), [("GET", ""), ("GET", "state"), ("POST", "reset")])
def test_pages_of_others_may_not_ask(
    inner_cloud: Served, headers: dict[str, str], status: int, said: str, method: str, route: str
) -> None:
    """Neither another origin nor a foreign name for this machine gets an answer or does anything; it is told why."""
    Asker(inner_cloud.app)("SetVpcAccess", **ENTRY)
    answered, text = ask(inner_cloud, method, route, **headers)
    assert (answered, said in str(text)) == (status, True)
    was_reset = method == "POST" and status == 200
    assert [entry["name"] for entry in sight.authorizations(inner_cloud.app)] == ([] if was_reset else ["web"])


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' style='display:none' onclick='alert(1)",
    "</pre></details></section><base href=//evil.example>",
    "{{7*7}} ${7*7} {0} %s",
    "turned \u202e around, hidden \u200b, \x1b[31m, half \ud83d",
)


def _in_a_queue(cloud: Served, text: str) -> None:
    seed(cloud.app, {"queues": ["q"]})
    cloud.products["SMQ"].send("q", json.dumps({"Name": text}))


def _in_a_result(cloud: Served, text: str) -> None:
    seed(cloud.app, {"topics": [{"TopicName": "t", "Subscriptions": {"s": "inbox"}}]})
    data = {"InstanceId": text, "Port": text, "Reason": text, "VpcAccessId": text}
    body = json.dumps({"type": f"vpcaccess.{text}", "subject": text, "data": data})
    cloud.products["SMQ"].publish("t", b64encode(body.encode()).decode())


def _in_the_world(cloud: Served, text: str) -> None:
    tags = {"apigateway-port": text, "apigateway-name": text, "other": text}
    seed(cloud.app, {"instances": [{"InstanceId": text, "VpcId": text, "Tags": tags, "Status": text}]})


def _in_an_entry(cloud: Served, text: str) -> None:
    tag = [{"Key": key, "Value": text} for key in ("vpc-access-owner", "vpc-access-origin")]
    seed(
        cloud.app,
        {
            "vpc_accesses": [{**ENTRY, "Name": text, "Tag": tag, "VpcAccessId": text}],
            "apis": [{"ApiId": "a", "VpcName": text, "ApiName": text}],
        },
    )


def _in_a_fault(cloud: Served, text: str) -> None:
    cloud.faults.set([{"id": text, "operation": "CloudAPI.SetVpcAccess", "nth": 1, "status": 503}])
    Asker(cloud.app)("SetVpcAccess", **{**ENTRY, "Name": "web"})


def _in_a_call(cloud: Served, text: str) -> None:
    Client(cloud.app).get(
        "/", query_string={"Action": text.encode("utf-8", "replace"), "Version": "2016-07-14", "AccessKeyId": "k"}
    )


@pytest.mark.parametrize("text", HOSTILE, ids=["script", "image", "attribute", "close", "template", "invisible"])
@pytest.mark.parametrize("put", [_in_a_queue, _in_a_result, _in_the_world, _in_an_entry, _in_a_fault, _in_a_call])
def test_what_others_wrote_is_text(inner_cloud: Served, put: Callable[[Served, str], None], text: str) -> None:
    """Nothing of it becomes an element, an attribute or a direction of writing, whether the page is opened or kept open."""
    put(inner_cloud, text)
    status, page = ask(inner_cloud, "GET")
    live = ask(inner_cloud, "GET", "page/live")[1]
    rows = [html for section in live["sections"].values() for _, _, html in section["rows"]]
    assert status == 200
    assert Read(page).running() == []
    assert Read("".join(rows)).running() == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    shown = " ".join(Read(page).texts.values()).replace('\\"', '"')
    if put is not _in_a_call or "\ud83d" not in text:
        assert (
            visible(text) in shown or visible(json.dumps(text, ensure_ascii=False)[1:-1]).replace('\\"', '"') in shown
        )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("null", id="null"),
        pytest.param("[]", id="list"),
        pytest.param('{"data": []}', id="data-list"),
        pytest.param('{"type": 1, "subject": [], "data": {"SourceMessageId": [], "InstanceId": {}}}', id="odd-types"),
        pytest.param('{"type": null, "data": {"Reason": {"a": []}, "ReasonCode": 1, "VpcAccessId": null}}', id="nulls"),
        pytest.param("9" * 5000, id="long-number"),
        pytest.param("[" * 300 + "]" * 300, id="deep"),
    ],
)
def test_messages_of_odd_shapes_are_shown(inner_cloud: Served, body: str) -> None:
    """Whatever somebody publishes on the topic, the page, the results and the way of an event are there."""
    seed(inner_cloud.app, {"topics": [{"TopicName": "t", "Subscriptions": {"s": "inbox"}}]})
    inner_cloud.products["SMQ"].publish("t", body)
    sent = {"id": "x", "at": 0, "to": "queue:q"}
    answers = [ask(inner_cloud, "GET"), ask(inner_cloud, "GET", "results"), ask(inner_cloud, "POST", "page/way", sent)]
    assert [status for status, _ in answers] == [200, 200, 200]


def test_a_result_that_several_queues_have_is_shown_once(inner_cloud: Served) -> None:
    """Whoever subscribes a queue of their own sees each result once; one that came twice is there twice."""
    seed(inner_cloud.app, {"topics": [{"TopicName": "t", "Subscriptions": {"all": "inbox", "own": "mine"}}]})
    for body in ("again", "once", "again"):
        inner_cloud.products["SMQ"].publish("t", body)
    told = [message["body"] for message in ask(inner_cloud, "GET", "results")[1]]
    assert sorted(told) == ["again", "again", "once"]
    assert ask(inner_cloud, "GET", "page/live")[1]["sections"]["results"]["count"] == "3"


@pytest.mark.parametrize(
    ("word", "of", "label"),
    [
        pytest.param("Stop", "i-1", "Stop i-1", id="to-whom"),
        pytest.param("Fire sweep", "sweep", "Fire sweep", id="said-already"),
        pytest.param("Clear", "", "Clear", id="to-nobody"),
    ],
)
def test_a_button_says_what_it_does_and_to_whom(word: str, of: str, label: str) -> None:
    """Its name says both once."""
    ((_, given_to_it),) = Read(str(button(word, "do", of))).elements
    assert given_to_it["aria-label"] == label


@given(text=st.text(st.characters()))  # halves of surrogate pairs, too
def test_any_text_is_only_text(text: str) -> None:
    """Whatever it is, a browser reads it as the text of its element, or as the value of its attribute, and as no more."""
    read = Read(str(tag("section", tag("p", text, title=text), id="x")))
    assert read.elements == [("section", {"id": "x"}), ("p", {"title": visible(text)})]
    assert read.texts.get("x", " ") == visible(text) + " "


def test_log_lines_are_text(inner_cloud: Served, tmp_path: Path) -> None:
    """What a function logs, JSON or not, is shown and runs nothing."""
    source = """
        import json
        def handler(event, context):
            print("<script>alert(1)</script>")
            print(json.dumps({"event": "<b>record</b>", "outcome": "<i>", "message_id": "'><svg onload=alert(1)>"}))
    """
    deploy(inner_cloud.products["FC"], tmp_path, source)
    inner_cloud.products["FC"].invoke("f")
    page = Read(ask(inner_cloud, "GET")[1])
    assert page.running() == []
    assert "<script>alert(1)</script>" in page.texts["invocations"]
    assert "<b>record</b>" in page.texts["invocations"]


def test_nothing_is_loaded_from_elsewhere(inner_cloud: Served) -> None:
    """The page, its style and its script name no other place: it works without a network."""
    texts = [ask(inner_cloud, "GET", name)[1] for name in ("", "page.css", "page.js")]
    assert [re.findall(r"(?:https?:)?//[a-z][^\s'\"]*|url\(|@import", text.replace("// ", "")) for text in texts] == [
        [],
        [],
        [],
    ]


def test_an_empty_stand_in_has_a_page(inner_cloud: Served) -> None:
    """Where nothing is and nothing happened, each part says so."""
    texts = Read(ask(inner_cloud, "GET")[1]).texts
    said = {
        "results": "No result yet",
        "authorizations": "may reach nothing yet",
        "instances": "There is no instance",
        "invocations": "No function was called yet",
        "calls": "Nobody has called yet",
        "queues": "There is no queue",
        "faults": "None is set",
    }
    assert {part: text in texts[part] for part, text in said.items()} == dict.fromkeys(said, True)


def test_an_authorization_says_whose_it_is_whether_it_is_alive_and_who_uses_it(inner_cloud: Served) -> None:
    """Owner by its tag, backend as it is in its VPC, users of all three kinds."""
    seed(inner_cloud.app, json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8")))
    there = {each["name"]: each for each in sight.authorizations(inner_cloud.app)}
    told = {name: (each["owner"], each["backend"], each["used_by"]) for name, each in there.items()}
    assert told["team-a-i-bp1gone0006-8080"] == ("team-a", "gone", ["API list-orders in RELEASE"])
    assert told["team-a-i-bp1gone0007-8080"] == ("team-a", "gone", ["backend object carts"])
    assert told["team-a-i-bp1gone0008-8080"] == ("team-a", "gone", ["plug-in blue-green"])
    assert told["checkout-old"] == ("team-a", "Stopped", [])
    texts = Read(ask(inner_cloud, "GET")[1]).texts["authorizations"]
    assert all(word in texts for word in ("team-a-i-bp1gone0007-8080", "backend object carts", "Stopped"))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param(Credential("test-access-key-id", "test-access-key-secret"), "✓ ACS3-HMAC-SHA256", id="right"),
        pytest.param(Credential("test-access-key-id", "wrong"), "✗ not verified", id="wrong-secret"),
        pytest.param(Credential("nobody", "wrong"), "✗ not verified", id="unknown-key"),
    ],
)
def test_a_call_says_what_was_thought_of_its_signature(inner_cloud: Served, key: Credential, said: str) -> None:
    """It was found right by its scheme, or it was not, with the code and what the verifier made of the request."""
    answer = Asker(inner_cloud.app, key)("DescribeVpcAccesses")[1]
    text = Read(ask(inner_cloud, "GET")[1]).texts["calls"]
    assert said in text
    assert answer.get("Code", "200") in text
    assert ("server CanonicalRequest is" in text) == (answer.get("Code") == "SignatureDoesNotMatch")


def test_only_what_has_changed_has_another_mark(inner_cloud: Served) -> None:
    """A row keeps its mark until it looks otherwise, so that the page leaves it as it is."""
    seed(inner_cloud.app, {"instances": [{"InstanceId": "i-1", "VpcId": "v"}, {"InstanceId": "i-2", "VpcId": "v"}]})

    def marks() -> dict[str, str]:
        rows = ask(inner_cloud, "GET", "page/live")[1]["sections"]["instances"]["rows"]
        return {key: mark for key, mark, _ in rows}

    before = marks()
    assert ask(inner_cloud, "POST", "page/tag", {"instanceId": "i-1", "port": "8080", "name": ""})[0] == 200
    after = marks()
    assert (before["i-1"] == after["i-1"], before["i-2"] == after["i-2"]) == (False, True)


@pytest.mark.parametrize(
    ("port", "name", "tags"),
    [
        pytest.param("8080", "", {"apigateway-port": "8080"}, id="port"),
        pytest.param("8080", "orders", {"apigateway-port": "8080", "apigateway-name": "orders"}, id="port-and-name"),
        pytest.param("", "orders", {"apigateway-name": "orders"}, id="name"),
        pytest.param("", "", {}, id="neither"),
    ],
)
def test_instances_are_started_and_tagged(inner_cloud: Served, port: str, name: str, tags: dict[str, str]) -> None:
    """An instance starts with the tags that are given; they are changed or taken away, the others stay, the page has them."""
    given_to_it = {"port": port, "name": name}
    started = ask(inner_cloud, "POST", "page/instance", {"vpc": "vpc-1", **given_to_it})[1]["instanceId"]
    before = {"apigateway-port": "1", "team": "orders", "apigateway-name": "x"}
    seed(inner_cloud.app, {"instances": [{"InstanceId": "i-1", "VpcId": "vpc-1", "Tags": before}]})
    assert ask(inner_cloud, "POST", "page/tag", {"instanceId": "i-1", **given_to_it})[0] == 200
    there = {each["id"]: (each["status"], each["tags"]) for each in sight.instances(inner_cloud.app)}
    assert there == {started: ("Running", tags), "i-1": ("Running", {"team": "orders", **tags})}
    fields = {
        each["aria-label"]: each["value"]
        for kind, each in Read(ask(inner_cloud, "GET")[1]).elements
        if kind == "input" and "aria-label" in each
    }
    for its_id in there:
        assert (fields[f"apigateway-port of {its_id}"], fields[f"apigateway-name of {its_id}"]) == (port, name)


def test_an_instance_that_is_not_there_is_not_tagged(inner_cloud: Served) -> None:
    """It is refused."""
    assert ask(inner_cloud, "POST", "page/tag", {"instanceId": "i-none", "port": "1", "name": ""})[0] == 400


@pytest.mark.parametrize("owner", [pytest.param("team-a", id="owned"), pytest.param("", id="nobodys")])
@pytest.mark.parametrize("origin", ["requested", "announced", "named", ""])
def test_an_authorization_says_why_it_is_there(inner_cloud: Served, owner: str, origin: str) -> None:
    """Its origin by its tag stands below its owner; where there is none, nothing does."""
    marks = {"vpc-access-owner": owner, "vpc-access-origin": origin}
    tags = [{"Key": key, "Value": value} for key, value in marks.items() if value]
    seed(inner_cloud.app, {"vpc_accesses": [{**ENTRY, "Tag": tags}]})
    ((_, _, row),) = ask(inner_cloud, "GET", "page/live")[1]["sections"]["authorizations"]["rows"]
    cell = re.search('data-label="Owner, origin"[^>]*>(.*?)</td>', row)
    assert sight.authorizations(inner_cloud.app)[0]["origin"] == origin
    assert cell is not None
    assert "".join(Read(cell[1]).texts.values()).split() == [owner or "nobody’s", *filter(None, [origin])]


def test_every_event_file_can_be_chosen(inner_cloud: Served, tmp_path: Path) -> None:
    """Each comes with its text and its usual way, one that is no text with its bytes; no other file is given out."""
    seed(inner_cloud.app, {"queues": ["x-requests"]})
    deploy(inner_cloud.products["FC"], tmp_path, "def handler(event, context): pass")
    page = Read(ask(inner_cloud, "GET")[1])
    for path in sorted(EVENTS.glob("*/*")):
        name = path.relative_to(EVENTS).as_posix()
        if path.parent.name != "schema":
            status, event = ask(inner_cloud, "POST", "page/event", {"file": name})
            assert (status, name in page.texts["send"]) == (200, True)
            assert event["text"] is None or event["text"].encode() == path.read_bytes()
            assert event["to"] in {"bus", "queue:x-requests", "function:f"}
    assert ask(inner_cloud, "POST", "page/event", {"file": "hostile/not-utf-8.bin"})[1]["text"] is None
    inner_cloud.products["FC"].clear()
    assert ask(inner_cloud, "POST", "page/event", {"file": "kafka/raw-data.json"})[1]["to"] == ""
    for name in ("../template.yml", "/etc/passwd", "schema/request.json", ""):
        assert ask(inner_cloud, "POST", "page/event", {"file": name})[0] == 400


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            {"body": "{}", "too": "bus"}, "unknown key too; there are base64, body, file, to", id="unknown-key"
        ),
        pytest.param({"body": "{}", "to": "topic:x"}, "to is queue:NAME, bus or function:NAME", id="unknown-way"),
        pytest.param({"body": "{}", "to": "queue:x"}, "QueueNotExist", id="no-queue"),
        pytest.param({"body": "{}", "to": "function:x"}, "FunctionNotFound", id="no-function"),
        pytest.param({"body": "{", "to": "bus"}, "JSONDecodeError", id="no-event"),
        pytest.param({"body": "{}"}, "`make up` has all of them", id="nothing-to-take-it"),
        pytest.param({}, "KeyError: 'body'", id="no-body"),
    ],
)
def test_what_cannot_be_sent_is_told(inner_cloud: Served, document: Any, said: str) -> None:
    """A wrong way or event is 400 with the reason."""
    status, answer = ask(inner_cloud, "POST", "send", document)
    assert (status, said in answer["error"]) == (400, True)


def test_an_event_that_no_rule_takes_is_at_its_end(inner_cloud: Served) -> None:
    """The bus tells who takes an event: where nobody does, nothing is waited for."""
    event = {"source": "acs.ecs", "type": "ecs:Disk:X", "data": {}, "specversion": "1.0"}
    sent = ask(inner_cloud, "POST", "send", {"body": json.dumps(event)})[1]
    assert (sent["to"], sent["rules"]) == ("bus", [])
    went = ask(inner_cloud, "POST", "page/way", sent)[1]
    assert (went["done"], "no rule takes it" in went["html"]) == (True, True)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="json"),
        pytest.param(b64encode(b'{"a": 1}').decode(), {"a": 1}, id="base64"),
        pytest.param("plain", "plain", id="text"),
        pytest.param("abcd", "abcd", id="text-that-looks-like-base64"),
        pytest.param('{"a": NaN}', '{"a": NaN}', id="no-number"),
        pytest.param("[" * 100_000, "[" * 100_000, id="nested-without-end"),
        pytest.param("[" * 101 + "]" * 101, "[" * 101 + "]" * 101, id="nested-deeply"),
        pytest.param(json.dumps([[]] * 200), [[]] * 200, id="long"),
        pytest.param(json.dumps({"a": "[]" * 200}), {"a": "[]" * 200}, id="brackets-in-a-text"),
    ],
)
def test_messages_are_decoded(body: str, value: object) -> None:
    """A message is shown as what it holds; what is neither JSON nor Base64 of it is shown as it is."""
    assert sight.decoded(body) == value
