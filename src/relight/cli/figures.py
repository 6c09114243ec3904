"""From a store or a simulation to the figures that pages and summaries show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from relight.delivery.files import file_name
from relight.base.instants import to_utc
from relight.simulate.pages import About, DeadGroup, PageData, StreamCounts, choose_mails, gather
from relight.streams.envelope import Event

if TYPE_CHECKING:
    from relight.cli.project import Project
    from relight.messages.ledger import OutboxMessage
    from relight.stores.interface import Store


def figures_of_store(project: Project, store: Store, *, seconds: float | None = None, duplicates: int = 0) -> PageData:
    """Return the figures of everything a store holds. Reads the log and the ledger once.

    seconds: how long the run took; duplicates: copies that the run met.
    """
    outcomes: Counter[tuple[str, str]] = Counter()
    messages: list[OutboxMessage] = []

    def each() -> Iterable[OutboxMessage]:
        for status in store.messages():
            outcomes[status.message.rule, status.state.value] += 1
            yield status.message

    mails = choose_mails(each(), eml_of=_eml_of(project))
    del messages
    return gather(
        store.ledger(),
        {(t.rule, t.reason, t.day): t.count for t in store.tallies()},
        about=about(project, seconds=seconds, outcomes=outcomes),
        streams=_streams(store, duplicates),
        mails=mails,
    )


def about(
    project: Project, *, seconds: float | None = None, outcomes: Mapping[tuple[str, str], int] | None = None
) -> About:
    """Return which project the figures are of."""
    rules = {rule.id: rule.name or rule.id for rule in project.plan.rules.values()}
    return About(
        project=project.plan.policy.project,
        zone=project.plan.policy.zone,
        rules=rules,
        seconds=seconds,
        outcomes=outcomes or {},
    )


def _eml_of(project: Project) -> Callable[[OutboxMessage], str | None]:
    is_file = project.settings.delivery.files is not None

    def eml(message: OutboxMessage) -> str | None:
        day = to_utc(message.scheduled).date().isoformat()
        return f"{day}/{file_name(message.occurrence_key)}.eml" if is_file else None

    return eml


def _streams(store: Store, duplicates: int) -> StreamCounts:
    customers: set[str] = set()
    events = late = 0
    began: int | None = None
    ended: int | None = None
    for _, record in store.read_log():
        if not isinstance(record, Event):
            continue
        events += 1
        late += record.late
        if record.customer is not None:
            customers.add(record.customer)
        at = record.event_time
        began = at if began is None or at < began else began
        ended = at if ended is None or at > ended else ended
    return StreamCounts(
        events=events,
        customers=len(customers),
        began=began,
        ended=ended,
        duplicates=duplicates,
        duplicates_differing=store.duplicates_differing(),
        late=late,
        dead=dead_groups(store),
    )


def dead_groups(store: Store) -> tuple[DeadGroup, ...]:
    """Return the dead letters that were not replayed, by stream and code, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for kept in store.dead_letters():
        if kept.replayed_at is None:
            key = (kept.letter.stream, kept.letter.code)
            counts[key] += 1
            examples.setdefault(key, f"{kept.letter.source}: {kept.letter.reason}")
    return tuple(
        DeadGroup(stream=stream, code=code, count=count, example=examples[stream, code])
        for (stream, code), count in counts.most_common()
    )


def outbox_folder(project: Project) -> Path | None:
    """Return the folder that mails go to, None where they leave by other ways."""
    files = project.settings.delivery.files
    return None if files is None else project.folder / files
