"""`relight rollback`: an earlier version of the rules comes into force again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.cli.apply import exit_code_of, tell
from relight.cli.exit_codes import ExitCode
from relight.cli.ordering import confirm, put_in_force
from relight.cli.output import say, say_json, table
from relight.cli.project import open_project, project_options

if TYPE_CHECKING:
    from relight.cli.project import Project
    from relight.engine.plan_commands import PlanOrder

#: Versions that `--list` tells.
LISTED_MAX = 20


@click.command("rollback", short_help="Put earlier rules in force again.")
@click.argument("version", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--list", "lists", is_flag=True, help="Only say which versions there were.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; needs --yes or --list.")
@project_options
def command(
    *, version: str | None, yes: bool, lists: bool, as_json: bool, project: Path | None, environment: str | None
) -> int:
    """Put an earlier version of the rules in force again: VERSION, or the one before.

    The store keeps every version that was in force; the folder is left alone, and is not put in force again by a start
    of the engine until somebody applies it. What was decided stays decided.
    """
    if as_json and not (yes or lists):
        raise UsageError("--json cannot ask", help_text="say --yes too")
    found = open_project(project, environment)
    known = _versions(found)
    if lists:
        return _list(found, known, as_json=as_json)
    in_force = known[-1][1]
    wanted = _wanted(known, version)
    if wanted == in_force:
        if as_json:
            say_json("rollback", {"ok": True, "base": in_force, "version": wanted, "applied": True})
        else:
            say(f"Nothing to do: version {wanted} is in force.")
        return ExitCode.FINE
    if not as_json:
        say(f"In force: {in_force}, since {_clock(found, known[-1][0])}")
        say(f"Again:    {wanted}, first in force {_clock(found, next(at for at, one in known if one == wanted))}")
        _say_difference(found, in_force, wanted)
    if not confirm("Roll back?", yes=yes):
        say("Nothing was changed.")
        return ExitCode.PROBLEMS
    answer = put_in_force(found, _order(found, in_force, wanted, environment))
    if as_json:
        said = {"applied": answer.outcome == "applied", "outcome": answer.outcome, "reason": answer.reason or None}
        say_json("rollback", {"ok": answer.outcome == "applied", "base": in_force, "version": wanted} | said)
        return exit_code_of(answer)
    return tell(answer, wanted)


def _versions(found: Project) -> list[tuple[int, str]]:
    from relight.cli.history import reading
    from relight.engine.plan_versions import versions_in_log

    with reading(found) as store:
        known = versions_in_log(store)
    if not known:
        raise UsageError("nothing stands in the store yet", help_text="`relight run` begins with this folder")
    return known


def _wanted(known: list[tuple[int, str]], version: str | None) -> str:
    in_force = known[-1][1]
    if version is None:
        before = next((one for _, one in reversed(known) if one != in_force), None)
        if before is None:
            raise UsageError("there is no version before the one in force", help_text="`relight rollback --list`")
        return before
    found = sorted({one for _, one in known if one.startswith(version)})
    if len(found) != 1:
        hint = suggest_words(version, [one for _, one in known])
        what = "no version" if not found else "more than one version"
        raise UsageError(f"{what} begins with '{version}'" + (f"; {hint}" if hint else ""),
                         help_text="`relight rollback --list` tells them")  # fmt: skip
    return found[0]


def _order(found: Project, in_force: str, wanted: str, environment: str | None) -> PlanOrder:
    from relight.cli.history import reading
    from relight.engine.plan_commands import PlanOrder
    from relight.engine.plan_versions import kept_sources

    with reading(found) as store:
        sources = kept_sources(store, wanted)
    if sources is None:
        raise UsageError(f"the store does not keep the sources of version {wanted}")
    return PlanOrder(base=in_force, version=wanted, sources=sources, environment=environment, rollback=True)


def _say_difference(found: Project, in_force: str, wanted: str) -> None:
    from relight.cli.history import reading
    from relight.cli.plan import say_changes
    from relight.engine.plan_versions import kept_sources
    from relight.simulate.forecast.difference import compare_sources

    with reading(found) as store:
        now, then = kept_sources(store, in_force) or {}, kept_sources(store, wanted) or {}
    say_changes(compare_sources(now, then))


def _list(found: Project, known: list[tuple[int, str]], *, as_json: bool) -> int:
    from relight.base.instants import iso_utc

    if as_json:
        told = [{"version": version, "since": iso_utc(at)} for at, version in known]
        say_json("rollback", {"ok": True, "versions": told})
        return ExitCode.FINE
    rows = [
        (version, _clock(found, at), "in force" if place == len(known) - 1 else "")
        for place, (at, version) in enumerate(known)
    ]
    for line in table(rows[-LISTED_MAX:]):
        say(line)
    return ExitCode.FINE


def _clock(found: Project, instant: int) -> str:
    from relight.base.instants import SECOND, format_instant

    return format_instant(instant // SECOND * SECOND, found.plan.policy.zone)
