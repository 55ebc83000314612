"""What the cloud does to the calls of a chaos run: it throttles, fails, loses answers and gives odd ones. Seeded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WRITE, READ, PUBLISH = "CloudAPI.SetVpcAccess", "CloudAPI.DescribeVpcAccesses", "SMQ.PublishMessage"
LOOK_UP, BALANCER = "ECS.DescribeInstances", "SLB.DescribeLoadBalancerAttribute"
HOOK = "ESS.CompleteLifecycleAction"
_NO_ANSWERS = ("empty-object", "error-object", "only-request-id", "null", "list", "text")
_NO_LISTS = ("null-list", "no-list", "null-wrapper", "null-items", "empty-items", "counted-empty")
_NO_VALUES = ("infinite-numbers", "huge-numbers", "half-surrogates")


def _without(*keys: str) -> tuple[str, ...]:
    return tuple(f"{form} {key}" for key in keys for form in ("missing-key", "null-key"))


ODD: Mapping[str, tuple[str, ...]] = {
    WRITE: (*_NO_ANSWERS, "half-surrogates", *_without("VpcAccessId")),
    READ: (*_NO_ANSWERS, *_NO_LISTS, *_NO_VALUES, *_without("VpcAccessAttributes", "TotalCount", "Name", "Port")),
    PUBLISH: ("empty-object", "error-object", *_without("MessageId")),
    BALANCER: (*_NO_ANSWERS, "half-surrogates", *_without("LoadBalancerId", "VpcId")),
    LOOK_UP: (*_NO_ANSWERS, *_NO_LISTS, *_NO_VALUES, "endless", *_without("Instances", "InstanceId")),
}
"""The odd forms that fit an operation's answers (tests/cloud/odd.py), a key after a blank where the form takes one."""
ODD_EVERY = {WRITE: 10, READ: 20, PUBLISH: 40, BALANCER: 10, LOOK_UP: 5}
"""Calls; the forms take turns. A delivery reads up to a hundred pages and publishes up to a thousand results: where one in
ten is odd, three in a row keep nearly every delivery from ending. It looks up few targets, and each form has to come once."""


def faults(seed: int) -> list[dict[str, Any]]:
    """Return the rules: 20 % throttled, 5 % 5xx, 5 % cut after the effect, 3 to 20 % odd, for every operation in use.

    The role may not answer hooks: a forged one is due again until the trigger gives up the batch that it is in.
    """
    rules: list[dict[str, Any]] = [{"id": "hooks", "operation": HOOK, "status": 403, "code": "Forbidden.RAM"}]
    for operation in ODD:
        rules += _odd(operation) + _drawn(operation, seed)
    return rules


def _drawn(operation: str, seed: int) -> list[dict[str, Any]]:
    of_smq = {"status": 429, "code": "TooManyRequests"}
    throttled = of_smq if operation == PUBLISH else {"status": 400, "code": "Throttling.User"}
    effects: dict[str, dict[str, Any]] = {
        "throttled": {"rate": 0.2, **throttled},
        "5xx": {"rate": 0.05, "status": 503, "code": "ServiceUnavailable"},
        "lost": {"rate": 0.05, "cut": "after"},
    }
    return [
        {"id": f"{operation}-{name}", "operation": operation, "seed": seed, **effect}
        for name, effect in effects.items()
    ]


def _odd(operation: str) -> list[dict[str, Any]]:
    rules = []
    for number, text in enumerate(ODD[operation]):
        form, _, key = text.partition(" ")
        turn = {"from": 1 + number * ODD_EVERY[operation], "every": len(ODD[operation]) * ODD_EVERY[operation]}
        what: dict[str, Any] = {"odd": form, "key": key} if key else {"odd": form}
        rules.append({"id": f"{operation}-{text}", "operation": operation, **turn, **what})
    return rules
