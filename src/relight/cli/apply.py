"""`relight apply`: the plan of this folder comes into force, in the running engine or in the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.cli.exit_codes import ExitCode
from relight.cli.ordering import Answer, confirm, put_in_force
from relight.cli.output import fail, say, say_json
from relight.cli.plan import planned_as_json, refusal_of, say_plan
from relight.cli.plan_file import read_plan_file
from relight.cli.planning import base_of, make_plan
from relight.cli.project import open_project, project_options

if TYPE_CHECKING:
    from relight.cli.planning import Planned


@click.command("apply", short_help="Put this folder's rules in force.")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True, help="Recorded days to forecast.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; needs --yes.")
@project_options
def command(
    *, file: Path | None, yes: bool, days: int, as_json: bool, project: Path | None, environment: str | None
) -> int:
    """Put this folder's rules in force.

    Shows the plan and asks; only 'yes' goes ahead, --yes does not ask. FILE is a plan that `relight plan --out` saved;
    it is refused where the folder or the store has changed since. Where an engine runs, it takes the new version
    between two records, in one transaction; else the store takes it and the next start goes on with it.
    """
    if as_json and not yes:
        raise UsageError("--json cannot ask", help_text="say --yes too")
    saved = None if file is None else read_plan_file(file)
    found = open_project(project, environment if saved is None else saved.environment)
    env = environment if saved is None else saved.environment
    if saved is not None and (saved.version, saved.base) != (found.plan.version, base_of(found)):
        what = "the folder has changed since" if saved.version != found.plan.version else "another version is in force"
        fail(f"{file} has gone stale: {what}", "run `relight plan` again and look at it")
        return ExitCode.PROBLEMS
    planned = make_plan(found, env, days)
    if not as_json:
        say_plan(planned)
    if planned.is_refused:
        if as_json:
            say_json("apply", planned_as_json(planned) | {"applied": False, "reason": refusal_of(planned)})
        else:
            say(refusal_of(planned))
        return ExitCode.PROBLEMS
    if not planned.is_pending:
        return _done(planned, Answer(outcome="applied"), as_json=as_json)
    if not planned.base:
        raise UsageError("nothing stands in the store yet", help_text="`relight run` begins with this folder")
    if not confirm("Apply these changes?", yes=yes):
        say("Nothing was changed.")
        return ExitCode.PROBLEMS
    from relight.engine.plan_commands import PlanOrder

    order = PlanOrder(
        base=planned.base, version=found.plan.version, sources=dict(found.loaded.sources), environment=env
    )
    return _done(planned, put_in_force(found, order), as_json=as_json)


def _done(planned: Planned, answer: Answer, *, as_json: bool) -> int:
    version = planned.project.plan.version
    if as_json:
        said = {"applied": answer.outcome == "applied", "outcome": answer.outcome, "reason": answer.reason or None}
        say_json("apply", planned_as_json(planned) | said | {"ok": answer.outcome == "applied"})
        return exit_code_of(answer)
    if not planned.is_pending:
        say(f"Nothing to do: version {version} is in force.")
        return ExitCode.FINE
    return tell(answer, version)


def tell(answer: Answer, version: str) -> int:
    """Say what became of an order and return the exit code."""
    if answer.outcome == "refused":
        fail(f"not applied: {answer.reason}")
    elif answer.outcome == "waiting":
        fail("the engine has not answered yet", "the order stands in its inbox and is carried out when it goes on")
    elif answer.by_engine:
        say(f"The running engine follows version {version}.")
    else:
        say(f"Version {version} is in force; the next `relight run` goes on with it.")
    return exit_code_of(answer)


def exit_code_of(answer: Answer) -> int:
    """Return what a command leaves with."""
    return {"applied": ExitCode.FINE, "refused": ExitCode.PROBLEMS, "waiting": ExitCode.UNREACHABLE}[answer.outcome]
