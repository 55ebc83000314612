"""The dashboard and the saved searches of ``template.yml``: asked of real log lines, they show what became of things."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from functions.named_backends.index import work as keep_names
from functions.reconcile_vpc_access.index import work as reconcile
from functions.release_vpc_access.index import work as release
from shared import log
from tests.deployed import template
from tests.functions.test_explain import written_events
from tests.invoking import VPC, Invoker, moving, new_invoker, queue_event, request, state_change
from tests.logstore import LogStore, Row, fields_of, index_of, search_of, values_of, written
from tests.registry import charts
from tests.registry.stack import Stack

STACK: Stack = template()
CHARTS = {chart["title"]: chart for chart in STACK.properties("Dashboard")["Charts"]}
ALARMS = [name for name, each in STACK.document["Resources"].items() if each["Type"] == "ALIYUN::SLS::Alert"]
SEARCHES = [name for name, each in STACK.document["Resources"].items() if each["Type"] == "ALIYUN::SLS::Savedsearch"]
TIMER = {"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": ""}
OURS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
GONE, USED, ALIVE = "i-bp1gone0011", "i-bp1used0012", "i-bp1example0001"
RARE = {"apis not updated"}  # events that take more than this scene has; the code has them
PLATFORM = [  # https://www.alibabacloud.com/help/ja/functioncompute/fc/request-level-metric-logs
    {
        "__time__": 1_767_586_716 + n,
        "functionName": "set-vpc-access",
        "durationMs": duration,
        "hasFunctionError": "true" if n == 0 else "false",
        "isColdStart": "true" if n == 1 else "false",
        "operation": "InvokeFunction",
    }
    for n, duration in enumerate((10, 20, 30, 40, 400))
]


def to_sweep() -> dict[str, Any]:
    """Return a world in which a sweep finds something of every kind."""
    tags = {"missing": "8101", "of-others": "8102", "refused": "22"}
    tagged = [
        {"InstanceId": f"i-bp1{kind.replace('-', '')}1", "VpcId": VPC, "Tags": {"apigateway-port": port}}
        for kind, port in tags.items()
    ]
    entries = [
        request(Name="drift", Port=8100, Tag=OURS),
        request(Name="of-others", InstanceId="i-bp1ofothers1", Port=8102),
        request(Name="stays", InstanceId=GONE, Port=8103, Tag=OURS[:1]),
        request(Name="release", InstanceId=GONE, Port=8104, Tag=OURS),
    ]
    return {"instances": [*tagged, named("i-bp1name0001", "orders-sweep")], "entries": entries}


def named(instance_id: str, name: str, **changes: Any) -> dict[str, Any]:
    """Return an instance that stands for a name."""
    return {
        "InstanceId": instance_id,
        "VpcId": VPC,
        "Tags": {"apigateway-port": "8080", "apigateway-name": name},
        **changes,
    }


def names_played(scene: Scene, naming: Invoker) -> None:
    """Let a name move to another instance, then to nobody; another one cannot be moved, and one is outside of the policy."""
    first, second = "i-bp1name0011", "i-bp1name0012"

    def entry(name: str, instance_id: str) -> dict[str, Any]:
        return request(Name=name, InstanceId=instance_id, Tag=[OURS[0], {"Key": "vpc-access-origin", "Value": "named"}])

    naming.configure(ALLOWED_NAMES=f"{VPC}:orders-*")
    naming.given(entries=[entry("orders-moved", first)], instances=[named(second, "orders-moved")])
    naming.given(instances=[named(first, "orders-moved", Status="Stopped")])
    scene.doing(lambda: naming(state_change(first, "Stopped")))
    naming.given(instances=[named(second, "orders-moved", Status="Stopped")])
    scene.doing(lambda: naming.due(60, "names"))
    third, fourth = "i-bp1name0013", "i-bp1name0014"
    naming.given(
        entries=[entry("orders-stuck", third)],
        instances=[named(third, "orders-stuck", Status="Stopped"), named(fourth, "orders-stuck")],
        faults=[{"operation": "CloudAPI.ModifyVpcAccessAndUpdateApis", "status": 503, "code": "ServiceUnavailable"}],
    )
    scene.doing(lambda: naming(state_change(third, "Stopped"), timeout=20))
    for _ in range(3):
        scene.doing(lambda: naming.due(600, "names"))
    naming.given(entries=[entry("orders-drift", ALIVE)], instances=[named(ALIVE, "orders-drift")], faults=[])
    naming.configure(ALLOWED_NAMES=f"{VPC}:orders-*", ALLOWED_PORTS="80")
    scene.doing(lambda: naming(state_change(ALIVE, "Stopped")))


class Scene:
    """Functions that write into one log; each invocation has a request id of its own, as it has on the platform."""

    def __init__(self, invoker: Invoker) -> None:
        self._invoker = invoker
        self.lines = list[dict[str, Any]]()
        self._calls = 0

    def doing(self, act: Callable[[], object]) -> None:
        """Take down what an invocation writes."""
        begun = len(self._invoker.lines())
        act()
        self._calls += 1
        self.lines += [{**line, "request_id": f"req-{self._calls}"} for line in self._invoker.lines()[begun:]]


def played(invoker: Invoker) -> list[dict[str, Any]]:
    """Let everything happen that the dashboard counts, and return what the functions wrote."""
    scene, faults = Scene(invoker), invoker.served.faults
    releasing, sweeping = replace(invoker, work=release, engine=None), replace(invoker, work=reconcile, engine=None)
    faults.set([{"operation": "SMQ.PublishMessage", "nth": 1, "status": 503, "code": "ServiceUnavailable"}])
    for event in (request(), request(), request(Port=22), {"Name": "half"}):
        scene.doing(partial(invoker, event))
    late = queue_event(json.dumps(request(Name="late", Port=8443)), first=50)
    faults.set([{"operation": "SMQ.PublishMessage", "nth": 1, "status": 403, "code": "AccessDenied"}])
    scene.doing(lambda: invoker(late))
    scene.doing(lambda: invoker(late))
    faults.set([{"operation": "CloudAPI.SetVpcAccess", "status": 503, "code": "ServiceUnavailable"}])
    scene.doing(lambda: invoker(request(Name="down", Port=443), timeout=10))
    faults.set([])
    invoker.configure(ON_CONFLICT="replace")
    scene.doing(lambda: invoker(moving(Port=9000 - 1)))
    entries = [
        request(Name=f"of-{number}-{item}", InstanceId=item, Port=8000 + number, Tag=OURS)
        for item in (GONE, USED)
        for number in range(2)
    ]
    alive = {"InstanceId": ALIVE, "VpcId": VPC}
    invoker.given(
        entries=entries,
        instances=[alive],
        apis=[{"ApiId": "551877242a4b4f3a84a56b7c3570e4a7", "VpcName": f"of-0-{USED}"}],
    )
    for item in (GONE, USED):
        scene.doing(partial(releasing, state_change(item, "Deleted")))
    used = {"ApiId": "661877242a4b4f3a84a56b7c3570e4a7", "VpcName": f"of-1-{USED}"}
    last = iter(range(3))
    releasing.before = lambda operation: invoker.given(
        apis=[used] if operation == "RemoveVpcAccess" and next(last) == 2 else []
    )
    scene.doing(lambda: releasing.due(3600))
    invoker.given(**to_sweep())
    sweeping.configure(ALLOWED_NAMES=f"{VPC}:orders-*")
    scene.doing(lambda: sweeping(TIMER))
    invoker.given(permissions=[{"denied": ["slb:DescribeLoadBalancers"]}])
    scene.doing(lambda: sweeping(TIMER))
    many = [request(Name=f"many-{n}", InstanceId=f"i-bp1many{n:04}", Tag=OURS) for n in range(12)]
    invoker.given(permissions=[{"denied": []}], entries=many)
    scene.doing(lambda: sweeping(TIMER))
    names_played(scene, invoker.doing(keep_names))
    return scene.lines


@pytest.fixture(scope="module")
def lines() -> Iterator[list[dict[str, Any]]]:
    """What the functions wrote about a day."""
    invoker = new_invoker()
    yield played(invoker)
    log.configure()
    invoker.served.app.close()


@pytest.fixture(scope="module")
def store(lines: list[dict[str, Any]]) -> LogStore:
    """The log store with its index, and the platform's own lines about the invocations."""
    return LogStore(index_of(STACK.properties("LogIndex")), [*written(lines), *PLATFORM])


