"""``python -m functions explain``: what log lines say about one name, from real lines and from exports of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from functions.__main__ import main
from functions._operator import story
from tests.invoking import VPC, Invoker, state_change

ROOT = Path(__file__).parents[2]
NAME, GONE, ALIVE = "team-a-i-bp1example0001-8080", "i-bp1example0001", "i-bp1example0002"
TARGET = f"i-bp1example0001:8080 in {VPC}"
NOT_ABOUT_A_NAME = frozenset(
    {
        "hook",
        "hook not held",
        "task not seen",
        "invocation",
        "region not known",
        "sweep completed",
        "sweep held back",
        "sweep incomplete",
        "sweep started",
    }
    | {"told again"}
)
"""Events of an invocation, of a sweep or of a hook."""


def explain(name: str, text: str, *options: str) -> Result:
    """Run the command with a log on standard input."""
    return CliRunner().invoke(main, ["explain", name, "-", *options], input=text, env={"COLUMNS": "1000"})


def said(done: Result) -> list[tuple[str, str]]:
    """Return the word and the sentences of each row, and the last line without a word."""
    rows = [re.split(" {2,}", line) for line in done.stdout.splitlines()[1:]]
    return [(row[-2] if len(row) > 1 else "", row[-1]) for row in rows]


def line(event: str = "record", **fields: Any) -> dict[str, Any]:
    """Return a log line about the name, with changes; None leaves a field out."""
    whole = {
        "time": "2026-01-05T04:18:36Z",
        "level": "INFO",
        "event": event,
        "request_id": "1-a",
        "name": NAME,
        **fields,
    }
    return {key: value for key, value in whole.items() if value is not None}


def lines(*some: dict[str, Any]) -> str:
    """Return lines as the functions write them."""
    return "".join(f"{json.dumps(each)}\n" for each in some)


def test_a_name_is_followed_from_its_announcement_to_its_release(releasing: Invoker, invoke: Invoker) -> None:
    """What two functions wrote in hours about a name is told in order, and what they wrote about others is not."""
    invoke.given(
        instances=[
            {"InstanceId": GONE, "VpcId": VPC, "Tags": {"apigateway-port": "8080"}},
            {"InstanceId": ALIVE, "VpcId": VPC, "Tags": {"apigateway-port": "443"}},
        ]
    )
    invoke.given(
        faults=[{"operation": "CloudAPI.DescribeVpcAccesses", "nth": 1, "status": 503, "code": "ServiceUnavailable"}]
    )
    invoke([state_change(GONE), state_change(ALIVE)])
    invoke.served.products["ECS"].remove(GONE)
    releasing.logged = invoke.logged
    releasing(state_change(GONE, "Deleted"))
    releasing.due(3600)
    done = explain(NAME, invoke.logged.getvalue())

    (entry,) = {
        each["vpc_access_id"] for each in invoke.lines() if each.get("name") == NAME and "vpc_access_id" in each
    }
    told = said(done)
    assert [what for what, _ in told] == ["authorized", "scheduled", "removing", "released", ""]
    assert (
        f"It was authorized, and opens {TARGET} now. VpcAccessId {entry}. Source: eventbridge/ecs, message "
        in told[0][1]
    )
    assert "its release is scheduled" in told[1][1]
    assert '"Name": "team-a-i-bp1example0001-8080"' in told[2][1]
    assert f"It is closed, and opens {TARGET} no more" in told[3][1]
    assert told[4][1] == f"After this, {NAME} opens nothing."
    assert ALIVE not in done.stdout


def test_a_line_of_the_record_without_the_name_is_told(invoke: Invoker) -> None:
    """That the backend did not show, that a call was repeated, and that its result was not published belongs to the name."""
    event = state_change(GONE)
    invoke(event, timeout=10)
    invoke.given(instances=[{"InstanceId": GONE, "VpcId": VPC, "Tags": {"apigateway-port": "8080"}}])
    invoke.given(
        faults=[
            {"operation": "SMQ.PublishMessage", "nth": 1, "status": 503, "code": "ServiceUnavailable"},
            {"operation": "SMQ.PublishMessage", "nth": 2, "status": 403, "code": "AccessDenied"},
        ]
    )
    invoke(event)
    invoke(event)
    told = said(explain(NAME, invoke.logged.getvalue()))

    assert [what for what, _ in told if what != "look-up again"] == [
        "failed",
        "retry",
        "result not published",
        "authorized",
        "unchanged",
        "",
    ]
    assert "InstanceNotFound" in told[[what for what, _ in told].index("failed")][1]
    assert "It is tried again with the next delivery" in dict(told)["authorized"]
    assert "the call PublishMessage failed with" in dict(told)["retry"].lower().replace(
        "publishmessage", "PublishMessage"
    )


def exported(each: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a line as Simple Log Service gives it out."""
    return {"__time__": "1767586716", "__topic__": "FCLogs:set-vpc-access", "message": json.dumps(each), **more}


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda some: "".join(json.dumps(each) + "\n" for each in some), id="local-run"),
        pytest.param(lambda some: "\n".join(json.dumps(exported(each)) for each in some), id="export-json-lines"),
        pytest.param(lambda some: json.dumps([exported(each) for each in some]), id="export-list"),
        pytest.param(lambda some: json.dumps([exported(each) for each in some], indent=2), id="export-indented"),
        pytest.param(lambda some: json.dumps({"meta": {}, "data": [exported(each) for each in some]}), id="get-logs"),
        pytest.param(lambda some: json.dumps({"count": 2, "logs": [exported(each) for each in some]}), id="logs"),
        pytest.param(lambda some: "\n".join(json.dumps([exported(each)]) for each in some), id="page-by-page"),
        pytest.param(
            lambda some: json.dumps([{**exported(each), "message": each} for each in some]), id="message-as-object"
        ),
        pytest.param(lambda some: json.dumps([exported(each) for each in reversed(some)]), id="newest-first"),
        pytest.param(
            lambda some: (
                "FC Invoke Start RequestId: 1-a\n"
                + "".join(f"[INFO] set-vpc-access | {json.dumps(each)}\r\n{{not JSON\n" for each in some)
                + "FC Invoke End RequestId: 1-a"
            ),
            id="among-other-lines",
        ),
        pytest.param(lambda some: "".join(json.dumps(each) + "\n" for each in (*some, *some)), id="twice"),
    ],
)
def test_every_form_of_a_log_is_read(written: Callable[[list[dict[str, Any]]], str]) -> None:
    """Lines of a local run, and the service's exports, whole or by pages and in either order, tell the same, once."""
    some = [
        line(outcome="refused", target=TARGET, reason="PortNotAllowed", text="add it"),
        line(outcome="authorized", target=TARGET, time="2026-01-05T05:18:36Z"),
        line(outcome="authorized", target=TARGET, name="other", time="2026-01-05T06:18:36Z"),
    ]
    done = explain(NAME, written(some))

    assert [what for what, _ in said(done)] == ["refused", "authorized", ""]


