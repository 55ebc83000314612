"""A fault that nobody foresaw costs one record its answer for now, never another record's; its trace is logged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from functions.set_vpc_access.index import work
from shared import settings
from shared.access.releasable import Kept
from shared.access.release import CHECKS, Case, Check
from shared.clock import Clock
from shared.cloud.transport import Transport
from shared.events import parsing
from shared.flow import authorize
from shared.flow.engine import Engine
from shared.model.access import VpcAccess
from shared.model.outcome import Job
from shared.model.records import Ignored, Invalid, Record
from tests.invoking import SETTINGS, VPC, Answer, Invoker, Watched, queue_event, request, state_change
from tests.release_stage import with_checks
from tests.release_worlds import schedule

SEAMS = ["DescribeInstances", "DescribeVpcAccesses", "SetVpcAccess", "PublishMessage"]


class Surprise(Exception):
    """What nobody foresaw."""


def _throw_once(invoke: Invoker, operation: str, nth: int) -> None:
    """Let the transport throw at one call of an operation."""
    seen = 0

    def before(called: str) -> None:
        nonlocal seen
        seen += called == operation
        if called == operation and seen == nth:
            raise Surprise(operation)

    invoke.before = before


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("operation", SEAMS)
def test_no_seam_ends_the_batch(invoke: Invoker, operation: str, nth: int) -> None:
    """Whichever call throws, the event is reported record by record, and all is well when it comes again."""
    invoke.given(instances=[{"InstanceId": "i-1", "VpcId": VPC, "Tags": {"apigateway-port": "80"}}])
    requests = [json.dumps(request(Name=name, InstanceId=f"i-{name}")) for name in "abc"]
    event: list[Any] = [*queue_event(*requests), state_change("i-1")]
    _throw_once(invoke, operation, nth)
    first = invoke(event)
    lines = [line for line in invoke.lines() if line["event"] == "record"]
    if first.error is not None:
        (told,) = [line for line in invoke.lines() if line["event"] == "unexpected"]

        assert "Surprise" in told["trace"]
        assert told["stage"] == operation
        assert {line["reason"] for line in lines if line.get("retry")} == {"Unexpected"}
    assert len(lines) == 4
    invoke.before = lambda _: None
    again = invoke(event)

    assert again.error is None
    assert len(invoke.accesses()) == 4
    assert {message["type"] for message in invoke.messages()} <= {
        f"vpcaccess.{kind}" for kind in ("authorized", "unchanged", "failed")
    }


class Bound(int):
    """A port of the policy that cannot be compared with 8081."""

    def __le__(self, other: int) -> bool:
        if other == 8081:
            raise Surprise
        return super().__le__(other)


class Rate(float):
    """A rate of calls that no time can be multiplied by."""

    def __rmul__(self, other: float) -> float:
        raise Surprise


class Template(str):
    """A template of names that fails for one instance."""

    __slots__ = ()

    def format(self, *_: object, **fields: object) -> str:
        if fields["instance_id"] == "i-2":
            raise Surprise
        return super().format(**fields)


class Word(str):
    """A setting that can neither be compared nor written in capitals."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __ne__(self, _: object) -> bool:
        raise Surprise

    def upper(self) -> str:
        raise Surprise


class Mark(str):
    """An owner whose first result cannot be written."""

    __slots__ = ()
    written = 0

    def __format__(self, spec: str) -> str:
        Mark.written += 1
        if Mark.written == 1:
            raise Surprise
        return super().__format__(spec)


def _no_sleep(seconds: float) -> None:
    if seconds >= 0.1:
        raise Surprise


def _configure(invoke: Invoker, **odd: Any) -> None:
    """Start the function anew with settings that throw, on a clock that nobody can wait for."""
    invoke.configure()
    clock = Clock(invoke.clock.now, invoke.clock.now, _no_sleep, lambda: 0.5)
    invoke.engine = Engine(settings.load(SETTINGS)._replace(**odd), work, Transport(inner=Watched(invoke)), clock)


TAGGED = [{"InstanceId": f"i-{number}", "VpcId": VPC, "Tags": {"apigateway-port": "80"}} for number in range(3)]
OURS = {
    "Name": "n-1",
    "VpcId": VPC,
    "InstanceId": "i-old",
    "Port": 80,
    "Tag": [{"Key": "vpc-access-owner", "Value": "team-a"}],
}
HOOK = {"lifecycleHookId": "ash-1", "lifecycleActionToken": "token-1", "instanceIds": ["i-1"]}
REQUESTS = [request(Name=f"n-{number}", InstanceId=f"i-{number}", Port=8080 + number) for number in range(3)]
NOTHING_YET = {"operation": "CloudAPI.SetVpcAccess", "nth": 2, "status": 503, "code": "X"}


