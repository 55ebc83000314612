"""``make chaos``: the storm for each seed and both duplicate behaviours; non-zero unless all books balance."""

from __future__ import annotations

import sys
import time
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from functions._operator import build, interpreters
from tests.chaos.storm import Plan, run


@click.command()
@click.option("--messages", default=10_000, show_default=True)
@click.option(
    "--seed", "seeds", multiple=True, type=int, default=(1,), show_default=True, help="give it again for more"
)
@click.option(
    "--duplicate",
    "duplicates",
    multiple=True,
    type=click.Choice(["error", "overwrite"]),
    default=("error", "overwrite"),
)
@click.option("--rounds", default=2, show_default=True, help="messages of each kind that the hostile producer sends")
def main(messages: int, seeds: tuple[int, ...], duplicates: tuple[str, ...], rounds: int) -> None:
    """Run the storm for each seed and behaviour and print its ledger.

    A storm of 10,000 messages makes 80,000 calls and more. That takes five to eight minutes on two cores that others use,
    too, so the default is one seed, which makes two storms. A storm is called off after a quarter of an hour; what has no
    answer by then has starved.
    """
    good = True
    with TemporaryDirectory() as folder:
        package = build.build(Path(folder), interpreters.running(), native=True).archive
        for duplicate, seed in product(duplicates, seeds):
            started = time.monotonic()
            ledger = run(Plan(messages, seed, duplicate, rounds=rounds), package)
            click.echo(f"\nseed {seed}, duplicate={duplicate}, {time.monotonic() - started:.0f} s")
            click.echo("\n".join(ledger.lines()))
            good &= ledger.good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
