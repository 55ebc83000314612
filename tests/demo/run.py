"""``make run EVENT=file``, ``make plan`` and ``make doctor``: the operator's commands, on a stand-in unless told otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping

import click

from functions._operator import access, exits, interrupt
from shared.cloud.answers import RAM_ACTIONS
from shared.cloud.endpoints import endpoint_problem
from tests.cloud.app import Cloud
from tests.demo.stage import local_cloud, settings

_CREDENTIALS = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
_ACTIONS = sorted(RAM_ACTIONS.values())
_STAND_IN = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "test-access-key-id",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "test-access-key-secret",
    "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou",
    "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890123456",
}


def _where(_: click.Context, __: click.Parameter, given: str) -> str:
    """Check the place once, before each of the endpoints made from it is found wrong."""
    place = given.rstrip("/")
    if place not in ("local", "real") and (problem := endpoint_problem(place)):
        raise click.BadParameter(f"{given!r} is neither local nor real, and the URL of a stand-in {problem}")
    return place


@click.command(cls=exits.Command, epilog=exits.HELP)
@click.argument("event", type=click.Path(exists=True, dir_okay=False, allow_dash=True), required=False)
@click.option("--cloud", "where", default="local", callback=_where, help="local (default), real, or a stand-in's URL.")
@click.option("--doctor", is_flag=True, help="Instead of handling an event, check that everything is there.")
@click.option(
    "--plan",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    help="Instead of handling an event, show what a sweep would do.",
)
@click.option("--deny", multiple=True, type=click.Choice(_ACTIONS), metavar="ACTION", help="A RAM action to refuse.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing of the stand-in.")
@click.option("--stand-in-secret", envvar="STAND_IN_SECRET", default=_STAND_IN[_CREDENTIALS[1]], hidden=True)
def main(
    event: str | None,
    where: str,
    stand_in_secret: str,
    form: str | None,
    deny: tuple[str, ...],
    *,
    doctor: bool,
    as_json: bool,
) -> None:
    """Handle EVENT and print what became of each record; on the embedded stand-in also what it saw."""
    if doctor:
        command = ["doctor"]
    elif form:
        command, as_json = ["plan", "--format", form], form != "text"
    elif event:
        command = ["run", "--json", event] if as_json else ["run", event]
    else:
        raise click.UsageError("name an EVENT file, such as events/manual/authorize.json")
    if os.environ.get("ALIBABA_CLOUD_REGION_ID"):
        access.region()  # told here too, though a stand-in is in a region of its own
    if where == "real":
        sys.exit(_handle(command, {}))
    if where != "local":
        sys.exit(_handle(command, settings(where)))
    with local_cloud(stand_in_secret, frozenset(deny)) as (cloud, server, _):
        code = _handle(command, settings(server.endpoint))
        if not as_json:
            click.echo(_ledger(cloud))
    sys.exit(code)


def _handle(command: list[str], stand_in: Mapping[str, str]) -> int:
    """Run the operator's ``run`` command; on a stand-in with its key and never with a real one from the environment."""
    environment = dict(os.environ)
    if stand_in:
        own = {name: os.environ[name] for name in stand_in if name in os.environ and not name.endswith("_ENDPOINT")}
        environment = {name: value for name, value in environment.items() if name not in _CREDENTIALS}
        environment |= {**_STAND_IN, **stand_in, **own}
    with interrupt.left_to_child():
        code = subprocess.run([sys.executable, "-m", "functions", *command], env=environment, check=False).returncode
    return code if code >= 0 else 128 - code  # ended by a signal, as shells have it


def _ledger(cloud: Cloud) -> str:
    entries = cloud.world.journal()
    calls = Counter(entry.operation for entry in entries)
    listed = ", ".join(f"{operation} {count}x" for operation, count in calls.items()) or "nothing"
    return f"stand-in saw: {listed}; writes: {sum(entry.write and entry.status < 300 for entry in entries)}"


if __name__ == "__main__":
    interrupt.attend()
    main()
