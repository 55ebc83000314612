"""The books of a chaos run: what was sent, what the gateway holds, what was answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from tests.chaos.messages import FOREIGN, Sent, Target

_KEYS = Target._fields


class Seen(NamedTuple):
    """What was counted while a run went on."""

    calls: int = 0
    kills: int = 0
    faults: int = 0
    odd_forms: int = 0  # kinds of odd answers that were given
    odd_forms_left: int = 0  # kinds that had no turn, or no answer that they fit


class Ledger(NamedTuple):
    """One figure a line; the run is good when lost, starved, doubly_authorized and wrongly_opened are 0."""

    messages: int
    accepted: int  # messages that must be granted, repeats included
    authorized: int  # authorizations at the gateway that were asked for
    turned_down: int  # messages answered with refused or rejected
    results_distinct: int
    results_repeated: int
    lost: int  # messages that are gone without a final answer, or granted with an id that the gateway does not have
    starved: int  # messages without a final answer, though they were delivered as often as they are, or still are
    doubly_authorized: int  # names or targets that the gateway holds twice, or requests answered with two ids
    wrongly_opened: int  # entries that nobody was entitled to, and changes to the entry that is not ours
    opened_to_the_hostile: int  # entries within policy that the hostile producer asked for
    calls_per_record: float
    kills: int
    faults: int
    odd_forms: int
    odd_forms_left: int

    @property
    def good(self) -> bool:
        return self.lost == self.starved == self.doubly_authorized == self.wrongly_opened == 0

    def lines(self) -> list[str]:
        """Return ``name: value`` lines."""
        return [f"{name.replace('_', ' ')}: {value}" for name, value in self._asdict().items()]


def balance(
    sent: Mapping[str, Sent],
    entries: Iterable[Mapping[str, Any]],
    results: Iterable[Mapping[str, Any]],
    seen: Seen = Seen(),  # noqa: B008 - a constant
    *,
    within_policy: Collection[Target] = frozenset(),
    delivered: Collection[str] = frozenset(),
) -> Ledger:
    """Compare ``sent`` (by message id) with the gateway's ``entries`` and the ``results`` received.

    ``within_policy`` is what the hostile producer may have opened, and ``delivered`` are the ids of messages that were
    given up after their last delivery, or are still to be delivered.
    """
    held = list(entries)
    by_key = {Target(*(entry[key] for key in _KEYS)): entry["VpcAccessId"] for entry in held}
    allowed = {message.grants for message in sent.values() if message.grants}
    foreign = Target(**FOREIGN)
    received = list(results)
    answers: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for result in received:
        data = result["data"]
        answers[data["SourceMessageId"]].add((result["type"].removeprefix("vpcaccess."), data.get("VpcAccessId", "")))
    granted_ids: dict[Target, set[str]] = defaultdict(set)
    lost = starved = turned_down = 0
    for message_id, message in sent.items():
        found = answers[message_id]
        down = any(kind in {"refused", "rejected"} for kind, _ in found)
        ids = {given for kind, given in found if kind in {"authorized", "unchanged"}}
        turned_down += down
        if message.grants:
            granted_ids[message.grants] |= ids
        if not (ids if message.grants else down):
            starved += message_id in delivered
            lost += message_id not in delivered
        elif message.grants:
            lost += by_key.get(message.grants) not in ids
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
        starved=starved,
        doubly_authorized=doubles,
        wrongly_opened=len(by_key.keys() - allowed - set(within_policy) - {foreign}) + (foreign not in by_key),
        opened_to_the_hostile=len(by_key.keys() & set(within_policy)),
        calls_per_record=round(seen.calls / max(1, len(sent)), 2),
        kills=seen.kills,
        faults=seen.faults,
        odd_forms=seen.odd_forms,
        odd_forms_left=seen.odd_forms_left,
    )
