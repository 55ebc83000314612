"""A small storm with a fixed seed; `make chaos` is the large one."""

import pytest

from functions._operator.build import Package
from tests.chaos.faults import ODD, faults
from tests.chaos.hostile import hostile
from tests.chaos.ledger import balance
from tests.chaos.messages import FOREIGN, Target, messages
from tests.chaos.storm import Plan, run

pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize("duplicate", ["error", "overwrite"])
def test_the_books_balance(duplicate: str, native_package: Package) -> None:
    """100 messages through faults, odd answers, kills and a hostile producer: nothing lost, starved, doubled or wrong."""
    plan = Plan(100, 7, duplicate, batch_size=10, kill_every=50, rounds=1, flood=15)
    ledger = run(plan, native_package.archive)

    assert ledger.good, ledger.lines()
    assert ledger.authorized == 75
    assert ledger.turned_down == 10
    assert ledger.faults > 100
    assert ledger.odd_forms > 20
    assert ledger.kills >= 5  # with the fourth, the role's keys expire


def _result(message_id: str, kind: str, access_id: str = "") -> dict[str, object]:
    return {
        "id": message_id + kind,
        "type": f"vpcaccess.{kind}",
        "data": {"SourceMessageId": message_id, "VpcAccessId": access_id},
    }


@pytest.mark.parametrize(
    ("entries", "results", "wrong"),
    [
        pytest.param(["a"], [("m1", "authorized", "id-a")], {}, id="good"),
        pytest.param(["a"], [], {"lost": 1}, id="no-answer"),
        pytest.param(["a"], [("m1", "failed", "")], {"lost": 1}, id="only-a-failure"),
        pytest.param([], [("m1", "authorized", "id-a")], {"lost": 1}, id="answered-but-not-there"),
        pytest.param(["a"], [("m1", "authorized", "id-x")], {"lost": 1}, id="wrong-id"),
        pytest.param(
            ["a"], [("m1", "authorized", "id-a"), ("m1", "unchanged", "id-b")], {"doubly_authorized": 1}, id="two-ids"
        ),
        pytest.param(["a", "a"], [("m1", "authorized", "id-a")], {"doubly_authorized": 2}, id="twice-there"),
        pytest.param(["a", "b"], [("m1", "authorized", "id-a")], {"wrongly_opened": 1}, id="nobody-asked"),
    ],
)
def test_the_ledger_finds_every_kind_of_fault(
    entries: list[str], results: list[tuple[str, str, str]], wrong: dict[str, int]
) -> None:
    """Books that do not balance are seen as such, each under its own name."""
    sent = {"m1": next(message for message in messages(20, 1) if message.grants)}
    grants = sent["m1"].grants
    assert grants
    held = [
        {**(grants if name == "a" else Target("b", "v", "i", 1))._asdict(), "VpcAccessId": f"id-{name}"}
        for name in entries
    ]
    ledger = balance(sent, [{**FOREIGN, "VpcAccessId": "f"}, *held], [_result(*result) for result in results])

    assert {
        name: getattr(ledger, name) for name in ("lost", "doubly_authorized", "wrongly_opened") if getattr(ledger, name)
    } == wrong
    assert ledger.good is not bool(wrong)


@pytest.mark.parametrize(
    ("given_up", "answers", "figures"),
    [
        pytest.param(["m1"], [], (0, 1), id="given-up-without-an-answer"),
        pytest.param(["m1"], [("m1", "failed")], (0, 1), id="only-failures"),
        pytest.param(["m1"], [("m1", "refused")], (0, 0), id="answered-before"),
        pytest.param([], [], (1, 0), id="gone"),
    ],
)
def test_who_is_never_answered_is_starved_or_lost(
    given_up: list[str], answers: list[tuple[str, str]], figures: tuple[int, int]
) -> None:
    """A message that was delivered to the last starved; one that is nowhere any more is lost."""
    sent = {"m1": next(message for message in messages(20, 1) if not message.grants)}
    foreign = [{**FOREIGN, "VpcAccessId": "f"}]
    ledger = balance(sent, foreign, [_result(*answer) for answer in answers], delivered=given_up)

    assert (ledger.lost, ledger.starved) == figures
    assert ledger.good is (figures == (0, 0))


def test_a_hostile_producer_gets_what_policy_allows_and_nothing_else() -> None:
    """What it asked for within policy may be there; a target that does not exist may not, nor what nobody asked for."""
    (allowed,) = [message for message in hostile(1, 1) if message.body.startswith('[{"Name":"flood-')]
    (target,) = allowed.within_policy
    entries = [{**entry, "VpcAccessId": "x"} for entry in (FOREIGN, target._asdict())]

    assert balance({}, entries, [], within_policy=allowed.within_policy).good
    assert balance({}, entries, []).wrongly_opened == 1
    assert sum(len(message.within_policy) for message in hostile(1, 3)) == 6


def test_every_form_has_its_turn() -> None:
    """Each odd form is a rule of its own that takes other calls than the rest of its operation."""
    odd = [rule for rule in faults(1) if "odd" in rule]

    assert len(odd) == sum(map(len, ODD.values())) == len({(rule["operation"], rule["from"]) for rule in odd})