def queries() -> list[Any]:
    """Return a parameter for every query of the stack."""
    found = {title: charts.query(chart) for title, chart in CHARTS.items()}
    for alarm in ALARMS:
        (asked,) = STACK.properties(alarm)["Detail"]["Configuration"]["QueryList"]
        found[alarm] = asked["Query"]
    for search in SEARCHES:
        found[search] = STACK.properties(search)["Detail"]["SearchQuery"]
    return [pytest.param(query, id=name) for name, query in found.items()]


@pytest.mark.parametrize("query", queries())
def test_a_query_asks_for_what_is_written(query: str, store: LogStore, lines: list[dict[str, Any]]) -> None:
    """Each field of a query has an index and is in a line, and each event and outcome that it names is one of a line."""
    written_fields = {f"message.{name}" for line in lines for name in line} | {name for row in PLATFORM for name in row}
    assert fields_of(query) <= written_fields
    store.find(query)
    for field, value in values_of(query):
        said = {each.get(field.removeprefix("message.")) for each in (*lines, *PLATFORM)}
        assert value in said or value in RARE & set(written_events()), f"nothing writes {field} {value!r}"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        pytest.param("message.event: record", [1, 2], id="word"),
        pytest.param('message.event: "sweep completed"', [3], id="phrase"),
        pytest.param("message.event: sweep", [3, 4], id="word-of-several"),
        pytest.param("message.event: record and message.outcome: failed", [2], id="and"),
        pytest.param("message.event: record and not message.outcome: failed", [1], id="not"),
        pytest.param("message.calls > 2 or message.event: sweep and message.calls: 1", [2], id="and-before-or"),
        pytest.param("(message.calls >= 1 or message.event: sweep) and message.calls: 1", [1], id="brackets"),
        pytest.param("message.outcome: *", [1, 2], id="any"),
    ],
)
def test_a_search_finds_what_it_says(search: str, found: list[int]) -> None:
    """The store that the queries are asked of reads searches as the vendor's page describes them."""
    lines = [
        {"event": "record", "outcome": "kept", "calls": 1},
        {"event": "record", "outcome": "failed", "calls": 3},
        {"event": "sweep completed"},
        {"event": "sweep incomplete"},
    ]
    rows = [{"__time__": number, "message": line} for number, line in enumerate(lines, 1)]
    store = LogStore({"message.event": "text", "message.outcome": "text", "message.calls": "long"}, rows)

    assert [row["__time__"] for row in store.find(search)] == found


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        pytest.param("message.evnt: record", "no index for message.evnt", id="searched"),
        pytest.param(
            'message.event: a | SELECT max("message.call") AS m FROM log', "no index for message.call", id="read"
        ),
        pytest.param("message.event: a | SELECT duration AS m FROM log", "no index for duration", id="read-unquoted"),
        pytest.param("message.event: a und message.event: b", "not understood", id="grammar"),
    ],
)
def test_a_wrong_query_is_told(query: str, problem: str) -> None:
    """A field without an index, or a search that nobody understands, does not pass for one that finds nothing."""
    store = LogStore({"message.event": "text"}, [{"__time__": 1, "message": {"event": "a"}}])
    with pytest.raises(ValueError, match=problem):
        store.ask(query)


