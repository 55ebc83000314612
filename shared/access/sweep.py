"""One plan for everything: what is there + what opted in + which backends still exist → what a sweep does. Pure.

``create``     a running backend asks for it, and nothing opens it
``keep``       it is as it should be
``drift``      an entry of ours is not as its backend asks: told, never changed
``foreign``    somebody else's entry opens a target of ours: told, never changed
``refused``    policy or a conflict forbids it
``name``       a name that backends stand for: ``named_backends`` is told to look at it, and makes or moves it if there is a
               reason; without a candidate (``NoCandidate``) people have to act
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

from shared.access.naming import NO_CANDIDATE, UNTAGGED, Target, claimants, described, end_of, without_taken
from shared.access.plan import Create, Present, Refuse, Wanted, plan
from shared.access.releasable import not_alone, not_an_instance, not_announced, not_identified
from shared.backends.rules import Standing, Unresolved, resolve
from shared.model.access import ANNOUNCED, VpcAccess
from shared.model.backend import Backend, Inventory, kind_of
from shared.model.records import Appeared, Ignored
from shared.settings import Settings

CREATE, KEEP, DRIFT, FOREIGN, REFUSED = "create", "keep", "drift", "foreign", "refused"
RELEASE, HELD_BACK, IN_USE, STAYS = "release", "held back", "in use", "stays"
NAME, MISSING = "name", "Missing"
KINDS = (CREATE, NAME, RELEASE, HELD_BACK, IN_USE, DRIFT, FOREIGN, REFUSED, STAYS, KEEP)
"""In the order in which people read them."""
TOO_MANY = "TooMany"
_PARTIAL = "PartialView", "not everything could be looked up, so nothing is scheduled: the next sweep tries again"
_FEW_NAMES = 3  # may leave running instances in any case
_SHARE, _FEW = 30, 10  # percent of what could be released at all may go in one sweep, if there are at least so many


class Item(NamedTuple):
    """What a sweep does about one entry or target. ``before`` is what is there instead, where that differs."""

    kind: str
    access: VpcAccess
    reason: str = ""
    text: str = ""
    before: VpcAccess | None = None

    @property
    def is_change(self) -> bool:
        """Tell whether something is to be made, moved or released by it; a name is looked at in any case."""
        return self.kind in (CREATE, RELEASE) or (self.kind == NAME and self.reason not in ("", NO_CANDIDATE))

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
        """Return 16 hexadecimal characters for what would be done: made, moved and scheduled, about what, and as whose."""
        decisions = [
            (item.kind, item.access.name, item.access.target, item.access.vpc_access_id, item.access.owner)
            for item in self.items
            if item.is_change
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
    """Return what an item is sorted by."""
    return KINDS.index(item.kind), item.access.name, item.access.target


def plan_sweep(entries: Sequence[VpcAccess], inventory: Inventory, settings: Settings) -> Sweep:
    """Return the plan. Each entry of ours and each target that a running backend asks for stands in it once.

    One item stands for both where the entry is what opens the target, or has the name that the target is to have (``before``).
    """
    present = Present(entries)
    asked, standing, refused = _asked(inventory.tagged, settings)
    world = _World(present, inventory, {access.target for access in asked}, settings)
    made = [*_made(_of_running(asked, inventory.tagged), world), *refused]
    names = _names(present, standing, inventory, settings)
    told = {item.access.name for item in names}
    told |= {item.before.name for item in made if item.before}
    ours = [entry for entry in entries if entry.owner == settings.owner]
    rest = [_rest(entry, world) for entry in ours if entry.name not in told]
    could_go = [entry for entry in ours if not (not_announced(entry, settings) or not_an_instance(entry))]
    items = _guarded([*made, *names, *rest], len(could_go), inventory.problems, settings)
    return Sweep(tuple(sorted(items, key=_place)), inventory.problems)


def asked_for(backends: Mapping[str, Backend], settings: Settings) -> set[tuple[str, str, int]]:
    """Return the targets that running backends ask for, by their ids."""
    asked, _, _ = _asked(backends, settings)
    return {access.target for access in _of_running(asked, backends)}


def _of_running(asked: Sequence[VpcAccess], backends: Mapping[str, Backend]) -> list[VpcAccess]:
    return [access for access in asked if backends[access.instance_id].is_running]


class _World(NamedTuple):
    """What a plan is made of; ``asked`` has the targets that backends ask for, running or not."""

    present: Present
    inventory: Inventory
    asked: set[tuple[str, str, int]]
    settings: Settings

    def is_gone(self, entry: VpcAccess) -> bool:
        """Tell whether the backend of an entry is proven to be gone."""
        return not_an_instance(entry) is None and self.inventory.alive.get(entry.instance_id) is False


def most_releases(could_go: int, settings: Settings) -> int:
    """Return how many entries one sweep may schedule for release, of so many of ours that it could release at all."""
    return max(settings.release_max_per_run, could_go * _SHARE // 100 if could_go >= _FEW else 0)


def _asked(tagged: Mapping[str, Backend], settings: Settings) -> tuple[list[VpcAccess], list[VpcAccess], list[Item]]:
    """Return what the tagged backends ask for, what names they stand for, and of those whose tag cannot be followed why."""
    asked, standing, refused = list[VpcAccess](), list[VpcAccess](), list[Item]()
    for backend in sorted(tagged.values(), key=lambda backend: backend.instance_id):
        kind = kind_of(backend.instance_id)
        if kind is None:
            continue
        answer = resolve(Appeared(kind.name, backend.instance_id), backend, settings)
        if isinstance(answer, Unresolved):
            nothing = VpcAccess("", backend.vpc_id, backend.instance_id, 0)
            refused.append(Item(REFUSED, nothing, answer.reason, answer.text))
        elif isinstance(answer, Standing):
            standing.append(answer.access)
        elif not isinstance(answer, Ignored):
            asked += answer
    return asked, standing, refused


def _names(present: Present, standing: Sequence[VpcAccess], inventory: Inventory, settings: Settings) -> list[Item]:
    """Return an item for each name of ours, and for each that backends stand for; all are held back if many would move.

    What becomes of a name is decided by ``named_backends``, which looks closer.
    """
    if not settings.keeps_names:
        return []
    held = {name: entry for name in present.names if (entry := present.named(name)) is not None}
    named = {name for name, entry in held.items() if entry.is_name_of(settings.owner)}
    first = {access.name: access for access in reversed(standing)}
    items, leave = list[Item](), 0
    for name in sorted(named | first.keys()):
        entry = held.get(name)
        at = entry.instance_id if entry else ""
        target = Target(inventory.shown.get(at), inventory.alive.get(at) is False)
        end = end_of(entry, target, settings) if entry and name in named else ""
        leave += end == UNTAGGED and target.backend is not None and target.backend.status == "Running"
        claiming = claimants(name, list(inventory.shown.values()), {}, entry, settings)
        claiming = without_taken(name, claiming, present)
        ready = any(one.is_ready for one in claiming)  # where it has an end, its target is none
        text = described(name, entry, target, claiming)
        if end and not ready:
            items.append(Item(NAME, entry or first[name], NO_CANDIDATE, f"{end}: {text}"))
        else:
            items.append(Item(NAME, entry or first[name], end or ("" if entry or not ready else MISSING), text))
    most = max(_FEW_NAMES, len(items) * _SHARE // 100)
    if leave <= most:
        return items
    text = (
        f"{leave} of {len(items)} names would leave instances that run, because their tag {settings.name_tag!r} is gone, and at "
        f"most {most} do in one sweep: put the tags back, or move the names one by one (`python -m functions move`)"
    )
    return [item._replace(kind=HELD_BACK, reason=TOO_MANY, text=text) for item in items]


def _made(running: Sequence[VpcAccess], world: _World) -> Iterable[Item]:
    """Yield what becomes of each target that a running backend asks for and no entry of ours stands for. A sweep never replaces."""
    present, owner = world.present, world.settings.owner
    wanted = {number: Wanted(access, any_name=True) for number, access in enumerate(running)}
    for number, decision in plan(wanted, present, world.settings._replace(on_conflict="refuse")).items():
        access = running[number]
        ours = next((entry for entry in present.all_at(access.target) if entry.owner == owner), None)
        if isinstance(decision, Create):
            yield Item(CREATE, decision.access)
        elif isinstance(decision, Refuse):
            yield _refused(access, decision, ours, world)
        elif ours is None:
            there = decision.access
            text = f"opened by {there.name!r} of {there.owner or 'nobody'}, not by us: nothing is done"
            yield Item(FOREIGN, access, "NotOurs", text, there)


def _refused(access: VpcAccess, refusal: Refuse, ours: VpcAccess | None, world: _World) -> Item:
    """Return what is told of a target that may not be opened, and of the entry of ours that has a part in it."""
    if ours is not None:
        return Item(REFUSED, access, refusal.reason, f"{refusal.text}; {ours.name!r} opens it all the same", ours)
    holder = world.present.named(access.name)
    if refusal.reason != "NameInUse" or holder is None:
        return Item(REFUSED, access, refusal.reason, refusal.text)
    if world.is_gone(holder) or holder.target in world.asked:  # then the entry stands in the plan for itself
        text = f"{access.name!r} opens {holder.target_text()}: this is opened once that entry is released or has another name"
        return Item(REFUSED, access, refusal.reason, text)
    text = f"{access.name!r} opens {holder.target_text()}: nothing is changed by a sweep"
    return Item(DRIFT, access, "Target", text, holder)


def _kept(entry: VpcAccess, present: Present) -> Item:
    """Return what is told of an entry that its backend asks for."""
    kept = not_alone(entry, present.all_at(entry.target))
    return Item(DRIFT, entry, "Twice", kept.text) if kept else Item(KEEP, entry)


def _rest(entry: VpcAccess, world: _World) -> Item:
    """Return what becomes of an entry of ours that no running backend asks for."""
    inventory, settings = world.inventory, world.settings
    if not_an_instance(entry) is not None:
        return Item(KEEP, entry)
    if world.is_gone(entry):
        kept = (
            not_announced(entry, settings)
            or not_identified(entry)
            or not_alone(entry, world.present.all_at(entry.target))
        )
        if kept:
            return Item(STAYS, entry, kept.reason, kept.text)
        return Item(RELEASE, entry, "", f"{entry.instance_id} is gone")
    if entry.instance_id not in inventory.alive:
        text = f"{entry.instance_id} does not show, and nothing proves that it is gone"
        return Item(STAYS, entry, "TargetNotVerifiable", text)
    if entry.target in world.asked:
        return _kept(entry, world.present)
    if entry.origin != ANNOUNCED or inventory.problems:
        return Item(KEEP, entry)
    return _not_asked_for(entry, inventory, settings)


def _not_asked_for(entry: VpcAccess, inventory: Inventory, settings: Settings) -> Item:
    """Return what is told of an entry whose backend lives, and asks for something else, or for nothing."""
    if settings.keeps_names and settings.name_tag in inventory.shown.get(entry.instance_id, _NOTHING).tags:
        text = (
            f"{entry.instance_id} stands for a name by its tag {settings.name_tag!r} now: release this once no API uses it "
            f"(`python -m functions release {entry.name} --although-alive`)"
        )
        return Item(DRIFT, entry, "NameTag", text)
    if entry.instance_id in inventory.tagged:
        text = f"the tag {settings.port_tag!r} of {entry.instance_id} does not ask for port {entry.port} any more"
        return Item(DRIFT, entry, "PortTag", text)
    return Item(DRIFT, entry, "Untagged", f"{entry.instance_id} has no tag {settings.port_tag!r} any more")


_NOTHING = Backend("", "", {})


def _guarded(items: Sequence[Item], could_go: int, problems: Sequence[str], settings: Settings) -> list[Item]:
    """Hold all releases back if they are too many to be true, or if not everything could be seen."""
    releases, most = sum(item.kind == RELEASE for item in items), most_releases(could_go, settings)
    if problems:
        reason, text = _PARTIAL
    elif releases > most:
        reason = TOO_MANY
        text = (
            f"{releases} of {could_go} backends seem to be gone, and at most {most} are released in one sweep: make sure that "
            "they are, then raise RELEASE_MAX_PER_RUN for a while"
        )
    else:
        return list(items)
    return _held_back(items, reason, text)


def _held_back(items: Iterable[Item], reason: str, text: str) -> list[Item]:
    return [item._replace(kind=HELD_BACK, reason=reason, text=text) if item.kind == RELEASE else item for item in items]
