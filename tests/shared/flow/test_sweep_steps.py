"""What a sweep does step by step: how much at once, until when, in which order, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.access.sweep import CREATE, KEEP, RELEASE, Item, Sweep
from shared.clock import utc
from shared.cloud.signing import Credentials
from shared.errors import SettingsError
from shared.flow.engine import Invocation
from shared.flow.reconcile import carry_out
from shared.model.access import VpcAccess
from tests.invoking import VPC, Invoker
from tests.shared.flow.test_names_hooks import taken
from tests.shared.flow.test_reconcile import EARLIER, TIMER, closing, made_entry, made_instance, told

NAMES = {"ALLOWED_NAMES": f"{VPC}:orders-*"}
CLAIMING = made_instance(1, Tags={"apigateway-port": "8080", "apigateway-name": "orders-prod"})
NAME, GONE = "team-a-i-bp1sweep0001-8080", "team-a-i-bp1sweep0002-8080"


class Operator:
    """Carries out a plan as an operator's command does, and notes how much was done after each step."""

    def __init__(self, sweeping: Invoker, *items: Item, **changes: str) -> None:
        self.done = list[int]()
        self.invoker = sweeping.doing(
            lambda records, run: (carry_out(Sweep(items), records[0], run, self.done.append), [])
        )
        self.engine = self.invoker.configure(**changes)


def items(kind: str, count: int) -> Iterator[Item]:
    """Yield what is planned for instances that do not show any more."""
    for number in range(count):
        access = VpcAccess(f"n-{number}", VPC, f"i-{number}", 80, vpc_access_id="id", created_time=EARLIER)
        yield Item(kind, access)


@pytest.mark.parametrize(
    ("count", "rate", "timeout", "done"),
    [
        pytest.param(201, "1000", 600.0, [100, 200, 201], id="a-hundred-at-once"),
        pytest.param(2_100, "1000", 600.0, list(range(105, 2_101, 105)), id="a-twentieth-of-many"),
        pytest.param(25, "2", 52.0, [10, 20, 25], id="what-fits-into-the-last-fifth"),
        pytest.param(3, "1", 8.0, [1, 2, 3], id="one-in-any-case"),
    ],
)
def test_pieces_are_larger_for_many_and_smaller_in_a_short_time(
    sweeping: Invoker, count: int, rate: str, timeout: float, done: list[int]
) -> None:
    """Each piece looks at the whole gateway, and has to end within the time that is kept for what is under way."""
    operator = Operator(sweeping, *items(CREATE, count), MAX_CALLS_PER_SECOND=rate)
    operator.invoker(TIMER, timeout)

    assert operator.done == done


def test_a_command_begins_nothing_after_four_fifths_of_its_time(sweeping: Invoker) -> None:
    """Of 98 seconds 78.4: what begins then ends, and what was not begun has no outcome."""
    operator = Operator(sweeping, *items(RELEASE, 6))
    operator.invoker.after = lambda _: sweeping.clock.advance(20)
    answer = operator.invoker(TIMER, 100.0)

    assert operator.done == [1, 2, 3, 4]
    assert [name for _, _, name in told(answer)] == ["n-0", "n-1", "n-2", "n-3"]


def test_a_sweep_begins_nothing_after_four_fifths_of_its_time(sweeping: Invoker) -> None:
    """That is of all its time, however long it has looked: what is left is said, and stays planned."""
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(number) for number in range(2, 7)])
    seconds = {"DescribeLoadBalancers": 70.0, "PublishMessage": 3.0}
    sweeping.after = lambda operation: sweeping.clock.advance(seconds.get(operation, 0.0))
    outcomes = [(outcome, reason) for outcome, reason, _ in told(sweeping(TIMER, 100.0))]

    assert outcomes == [("authorized", "")] + [("scheduled", "")] * 2 + [("planned", "release")] * 3
    assert (closing(sweeping)["event"], closing(sweeping)["left"]) == ("sweep incomplete", 3)


