"""``settings``: the table of the function's settings, as README.md has it."""

from __future__ import annotations

import click

from shared.settings import ENDPOINTS, VARIABLES


@click.command()
def settings() -> None:
    """Print the table of settings in Markdown."""
    click.echo(table())


def table() -> str:
    """Return the Markdown table of all settings, made from the code that reads them."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for variable in VARIABLES:
        unset = "derived" if variable.name in ENDPOINTS else "none"
        default = {None: "required", "": unset}.get(variable.default, f"`{variable.default}`")
        rows.append(f"| `{variable.name}` | {default} | {variable.meaning} |")
    return "\n".join(rows)
