"""Which backend a name opens. Pure: every observer who sees the same decides the same.

The present target stays for as long as it lives: running, or about to, with the tag, and not leaving its scaling group.
Once it is known to have ended, the newest candidate takes over that has been running for two minutes, else the one that has
been running for longest. Nothing moves on what is not known: a target that no look-up shows stays until it is proven to
be gone.
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Sequence
from typing import NamedTuple

from shared.access.plan import Present, against_policy
from shared.access.releasable import not_ours
from shared.backends.naming import claim
from shared.backends.rules import Unresolved
from shared.model.access import NAMED, VpcAccess
from shared.model.backend import IN_SERVICE, PENDING, REMOVING, Backend
from shared.model.outcome import REFUSED
from shared.settings import Settings

GONE, STOPPED, UNTAGGED, LEAVING, ELSEWHERE, ON_PURPOSE = (
    "Gone",
    "Stopped",
    "Untagged",
    "Leaving",
    "Elsewhere",
    "OnPurpose",
)
"""Why a name leaves its target: the last is a person's wish, all others are ends of the target."""
ENDS = GONE, STOPPED, UNTAGGED, LEAVING, ELSEWHERE
NO_CANDIDATE, STANDBY = "NoCandidate", "Standby"
_STEADY = 120 + 60  # seconds that a candidate should have been running: two minutes, and StartTime is cut to the minute


class Claimant(NamedTuple):
    """An instance that carries the name's tag. ``member`` is its state in its scaling group, "" in none."""

    backend: Backend
    access: VpcAccess | None  # what it asks for; None if its tags cannot be followed
    member: str = ""
    why_not: Unresolved | None = None  # why it may not have the name

    @property
    def is_ready(self) -> bool:
        """Tell whether the name may be pointed to it now."""
        return self.why_not is None and self.backend.status == "Running" and self.member in ("", IN_SERVICE)

    @property
    def is_joining(self) -> bool:
        """Tell whether it will be ready once it is in service in its scaling group, of which no event tells."""
        return self.why_not is None and self.backend.status == "Running" and self.member.startswith(PENDING)

    @property
    def in_the_way(self) -> str:
        """Return in a word why it is not ready; for one that is not."""
        if self.why_not is not None:
            return self.why_not.reason
        return (self.backend.status if self.backend.status != "Running" else self.member) or "unknown"

    @property
    def place(self) -> str:
        """Return its id."""
        return self.backend.instance_id


class Target(NamedTuple):
    """What is known of the instance that a name opens: as its look-up shows it (None: not), or that it is proven to be gone."""

    backend: Backend | None
    is_gone: bool = False
    member: str = ""

    @property
    def state(self) -> str:
        """Return how it fares, for people."""
        if self.backend is not None:
            return self.backend.status.lower()
        return "gone" if self.is_gone else "not seen"


class Stay(NamedTuple):
    """The name keeps its target. ``drift`` says what is not as it should be; ``end`` why it should leave it but cannot."""

    drift: str = ""
    end: str = ""


class Point(NamedTuple):
    """The name is made for ``access``, or moved to it because of ``cause``."""

    to: Claimant
    access: VpcAccess
    cause: str = ""


class Leave(NamedTuple):
    """The name is not ours to keep, or nobody can have it: nothing is done."""

    outcome: str
    reason: str
    text: str


Choice = Stay | Point | Leave


def claimants(
    name: str, backends: Sequence[Backend], members: dict[str, str], entry: VpcAccess | None, settings: Settings
) -> list[Claimant]:
    """Return who claims ``name``, each with what keeps it from having it, in the order of their ids."""
    found = list[Claimant]()
    for backend in sorted(backends, key=lambda one: one.instance_id):
        if backend.tags.get(settings.name_tag) != name:
            continue
        claimed = claim(backend, settings)
        access = claimed if isinstance(claimed, VpcAccess) else None
        why_not = _why_not(access, entry, settings) if access is not None else claimed
        assert not isinstance(why_not, VpcAccess)
        found.append(Claimant(backend, access, members.get(backend.instance_id, ""), why_not))
    return found


