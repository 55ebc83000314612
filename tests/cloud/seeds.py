"""What can be there before the first call, as one JSON document: credentials, instances, entries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.cloud.cloudapi import GatewayEntry
from tests.cloud.core import Credential, World
from tests.cloud.ecs import Instance
from tests.cloud.ess import Action
from tests.cloud.slb import LoadBalancer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.app import Cloud

_RIGHTS = ("allowed", "denied", "unseen")


def seed(cloud: Cloud, document: Any) -> dict[str, int]:
    """Put the document's objects into the products and return how many of each kind.

    Keys: ``credentials`` (fields of `core.Credential`), ``permissions`` (see `permit`), ``instances``,
    ``load_balancers``, ``hooks`` (fields of each ``from_json``), ``vpc_accesses`` (the vendor's names of
    SetVpcAccess, with ``VpcAccessId`` if wanted), ``queues`` (names) and ``topics`` (``{"TopicName",
    "Subscriptions": {name: queue}}``). A bad document is a ValueError, KeyError or TypeError; what stands
    before the bad object is there.
    """
    kinds: dict[str, Callable[[Any], Any]] = {
        "credentials": lambda item: cloud.world.add_credential(_credential(item)),
        "permissions": lambda item: permit(cloud.world, item),
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


def permit(world: World, item: dict[str, Any]) -> dict[str, Any]:
    """Change the rights of the key ``access_key_id``, of every key where none is named; return the changed keys' ids.

    ``allowed``, ``denied`` and ``unseen`` are lists as in `core.Credential`; what is not there stays as it is.
    """
    rights = {name: value for name, value in _rights(item).items() if name != "access_key_id"}
    if unknown := sorted(set(rights) - set(_RIGHTS)):
        raise ValueError(f"unknown right {', '.join(unknown)}; there are {', '.join(_RIGHTS)}")
    named = item.get("access_key_id")
    keys = [key for key in world.credentials.values() if named in {None, key.access_key_id}]
    if not keys:
        raise ValueError(f"no key {named}; there are {', '.join(world.credentials)}")
    return {"access_key_ids": [world.add_credential(replace(key, **rights)).access_key_id for key in keys]}


def _credential(item: dict[str, Any]) -> Credential:
    return Credential(**_rights(item))


def _rights(item: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its lists of rights as sets."""
    for name in _RIGHTS:
        value = item.get(name, ())
        if isinstance(value, str) or (value is None and name != "allowed"):
            raise TypeError(f"{name} is a list of texts")
    return {name: frozenset(value) if name in _RIGHTS and value is not None else value for name, value in item.items()}
