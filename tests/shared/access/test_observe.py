"""Looking at what is there: as few calls as possible, and never fooled by a list that moves while it is read."""

from typing import Any

import pytest

from shared.access.observe import Recent
from shared.access.plan import Present
from shared.clock import Clock
from shared.model.access import VpcAccess
from tests.invoking import VPC, Invoker, request

READ, WRITE = "CloudAPI.DescribeVpcAccesses", "CloudAPI.SetVpcAccess"


def _entry(number: int) -> dict[str, Any]:
    return {"Name": f"entry-{number:03}", "VpcId": VPC, "InstanceId": f"i-{number}", "Port": 80}


def _fill(invoke: Invoker, count: int) -> None:
    invoke.given(entries=[_entry(number) for number in range(count)])


@pytest.mark.parametrize(
    ("present", "asked", "reads"),
    [
        pytest.param(0, 1, 1, id="empty"),
        pytest.param(100, 1, 1, id="one-full-page"),
        pytest.param(101, 1, 2, id="second-page-is-cheaper-than-two-look-ups"),
        pytest.param(350, 1, 3, id="two-look-ups-are-cheaper-than-three-pages"),
        pytest.param(350, 2, 4, id="two-requests-are-worth-a-sweep"),
        pytest.param(350, 300, 4, id="a-batch-costs-one-sweep"),
    ],
)
def test_the_cheapest_sure_way_is_taken(invoke: Invoker, present: int, asked: int, reads: int) -> None:
    """One page answers everything while it holds all entries; beyond, the cheaper of sweep and exact look-ups."""
    _fill(invoke, present)
    invoke([request(Name=f"new-{number}", InstanceId=f"i-new{number}", Port=80) for number in range(asked)])

    assert len(invoke.calls(READ)) == reads
    assert len(invoke.calls(WRITE)) == asked


def test_an_entry_removed_during_the_sweep_does_not_hide_another(invoke: Invoker) -> None:
    """Page two shifts when an entry of page one goes; the one that slipped through is found by exact look-ups."""
    _fill(invoke, 250)
    reads = 0

    def remove_after_the_first_page(operation: str) -> None:
        nonlocal reads
        reads += operation == "DescribeVpcAccesses"
        if reads == 2:
            invoke.before = lambda _: None
            gone = _entry(0)
            accesses = invoke.served.app["CloudAPI"].entries
            accesses.remove(invoke.served.world.account_id, gone["VpcId"], gone["InstanceId"], gone["Port"])

    invoke.before = remove_after_the_first_page
    answer = invoke([_entry(number) for number in (100, 150, 249)])

    assert [result["outcome"] for result in answer.results] == ["unchanged"] * 3
    assert not invoke.calls(WRITE)


def test_entries_added_during_the_sweep_do_not_cost_look_ups(invoke: Invoker) -> None:
    """Other instances of the function add entries all the time; a sweep that saw everything old still counts."""
    _fill(invoke, 250)
    reads = 0

    def add_one(operation: str) -> None:
        nonlocal reads
        reads += operation == "DescribeVpcAccesses"
        if reads > 1 and operation == "DescribeVpcAccesses":
            invoke.given(entries=[_entry(1000 + reads)])

    invoke.before = add_one
    answer = invoke([_entry(number) for number in (0, 100, 249)])

    assert answer.summary["counts"] == {"unchanged": 3}
    assert len(invoke.calls(READ)) == 3


A = VpcAccess("a", VPC, "i-1", 80)
B = VpcAccess("b", VPC, "i-1", 80)
MOVED = VpcAccess("a", VPC, "i-2", 80)


@pytest.mark.parametrize(
    ("wrote", "seen", "asked", "rival"),
    [
        pytest.param([A], [], B, A, id="its-target-is-held"),
        pytest.param([A], [], MOVED, A, id="its-name-is-held"),
        pytest.param([A], [A], B, None, id="what-was-seen-frees-its-target"),
        pytest.param([A], [A], MOVED, None, id="what-was-seen-frees-its-name"),
        pytest.param([A, B], [A], A._replace(name="c"), B, id="another-holds-the-target-still"),
        pytest.param([A, MOVED], [], B, None, id="what-was-written-anew-frees-its-old-target"),
    ],
)
def test_what_was_just_written_holds_its_name_and_target(
    wrote: list[VpcAccess], seen: list[VpcAccess], asked: VpcAccess, rival: VpcAccess | None
) -> None:
    """Both, until it is seen; then neither, but for what another entry holds."""
    recent = Recent(Clock(monotonic=lambda: 0.0))
    for access in wrote:
        recent.wrote(access)
    recent.saw(Present(seen))

    assert recent.rival(asked) == rival
