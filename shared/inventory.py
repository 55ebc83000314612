"""From an announced backend to requests: VPC from the product that owns it, port from the tag that opts it in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from shared.events.records import Ignored, InstanceNotice
from shared.settings import Settings
from shared.vpcaccess import VpcAccess

MOST_PORTS = 20  # of one instance


class Backend(NamedTuple):
    """An instance or load balancer as its product describes it; ``vpc_id`` is "" in the classic network."""

    instance_id: str
    vpc_id: str
    status: str
    tags: Mapping[str, str]
    listener_ports: tuple[int, ...] = ()


class Unresolved(NamedTuple):
    """The notice cannot become a request. ``retry`` says whether that may change by itself."""

    reason: str
    text: str
    retry: bool = False


Resolution = Sequence[VpcAccess] | Ignored | Unresolved


def resolve(notice: InstanceNotice, backend: Backend | None, settings: Settings) -> Resolution:
    """Return the requests that a notice stands for, one for each port of its tag, or why there are none."""
    if backend is None:
        return Unresolved(
            "InstanceNotFound",
            f"{notice.instance_id} is not in the answer of DescribeInstances: it may not be visible yet (then a retry "
            f"finds it), have been released, be in another region than {settings.region_id}, or the function's role "
            "lacks the RAM action ecs:DescribeInstances",
            retry=True,
        )
    value = backend.tags.get(settings.port_tag)
    if value is None:
        return Ignored("untagged", f"{notice.instance_id} has no tag {settings.port_tag!r}: it did not opt in")
    ports = _ports(value)
    if ports is None:
        return Unresolved(
            "InvalidPortTag",
            f"the tag {settings.port_tag!r} of {notice.instance_id} is {value[:64]!r}: give a port from 1 to 65535, or up "
            f"to {MOST_PORTS} of them with commas",
        )
    if not backend.vpc_id:
        return Unresolved(
            "ClassicNetwork",
            f"{notice.instance_id} is in the classic network: API Gateway reaches only backends in a VPC, move it into one",
        )
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


def _ports(value: str) -> list[int] | None:
    parts = [part.strip() for part in value.split(",")]
    if not 1 <= len(parts) <= MOST_PORTS or not all(re.fullmatch(r"[0-9]{1,5}", part) for part in parts):
        return None
    ports = list(dict.fromkeys(int(part) for part in parts))
    return ports if all(1 <= port <= 65_535 for port in ports) else None
