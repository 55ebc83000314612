"""Worlds in which a release is due, and an oracle of what may become of them.

A world is the plain case (dead, ours, announced, unused: released) with a few fields changed. The oracle is written from
the rules of a release in functions/README.md; it knows nothing of the code that it judges.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, NamedTuple

HOUR = 3600.0
TARGETS = {"ecs": "i-bp1example0001", "clb": "lb-bp1example0001", "alb": "alb-bp1example0001", "address": "10.0.0.1"}
LIVING, ELSEWHERE = "i-bp1example0002", "i-bp1example0003"
READS = (
    *("DescribeVpcAccesses", "DescribeInstances", "DescribeLoadBalancerAttribute"),
    *("DescribeBackendList", "DescribePlugins"),
)
PLUGINS = {
    "json": lambda name: json.dumps({"routes": [{"backend": {"type": "HTTP-VPC", "vpcAccessName": name}}]}),
    "yaml": lambda name: f"routes:\n- backend:\n    type: HTTP-VPC\n    vpcAccessName: {name}\n",
    "escaped": lambda name: '{"vpcAccessName":"' + "".join(f"\\u{ord(letter):04X}" for letter in name) + '"}',
    "quoted": lambda name: f"routes: [{{backend: {{vpcAccessName: '{name}'}}}}] # the old one",
    "folded": lambda name: f'vpcAccessName: "{name[:9]}\\\n    {name[9:]}"',
}
NOT_TOUCHED = ("team-b-theirs", f"team-a-{LIVING}-80")


class Fault(NamedTuple):
    """What goes wrong with an operation, at its ``nth`` call (0: at each), until nothing goes wrong any more."""

    operation: str
    effect: dict[str, Any]
    nth: int = 0

    def rule(self) -> dict[str, Any]:
        return {"operation": self.operation, **self.effect, **({"nth": self.nth} if self.nth else {})}


class World(NamedTuple):
    """The plain case, unless a field says otherwise."""

    target: str = "ecs"
    owners: tuple[str, ...] = ("team-a",)
    origin: str = "announced"
    backend: str = "gone"  # or the status in which it lives
    sight: str = "all"  # "hidden": no instance shows; "denied": no right, an empty list; "refused": no right, in words
    uses: tuple[str, ...] = ()
    near: str = ""  # what uses an entry whose name only begins or ends like this one's; "twin": one that is there
    meanwhile: str = ""  # what happens to the entry between the two steps
    published_after: str = ""  # an API goes online right after the first call of this operation when it is due
    fault: Fault | None = None
    mode: str = "apply"
    any_origin: bool = False
    message: str = ""  # what is wrong with the message that is due
    sent_by_hand: bool = False  # nobody has scheduled it
    twice: bool = False
    in_use: str = "remove"  # three switches of the stand-in
    absent: str = "refuse"
    listed: str = "hidden"

    @property
    def instance_id(self) -> str:
        return TARGETS[self.target]

    @property
    def name(self) -> str:
        return f"team-a-{self.instance_id}-80"

    def tags(self) -> list[dict[str, str]]:
        """Return the marks of the entry."""
        owners = [{"Key": "vpc-access-owner", "Value": owner} for owner in self.owners]
        return owners + ([{"Key": "vpc-access-origin", "Value": self.origin}] if self.origin else [])


OPTIONS: dict[str, tuple[Any, ...]] = {
    "target": ("clb", "alb", "address"),
    "owners": (("team-b",), (), ("team-a", "team-b"), ("team-b", "team-a")),
    "origin": ("requested", "named", ""),
    "backend": ("Running", "Stopped"),
    "sight": ("hidden", "denied", "refused"),
    "uses": tuple((use,) for use in ("api", "draft", "api-by-backend", "backend", "backend-by-id", *PLUGINS)),
    "near": ("plug-in", "api", "backend", "twin"),
    "meanwhile": ("removed", "remade", "moved", "moved-and-taken", "renamed", "taken-over"),
    "published_after": READS,
    "mode": ("report", "off"),
    "any_origin": (True,),
    "message": ("stale-id", "stale-time", "another-region", "malformed", "not-json"),
    "twice": (True,),
    "in_use": ("refuse",),
    "absent": ("accept",),
    "listed": ("listed",),
}
"""What each field can be besides; ``sent_by_hand`` and ``fault`` are drawn for themselves."""


def reasons(world: World, *, published: bool) -> list[str]:
    """Return every reason to keep the entry when its message is due, in the order in which they are looked at."""
    return list(_reasons(world, published))


def _reasons(world: World, published: bool) -> Iterator[str]:
    if world.message in ("stale-id", "stale-time") or world.meanwhile in (
        *("remade", "moved", "moved-and-taken", "renamed"),
    ):
        yield "Changed"
    if world.owners != ("team-a",) or world.meanwhile == "taken-over":
        yield "NotOurs"
    if world.origin != "announced" and not (world.any_origin and world.origin != "named"):
        yield "NotAnnounced"
    if world.target in ("alb", "address"):
        yield "NotAnInstance"
    elif world.backend != "gone" and world.sight == "all":
        yield "Alive"
    elif world.sight != "all":
        yield "TargetNotVerifiable"
    if published or any(use != "draft" or world.listed == "listed" for use in world.uses):
        yield "InUse"
    if world.mode == "report":
        yield "ReportOnly"


def schedule(entry: dict[str, Any], **changes: Any) -> str:
    """Return the message that schedules the release of an entry, as the gateway lists it."""
    fields = ("Name", "VpcId", "InstanceId", "Port", "VpcAccessId", "CreatedTime")
    whole = {name: entry[name] for name in fields} | changes
    return json.dumps({"Release": whole, "RegionId": "cn-hangzhou", "Because": "by hand"})


def read(body: str) -> dict[str, Any]:
    """Return what a scheduled message says; in Base64 if the function has sent it."""
    whole: dict[str, Any] = json.loads(body if body.startswith("{") else b64decode(body))
    return whole