def total(rows: list[Row], *names: str) -> dict[str, Any]:
    """Return the sums of columns."""
    return {name: sum(row[name] or 0 for row in rows) for name in names}


def outcomes(lines: list[dict[str, Any]]) -> Counter[str]:
    """Return how many records had each outcome."""
    return Counter(line["outcome"] for line in lines if line["event"] == "record")


@pytest.mark.parametrize("title", ["outcomes", "releases"])
def test_outcomes_are_counted(title: str, store: LogStore, lines: list[dict[str, Any]]) -> None:
    """Hour by hour there are as many of each outcome as there are lines, and none of them is without one."""
    names = charts.columns(CHARTS[title])[1:]
    counted = total(store.ask(charts.query(CHARTS[title])), *names)

    assert counted == {name: outcomes(lines)[name] for name in names}
    assert all(counted.values())


def test_every_outcome_has_its_line() -> None:
    """What becomes of a record is drawn: only what was ignored or planned is in the table alone."""
    from shared.model import outcome

    drawn = {name for title in ("outcomes", "releases") for name in charts.columns(CHARTS[title])[1:]}
    assert drawn == (outcome.GRANTED | outcome.OF_AN_ENTRY | {"refused", "rejected", "failed", "scheduled"})


def test_reasons_are_told_by_source(store: LogStore, lines: list[dict[str, Any]]) -> None:
    """The table tells each outcome apart by reason and source, the most frequent first, and loses no record."""
    rows = store.ask(charts.query(CHARTS["reasons"]))

    assert {"outcome": "refused", "reason": "PortNotAllowed", "source": "manual", "records": 1} in rows
    assert {"outcome": "failed", "reason": "ServiceUnavailable", "source": "manual", "records": 1} in rows
    assert sum(row["records"] for row in rows) == outcomes(lines).total()
    assert [row["records"] for row in rows] == sorted((row["records"] for row in rows), reverse=True)


def test_redeliveries_are_told(store: LogStore) -> None:
    """A message that more than one invocation had is there, with its name; those that came once are not."""
    rows = {row["name"]: row for row in store.ask(charts.query(CHARTS["redeliveries"]))}
    assert (rows["late"]["message_id"], rows["late"]["deliveries"]) == ("C6DB60D1574661357FA2272700000050", 2)
    assert "orders-prod" not in rows


def test_latency_is_that_of_the_invocations(store: LogStore) -> None:
    """The middle, the slow end and the longest of an hour come from Function Compute's own lines, and ours are not counted."""
    (row,) = store.ask(charts.query(CHARTS["latency"]))
    assert (row["p50"], row["p95"], row["longest"]) == (30, 40, 400)
    (row,) = store.ask(charts.query(CHARTS["invocations"]))
    assert row == {"function_name": "set-vpc-access", "invocations": 5, "errors": 1, "cold_starts": 1, "p95": 40}


