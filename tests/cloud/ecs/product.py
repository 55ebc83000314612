"""ECS 2014-05-26: DescribeInstances and ListTagResources, the look-ups that give an instance's VPC and tags.

https://www.alibabacloud.com/help/doc-detail/25506.htm says how DescribeInstances is paged and that a caller without
the right gets an empty list, unless it asks for a dry run; the models of PyPI `alibabacloud_ecs20140526` 7.11.8 say
how long its pages are, that by tag at most 1,000 instances come, and that TotalCount is meaningless beside MaxResults
and NextToken. `DryRunOperation` (400) and `Forbidden.RAM` (403) are the codes of ECS's other operations: assumed here,
as is that a policy which is scoped to single instances leaves out the others without a word.
"""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tests.cloud import paging
from tests.cloud.core import ServiceError
from tests.cloud.ecs.published import ECS
from tests.cloud.parameters import Parameter, invalid
from tests.cloud.rpc import Operation, RpcProduct, denied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cloud.core import Credential, World
    from tests.cloud.ecs.instances import Instance

_DESCRIBE = "ecs:DescribeInstances"
_MOST_BY_TAG = 1000
STATES = ("Pending", "Starting", "Running", "Stopping", "Stopped", "Deleted")
_TAG_PAGE = 50  # entries of ListTagResources; how many the real one has is not documented


