"""Auto Scaling, ESS 2014-08-28: the answer to a lifecycle hook.

Parameters, results and the stale-token code:
https://www.alibabacloud.com/help/tc/auto-scaling/developer-reference/api-ess-2014-08-28-completelifecycleaction
That RecordLifecycleActionHeartbeat spells its parameters with a small first letter is the wire form of
`aliyun-python-sdk-ess` (https://github.com/aliyun/aliyun-openapi-python-sdk). Assumed: status 400 of the stale-token
code, the RAM actions other than `ess:CompleteLifecycleAction`, and that an expired action answers like an unknown one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.cloud import paging
from tests.cloud.core import ServiceError
from tests.cloud.parameters import Parameter, invalid
from tests.cloud.rpc import Operation, RpcProduct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud.core import Credential, World

_RESULTS = ("CONTINUE", "ABANDON", "ROLLBACK")
_OWNERS = ("OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount")


@dataclass(frozen=True)
class Action:
    """A pending lifecycle action: one token for all instances of a scaling activity."""

    hook_id: str
    token: str
    instance_ids: tuple[str, ...]
    scaling_activity_id: str = "asa-test"
    result: str = "CONTINUE"
    status: str = "Pending"
    heartbeat_timeout: float = 600.0
    expires_at: float = 0.0

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


class EssProduct(RpcProduct):
    """The product; `seed` starts lifecycle actions."""

    name, version = "ESS", "2014-08-28"

    def __init__(self, world: World) -> None:
        self._actions: dict[tuple[str, str], Action] = {}
        self._lock = threading.RLock()
        super().__init__(world)

    def define(self) -> dict[str, Operation]:
        common = (Parameter("RegionId"), *(Parameter(name) for name in _OWNERS))
        complete = (
            *(Parameter("LifecycleHookId", required=True), Parameter("LifecycleActionToken", required=True)),
            *(Parameter("LifecycleActionResult"), Parameter("ClientToken"), *common),
        )
        heartbeat = (
            *(Parameter("lifecycleHookId", required=True), Parameter("lifecycleActionToken", required=True)),
            *(Parameter("heartbeatTimeout", "integer", minimum=30, maximum=21600), *common),
        )
        describe = (
            *(Parameter("ScalingActivityId", required=True), Parameter("LifecycleActionStatus")),
            *(Parameter("MaxResults", "integer", minimum=1, maximum=50), Parameter("NextToken"), *common),
        )
        table = (
            ("CompleteLifecycleAction", True, complete, self._complete),
            ("RecordLifecycleActionHeartbeat", True, heartbeat, self._heartbeat),
            ("DescribeLifecycleActions", False, describe, self._describe),
        )
        return {name: Operation(f"ess:{name}", write, taken, run) for name, write, taken, run in table}

    def seed(self, *actions: Action) -> None:
        """Start actions; each waits ``heartbeat_timeout`` seconds from now."""
        now = self.world.clock.now()
        with self._lock:
            for action in actions:
                started = replace(action, expires_at=now + action.heartbeat_timeout)
                self._actions[action.hook_id, action.token] = started

    def clear(self) -> None:
        """Forget all actions."""
        with self._lock:
            self._actions.clear()

    def state(self) -> dict[str, Any]:
        return {"lifecycle_actions": [action.attribute() for action in self._all()]}

    def _all(self) -> list[Action]:
        """Return the actions, those whose time is over as such."""
        now = self.world.clock.now()
        with self._lock:
            for key, action in self._actions.items():
                if action.status == "Pending" and action.expires_at <= now:
                    self._actions[key] = replace(action, status="Timeout")
            return list(self._actions.values())

    def _pending(self, hook_id: str, token: str) -> Action:
        self._all()
        action = self._actions.get((hook_id, token))
        if action is None or action.status != "Pending":
            raise ServiceError(
                400,
                "LifecycleHookIdAndLifecycleActionToken.Invalid",
                "The specified LifecycleActionToken and LifecycleHookId you provided does not match any in-progress "
                "lifecycle action.",
            )
        return action

    def _complete(self, _credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        result = values.get("LifecycleActionResult")
        if result and result not in _RESULTS:
            raise invalid("LifecycleActionResult")
        with self._lock:
            action = self._pending(values["LifecycleHookId"], values["LifecycleActionToken"])
            done = replace(action, status="Completed", result=result or action.result)
            self._actions[action.hook_id, action.token] = done
        return {}

    def _heartbeat(self, _credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            action = self._pending(values["lifecycleHookId"], values["lifecycleActionToken"])
            more = float(values.get("heartbeatTimeout", action.heartbeat_timeout))
            longer = replace(action, expires_at=self.world.clock.now() + more)
            self._actions[action.hook_id, action.token] = longer
        return {}

    def _describe(self, _credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        size, start = values.get("MaxResults", 10), paging.start_of(values.get("NextToken"))
        found = [
            action.attribute()
            for action in self._all()
            if action.scaling_activity_id == values["ScalingActivityId"]
            and values.get("LifecycleActionStatus") in {None, "", action.status}
        ]
        page = {"LifecycleAction": found[start : start + size]}
        more = paging.token(start + size, len(found))
        return {"TotalCount": len(found), "MaxResults": size, "NextToken": more, "LifecycleActions": page}
