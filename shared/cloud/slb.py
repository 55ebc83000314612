"""SLB 2014-05-15 (classic load balancers): VPC, listeners and tags.

https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-describeloadbalancerattribute
https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-listtagresources
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from shared.cloud.answers import Answer
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.errors import AuthorizerError, CloudRefused, Doubtful
from shared.model.backend import Backend

VERSION = "2014-05-15"
MAX_IDS = 20  # per call of ListTagResources
_NOT_FOUND = (
    "InvalidLoadBalancerId.NotFound"  # https://github.com/aliyun/terraform-provider-alicloud, service_alicloud_slb.go
)


class Slb:
    """The look-up of load balancers."""

    def __init__(self, session: Session, endpoint: str, region_id: str) -> None:
        self._service = RpcService(session, endpoint, VERSION)
        self._region_id = region_id

    def describe(self, load_balancer_ids: Sequence[str], tag_key: str) -> dict[str, Backend | AuthorizerError]:
        """Return the load balancers found, by id, and for one whose look-up failed the error.

        Tags come first, 20 ids a call; only those with ``tag_key`` are then described, one call each. One without any
        tag is returned as such, though perhaps it does not exist: ListTagResources does not tell the two apart.
        """
        found: dict[str, Backend | AuthorizerError] = {}
        for start in range(0, len(load_balancer_ids), MAX_IDS):
            ids = load_balancer_ids[start : start + MAX_IDS]
            try:
                tags = self._tags(ids)
            except AuthorizerError as error:
                found |= dict.fromkeys(ids, error)
                continue
            for item in ids:
                own = tags.get(item, {})
                found |= self.attributes([item], own) if tag_key in own else {item: Backend(item, "", own)}
        return found

    def attributes(
        self, load_balancer_ids: Sequence[str], tags: Mapping[str, str] = MappingProxyType({})
    ) -> dict[str, Backend | AuthorizerError]:
        """Return the load balancers found, by id, whatever their tags; for one whose look-up failed the error."""
        described = {item: self._described(item, tags) for item in load_balancer_ids}
        return {item: backend for item, backend in described.items() if backend is not None}

    def _described(self, load_balancer_id: str, tags: Mapping[str, str]) -> Backend | AuthorizerError | None:
        try:
            return self._attribute(load_balancer_id, tags)
        except CloudRefused as error:
            return None if error.code == _NOT_FOUND else error
        except AuthorizerError as error:
            return error

    def _tags(self, ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the tags of load balancers; those without any are absent."""
        tags: dict[str, dict[str, str]] = {}
        parameters = {"RegionId": self._region_id, "ResourceType": "instance"}
        parameters |= {f"ResourceId.{number}": item for number, item in enumerate(ids, 1)}
        while True:
            rows, following = self._service.call("ListTagResources", parameters, _read_tags, repeatable=True)
            for balancer, key, value in rows:
                tags.setdefault(balancer, {})[key] = value
            if not following:
                return tags
            if following == parameters.get("NextToken"):
                raise Doubtful("ListTagResources", "UnreadableAnswer", 200, "the answer names itself as its next page")
            parameters["NextToken"] = following

    def _attribute(self, load_balancer_id: str, tags: Mapping[str, str]) -> Backend:
        parameters = {"RegionId": self._region_id, "LoadBalancerId": load_balancer_id}
        return self._service.call(
            "DescribeLoadBalancerAttribute", parameters, lambda answer: _read_balancer(answer, tags), repeatable=True
        )


def _read_tags(answer: Answer) -> tuple[list[tuple[str, str, str]], str]:
    """Read a page of tags as (balancer, key, value), and the token of the next page, "" at the end."""
    rows = answer.rows("TagResources", "TagResource")
    return [
        (row.identity("ResourceId"), row.required_text("TagKey"), row.text("TagValue")) for row in rows
    ], answer.text("NextToken")


def _read_balancer(answer: Answer, tags: Mapping[str, str]) -> Backend:
    """Read a balancer; one without listeners may come without their list."""
    ports = answer.object("ListenerPorts")
    listening = ports.items("ListenerPort") if ports.fields else []
    if not all(isinstance(port, int) for port in listening):
        raise answer.odd("ListenerPorts holds something that is not a port")
    return Backend(
        instance_id=answer.identity("LoadBalancerId"),
        vpc_id=answer.identity("VpcId", optional=True),
        tags=tags,
        classic=answer.text("NetworkType") == "classic",
        listener_ports=tuple(listening),
    )
