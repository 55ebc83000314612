"""``invoke``: send an event to a deployed function through the vendor's own client, ``aliyun-fc2``."""

from __future__ import annotations

import os
from pathlib import Path

import click
import requests
from fc2 import Client, FcError


@click.command()
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--service", default="vpc-access", show_default=True, help="Service of the function (FC 2.0).")
@click.option("--function", "function_name", default="set-vpc-access", show_default=True, help="Name of the function.")
@click.option("--async", "asynchronous", is_flag=True, help="Only queue it; the answer comes through the result topic.")
def invoke(event: Path, service: str, function_name: str, *, asynchronous: bool) -> None:
    """Send the EVENT file to a deployed function and print its answer.

    FC_ENDPOINT (or ALIBABA_CLOUD_ACCOUNT_ID and ALIBABA_CLOUD_REGION_ID) says where,
    ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and _SECURITY_TOKEN as whom.
    """
    headers = {"x-fc-invocation-type": "Async"} if asynchronous else {"x-fc-log-type": "Tail"}
    try:
        answer = client().invoke_function(service, function_name, payload=event.read_bytes(), headers=headers)
    except FcError as error:
        raise click.ClickException(
            f"{error.err_code or 'function error'}: {error.message} (request {error.request_id})"
        ) from error
    except requests.RequestException as error:
        raise click.ClickException(f"no answer from Function Compute at {endpoint()}: {error}") from error
    if asynchronous:
        click.echo(f"accepted, request id {answer.headers.get('X-Fc-Request-Id', '')}")
    else:
        click.echo(answer.data.decode("utf-8", "replace"))


def endpoint() -> str:
    """Return where Function Compute is; raises a ClickException that says what to set."""
    given = os.environ.get("FC_ENDPOINT", "").rstrip("/")
    if given:
        return given
    account, region = os.environ.get("ALIBABA_CLOUD_ACCOUNT_ID"), os.environ.get("ALIBABA_CLOUD_REGION_ID")
    if not account or not region:
        raise click.ClickException("set FC_ENDPOINT, or ALIBABA_CLOUD_ACCOUNT_ID and ALIBABA_CLOUD_REGION_ID")
    return f"https://{account}.{region}.fc.aliyuncs.com"


def client() -> Client:
    """Return the vendor's client with the credentials of the environment."""
    missing = [
        name for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET") if not os.environ.get(name)
    ]
    if missing:
        raise click.ClickException(f"set {' and '.join(missing)}")
    return Client(
        endpoint=endpoint(),
        accessKeyID=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        accessKeySecret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        securityToken=os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN", ""),
    )
