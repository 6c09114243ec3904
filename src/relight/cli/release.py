"""`relight release`: an operator lets mails leave again after the volume guard stopped them (S5)."""

from __future__ import annotations

from pathlib import Path

import click

from relight.cli.history import reading
from relight.cli.orders import put_entries, say_when
from relight.cli.output import say, say_json
from relight.cli.project import open_project, project_options


@click.command("release", short_help="Let mails leave again after the volume guard stopped them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(*, as_json: bool, project: Path | None, environment: str | None) -> None:
    """Let mails leave again after the volume guard stopped them, and every rule go on; the hour is counted anew."""
    from relight.cli.run import wall_clock
    from relight.engine.guard_commands import release_entry
    from relight.engine.volume_guard import read_stop

    found = open_project(project, environment)
    with reading(found) as store:
        stop = read_stop(store)
    if stop is None:
        if as_json:
            say_json("release", {"ok": True, "stopped": False})
        else:
            say("The volume guard has stopped nothing.")
        return
    position = put_entries(found, [release_entry(wall_clock())])
    if as_json:
        say_json("release", {"ok": True, "stopped": True, "count": stop.count, "position": position})
        return
    say_when(found, position)
    say(f"Released: {stop.count:,} messages had left in an hour, {stop.per_hour:,} are allowed.")
