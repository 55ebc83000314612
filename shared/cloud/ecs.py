"""ECS 2014-05-26: which VPC an instance is in, and its tags.

https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-describeinstances
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.inventory import Backend

VERSION = "2014-05-26"
MOST_IDS = 100  # per call; with the default page size of 10 a longer answer would be cut silently


class Ecs:
    """The look-up of instances."""

    def __init__(self, session: Session, endpoint: str, region_id: str) -> None:
        self._service = RpcService(session, endpoint, VERSION)
        self._region_id = region_id

    def describe_instances(self, instance_ids: Iterable[str]) -> dict[str, Backend]:
        """Return the instances found, by id.

        An instance that is missing from the answer may be not visible yet, released, in another region, or hidden
        because the caller lacks ``ecs:DescribeInstances``: the API answers all four with an empty list.
        """
        wanted = list(dict.fromkeys(instance_ids))
        found: dict[str, Backend] = {}
        for start in range(0, len(wanted), MOST_IDS):
            answer = self._service.call(
                "DescribeInstances",
                {
                    "RegionId": self._region_id,
                    "InstanceIds": json.dumps(wanted[start : start + MOST_IDS]),
                    "MaxResults": str(MOST_IDS),
                },
                repeatable=True,
            )
            instances = answer.get("Instances")
            for item in (instances.get("Instance") or []) if isinstance(instances, dict) else []:
                backend = _read_instance(item)
                found[backend.instance_id] = backend
        return found


def _read_instance(item: Mapping[str, Any]) -> Backend:
    tags = (item.get("Tags") or {}).get("Tag") or []
    return Backend(
        instance_id=str(item.get("InstanceId") or ""),
        vpc_id=str((item.get("VpcAttributes") or {}).get("VpcId") or ""),
        status=str(item.get("Status") or ""),
        tags={
            str(tag.get("TagKey") or tag.get("Key") or ""): str(tag.get("TagValue") or tag.get("Value") or "")
            for tag in tags
        },
    )
