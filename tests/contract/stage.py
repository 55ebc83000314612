"""A stand-in with everything that the questions need, and a clock that jumps where a question waits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shared.clock import Clock
from shared.cloud.signing import Credentials
from tests.cloud.app import Cloud
from tests.cloud.commands import ask
from tests.cloud.core import Credential
from tests.cloud.fixtures import PERMANENT, new_cloud
from tests.cloud.seeds import seed
from tests.cloud.server import Server
from tests.contract.account import Given

_VPC, _INSTANCE = "vpc-contract0001", "i-contract0001"
_USED, _DRAFT, _BY_BACKEND = "contract-used", "contract-draft", "contract-backend"
BARE = Credentials("test-bare-key-id", "test-bare-key-secret")
GIVEN = Given(
    vpc_id=_VPC,
    instance_id=_INSTANCE,
    gateway_instance="api-shared-vpc-001",
    used_entry=_USED,
    draft_entry=_DRAFT,
    may_remove_used=True,
    fill_quota=6,
)


def _entry(name: str, number: int) -> dict[str, Any]:
    tags = [{"Key": "team", "Value": "contract"}]
    return {"Name": name, "VpcId": _VPC, "InstanceId": f"i-contract000{number}", "Port": 8080, "Tag": tags}


_MODEL = {"StageName": "RELEASE", "BackendConfig": {"Type": "VPC", "VpcConfig": {"Name": _BY_BACKEND}}}
WORLD: Mapping[str, list[Any]] = {
    "instances": [{"InstanceId": f"i-contract000{number}", "VpcId": _VPC} for number in (1, 2)],
    "load_balancers": [{"LoadBalancerId": "lb-contract0001", "VpcId": _VPC}],
    "vpc_accesses": [_entry(_USED, 2), _entry(_DRAFT, 3), _entry(_BY_BACKEND, 4)],
    "apis": [
        {"ApiId": "contract-api-1", "VpcName": _USED},
        {"ApiId": "contract-api-2", "VpcName": _USED},
        {"ApiId": "contract-api-3", "VpcName": _DRAFT, "StageName": ""},
        {"ApiId": "contract-api-4", "BackendId": "contract-backend-1"},
    ],
    "backends": [{"BackendId": "contract-backend-1", "BackendType": "VPC", "BackendModels": [_MODEL]}],
}
THROTTLED = [{"operation": "CloudAPI.DescribePlugins", "throttle": {"rate": 0.01, "burst": 3}}]
"""Fault rules: a stand-in has no throttling of its own, and no other question asks for plug-ins."""


def furnish(cloud: Cloud) -> None:
    """Put everything into a stand-in of one's own."""
    seed(cloud, WORLD)
    cloud.world.add_credential(Credential(BARE.access_key_id, BARE.access_key_secret, allowed=frozenset()))
    cloud.faults.set(THROTTLED)


@contextmanager
def embedded(**switches: Any) -> Iterator[tuple[Cloud, Server]]:
    """Serve a furnished stand-in on a free port of this machine."""
    cloud = new_cloud()
    cloud.world.switches = cloud.world.switches.with_values(**switches)
    furnish(cloud)
    with Server(cloud) as server:
        yield cloud, server


@contextmanager
def furnished(endpoint: str) -> Iterator[None]:
    """Put what the questions need into a stand-in that runs, and take it away again; its faults and keys stay."""
    ask(endpoint, "seed", WORLD)
    try:
        yield
    finally:
        keys = {
            "instances": "InstanceId",
            "load_balancers": "LoadBalancerId",
            "vpc_accesses": "Name",
            "backends": "BackendId",
        }
        gone = {kind: [each[key] for each in WORLD[kind]] for kind, key in keys.items()}
        ask(endpoint, "remove", {**gone, "apis": [each["ApiId"] for each in WORLD["apis"]]})


def jumping(endpoint: str) -> Clock:
    """Return a clock for a stand-in: a wait lets the stand-in's clock jump, and takes no time."""
    jumped = [0.0]

    def sleep(seconds: float) -> None:
        jumped[0] += seconds
        ask(endpoint, "clock", {"advance": seconds})

    def moved() -> float:
        return time.monotonic() + jumped[0]

    return Clock(time.time, moved, sleep)


KEY = Credentials(PERMANENT.access_key_id, PERMANENT.access_key_secret)