def test_within_a_second_the_order_of_writing_counts() -> None:
    """Lines of one second are told as they were written, also where an export begins with the newest."""
    later = line(outcome="kept", time="2026-01-05T05:18:36Z")
    some = [line(outcome="failed", retry=True), line(outcome="authorized"), later]
    forward, backward = explain(NAME, lines(*some)), explain(NAME, lines(*reversed(some)))

    assert [what for what, _ in said(forward)] == ["failed", "authorized", "kept", ""]
    assert said(forward) == said(backward)


def test_lines_of_several_files_are_sorted(tmp_path: Path) -> None:
    """What several functions wrote in files of their own is one story; a line without a time has the export's."""
    first, second = tmp_path / "first.log", tmp_path / "second.json"
    first.write_text(lines(line(outcome="released", time="2026-01-05T05:18:36Z")), encoding="utf-8")
    second.write_text(json.dumps([exported(line(outcome="authorized", time=None))]), encoding="utf-8")
    # the paths stand in the rows, and can be long
    done = CliRunner().invoke(main, ["explain", NAME, str(first), str(second)], env={"COLUMNS": "1000"})

    assert [what for what, _ in said(done)] == ["authorized", "released", ""]
    assert "2026-01-05T04:18:36Z" in done.stdout


def test_what_may_be_about_another_record_is_left_out() -> None:
    """A message of two names: a line without name or part could be of either, one with a part is that part's."""
    some = [
        line(message_id="m", part="i-1", outcome="authorized"),
        line(message_id="m", part="i-2", outcome="authorized", name="other"),
        line("retry", message_id="m", name=None, operation="SetVpcAccess", code="X", attempt=1, wait=1),
        line(message_id="m", part="i-1", name=None, outcome="failed", reason="InstanceNotFound"),
        line(message_id="m", part="i-2", name=None, outcome="failed", reason="InstanceNotFound"),
    ]

    assert [what for what, _ in said(explain(NAME, lines(*some)))] == ["authorized", "failed", ""]


