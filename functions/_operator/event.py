"""``event``: prints an event of any source that the function understands, for ``run -``, ``invoke -`` or a file."""

from __future__ import annotations

import json

import click

from functions._operator import samples


def _beginning(_context: click.Context, _parameter: click.Parameter, begin: str) -> list[str]:
    """Return the sources that begin so, for a shell that completes."""
    return [source for source in samples.sources() if source.startswith(begin)]


@click.command()
@click.argument("source", shell_complete=_beginning)
@click.option("--instance", multiple=True, metavar="ID", help="The backend; several times for a hook or an activity.")
@click.option("--state", help="What state the instance is in, such as Running, Stopped or Deleted.")
@click.option("--name", help="Of a request: the name of the authorization.")
@click.option("--vpc", metavar="ID", help="Of a request: the VPC.")
@click.option("--port", type=int, help="Of a request: the port.")
@click.option("--correlation", help="Of a request: your own value.")
@click.option("--region", metavar="ID", envvar="ALIBABA_CLOUD_REGION_ID", show_envvar=True, help="Where it happens.")
@click.option("--account", metavar="ID", envvar="ALIBABA_CLOUD_ACCOUNT_ID", show_envvar=True, help="Whose it is.")
def event(source: str, **values: str | int | tuple[str, ...] | None) -> None:
    """Print an event of SOURCE as its trigger delivers it, made from the files under events/.

    SOURCE is what events/README.md calls it: manual (a request), eventbridge/ecs, ess-hook, timer … Wrappers stand around
    it, outermost first: smq-queue is a request in a queue's message, smq-queue/ess-hook a hook in one. What you do not give
    is as in the files, so with the settings of  make run  the stand-in knows it.

      python -m functions event smq-queue/ess-hook --instance i-bp1… | python -m functions run -
    """
    try:
        made = samples.make(source, {f"--{name}": value for name, value in values.items()})
    except samples.Unmakeable as error:
        raise click.UsageError(str(error)) from error
    click.echo(json.dumps(made, indent=2))