def _why_not(access: VpcAccess, entry: VpcAccess | None, settings: Settings) -> Unresolved | None:
    refusal = against_policy(access, settings)
    if refusal is not None:
        return Unresolved(REFUSED, refusal.reason, refusal.text)
    if entry is not None and entry.vpc_id != access.vpc_id:
        text = f"{access.name!r} opens {entry.target_text()}, and a name never moves to another VPC: take another name there"
        return Unresolved(REFUSED, "OtherVpc", text)
    return None


def taken(claimant: Claimant, holder: VpcAccess) -> Claimant:
    """Return a claimant whose target another entry opens already."""
    text = (
        f"{holder.target_text()} is authorized already under the name {holder.name!r}: release that first "
        f"(`python -m functions release {holder.name} --although-alive`), once no API uses it"
    )
    return claimant._replace(why_not=Unresolved(REFUSED, "TargetTaken", text))


def without_taken(name: str, claiming: Sequence[Claimant], present: Present) -> list[Claimant]:
    """Return the claimants of ``name``, those ruled out whose target something else opens in all that the gateway holds."""
    left = list[Claimant]()
    for one in claiming:
        at = present.all_at(one.access.target) if one.access is not None and one.why_not is None else ()
        holder = next((entry for entry in at if entry.name != name), None)
        left.append(one if holder is None else taken(one, holder))
    return left


def choose(
    name: str,
    entry: VpcAccess | None,
    target: Target,
    candidates: Sequence[Claimant],
    settings: Settings,
    *,
    now: float,
    leaving: frozenset[str] = frozenset(),
    wish: str = "",
) -> Choice:
    """Decide about one name at the epoch time ``now``.

    ``entry`` is what has the name, None if nothing has it, and ``target`` what is known of its instance. An instance that a
    hook names (``leaving``) is no candidate, whoever sent the hook. ``wish`` is the instance that a person wants.
    """
    if entry is not None and (not_yours := _not_yours(name, entry, settings)) is not None:
        return not_yours
    ready = [one for one in candidates if one.is_ready and one.place not in leaving]
    if wish and not (entry is not None and _opens(entry, wish, candidates)):
        return _on_purpose(wish, entry, candidates, ready)
    if entry is None:
        return _first(name, candidates, ready, now)
    end = end_of(entry, target, settings)
    if not end:
        return Stay(_drift(entry, candidates))
    others = [one for one in ready if one.place != entry.instance_id]
    if not others:
        return Stay(end=end)
    best = _best(others, now)
    assert best.access is not None
    return Point(best, best.access, end)


def end_of(entry: VpcAccess, target: Target, settings: Settings) -> str:
    """Return how the target of an entry has ended, "" while it lives, or while nobody can tell."""
    backend = target.backend
    if backend is None:
        return GONE if target.is_gone else ""
    if backend.tags.get(settings.name_tag) != entry.name:
        return UNTAGGED
    if backend.status == "Stopped":
        return STOPPED
    if backend.vpc_id and backend.vpc_id != entry.vpc_id:
        return ELSEWHERE
    return LEAVING if target.member.startswith(REMOVING) else ""


def _not_yours(name: str, entry: VpcAccess, settings: Settings) -> Leave | None:
    """Return why an entry of that name is not one that moves."""
    kept = not_ours(entry, settings)
    if kept is not None:
        return Leave(REFUSED, "NameTaken", f"the name {name!r} opens {entry.target_text()}: {kept.text}")
    if entry.origin != NAMED:
        text = (
            f"the name {name!r} was authorized by a request or an announcement for {entry.target_text()}, and only names that "
            f"were made for tags move: release it first (`python -m functions release {name} --although-alive`), or take "
            "another name"
        )
        return Leave(REFUSED, "NameTaken", text)
    return None


