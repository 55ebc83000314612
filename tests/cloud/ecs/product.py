"""ECS 2014-05-26: DescribeInstances, the look-up that gives an instance's VPC and tags.

Parameters, paging and the empty list for a caller without permission: reference `events.md` 3.5 and
`deploy.md` 3 (https://www.alibabacloud.com/help/doc-detail/25506.htm); the answer's shape:
reference `events/ecs-describeinstances-response.json`. `DryRunOperation` (400) for a dry run that would
have succeeded is the vendor's code for all ECS operations: assumed for this one.
"""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError
from tests.cloud.ecs.published import ECS
from tests.cloud.parameters import Parameter, invalid
from tests.cloud.rpc import Operation, RpcProduct, denied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import Credential, World

_ACTION = "ecs:DescribeInstances"


@dataclass(frozen=True)
class Instance:
    """A seeded instance. With an empty ``vpc_id`` it is of the classic network.

    ``visible_after_reads`` DescribeInstances calls pass before it shows: the notice of a new
    instance can be faster than the list (reference `events.md` 5).
    """

    instance_id: str
    vpc_id: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    status: str = "Running"
    private_ip: str = "172.16.0.10"
    instance_name: str = ""
    visible_after_reads: int = 0

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
            "CreationTime": "2026-11-23T08:00Z",
        }


class EcsProduct(RpcProduct):
    """The product; `seed` puts instances there and `change` moves them on."""

    name, version, published = "ECS", "2014-05-26", ECS

    def __init__(self, world: World) -> None:
        self._instances: dict[str, Instance] = {}
        self._lock = threading.RLock()
        super().__init__(world)

    def define(self) -> dict[str, Operation]:
        filters = (Parameter(name) for name in ("InstanceIds", "VpcId", "Status", "InstanceName", "NextToken"))
        parameters = (
            Parameter("RegionId", required=True),
            *filters,
            Parameter("MaxResults", "integer", minimum=1, maximum=100),
            Parameter("PageNumber", "integer", minimum=1),
            Parameter("PageSize", "integer", minimum=1, maximum=100),
            Parameter("Tag", "tags"),
            Parameter("DryRun", "boolean"),
        )
        return {"DescribeInstances": Operation(_ACTION, write=False, parameters=parameters, run=self._run, hidden=True)}

    def seed(self, *instances: Instance) -> None:
        """Add or replace instances."""
        with self._lock:
            self._instances.update((instance.instance_id, instance) for instance in instances)

    def change(self, instance_id: str, **changes: Any) -> None:
        """Change fields of an instance, for example its status."""
        with self._lock:
            self._instances[instance_id] = replace(self._instances[instance_id], **changes)

    def remove(self, instance_id: str) -> None:
        """Release an instance."""
        with self._lock:
            del self._instances[instance_id]

    def clear(self) -> None:
        """Forget all instances."""
        with self._lock:
            self._instances.clear()

    def in_vpc(self, vpc_id: str) -> set[str]:
        """Return the ids and addresses of the instances of a VPC."""
        with self._lock:
            inside = [instance for instance in self._instances.values() if instance.vpc_id == vpc_id]
        return {name for instance in inside for name in (instance.instance_id, instance.private_ip)}

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {"instances": [i.attribute(self.world.region_id) for i in self._instances.values()]}

    def _run(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        allowed = credential.may(_ACTION)
        if values.get("DryRun"):
            if not allowed:
                refusal = denied(credential, _ACTION)
                raise ServiceError(403, "Forbidden.RAM", refusal.message, extra=refusal.extra)
            raise ServiceError(400, "DryRunOperation", "Request validation has been passed with DryRun flag set.")
        ids = _instance_ids(values.get("InstanceIds"))
        found = [i for i in self._read() if _matches(i, values, ids)] if allowed else []
        size = values.get("MaxResults") or values.get("PageSize") or 10
        start = _start(values, size)
        body: dict[str, Any] = {
            "TotalCount": len(found),
            "PageNumber": values.get("PageNumber", 1),
            "PageSize": size,
            "Instances": {"Instance": [i.attribute(self.world.region_id) for i in found[start : start + size]]},
            "NextToken": _token(start + size) if start + size < len(found) else "",
        }
        return body

    def _read(self) -> list[Instance]:
        """Return the instances that show, and count this call for those that do not show yet."""
        with self._lock:
            shown = [i for i in self._instances.values() if i.visible_after_reads <= 0]
            for instance in [i for i in self._instances.values() if i.visible_after_reads > 0]:
                self.change(instance.instance_id, visible_after_reads=instance.visible_after_reads - 1)
            return shown


def _instance_ids(text: str | None) -> set[str] | None:
    if text is None or not text:
        return None
    try:
        ids = json.loads(text)
    except ValueError as error:
        raise invalid("InstanceIds") from error
    if not isinstance(ids, list) or len(ids) > 100 or not all(isinstance(item, str) for item in ids):
        raise invalid("InstanceIds")
    return set(ids)


def _matches(instance: Instance, values: Mapping[str, Any], ids: set[str] | None) -> bool:
    if ids is not None and instance.instance_id not in ids:
        return False
    for name, value in (
        ("VpcId", instance.vpc_id),
        ("Status", instance.status),
        ("InstanceName", instance.instance_name),
    ):
        if values.get(name) and values[name] != value:
            return False
    tags = dict(instance.tags)
    return all(
        tag["Key"] in tags and (not tag["Value"] or tags[tag["Key"]] == tag["Value"]) for tag in values.get("Tag", ())
    )


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"start={start}".encode()).decode().rstrip("=")


def _start(values: Mapping[str, Any], size: int) -> int:
    token = values.get("NextToken")
    if not token:
        return int((values.get("PageNumber", 1) - 1) * size)
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        return int(text.removeprefix("start="))
    except ValueError as error:
        raise invalid("NextToken") from error
