"""Open questions of the real cloud, each a named switch; the tests run under every setting."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any


def _either(default: str, other: str) -> Any:
    return field(default=default, metadata={"choices": (default, other)})


@dataclass(frozen=True)
class Switches:
    """The settings in force; the first value of each is the default, a number counts from 0.

    What the vendor's pages leave open, or answer in two ways, stands above each; both settings are assumed.
    """

    # A SetVpcAccess whose name or target is taken.
    duplicate: str = _either("error", "overwrite")
    # A new entry shows only after so many DescribeVpcAccesses calls.
    visible_after_reads: int = 0
    # What ModifyVpcAccessAndUpdateApis changed shows only after so many DescribeVpcAccesses calls.
    modified_after_reads: int = 0
    # CreatedTime of an entry that was modified.
    modify_created_time: str = _either("stays", "changes")
    # ModifyVpcAccessAndUpdateApis to the target that the entry has, without Refresh: its APIs are updated again or not.
    modify_same_target: str = _either("refresh", "nothing")
    # Another ModifyVpcAccessAndUpdateApis of an entry whose APIs have not all followed the last one.
    modify_while_updating: str = _either("take", "refuse")
    # Without NeedBatchWork=true no published API follows (its English page), or all do (its Chinese page).
    need_batch_work: str = _either("needed", "void")
    # Published APIs follow only after so many looks at the task, and so many seconds; all at once or one a look.
    apis_follow_after_looks: int = 0
    apis_follow_after_seconds: int = 0
    apis_follow: str = _either("together", "one-by-one")
    # What an API gets that follows when the entry was modified again meanwhile: what is there now, or what was asked.
    late_update: str = _either("present", "asked")
    # APIs that have not followed yet, in DescribeUpdateVpcInfoTask.
    unfinished_rows: str = _either("listed", "hidden")
    # UpdateStatus of an API that has not followed yet, and of one that failed to.
    task_words: str = _either("updating-failed", "running-fail")
    # DescribeUpdateVpcInfoTask of a task that no API is concerned by, and of one that is not known.
    task_of_nothing: str = _either("empty", "refuse")
    task_unknown: str = _either("refuse", "empty")
    # The target that DescribeApisByVpcAccess tells of an API that has not followed: the entry's, or its own.
    listed_target: str = _either("entry", "api")
    # RemoveVpcAccess of an entry that a published API uses: it goes and the answer lists them, or it is refused.
    remove_in_use: str = _either("remove", "refuse")
    # RemoveVpcAccess of an entry that is not there.
    remove_absent: str = _either("refuse", "accept")
    # DescribeApisByVpcAccess and APIs that are not published, or that use the entry by a backend object.
    apis_in_draft: str = _either("hidden", "listed")
    apis_by_backend: str = _either("hidden", "listed")
    # What ValidateVpcConnectivity finds behind an instance or load balancer.
    connectivity: str = _either("open", "closed")
    # VpcAccessId in SetVpcAccess's answer.
    vpc_access_id: str = _either("present", "absent")
    # The header x-acs-retry-after with a throttling answer.
    retry_after: str = _either("absent", "present")
    # Request dates more than 15 minutes ahead.
    future_dates: str = _either("accept", "refuse")
    # A Port outside 1-65535 in SetVpcAccess, and in a change of target.
    port_range: str = _either("refuse", "accept")
    # SetVpcAccess and a change of target refuse an instance that ECS and SLB do not show in that VPC.
    target_check: str = _either("off", "on")
    # DescribeInstances for a key without the right: an empty list (its page), or a refusal as other operations give.
    ecs_without_permission: str = _either("empty", "refuse")
    # An instance that changed its state, or was released, shows so only after so many calls to ECS.
    instance_change_after_reads: int = 0
    # TotalCount of DescribeInstances with MaxResults or NextToken, where the SDK calls it meaningless.
    ecs_total_count: str = _either("zero", "whole")
    # ListenerPorts in DescribeLoadBalancerAttribute's answer for a load balancer without a listener.
    slb_no_listener: str = _either("empty", "absent")
    # The longest page of DescribeScalingInstances: the page of 2026, or that of 2021.
    ess_most_per_page: str = _either("100", "50")
    # A member of a scaling group that ECS does not have: listed as Unhealthy, or not.
    released_member: str = _either("listed", "hidden")
    # Messages of hooks in SMQ; the vendor's own samples disagree.
    ess_messages: str = _either("plain", "base64")
    # RecordLifecycleActionHeartbeat gives more time from now, or from the end of the wait.
    heartbeat_from: str = _either("now", "end")
    # Most entries that an account may have; 0: no limit.
    vpc_access_quota: int = 0
    # SMQ refuses message bodies that are not Base64.
    smq_require_base64: str = _either("off", "on")
    # What a queue says of the number of its messages; that 0 is to come is announced on the page of GetQueueAttributes.
    smq_message_counts: str = _either("counted", "zero")
    # What asyncInvocationType of a trigger means.
    fc_async_invocation_type: str = _either("true-is-sync", "true-is-async")
    # The retry strategy of a trigger that names none.
    fc_default_retry: str = _either("BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY")
    # A rule tries again after a function error, which comes with HTTP 200.
    fc_rule_retry: str = _either("on", "off")

    def with_values(self, **values: Any) -> Switches:
        """Return a copy; an unknown name or value is a ValueError that lists the known ones."""
        known = {switch.name: switch.metadata.get("choices") for switch in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown switch {name!r}; there are {', '.join(sorted(known))}")
            choices = known[name]
            if choices is not None and value not in choices:
                raise ValueError(f"switch {name} takes {' or '.join(choices)}, not {value!r}")
            if choices is None:
                values[name] = _count(name, value)
        return replace(self, **values)


def _count(name: str, value: Any) -> int:
    text = str(value)
    if not text.isdecimal():
        raise ValueError(f"switch {name} takes a number from 0, not {value!r}")
    return int(text)
