"""From an announced backend to requests: VPC from the product that owns it, port from the tag that opts it in. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.model.access import VpcAccess
from shared.model.backend import KINDS, Backend
from shared.model.outcome import FAILED, REFUSED, REJECTED
from shared.model.records import Appeared, Changed, Ended, Ignored, Leaving
from shared.settings import Settings

MAX_PORTS = 20  # of one instance
NOT_A_BACKEND = "NotABackend"  # the reason for ids that nothing can have
LISTENER = "listener"  # value of the tag: open the ports that the load balancer listens on


class Unresolved(NamedTuple):
    """The notice cannot become a request. ``outcome`` is REJECTED, REFUSED, or FAILED where a redelivery can help."""

    outcome: str
    reason: str
    text: str


class Standing(NamedTuple):
    """The backend stands for the name of ``access``, alone or with others: ``named_backends`` knows who has it."""

    access: VpcAccess


Resolution = Sequence[VpcAccess] | Standing | Ignored | Unresolved


def foreign(notice: Appeared | Leaving | Ended | Changed, settings: Settings) -> Ignored | None:
    """Return why a notice is of another account or region, and so another function's business; None if it is ours."""
    account, region = notice.account_id, notice.region_id
    what = f"hook {notice.hook.hook_id}" if isinstance(notice, Leaving) else notice.instance_id
    if account and settings.account_id and account != settings.account_id:
        return Ignored("foreign-account", f"{what} is of account {account}, not {settings.account_id}")
    if region and region != settings.region_id:
        return Ignored("foreign-region", f"{what} is in {region}, not {settings.region_id}")
    return None


def without_asking(notice: Appeared, settings: Settings) -> Ignored | Unresolved | None:
    """Return what the notice alone decides, None if the backend has to be looked up."""
    ignored = foreign(notice, settings)
    if ignored is not None:
        return ignored
    kind = KINDS[notice.kind]
    if not notice.instance_id.startswith(kind.prefix):  # a scaling group may hold container groups, "eci-…"
        return Ignored(
            "not-a-backend",
            f"{notice.instance_id!r} is not {kind.noun}, whose ids begin with {kind.prefix!r}: nothing else can opt in",
        )
    if not kind.is_id(notice.instance_id):
        return Unresolved(
            REJECTED,
            NOT_A_BACKEND,
            f"{notice.instance_id!r} is not a well-formed id of {kind.noun}: forward the announcement unchanged",
        )
    return None


def worth_waiting(notice: Appeared, backend: Backend | None, settings: Settings) -> bool:
    """Tell whether asking again in a moment may give a better answer: the notice can be faster than the look-up."""
    if notice.early:
        return False
    if backend is None:
        return True
    value = backend.tags.get(settings.port_tag)
    if value is None:  # a load balancer is announced only once, at its creation, and its tag may follow that
        return notice.kind == "slb"
    return not backend.classic and (
        not backend.vpc_id or (value == LISTENER and notice.kind == "slb" and not backend.listener_ports)
    )


def resolve(notice: Appeared, backend: Backend | None, settings: Settings) -> Resolution:
    """Return the requests that a notice stands for, one for each port of its tag, or why there are none."""
    if backend is None:
        return _not_found(notice, settings)
    value = backend.tags.get(settings.port_tag)
    if value is None:
        return _untagged(notice, settings)
    if backend.classic:
        return Unresolved(
            REFUSED,
            "ClassicNetwork",
            f"{notice.instance_id} is in the classic network: API Gateway reaches only backends in a VPC, move it into one",
        )
    if not backend.vpc_id:
        return _not_found(notice, settings)
    if settings.keeps_names and settings.name_tag in backend.tags:
        from shared.backends.naming import claim  # nobody else pays for it

        claimed = claim(backend, settings)
        return Standing(claimed) if isinstance(claimed, VpcAccess) else claimed
    ports = list(dict.fromkeys(backend.listener_ports)) if value == LISTENER else ports_of(value)
    if not ports:
        return _without_ports(notice, value, settings)
    return [
        VpcAccess(
            name=settings.name_template.format(
                owner=settings.owner, instance_id=backend.instance_id, port=port, vpc_id=backend.vpc_id
            ),
            vpc_id=backend.vpc_id,
            instance_id=backend.instance_id,
            port=port,
        )
        for port in ports
    ]


def _untagged(notice: Appeared, settings: Settings) -> Ignored:
    if notice.kind == "slb":
        return Ignored(
            "still-untagged",
            f"{notice.instance_id} still has no tag {settings.port_tag!r} after the wait that follows its creation: it did "
            "not opt in; one that is tagged later needs a request of its own",
        )
    return Ignored("untagged", f"{notice.instance_id} has no tag {settings.port_tag!r}: it did not opt in")


def _not_found(notice: Appeared, settings: Settings) -> Ignored | Unresolved:
    kind = KINDS[notice.kind]
    if notice.early:
        return Ignored("not-yet", f"{notice.instance_id} cannot be described yet: it is announced again when it runs")
    return Unresolved(
        FAILED,
        "InstanceNotFound",
        f"{notice.instance_id} is not in the answer of {kind.operation}: it may not be visible yet (then a retry finds it), "
        f"have been released, be in another region than {settings.region_id}, or the function's role lacks the RAM "
        f"action {kind.action}",
    )


def gone(notice: Appeared, settings: Settings) -> Ignored:
    """Return the end of a notice whose backend is proven to be gone, an hour and more after it was announced."""
    return Ignored(
        "gone",
        f"{notice.instance_id} was announced more than an hour ago, and it is proven that {settings.region_id} has it no "
        "more: there is nothing to open",
    )


def _without_ports(notice: Appeared, value: str, settings: Settings) -> Unresolved:
    if value == LISTENER and notice.kind == "slb":
        return Unresolved(
            FAILED,
            "NoListener",
            f"{notice.instance_id} has no listener yet: add one before the event is delivered again, or write the port "
            f"into the tag {settings.port_tag!r}",
        )
    return Unresolved(
        REJECTED,
        "InvalidPortTag",
        f"the tag {settings.port_tag!r} of {notice.instance_id} is {value[:64]!r}: give a port from 1 to 65535, or up "
        f"to {MAX_PORTS} of them with commas; {LISTENER!r} is for load balancers",
    )


def ports_of(value: str) -> list[int]:
    """Return the ports of a tag's value, none if any part of it is not a port."""
    parts = [part.strip() for part in value.split(",")]
    if not 1 <= len(parts) <= MAX_PORTS or not all(re.fullmatch(r"[0-9]{1,5}", part) for part in parts):
        return []
    ports = list(dict.fromkeys(int(part) for part in parts))
    return ports if all(1 <= port <= 65_535 for port in ports) else []
