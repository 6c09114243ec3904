"""From a store or a simulation to the figures that pages and summaries show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.instants import to_local, to_utc
from relight.delivery.files import file_name
from relight.simulate.log_figures import LogFigures, figures_of_log
from relight.simulate.pages import About, DeadGroup, PageData, StreamCounts, choose_mails, gather
from relight.streams.plan import shown_place

if TYPE_CHECKING:
    from relight.cli.project import Project
    from relight.messages.ledger import OutboxMessage
    from relight.stores.interface import Store
    from relight.streams.plan import StreamPlan


def figures_of_store(
    project: Project,
    store: Store,
    *,
    seconds: float | None = None,
    duplicates: int = 0,
    log: LogFigures | None = None,
    rules: Sequence[str] | None = None,
    since: int | None = None,
) -> PageData:
    """Return the figures of everything a store holds. Reads the log and the ledger once.

    seconds: how long the run took; duplicates: copies that the run met; log: its figures, where they are known; rules:
    only these; since: only rows judged from here on (µs).
    """
    wanted = set(project.plan.rules if rules is None else rules)
    outcomes: Counter[tuple[str, str]] = Counter()

    def each() -> Iterable[OutboxMessage]:
        for status in store.messages():
            message = status.message
            if rules is None or message.rule in wanted:
                outcomes[message.rule, status.state.value] += 1
                yield message

    mails = choose_mails(each(), eml_of=_eml_of(project))
    zone = project.plan.policy.zone
    first_day = None if since is None else to_local(since, zone).toordinal()
    counted = {
        (t.rule, t.reason, t.day): t.count
        for t in store.tallies()
        if (rules is None or t.rule in wanted) and (first_day is None or t.day >= first_day)
    }
    return gather(
        (row for row in store.ledger(since=since) if rules is None or row.rule in wanted),
        counted,
        about=about(project, rules=wanted, seconds=seconds, outcomes=outcomes),
        streams=_streams(project, store, figures_of_log(store) if log is None else log, duplicates),
        mails=mails,
    )


def about(
    project: Project,
    *,
    rules: Container[str],
    seconds: float | None = None,
    outcomes: Mapping[tuple[str, str], int] | None = None,
) -> About:
    """Return which project the figures are of."""
    from relight.rules.plan import MessageClass, message_class_of

    titles = {rule.id: rule.name or rule.id for rule in project.plan.rules.values() if rule.id in rules}
    alerts = {
        (rule.id, step.id)
        for rule in project.plan.rules.values()
        for step in rule.program.steps.values()
        if message_class_of(rule, step) is MessageClass.INTERNAL
    }
    return About(
        project=project.plan.policy.project,
        zone=project.plan.policy.zone,
        rules=titles,
        seconds=seconds,
        outcomes=outcomes or {},
        alerts=alerts,
    )


def _eml_of(project: Project) -> Callable[[OutboxMessage], str | None]:
    is_file = project.settings.delivery.files is not None

    def eml(message: OutboxMessage) -> str | None:
        day = to_utc(message.scheduled).date().isoformat()
        return f"{day}/{file_name(message.occurrence_key)}.eml" if is_file else None

    return eml


def _streams(project: Project, store: Store, log: LogFigures, duplicates: int) -> StreamCounts:
    return StreamCounts(
        events=log.events,
        customers=log.customers,
        began=log.began,
        ended=log.ended,
        duplicates=duplicates,
        duplicates_differing=store.duplicates_differing(),
        late=log.late,
        dead=dead_groups(store, project.loaded.streams),
    )


def dead_groups(store: Store, streams: Mapping[str, StreamPlan]) -> tuple[DeadGroup, ...]:
    """Return the dead letters that wait for somebody, by stream and code, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for kept in store.dead_letters():
        if kept.ended_at is None:
            key = (kept.letter.stream, kept.letter.code)
            counts[key] += 1
            examples.setdefault(key, f"{shown_place(kept.letter, streams)}: {kept.letter.reason}")
    return tuple(
        DeadGroup(stream=stream, code=code, count=count, example=examples[stream, code])
        for (stream, code), count in counts.most_common()
    )


def outbox_folder(project: Project) -> Path | None:
    """Return the folder that mails go to, None where they leave by other ways."""
    files = project.settings.delivery.files
    return None if files is None else project.folder / files
