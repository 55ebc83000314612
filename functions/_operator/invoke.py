"""``invoke``: send an event to a deployed function, of FC 3.0 through our own signer or of FC 2.0 through ``aliyun-fc2``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click

from functions._operator import access, doctor, exits, fc, terminal
from shared.errors import RetryNeeded
from shared.flow.doctor import EVENT


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
    with terminal.waiting(f"waiting for {name}, at most {fc.MAX_SECONDS:g} s"):
        if service:
            invoked = fc.invoke_v2(endpoint, service, name, payload, asynchronous=asynchronous, qualifier=qualifier)
        else:
            with access.session(fc.MAX_SECONDS, read_seconds=fc.MAX_SECONDS) as session:
                invoked = fc.invoke(session, endpoint, name, payload, asynchronous=asynchronous, qualifier=qualifier)
    if invoked.error:
        _show_failure(invoked)
    _show(invoked, asynchronous=asynchronous, ask_doctor=ask_doctor)


def _show(invoked: fc.Invoked, *, asynchronous: bool, ask_doctor: bool) -> None:
    """Print what came back, and end as the records in it say."""
    if invoked.log:
        click.secho(invoked.log.rstrip("\n"), err=True, dim=True)
    click.echo(f"request id {invoked.request_id}", err=True)
    answer = invoked.answer.decode("utf-8", "replace")
    if ask_doctor:
        doctor.show(json.loads(answer))
    elif asynchronous:
        click.echo("accepted")
    else:
        click.echo(answer)
        exits.end(_results(answer))


def _show_failure(invoked: fc.Invoked) -> NoReturn:
    """Report, once, why a function failed; raises the ClickException that ends the command.

    Where it raised for a redelivery, Function Compute drops what it had to say: what became of the records is read from
    the end of its log. All other lines there repeat the error.
    """
    failure = fc.failure_of(invoked)
    click.echo(f"request id {invoked.request_id}", err=True)
    if failure.kind != RetryNeeded.__name__:
        click.secho((invoked.log or failure.trace).rstrip("\n"), err=True, dim=True)
        raise click.ClickException(terminal.printable(f"the function failed with {failure.kind}: {failure.text}"))
    lines = list(_lines(invoked.log))
    results = [line for line in lines if line.get("event") == "record" and "outcome" in line]
    if results:
        terminal.show_results(results)
    if any(line.get("event") == "invocation" and line.get("records") == len(results) for line in lines):
        exits.end(results)
    told = f"The end of the function's log shows {len(results)} records; the result topic has all"
    raise exits.Later(terminal.printable(f"{failure.text}\n{told}"))


def _lines(log: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of a log that the function wrote (``shared.log``), not its runtime; the first may be cut."""
    for text in log.splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line


def _results(answer: str) -> list[dict[str, Any]]:
    """Return the lines of the summary in an answer, also where it is the body of an HTTP response; [] if it has none."""
    try:
        summary = json.loads(answer)
        summary = json.loads(summary["body"]) if "body" in summary else summary
        return [result for result in summary["results"] if "outcome" in result]
    except (ValueError, TypeError, KeyError):
        return []
