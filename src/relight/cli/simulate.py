"""`relight simulate`: recorded or stored events through the same engine with no way to send.

Figures, and one HTML report with plots.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from relight.base.errors import UsageError
from relight.cli.output import count_of, say, say_json
from relight.cli.project import (
    Project,
    complete_rule,
    day_maker_of,
    known_rules,
    open_project,
    project_options,
    relative,
)
from relight.cli.simulated import remember
from relight.cli.times import instant_of, instant_or_span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from relight.engine.progress import Progress as Done
    from relight.simulate.log_figures import LogFigures
    from relight.simulate.pages import PageData
    from relight.stores.interface import Store
    from relight.streams.plan import StreamPlan

#: Where the report is written below the project folder.
REPORT = Path("out") / "simulation.html"
#: Processes that a simulation may use.
JOBS_MAX = 64


@click.command("simulate", short_help="Say what recorded events would have sent; nothing is sent.")
@click.argument("rules", nargs=-1, shell_complete=complete_rule, metavar="[RULE…]")
@click.option(
    "--events", multiple=True, metavar="[STREAM=]FILE", help="Read this file; default: the project's recorded files."
)
@click.option("--from-store", is_flag=True, help="Read the store's log.")
@click.option("--since", metavar="TIME", help="Count from here on: a time, or 90d back from the end.")
@click.option("--until", metavar="TIME", help="End time here, inclusive.")
@click.option(
    "--compare", type=click.Path(path_type=Path), metavar="DIR", help="Another project folder, as what stands now."
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=f"The report; default {REPORT}."
)
@click.option("--jobs", type=click.IntRange(1, JOBS_MAX), default=1, metavar="N", help="Processes that share the work.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; a report only with --out.")
@project_options
def command(
    *,
    rules: tuple[str, ...],
    events: tuple[str, ...],
    from_store: bool,
    since: str | None,
    until: str | None,
    compare: Path | None,
    out: Path | None,
    jobs: int,
    as_json: bool,
    project: Path | None,
    environment: str | None,
) -> None:
    """Say what recorded events would have sent, and why not; nothing is sent.

    With --compare the figures stand beside those of another project folder on the same events.
    """
    if events and from_store:
        raise UsageError("--events and --from-store exclude each other")
    if from_store and jobs > 1:
        raise UsageError("--jobs shares out the rows of files; a store's log is read by one process")
    found = open_project(project, environment)
    wanted = known_rules(found, rules) if rules else None
    end = None if until is None else instant_of(until, found.plan.policy.zone, "--until")
    other = None if compare is None else open_project(compare, environment)
    base = None if other is None else _Source(found, events, from_store, jobs).run(other, end, since, wanted)
    data = _Source(found, events, from_store, jobs).run(found, end, since, wanted)
    remember(found, events, from_store=from_store, until=end)
    page = None
    if out is not None or not as_json:
        page = _write(out or found.folder / REPORT, data, base)
    if as_json:
        say_json("simulate", _as_json(data, base) | {"report": None if page is None else str(page)})
    else:
        if other is not None:
            say(f"now: {relative(other.folder)}    new: {relative(found.folder)}")
        _say(data, base, page, project)


#: The store that was filled, what was read, what was done, and the instant that time came to (µs).
_Simulated: TypeAlias = "tuple[Store, LogFigures, Done, int]"


class _Source:
    """The events of one simulation, for this project and the one it is compared with."""

    def __init__(self, project: Project, events: Sequence[str], from_store: bool, jobs: int) -> None:
        self.project, self.events, self.from_store, self.jobs = project, events, from_store, jobs

    def run(self, project: Project, until: int | None, since: str | None, rules: list[str] | None) -> PageData:
        """Return the figures of these events under the rules of `project`."""
        from relight.cli.figures import figures_of_store
        from relight.cli.progress import Progress

        with Progress(f"Simulating {project.folder.resolve().name}") as progress:

            def show(done: Done) -> None:
                progress.update(done.events, count_of(done.mails, "message"))

            store, log, done, end = (
                self._store(project, until, show) if self.from_store else self._files(project, until, show)
            )
            seconds = progress.seconds
        if not log.events:
            raise UsageError("there are no events to simulate", help_text="name a file with --events")
        least = None if since is None else instant_or_span(since, project.plan.policy.zone, "--since", end=end)
        return figures_of_store(
            project, store, seconds=seconds, duplicates=done.duplicates, log=log, rules=rules, since=least
        )

    def _store(self, project: Project, until: int | None, show: Callable[[Done], None]) -> _Simulated:
        from relight.cli.history import asking
        from relight.simulate.from_log import simulate_log
        from relight.simulate.log_figures import figures_of_log

        with asking(self.project) as store:
            reached = store.reached() or 0
            log = (record for _, record in store.read_log())
            maker = day_maker_of(project.loaded)
            engine = simulate_log(
                project.plan,
                log,
                reached=reached,
                until=until,
                on_progress=lambda engine: show(engine.progress),
                day_maker=maker,
                keyed=getattr(store, "keyed", None),
            )
        return engine.store, figures_of_log(engine.store), engine.progress, engine.progress.reached - 1

    def _files(self, project: Project, until: int | None, show: Callable[[Done], None]) -> _Simulated:
        from relight.simulate.simulate import simulate

        maker = day_maker_of(project.loaded)
        streams = self._streams(project)
        result = simulate(
            project.loaded, streams=streams, until=until, on_progress=show, day_maker=maker, jobs=self.jobs
        )
        return result.store, result.log, result.progress, result.end

    def _streams(self, project: Project) -> dict[str, StreamPlan]:
        """Return the streams to read, with the events of this project and the declarations of the other."""
        from relight.cli.history import recorded_streams

        mine = recorded_streams(self.project, self.events)
        theirs = project.loaded.streams
        found = {}
        for name, stream in mine.items():
            if name not in theirs:
                raise UsageError(
                    f"{project.folder} declares no stream '{name}', so it cannot read these events",
                    help_text="compare folders that declare the same streams",
                )
            files = tuple(str((self.project.folder / file).absolute()) for file in stream.source.files)
            source = (
                stream.source
                if project is self.project
                else replace(theirs[name].source, kind="file", files=files, follow=False)
            )
            found[name] = replace(theirs[name], source=source)
        return found


def _write(path: Path, data: PageData, base: PageData | None) -> Path:
    """Write the report, and beside it the same figures for the pages of `relight web`."""
    from relight.simulate.pages import write_report

    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(f"{path.stem}-figures.json").write_text(
        json.dumps(_as_json(data, base), ensure_ascii=False), encoding="utf-8"
    )
    return write_report(path, data, base)


def _say(data: PageData, base: PageData | None, page: Path | None, wanted: Path | None) -> None:
    from relight.simulate.pages import simulate_text

    where = "" if wanted is None else f" --project {shlex.quote(str(wanted))}"
    say(simulate_text(data, base, explain=f"relight explain{where} --simulation last"))
    if page is not None:
        say(f"Report: {relative(page)}")


def _as_json(data: PageData, base: PageData | None) -> dict[str, object]:
    from relight.base.instants import iso_utc

    streams = data.streams
    before = {} if base is None else {rule.id: rule for rule in base.rules}
    rules = []
    for rule in data.rules:
        old = before.pop(rule.id, None)
        rules.append(_rule(rule) | ({} if base is None else {"now": None if old is None else _rule(old)}))
    rules += [{"rule": old.id, "messages": 0, "now": _rule(old)} for old in before.values()]
    return {
        "ok": True,
        "events": streams.events,
        "customers": streams.customers,
        "duplicates": streams.duplicates,
        "dead_letters": streams.dead_total,
        "began": None if streams.began is None else iso_utc(streams.began),
        "ended": None if streams.ended is None else iso_utc(streams.ended),
        "messages": data.messages,
        "people": data.people,
        "not_sent": data.not_sent,
        "held_out": data.held_out,
        "messages_per_customer": {
            "median": data.quantile(0.5),
            "p95": data.quantile(0.95),
            "most": max(data.per_customer, default=0),
        },
        "rules": rules,
    }


def _rule(rule: object) -> dict[str, object]:
    from relight.simulate.pages import RuleFigures

    assert isinstance(rule, RuleFigures)
    return {
        "rule": rule.id,
        "occurred": rule.occurred,
        "entered": rule.entered,
        "messages": rule.messages,
        "people": rule.people,
        "held_out": rule.held_out,
        "not_sent": dict(rule.not_sent),
        "counted": dict(rule.counted),
        "ended": dict(rule.ended),
    }
