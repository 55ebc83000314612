"""SLB 2014-05-15: VPC, listeners and tags of the classic load balancers.

https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-describeloadbalancerattribute,
https://help.aliyun.com/zh/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-listtagresources and the
models of PyPI `alibabacloud_slb20140515` 3.3.31: `Listeners` "is not returned if the CLB instance does not have a
listener", PageSize demands a PageNumber. `InvalidLoadBalancerId.NotFound` is the code that Terraform's provider
expects; its status 404 is assumed, as are MissingPageNumber, that an unknown load balancer has no listeners,
and that a policy scoped to single load balancers refuses the look-up of another one and leaves it out of lists.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.cloud import paging
from tests.cloud.core import ServiceError
from tests.cloud.parameters import Parameter, invalid, missing
from tests.cloud.rpc import Operation, RpcProduct, denied
from tests.cloud.slb.published import SLB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import Credential, World
    from tests.cloud.slb.balancers import LoadBalancer

_REGION, _TOKEN = Parameter("RegionId", required=True), Parameter("NextToken")
_TAG, _ID = Parameter("Tag", "tags"), Parameter("LoadBalancerId")


class SlbProduct(RpcProduct):
    """The product; `seed` puts load balancers there."""

    name, version, published = "SLB", "2014-05-15", SLB

    def __init__(self, world: World) -> None:
        self._balancers: dict[str, LoadBalancer] = {}
        self._lock = threading.Lock()
        super().__init__(world)

    def define(self) -> dict[str, Operation]:
        attribute = (Parameter("RegionId"), Parameter("LoadBalancerId", required=True))
        balancers = (
            *(_REGION, _ID, _TAG, Parameter("VpcId"), Parameter("AddressType")),
            Parameter("PageNumber", "integer", minimum=1),
            Parameter("PageSize", "integer", minimum=1, maximum=100),
        )
        listeners = (
            *(_REGION, _TOKEN, Parameter("LoadBalancerId", "strings"), Parameter("ListenerProtocol")),
            Parameter("MaxResults", "integer", minimum=1, maximum=100),
        )
        tags = (_REGION, _TOKEN, _TAG, Parameter("ResourceType", required=True), Parameter("ResourceId", "strings"))
        table = (
            ("DescribeLoadBalancerAttribute", attribute, self._describe),
            ("DescribeLoadBalancers", balancers, self._list),
            ("DescribeLoadBalancerListeners", listeners, self._listeners),
            ("ListTagResources", tags, self._tags),
        )
        return {name: Operation(f"slb:{name}", False, taken, run) for name, taken, run in table}

    def seed(self, *balancers: LoadBalancer) -> None:
        """Add or replace load balancers."""
        with self._lock:
            self._balancers.update((balancer.load_balancer_id, balancer) for balancer in balancers)

    def remove(self, load_balancer_id: str) -> None:
        """Delete a load balancer."""
        with self._lock:
            del self._balancers[load_balancer_id]

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

    def _seen(self, credential: Credential, ids: list[str] | None, most: int) -> list[LoadBalancer]:
        """Return what a key sees of the load balancers of ``ids``, of all for None; more than ``most`` are refused."""
        if ids is not None and len(ids) > most:
            raise invalid("LoadBalancerId")
        wanted = [balancer for balancer in self._all() if ids is None or balancer.load_balancer_id in ids]
        return [balancer for balancer in wanted if credential.sees(balancer.load_balancer_id)]

    def _describe(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        if not credential.sees(values["LoadBalancerId"]):
            raise denied(credential, "slb:DescribeLoadBalancerAttribute")
        for balancer in self._all():
            if balancer.load_balancer_id == values["LoadBalancerId"]:
                answer = balancer.attribute(self.world.region_id)
                if not balancer.listener_ports and self.world.switches.slb_no_listener == "absent":
                    del answer["ListenerPorts"]
                return answer
        raise ServiceError(404, "InvalidLoadBalancerId.NotFound", "The specified LoadBalancerId does not exist.")

    def _list(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        if "PageSize" in values and "PageNumber" not in values:
            raise missing("PageNumber")
        ids = values["LoadBalancerId"].split(",") if values.get("LoadBalancerId") else None
        found = [
            balancer.row(self.world.region_id)
            for balancer in self._seen(credential, ids, 10)
            if _tagged(balancer, values) and values.get("VpcId") in {None, "", balancer.vpc_id}
        ]
        found = [row for row in found if values.get("AddressType") in {None, "", row["AddressType"]}]
        number, size = values.get("PageNumber", 1), values.get("PageSize", 10)
        page = found[(number - 1) * size : number * size]
        counts = {"TotalCount": len(found), "PageNumber": number, "PageSize": size}
        return {**counts, "LoadBalancers": {"LoadBalancer": page}}

    def _listeners(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        found = [
            listener
            for balancer in self._seen(credential, values.get("LoadBalancerId"), 10)
            for listener in balancer.listeners()
            if values.get("ListenerProtocol") in {None, "", listener["ListenerProtocol"]}
        ]
        size, start = values.get("MaxResults", 20), paging.start_of(values.get("NextToken"))
        token = paging.token(start + size, len(found))
        counts = {"TotalCount": len(found), "MaxResults": size, "NextToken": token}
        return {**counts, **({"Listeners": found[start : start + size]} if found else {})}

    def _tags(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        ids = values.get("ResourceId")
        if ids is None and not values.get("Tag"):
            raise ServiceError(400, "MissingParameter", "ResourceId or Tag is mandatory for this action.")
        if values["ResourceType"] != "instance":
            raise ServiceError(501, "NotImplemented", "The stand-in knows tags of the resource type instance only.")
        showing = self._tags_shown()
        found = [
            {"ResourceId": balancer.load_balancer_id, "ResourceType": "instance", "TagKey": key, "TagValue": value}
            for balancer in self._seen(credential, ids, 20)
            if balancer.load_balancer_id in showing and _tagged(balancer, values)
            for key, value in balancer.tags
        ]
        return {"NextToken": "", "TagResources": {"TagResource": found}}

    def _tags_shown(self) -> set[str]:
        """Return the ids of the load balancers whose tags show, and count this call for the others."""
        balancers = self._all()
        waiting = [balancer for balancer in balancers if balancer.tagged_after_reads > 0]
        self.seed(*(replace(each, tagged_after_reads=each.tagged_after_reads - 1) for each in waiting))
        return {balancer.load_balancer_id for balancer in balancers if balancer.tagged_after_reads <= 0}


def _tagged(balancer: LoadBalancer, values: Mapping[str, Any]) -> bool:
    tags = dict(balancer.tags)
    return all(
        tag["Key"] in tags and (not tag["Value"] or tags[tag["Key"]] == tag["Value"]) for tag in values.get("Tag", ())
    )
