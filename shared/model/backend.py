"""What can stand behind API Gateway: the kinds of backend, and one as its product describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of backend. ``operation`` looks one up, and ``action`` is the RAM action that it takes."""

    name: str
    prefix: str
    noun: str
    operation: str
    action: str

    def is_id(self, text: str) -> bool:
        """Tell whether ``text`` has the form of such an id: the prefix, then letters and digits."""
        return re.fullmatch(rf"{self.prefix}[A-Za-z0-9]{{1,61}}", text) is not None


ECS = Kind("ecs", "i-", "an ECS instance", "DescribeInstances", "ecs:DescribeInstances")
CLB = Kind(
    "slb", "lb-", "a classic load balancer", "DescribeLoadBalancerAttribute", "slb:DescribeLoadBalancerAttribute"
)
KINDS = {kind.name: kind for kind in (ECS, CLB)}


TARGET_ID = r"(?:i|lb|alb|nlb)-[A-Za-z0-9]{1,61}"
"""The form of the ids that may be authorized. Only those of ``KINDS`` can be looked up."""
IN_SERVICE, PENDING, REMOVING = "InService", "Pending", "Removing"
"""States of an instance in its scaling group; all but the first may go on behind a colon. https://www.alibabacloud.com/help/en/auto-scaling/developer-reference/api-ess-2014-08-28-describescalinginstances"""


def kind_of(instance_id: str) -> Kind | None:
    """Return the kind whose ids look like this one, None if there is none: an address, another product's id."""
    return next((kind for kind in KINDS.values() if instance_id.startswith(kind.prefix)), None)


class Backend(NamedTuple):
    """An instance or load balancer as its product describes it.

    ``vpc_id`` is "" in the classic network (``classic``), and where the product does not know it yet.
    """

    instance_id: str
    vpc_id: str
    tags: Mapping[str, str]
    classic: bool = False
    listener_ports: tuple[int, ...] = ()
    status: str = ""  # the product's own word: Running, Stopped, active; "" where its answer has none
    created: str = ""  # as ECS writes times, to the minute: 2017-12-10T04:04Z; "" where its answer has none
    started: str = ""  # the same

    @property
    def is_running(self) -> bool:
        """Tell whether it is known to run, so that a sweep may open it."""
        return self.status in ("Running", "active")


class Inventory(NamedTuple):
    """What there is. ``problems`` says what could not be looked up: then it is only a part, and nothing may be taken for gone.

    ``tagged`` has the backends that opted in by their ids, ``alive`` those that were asked for: whether they exist. One that
    is missing there is not known.
    """

    tagged: Mapping[str, Backend]
    alive: Mapping[str, bool]
    problems: tuple[str, ...] = ()
    shown: Mapping[str, Backend] = MappingProxyType({})  # every backend that a look-up shows, tagged or not
