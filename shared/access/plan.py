"""Decide, without knowing any API: what is asked for + what is there + policy → a decision for each record.

``create``   nothing has the name or the target: SetVpcAccess
``keep``     the authorization is there already, or another record of the batch makes it
``replace``  an entry of ours has the name but another target: ModifyVpcAccessAndUpdateApis, with ON_CONFLICT=replace only
``refuse``   with a reason code and the way to lift it

An entry without our mark is never replaced or removed; one that already grants exactly what is asked is kept whoever
made it, since nothing would be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from shared.model.access import ANNOUNCED, NAMED, REQUESTED, Replaced, VpcAccess
from shared.settings import Settings

_METADATA = "100.100.100.200"  # https://www.alibabacloud.com/help/doc-detail/141788.htm


class Wanted(NamedTuple):
    """What a record asks for. With ``any_name`` (announced backends) an entry of another name serves as well."""

    access: VpcAccess
    any_name: bool = False


class Create(NamedTuple):
    """Make ``access``, our mark among its tags."""

    access: VpcAccess


class Keep(NamedTuple):
    """``access`` is there (with its id), or record number ``same_as`` of the batch makes it.

    ``drift`` names the fields whose value is not the one that was asked for.
    """

    access: VpcAccess
    same_as: int | None = None
    drift: tuple[str, ...] = ()


class Replace(NamedTuple):
    """Point our entry of the same name to ``access``'s target; ``previous`` is what it opens now."""

    access: VpcAccess
    previous: VpcAccess


class Refuse(NamedTuple):
    """Do nothing, because of ``reason`` (a short fixed word); ``text`` says why and how to lift it.

    If record number ``claimed_by`` of the batch is the only reason, that holds as long as that record gets what it claims.
    """

    access: VpcAccess
    reason: str
    text: str
    claimed_by: int | None = None


Decision = Create | Keep | Replace | Refuse


def name_of(decision: Decision) -> str:
    """Return the decision's name: ``create``, ``keep``, ``replace`` or ``refuse``."""
    return type(decision).__name__.lower()


class Present:
    """What the gateway holds, indexed by both keys of an entry."""

    def __init__(self, entries: Iterable[VpcAccess] = ()) -> None:
        self._by_name: dict[str, VpcAccess] = {}
        self._by_target: dict[tuple[str, str, int], list[VpcAccess]] = {}
        for entry in entries:
            self._by_name[entry.name] = entry
            self._by_target.setdefault(entry.target, []).append(entry)

    @property
    def names(self) -> Iterable[str]:
        """Return the names of all entries."""
        return self._by_name.keys()

    def named(self, name: str) -> VpcAccess | None:
        """Return the entry of that name."""
        return self._by_name.get(name)

    def all_at(self, target: tuple[str, str, int]) -> Sequence[VpcAccess]:
        """Return every entry that opens that target."""
        return self._by_target.get(target, ())

    def at(self, target: tuple[str, str, int], name: str, owner: str) -> VpcAccess | None:
        """Return the entry that opens that target.

        That a target has one name only is inferred, not documented. If it has several, the one called ``name`` counts,
        else one of ``owner`` before others, else the first by name: whatever order the gateway lists them in.
        """
        found = self._by_target.get(target, ())
        return min(found, key=lambda entry: (entry.name != name, entry.owner != owner, entry.name), default=None)