def test_a_key_that_is_lost_between_two_steps_is_told(sweeping: Invoker) -> None:
    """What is planned is looked at again, and then there is no key to go on with: that is said, and nothing is raised."""
    missing = Item(CREATE, VpcAccess(NAME, VPC, "i-bp1sweep0001", 8080))
    operator, keys = Operator(sweeping, missing), [sweeping.credentials]
    sweeping.given(instances=[made_instance(1)])

    def key() -> Credentials:
        if not keys:
            raise SettingsError(["no credentials: give the function a role"])
        return keys[0]

    operator.invoker.after = lambda _: keys.clear()
    report = operator.engine.handle(json.dumps(TIMER).encode(), Invocation("req-1", 60.0, key))

    assert [(outcome.type, outcome.reason) for outcome in report.outcomes] == [("failed", SettingsError.code)]


def test_a_release_that_cannot_be_scheduled_is_told(sweeping: Invoker) -> None:
    """It fails with the reason of its own call, and the sweep goes on with what else there is."""
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(2), made_entry(3)])
    sweeping.given(faults=[{"operation": "SMQ.SendMessage", "nth": 1, "status": 403, "code": "AccessDenied"}])
    outcomes = [(outcome, reason) for outcome, reason, _ in told(sweeping(TIMER))]

    assert outcomes == [("authorized", ""), ("failed", "AccessDenied"), ("scheduled", "")]


@pytest.mark.parametrize(
    ("changes", "outcome", "named"),
    [
        pytest.param({}, ("scheduled", "", GONE), ("scheduled", "Named", "orders-prod"), id="apply"),
        pytest.param(
            {"RELEASE_MODE": "report"},
            ("planned", "release", GONE),
            ("scheduled", "Named", "orders-prod"),
            id="releases-are-reported",
        ),
        pytest.param(
            {"NAMED_BACKENDS": "plan"},
            ("scheduled", "", GONE),
            ("planned", "name: Missing", "orders-prod"),
            id="names-are-planned",
        ),
        pytest.param(
            {"RECONCILE_MODE": "plan"},
            ("planned", "release", GONE),
            ("planned", "name: Missing", "orders-prod"),
            id="plan",
        ),
        pytest.param(
            {"DRY_RUN": "true"}, ("planned", "release", GONE), ("planned", "name: Missing", "orders-prod"), id="dry-run"
        ),
    ],
)
def test_what_is_only_planned_is_complete_and_sends_nothing(
    sweeping: Invoker, changes: dict[str, str], outcome: tuple[str, str, str], named: tuple[str, str, str]
) -> None:
    """Releases and names each have a switch of their own; what one of them holds back is told and is nothing left over."""
    sweeping.configure(**NAMES, **changes)
    sweeping.given(instances=[CLAIMING], entries=[made_entry(2)])
    answer = sweeping(TIMER)

    assert sorted(told(answer)) == sorted([outcome, named])
    assert closing(sweeping)["event"] == "sweep completed"
    assert len(taken(sweeping)) == (named[0] == "scheduled")
    assert sweeping.calls().count("SMQ.SendMessage") == [outcome[0], named[0]].count("scheduled")


def test_a_sweep_that_cannot_read_the_gateway_fails_and_says_so(sweeping: Invoker) -> None:
    """There is no plan without the entries: one result tells why, and its line in the log is a warning."""
    sweeping.given(permissions=[{"denied": ["apigateway:DescribeVpcAccesses"]}])
    answer = sweeping(TIMER)
    (line,) = [line for line in sweeping.lines() if line["event"] == "record"]

    assert (answer.result["outcome"], answer.result["reason"]) == ("failed", "NoPermission")
    assert (line["level"], line["outcome"]) == ("WARNING", "failed")
    assert closing(sweeping)["level"] == "ERROR"


def test_each_result_has_its_line_and_the_whole_its_seconds(sweeping: Invoker) -> None:
    """Nobody reads the answer to a timer: the log has it, and how long it took to a tenth of a second."""
    sweeping.configure(MAX_CALLS_PER_SECOND="3")
    sweeping.given(instances=[made_instance(1)])
    sweeping(TIMER)
    (line,) = [line for line in sweeping.lines() if line["event"] == "record"]

    assert (line["level"], line["outcome"], line["name"]) == ("INFO", "authorized", NAME)
    assert closing(sweeping)["seconds"] == round(sum(sweeping.slept), 1) > 0


