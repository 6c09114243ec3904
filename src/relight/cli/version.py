"""`relight version`."""

from __future__ import annotations

import click

from relight import __version__


@click.command("version", short_help="Print the version.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(*, as_json: bool) -> None:
    """Print the version."""
    number = __version__
    if as_json:
        import platform

        from relight.cli.output import say_json

        say_json("version", {"version": number, "python": platform.python_version()})
    else:
        click.echo(f"relight {number}")
