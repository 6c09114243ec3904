"""`relight export`: everything the store knows of one customer, for that customer (B5)."""

from __future__ import annotations

from pathlib import Path

import click

from relight.base.errors import UsageError
from relight.cli.history import asking
from relight.cli.output import say_json
from relight.cli.project import open_project, project_options


@click.command("export", short_help="Print everything the store knows of a customer.")
@click.argument("customer")
@project_options
def command(*, customer: str, project: Path | None, environment: str | None) -> None:
    """Print everything the store knows of a CUSTOMER as one JSON object.

    Log, decisions with their reasons, mails, attempts and suppressions.
    """
    from relight.engine.export import export_customer

    found = open_project(project, environment)
    with asking(found) as store:
        body = export_customer(store, customer)
    if body is None:
        raise UsageError(f"there is no customer '{customer}'", help_text="an id is written as the events write it")
    say_json("export", body)