def test_lines_themselves_can_be_had() -> None:
    """With --json a program gets the lines as they were written, in order of time."""
    some = [line(outcome="kept", time="2026-01-05T05:18:36Z"), line(outcome="authorized")]

    assert [json.loads(each) for each in explain(NAME, lines(*some), "--json").stdout.splitlines()] == some[::-1]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param(NAME[:-1], lines(line()), f"there are {NAME}", id="nearly-the-name"),
        pytest.param("orders", lines(line(), line(name="a")), f"there are a, {NAME}", id="another"),
        pytest.param("orders", lines(line("invocation", name=None)), "LOG_LEVEL=INFO or DEBUG", id="no-names"),
        pytest.param(NAME, "no line of ours", "none of these files holds a line", id="no-log"),
        pytest.param(NAME, "", "none of these files holds a line", id="empty"),
        pytest.param("a", lines(line(name="\x1b[2J")), "there are ·[2J", id="hostile-name"),
    ],
)
def test_a_name_without_lines_is_told(name: str, text: str, words: str) -> None:
    """Where nothing is found, it is an error that names what there is, or says how to get more."""
    done = explain(name, text)

    assert done.exit_code == 1
    assert words in done.stderr
    assert "\x1b" not in done.output


@pytest.mark.parametrize(
    ("found", "text"),
    [
        pytest.param(line("later", text="opens a; candidates b"), "text: opens a; candidates b.", id="without-words"),
        pytest.param(line("retry", message_id="m"), "(operation is not told)", id="of-another-version"),
        pytest.param(line(outcome="moved", target=TARGET), "moved. No result was published.", id="another-outcome"),
        pytest.param(line("removed while in use", apis=["a", "b"]), "used it: a, b.", id="list"),
        pytest.param(line(outcome="failed"), "It could not be done for its target", id="no-target"),
        pytest.param(
            line(outcome="kept", calls=1, retries=2, waited=0.5), "1 call, 2 of them again, 0.5 s", id="effort"
        ),
        pytest.param(line(outcome="unchanged", differs=["Tag"]), "It differs from what was asked in Tag.", id="drift"),
        pytest.param(
            line(outcome="kept", source="http", correlation="4711"), "Source: http, correlation 4711.", id="who"
        ),
    ],
)
def test_each_line_has_its_words(found: dict[str, Any], text: str) -> None:
    """A line is told in sentences whatever it lacks, also one that only a later version writes."""
    assert text in story.tell(found).text


def written_events() -> Iterable[str]:
    """Return the events that the functions write, by their source."""
    call = re.compile(r'(?:\blog\.(?!unexpected)\w+\)?|\bwrite|\breport|\berror)\(\s*"([a-z][a-z -]+)",')
    for path in sorted((ROOT / "shared").rglob("*.py")):
        yield from call.findall(path.read_text(encoding="utf-8"))


def test_every_event_about_a_name_has_words() -> None:
    """Each event that the functions write is told in words, or is known to be about no name."""
    events = set(written_events())

    assert {"record", "retry", "unexpected", "dead and in use", "hook"} <= events
    assert events - NOT_ABOUT_A_NAME == {*story.EVENTS, story.RECORD}, (
        "add its sentence to EVENTS in functions/_operator/story.py"
    )


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_log_is_too_strange(value: Any) -> None:
    """Whatever JSON a file holds, bare, in a message or cut, reading it ends without an error."""
    text = json.dumps(value)
    for raw in (
        text,
        text[1:],
        f'{{"message": {json.dumps(text)}}}',
        f'{{"event": "record", "name": {text}}}',
        "[" * 3_000,
    ):
        some = story.read(raw.encode("utf-8", "surrogatepass"))
        assert all(story.tell(each).text for each in story.about(some, "a"))