class EcsProduct(RpcProduct):
    """The product; `seed` puts instances there, `go_through` moves them on with the events that ECS sends of it."""

    name, version, published = "ECS", "2014-05-26", ECS

    def __init__(
        self, world: World, announce: Callable[[str, str], object] = lambda _instance_id, _state: None
    ) -> None:
        self._instances: dict[str, Instance] = {}
        self._announce = announce  # (instance, state): the event of a change of state
        self._stale: dict[
            str, tuple[Instance, int]
        ] = {}  # how an instance was, and for how many calls it still shows so
        self._lock = threading.RLock()
        super().__init__(world)

    def define(self) -> dict[str, Operation]:
        region, token, tag = Parameter("RegionId", required=True), Parameter("NextToken"), Parameter("Tag", "tags")
        describe = (
            *(region, token, tag, *map(Parameter, ("InstanceIds", "VpcId", "Status", "InstanceName"))),
            Parameter("MaxResults", "integer"),
            Parameter("PageNumber", "integer", minimum=1),
            Parameter("PageSize", "integer", minimum=1, maximum=100),
            Parameter("DryRun", "boolean"),
        )
        tags = (region, token, tag, Parameter("ResourceType", required=True), Parameter("ResourceId", "strings"))
        return {
            "DescribeInstances": Operation(
                _DESCRIBE, write=False, parameters=describe, run=self._describe, hidden=True
            ),
            "ListTagResources": Operation("ecs:ListTagResources", write=False, parameters=tags, run=self._tags),
        }

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

    def go_through(self, instance_id: str, *states: str, announced: bool = True) -> None:
        """Let an instance go through states, and announce each; Deleted releases it, Running is a start.

        The states, and that each is announced: https://help.aliyun.com/en/ecs/user-guide/overview-35. An unknown state
        is a ValueError, an unknown instance a KeyError.
        """
        if unknown := sorted(set(states) - set(STATES)):
            raise ValueError(f"unknown state {', '.join(unknown)}; there are {', '.join(STATES)}")
        for state in states:
            self._go_on_showing(instance_id)
            if state == "Deleted":
                self.remove(instance_id)
            elif state == "Running":
                started = datetime.fromtimestamp(self.world.clock.now(), timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
                self.change(instance_id, status=state, start_time=started)
            else:
                self.change(instance_id, status=state)
            if announced:
                self._announce(instance_id, state)

    def _go_on_showing(self, instance_id: str) -> None:
        """Let lists show an instance as it is until so many calls have passed."""
        reads = self.world.switches.instance_change_after_reads
        if reads:
            with self._lock:
                before, _ = self._stale.get(instance_id, (self._instances[instance_id], 0))
                self._stale[instance_id] = before, reads

    def status(self, instance_id: str) -> str:
        """Return the status of an instance, "" if there is none."""
        instance = self._instances.get(instance_id)
        return instance.status if instance else ""

    def control_routes(self) -> dict[tuple[str, str], Callable[[Any], Any]]:
        """Return this product's part of the control surface."""
        return {("POST", "instances"): self._moved}

    def _moved(self, body: Any) -> dict[str, str]:
        if unknown := sorted(set(body) - {"instanceId", "states", "announced"}):
            raise ValueError(f"unknown key {', '.join(unknown)}; there are announced, instanceId, states")
        self.go_through(body["instanceId"], *body["states"], announced=bool(body.get("announced", True)))
        return {"instanceId": body["instanceId"], "status": self.status(body["instanceId"])}

    def clear(self) -> None:
        """Forget all instances."""
        with self._lock:
            self._instances.clear()
            self._stale.clear()

    def in_vpc(self, vpc_id: str) -> set[str]:
        """Return the ids and addresses of the instances of a VPC."""
        with self._lock:
            inside = [instance for instance in self._instances.values() if instance.vpc_id == vpc_id]
        return {name for instance in inside for name in (instance.instance_id, instance.private_ip)}

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {"instances": [i.attribute(self.world.region_id) for i in self._instances.values()]}

    def _describe(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        allowed, switches = credential.may(_DESCRIBE), self.world.switches
        if not allowed and (values.get("DryRun") or switches.ecs_without_permission == "refuse"):
            refusal = denied(credential, _DESCRIBE)
            raise ServiceError(403, "Forbidden.RAM", refusal.message, extra=refusal.extra)
        if values.get("DryRun"):
            raise ServiceError(400, "DryRunOperation", "Request validation has been passed with DryRun flag set.")
        ids = _instance_ids(values.get("InstanceIds"))
        found = [i for i in self._read(credential) if _matches(i, values, ids)] if allowed else []
        if values.get("Tag"):
            found = found[:_MOST_BY_TAG]
        return self._page(found, values)

    def _page(self, found: list[Instance], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return one page: by token if MaxResults or NextToken is given, else by number."""
        by_token = bool("MaxResults" in values or values.get("NextToken"))
        size = min(max(values.get("MaxResults", 10), 10), 100) if by_token else values.get("PageSize", 10)
        by_number = (values.get("PageNumber", 1) - 1) * size
        start = paging.start_of(values["NextToken"]) if values.get("NextToken") else by_number
        told = not by_token or self.world.switches.ecs_total_count == "whole"
        return {
            "TotalCount": len(found) if told else 0,
            "PageNumber": values.get("PageNumber", 1),
            "PageSize": size,
            "Instances": {"Instance": [i.attribute(self.world.region_id) for i in found[start : start + size]]},
            "NextToken": paging.token(start + size, len(found)),
        }

    def _tags(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        if values["ResourceType"] != "instance":
            raise ServiceError(501, "NotImplemented", "The stand-in knows tags of the resource type instance only.")
        ids = values.get("ResourceId")
        if ids is None and not values.get("Tag"):
            raise ServiceError(400, "MissingParameter", "ResourceId or Tag is mandatory for this action.")
        if ids is not None and len(ids) > 50:
            raise invalid("ResourceId")
        found = [
            {"ResourceId": instance.instance_id, "ResourceType": "instance", "TagKey": key, "TagValue": value}
            for instance in self._read(credential)
            if _matches(instance, {"Tag": values.get("Tag", ())}, None if ids is None else set(ids))
            for key, value in instance.tags
        ]
        start = paging.start_of(values.get("NextToken"))
        following = paging.token(start + _TAG_PAGE, len(found))
        return {"NextToken": following, "TagResources": {"TagResource": found[start : start + _TAG_PAGE]}}

    def _read(self, credential: Credential) -> list[Instance]:
        """Return the instances that show to a key, and count this call for those that do not show yet."""
        with self._lock:
            shown = [i for i in self._instances.values() if i.visible_after_reads <= 0]
            for instance in [i for i in self._instances.values() if i.visible_after_reads > 0]:
                self.change(instance.instance_id, visible_after_reads=instance.visible_after_reads - 1)
            if self._stale:
                there = {instance.instance_id: instance for instance in shown}
                shown = list({**there, **{each: before for each, (before, _) in self._stale.items()}}.values())
                left = {each: (before, reads - 1) for each, (before, reads) in self._stale.items()}
                self._stale = {each: stale for each, stale in left.items() if stale[1]}
        return [instance for instance in shown if credential.sees(instance.instance_id)]


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
