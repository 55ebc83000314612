"""The product: DescribeScalingInstances, the answers to a hook, and what both do to the instances of a group.

That RecordLifecycleActionHeartbeat spells its parameters with a small first letter is the wire form of
`aliyun-python-sdk-ess` (https://github.com/aliyun/aliyun-openapi-python-sdk). RAM actions other than
`ess:CompleteLifecycleAction` and `ess:DescribeScalingInstances` are assumed, as is that a policy which is scoped to
single groups leaves out the others without a word.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tests.cloud import paging
from tests.cloud.ess.actions import RESULTS, Action, Actions
from tests.cloud.ess.activities import STAYS, WAITING, Activity, Notices
from tests.cloud.ess.members import FILTERS, ScalingInstance, Wanted
from tests.cloud.ess.published import ESS
from tests.cloud.parameters import Parameter, invalid
from tests.cloud.rpc import Operation, RpcProduct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cloud.core import Credential, World
    from tests.cloud.ecs import EcsProduct

_OWNERS = ("OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount")
_UNMANAGED = ("Protected", "Standby")


class EssProduct(RpcProduct):
    """The product; `seed` starts lifecycle actions, `seed_members` fills groups, `scale` runs a scaling activity."""

    name, version, published = "ESS", "2014-08-28", ESS

    def __init__(self, world: World, ecs: EcsProduct, notices: Notices) -> None:
        self._ecs, self._notices = ecs, notices
        self._actions = Actions(world)
        self._members: dict[str, ScalingInstance] = {}
        self._lock = threading.RLock()
        super().__init__(world)

    def define(self) -> dict[str, Operation]:
        region = Parameter("RegionId")
        common = (region, *(Parameter(name) for name in _OWNERS))
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
        members = (
            *(Parameter("PageNumber", "integer", minimum=1), Parameter("PageSize", "integer", minimum=1)),
            *(replace(region, required=True), *common[1:], *FILTERS),
        )
        table = (
            ("CompleteLifecycleAction", True, complete, self._complete),
            ("RecordLifecycleActionHeartbeat", True, heartbeat, self._heartbeat),
            ("DescribeLifecycleActions", False, describe, self._describe),
            ("DescribeScalingInstances", False, members, self._describe_members),
        )
        return {name: Operation(f"ess:{name}", write, taken, run) for name, write, taken, run in table}

    def control_routes(self) -> dict[tuple[str, str], Callable[[Any], Any]]:
        """Return this product's part of the control surface."""
        return {("POST", "scaling-activities"): lambda body: self.scale(Activity.from_json(body))}

    def seed(self, *actions: Action) -> None:
        """Start actions; each waits ``heartbeat_timeout`` seconds from now."""
        for action in actions:
            self._actions.start(action)
            self._set_state(action.instance_ids, WAITING.get(action.transition))

    def seed_members(self, *members: ScalingInstance) -> None:
        """Add instances to their scaling groups, or replace them there."""
        with self._lock:
            self._members.update((member.instance_id, member) for member in members)

    def remove_member(self, instance_id: str) -> None:
        """Let an instance leave its group; it lives on."""
        with self._lock:
            del self._members[instance_id]

    def scale(self, activity: Activity) -> dict[str, Any]:
        """Start a scaling activity, send its hooks' messages, and return its id and what the messages tell.

        At scale-in the instances are members that the group manages; at scale-out they join the group. Anything else
        is a ValueError, and nothing happened.
        """
        self._notices.check(activity.hooks)
        with self._lock:
            self._join(activity)
        activity_id = f"asa-{self.world.ids.hex(16)}"
        contents = []
        for hook in activity.hooks:
            token = self.world.ids.request_id()
            named = {"LifecycleActionToken": token, "ScalingActivityId": activity_id}
            seen = {"InstanceIds": activity.instance_ids, "LifecycleTransition": activity.transition}
            plain = {
                name: value for name, value in hook.items() if name not in {"NotificationArn", "LifecycleHookName"}
            }
            self.seed(Action.from_json({**plain, **named, **seen}))
            contents.append(activity.content(hook, activity_id, token, self.world.ids.request_id()))
        for hook, content in zip(activity.hooks, contents, strict=True):
            self._notices.send(hook.get("NotificationArn", ""), content)
        if not activity.hooks:
            self._move_on(activity.transition, "CONTINUE", activity.instance_ids)
        return {"scalingActivityId": activity_id, "hooks": contents}

    def settle(self) -> None:
        """Let what the clock brings happen: hooks whose time is over."""
        for ended in self._actions.expire():
            self._move_on(ended.transition, ended.result, ended.instance_ids)

    def clear(self) -> None:
        """Forget all actions and groups."""
        self._actions.clear()
        with self._lock:
            self._members.clear()

    def state(self) -> dict[str, Any]:
        self.settle()
        actions = [action.attribute() for action in self._actions.everything()]
        with self._lock:
            members = [self._attribute(member) for member in self._members.values()]
        return {"lifecycle_actions": actions, "scaling_instances": members}

    def _join(self, activity: Activity) -> None:
        members = {instance_id: self._members.get(instance_id) for instance_id in activity.instance_ids}
        for instance_id, member in members.items():
            group = member.scaling_group_id if member else ""
            if activity.transition == "SCALE_OUT" and member is not None:
                raise ValueError(f"{instance_id} is in the scaling group {group} already")
            if activity.transition == "SCALE_IN" and (member is None or group != activity.scaling_group_id):
                raise ValueError(
                    f"{instance_id} is not in the scaling group {activity.scaling_group_id}: seed it there"
                )
            if activity.transition == "SCALE_IN" and member is not None and member.lifecycle_state in _UNMANAGED:
                raise ValueError(f"{instance_id} is {member.lifecycle_state}: no activity of its group takes it")
        if activity.transition == "SCALE_OUT":
            at = datetime.fromtimestamp(self.world.clock.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.seed_members(
                *(
                    ScalingInstance(instance_id, activity.scaling_group_id, "Pending", created_time=at)
                    for instance_id in activity.instance_ids
                )
            )

    def _set_state(self, instance_ids: tuple[str, ...], state: str | None) -> None:
        with self._lock:
            for member in [self._members[each] for each in instance_ids if each in self._members]:
                self._members[member.instance_id] = replace(member, lifecycle_state=state or member.lifecycle_state)

    def _move_on(self, transition: str, result: str, instance_ids: tuple[str, ...]) -> None:
        """Keep instances in their group or let them leave it, by the answer that ended their wait."""
        if (transition, result) in STAYS:
            self._set_state(instance_ids, "InService")
            return
        with self._lock:
            left = [self._members.pop(each) for each in instance_ids if each in self._members]
        for member in left:
            if member.is_released_with_its_group and self._ecs.status(member.instance_id):
                self._ecs.go_through(member.instance_id, "Stopping", "Stopped", "Deleted")

    def _complete(self, _credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        result = values.get("LifecycleActionResult")
        if result and result not in RESULTS:
            raise invalid("LifecycleActionResult")
        self.settle()
        for ended in self._actions.complete(values["LifecycleHookId"], values["LifecycleActionToken"], result):
            self._move_on(ended.transition, ended.result, ended.instance_ids)
        return {}

    def _heartbeat(self, _credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        self.settle()
        self._actions.extend(values["lifecycleHookId"], values["lifecycleActionToken"], values.get("heartbeatTimeout"))
        return {}

    def _describe(self, _credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        size, start = values.get("MaxResults", 10), paging.start_of(values.get("NextToken"))
        found = [
            action.attribute()
            for action in self._actions.everything()
            if action.scaling_activity_id == values["ScalingActivityId"]
            and values.get("LifecycleActionStatus") in {None, "", action.status}
        ]
        page = {"LifecycleAction": found[start : start + size]}
        more = paging.token(start + size, len(found))
        return {"TotalCount": len(found), "MaxResults": size, "NextToken": more, "LifecycleActions": page}

    def _describe_members(self, credential: Credential, values: Mapping[str, Any]) -> dict[str, Any]:
        wanted, number, size = Wanted(values), values.get("PageNumber", 1), values.get("PageSize", 10)
        if size > int(self.world.switches.ess_most_per_page):
            raise invalid("PageSize")
        with self._lock:
            among = (
                self._members if wanted.ids is None else {i: self._members[i] for i in wanted.ids if i in self._members}
            )
            members = list(among.values())
        found = [
            member
            for member in members
            if credential.sees(member.scaling_group_id)
            and wanted.takes(member, status := self._ecs.status(member.instance_id))
            and (status or self.world.switches.released_member == "listed")
        ]
        page = [self._attribute(member) for member in found[(number - 1) * size : number * size]]
        counts = {"TotalCount": len(found), "TotalSpotCount": 0, "PageNumber": number, "PageSize": size}
        return {**counts, "ScalingInstances": {"ScalingInstance": page}}

    def _attribute(self, member: ScalingInstance) -> dict[str, Any]:
        return member.attribute(self._ecs.status(member.instance_id), self.world.region_id)
