"""Where the account is: key, region and endpoints, from the environment or of a stand-in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import click

from functions._operator import access
from shared.cloud import apigateway, ecs, endpoints, ess, slb
from shared.cloud.signing import Credentials

VERSIONS = {"CloudAPI": apigateway.VERSION, "ECS": ecs.VERSION, "SLB": slb.VERSION, "ESS": ess.VERSION}
_PRODUCTS = {"CloudAPI": "apigateway", "ECS": "ecs", "SLB": "slb", "ESS": "ess"}
_BARE = ("CONTRACT_BARE_ACCESS_KEY_ID", "CONTRACT_BARE_ACCESS_KEY_SECRET")
STAND_IN_ACCOUNT = "1234567890123456"
_ON_THIS_MACHINE = re.compile(r"https?://(localhost|127(\.[0-9]+){3}|\[::1\])(:[0-9]+)?")


class Place(NamedTuple):
    """An account. ``smq`` is "" where its endpoint is not known, ``bare`` None without a key that has no rights."""

    region_id: str
    credentials: Credentials
    endpoints: Mapping[str, str]
    smq: str = ""
    account_id: str = ""
    bare: Credentials | None = None

    @property
    def is_real(self) -> bool:
        """Tell whether it is the vendor's: what answers on this machine is a stand-in, whatever it was called."""
        return not any(_ON_THIS_MACHINE.fullmatch(url) for url in (*self.endpoints.values(), self.smq))


def real(environment: Mapping[str, str]) -> Place:
    """Return the account that the environment names; raises a ClickException that says what is missing or wrong."""
    key_id, secret = access.require(
        "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", environment=environment
    )
    region_id = access.region(environment)
    urls = {
        name: access.endpoint(f"{word.upper()}_ENDPOINT", endpoints.derived(word, region_id), environment)
        for name, word in _PRODUCTS.items()
    }
    knows_smq = environment.get("ALIBABA_CLOUD_ACCOUNT_ID") or environment.get("SMQ_ENDPOINT")
    bare = [environment.get(name, "") for name in _BARE]
    return Place(
        region_id,
        Credentials(key_id, secret, environment.get("ALIBABA_CLOUD_SECURITY_TOKEN", "")),
        urls,
        access.message_queue(environment) if knows_smq else "",
        environment.get("ALIBABA_CLOUD_ACCOUNT_ID", ""),
        Credentials(*bare) if all(bare) else None,
    )


def stand_in(endpoint: str, key: Credentials, bare: Credentials | None = None, region_id: str = "cn-hangzhou") -> Place:
    """Return the account of a stand-in; raises a ClickException unless it answers on this machine."""
    if problem := endpoints.endpoint_problem(endpoint):
        raise click.ClickException(f"CLOUD={endpoint} is neither local nor real, and the URL of a stand-in {problem}")
    if not _ON_THIS_MACHINE.fullmatch(endpoint):
        raise click.ClickException(f"CLOUD={endpoint} is not on this machine: use CLOUD=real for an account")
    return Place(region_id, key, dict.fromkeys(_PRODUCTS, endpoint), endpoint, STAND_IN_ACCOUNT, bare)
