"""Scaling activities: instances come into a group and leave it, and wait for the group's hooks on the way.

States and what each answer does: https://www.alibabacloud.com/help/en/auto-scaling/developer-reference/api-ess-2014-08-28-describescalinginstances
and …/api-ess-2014-08-28-completelifecycleaction: at scale-in CONTINUE and ABANDON both let the removal go on, and
ROLLBACK keeps the instance; at scale-out it is CONTINUE that keeps it. An instance that the group made, or manages, is
released with its removal. Assumed: that all this takes no time, and that a group does not scale in what is Protected
or Standby. The message of a hook has the fields of the models in the vendor's sample function:
https://github.com/AlibabaCloudDocs/ess, "Best practices/Automatically add ECS instances of a scaling group to a Redis
instance whitelist"; https://alibabacloud.com/help/en/eventbridge/user-guide/auto-scaling-events names the event's type
and prints no body: assumed to be the same fields.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.cloud.core import World

STAYS = {("SCALE_IN", "ROLLBACK"), ("SCALE_OUT", "CONTINUE")}  # (transition, answer); all others end in the removal
WAITING = {"SCALE_IN": "Removing:Wait", "SCALE_OUT": "Pending:Wait"}
_EVENTS = {"SCALE_IN": "ScaleIn", "SCALE_OUT": "ScaleOut"}
_ARN = re.compile(r"acs:(?P<product>mns|eventbridge):[^:]*:[^:]*:(?P<kind>queue|topic|eventbus)/(?P<name>.+)")


@dataclass(frozen=True)
class Activity:
    """One scaling activity of a group; ``hooks`` are those of its transition."""

    scaling_group_id: str
    transition: str
    instance_ids: tuple[str, ...]
    hooks: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Activity:
        """Build one from ``{"ScalingGroupId", "LifecycleTransition", "InstanceIds": […], "Hooks": […]}``.

        A hook is ``{"LifecycleHookId", "LifecycleHookName", "NotificationArn", "HeartbeatTimeout", "DefaultResult"}``.
        """
        transition = document["LifecycleTransition"]
        if transition not in WAITING:
            raise ValueError(f"LifecycleTransition is one of {', '.join(WAITING)}, not {transition!r}")
        hooks = tuple(document.get("Hooks", ()))
        known = {"LifecycleHookId", "LifecycleHookName", "NotificationArn", "HeartbeatTimeout", "DefaultResult"}
        if unknown := sorted({name for hook in hooks for name in hook} - known):
            raise ValueError(f"unknown key {', '.join(unknown)} of a hook; there are {', '.join(sorted(known))}")
        return cls(document["ScalingGroupId"], transition, tuple(document["InstanceIds"]), hooks)

    def content(self, hook: Mapping[str, Any], activity_id: str, token: str, request_id: str) -> dict[str, Any]:
        """Return what the message of a hook tells."""
        return {
            "lifecycleHookId": hook["LifecycleHookId"],
            "lifecycleActionToken": token,
            "lifecycleHookName": hook.get("LifecycleHookName", hook["LifecycleHookId"]),
            "scalingGroupId": self.scaling_group_id,
            "scalingGroupName": self.scaling_group_id,
            "lifecycleTransition": self.transition,
            "defaultResult": hook.get("DefaultResult", "CONTINUE"),
            "requestId": request_id,
            "scalingActivityId": activity_id,
            "instanceIds": list(self.instance_ids),
        }


class Notices:
    """Sends a hook's message where its NotificationArn says: an SMQ queue or topic, or the bus ``default``."""

    def __init__(self, world: World, smq: Any, put_event: Callable[[Mapping[str, Any]], Any]) -> None:
        self._world, self._smq, self._put_event = world, smq, put_event

    def check(self, hooks: Sequence[Mapping[str, Any]]) -> None:
        """Refuse an address that no message can go to; an empty one is nobody's."""
        for hook in hooks:
            arn = hook.get("NotificationArn", "")
            if arn and not _ARN.fullmatch(arn):
                raise ValueError(f"NotificationArn is of an SMQ queue or topic, or of an event bus, not {arn!r}")

    def send(self, arn: str, content: Mapping[str, Any]) -> None:
        """Send the message of one hook."""
        found = _ARN.fullmatch(arn)
        if found is None:
            return
        world, group = self._world, content["scalingGroupId"]
        if found["product"] == "eventbridge":
            self._put_event(
                {
                    "source": "acs.ess",
                    "type": f"ess:LifecycleHook:{_EVENTS[content['lifecycleTransition']]}",
                    "subject": f"acs:ess:{world.region_id}:{world.account_id}:scalinggroup/{group}",
                    "data": content,
                }
            )
            return
        place = {"userId": world.account_id, "regionId": world.region_id, "resourceArn": arn}
        text = json.dumps({**place, "content": content})
        if world.switches.ess_messages == "base64":
            text = base64.b64encode(text.encode()).decode()
        (self._smq.send if found["kind"] == "queue" else self._smq.publish)(found["name"], text)
