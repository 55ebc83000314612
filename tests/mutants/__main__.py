"""``make mutants``: turn one thing round at a time in the modules that decide, and tell what no test notices."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence

import click

from tests.mutants.mutate import Mutant, mutants, mutated
from tests.mutants.run import Outcome, Suite, load, run_all
from tests.mutants.table import TESTS, Listed, listed, source_of

_LEAST, _SLOWER = 30, 4  # seconds, and times as many as without a fault, until the tests of a mutant are ended
_GOAL = 97  # percent killed, of those that are not listed as equivalent


@click.command()
@click.option(
    "--module", "some", multiple=True, type=click.Choice(sorted(TESTS)), metavar="PATH", help="These modules only."
)
@click.option("--count", type=click.IntRange(1), help="So many mutants of each module, drawn by --seed; otherwise all.")
@click.option("--seed", type=int, default=0, show_default=True, help="What draws them.")
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="How many run at a time.")
def main(some: Sequence[str], count: int | None, seed: int, jobs: int) -> None:
    """Make mutants and run the tests that have to notice them."""
    load()
    modules = [module for module in TESTS if not some or module in some]
    known, made, killed, equivalent, missed = listed(), 0, 0, 0, 0
    began = time.monotonic()
    for module in modules:
        survivors, drawn = _survivors(module, count, seed, jobs)
        excused = [one for one in survivors if _reason(module, one, known)]
        made, killed = made + drawn, killed + drawn - len(survivors)
        equivalent, missed = equivalent + len(excused), missed + len(survivors) - len(excused)
        for one in survivors:
            why = _reason(module, one, known)
            click.echo(f"  survived   {module}:{one.line}: {one.what}: {one.text}" + (f"  [{why}]" if why else ""))
    counted = made - equivalent
    share = 100 * killed / counted if counted else 100.0
    click.echo(
        f"{made} mutants: {killed} killed, {missed} survived, {equivalent} equivalent, {share:.1f} % killed, "
        f"in {time.monotonic() - began:.0f} s"
    )
    sys.exit(0 if share >= _GOAL else 1)


def _survivors(module: str, count: int | None, seed: int, jobs: int) -> tuple[list[Mutant], int]:
    """Return the mutants of a module that no test notices, and how many were tried."""
    source = source_of(module)
    found = mutants(source)
    if count is not None and count < len(found):
        found = sorted(random.Random(f"{seed}/{module}").sample(found, count))
    by_number = {one.number: one for one in found}
    outcomes = list[Outcome]()
    suite, began = Suite(module, TESTS[module]), time.monotonic()
    run_all(suite, [(-1, None)], 1, outcomes.append)
    suite = suite._replace(limit=_LEAST + int(_SLOWER * (time.monotonic() - began)))
    if outcomes[0].is_killed:
        raise click.ClickException(
            f"the tests of {module} fail as it is: make them pass first ({' '.join(TESTS[module])})"
        )
    with click.progressbar(length=len(found), label=module, file=sys.stderr) as bar:

        def done(outcome: Outcome) -> None:
            outcomes.append(outcome)
            bar.update(1)

        run_all(suite, ((one.number, mutated(source, one.number)) for one in found), jobs, done)
    left = [by_number[outcome.number] for outcome in outcomes[1:] if not outcome.is_killed]
    return sorted(left), len(found)


def _reason(module: str, mutant: Mutant, known: Sequence[Listed]) -> str:
    return next((one.why for one in known if one.fits(module, mutant)), "")


if __name__ == "__main__":
    main()
