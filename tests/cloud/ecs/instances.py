"""The instances that ECS shows, as they were seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Instance:
    """A seeded instance. With an empty ``vpc_id`` it is of the classic network.

    ``visible_after_reads`` DescribeInstances calls pass before it shows: the notice of a new
    instance can be faster than the list.
    """

    instance_id: str
    vpc_id: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    status: str = "Running"
    private_ip: str = "172.16.0.10"
    instance_name: str = ""
    visible_after_reads: int = 0
    creation_time: str = "2026-11-01T08:00Z"
    start_time: str = "2026-11-01T08:00Z"

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Instance:
        """Build one from ``{"InstanceId", "VpcId", "Tags": {key: value}, "Status", "VisibleAfterReads" …}``."""
        return cls(
            instance_id=document["InstanceId"],
            vpc_id=document.get("VpcId", ""),
            tags=tuple(document.get("Tags", {}).items()),
            status=document.get("Status", "Running"),
            private_ip=document.get("PrivateIpAddress", "172.16.0.10"),
            instance_name=document.get("InstanceName", ""),
            visible_after_reads=int(document.get("VisibleAfterReads", 0)),
            creation_time=document.get("CreationTime", "2026-11-01T08:00Z"),
            start_time=document.get("StartTime", document.get("CreationTime", "2026-11-01T08:00Z")),
        )

    def attribute(self, region_id: str) -> dict[str, Any]:
        """Return the instance as DescribeInstances lists it."""
        addresses = [self.private_ip] if self.vpc_id else []
        return {
            "InstanceId": self.instance_id,
            "InstanceName": self.instance_name or self.instance_id,
            "Status": self.status,
            "InstanceNetworkType": "vpc" if self.vpc_id else "classic",
            "VpcAttributes": {
                "VpcId": self.vpc_id,
                "VSwitchId": f"vsw-{self.vpc_id.removeprefix('vpc-')}" if self.vpc_id else "",
                "PrivateIpAddress": {"IpAddress": addresses},
                "NatIpAddress": "",
            },
            "InnerIpAddress": {"IpAddress": [] if self.vpc_id else [self.private_ip]},
            "Tags": {"Tag": [{"TagKey": key, "TagValue": value} for key, value in self.tags]},
            "RegionId": region_id,
            "ZoneId": f"{region_id}-h",
            "CreationTime": self.creation_time,
            "StartTime": self.start_time,
        }
