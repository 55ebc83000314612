"""``python -m tests.cloud --port N``: the stand-in on its own, for `make cloud` and for other programs.

Prints one JSON line when it is ready, and on stderr where to look. ``up`` is for `make up`: with the functions, which are
no part of the stand-in, so that another program takes over. The other commands ask a stand-in that runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from tests.cloud import commands
from tests.cloud.app import build_cloud
from tests.cloud.core import Credential, ServiceError
from tests.cloud.seeds import seed as put
from tests.cloud.server import KEEP_ALIVE_SECONDS, Server
from tests.cloud.truth import switches_of

_LOOK_EVERY = 1.0  # seconds


@click.group(invoke_without_command=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--faults", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON document of fault rules."
)
@click.option(
    "--seed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON document of what is there at start.",
)
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="An open question's answer.")
@click.option(
    "--truth",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A record of `make contract`: its answers.",
)
@click.option("--access-key-secret", default="test-access-key-secret", help="Secret of the test key.")
@click.option("--security-token", default="", help="Makes the test key a temporary one.")
@click.option("--keep-alive", default=KEEP_ALIVE_SECONDS, show_default=True, help="Idle seconds of a connection.")
@click.pass_context
def main(
    context: click.Context,
    port: int,
    host: str,
    faults: Path | None,
    seed: Path | None,
    switches: tuple[str, ...],
    truth: Path | None,
    access_key_secret: str,
    security_token: str,
    keep_alive: float,
) -> None:
    """Serve the stand-in for Alibaba Cloud until interrupted."""
    if context.invoked_subcommand:
        return
    cloud = build_cloud()
    key = cloud.world.add_credential(Credential("test-access-key-id", access_key_secret, security_token=security_token))
    try:
        seen = _seen(truth) if truth else {}
        cloud.world.switches = cloud.world.switches.with_values(**{**seen, **dict(map(_switch, switches))})
        if seed:
            put(cloud, json.loads(seed.read_text()))
        if faults:
            cloud.faults.set(json.loads(faults.read_text()))
        server = Server(cloud, host, port, keep_alive)
    except (ValueError, KeyError, TypeError, ServiceError) as error:
        raise click.ClickException(str(error)) from error
    _serve(server, key)


@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.pass_context
def up(context: click.Context) -> None:
    """Serve it with the functions behind the template's triggers."""
    os.execv(sys.executable, [sys.executable, "-m", "tests.up", *context.args])


for command in (commands.send, commands.results, commands.world):
    main.add_command(command)


def _seen(truth: Path) -> dict[str, Any]:
    """Return the switches of a record, and say on stderr what it leaves open."""
    try:
        seen = switches_of(json.loads(truth.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        raise ValueError(f"{truth}: {error}") from error
    for why in seen.unknown:
        print(f"{truth}: {why}; that is left as it is", file=sys.stderr)
    for name, values in seen.contradictions.items():
        print(f"{truth}: its answers say {' and '.join(values)} of {name}, so that stays as it is", file=sys.stderr)
    print(f"{truth}: {len(seen.switches)} switches are as its answers say", file=sys.stderr)
    return seen.switches


def _switch(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--switch takes NAME=VALUE, not {text!r}")
    return name, value


def _serve(server: Server, key: Credential) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with server:
        world = server.cloud.world
        ready = {
            "endpoint": server.endpoint,
            "account_id": world.account_id,
            "region_id": world.region_id,
            "access_key_id": key.access_key_id,
            "access_key_secret": key.access_key_secret,
            "security_token": key.security_token,
        }
        print(f"to look at: {server.endpoint}/_cloud/   where it differs: tests/cloud/README.md", file=sys.stderr)
        print(json.dumps(ready), flush=True)
        while not stop.wait(_LOOK_EVERY):
            server.cloud.check()


if __name__ == "__main__":
    main()
