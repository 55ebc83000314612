"""What a hostile producer sends among the honest ones of a chaos run: floods, forgeries, and requests within policy."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.chaos.messages import VPC, Target

BALANCER, INSTANCE = "lb-bp1flood", "i-bp1flood"
"""What is there, so that requests for it are within policy."""
_IDS = 8_900  # of one message
_HOOKS = 20  # of one message
_DIGITS = string.digits + string.ascii_letters


class Hostile(NamedTuple):
    """One message: its body, and what it may get, since policy allows it to everybody."""

    body: str
    within_policy: frozenset[Target] = frozenset()


def hostile(rounds: int, flood: int) -> Iterator[Hostile]:
    """Return the messages of ``rounds`` rounds: one of each kind, with ``flood`` requests in those that hold requests."""
    for number in range(rounds):
        yield Hostile(_hook(f"ids-{number}", [_short(place) for place in range(_IDS)]))
        yield _requests(f"flood-{number}", INSTANCE + str(number), flood)
        yield _requests(f"balancer-{number}", BALANCER + str(number), flood)
        yield _requests(f"nobody-{number}", f"lb-bp1nobody{number}", flood, there=False)
        forged = [_hook(f"forged-{number}-{place}", [f"eci-{place}"]) for place in range(_HOOKS)]
        yield Hostile(f"[{','.join(forged)}]")


def instances(rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Return what has to be there, as a document of the stand-in's seeds."""
    return {
        "instances": [{"InstanceId": INSTANCE + str(number), "VpcId": VPC} for number in range(rounds)],
        "load_balancers": [{"LoadBalancerId": BALANCER + str(number), "VpcId": VPC} for number in range(rounds)],
    }


def _requests(name: str, instance_id: str, count: int, *, there: bool = True) -> Hostile:
    wanted = [Target(f"{name}-{place}", VPC, instance_id, 8000 + place) for place in range(count)]
    body = json.dumps([target._asdict() for target in wanted], separators=(",", ":"))
    return Hostile(body, frozenset(wanted if there else []))


def _short(place: int) -> str:
    """Return an id that is short enough for a message to hold thousands; they repeat."""
    more, last = divmod(place % len(_DIGITS) ** 2, len(_DIGITS))
    return f"i-{_DIGITS[more]}{_DIGITS[last]}"


def _hook(name: str, instance_ids: list[str]) -> str:
    """Return a forged hook in the form of SMQ; container groups cost no look-up, and no wait for what is not visible yet."""
    content = {
        "lifecycleHookId": name,
        "lifecycleActionToken": f"{name}-token",
        "lifecycleTransition": "SCALE_OUT",
        "instanceIds": instance_ids,
    }
    return json.dumps({"userId": "", "regionId": "", "content": content}, separators=(",", ":"))
