"""A fault that nobody foresaw costs one record its answer for now, never another record's; its trace is logged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from shared.events import parsing
from shared.flow import authorize
from shared.model.access import VpcAccess
from shared.model.outcome import Job
from shared.model.records import Ignored, Invalid, Record
from tests.invoking import VPC, Invoker, queue_event, request, state_change

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
        assert {line["reason"] for line in lines if line.get("retry")} == {"Unexpected"}
    assert len(lines) == 4
    invoke.before = lambda _: None
    again = invoke(event)

    assert again.error is None
    assert len(invoke.accesses()) == 4
    assert {message["type"] for message in invoke.messages()} <= {
        f"vpcaccess.{kind}" for kind in ("authorized", "unchanged", "failed")
    }


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
