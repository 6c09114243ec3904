"""Runs decide and the engine over a log of the independent model, in ways that must not change a row (I2, I8, I9)."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from relight.customers.codec import decode_profile, encode_profile
from relight.customers.profile import Profile
from relight.decide import Effects, live_until, take_record
from relight.engine.engine import Engine
from relight.messages.ledger import LedgerRow
from relight.rules.world import World
from relight.stores.interface import Store
from relight.streams.envelope import SKEW_MAX, Control, DeadLetter, Event, Rank
from tests.model.translate import translate_log
from tests.support.model_logs import ModelLog, Rows


@dataclass(slots=True)
class Run:
    """decide on its way through a log."""

    world: World
    profiles: dict[str, Profile]
    effects: dict[str, Effects]
    #: Each customer's own events so far.
    past: dict[str, list[Event]]

    def live(self, customer: str, until: int, rank: Rank = Rank.EVENT) -> None:
        """Let time come to an instant for one customer."""
        live_until(
            self.world, self.profiles[customer], until, self.effects[customer], rank=rank,
            history=lambda: list(self.past[customer]),
        )  # fmt: skip

    def take(self, record: Event | Control) -> None:
        """Take the next record of the log."""
        customer = record.customer
        if customer is None:
            self.world.append(record)
            return
        past = self.past[customer]
        take_record(self.world, self.profiles[customer], record, self.effects[customer], history=lambda: list(past))
        if isinstance(record, Event):
            self.past[customer].append(record)


#: Does something before the next record, which has this ingest time.
Between = Callable[[Run, int], None]


def shape(rows: Sequence[LedgerRow]) -> list[tuple[Any, ...]]:
    """Return rows in the model's shape: (rule, occurrence, step, state, reason, instant, scheduled)."""
    states = {"pending": "send"}
    return [
        (r.rule, r.occurrence, r.step, states.get(r.state, str(r.state)), r.reason, r.instant, r.scheduled)
        for r in rows
    ]


def dead_or_alive(one: ModelLog) -> list[Event | Control | DeadLetter]:
    """Return our records of a log; an event too far ahead of its arrival is a dead letter (H5)."""
    records, _ = translate_log(one.log)
    found: list[Event | Control | DeadLetter] = []
    for record, raw in zip(records, one.log, strict=True):
        if isinstance(record, Event) and record.customer is not None and raw.et - raw.t > SKEW_MAX:
            found.append(
                DeadLetter(
                    stream=record.stream, position=record.position, source="log", code="time-ahead", reason="ahead",
                    raw=b"", ingest_time=record.ingest_time,
                )
            )  # fmt: skip
        else:
            found.append(record)
    return found


def decide_rows(one: ModelLog, between: Between | None = None) -> Rows:
    """Return the rows of decide over a log, with something done between every two records."""
    _, plans = translate_log(one.log)
    run = Run(
        World(), {c: Profile(customer=c) for c in one.customers}, {c: Effects() for c in one.customers},
        {c: [] for c in one.customers},
    )  # fmt: skip
    for plan in plans.values():
        run.world.register(plan)
    seen: set[tuple[str, str | None, str]] = set()
    for record in dead_or_alive(one):
        if isinstance(record, DeadLetter):
            continue
        if isinstance(record, Event):
            identity = (record.stream, record.customer, record.id)
            if identity in seen:
                continue
            seen.add(identity)
        if between is not None:
            between(run, record.ingest_time)
        run.take(record)
    for c in one.customers:
        run.live(c, one.until)
    return {c: shape(run.effects[c].rows) for c in one.customers}


def through_bytes(run: Run, now: int) -> None:
    """Write every profile down and read it back, as eviction does."""
    del now
    for customer, profile in run.profiles.items():
        plan = run.world.states[profile.world].plan
        if plan is not None:
            run.profiles[customer] = decode_profile(plan.layout, encode_profile(profile))


def idle(seed: int) -> Between:
    """Return a pause in which time comes to some instants before the next record."""
    dice = random.Random(seed)

    def between(run: Run, now: int) -> None:
        for customer, profile in run.profiles.items():
            if run.world.records:
                begin = max(profile.now, run.world.records[0].ingest_time)
                for until in sorted(dice.randint(min(begin, now), now) for _ in range(dice.randint(0, 2))):
                    run.live(customer, until, Rank.CONTROL)

    return between


# ---------------------------------------------------------------- the engine
def engine_rows(
    one: ModelLog,
    open_store: Callable[[], Store],
    *,
    seed: int,
    cached_profiles: int = 1,
    reopen: Callable[[Store], Store] | None = None,
    copies: int = 0,
) -> Rows:
    """Return the ledger of an engine fed with a log in batches cut at random.

    reopen: given the store halfway, returns the store to go on with; the engine is made anew there and recovers.
    copies: how many copies of earlier events are mixed in.
    """
    dice = random.Random(seed)
    records = dead_or_alive(one)
    _, plans = translate_log(one.log)
    records = _with_copies(records, dice, copies)
    halfway = dice.randint(1, len(records)) if reopen is not None else len(records) + 1
    store = open_store()
    engine = Engine(store, cached_profiles=cached_profiles)
    for plan in plans.values():
        engine.world.register(plan)
    at = 0
    while at < len(records):
        size = dice.choice([1, 1, 2, 5, 30])
        cut = min(at + size, halfway) if at < halfway else at + size
        engine.take(records[at:cut])
        at = min(cut, len(records))
        if dice.random() < 0.3:
            engine.checkpoint()
        if at == halfway and reopen is not None:
            store = reopen(store)
            engine = Engine(store, cached_profiles=cached_profiles)
            engine.recover(plans.values())
    engine.advance(one.until)
    rows = list(store.ledger())
    store.close()
    return {c: shape([r for r in rows if r.customer == c]) for c in one.customers}


def _with_copies(
    records: list[Event | Control | DeadLetter], dice: random.Random, copies: int
) -> list[Event | Control | DeadLetter]:
    found = list(records)
    for _ in range(copies):
        at = dice.randrange(len(found))
        first = found[at]
        if isinstance(first, Event):
            place = dice.randint(at + 1, len(found))
            again = copy.copy(first)
            if place > at + 1:
                again.ingest_time = max(r.ingest_time for r in found[at:place])
            found.insert(place, again)
    return found
