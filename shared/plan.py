"""Decide, without knowing any API: what is asked for + what is there + policy → a decision for each record.

``create``   nothing has the name or the target: call SetVpcAccess
``keep``     the authorization is there already, or another record of the batch makes it
``refuse``   with a reason code and the way to lift it

An entry without our mark is never replaced or removed; one that already grants exactly what is asked is kept whoever
made it, since nothing would be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.settings import Settings
from shared.vpcaccess import VpcAccess


class Create(NamedTuple):
    """Make ``access``, our mark among its tags."""

    access: VpcAccess


class Keep(NamedTuple):
    """``access`` is there (with its id), or record number ``same_as`` of this batch makes it; ``drift`` names differing fields."""

    access: VpcAccess
    same_as: int | None = None
    drift: tuple[str, ...] = ()


class Refuse(NamedTuple):
    """Do nothing, because of ``reason`` (a short fixed word); ``text`` says why and how to lift it."""

    access: VpcAccess
    reason: str
    text: str


Decision = Create | Keep | Refuse


def word(decision: Decision) -> str:
    """Return the decision's name: ``create``, ``keep`` or ``refuse``."""
    return type(decision).__name__.lower()


class Present:
    """What the gateway holds, indexed by both keys of an entry."""

    def __init__(self, entries: Iterable[VpcAccess] = ()) -> None:
        self._by_name: dict[str, VpcAccess] = {}
        self._by_target: dict[tuple[str, str, int], VpcAccess] = {}
        for entry in entries:
            self._by_name[entry.name] = entry
            self._by_target[entry.target] = entry

    def named(self, name: str) -> VpcAccess | None:
        """Return the entry of that name."""
        return self._by_name.get(name)

    def at(self, target: tuple[str, str, int]) -> VpcAccess | None:
        """Return the entry that opens that target."""
        return self._by_target.get(target)


def plan(wanted: Sequence[VpcAccess], present: Present, settings: Settings) -> list[Decision]:
    """Return one decision for each of ``wanted``, in order. The first record of a batch to claim a name or target has it."""
    decisions: list[Decision] = []
    names: dict[str, int] = {}
    targets: dict[tuple[str, str, int], int] = {}
    for number, access in enumerate(wanted):
        decision = decide(access, present, settings)
        if isinstance(decision, Create):
            first = names.get(access.name)
            holder = targets.get(access.target) if first is None else first
            if holder is not None:
                decision = _shared(access, wanted[holder], holder)
            else:
                names[access.name] = targets[access.target] = number
        decisions.append(decision)
    return decisions


def decide(access: VpcAccess, present: Present, settings: Settings) -> Decision:
    """Decide about one request alone."""
    refusal = against_policy(access, settings)
    if refusal:
        return refusal
    by_name, by_target = present.named(access.name), present.at(access.target)
    if by_name is None and by_target is None:
        return Create(access.marked(settings.owner))
    if by_name is not None and by_name.target == access.target:
        return Keep(by_name, drift=_drift(access, by_name))
    if by_name is not None:
        return Refuse(access, "NameTaken", _name_taken(by_name, settings.owner))
    assert by_target is not None
    return Refuse(
        access,
        "TargetTaken",
        f"{access.target_text()} is authorized already under the name {by_target.name!r} ({by_target.vpc_access_id}): "
        "use that name, or remove that authorization first",
    )


def against_policy(access: VpcAccess, settings: Settings) -> Refuse | None:
    """Return why policy forbids ``access``, None if it does not; needs no look at the gateway."""
    if not settings.allows_vpc(access.vpc_id):
        return Refuse(
            access, "VpcNotAllowed", f"VPC {access.vpc_id} is not allowed: add it to the setting ALLOWED_VPC_IDS"
        )
    if not settings.allows_port(access.port):
        return Refuse(
            access, "PortNotAllowed", f"port {access.port} is not allowed: add it to the setting ALLOWED_PORTS"
        )
    return None


def _name_taken(entry: VpcAccess, owner: str) -> str:
    if entry.owner != owner:
        return (
            f"the name {entry.name!r} belongs to an authorization that is not ours (owner: {entry.owner or 'none'}) "
            f"and opens {entry.target_text()}: choose another name, or remove that authorization by hand"
        )
    return f"the name {entry.name!r} is in use for {entry.target_text()}: choose another name, or remove that authorization"


def _drift(wanted: VpcAccess, there: VpcAccess) -> tuple[str, ...]:
    """Name the fields that were asked for differently than they are there."""
    tags = dict(there.tags)
    fields = {
        "Description": wanted.description not in ("", there.description),
        "VpcTargetHostName": wanted.vpc_target_host_name not in ("", there.vpc_target_host_name),
        "Tag": any(tags.get(key) != value for key, value in wanted.tags),
    }
    return tuple(name for name, differs in fields.items() if differs)


def _shared(access: VpcAccess, first: VpcAccess, number: int) -> Decision:
    """Settle two records of one batch that want the same name or target."""
    if access.name == first.name and access.target == first.target:
        return Keep(access, same_as=number, drift=_drift(access, first))
    what = f"the name {access.name!r}" if access.name == first.name else access.target_text()
    return Refuse(
        access,
        "ClaimedInBatch",
        f"another record of the same batch claims {what} (as {first.name!r} for {first.target_text()}): "
        "give each authorization its own name and target",
    )
