"""A stored log through the same engine again, with the memory store and no way to send (I9).

As it was, under the plans it names (replay), or as it would have been under another plan (simulate).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MIN
from relight.customers.revive import revive_record
from relight.engine.accounts import OF_ACCOUNTS
from relight.engine.daily import DayMaker, days_of
from relight.engine.engine import Engine
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.rules.plan import Plan
    from relight.stores.erasure_key import Keyed
    from relight.streams.envelope import Record

#: Records of one batch.
BATCH_RECORDS = 1_000
#: Control records that belong to the run that wrote them, not to what happened.
_OF_THE_RUN = OF_ACCOUNTS | {"plan", "gap"}


def replay_log(
    plans: Iterable[Plan],
    log: Iterable[Record],
    *,
    reached: int,
    on_progress: Callable[[Engine], None] | None = None,
    keyed: Keyed | None = None,
) -> Engine:
    """Return an engine on a memory store that decided a log again as it was.

    plans: every version that the log names; reached: how far time had come (µs): all j < reached are judged; keyed:
    names the erased where the log's store has any.
    """
    engine = Engine(MemoryStore(keyed=keyed), cached_profiles=2**31)
    for plan in plans:
        engine.world.register(plan)
    # What an account's people are told is told again as it was; a place before a message is known by its minute.
    take_log(engine, (r for r in log if not (isinstance(r, Control) and r.kind == "members")), on_progress)
    engine.advance(reached)
    return engine


def simulate_log(  # noqa: PLR0913 - one simulation, all of it by keyword
    plan: Plan,
    log: Iterable[Record],
    *,
    reached: int,
    until: int | None = None,
    on_progress: Callable[[Engine], None] | None = None,
    day_maker: DayMaker | None = None,
    keyed: Keyed | None = None,
) -> Engine:
    """Return an engine on a memory store that decided a log as if `plan` had been in force from its first record.

    until: leaves out what came after it (µs, inclusive); day_maker: makes what each local day begins with, in the place
    of what the log holds of it; keyed: names the erased where the log's store has any.
    """
    engine = Engine(MemoryStore(keyed=keyed), cached_profiles=2**31)
    engine.days = days_of(plan, day_maker)
    engine.world.register(plan)
    take_log(engine, _under(plan, log, until, _OF_THE_RUN | ({"measures"} if day_maker else set())), on_progress)
    engine.advance(reached if until is None else min(reached, until + 1))
    return engine


def _under(plan: Plan, log: Iterable[Record], until: int | None, left_out: frozenset[str]) -> Iterator[Record]:
    begun = False
    for record in log:
        if until is not None and record.ingest_time > until:
            return
        if isinstance(record, Control) and record.kind in left_out:
            continue
        if not begun:
            begun = True
            yield Control(kind="plan", ingest_time=record.ingest_time, subject=plan.version)
        yield record


def take_log(engine: Engine, log: Iterable[Record], on_progress: Callable[[Engine], None] | None) -> None:
    """Hand a log to an engine in batches, each record in its memory form."""
    records = iter(log)
    reached = INSTANT_MIN
    while batch := list(islice(records, BATCH_RECORDS)):
        for records_of_one_plan in _cut_at_plans(batch):
            revived = [revive_record(engine.layout, record) for record in records_of_one_plan]
            reached = max(reached, *(record.ingest_time for record in revived))
            engine.take(revived, reached=reached)
        if on_progress is not None:
            on_progress(engine)


def _cut_at_plans(batch: list[Record]) -> Iterator[list[Record]]:
    """Yield a batch in pieces that end with each plan record: what comes after is read by the new plan's types."""
    piece: list[Record] = []
    for record in batch:
        piece.append(record)
        if isinstance(record, Control) and record.kind == "plan":
            yield piece
            piece = []
    if piece:
        yield piece
