"""A small storm with a fixed seed; `make chaos` is the large one."""

import pytest

from functions._operator.build import Package
from tests.chaos.ledger import balance
from tests.chaos.messages import FOREIGN, messages
from tests.chaos.storm import Plan, run

pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize("duplicate", ["error", "overwrite"])
def test_the_books_balance(duplicate: str, native_package: Package) -> None:
    """150 messages through throttling, faults, expiring keys and kills: nothing lost, doubled or wrongly opened."""
    ledger = run(Plan(150, 7, duplicate, batch_size=15, kill_every=70), native_package.archive)

    assert (ledger.lost, ledger.doubly_authorized, ledger.wrongly_opened) == (0, 0, 0), ledger.lines()
    assert ledger.authorized == 112
    assert ledger.turned_down == 16
    assert ledger.faults > 100
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
    keys = ("Name", "VpcId", "InstanceId", "Port")
    held = [
        dict(zip(keys, grants if name == "a" else ("b", "v", "i", 1), strict=True)) | {"VpcAccessId": f"id-{name}"}
        for name in entries
    ]
    ledger = balance(sent, [{**FOREIGN, "VpcAccessId": "f"}, *held], [_result(*result) for result in results], 0, 0, 0)

    assert {
        name: getattr(ledger, name) for name in ("lost", "doubly_authorized", "wrongly_opened") if getattr(ledger, name)
    } == wrong
    assert ledger.good is not bool(wrong)
