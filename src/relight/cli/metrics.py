"""`relight metrics`: whether customers stay, what each rule did, and how far the targets are. Reads only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.cli.output import note, say, say_json
from relight.cli.project import Project, open_project, project_options
from relight.cli.times import instant_or_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.metrics import Asked, Measure, MeasureLog, RuleEffect
    from relight.streams.envelope import Event
    from relight.streams.plan import StreamPlan

#: What may be asked for beside measures, efforts, funnels and boards.
SPECIAL = ("cohorts", "effects", "targets")


@click.command("metrics", short_help="Say whether customers stay, and what each rule did.")
@click.argument("name", required=False)
@click.option("--events", multiple=True, metavar="[STREAM=]FILE", help="Read recorded events instead of the store.")
@click.option("--since", metavar="TIME", help="Series from here on: a time, or 90d back from the end.")
@click.option("--by", "part", type=click.Choice(["segment", "cohort", "product"]), help="The same for each part.")
@click.option("--per", "width", type=click.Choice(["day", "week", "month", "quarter", "year"]), help="Another period.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Rows with every period.")
@project_options
def command(
    *,
    name: str | None,
    events: tuple[str, ...],
    since: str | None,
    part: str | None,
    width: str | None,
    as_json: bool,
    as_csv: bool,
    project: Path | None,
    environment: str | None,
) -> None:
    """Say whether customers stay: each measure with its value, definition and history.

    Reads the store; where there is none, the project's recorded files.

    NAME is a measure, a declared effort, funnel or board, or one of cohorts, effects and targets. Without it every
    measure is told.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other")
    found = open_project(project, environment)
    source = _Source(found, events)
    source.known(name)
    if part is not None and name is not None and name not in source.measure_names():
        raise UsageError("--by is of measures", help_text="leave NAME out, or name a measure")
    source.read(since, width)
    show = "json" if as_json else "csv" if as_csv else "text"
    if name == "cohorts":
        source.cohorts(show)
    elif name == "effects":
        source.effects(show)
    elif name == "targets":
        source.targets(show)
    elif name is not None and name in source.plan.funnels:
        source.funnel(name, show)
    elif name is not None and name in source.plan.boards and name not in source.measure_names():
        source.board(name, show)
    else:
        source.measures(name, part, show)


