"""One authorization as the gateway keeps it, and what the filters of DescribeVpcAccesses make of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TargetKey = tuple[str, str, int]


@dataclass(frozen=True)
class GatewayEntry:
    """One authorization; ``reads_left`` list calls have yet to pass before it shows, ``before`` shows meanwhile."""

    name: str
    vpc_id: str
    instance_id: str
    port: int
    description: str = ""
    vpc_target_host_name: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    vpc_access_id: str = ""
    created_time: str = ""
    reads_left: int = 0
    before: GatewayEntry | None = None

    @classmethod
    def from_parameters(cls, values: Mapping[str, Any]) -> GatewayEntry:
        """Build one from SetVpcAccess's typed parameters, or from a seed document of the same names."""
        return cls(
            name=values["Name"],
            vpc_id=values["VpcId"],
            instance_id=values["InstanceId"],
            port=int(values["Port"]),
            description=values.get("Description", ""),
            vpc_target_host_name=values.get("VpcTargetHostName", ""),
            tags=tuple((tag["Key"], tag["Value"]) for tag in values.get("Tag", ())),
            vpc_access_id=values.get("VpcAccessId", ""),
            created_time=values.get("CreatedTime", ""),
        )

    @property
    def target(self) -> TargetKey:
        return self.vpc_id, self.instance_id, self.port

    def backend(self) -> dict[str, Any]:
        """Return where a call goes by this entry."""
        host = {"VpcTargetHostName": self.vpc_target_host_name}
        return {"VpcId": self.vpc_id, "InstanceId": self.instance_id, "Port": self.port, **host}

    def changed(self, changes: Mapping[str, Any]) -> GatewayEntry:
        """Return the entry with the target and host name of ModifyVpcAccessAndUpdateApis; what is absent stays."""
        return replace(
            self,
            vpc_id=changes.get("VpcId") or self.vpc_id,
            instance_id=changes.get("InstanceId") or self.instance_id,
            port=changes.get("Port", self.port),
            vpc_target_host_name=changes.get("VpcTargetHostName", self.vpc_target_host_name),
        )

    def attribute(self) -> dict[str, Any]:
        """Return the entry as DescribeVpcAccesses lists it, without the region."""
        return {
            "VpcAccessId": self.vpc_access_id,
            "Name": self.name,
            "VpcId": self.vpc_id,
            "InstanceId": self.instance_id,
            "Port": self.port,
            "Description": self.description,
            "VpcTargetHostName": self.vpc_target_host_name,
            "CreatedTime": self.created_time,
            "Tags": {"TagInfo": [{"Key": key, "Value": value} for key, value in self.tags]},
        }


def matching(entries: list[GatewayEntry], filters: Mapping[str, Any]) -> list[GatewayEntry]:
    """Return the entries that pass ``filters``, in their order. There may be thousands, so each filter is one pass.

    What a filter matches without AccurateQuery is not established; a part of the value is assumed.
    """
    if access_id := filters.get("VpcAccessId"):
        entries = [entry for entry in entries if entry.vpc_access_id == access_id]
    for name, value in _TEXTS.items():
        wanted = str(filters.get(name) or "")
        if wanted and filters.get("AccurateQuery", False):
            entries = [entry for entry in entries if value(entry) == wanted]
        elif wanted:
            entries = [entry for entry in entries if wanted in value(entry)]
    tags = {(tag["Key"], tag["Value"]) for tag in filters.get("Tag", ())}
    return [entry for entry in entries if tags.issubset(entry.tags)] if tags else entries


_TEXTS: Mapping[str, Callable[[GatewayEntry], str]] = {
    "Name": attrgetter("name"),
    "InstanceId": attrgetter("instance_id"),  # before the port and the VPC, which more entries share
    "Port": lambda entry: str(entry.port),
    "VpcId": attrgetter("vpc_id"),
}
