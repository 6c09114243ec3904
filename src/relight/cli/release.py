"""`relight release`: an operator lets mails leave again after volume guard or sending brake stopped them (S5)."""

from __future__ import annotations

from pathlib import Path

import click

from relight.cli.history import reading
from relight.cli.orders import put_entries, say_when
from relight.cli.output import say, say_json
from relight.cli.project import open_project, project_options


@click.command("release", short_help="Let mails leave again after a guard or brake stopped them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@project_options
def command(*, as_json: bool, project: Path | None, environment: str | None) -> None:
    """Let mails leave again after the volume guard or the sending brake stopped them; both count anew from then on."""
    from relight.cli.run import wall_clock
    from relight.engine.guard_commands import release_entry
    from relight.engine.sending_brake import leaf_of, read_brakes
    from relight.engine.volume_guard import read_stop

    found = open_project(project, environment)
    with reading(found) as store:
        stop, brakes = read_stop(store), read_brakes(store)
    if stop is None and not brakes:
        if as_json:
            say_json("release", {"ok": True, "stopped": False})
        else:
            say("Neither the volume guard nor the sending brake has stopped anything.")
        return
    position = put_entries(found, [release_entry(wall_clock())])
    if as_json:
        count = 0 if stop is None else stop.count
        told = {"ok": True, "stopped": True, "count": count, "classes": sorted(brakes), "position": position}
        say_json("release", told)
        return
    say_when(found, position)
    if stop is not None:
        say(f"Released: {stop.count:,} messages had left in an hour, {stop.per_hour:,} are allowed.")
    for one in brakes.values():
        say(f"Released: {leaf_of(one)} were {one.share} of {one.mails:,} mails.")
