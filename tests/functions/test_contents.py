"""What a stack holds before it is deleted: what was seen is said, and what could not be seen is not said to be nothing."""

from __future__ import annotations

from typing import Any

import pytest

from functions._operator.contents import Holding, Places, hidden_for_too_short, holdings
from functions._operator.ros import State
from shared.cloud.session import Session
from shared.flow.engine import Invocation
from shared.model.access import OWNER_TAG
from tests.deployed import create_queues, template
from tests.invoking import Invoker, request

PLACES = Places("http://127.0.0.1:8080", "http://127.0.0.1:8080")
REQUESTS, HOOKS, RELEASES = "set-vpc-access-requests", "set-vpc-access-hooks", "set-vpc-access-releases"
NAMES, LETTERS = "set-vpc-access-names", "set-vpc-access-dead-letters"
FED = (REQUESTS, HOOKS, RELEASES, NAMES)
URL = "http://1234567890123456.mns.cn-hangzhou.aliyuncs.com/queues"
QUEUES = {"RequestQueue": REQUESTS, "HookQueue": HOOKS, "ReleaseQueue": RELEASES, "NamesQueue": NAMES}
QUEUES["DeadLetterQueue"] = LETTERS
OUTPUTS = {"VisibilityTimeout": "720", **{output: f"{URL}/{name}" for output, name in QUEUES.items()}}
STATE = State("CREATE_COMPLETE", "", OUTPUTS, {"Owner": "team-a"})


@pytest.fixture
def session(invoke: Invoker) -> Session:
    """A session with the stand-in, on which the queues of the stack are."""
    create_queues(invoke.served.products["SMQ"], template())
    return invoke.configure().session(Invocation("r", 60, lambda: invoke.credentials))


def fates(found: list[Holding]) -> dict[str, str]:
    """Return what becomes of the queues' messages, the entries, the hooks of scaling groups, and the zips."""
    return dict(zip((*QUEUES.values(), "entries", "attached", "zips"), (each.fate for each in found), strict=True))


def entries(count: int, owner: str = "team-a") -> list[dict[str, Any]]:
    """Return entries with an owner's mark, as the stand-in is seeded with them."""
    tag = [{"Key": OWNER_TAG, "Value": owner}]
    return [request(Name=f"{owner}-{n:03}", InstanceId=f"i-{owner}-{n}", Tag=tag) for n in range(count)]


@pytest.mark.parametrize("counts", ["counted", "zero"])
@pytest.mark.parametrize(
    "waiting",
    [
        pytest.param({}, id="empty"),
        pytest.param({REQUESTS: 3}, id="requests"),
        pytest.param({HOOKS: 1}, id="hooks"),
        pytest.param({RELEASES: 2}, id="releases"),
        pytest.param({NAMES: 2}, id="names"),
        pytest.param({LETTERS: 1}, id="dead-letters"),
        pytest.param(dict.fromkeys(QUEUES.values(), 20), id="many"),
    ],
)
def test_waiting_messages_are_lost(invoke: Invoker, session: Session, counts: str, waiting: dict[str, int]) -> None:
    """A queue is asked for its messages themselves: its counts are 0 soon, by the vendor's own word."""
    world = invoke.served.world
    world.switches = world.switches.with_values(smq_message_counts=counts)
    smq = invoke.served.products["SMQ"]
    for queue, count in waiting.items():
        for _ in range(count):
            smq.send(queue, "text")
    found = list(holdings(session, PLACES, STATE))
    said = dict(zip(QUEUES.values(), found, strict=False))

    assert fates(found) == {
        **{queue: "lost" if waiting.get(queue) else "none" for queue in QUEUES.values()},
        "entries": "none",
        "attached": "stays",
        "zips": "stays",
    }
    for queue, count in waiting.items():
        assert (f"about {count};" if counts == "counted" else f"at least {min(count, 16)};") in said[queue].text
    assert f"--queue {LETTERS} --to {REQUESTS}" in said[LETTERS].text or not waiting.get(LETTERS)


def test_message_that_is_worked_on_is_counted(invoke: Invoker, session: Session) -> None:
    """What is hidden or not due yet cannot be received and is lost all the same; as long as the counts tell, it is told."""
    smq = invoke.served.products["SMQ"]
    smq.send(REQUESTS, "text")
    smq.receive(REQUESTS, 1)
    smq.send(RELEASES, "text", delay_seconds=3600)

    found = fates(list(holdings(session, PLACES, STATE)))
    assert (found[REQUESTS], found[RELEASES]) == ("lost", "lost")


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        pytest.param(0, "no authorization of the owner team-a", id="none"),
        pytest.param(2, ": 2 (team-a-000, team-a-001)", id="few"),
        pytest.param(120, ": 120 (team-a-000, ", id="two-pages"),
    ],
)
def test_entries_with_our_mark_stay(invoke: Invoker, session: Session, ours: int, said: str) -> None:
    """Entries of the stack's owner are counted over all pages and named; those of others are not."""
    invoke.given(entries=[*entries(ours), *entries(2, "team-b"), request()])
    holding = list(holdings(session, PLACES, STATE))[len(QUEUES)]

    assert holding.fate == ("stays" if ours else "none")
    assert said in holding.text
    assert ("and 100 more)" in holding.text) == (ours == 120)
    assert "team-b" not in holding.text


