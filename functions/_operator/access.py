"""The access key, region and account that the operator's commands work with: from the environment; what is missing is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click

from shared.clock import Clock, Deadline
from shared.cloud import endpoints
from shared.cloud.pace import Pace
from shared.cloud.session import Session
from shared.cloud.signing import Credentials
from shared.cloud.transport import READ_SECONDS, Transport

_KEY = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
_CALLS_PER_SECOND = 10.0


def require(*names: str, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the values of environment variables; raises a ClickException that names all that are missing."""
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise click.ClickException(f"set {' and '.join(missing)}")
    return [environment[name] for name in names]


def credentials() -> Credentials:
    """Return the operator's access key."""
    key_id, secret = require(*_KEY)
    return Credentials(key_id, secret, os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN", ""))


@contextmanager
def session(seconds: float, read_seconds: float = READ_SECONDS) -> Iterator[Session]:
    """Give a session for calls that may take ``seconds`` in all and ``read_seconds`` each, and close its connections."""
    key, clock = credentials(), Clock()
    transport = Transport(read_seconds=read_seconds)
    try:
        yield Session(transport, clock, Deadline(clock, seconds, margin=0), Pace(clock, _CALLS_PER_SECOND), lambda: key)
    finally:
        transport.close()


def region(environment: Mapping[str, str] = os.environ) -> str:
    """Return the region to work in, with a warning if no endpoint map knows it; raises a ClickException if it is not one."""
    (given,) = require("ALIBABA_CLOUD_REGION_ID", environment=environment)
    if problem := endpoints.region_problem(given):
        raise click.ClickException(f"ALIBABA_CLOUD_REGION_ID is {given!r} but {problem}")
    if notice := endpoints.region_notice(given):
        click.echo(f"warning: {notice}", err=True)
    return given


def function_compute(environment: Mapping[str, str] = os.environ) -> str:
    """Return the endpoint of Function Compute, for both of its APIs; raises a ClickException.

    https://alibabacloud.com/help/en/functioncompute/fc-3-0/developer-reference/fc-endpoints
    """
    return _of_account(
        "FC_ENDPOINT", lambda account, region: f"https://{account}.{region}.fc.aliyuncs.com", environment
    )


def message_queue(environment: Mapping[str, str] = os.environ) -> str:
    """Return the endpoint of SMQ; raises a ClickException."""
    return _of_account("SMQ_ENDPOINT", endpoints.derived_smq, environment)


def endpoint(name: str, derived: str, environment: Mapping[str, str]) -> str:
    """Return the endpoint that the variable ``name`` gives, else the derived one.

    Raises a ClickException unless it is one by the rules of the function's settings: https, or this machine.
    """
    given = _given(name, environment)
    if problem := endpoints.endpoint_problem(given or derived):
        raise click.ClickException(f"{name} {'is' if given else 'would be'} {given or derived!r} but {problem}")
    return given or derived


def _of_account(name: str, derive: Callable[[str, str], str], environment: Mapping[str, str]) -> str:
    if _given(name, environment):
        return endpoint(name, "", environment)
    account, place = (environment.get(f"ALIBABA_CLOUD_{what}_ID", "") for what in ("ACCOUNT", "REGION"))
    if not (account and place):
        raise click.ClickException(f"set {name}, or ALIBABA_CLOUD_ACCOUNT_ID and ALIBABA_CLOUD_REGION_ID")
    return endpoint(name, derive(account, region(environment)), environment)


def _given(name: str, environment: Mapping[str, str]) -> str:
    return environment.get(name, "").strip().rstrip("/")
