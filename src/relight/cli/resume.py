"""`relight resume`: a rule, or everything, goes on after a pause."""

from __future__ import annotations

from pathlib import Path

import click

from relight.cli.pause import give_order
from relight.cli.project import complete_rule, project_options


@click.command("resume", short_help="Let a paused rule, or everything, go on.")
@click.argument("rule", required=False, shell_complete=complete_rule)
@click.option("--all", "everything", is_flag=True, help="Every rule.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(
    *, rule: str | None, everything: bool, as_json: bool, project: Path | None, environment: str | None
) -> None:
    """Let a paused rule go on, or with --all everything that was paused.

    What was not sent meanwhile stays unsent. While everything is paused, one rule cannot be let go on alone.
    """
    give_order("resume", rule, project, environment, everything=everything, as_json=as_json)
