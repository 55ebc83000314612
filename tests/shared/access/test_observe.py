"""Looking at what is there: as few calls as possible, and never fooled by a list that moves while it is read."""

from typing import Any

import pytest

from shared.access.observe import Recent, everything
from shared.access.plan import Present
from shared.clock import Clock
from shared.cloud.apigateway import ApiGateway
from shared.errors import Doubtful
from shared.flow.engine import Invocation
from shared.model.access import VpcAccess
from tests.cloud.core import ManualClock
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


def test_pages_are_read_where_look_ups_cost_as_much(invoke: Invoker) -> None:
    """Two more pages or two look-ups for one request: the pages, since what is read serves the next one as well."""
    _fill(invoke, 250)
    invoke(request(Name="new", InstanceId="i-new", Port=80))

    assert [call.parameters["PageNumber"] for call in invoke.served.world.journal(READ)] == ["1", "2", "3"]


def test_an_event_that_asks_for_nothing_looks_at_nothing(invoke: Invoker) -> None:
    """A request that cannot be read costs no look, also where the last one made an entry that does not show yet."""
    invoke(request())
    looks = invoke.calls(READ)

    assert invoke(request(Port=0)).result["outcome"] == "rejected"
    assert invoke.calls(READ) == looks


def test_entries_that_never_hold_still_are_read_three_times(sweeping: Invoker) -> None:
    """An entry goes during each reading of two pages: no part is taken for the whole, and it is doubt, with an answer."""
    _fill(sweeping, 250)
    engine = sweeping.configure()
    session = engine.session(Invocation("r", 60.0, lambda: sweeping.credentials))
    gone = iter(range(250))

    def remove_one(_: str) -> None:
        entry = _entry(next(gone))
        sweeping.served.app["CloudAPI"].entries.remove("1234567890123456", VPC, entry["InstanceId"], 80)

    sweeping.after = remove_one
    with pytest.raises(Doubtful, match=r"PagesShifted \(HTTP 200"):
        everything(ApiGateway(session, engine.settings.apigateway_endpoint), 1)
    assert len(sweeping.calls(READ)) == 3 * 3


@pytest.mark.parametrize("count", [0, 250])
def test_everything_is_read_once_where_it_holds_still(sweeping: Invoker, count: int) -> None:
    """One reading is enough, of nothing as well as of three pages."""
    _fill(sweeping, count)
    engine = sweeping.configure()
    session = engine.session(Invocation("r", 60.0, lambda: sweeping.credentials))
    found = everything(ApiGateway(session, engine.settings.apigateway_endpoint), 1)

    assert sorted(entry.name for entry in found) == [f"entry-{number:03}" for number in range(count)]
    assert len(sweeping.calls(READ)) == max(1, -(-count // 100))


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


@pytest.mark.parametrize(
    ("seconds", "rival"),
    [pytest.param(59.9, A, id="almost-a-minute"), pytest.param(60.0, None, id="a-minute")],
)
def test_what_was_written_holds_for_a_minute(seconds: float, rival: VpcAccess | None) -> None:
    """What has not shown by then is taken for gone."""
    clock = ManualClock(0.0)
    recent = Recent(Clock(monotonic=clock.now))
    recent.wrote(A)
    clock.advance(seconds)

    assert recent.rival(B) == rival


@pytest.mark.parametrize(
    ("notes", "within", "noted"),
    [
        pytest.param([], 60.0, False, id="never"),
        pytest.param([(100.0, "a")], 60.0, True, id="now"),
        pytest.param([(40.1, "a")], 60.0, True, id="almost-a-minute-ago"),
        pytest.param([(40.0, "a")], 60.0, False, id="a-minute-ago"),
        pytest.param([(40.0, "a")], 61.0, True, id="within-more"),
        pytest.param([(0.0, "a"), (90.0, "a")], 60.0, True, id="again"),
        pytest.param([(-3_500.0, "a"), (100.0, "b")], 7_200.0, True, id="an-hour-ago"),
        pytest.param([(-3_500.1, "a"), (100.0, "b")], 7_200.0, False, id="over-an-hour-ago"),
        pytest.param([(-3_502.0, "a"), (-3_501.0, "b"), (100.0, "c")], 7_200.0, False, id="two-over-an-hour-ago"),
        pytest.param(
            [(-3_502.0, "b"), (-3_501.0, "a"), (90.0, "b"), (100.0, "c")], 7_200.0, False, id="before-what-came-again"
        ),
    ],
)
def test_a_note_is_kept_for_an_hour_at_most(notes: list[tuple[float, str]], within: float, noted: bool) -> None:
    """Whatever is asked for, and in whatever order notes are made again; at 100 it is asked whether ``a`` is noted."""
    now = [0.0]
    recent = Recent(Clock(monotonic=lambda: now[0]))
    for now[0], what in notes:
        recent.note(what)
    now[0] = 100.0

    assert recent.noted("a", within) == noted
    assert recent.noted("a") == (noted and within == 60.0)


def test_nothing_is_noted_when_the_clock_begins() -> None:
    """A machine that has just started has a monotonic clock near 0, which is no moment of any note."""
    assert not Recent(Clock(monotonic=lambda: 0.0)).noted("a")


def test_notes_are_found_by_their_beginning_for_a_minute() -> None:
    """Those of the last minute only, without what was forgotten and what begins otherwise; forgetting twice is no fault."""
    now = [0.0]
    recent = Recent(Clock(monotonic=lambda: now[0]))
    recent.note("left i-1 old")
    now[0] = 60.0
    for what in ("left i-1 a", "left i-1 b", "left i-2 c", "left i-1 d"):
        recent.note(what)
    for _ in range(2):
        recent.forget("left i-1 b")

    assert recent.noted_after("left i-1 ") == ["a", "d"]
    assert recent.noted_after("nothing") == []
