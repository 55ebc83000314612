"""The books of a chaos run: what was sent, what the gateway holds, what was answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tests.chaos.messages import FOREIGN, Sent

_KEYS = ("Name", "VpcId", "InstanceId", "Port")


class Ledger(NamedTuple):
    """One figure a line; the run is good when lost, doubly_authorized and wrongly_opened are 0."""

    messages: int
    accepted: int  # messages that must be granted, repeats included
    authorized: int  # authorizations at the gateway that were asked for
    turned_down: int  # messages answered with refused or rejected
    results_distinct: int
    results_repeated: int
    lost: int  # messages without a final answer, or granted with an id that the gateway does not have
    doubly_authorized: int  # names or targets that the gateway holds twice, or requests answered with two ids
    wrongly_opened: int  # entries that nobody was entitled to, and changes to the entry that is not ours
    calls_per_record: float
    kills: int
    faults: int

    @property
    def good(self) -> bool:
        return self.lost == self.doubly_authorized == self.wrongly_opened == 0

    def lines(self) -> list[str]:
        """Return ``name: value`` lines."""
        return [f"{name.replace('_', ' ')}: {value}" for name, value in self._asdict().items()]


def balance(
    sent: Mapping[str, Sent],
    entries: Iterable[Mapping[str, Any]],
    results: Iterable[Mapping[str, Any]],
    calls: int,
    kills: int,
    faults: int,
) -> Ledger:
    """Compare ``sent`` (by message id) with the gateway's ``entries`` and the ``results`` received."""
    held = list(entries)
    by_key = {tuple(entry[key] for key in _KEYS): entry["VpcAccessId"] for entry in held}
    allowed = {message.grants for message in sent.values() if message.grants}
    foreign = tuple(FOREIGN[key] for key in _KEYS)
    received = list(results)
    answers: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for result in received:
        data = result["data"]
        answers[data["SourceMessageId"]].add((result["type"].removeprefix("vpcaccess."), data.get("VpcAccessId", "")))
    granted_ids: dict[tuple[str, str, str, int], set[str]] = defaultdict(set)
    lost = turned_down = 0
    for message_id, message in sent.items():
        found = answers[message_id]
        down = any(kind in {"refused", "rejected"} for kind, _ in found)
        ids = {given for kind, given in found if kind in {"authorized", "unchanged"}}
        turned_down += down
        if message.grants:
            granted_ids[message.grants] |= ids
            lost += not ids or by_key.get(message.grants) not in ids
        else:
            lost += not down
    doubles = sum(len(held) - len({entry[key] for entry in held}) for key in ("Name",))
    doubles += len(held) - len({tuple(entry[key] for key in _KEYS[1:]) for entry in held})
    doubles += sum(len(ids) > 1 for ids in granted_ids.values())
    return Ledger(
        messages=len(sent),
        accepted=sum(message.grants is not None for message in sent.values()),
        authorized=len(allowed & by_key.keys()),
        turned_down=turned_down,
        results_distinct=len({result["id"] for result in received}),
        results_repeated=len(received) - len({result["id"] for result in received}),
        lost=lost,
        doubly_authorized=doubles,
        wrongly_opened=len(by_key.keys() - allowed - {foreign}) + (foreign not in by_key),
        calls_per_record=round(calls / max(1, len(sent)), 2),
        kills=kills,
        faults=faults,
    )
