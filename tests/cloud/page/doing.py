"""What somebody changes in the world from the page, where no other control route does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cloud.ecs import Instance
from tests.cloud.page.world import NAME_TAG, PORT_TAG

if TYPE_CHECKING:
    from tests.cloud.app import Cloud


def start_new(cloud: Cloud, vpc_id: str, port: str, name: str) -> dict[str, str]:
    """Let a new instance start, tagged with a port and a name if they are given; return its id."""
    ecs, mark = cloud["ECS"], cloud.world.ids.hex(12, "instance")
    address = f"172.17.{int(mark[:2], 16)}.{int(mark[2:4], 16)}"
    instance = Instance(f"i-bp1{mark}", vpc_id, _tags({}, port, name), "Pending", address)
    ecs.seed(instance)
    ecs.go_through(instance.instance_id, "Running")
    return {"instanceId": instance.instance_id}


def tag_with(cloud: Cloud, instance_id: str, port: str, name: str) -> dict[str, str]:
    """Change the port and the name that an instance is tagged with; "" takes a tag away. KeyError if there is no such instance."""
    known = {each["InstanceId"]: each["Tags"]["Tag"] for each in cloud["ECS"].state()["instances"]}
    tags = {tag["TagKey"]: tag["TagValue"] for tag in known[instance_id]}
    cloud["ECS"].change(instance_id, tags=_tags(tags, port, name))
    return {"instanceId": instance_id}


def _tags(tags: dict[str, str], port: str, name: str) -> tuple[tuple[str, str], ...]:
    asked = {PORT_TAG: port, NAME_TAG: name}
    kept = [(key, value) for key, value in tags.items() if key not in asked]
    return (*kept, *((key, value) for key, value in asked.items() if value))