class _Source:
    """The log that is asked, and what was read of it."""

    log: MeasureLog
    asked: Asked

    def __init__(self, project: Project, events: tuple[str, ...]) -> None:
        assert project.loaded.measures is not None
        self.project, self.events = project, events
        #: Recorded events are read instead of the store: those named, or the project's own where there is no store.
        self.is_recorded = bool(events) or not project.has_store
        self.plan = project.loaded.measures

    def measure_names(self) -> list[str]:
        from relight.metrics import measure_names

        return measure_names(self.plan)

    def known(self, name: str | None) -> None:
        """Raise UsageError for a name that is none."""
        words = [*self.measure_names(), *SPECIAL, *self.plan.funnels, *self.plan.boards]
        if name is not None and name not in words:
            advice = suggest_words(name, words)
            near = advice is not None and advice.startswith("did")
            message = f"there is no measure '{name}'" + (f"; {advice}" if near else "")
            raise UsageError(message, help_text=None if near else "`relight metrics` without a name tells them all")

    # ------------------------------------------------------------ reading
    def read(self, since: str | None, width: str | None) -> None:
        from relight.cli.history import asking
        from relight.metrics import Asked, MeasureLog, goal_sources

        self.log = MeasureLog(self.plan, also=goal_sources(self.project.plan))
        if self.is_recorded:
            if not self.events:
                note(f"there is no store {self.project.store_name} yet: the recorded files are read")
            self.log.read_events(self.recorded())
            streams = self._streams().values()
            horizons = [one.source.horizon for one in streams if one.source.horizon is not None]
            until = max([self.log.reached or 0, *horizons]) + 1
        else:
            with asking(self.project) as store:
                self.log.read_store(store)
                until = store.reached() or (self.log.reached or 0) + 1
        begin = None if since is None else instant_or_span(since, self.plan.zone, "--since", end=until)
        self.asked = Asked(until=until, since=begin, width=width)

    def _streams(self) -> dict[str, StreamPlan]:
        from relight.cli.history import recorded_streams

        return recorded_streams(self.project, self.events)

    def recorded(self) -> Iterator[Event]:
        from relight.engine.feed import Feed
        from relight.streams.envelope import DeadLetter

        for record in Feed(streams=self._streams(), folder=self.project.folder).records():
            if not isinstance(record, DeadLetter):
                yield record

    def _members(self) -> dict[str, set[str]]:
        from relight.cli.history import asking
        from relight.metrics.slices import segment_members

        if not self.plan.definitions.segments:
            raise UsageError("--by segment: rules/definitions.yaml has no segments")
        if self.is_recorded:
            return segment_members(self.plan, self.recorded(), until=self.asked.until)
        with asking(self.project) as store:
            records = (record for _, record in store.read_log())
            return segment_members(self.plan, records, until=self.asked.until)

    # ------------------------------------------------------------ answers
    def measures(self, name: str | None, part: str | None, show: str) -> None:
        from relight.cli.metrics_text import measure_csv, measure_json, measures_text, one_measure_text

        found = self._measures(name, part)
        if show == "json":
            say_json("metrics", {"ok": True, "measures": [measure_json(one) for one in found]})
        elif show == "csv":
            say(measure_csv(found))
        elif name is not None and part is None:
            say(one_measure_text(found[0]))
        else:
            say(measures_text(found))

    def _measures(self, name: str | None, part: str | None) -> list[Measure]:
        from relight.metrics import compute_measures
        from relight.metrics.slices import measures_by_cohort, measures_by_product, measures_by_segment

        names = None if name is None else [name]
        if part == "cohort":
            return measures_by_cohort(self.log, self.asked, names)
        if part == "product":
            return measures_by_product(self.log, self.asked, names)
        if part == "segment":
            return measures_by_segment(self.log, self.asked, names, self._members())
        return compute_measures(self.log, self.asked, names)

    def cohorts(self, show: str) -> None:
        from relight.cli.metrics_text import cohort_csv, cohort_json, cohort_text
        from relight.metrics import cohort_table

        width = self.asked.width or ("month" if self.plan.period not in ("day", "week") else self.plan.period)
        table = cohort_table(self.log, width=width, until=self.asked.until, since=self.asked.since)
        if show == "json":
            say_json("metrics", {"ok": True, "cohorts": cohort_json(table)})
        else:
            say(cohort_csv(table) if show == "csv" else cohort_text(table))

    def funnel(self, name: str, show: str) -> None:
        from relight.cli.metrics_text import funnel_csv, funnel_json, funnel_text
        from relight.metrics import count_funnel

        counts = count_funnel(self.log, self.plan.funnels[name], until=self.asked.until)
        if show == "json":
            say_json("metrics", {"ok": True, "funnel": funnel_json(counts)})
        else:
            say(funnel_csv(counts) if show == "csv" else funnel_text(counts))

    def effects(self, show: str) -> None:
        from relight.cli.metrics_text import effect_csv, effect_json, effects_text

        found = self._effects()
        if show == "json":
            say_json("metrics", {"ok": True, "effects": [effect_json(one) for one in found]})
        else:
            say(effect_csv(found) if show == "csv" else effects_text(found, self.plan.currency))

    def _effects(self) -> list[RuleEffect]:
        from relight.cli.history import reading
        from relight.metrics import effects_of

        if self.is_recorded:
            raise UsageError(
                "effects are of what the engine decided, and recorded events do not tell that",
                help_text="`relight run` decides; then ask without --events",
            )
        with reading(self.project) as store:
            return effects_of(self.log, store, self.project.plan, since=self.asked.since)

    def targets(self, show: str) -> None:
        from relight.cli.metrics_text import target_csv, target_json, targets_text
        from relight.metrics import target_statuses

        found = target_statuses(self.log, self.asked)
        if show == "json":
            say_json("metrics", {"ok": True, "targets": [target_json(one) for one in found]})
        else:
            say(target_csv(found) if show == "csv" else targets_text(found))

    def board(self, name: str, show: str) -> None:
        """Tell a board: its items one after another."""
        from relight.cli.metrics_board import board_json, board_text
        from relight.metrics import board_parts

        if show == "csv":
            raise UsageError("a board is no table", help_text="ask its parts with --csv one by one")
        needs_effects = not self.is_recorded and any(one.kind == "rule" for one in self.plan.boards[name])
        parts = board_parts(self.log, self.asked, name, effects=self._effects() if needs_effects else ())
        if show == "json":
            say_json("metrics", {"ok": True, "board": name, "items": board_json(parts)})
        else:
            say(board_text(name, parts, self.plan.currency))