class Claims:
    """Which record of a batch has claimed a name or a target; the first to do so has it."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._targets: dict[tuple[str, str, int], int] = {}

    def add(self, number: int, name: str, target: tuple[str, str, int]) -> None:
        """Note that record ``number`` claims both."""
        self._names.setdefault(name, number)
        self._targets.setdefault(target, number)

    def holder(self, name: str, target: tuple[str, str, int]) -> int | None:
        """Return the number of the record that claimed the target, or else the name."""
        return self._targets.get(target, self._names.get(name))


def plan(wanted: Mapping[int, Wanted], present: Present, settings: Settings) -> dict[int, Decision]:
    """Return one decision for each of ``wanted``, under its number in the batch.

    The first record of a batch to claim a name or target has it; a decision that depends on another record names its number.
    """
    decisions: dict[int, Decision] = {}
    claims = Claims()
    for number, asked in wanted.items():
        decision = decide(asked, present, settings)
        if not isinstance(decision, Refuse):
            name = decision.access.name  # of what is there already, where it is kept
            holder = claims.holder(name, asked.access.target)
            if holder is None:
                claims.add(number, name, asked.access.target)
            elif not (isinstance(decision, Keep) and isinstance(decisions[holder], Keep)):
                decision = shared_claim(asked, wanted[holder].access, holder)
        decisions[number] = decision
    return decisions


def decide(wanted: Wanted, present: Present, settings: Settings) -> Decision:
    """Decide about one request alone."""
    access = wanted.access
    refusal = against_policy(access, settings)
    if refusal:
        return refusal
    by_name, by_target = present.named(access.name), present.at(access.target, access.name, settings.owner)
    if by_target is not None and (wanted.any_name or by_target.name == access.name):
        return _keep_or_rehost(access, by_target, settings)
    if by_target is not None:
        return Refuse(
            access,
            "TargetTaken",
            f"{access.target_text()} is authorized already under the name {by_target.name!r} "
            f"({by_target.vpc_access_id}): use that name, or remove that authorization first",
        )
    if by_name is None:
        return Create(_marked(wanted, settings))
    if by_name.owner != settings.owner:
        return Refuse(
            access,
            "NameTaken",
            f"the name {access.name!r} belongs to an authorization that is not ours (owner: {by_name.owner or 'none'}) "
            f"and opens {by_name.target_text()}: choose another name, or remove that authorization by hand",
        )
    if by_name.origin == NAMED:
        return _reserved(access)
    if settings.on_conflict != "replace":
        return Refuse(
            access,
            "NameInUse",
            f"the name {access.name!r} is in use by us for {by_name.target_text()}: choose another name, or let the "
            "entry be replaced with the setting ON_CONFLICT=replace",
        )
    outdated = None if wanted.any_name else _superseded(access, by_name)
    return outdated or _replace(access, by_name)


def _marked(wanted: Wanted, settings: Settings) -> VpcAccess:
    """Return the entry to make with our marks; what stands for a name has them already."""
    if wanted.access.origin == NAMED:
        return wanted.access
    return wanted.access.marked(settings.owner, ANNOUNCED if wanted.any_name else REQUESTED)


def _reserved(access: VpcAccess) -> Refuse:
    text = (
        f"the name {access.name!r} belongs to the instances that carry it in their tag: choose another name, or let the "
        "instance carry the tag (setting ALLOWED_NAMES)"
    )
    return Refuse(access, "NameReserved", text)


def _superseded(access: VpcAccess, there: VpcAccess) -> Refuse | None:
    """Compare and set: return why a request may not move the entry, which it has to name as it is now.

    A message may come late or twice, and must not undo what a newer one did. What an announcement says was just looked up.
    """
    if access.replaces is not None and access.replaces.target == there.target:
        return None
    now = f"the name {access.name!r} opens {there.target_text()} now"
    seen = (
        "the request does not say what it replaces"
        if access.replaces is None
        else "the request was made when it opened something else"
    )
    vpc_id, instance_id, port = there.target
    fix = f'{{"VpcId": "{vpc_id}", "InstanceId": "{instance_id}", "Port": {port}}}'
    return Refuse(access, "Superseded", f"{now}, and {seen}: if it is still meant, send it again with Replaces {fix}")


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
    if access.origin != NAMED and settings.reserves(access.name):
        return _reserved(access)
    if not settings.may_be_called(access):
        return Refuse(
            access,
            "NameReserved",
            f"the name {access.name!r} is kept for the instance that NAME_TEMPLATE makes it of: choose another name",
        )
    if "." in access.instance_id or ":" in access.instance_id:
        return _against_addresses(access, settings)
    return None


def _against_addresses(access: VpcAccess, settings: Settings) -> Refuse | None:
    """Return why an address may not be a target: no backend can have it, or it is in no network that policy allows."""
    from ipaddress import IPv6Address, ip_address, ip_network  # most requests name an instance

    address = ip_address(access.instance_id)
    mapped = isinstance(address, IPv6Address) and (address.ipv4_mapped or address.sixtofour or address.teredo)
    special = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    if mapped or special or address.is_reserved or access.instance_id == _METADATA:
        return Refuse(
            access,
            "NotATarget",
            f"{access.instance_id} is not an address that a backend can have (loopback, link-local, multicast, mapped, reserved, "
            "or the metadata service): give the instance, or its private address in the VPC",
        )
    networks = (ip_network(network) for network in settings.allowed_addresses)
    if not any(address in network for network in networks):
        return Refuse(
            access,
            "AddressNotAllowed",
            f"the address {access.instance_id} is not allowed: name the instance, or add a network to the setting "
            "ALLOWED_ADDRESSES",
        )
    return None


def _keep_or_rehost(access: VpcAccess, there: VpcAccess, settings: Settings) -> Decision:
    """Keep an entry that opens the target; only its host name can be changed, by the API and by the owner."""
    drift = _drift(access, there)
    seen = access.replaces == Replaced(there.target, there.vpc_target_host_name)
    may_change = settings.on_conflict == "replace" and there.owner == settings.owner and there.origin != NAMED
    if "VpcTargetHostName" in drift and seen and may_change:
        return _replace(access, there)
    return Keep(there, drift=drift)


def _replace(access: VpcAccess, previous: VpcAccess) -> Replace:
    return Replace(access._replace(vpc_access_id=previous.vpc_access_id, tags=previous.tags), previous)


def _drift(wanted: VpcAccess, there: VpcAccess) -> tuple[str, ...]:
    """Name the fields whose value is not the one that was asked for; fields that were not asked for do not count."""
    tags = dict(there.tags)
    fields = {
        "Description": wanted.description not in ("", there.description),
        "VpcTargetHostName": wanted.vpc_target_host_name not in ("", there.vpc_target_host_name),
        "Tag": any(tags.get(key) != value for key, value in wanted.tags),
    }
    return tuple(name for name, differs in fields.items() if differs)


def shared_claim(asked: Wanted, first: VpcAccess, number: int) -> Decision:
    """Decide about a record whose name or target is claimed by record ``number`` of the batch, which asks for ``first``."""
    access = asked.access
    if access.target == first.target and (asked.any_name or access.name == first.name):
        return Keep(access, same_as=number, drift=_drift(access, first))
    what = access.target_text() if access.target == first.target else f"the name {access.name!r}"
    return Refuse(
        access,
        "ClaimedInBatch",
        f"another record of the same batch claims {what} (as {first.name!r} for {first.target_text()}): "
        "give each authorization its own name and target",
        claimed_by=number,
    )
