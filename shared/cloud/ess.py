"""Auto Scaling, ESS 2014-08-28: answering a lifecycle hook, and the state of instances in their scaling groups.

https://www.alibabacloud.com/help/tc/auto-scaling/developer-reference/api-ess-2014-08-28-completelifecycleaction
https://www.alibabacloud.com/help/en/auto-scaling/developer-reference/api-recordlifecycleactionheartbeat
https://www.alibabacloud.com/help/en/auto-scaling/developer-reference/api-ess-2014-08-28-describescalinginstances
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from shared.cloud.answers import Answer, error_of_look
from shared.cloud.rpc import RpcService
from shared.cloud.session import Session
from shared.errors import Doubtful
from shared.model.records import Hook

VERSION = "2014-08-28"
STALE = "LifecycleHookIdAndLifecycleActionToken.Invalid"  # the action is over: answered, or timed out
_MEMBERS = "DescribeScalingInstances"
_MAX_IDS = 20  # a call: InstanceId.1 to InstanceId.20 of https://github.com/aliyun/aliyun-openapi-python-sdk, aliyun-python-sdk-ess
_PAGE_SIZE = "50"  # the maximum of the vendor's page of 2021; that of 2026 allows 100


class Member(NamedTuple):
    """An instance in its scaling group; ``lifecycle_state`` is the vendor's word: InService, Removing:Wait, Standby …"""

    instance_id: str
    scaling_group_id: str
    lifecycle_state: str


class Ess:
    """The two answers to a hook that waits, and the look-up of instances. All raise the errors of ``Session.call``."""

    def __init__(self, session: Session, endpoint: str, region_id: str) -> None:
        self._service = RpcService(session, endpoint, VERSION)
        self._region_id = region_id

    def complete(self, hook: Hook, result: str) -> None:
        """End the wait with ``result``, CONTINUE or ABANDON; safe to repeat."""
        parameters = {
            "RegionId": self._region_id,
            "LifecycleHookId": hook.hook_id,
            "LifecycleActionToken": hook.token,
            "LifecycleActionResult": result,
            "ClientToken": sha256(f"{hook.hook_id}/{hook.token}/{result}".encode()).hexdigest()[:32],
        }
        self._service.call("CompleteLifecycleAction", parameters, _read, repeatable=True)

    def heartbeat(self, hook: Hook) -> None:
        """Let the hook wait another 600 s, the API's default; at most 20 times and 6 hours in all.

        The parameters begin with small letters, unlike all others:
        https://www.alibabacloud.com/help/doc-detail/73846.htm
        """
        parameters = {
            "RegionId": self._region_id,
            "lifecycleHookId": hook.hook_id,
            "lifecycleActionToken": hook.token,
        }
        self._service.call("RecordLifecycleActionHeartbeat", parameters, _read, repeatable=True)

    def scaling_instances(self, instance_ids: Sequence[str]) -> dict[str, Member]:
        """Return those of the instances that are in a scaling group, by id; 20 ids a call, none without ids.

        One that is missing is in no group, or in one that the role may not see: a policy can be about single groups.
        Doubtful if rows shift while they are read, or if two of them contradict each other about an instance.
        """
        ids = list(dict.fromkeys(instance_ids))
        found: dict[str, Member] = {}
        for start in range(0, len(ids), _MAX_IDS):
            some = ids[start : start + _MAX_IDS]
            for member in self._members(some):
                if member.instance_id in some and found.setdefault(member.instance_id, member) != member:
                    text = f"two rows of one answer contradict each other about {member.instance_id}"
                    raise Doubtful(_MEMBERS, "UnreadableAnswer", 200, text)
        return found

    def _members(self, instance_ids: Sequence[str]) -> list[Member]:
        parameters = {"RegionId": self._region_id, "PageSize": _PAGE_SIZE}
        parameters |= {f"InstanceId.{number}": item for number, item in enumerate(instance_ids, 1)}
        return self._service.numbered(
            _MEMBERS,
            parameters,
            lambda answer: answer.rows("ScalingInstances", "ScalingInstance"),
            _read_member,
            lambda member: member.instance_id,
            read_error=error_of_look,
        )


def _read(_answer: Answer) -> None:
    """Nothing but the RequestId is in an answer, and ``Answer.of`` has looked for it."""


def _read_member(row: Answer) -> Member:
    return Member(row.identity("InstanceId"), row.identity("ScalingGroupId"), row.required_text("LifecycleState"))
