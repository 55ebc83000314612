"""One plan for everything: what is there + what opted in + which backends still exist → what a sweep does. Pure.

``create``     a running backend asks for it, and nothing opens it
``keep``       it is as it should be
``drift``      an entry of ours is not as its backend asks: told, never changed
``foreign``    somebody else's entry opens a target of ours: told, never changed
``refused``    policy or a conflict forbids it
``release``    an entry of ours whose backend is proven to be gone: scheduled, and checked again from nothing when it is due
``held back``  the same, but there are suspiciously many, or not everything could be seen
``in use``     the same, but an API uses it: people have to act
``stays``      the same, but it is not for a sweep to release
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from shared.access.plan import Create, Keep, Present, Refuse, Wanted, plan
from shared.access.releasable import not_an_instance, not_announced
from shared.backends.rules import Unresolved, resolve
from shared.model.access import ANNOUNCED, VpcAccess
from shared.model.backend import Backend, Inventory, kind_of
from shared.model.records import Appeared, Ignored
from shared.settings import Settings

CREATE, KEEP, DRIFT, FOREIGN, REFUSED = "create", "keep", "drift", "foreign", "refused"
RELEASE, HELD_BACK, IN_USE, STAYS = "release", "held back", "in use", "stays"
KINDS = (CREATE, RELEASE, HELD_BACK, IN_USE, DRIFT, FOREIGN, REFUSED, STAYS, KEEP)
"""In the order in which people read them."""
_PARTIAL = "PartialView", "not everything could be looked up, so nothing is scheduled: the next sweep tries again"
_SHARE, _FEW = 0.3, 10  # of our entries may go in one sweep, if we have at least so many


class Item(NamedTuple):
    """What a sweep does about one entry or target. ``before`` is what is there instead, where that differs."""

    kind: str
    access: VpcAccess
    reason: str = ""
    text: str = ""
    before: VpcAccess | None = None

    def target_text(self) -> str:
        """Return the target for people; of a backend that asks for nothing that can be followed its id."""
        return self.access.target_text() if self.access.port else self.access.instance_id


class Sweep(NamedTuple):
    """The whole plan, in an order that depends on what is in it only; ``problems`` is what could not be seen."""

    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()

    def of(self, kind: str) -> list[Item]:
        """Return the items of one kind."""
        return [item for item in self.items if item.kind == kind]

    def counts(self) -> dict[str, int]:
        """Return how many items there are of each kind, those that there are none of left out."""
        found = Counter(item.kind for item in self.items)
        return {kind: found[kind] for kind in KINDS if found[kind]}

    def checksum(self) -> str:
        """Return 16 hexadecimal characters that stand for what would be done: made and scheduled, and about what."""
        decisions = [
            (item.kind, item.access.name, item.access.target, item.access.vpc_access_id)
            for item in self.items
            if item.kind in (CREATE, RELEASE)
        ]
        return sha256(json.dumps(sorted(decisions)).encode()).hexdigest()[:16]

    def partial(self, problem: str) -> Sweep:
        """Return the plan with its releases held back because of one more problem."""
        return Sweep(tuple(_held_back(self.items, *_PARTIAL)), (*self.problems, problem))

    def using(self, users: Mapping[str, Sequence[str]]) -> Sweep:
        """Return the plan with releases turned to ``in use``, by the ``users`` of entries under their names."""
        items = [
            item._replace(kind=IN_USE, text=f"its backend is gone, and it is used by {', '.join(used)}")
            if item.kind == RELEASE and (used := users.get(item.access.name))
            else item
            for item in self.items
        ]
        return self._replace(items=tuple(sorted(items, key=_place)))


def _place(item: Item) -> tuple[int, str, tuple[str, str, int]]:
    return KINDS.index(item.kind), item.access.name, item.access.target


def plan_sweep(entries: Sequence[VpcAccess], inventory: Inventory, settings: Settings) -> Sweep:
    """Return the plan. Each entry of ours and each target that is asked for stands in it once."""
    asked, refused = _asked(inventory.tagged, settings)
    running = [access for access in asked if inventory.tagged[access.instance_id].is_running]
    made = [*_made(running, Present(entries), settings), *refused]
    told = {item.access.name for item in made} | {item.before.name for item in made if item.before}
    ours = [entry for entry in entries if entry.owner == settings.owner]
    rest = [
        _rest(entry, {access.target for access in asked}, inventory, settings)
        for entry in ours
        if entry.name not in told
    ]
    items = _guarded([*made, *rest], len(ours), inventory.problems, settings)
    order = {kind: place for place, kind in enumerate(KINDS)}
    items.sort(key=lambda item: (order[item.kind], item.access.name, item.access.target))
    return Sweep(tuple(items), inventory.problems)


def most_releases(ours: int, settings: Settings) -> int:
    """Return how many entries one sweep may schedule for release, of so many that are ours."""
    return max(settings.release_max_per_run, int(_SHARE * ours) if ours >= _FEW else 0)


def _asked(tagged: Mapping[str, Backend], settings: Settings) -> tuple[list[VpcAccess], list[Item]]:
    """Return what the tagged backends ask for, and of those whose tag cannot be followed why."""
    asked, refused = list[VpcAccess](), list[Item]()
    for backend in sorted(tagged.values(), key=lambda backend: backend.instance_id):
        kind = kind_of(backend.instance_id)
        if kind is None:
            continue
        answer = resolve(Appeared(kind.name, backend.instance_id), backend, settings)
        if isinstance(answer, Unresolved):
            nothing = VpcAccess("", backend.vpc_id, backend.instance_id, 0)
            refused.append(Item(REFUSED, nothing, answer.reason, answer.text))
        elif not isinstance(answer, Ignored):
            asked += answer
    return asked, refused


def _made(running: Sequence[VpcAccess], present: Present, settings: Settings) -> Iterable[Item]:
    """Yield what becomes of each target that a running backend asks for. A sweep never replaces."""
    wanted = {number: Wanted(access, any_name=True) for number, access in enumerate(running)}
    for number, decision in plan(wanted, present, settings._replace(on_conflict="refuse")).items():
        access = running[number]
        if isinstance(decision, Create):
            yield Item(CREATE, decision.access)
        elif isinstance(decision, Keep):
            if decision.access.owner != settings.owner:
                text = f"opened by {decision.access.name!r} of {decision.access.owner or 'nobody'}, not by us: nothing is done"
                yield Item(FOREIGN, access, "NotOurs", text, decision.access)
            else:
                yield Item(KEEP, decision.access)
        elif isinstance(decision, Refuse) and decision.reason == "NameInUse":
            before = present.named(access.name)
            text = f"{access.name!r} opens {before.target_text() if before else 'something else'}: nothing is changed by a sweep"
            yield Item(DRIFT, access, "Target", text, before)
        elif isinstance(decision, Refuse):
            yield Item(REFUSED, access, decision.reason, decision.text)


def _rest(entry: VpcAccess, asked: set[tuple[str, str, int]], inventory: Inventory, settings: Settings) -> Item:
    """Return what becomes of an entry of ours that no running backend asks for."""
    if not_an_instance(entry) is not None:
        return Item(KEEP, entry)
    alive = inventory.alive.get(entry.instance_id)
    if alive is None:
        return Item(
            STAYS,
            entry,
            "TargetNotVerifiable",
            f"{entry.instance_id} does not show, and nothing proves that it is gone",
        )
    if not alive:
        kept = not_announced(entry, settings)
        return (
            Item(STAYS, entry, kept.reason, kept.text)
            if kept
            else Item(RELEASE, entry, "", f"{entry.instance_id} is gone")
        )
    if entry.target in asked or entry.origin != ANNOUNCED or inventory.problems:
        return Item(KEEP, entry)
    if entry.instance_id in inventory.tagged:
        text = f"the tag {settings.port_tag!r} of {entry.instance_id} does not ask for port {entry.port} any more"
        return Item(DRIFT, entry, "PortTag", text)
    return Item(DRIFT, entry, "Untagged", f"{entry.instance_id} has no tag {settings.port_tag!r} any more")


def _guarded(items: Sequence[Item], ours: int, problems: Sequence[str], settings: Settings) -> list[Item]:
    """Hold all releases back if they are too many to be true, or if not everything could be seen."""
    releases, most = sum(item.kind == RELEASE for item in items), most_releases(ours, settings)
    if problems:
        reason, text = _PARTIAL
    elif releases > most:
        reason = "TooMany"
        text = (
            f"{releases} of {ours} backends seem to be gone, and at most {most} are released in one sweep: make sure that "
            "they are, then raise RELEASE_MAX_PER_RUN for a while"
        )
    else:
        return list(items)
    return _held_back(items, reason, text)


def _held_back(items: Iterable[Item], reason: str, text: str) -> list[Item]:
    return [item._replace(kind=HELD_BACK, reason=reason, text=text) if item.kind == RELEASE else item for item in items]
