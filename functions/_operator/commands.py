"""The operator's commands: run, invoke, build and look after the function from a terminal. One module a command."""

from __future__ import annotations

import click

from functions._operator import exits
from functions._operator.build import command as build
from functions._operator.deploy import deploy, destroy
from functions._operator.doctor import doctor
from functions._operator.event import event
from functions._operator.explain import explain
from functions._operator.invoke import invoke
from functions._operator.listing import listing
from functions._operator.move import move
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


SUMMARIES = {
    run: "Handle an event here, against what the environment names.",
    event: "Print an event of any source, to run, invoke or send.",
    invoke: "Send an event to a deployed function.",
    send: "Put requests on the request queue, and wait for the results.",
    plan: "Show what a sweep would do now; nothing is written.",
    apply: "Do what a sweep would do: make what is missing, and so on.",
    listing: "List the authorizations: whose, alive or not, used by whom.",
    move: "Point a name to another instance, after the same checks.",
    release: "Remove one authorization, after the function's checks.",
    settings: "Show the settings in force, and where each comes from.",
    schema: "Write the JSON Schemas of our messages.",
    build: "Build the zip that Function Compute runs.",
    doctor: "Check that the function would find what it needs.",
    explain: "Tell what log lines say about one name, in order.",
    replay: "Send dead letters and refused requests again.",
    deploy: "Build the zip, and create or update the stack.",
    destroy: "Delete the stack; says first what is lost and what stays.",
}
"""Every command with what the list of them says, in a line of a terminal; the command's own help says it whole."""

for command, summary in SUMMARIES.items():
    command.short_help = summary
    main.add_command(command)
