"""The load balancers that SLB shows, as they were seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class LoadBalancer:
    """A seeded load balancer; without a ``vpc_id`` it faces the internet on the classic network.

    ``stopped_ports`` are those of its ``listener_ports`` whose listener does not run: a new one is stopped at first.
    ``tagged_after_reads`` ListTagResources calls pass before its tags show: they may follow its creation.
    """

    load_balancer_id: str
    vpc_id: str = ""
    address: str = "192.168.0.6"
    status: str = "active"
    listener_ports: tuple[int, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    tagged_after_reads: int = 0
    stopped_ports: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LoadBalancer:
        """Build one from ``{"LoadBalancerId", "VpcId", "ListenerPorts": [80], "Tags": {key: value}, …}``."""
        return cls(
            load_balancer_id=document["LoadBalancerId"],
            vpc_id=document.get("VpcId", ""),
            address=document.get("Address", "192.168.0.6"),
            status=document.get("LoadBalancerStatus", "active"),
            listener_ports=tuple(document.get("ListenerPorts", ())),
            tags=tuple(document.get("Tags", {}).items()),
            tagged_after_reads=int(document.get("TaggedAfterReads", 0)),
            stopped_ports=tuple(document.get("StoppedPorts", ())),
        )

    def row(self, region_id: str) -> dict[str, Any]:
        """Return what DescribeLoadBalancers lists; tags stand in it, listeners do not."""
        return {
            "LoadBalancerId": self.load_balancer_id,
            "LoadBalancerName": self.load_balancer_id,
            "LoadBalancerStatus": self.status,
            "RegionId": region_id,
            "Address": self.address,
            "AddressType": "intranet" if self.vpc_id else "internet",
            "NetworkType": "vpc" if self.vpc_id else "classic",
            "VpcId": self.vpc_id,
            "VSwitchId": f"vsw-{self.vpc_id.removeprefix('vpc-')}" if self.vpc_id else "",
            "Tags": {"Tag": [{"TagKey": key, "TagValue": value} for key, value in self.tags]},
        }

    def attribute(self, region_id: str) -> dict[str, Any]:
        """Return what DescribeLoadBalancerAttribute answers, without the request id."""
        row = {name: value for name, value in self.row(region_id).items() if name != "Tags"}
        listening = {"ListenerPort": list(self.listener_ports)}
        return {**row, "ListenerPorts": listening, "BackendServers": {"BackendServer": []}}

    def listeners(self) -> list[dict[str, Any]]:
        """Return what DescribeLoadBalancerListeners lists."""
        return [
            {
                "LoadBalancerId": self.load_balancer_id,
                "ListenerPort": port,
                "ListenerProtocol": "tcp",
                "BackendServerPort": port,
                "Status": "stopped" if port in self.stopped_ports else "running",
                "Description": "",
            }
            for port in self.listener_ports
        ]
