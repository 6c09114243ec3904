"""Where a customer's history is read from: the store, or the project's recorded files.

Sends nothing, changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import UsageError
from relight.base.suggest import suggest_words
from relight.streams.envelope import Control, DeadLetter, order_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.cli.project import Project
    from relight.engine.explain_holds import Hold
    from relight.messages.ledger import LedgerRow
    from relight.messages.life import MessageState
    from relight.rules.plan import Plan
    from relight.stores.interface import MessageStatus, Store
    from relight.streams.envelope import Event, Record
    from relight.streams.plan import StreamPlan

#: Customers that did-you-mean looks through.
CUSTOMERS_LOOKED_AT = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What explain folds."""

    own: Sequence[Record]
    everybody: Sequence[Record]
    #: Plan versions that the log names, as far as they are kept.
    plans: Sequence[Plan]
    #: The last instant that time came to (µs).
    reached: int
    #: When the plan came into force where the log does not say.
    first: int | None = None
    #: None: take the rows that folding gives.
    ledger: Sequence[LedgerRow] | None = None
    #: Occurrence key -> where its message is in its life.
    journal: Mapping[str, MessageState] = field(default_factory=dict)
    #: Occurrence key -> what was last said about its message: the provider's words, or why it waits.
    answers: Mapping[str, str] = field(default_factory=dict)
    #: Occurrence key -> what keeps its message, which is decided, from leaving now.
    holds: Mapping[str, Hold] = field(default_factory=dict)
    #: Address hash -> how the list names it once somebody with it was erased; None where nobody was.
    keyed: Callable[[str], str] | None = None


@contextmanager
def reading(project: Project) -> Iterator[Store]:
    """Give the project's store for reading; works while an engine runs. Raises UsageError where there is none yet."""
    from relight.stores.opening import open_store

    store = open_store(project.settings.store, project.folder, read_only=True)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def asking(project: Project) -> Iterator[Store]:
    """Give the project's store for reading with its log, on a cluster that of Kafka; raises as `reading`."""
    from relight.engine.asking import open_to_ask

    store = open_to_ask(project.settings, project.folder)
    try:
        yield store
    finally:
        store.close()


def history_of_store(project: Project, customer: str) -> History:
    """Return a customer's history as the store keeps it.

    Raises UsageError for somebody unknown, with the nearest id.
    """
    from relight.engine.customer_past import past_of
    from relight.engine.plan_versions import plans_named

    with asking(project) as store:
        past = past_of(store, customer)
        if not past.own and past.reached is None:
            raise UsageError(f"the store {project.store_name} is empty", help_text="`relight run` fills it")
        if not past.own:
            raise _unknown(customer, store.customers())
        rows = list(store.ledger(customer=customer))
        found = ((row.occurrence_key, store.message(row.occurrence_key)) for row in rows)
        statuses = {key: status for key, status in found if status is not None}
        return History(
            own=past.own,
            everybody=past.everybody,
            plans=plans_named(store, project.plan, past.everybody),
            reached=past.last,
            ledger=rows,
            journal={key: status.state for key, status in statuses.items()},
            answers={one.occurrence_key: one.text for one in store.attempts_of(customer) if one.text},
            holds=_holds(project, store, list(statuses.values())),
            keyed=getattr(store, "keyed", None),
        )


def _holds(project: Project, store: Store, statuses: Sequence[MessageStatus]) -> Mapping[str, Hold]:
    """Return what keeps messages back, also by words in the inbox that no engine has read yet."""
    from relight.engine.explain_holds import holds_of
    from relight.stores.opening import open_inbox_to_read

    now, delivery = time.time_ns() // 1_000, project.settings.delivery
    inbox = open_inbox_to_read(project.settings.store, project.folder)
    if inbox is None:
        return holds_of(store, None, delivery, statuses, now)
    with closing(inbox):
        return holds_of(store, inbox, delivery, statuses, now)


def simulated_history(project: Project, customer: str) -> History:
    """Return a customer's history as the last simulation had it: under the rules of now from the first event on."""
    from relight.cli.simulated import last_simulation

    last = last_simulation(project)
    if last.from_store:
        found = _under_present_rules(project, customer)
    else:
        found = history_of_files(project, recorded_streams(project, last.events), customer)
    return found if last.until is None else replace(found, reached=last.until)


def _under_present_rules(project: Project, customer: str) -> History:
    from relight.engine.customer_past import Past, past_of

    with asking(project) as store:
        past = past_of(store, customer)
        if not past.own:
            raise _unknown(customer, store.customers())
        everybody = [r for r in past.everybody if not (isinstance(r, Control) and r.kind in ("plan", "gap"))]
        first = next((r.ingest_time for _, r in store.read_log(limit=1)), 0)
        reached = Past(own=past.own, everybody=everybody, reached=past.reached).last
        own = _as_simulated_from_store(project, store, past.own, customer)
    return History(own=own, everybody=everybody, plans=(project.plan,), reached=reached, first=first)


def _told_from_all(project: Project) -> frozenset[str]:
    """Return kinds of a customer's records that an engine makes of others: measures, what people of an account do."""
    from relight.cli.project import day_maker_of
    from relight.engine.accounts import OF_ACCOUNTS, shared_accounts

    measures = {"measures"} if day_maker_of(project.loaded) is not None else set()
    return frozenset(measures | (OF_ACCOUNTS if shared_accounts(project.plan) is not None else set()))


