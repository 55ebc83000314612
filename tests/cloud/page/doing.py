"""What somebody changes in the world from the page, where no other control route does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cloud.ecs import Instance
from tests.cloud.page.world import PORT_TAG

if TYPE_CHECKING:
    from tests.cloud.app import Cloud


def start_new(cloud: Cloud, vpc_id: str, port: str) -> dict[str, str]:
    """Let a new instance start, tagged with a port if one is given; return its id."""
    ecs, mark = cloud["ECS"], cloud.world.ids.hex(12, "instance")
    address = f"172.17.{int(mark[:2], 16)}.{int(mark[2:4], 16)}"
    instance = Instance(f"i-bp1{mark}", vpc_id, _tags({}, port), "Pending", address)
    ecs.seed(instance)
    ecs.go_through(instance.instance_id, "Running")
    return {"instanceId": instance.instance_id}


def tag_with(cloud: Cloud, instance_id: str, port: str) -> dict[str, str]:
    """Change the port that an instance is tagged with, or take the tag away; KeyError if there is no such instance."""
    known = {each["InstanceId"]: each["Tags"]["Tag"] for each in cloud["ECS"].state()["instances"]}
    tags = {tag["TagKey"]: tag["TagValue"] for tag in known[instance_id]}
    cloud["ECS"].change(instance_id, tags=_tags(tags, port))
    return {"instanceId": instance_id}


def _tags(others: dict[str, str], port: str) -> tuple[tuple[str, str], ...]:
    kept = tuple((key, value) for key, value in others.items() if key != PORT_TAG)
    return (*kept, (PORT_TAG, port)) if port else kept
