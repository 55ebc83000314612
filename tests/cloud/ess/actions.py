"""Lifecycle actions: what waits for the answer to a hook, and for how long.

Answers: https://www.alibabacloud.com/help/tc/auto-scaling/developer-reference/api-ess-2014-08-28-completelifecycleaction;
heartbeats, their limits and codes: https://www.alibabacloud.com/help/doc-detail/73846.htm. Assumed: status 400 of the
stale-token code, and that an expired action answers like an unknown one.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.cloud.core import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import World

RESULTS = ("CONTINUE", "ABANDON", "ROLLBACK")
_HEARTBEAT, _MOST_HEARTBEATS, _LONGEST = 600, 20, 6 * 3600.0


@dataclass(frozen=True)
class Action:
    """A lifecycle action: one token for all instances of a scaling activity.

    With a ``transition`` (SCALE_IN, SCALE_OUT) its end moves the instances on in their scaling group.
    """

    hook_id: str
    token: str
    instance_ids: tuple[str, ...]
    scaling_activity_id: str = "asa-test"
    result: str = "CONTINUE"
    status: str = "Pending"
    heartbeat_timeout: float = 600.0
    expires_at: float = 0.0
    transition: str = ""
    started_at: float = 0.0
    heartbeats: int = 0

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Action:
        """Build one from ``{"LifecycleHookId", "LifecycleActionToken", "InstanceIds": […], …}``."""
        return cls(
            hook_id=document["LifecycleHookId"],
            token=document["LifecycleActionToken"],
            instance_ids=tuple(document.get("InstanceIds", ())),
            scaling_activity_id=document.get("ScalingActivityId", "asa-test"),
            result=document.get("DefaultResult", "CONTINUE"),
            heartbeat_timeout=float(document.get("HeartbeatTimeout", 600)),
            transition=document.get("LifecycleTransition", ""),
        )

    def attribute(self) -> dict[str, Any]:
        """Return the action as DescribeLifecycleActions lists it."""
        return {
            "LifecycleHookId": self.hook_id,
            "LifecycleActionToken": self.token,
            "LifecycleActionStatus": self.status,
            "LifecycleActionResult": self.result,
            "InstanceIds": {"InstanceId": list(self.instance_ids)},
        }


class Actions:
    """All actions in their order. What ends one returns those whose instances move on by it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._actions: dict[tuple[str, str], Action] = {}
        self._next_end = math.inf  # no pending action ends before
        self._lock = threading.RLock()

    def start(self, action: Action) -> None:
        """Let an action wait ``heartbeat_timeout`` seconds from now."""
        now = self._world.clock.now()
        with self._lock:
            self._put(replace(action, started_at=now, expires_at=now + action.heartbeat_timeout))

    def everything(self) -> list[Action]:
        """Return all actions."""
        with self._lock:
            return list(self._actions.values())

    def clear(self) -> None:
        """Forget all actions."""
        with self._lock:
            self._actions.clear()

    def expire(self) -> list[Action]:
        """End those whose time is over, by their default result."""
        now = self._world.clock.now()
        if now < self._next_end:
            return []
        with self._lock:
            pending = [action for action in self._actions.values() if action.status == "Pending"]
            over = [action for action in pending if action.expires_at <= now]
            self._next_end = min((action.expires_at for action in pending if action.expires_at > now), default=math.inf)
            return [ended for action in over for ended in self._end(action, "Timeout", action.result)]

    def complete(self, hook_id: str, token: str, result: str | None) -> list[Action]:
        """End an action by an answer, by its default result for None."""
        with self._lock:
            action = self._pending(hook_id, token)
            return self._end(action, "Completed", result or action.result)

    def extend(self, hook_id: str, token: str, seconds: int | None) -> None:
        """Let an action wait longer, 600 s for None: at most 20 times, and six hours in all."""
        with self._lock:
            action = self._pending(hook_id, token)
            from_now = self._world.switches.heartbeat_from == "now"
            start = self._world.clock.now() if from_now else action.expires_at
            ends = start + float(_HEARTBEAT if seconds is None else seconds)
            if ends - action.started_at > _LONGEST:
                text = "The specified parameter heartbeatTime exceed lifecycleAction max suspend time."
                raise ServiceError(400, "LifecycleAction.TimeExceeded", text)
            if action.heartbeats >= _MOST_HEARTBEATS:
                text = "The specified lifecycleAction exceed lifecycleAction max record times."
                raise ServiceError(400, "LifecycleAction.RecordTimesExceeded", text)
            self._put(replace(action, expires_at=ends, heartbeats=action.heartbeats + 1))

    def _put(self, action: Action) -> None:
        self._actions[action.hook_id, action.token] = action
        self._next_end = min(self._next_end, action.expires_at)

    def _pending(self, hook_id: str, token: str) -> Action:
        action = self._actions.get((hook_id, token))
        if action is None or action.status != "Pending":
            raise ServiceError(
                400,
                "LifecycleHookIdAndLifecycleActionToken.Invalid",
                "The specified LifecycleActionToken and LifecycleHookId you provided does not match any in-progress "
                "lifecycle action.",
            )
        return action

    def _end(self, action: Action, status: str, result: str) -> list[Action]:
        """End an action; its instances move on when no other hook of the activity waits, or at once unless CONTINUE."""
        current = self._actions[action.hook_id, action.token]
        if current.status != "Pending":  # another hook of the activity ended it a moment ago
            return []
        ended = self._actions[action.hook_id, action.token] = replace(current, status=status, result=result)
        if not action.transition:
            return []
        waiting = [
            other
            for other in self._actions.values()
            if other.scaling_activity_id == action.scaling_activity_id
            and other.transition
            and other.status == "Pending"
        ]
        if waiting and result == "CONTINUE":
            return []
        for other in waiting:
            self._actions[other.hook_id, other.token] = replace(other, status="Completed")
        return [ended]
