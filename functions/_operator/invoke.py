"""``invoke``: send an event to a deployed function, of FC 3.0 through our own signer or of FC 2.0 through ``aliyun-fc2``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from functions._operator import access, doctor, exits, fc, given, terminal
from shared.errors import RetryNeeded
from shared.flow.doctor import EVENT

_OF_A_RECORD = frozenset(
    [
        "outcome",
        "source",
        "message_id",
        "part",
        "correlation",
        "name",
        "target",
        "vpc_access_id",
        "reason",
        "text",
        "differs",
        "retry",
        "result",
    ]
)
"""The fields of a line in a summary (``shared.flow.report.line``); the log's lines have others besides."""


@click.command()
@click.argument("event", type=given.EVENT, required=False)
@click.option("--doctor", "ask_doctor", is_flag=True, help="Instead of an event: ask the function what is missing.")
@click.option("--function", "name", default="set-vpc-access", show_default=True, help="Name of the function.")
@click.option("--service", default="", help="Its service, if it is a function of FC 2.0.")
@click.option("--qualifier", default="", help="Version or alias; LATEST when left out.")
@click.option("--async", "asynchronous", is_flag=True, help="Only queue it; the answer comes through the result topic.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary (or the doctor's report) as JSON.")
def invoke(
    event: Path | None,
    name: str,
    service: str,
    qualifier: str,
    *,
    ask_doctor: bool,
    asynchronous: bool,
    as_json: bool,
) -> None:
    """Send the EVENT file to a deployed function and print what became of each record, as  run  does.

    With  -  it comes on standard input. An answer that is no summary is printed as it came.
    The end of the log and the request id go to standard error.

    FC_ENDPOINT (or ALIBABA_CLOUD_ACCOUNT_ID and ALIBABA_CLOUD_REGION_ID) says where,
    ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET and _SECURITY_TOKEN as whom.
    """
    if ask_doctor == (event is not None):
        raise click.UsageError("give an EVENT file, or --doctor")
    if ask_doctor and asynchronous:
        raise click.UsageError("--doctor needs the answer: leave --async out")
    payload = given.read(event) if event else EVENT
    endpoint = access.function_compute()
    with terminal.waiting(f"waiting for {name}, at most {fc.MAX_SECONDS:g} s", quiet=as_json):
        if service:
            invoked = fc.invoke_v2(endpoint, service, name, payload, asynchronous=asynchronous, qualifier=qualifier)
        else:
            with access.session(fc.MAX_SECONDS, read_seconds=fc.MAX_SECONDS) as session:
                invoked = fc.invoke(session, endpoint, name, payload, asynchronous=asynchronous, qualifier=qualifier)
    if invoked.error:
        _show_failure(invoked, as_json=as_json)
    if invoked.log:
        click.secho(invoked.log.rstrip("\n"), err=True, dim=True)
    click.echo(f"request id {invoked.request_id}", err=True)
    answer = invoked.answer.decode("utf-8", "replace")
    if ask_doctor:
        doctor.show(json.loads(answer), as_json=as_json)
    elif asynchronous:
        click.echo(_json({"request_id": invoked.request_id}) if as_json else "accepted")
    else:
        _show_answer(answer, as_json=as_json)


def _show_answer(answer: str, *, as_json: bool) -> None:
    """Print a summary as ``run`` does, and end as the records in it say; any other answer is printed as it is."""
    summary = _summary(answer)
    if summary is None:
        click.echo(answer)
        return
    _show(summary, as_json=as_json)
    exits.end(summary["results"])


def _show(summary: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(_json(summary))
    else:
        terminal.show_results(summary["results"])


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _show_failure(invoked: fc.Invoked, *, as_json: bool) -> NoReturn:
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
    logged = [line for line in lines if line.get("event") == "record" and "outcome" in line]
    results = [{name: value for name, value in line.items() if name in _OF_A_RECORD} for line in logged]
    if results or as_json:
        counts = Counter(result["outcome"] for result in results)
        whole = {"request_id": invoked.request_id, "records": len(results), "counts": counts, "results": results}
        _show(whole, as_json=as_json)
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


def _summary(answer: str) -> dict[str, Any] | None:
    """Return the summary that an answer is, also where it is the body of an HTTP response; None if it is none."""
    try:
        summary = json.loads(answer)
        summary = json.loads(summary["body"]) if "body" in summary else summary
        is_one = all(isinstance(result, dict) and "outcome" in result for result in summary["results"])
    except (ValueError, TypeError, KeyError):
        return None
    return summary if is_one else None