def _opens(entry: VpcAccess, wish: str, candidates: Sequence[Claimant]) -> bool:
    """Tell whether an entry opens already what a person wishes: then the rule holds for it as always."""
    return any(one.place == wish and one.access is not None and one.access.target == entry.target for one in candidates)


def _on_purpose(
    wish: str, entry: VpcAccess | None, candidates: Sequence[Claimant], ready: Sequence[Claimant]
) -> Choice:
    """Decide about a person's wish: the same holds for its target as for any other."""
    asked = next((one for one in candidates if one.place == wish), None)
    if asked is None:
        return Leave(REFUSED, "NotACandidate", f"no running instance {wish} shows that carries the name's tag")
    if asked.why_not is not None:
        return Leave(*asked.why_not)
    if asked not in ready:
        text = (
            f"{wish} is {asked.backend.status or 'in no known state'}"
            f"{f' and {asked.member} in its scaling group' if asked.member else ''}: only a running instance in service can take "
            "a name"
        )
        return Leave(REFUSED, "NotACandidate", text)
    assert asked.access is not None
    return Point(asked, asked.access, ON_PURPOSE if entry is not None else "")


def _first(name: str, candidates: Sequence[Claimant], ready: Sequence[Claimant], now: float) -> Choice:
    """Decide who gets a name that nothing has."""
    vpcs = {one.backend.vpc_id for one in candidates if one.why_not is None}
    if len(vpcs) > 1:
        text = f"the name {name!r} is claimed in {' and '.join(sorted(vpcs))}: a name opens one VPC, take it off one of them"
        return Leave(REFUSED, "ClaimedTwice", text)
    if not ready:
        return Stay()
    best = _best(ready, now)
    assert best.access is not None
    return Point(best, best.access)


def _best(ready: Sequence[Claimant], now: float) -> Claimant:
    """Return the newest that has been running for two minutes, else the one that has been running for longest."""
    steady = [one for one in ready if (began := _epoch(one.backend.started)) is not None and now - began >= _STEADY]
    if steady:
        newest = max(one.backend.created for one in steady)
        return min((one for one in steady if one.backend.created == newest), key=lambda one: one.place)
    return min(ready, key=lambda one: (one.backend.started or "9", one.place))


def _epoch(text: str) -> int | None:
    """Return the epoch second of a time such as 2017-12-10T04:04Z, None if it is none."""
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?Z", text)
    if found is None:
        return None
    try:
        return timegm(tuple(int(part or 0) for part in found.groups()))
    except ValueError:  # month 13
        return None


def _drift(entry: VpcAccess, candidates: Sequence[Claimant]) -> str:
    """Return what is not as it should be of a target that lives: it is told, and the name stays."""
    holder = next((one for one in candidates if one.place == entry.instance_id), None)
    if holder is None:
        return ""
    if holder.why_not is not None:
        return holder.why_not.text
    if holder.access is not None and holder.access.port != entry.port:
        return f"the tag asks for port {holder.access.port}, and {entry.port} is open: `python -m functions move` changes it"
    return ""


def described(name: str, entry: VpcAccess | None, target: Target, candidates: Sequence[Claimant]) -> str:
    """Return a name with its target and who stands by: ``orders-prod → i-1 running · standby i-2, i-3``.

    Of a name that nothing has it says who is ready to have it, since nobody stands by for nothing.
    """
    at = entry.instance_id if entry is not None else ""
    others = [one for one in candidates if one.place != at]
    ready = [one.place for one in others if one.is_ready]
    ruled_out = [f"{one.place} ({one.in_the_way})" for one in others if not one.is_ready]
    parts = [f"{name} → {at} {target.state}" if at else f"{name} → nothing"]
    parts += [f"{'standby' if at else 'ready'} {_listed(ready)}"] if ready else []
    parts += [f"not {_listed(ruled_out)}"] if ruled_out else []
    return " · ".join(parts)


_SHOWN = 10  # instances in a sentence


def _listed(some: Sequence[str]) -> str:
    return ", ".join(some[:_SHOWN]) + (f" and {len(some) - _SHOWN} more" if len(some) > _SHOWN else "")