def test_a_summary_has_a_thousand_items(sweeping: Invoker) -> None:
    """The answer of an invocation is bounded; the counts at the end are of all."""
    entries = [{**made_entry(1), "Name": f"n-{port}", "Port": port} for port in range(1, 1_002)]
    sweeping.given(instances=[made_instance(1, Tags={})], entries=entries)

    assert len(sweeping(TIMER, 600.0).results) == 1_000
    assert closing(sweeping)["drift"] == 1_001


@pytest.mark.parametrize(
    ("payload", "seconds", "again"),
    [
        pytest.param("60", 7_800, True, id="at-the-last-second"),
        pytest.param("60", 7_801, False, id="a-second-later"),
        pytest.param("nonsense", 7_800, True, id="an-hour-is-assumed"),
        pytest.param("nonsense", 7_801, False, id="an-hour-and-a-second-later"),
    ],
)
def test_two_sweeps_and_ten_minutes_long_it_is_told_again(
    sweeping: Invoker, payload: str, seconds: int, again: bool
) -> None:
    """Ten minutes is how long a sweep may take: the second one after that which made the entry still tells of it."""
    made = utc(sweeping.clock.now() - seconds)
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(1, CreatedTime=made)])
    sweeping({**TIMER, "payload": payload})

    assert [message["type"] for message in sweeping.messages()] == ["vpcaccess.unchanged"] * again


def test_the_newest_is_told_again_first(sweeping: Invoker) -> None:
    """If time runs out, what consumers have had most chances to hear of is left."""
    ages = {1: 60, 2: 3_600, 3: 0, 4: 600}
    entries = [made_entry(number, CreatedTime=utc(sweeping.clock.now() - age)) for number, age in ages.items()]
    sweeping.given(instances=[made_instance(number) for number in ages], entries=entries)
    sweeping(TIMER)

    assert [message["data"]["InstanceId"][-1] for message in sweeping.messages()] == ["3", "1", "4", "2"]


@pytest.mark.parametrize(("dry_run", "kinds"), [("false", ["vpcaccess.unchanged"]), ("true", [])])
def test_a_dry_run_tells_nobody_of_what_is_there(sweeping: Invoker, dry_run: str, kinds: list[str]) -> None:
    """A command with DRY_RUN publishes nothing, also not of what the last sweep made."""
    marks = ("vpc-access-owner", "team-a"), ("vpc-access-origin", "announced")
    made = VpcAccess(NAME, VPC, "i-bp1sweep0001", 8080, tags=marks, created_time=utc(sweeping.clock.now()))
    operator = Operator(sweeping, Item(KEEP, made), DRY_RUN=dry_run)
    operator.invoker(TIMER)

    assert [message["type"] for message in sweeping.messages()] == kinds


UNTOLD = {"operation": "SMQ.PublishMessage", "status": 403, "code": "AccessDenied"}


def test_what_could_not_be_told_again_is_for_the_next_sweep(sweeping: Invoker) -> None:
    """It is in the summary, and asks for no other delivery: nobody delivers a timer again."""
    now = utc(sweeping.clock.now())
    sweeping.given(instances=[made_instance(1)], entries=[made_entry(1, CreatedTime=now)], faults=[UNTOLD])
    answer = sweeping(TIMER)

    assert answer.error is None
    assert told(answer) == [("unchanged", "AccessDenied", NAME)]
    assert closing(sweeping)["untold"] == 1


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        pytest.param([], "authorized", id="yes"),
        pytest.param(
            [{"operation": "CloudAPI.SetVpcAccess", "status": 400, "code": "InvalidPort"}], "rejected", id="no"
        ),
    ],
)
def test_an_answer_that_was_not_published_leaves_a_sweep_incomplete(
    sweeping: Invoker, faults: list[dict[str, Any]], outcome: str
) -> None:
    """Whoever waits for a yes or a no has not heard of it."""
    sweeping.given(instances=[made_instance(1)], faults=[*faults, UNTOLD])

    assert [one for one, _, _ in told(sweeping(TIMER))] == [outcome]
    assert (closing(sweeping)["event"], closing(sweeping)["untold"]) == ("sweep incomplete", 1)
