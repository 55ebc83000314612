"""What answers of ECS, SLB and Auto Scaling to look-ups mean. Nothing is written."""

from __future__ import annotations

from tests.contract.account import Account
from tests.contract.question import Answer, Question
from tests.contract.replies import NotAsked, NotSeen

_ECS = "https://www.alibabacloud.com/help/en/ecs/developer-reference/api-ecs-2014-05-26-describeinstances"
_DRY_RUN = "https://www.alibabacloud.com/help/doc-detail/25506.htm"
_SLB = (
    "https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/"
    "api-slb-2014-05-15-describeloadbalancerattribute"
)
_ESS = (
    "https://www.alibabacloud.com/help/en/auto-scaling/developer-reference/api-ess-2014-08-28-describescalinginstances"
)
_READ = "a read"
_MOST_BALANCERS = 20


def _total_count(account: Account) -> Answer:
    by_number = account.call("ECS", "DescribeInstances", {**account.region, "PageNumber": "1", "PageSize": "10"})
    by_token = account.call("ECS", "DescribeInstances", {**account.region, "MaxResults": "10"})
    whole, told = by_number.count("TotalCount"), by_token.count("TotalCount")
    if whole < 1:
        raise NotSeen("the region has no instance that your key sees: there is nothing to count")
    evidence = {"whole": whole, "told": told}
    if told not in {0, whole}:
        return Answer("another number", {}, evidence)
    return Answer("zero" if told == 0 else "the whole", {"ecs_total_count": "whole" if told else "zero"}, evidence)


def _dry_run(account: Account) -> Answer:
    reply = account.call("ECS", "DescribeInstances", {**account.region, "DryRun": "true"})
    word = "carried out" if reply.is_success else "DryRunOperation" if reply.code == "DryRunOperation" else "refused"
    return Answer(word, {}, reply.why)


def _without_permission(account: Account) -> Answer:
    bare = account.product.place.bare
    if bare is None:
        raise NotAsked(
            "set CONTRACT_BARE_ACCESS_KEY_ID and CONTRACT_BARE_ACCESS_KEY_SECRET: a key of the account without any right"
        )
    caller = account.product.other(key=bare)
    reply = account.call("ECS", "DescribeInstances", {**account.region, "MaxResults": "10"}, caller)
    if reply.is_about_the_key:
        raise NotAsked(f"correct CONTRACT_BARE_ACCESS_KEY_ID and _SECRET: the key was refused with {reply.code}")
    dry = account.call("ECS", "DescribeInstances", {**account.region, "DryRun": "true"}, caller)
    evidence = {**reply.why, "dry_run_code": dry.code, "dry_run_status": dry.status}
    if not reply.is_success and not reply.is_for_the_operator:
        raise NotSeen(f"it is not the right that is missing: it was refused with {reply.code}")
    if not reply.is_success:
        return Answer("refused", {"ecs_without_permission": "refuse"}, evidence)
    if reply.rows("Instances", "Instance"):
        raise NotAsked("take every right from the bare key: it sees instances")
    return Answer("an empty list", {"ecs_without_permission": "empty"}, evidence)


def _no_listener(account: Account) -> Answer:
    page = {**account.region, "PageNumber": "1", "PageSize": str(_MOST_BALANCERS)}
    for row in account.call("SLB", "DescribeLoadBalancers", page).rows("LoadBalancers", "LoadBalancer"):
        its_id = {"LoadBalancerId": str(row.get("LoadBalancerId"))}
        reply = account.call("SLB", "DescribeLoadBalancerAttribute", {**account.region, **its_id})
        if reply.fields.get("LoadBalancerId") != its_id["LoadBalancerId"]:
            continue  # it is gone
        ports = reply.fields.get("ListenerPorts")
        if ports is None:
            return Answer("absent", {"slb_no_listener": "absent"}, {"read_as": reply.read_as})
        if ports == {"ListenerPort": []}:
            return Answer("an empty list", {"slb_no_listener": "empty"}, {"read_as": reply.read_as})
    raise NotSeen("make a classic load balancer without a listener: there is none")


def _unknown_balancer(account: Account) -> Answer:
    asked = {**account.region, "LoadBalancerId": "lb-vpcaccesscontract0000"}
    reply = account.call("SLB", "DescribeLoadBalancerAttribute", asked)
    known = reply.code == "InvalidLoadBalancerId.NotFound"
    return Answer("InvalidLoadBalancerId.NotFound" if known else "another answer", {}, reply.why)


def _members(account: Account) -> Answer:
    asked = {**account.region, "PageNumber": "1"}
    reply = account.call("ESS", "DescribeScalingInstances", {**asked, "PageSize": "100"})
    if not reply.is_success:
        shorter = account.call("ESS", "DescribeScalingInstances", {**asked, "PageSize": "50"})
        if not shorter.is_success:
            raise NotSeen(f"pages of 50 are refused as well, with {shorter.code}: it is not about their size")
    most = "100" if reply.is_success else "50"
    return Answer(f"{most} at most", {"ess_most_per_page": most}, reply.why)


QUESTIONS = (
    Question(
        "ecs-total-count",
        "What is TotalCount of DescribeInstances worth beside MaxResults?",
        _ECS,
        "two reads",
        ("zero", "the whole", "another number"),
        "zero",
        "it ends where NextToken does, and ignores the count",
        _total_count,
        settles=("ecs_total_count",),
    ),
    Question(
        "ecs-dry-run",
        "With which code and status does a dry run of DescribeInstances say that it would be allowed?",
        _DRY_RUN,
        _READ,
        ("DryRunOperation", "refused", "carried out"),
        "DryRunOperation",
        "without this code nothing counts as gone",
        _dry_run,
    ),
    Question(
        "ecs-without-permission",
        "Does DescribeInstances answer a key without the right by an empty list, or refuse it?",
        _ECS,
        "two reads",
        ("an empty list", "refused"),
        "an empty list",
        "an empty list proves nothing before a dry run has passed",
        _without_permission,
        settles=("ecs_without_permission",),
        alone=True,
    ),
    Question(
        "slb-without-listener",
        "Has DescribeLoadBalancerAttribute a list of listeners where there is none?",
        _SLB,
        "a read for each of 20 load balancers",
        ("an empty list", "absent"),
        "an empty list",
        "both mean that there is no listener",
        _no_listener,
        settles=("slb_no_listener",),
    ),
    Question(
        "slb-unknown",
        "With which code does DescribeLoadBalancerAttribute say that there is no such load balancer?",
        _SLB,
        _READ,
        ("InvalidLoadBalancerId.NotFound", "another answer"),
        "InvalidLoadBalancerId.NotFound",
        "no other code proves that it is gone",
        _unknown_balancer,
    ),
    Question(
        "ess-page-size",
        "How long is the longest page of DescribeScalingInstances?",
        _ESS,
        "up to two reads",
        ("100 at most", "50 at most"),
        "100 at most",
        "it asks for 50",
        _members,
        settles=("ess_most_per_page",),
    ),
)
