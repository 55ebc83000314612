"""What can be there before the first call, as one JSON document: credentials, instances, entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cloud.cloudapi import GatewayEntry
from tests.cloud.core import Credential
from tests.cloud.ecs import Instance
from tests.cloud.ess import Action
from tests.cloud.slb import LoadBalancer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.app import Cloud


def seed(cloud: Cloud, document: Any) -> dict[str, int]:
    """Put the document's objects into the products and return how many of each kind.

    Keys: ``credentials`` (fields of `core.Credential`), ``instances``, ``load_balancers``, ``hooks`` (fields of
    each ``from_json``), ``vpc_accesses`` (the vendor's names of SetVpcAccess, with ``VpcAccessId`` if wanted),
    ``queues`` (names) and ``topics`` (``{"TopicName", "Subscriptions": {name: queue}}``). A bad document is a
    ValueError, KeyError or TypeError; what stands before the bad object is there.
    """
    kinds: dict[str, Callable[[Any], Any]] = {
        "credentials": lambda item: cloud.world.add_credential(_credential(item)),
        "instances": lambda item: cloud["ECS"].seed(Instance.from_json(item)),
        "load_balancers": lambda item: cloud["SLB"].seed(LoadBalancer.from_json(item)),
        "hooks": lambda item: cloud["ESS"].seed(Action.from_json(item)),
        "queues": cloud["SMQ"].create_queue,
        "topics": lambda item: _topic(cloud, item),
        "vpc_accesses": lambda item: _vpc_access(cloud, item),
    }
    if unknown := sorted(set(document) - set(kinds)):
        raise ValueError(f"unknown kind {', '.join(unknown)}; there are {', '.join(sorted(kinds))}")
    for kind, items in document.items():
        for item in items:
            kinds[kind](item)
    return {kind: len(items) for kind, items in document.items()}


def _vpc_access(cloud: Cloud, item: dict[str, Any]) -> None:
    account_id = item.get("AccountId", cloud.world.account_id)
    cloud["CloudAPI"].entries.seed(account_id, GatewayEntry.from_parameters(item))


def _topic(cloud: Cloud, item: dict[str, Any]) -> None:
    smq, name = cloud["SMQ"], item["TopicName"]
    smq.create_topic(name)
    for subscription, queue in item.get("Subscriptions", {}).items():
        smq.create_queue(queue)
        smq.subscribe(name, subscription, queue=queue, format=item.get("NotifyContentFormat", "SIMPLIFIED"))


def _credential(item: dict[str, Any]) -> Credential:
    sets = {name: frozenset(item[name]) for name in ("allowed", "denied") if item.get(name) is not None}
    return Credential(**{**item, **sets})
