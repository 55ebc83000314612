"""``invoke``: send an event to a deployed function, of FC 3.0 through our own signer or of FC 2.0 through ``aliyun-fc2``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from functions._operator import access, doctor, fc
from functions.set_vpc_access.doctor import EVENT
from shared.errors import AuthorizerError


@click.command()
@click.argument("event", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--doctor", "ask_doctor", is_flag=True, help="Instead of an event: ask the function what is missing.")
@click.option("--function", "name", default="set-vpc-access", show_default=True, help="Name of the function.")
@click.option("--service", default="", help="Its service, if it is a function of FC 2.0.")
@click.option("--qualifier", default="", help="Version or alias; LATEST when left out.")
@click.option("--async", "asynchronous", is_flag=True, help="Only queue it; the answer comes through the result topic.")
def invoke(
    event: Path | None, name: str, service: str, qualifier: str, *, ask_doctor: bool, asynchronous: bool
) -> None:
    """Send the EVENT file to a deployed function; print its answer, and its log and request id on standard error.

    FC_ENDPOINT (or ALIBABA_CLOUD_ACCOUNT_ID and ALIBABA_CLOUD_REGION_ID) says where,
    ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and _SECURITY_TOKEN as whom.
    """
    if ask_doctor == (event is not None):
        raise click.UsageError("give an EVENT file, or --doctor")
    if ask_doctor and asynchronous:
        raise click.UsageError("--doctor needs the answer: leave --async out")
    payload = event.read_bytes() if event else EVENT
    endpoint = access.function_compute()
    if service:
        invoked = fc.invoke_v2(endpoint, service, name, payload, asynchronous=asynchronous, qualifier=qualifier)
    else:
        try:
            with access.session(fc.LONGEST, read_seconds=fc.LONGEST) as session:
                invoked = fc.invoke(session, endpoint, name, payload, asynchronous=asynchronous, qualifier=qualifier)
        except AuthorizerError as error:
            raise click.ClickException(str(error)) from error
    _show(invoked, asynchronous=asynchronous, ask_doctor=ask_doctor)


def _show(invoked: fc.Invoked, *, asynchronous: bool, ask_doctor: bool) -> None:
    """Print what came back; a function that failed is an error of the command too."""
    if invoked.log:
        click.secho(invoked.log.rstrip("\n"), err=True, dim=True)
    click.echo(f"request id {invoked.request_id}", err=True)
    answer = invoked.answer.decode("utf-8", "replace")
    if invoked.error:
        raise click.ClickException(f"the function failed with {invoked.error}: {answer}")
    if ask_doctor:
        doctor.show(json.loads(answer))
    elif asynchronous:
        click.echo("accepted")
    else:
        click.echo(answer)