def test_effort_is_summed(store: LogStore, lines: list[dict[str, Any]]) -> None:
    """Calls, repeated calls and seconds of waiting are those of the records' lines."""
    names = ("calls", "retries", "waited")
    records = [line for line in lines if line["event"] == "record"]
    counted = total(store.ask(charts.query(CHARTS["effort"])), *names)

    assert counted == pytest.approx({name: sum(line.get(name, 0) for line in records) for name in names})
    assert counted["retries"] > 0


def test_what_is_used_is_named(store: LogStore) -> None:
    """Each name whose backend is gone or that was removed while something used it is told with when it was last seen."""
    rows = {row["name"]: row["event"] for row in store.ask(charts.query(CHARTS["in-use"]))}
    assert rows == {f"of-0-{USED}": "dead and in use", f"of-1-{USED}": "removed while in use"}


def test_sweeps_are_told(store: LogStore) -> None:
    """How sweeps ended is counted by the hour, and each one's findings are a row, the newest first."""
    counted = total(store.ask(charts.query(CHARTS["sweeps"])), "started", "completed", "incomplete", "held_back")
    rows = store.ask(charts.query(CHARTS["found"]))

    assert counted == {"started": 3, "completed": 2, "incomplete": 1, "held_back": 1}
    assert len(rows) == 3
    assert max(row["held_back"] for row in rows) >= 12
    assert all(max(row[name] for row in rows) for name in charts.columns(CHARTS["found"])[2:-1])
    assert all(isinstance(row[name], (int, float)) for row in rows for name in charts.columns(CHARTS["found"])[2:])


def test_every_finding_of_a_sweep_is_shown() -> None:
    """A kind of finding that a sweep counts is a column of the table and has its index."""
    from shared.access.sweep import KINDS

    kinds = {f"message.{kind.replace(' ', '_')}" for kind in KINDS} - {"message.name"} | {"message.names"}
    assert kinds == fields_of(charts.query(CHARTS["found"])) - {"message.event", "message.seconds"}


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_names_the_search_that_explains_it(alarm: str, store: LogStore) -> None:
    """The text of an alarm names a saved search that exists when the alarm does and finds what the alarm counts."""
    name = f"{alarm.removesuffix('Alarm')}Search"
    resources, detail = STACK.document["Resources"], STACK.properties(alarm)["Detail"]
    saved = STACK.properties(name)
    texts = {each["Key"]: each["Value"] for each in detail["Configuration"]["Annotations"]}
    (asked,) = detail["Configuration"]["QueryList"]

    assert texts["desc"].endswith(f" Saved search: {saved['Detail']['SavedsearchName']}")
    assert resources[name].get("Condition") == resources[alarm].get("Condition")
    assert (saved["Project"], saved["Detail"]["Logstore"]) == (asked["Project"], asked["Store"])
    counted, explained = store.find(asked["Query"]), store.find(saved["Detail"]["SearchQuery"])
    assert counted
    assert all(row in explained for row in counted)
    assert search_of(saved["Detail"]["SearchQuery"]) == saved["Detail"]["SearchQuery"], (
        "the lines themselves, not their count"
    )


def test_every_saved_search_explains_an_alarm() -> None:
    """There is no search without an alarm that names it."""
    assert {name.removesuffix("Search") for name in SEARCHES} == {name.removesuffix("Alarm") for name in ALARMS}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda chart: chart.update(title="Outcomes"), "no title or type", id="title"),
        pytest.param(lambda chart: chart.update(type="pie"), "no title or type", id="type"),
        pytest.param(lambda chart: chart["display"].update(xPos=13), "does not fit", id="too-wide"),
        pytest.param(lambda chart: chart["display"].update(yPos=1), "lies on", id="on-another"),
        pytest.param(lambda chart: chart["search"].update(querry="*"), "too much", id="unknown-key"),
        pytest.param(lambda chart: chart["display"]["queryOptionMap"]["A"].update(xAxisKey="x"), "drawn", id="axis"),
        pytest.param(lambda chart: chart["search"]["chartQueries"][0].update(tokenQuery="*"), "differ", id="queries"),
    ],
)
def test_a_mistake_in_a_chart_is_told(change: Callable[[dict[str, Any]], None], problem: str) -> None:
    """What ROS does not look into is checked here: titles, types, keys, axes and the places of charts."""
    dashboard = STACK.properties("Dashboard")
    assert list(charts.problems(dashboard)) == []
    change(dashboard["Charts"][0])
    assert any(problem in each for each in charts.problems(dashboard))