@pytest.mark.parametrize(
    ("stage", "event", "world", "odd", "due"),
    [
        pytest.param(
            "look-up",
            [state_change(f"i-{number}") for number in range(3)],
            {"instances": TAGGED},
            {"name_template": Template("{owner}-{instance_id}-{port}")},
            "i-2",
            id="look-up",
        ),
        pytest.param(
            "policy", REQUESTS, {}, {"allowed_ports": [settings.PortRange(Bound(80), 9000)]}, "n-1", id="policy"
        ),
        pytest.param("plan", REQUESTS, {"entries": [OURS]}, {"on_conflict": Word("refuse")}, "n-1", id="plan"),
        pytest.param("apply", REQUESTS, {"faults": [NOTHING_YET]}, {}, "n-1", id="apply"),
        pytest.param(
            "publish", [request(Port=22), *REQUESTS[1:]], {}, {"owner": Mark("team-a")}, "orders-prod", id="publish"
        ),
        pytest.param(
            "hook",
            [REQUESTS[0], {"userId": "1234567890123456", "regionId": "cn-hangzhou", "content": HOOK}, REQUESTS[2]],
            {"instances": [{**TAGGED[1], "Tags": {"apigateway-port": "22"}}]},
            {"hook_on_failure": Word("continue")},
            "HookNotAnswered (1)",
            id="hook",
        ),
    ],
)
def test_a_stage_that_fails_costs_one_record_its_answer(
    invoke: Invoker, stage: str, event: list[Any], world: dict[str, Any], odd: dict[str, Any], due: str
) -> None:
    """Whichever of our own steps throws for a record, it is due again with its trace in the log, the others are done."""
    Mark.written = 0
    invoke.given(**world)
    _configure(invoke, **odd)
    answer = invoke(event)
    told = [line for line in invoke.lines() if line["event"] == "unexpected"]
    again = [line.get("name", line.get("part", "")) for line in invoke.lines() if line.get("retry")]

    assert "1 of 3 records" in str(answer.error)
    assert again == [due] or due in str(answer.error)
    assert {line["stage"] for line in told} == {stage}
    assert all("Surprise" in line["trace"] for line in told)
    assert sum(message["type"] == "vpcaccess.authorized" for message in invoke.messages()) == 2


class Threads(int):
    """A number of threads that nobody can compare, as is done where there is more than one thing to do."""

    __slots__ = ()
    __hash__ = int.__hash__

    def __eq__(self, _: object) -> bool:
        raise Surprise


def test_a_fault_beside_the_calls_of_a_look_keeps_the_record_due(invoke: Invoker) -> None:
    """The look at the gateway is no call alone: it takes three pages here, side by side."""
    invoke.given(entries=[request(Name=f"other-{number}", InstanceId=f"i-other{number}") for number in range(250)])
    _configure(invoke, concurrency=Threads(2))

    assert "Unexpected (1)" in str(invoke(request()).error)
    assert [line["stage"] for line in invoke.lines() if line["event"] == "unexpected"] == ["observe"]


class Mine(dict[str, Any]):
    """An object that nobody can look into."""

    def keys(self) -> Any:
        raise Surprise("keys")


def test_a_fault_of_the_parser_costs_one_record_its_answer() -> None:
    """The others of its list are read, and this one is due again."""
    first, broken, last = parsing._records(parsing.Piece([1, Mine(a=1), request()]))

    assert isinstance(first.content, Invalid)
    assert not first.content.retry
    assert isinstance(broken.content, Invalid)
    assert broken.content.retry
    assert "Surprise in parse" in broken.content.text
    assert isinstance(last.content, VpcAccess)


def test_a_stage_is_done_for_each_alone_if_it_fails_for_all() -> None:
    """Only the job that the stage fails for is due again."""
    jobs = [Job(Record("manual", str(number), "", Ignored("", ""), "{}")) for number in range(5)]

    def work(some: Sequence[Job]) -> list[Job]:
        if any(job.record.message_id == "3" for job in some):
            raise Surprise
        return [job._replace(access=VpcAccess("n", VPC, "i-1", 80)) for job in some]

    done = authorize.guarded("stage", jobs, work)

    assert [job.outcome is None for job in done] == [True, True, True, False, True]
    assert done[3].outcome is not None
    assert (done[3].outcome.reason, done[3].outcome.retry) == ("Unexpected", True)


MARKS = [{"Key": "vpc-access-owner", "Value": "team-a"}, {"Key": "vpc-access-origin", "Value": "announced"}]
RELEASE_SEAMS = [
    *("DescribeVpcAccesses", "DescribeInstances", "DescribeApisByVpcAccess", "DescribeBackendList"),
    *("DescribeBackendInfo", "DescribePlugins", "RemoveVpcAccess", "PublishMessage"),
]


