"""What can be there before the first call, as one JSON document: credentials, instances, entries, who uses them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.cloud.cloudapi import GatewayApi, GatewayEntry
from tests.cloud.core import Credential, World
from tests.cloud.ecs import Instance
from tests.cloud.ess import Action, ScalingInstance
from tests.cloud.slb import LoadBalancer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.app import Cloud

_RIGHTS = ("allowed", "denied", "unseen")


def seed(cloud: Cloud, document: Any) -> dict[str, int]:
    """Put the document's objects into the products and return how many of each kind.

    Keys: ``credentials`` (fields of `core.Credential`), ``permissions`` (see `permit`), ``instances``,
    ``load_balancers``, ``scaling_instances``, ``hooks``, ``apis`` (fields of each ``from_json``), ``vpc_accesses`` (the
    vendor's names of SetVpcAccess, with ``VpcAccessId`` if wanted), ``backends`` and ``plugins`` (as DescribeBackendInfo
    and DescribePlugins answer, ``Tags`` as ``{key: value}``), ``queues`` (names, or ``{"QueueName", "DelaySeconds", …}``)
    and ``topics`` (``{"TopicName", "Subscriptions": {name: queue}}``). A bad document is a ValueError, KeyError,
    TypeError or ServiceError; what stands before the bad object is there.
    """
    gateway = cloud["CloudAPI"]
    return _each(
        document,
        {
            "credentials": lambda item: cloud.world.add_credential(_credential(item)),
            "permissions": lambda item: permit(cloud.world, item),
            "instances": lambda item: cloud["ECS"].seed(Instance.from_json(item)),
            "load_balancers": lambda item: cloud["SLB"].seed(LoadBalancer.from_json(item)),
            "scaling_instances": lambda item: cloud["ESS"].seed_members(ScalingInstance.from_json(item)),
            "hooks": lambda item: cloud["ESS"].seed(Action.from_json(item)),
            "queues": lambda item: _queue(cloud, item),
            "topics": lambda item: _topic(cloud, item),
            "vpc_accesses": lambda item: gateway.entries.seed(*_owned(cloud, item, GatewayEntry.from_parameters)),
            "apis": lambda item: gateway.uses.seed_api(*_owned(cloud, item, GatewayApi.from_json)),
            "backends": lambda item: gateway.uses.seed_backend(*_owned(cloud, item, dict)),
            "plugins": lambda item: gateway.uses.seed_plugin(*_owned(cloud, item, dict)),
        },
    )


def remove(cloud: Cloud, document: Any) -> dict[str, int]:
    """Take objects away again, by their ids, entries by their names; return how many of each kind.

    An instance is released without an event, or leaves its scaling group; a load balancer is deleted, an API taken
    offline in all stages. Everything is of the stand-in's own account. What is not there is a KeyError or ServiceError.
    """
    account, gateway = cloud.world.account_id, cloud["CloudAPI"]
    return _each(
        document,
        {
            "instances": cloud["ECS"].remove,
            "load_balancers": cloud["SLB"].remove,
            "scaling_instances": cloud["ESS"].remove_member,
            "vpc_accesses": lambda name: gateway.entries.remove(account, *gateway.entries.named(account, name).target),
            "apis": lambda its_id: gateway.uses.unpublish(account, its_id),
            "backends": lambda its_id: gateway.uses.drop(account, "backends", its_id),
            "plugins": lambda its_id: gateway.uses.drop(account, "plugins", its_id),
        },
    )


def _each(document: Any, kinds: dict[str, Callable[[Any], Any]]) -> dict[str, int]:
    if unknown := sorted(set(document) - set(kinds)):
        raise ValueError(f"unknown kind {', '.join(unknown)}; there are {', '.join(sorted(kinds))}")
    for kind, items in document.items():
        for item in items:
            kinds[kind](item)
    return {kind: len(items) for kind, items in document.items()}


def _owned(cloud: Cloud, item: dict[str, Any], make: Callable[[dict[str, Any]], Any]) -> tuple[str, Any]:
    """Return the account that an object is of, and the object."""
    plain = {name: value for name, value in item.items() if name != "AccountId"}
    return item.get("AccountId", cloud.world.account_id), make(plain)


def _queue(cloud: Cloud, item: Any) -> None:
    attributes = {"QueueName": item} if isinstance(item, str) else dict(item)
    cloud["SMQ"].create_queue(attributes.pop("QueueName"), **attributes)


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
