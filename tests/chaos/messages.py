"""What producers send in a chaos run: good requests, repeats, and attempts to get what policy forbids. Seeded."""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

VPC = "vpc-bp1example0001"
FOREIGN: dict[str, Any] = {"Name": "made-by-hand", "VpcId": VPC, "InstanceId": "i-foreign0001", "Port": 8080}
"""An entry that was there before and carries nobody's mark."""


class Target(NamedTuple):
    """What a request asks for, in the fields of a request."""

    Name: str
    VpcId: str
    InstanceId: str
    Port: int


class Sent(NamedTuple):
    """One message: its body, and the authorization it must end in (None: it must be turned down)."""

    body: str
    grants: Target | None


def messages(count: int, seed: int) -> list[Sent]:
    """Return ``count`` messages in random order: 75 % good, 15 % repeats of good ones, 10 % that must not succeed."""
    chance = random.Random(seed)
    good = [_good(number) for number in range(count * 75 // 100)]
    repeats = [chance.choice(good) for _ in range(count * 15 // 100)]
    bad = [_bad(number, chance) for number in range(count - len(good) - len(repeats))]
    mixed = good + repeats + bad
    chance.shuffle(mixed)
    return mixed


def instances(count: int) -> dict[str, list[dict[str, Any]]]:
    """Return what has to be there for ``count`` messages, as a document of the stand-in's seeds."""
    ids = {FOREIGN["InstanceId"], *(f"i-bp1hostile{number}" for number in range(count))}
    ids |= {_backend(number) for number in range(count)}
    balancers = {item for item in ids if item.startswith("lb-")}
    return {
        "instances": [{"InstanceId": item, "VpcId": VPC} for item in sorted(ids - balancers)],
        "load_balancers": [{"LoadBalancerId": item, "VpcId": VPC} for item in sorted(balancers)],
    }


def _backend(number: int) -> str:
    """Return the backend that a hundred good requests share; every tenth is a load balancer, which is looked up alone."""
    place = number // 100
    return f"{'lb' if place % 10 == 5 else 'i'}-bp1chaos{place:06}"


def _good(number: int) -> Sent:
    target = Target(f"backend-{number}", VPC, _backend(number), 8000 + number % 100)
    return Sent(json.dumps(target._asdict()), target)


def _bad(number: int, chance: random.Random) -> Sent:
    wanted: dict[str, Any] = {
        "Name": f"hostile-{number}",
        "VpcId": VPC,
        "InstanceId": f"i-bp1hostile{number}",
        "Port": 8080,
    }
    forms: tuple[dict[str, Any] | str, ...] = (
        {**wanted, "Port": 22},
        {**wanted, "VpcId": "vpc-somebodyelses"},
        {**wanted, "Name": FOREIGN["Name"]},  # the name of an entry that is not ours
        {**wanted, **{key: FOREIGN[key] for key in ("InstanceId", "Port")}},  # its target under another name
        {**wanted, "Tag": [{"Key": "vpc-access-owner", "Value": "somebody"}]},
        {"Name": f"hostile-{number}"},
        "no json at all",
    )
    form = chance.choice(forms)
    return Sent(form if isinstance(form, str) else json.dumps(form), None)
