"""SLB 2014-05-15: the VPC and the tags of a classic load balancer.

Parameters and the answer's shape:
https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-describeloadbalancerattribute;
tags:
https://help.aliyun.com/zh/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-listtagresources.
`InvalidLoadBalancerId.NotFound` is the code that Terraform's provider expects; its status 404 is assumed, as is that
a policy scoped to single load balancers refuses the look-up of another one, and leaves it out of a list.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError
from tests.cloud.parameters import Parameter
from tests.cloud.rpc import Operation, RpcProduct, denied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import Credential, World


@dataclass(frozen=True)
class LoadBalancer:
    """A seeded load balancer; without a ``vpc_id`` it faces the internet on the classic network.

    ``tagged_after_reads`` ListTagResources calls pass before its tags show: they may follow its creation.
    """

    load_balancer_id: str
    vpc_id: str = ""
    address: str = "192.168.0.6"
    status: str = "active"
    listener_ports: tuple[int, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    tagged_after_reads: int = 0

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
        )

    def attribute(self, region_id: str) -> dict[str, Any]:
        """Return what DescribeLoadBalancerAttribute answers, without the request id."""
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
            "ListenerPorts": {"ListenerPort": list(self.listener_ports)},
            "BackendServers": {"BackendServer": []},
        }


class SlbProduct(RpcProduct):
    """The product; `seed` puts load balancers there."""

    name, version = "SLB", "2014-05-15"

    def __init__(self, world: World) -> None:
        self._balancers: dict[str, LoadBalancer] = {}
        self._lock = threading.Lock()
        super().__init__(world)

    def define(self) -> dict[str, Operation]:
        region, required = Parameter("RegionId"), Parameter("RegionId", required=True)
        tags = (
            *(required, Parameter("ResourceType", required=True), Parameter("ResourceId", "strings")),
            *(Parameter("Tag", "tags"), Parameter("NextToken")),
        )
        return {
            "DescribeLoadBalancerAttribute": Operation(
                "slb:DescribeLoadBalancerAttribute",
                write=False,
                parameters=(region, Parameter("LoadBalancerId", required=True)),
                run=self._describe,
            ),
            "ListTagResources": Operation("slb:ListTagResources", write=False, parameters=tags, run=self._tags),
        }

    def seed(self, *balancers: LoadBalancer) -> None:
        """Add or replace load balancers."""
        with self._lock:
            self._balancers.update((balancer.load_balancer_id, balancer) for balancer in balancers)

    def clear(self) -> None:
        """Forget all load balancers."""
        with self._lock:
            self._balancers.clear()

    def in_vpc(self, vpc_id: str) -> set[str]:
        """Return the ids and addresses of the load balancers of a VPC."""
        inside = [balancer for balancer in self._all() if balancer.vpc_id == vpc_id]
        return {name for balancer in inside for name in (balancer.load_balancer_id, balancer.address)}

    def state(self) -> dict[str, Any]:
        return {"load_balancers": [balancer.attribute(self.world.region_id) for balancer in self._all()]}

    def _all(self) -> list[LoadBalancer]:
        with self._lock:
            return list(self._balancers.values())

    def _tagged(self) -> list[LoadBalancer]:
        """Return the load balancers whose tags show, and count this call for the others."""
        balancers = self._all()
        waiting = [balancer for balancer in balancers if balancer.tagged_after_reads > 0]
        self.seed(*(replace(each, tagged_after_reads=each.tagged_after_reads - 1) for each in waiting))
        return [balancer for balancer in balancers if balancer.tagged_after_reads <= 0]

    def _describe(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        if not credential.sees(values["LoadBalancerId"]):
            raise denied(credential, "slb:DescribeLoadBalancerAttribute")
        for balancer in self._all():
            if balancer.load_balancer_id == values["LoadBalancerId"]:
                return balancer.attribute(self.world.region_id)
        raise ServiceError(404, "InvalidLoadBalancerId.NotFound", "The specified LoadBalancerId does not exist.")

    def _tags(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        ids, wanted = values.get("ResourceId"), values.get("Tag", [])
        if ids is None and not wanted:
            raise ServiceError(400, "MissingParameter", "ResourceId or Tag is mandatory for this action.")
        found = [
            {"ResourceId": balancer.load_balancer_id, "ResourceType": "instance", "TagKey": key, "TagValue": value}
            for balancer in self._tagged()
            if values["ResourceType"] == "instance"
            and credential.sees(balancer.load_balancer_id)
            and (ids is None or balancer.load_balancer_id in ids)
            and all((tag["Key"], tag["Value"]) in balancer.tags for tag in wanted)
            for key, value in balancer.tags
        ]
        return {"NextToken": "", "TagResources": {"TagResource": found}}
