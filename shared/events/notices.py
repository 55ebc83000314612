"""Who announces backends: a table from an opened envelope to notices. Shapes: EventBridge and CloudMonitor pages named below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from shared.events.records import Content, Ignored, InstanceNotice, Invalid


class Announcer(NamedTuple):
    """One kind of announcement: its ``name``, the ``type`` of the CloudEvent, and what it announces."""

    name: str
    type: str
    read: Callable[[Mapping[str, Any]], Iterator[Content]]


def ecs_state_change(event: Mapping[str, Any]) -> Iterator[Content]:
    """``ecs:Instance:StateChange``: https://help.aliyun.com/en/ecs/user-guide/overview-35

    Acts on Running. The documents disagree on what follows creation (Created or Pending), so both are left to the
    Running that comes after them.
    """
    data = event.get("data")
    instance_id = data.get("resourceId") if isinstance(data, Mapping) else None
    state = data.get("state") if isinstance(data, Mapping) else None
    if not isinstance(instance_id, str) or not instance_id.startswith("i-") or not isinstance(state, str):
        yield Invalid('data.resourceId must be an instance "i-…" and data.state its state: forward the event unchanged')
    elif state != "Running":
        yield Ignored("state", f"instance {instance_id} is {state[:32]}, not Running")
    else:
        yield InstanceNotice("ecs", instance_id, text_of(event, "aliyunregionid"), text_of(event, "aliyunaccountid"))


def text_of(event: Mapping[str, Any], key: str) -> str:
    """Return a string field, "" if it is absent or something else."""
    value = event.get(key)
    return value if isinstance(value, str) else ""


CLOUD_EVENTS: tuple[Announcer, ...] = (Announcer("eventbridge", "ecs:Instance:StateChange", ecs_state_change),)
"""Announcements that come as a CloudEvent, by its ``type``."""