def _as_simulated_from_store(project: Project, store: Store, own: Sequence[Record], customer: str) -> list[Record]:
    """Return a customer's records with what an engine under the rules of now would have put into their log."""
    from relight.cli.project import day_maker_of
    from relight.engine.accounts import OF_ACCOUNTS
    from relight.simulate.from_log import simulate_log

    kinds = _told_from_all(project)
    kept = [r for r in own if not (isinstance(r, Control) and r.kind in kinds | OF_ACCOUNTS)]
    if not kinds:
        return kept
    log = (record for _, record in store.read_log())
    engine = simulate_log(
        project.plan,
        log,
        reached=store.reached() or 0,
        day_maker=day_maker_of(project.loaded),
        keyed=getattr(store, "keyed", None),
    )
    return sorted([*kept, *_of_kinds(engine.store, customer, kinds)], key=order_key)


def _of_kinds(store: Store, customer: str, kinds: frozenset[str]) -> list[Record]:
    return [r for _, r in store.customer_log(customer) if isinstance(r, Control) and r.kind in kinds]


def _as_simulated_from_files(
    project: Project, streams: Mapping[str, StreamPlan], own: Sequence[Record], customer: str
) -> list[Record]:
    """Return the same for recorded files: what is made from everybody needs everybody, so all are simulated."""
    from relight.cli.project import day_maker_of
    from relight.simulate.simulate import simulate

    kinds = _told_from_all(project)
    if not kinds:
        return list(own)
    result = simulate(project.loaded, streams=streams, day_maker=day_maker_of(project.loaded))
    return sorted([*own, *_of_kinds(result.store, customer, kinds)], key=order_key)


def history_of_files(project: Project, streams: Mapping[str, StreamPlan], customer: str) -> History:
    """Return a customer's history as recorded files tell it.

    Raises UsageError for somebody unknown, with the nearest id.
    """
    own: list[Event] = []
    everybody: list[Event] = []
    seen: set[tuple[str, str | None, str]] = set()
    known: dict[str, None] = {}
    first: int | None = None
    reached = 0
    for record in _records(project, streams):
        if isinstance(record, DeadLetter):
            continue
        first = record.ingest_time if first is None else first
        reached = max(reached, record.ingest_time)
        if record.customer is not None and record.customer != customer:
            if len(known) < CUSTOMERS_LOOKED_AT:
                known[record.customer] = None
            continue
        identity = (record.stream, record.customer, record.id)
        if identity not in seen:
            seen.add(identity)
            (everybody if record.customer is None else own).append(record)
    if not own:
        raise _unknown(customer, known)
    horizons = [s.source.horizon for s in streams.values() if s.source.horizon is not None]
    return History(
        own=_as_simulated_from_files(project, streams, own, customer),
        everybody=everybody,
        plans=(project.plan,),
        reached=max([reached, *horizons]),
        first=first,
    )


def _records(project: Project, streams: Mapping[str, StreamPlan]) -> Iterator[Event | DeadLetter]:
    from relight.engine.feed import Feed

    return Feed(streams=streams, folder=project.folder).records()


def _unknown(customer: str, known: object) -> UsageError:
    words = [name for name, _ in zip(known, range(CUSTOMERS_LOOKED_AT), strict=False)]  # type: ignore[call-overload]  # an iterable of ids
    near = suggest_words(customer, words)
    return UsageError(
        f"there is no customer '{customer}'" + (f"; {near}" if near and near.startswith("did") else ""),
        help_text="an id is written as the events write it",
    )


def recorded_streams(project: Project, files: Sequence[str]) -> dict[str, StreamPlan]:
    """Return the finished streams to read: the project's own, or those that `[STREAM=]FILE` options name.

    Raises UsageError where a file belongs to no stream, or the project has no recorded files.
    """
    streams = project.loaded.streams
    if not files:
        own = {name: stream for name, stream in streams.items() if stream.source.is_finished}
        if not own:
            raise UsageError(
                "no stream of this project reads a recorded file", help_text="name one: --events FILE, or --from-store"
            )
        return own
    found: dict[str, StreamPlan] = {}
    for text in files:
        name, path = _stream_of(text, streams)
        source = replace(streams[name].source, kind="file", files=(str(path.absolute()),), follow=False, horizon=None)
        found[name] = _with_source(streams[name], source, found.get(name))
    return found


def _with_source(stream: StreamPlan, source: object, before: StreamPlan | None) -> StreamPlan:
    from relight.streams.plan import SourcePlan

    assert isinstance(source, SourcePlan)
    if before is not None:
        source = replace(source, files=(*before.source.files, *source.files))
    return replace(stream, source=source)


def _stream_of(text: str, streams: Mapping[str, StreamPlan]) -> tuple[str, Path]:
    name, sign, rest = text.partition("=")
    if sign and name in streams:
        path = Path(rest)
    else:
        name, path = "", Path(text)
    if not path.is_file():
        raise UsageError(f"--events: there is no file {path}")
    if name:
        return name, path
    fitting = [n for n, s in streams.items() if any(Path(f).name == path.name for f in s.source.files)]
    if len(streams) == 1:
        fitting = list(streams)
    if len(fitting) != 1:
        raise UsageError(
            f"--events: it is not clear which stream {path} belongs to",
            help_text=f"write --events STREAM={path}, with one of {', '.join(sorted(streams))}",
        )
    return fitting[0], path