def test_stack_without_names_has_no_queue_for_them(session: Session) -> None:
    """Where no name is allowed there is no such queue, which is no gap in what was seen."""
    outputs = {name: value for name, value in OUTPUTS.items() if name != "NamesQueue"}
    found = list(holdings(session, PLACES, STATE._replace(outputs=outputs)))
    assert [holding.fate for holding in found] == ["none"] * len(QUEUES) + ["stays"] * 2


def test_stack_without_an_owner_is_unknown(session: Session) -> None:
    """Whose entries to look for is the stack's to say."""
    assert fates(list(holdings(session, PLACES, STATE._replace(parameters={}))))["entries"] == "unknown"


@pytest.mark.parametrize(
    ("denied", "unknown"),
    [
        pytest.param("mns:BatchPeekMessage", set(QUEUES.values()), id="peek"),
        pytest.param("mns:GetQueueAttributes", set(QUEUES.values()), id="attributes"),
        pytest.param("apigateway:DescribeVpcAccesses", {"entries"}, id="entries"),
    ],
)
def test_what_cannot_be_seen_is_unknown(invoke: Invoker, session: Session, denied: str, unknown: set[str]) -> None:
    """Without a right nothing is said to be there or not, and the right is named."""
    invoke.given(permissions=[{"denied": [denied]}])
    found = list(holdings(session, PLACES, STATE))

    assert {name for name, fate in fates(found).items() if fate == "unknown"} == unknown
    assert all(denied in holding.text for holding in found if holding.fate == "unknown")


@pytest.mark.parametrize("operation", ["SMQ.GetQueueAttributes", "SMQ.BatchPeekMessage"])
def test_answer_that_nobody_can_read_is_unknown(invoke: Invoker, session: Session, operation: str) -> None:
    """A page of a proxy in place of an answer says nothing of a queue."""
    invoke.served.products["SMQ"].send(REQUESTS, "text")
    invoke.given(faults=[{"operation": operation, "status": 200, "body": "html"}])

    assert fates(list(holdings(session, PLACES, STATE)))[REQUESTS] == "unknown"


@pytest.mark.parametrize("url", ["", "no-url", "ftp://a b/queues/q"])
def test_stack_without_a_queue_is_unknown(session: Session, url: str) -> None:
    """A stack that did not come about may give out nothing; that is no empty queue, and nothing to warn of."""
    state = STATE._replace(outputs=dict.fromkeys(OUTPUTS, url) | {"VisibilityTimeout": "720"})
    places = PLACES._replace(smq_endpoint="")

    assert fates(list(holdings(session, places, state))) == {
        **dict.fromkeys(QUEUES.values(), "unknown"),
        "entries": "none",
        "attached": "unknown",
        "zips": "stays",
    }
    assert list(hidden_for_too_short(session, places, state)) == []


@pytest.mark.parametrize("queue", FED)
@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(719, "hides a message for 719 s, and the function may work on one for 720 s", id="too-short"),
        pytest.param(720, "", id="as-the-stack-says"),
        pytest.param(43_200, "", id="longer"),
    ],
)
def test_time_that_a_queue_hides_messages_is_compared(
    invoke: Invoker, session: Session, queue: str, seconds: int, said: str
) -> None:
    """What the queue itself says counts, for a stack does not see what somebody has set by hand."""
    invoke.served.products["SMQ"].set_queue_attributes(queue, {"VisibilityTimeout": seconds})
    problems = list(hidden_for_too_short(session, PLACES, STATE))

    assert len(problems) == bool(said)
    assert all(said in problem and queue in problem for problem in problems)


def test_time_that_cannot_be_seen_is_told(invoke: Invoker, session: Session) -> None:
    """Without the right it is said that nothing was checked, and which right is missing."""
    invoke.given(permissions=[{"denied": ["mns:GetQueueAttributes"]}])

    problems = list(hidden_for_too_short(session, PLACES, STATE))
    assert len(problems) == len(FED)
    assert all("mns:GetQueueAttributes" in problem for problem in problems)
