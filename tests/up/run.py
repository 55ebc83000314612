"""``make up``: serve, show what to try, and from then on take what has changed in the code."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from functions._operator import interrupt
from tests.cloud.app import Cloud, build_cloud
from tests.cloud.commands import PORT
from tests.cloud.core import Credential, ServiceError
from tests.cloud.seeds import seed
from tests.cloud.server import Server
from tests.up import wiring
from tests.up.code import Code
from tests.up.timers import Timers

EVENTS = Path(__file__).parents[2] / "events"
INBOX = "inbox"
LOOK_EVERY = 0.4  # seconds between two looks at the code, the timers and what may be broken
PARAMETERS = {
    "FunctionName": "vpc-access",
    "ReleaseMode": "apply",
    "AllowedNames": "vpc-bp1example0001:web-*",
    "NamedBackends": "apply",
}
"""Of the template, where they are not its defaults: the names that `make run` has; releases and moves that really happen."""


@click.command()
@click.option("--port", default=PORT, show_default=True, help="0 takes a free one.")
@click.option("-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of template.yml.")
def main(port: int, given: tuple[str, ...]) -> None:
    """Serve the stand-in with all functions behind the template's triggers, until interrupted."""
    with interrupt.put_away(lambda: TemporaryDirectory(prefix="vpc-access-up-")) as folder:
        try:
            parameters = PARAMETERS | dict(map(_parameter, given))
            made, code = wiring.stack(**parameters), Code(Path(folder))
            cloud = build_cloud()
            fill(cloud)
            server = Server(cloud, port=port)
        except (ValueError, ServiceError) as error:
            raise click.ClickException(str(error)) from error
        with server:
            names = wiring.create(cloud, made, code.copy())
            subscribe(cloud)
            click.echo(_shown(server.endpoint, port))
            serve(cloud, code, names)


def fill(cloud: Cloud) -> None:
    """Put there what the events are about, and the key that `make run` has."""
    cloud.world.add_credential(Credential("test-access-key-id", "test-access-key-secret"))
    world = json.loads((EVENTS / "cloud.json").read_text(encoding="utf-8"))
    seed(cloud, {kind: items for kind, items in world.items() if kind not in ("queues", "topics")})  # the stack's own


def subscribe(cloud: Cloud) -> None:
    """Let a queue get every result, so that there is somebody who sees them."""
    cloud["SMQ"].create_queue(INBOX)
    for topic in cloud["SMQ"].topics():
        cloud["SMQ"].subscribe(topic.name, f"to-{INBOX}", queue=INBOX, format="SIMPLIFIED")


def serve(cloud: Cloud, code: Code, names: list[str]) -> None:
    """Go on for ever: what is due fires, and a function whose code has changed runs the new one from its next call on."""
    timers = Timers(cloud)
    while True:
        time.sleep(LOOK_EVERY)
        cloud.check()
        timers.fire()
        if said := reload(cloud, code, names):
            click.echo(said)


def reload(cloud: Cloud, code: Code, names: list[str]) -> str:
    """Let the functions take code that has changed, and return what to say about it: nothing if nothing has."""
    changed = code.changed()
    if not changed:
        return ""
    if broken := code.broken(changed):
        return f"{broken.path}:{broken.line}: {broken.problem}; the functions go on with what they have"
    began, copy = time.monotonic(), code.copy()
    for name in names:
        cloud["FC"].function(name).update_code(copy)
    files = str(changed[0]) if len(changed) == 1 else f"{len(changed)} files"
    return f"{files} changed: taken in {LOOK_EVERY + time.monotonic() - began:.1f} s, the next call runs it"


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"-p takes NAME=VALUE, not {text!r}")
    return name, int(value) if value.isdecimal() else value


def _shown(endpoint: str, port: int) -> str:
    python = os.path.relpath(sys.executable) if sys.executable.startswith(f"{Path.cwd()}/") else sys.executable
    where = "" if port == PORT else f" --cloud {endpoint}"
    ask = f"{python} -m tests.cloud"
    return "\n".join(
        (
            f"{endpoint}/_cloud/",
            "",
            f"  {ask} send{where} events/manual/authorize.json   # send an event, see what becomes of it",
            f"  {ask} results{where}   # the results, the newest first",
            f"  {ask} world{where}   # the authorizations and the instances",
            "",
            f"Code under functions/ and shared/ is taken within {2 * LOOK_EVERY + 0.2:.0f} s of a change. Ctrl-C ends it.",
        )
    )