def _three_due(releasing: Invoker) -> list[Any]:
    """Let three entries' instances be gone; return the event that releases them."""
    releasing.given(
        entries=[request(Name=f"n-{number}", InstanceId=f"i-gone{number}", Tag=MARKS) for number in range(3)],
        instances=[{"InstanceId": "i-living", "VpcId": VPC}],
        backends=[{"BackendId": "b-1", "BackendType": "HTTP"}],
    )
    return queue_event(*map(schedule, releasing.accesses()))


def _told(invoke: Invoker) -> list[tuple[str, str]]:
    """Return the entries that were told as released, each with the id of its result."""
    released = [message for message in invoke.messages() if message["type"] == "vpcaccess.released"]
    return sorted({(message["data"]["Name"], message["id"]) for message in released})


def _costs_one(invoke: Invoker, answer: Answer, event: list[Any]) -> None:
    """Of three records one is due again, with its trace in the log; then all three are released, each under one id."""
    told = [line for line in invoke.lines() if line["event"] == "unexpected"]

    assert "1 of 3 records" in str(answer.error)
    assert len([line for line in invoke.lines() if line["event"] == "record"]) == 3
    assert "Surprise" in told[0]["trace"]
    invoke.before = lambda _: None
    assert invoke(event).error is None
    assert not invoke.accesses()
    assert [name for name, _ in _told(invoke)] == ["n-0", "n-1", "n-2"]
    assert [call.status for call in invoke.served.world.journal("CloudAPI.RemoveVpcAccess")] == [200] * 3


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("operation", RELEASE_SEAMS)
def test_no_seam_of_a_release_ends_the_batch(releasing: Invoker, operation: str, nth: int) -> None:
    """Whichever call throws, the other entries are released, and this one when its message comes again."""
    event = _three_due(releasing)
    _throw_once(releasing, operation, nth)

    _costs_one(releasing, releasing(event), event)


@pytest.mark.parametrize("place", range(len(CHECKS)), ids=[check.holds.replace(" ", "-") for check in CHECKS])
def test_a_check_that_throws_releases_nothing(releasing: Invoker, place: int) -> None:
    """A check has to find that its condition holds: one that fails keeps its entry until it does."""
    event = _three_due(releasing)

    def why_not(case: Case) -> Kept | None:
        if case.scheduled.name == "n-1":
            raise Surprise
        return CHECKS[place].why_not(case)

    broken = Check(CHECKS[place].holds, why_not)
    releasing.work = with_checks([*CHECKS[:place], broken, *CHECKS[place + 1 :]])
    releasing.configure()
    answer = releasing(event)
    left = [entry["Name"] for entry in releasing.accesses()]
    releasing.work = with_checks(CHECKS)
    releasing.configure()

    assert left == ["n-1"]
    _costs_one(releasing, answer, event)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("operation", ["DescribeVpcAccesses", "PublishMessage"])
def test_an_end_that_could_not_be_scheduled_comes_again(releasing: Invoker, operation: str, nth: int) -> None:
    """Whichever call throws (a message to a queue is one of SMQ's, too), the other ends are scheduled."""
    _three_due(releasing)
    event = [state_change(f"i-gone{number}", "Deleted") for number in range(3)]
    _throw_once(releasing, operation, nth)
    first = releasing(event)
    releasing.before = lambda _: None

    assert "1 of 3 records" in str(first.error)
    assert releasing(event).error is None
    assert releasing.due(3600).error is None
    assert not releasing.accesses()
    assert [name for name, _ in _told(releasing)] == ["n-0", "n-1", "n-2"]


def test_a_result_that_cannot_be_written_costs_its_record_only(releasing: Invoker) -> None:
    """The entry is gone then, and is told as released when its message comes again."""
    event = _three_due(releasing)
    Mark.written = 0
    whole = releasing.configure()
    releasing.engine = Engine(
        whole.settings._replace(owner=Mark("team-a")),
        with_checks(CHECKS),
        Transport(inner=Watched(releasing)),
        whole._clock,
    )

    _costs_one(releasing, releasing(event), event)


def test_a_fault_between_the_steps_of_a_sweep_is_told(sweeping: Invoker) -> None:
    """It is no error of the function, which nobody would deliver again: a failure stands among the results."""
    engine = sweeping.configure()
    engine.settings = engine.settings._replace(max_calls_per_second=Rate(1000))
    sweeping.given(instances=[{"InstanceId": "i-1", "VpcId": VPC, "Tags": {"apigateway-port": "80"}}])
    told = sweeping({"triggerTime": "2026-01-05T05:00:00Z", "triggerName": "reconcile", "payload": ""}).results

    assert [(one["outcome"], one["reason"]) for one in told] == [("failed", "Unexpected"), ("planned", "create")]
    assert [line["stage"] for line in sweeping.lines() if line["event"] == "unexpected"] == ["sweep"]
