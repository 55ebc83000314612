"""``python -m functions``: run, invoke, build and look after the function from a terminal. One module a command."""

from __future__ import annotations

import click

from functions._operator import exits, interrupt
from functions._operator.build import command as build
from functions._operator.deploy import deploy, destroy
from functions._operator.doctor import doctor
from functions._operator.event import event
from functions._operator.invoke import invoke
from functions._operator.listing import listing
from functions._operator.release import release
from functions._operator.replay import replay
from functions._operator.run import run
from functions._operator.schema import schema
from functions._operator.send import send
from functions._operator.settings import settings
from functions._operator.sweeps import apply, plan
from functions._operator.version import version


def _show_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Show the version where it is asked for."""
    if asked:
        click.echo(version())
        context.exit()


@click.group(cls=exits.Group, epilog=exits.HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def main() -> None:
    """Authorize API Gateway to reach backends in VPCs: the operator's commands."""


for command in (
    run,
    event,
    invoke,
    send,
    plan,
    apply,
    listing,
    release,
    settings,
    schema,
    build,
    doctor,
    replay,
    deploy,
    destroy,
):
    main.add_command(command)

if __name__ == "__main__":
    interrupt.attend()
    main(prog_name="python -m functions")
