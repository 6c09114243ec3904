"""What each local day brings before anything else of it: control records that somebody above makes from the log so far.

Measures of customers are served this way: a function of the log up to the beginning of a day of the project's zone, so
that decisions stay functions of the log. A beginning is cut out of a batch and durable with it where the store can,
else by itself; after a crash the same beginning is made again and brings what is not in the log yet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeAlias

from relight.base.errors import FaultError
from relight.base.instants import INSTANT_MIN, day_start, to_local
from relight.rules.plan import EventTrigger, Plan
from relight.streams.envelope import Control, DeadLetter, Event
from relight.streams.target_events import TARGET_MISSED

if TYPE_CHECKING:
    from relight.engine.progress import Progress
    from relight.rules.world import World, WorldState
    from relight.stores.interface import Store
    from relight.streams.envelope import Record

#: What the engine takes.
Taken: TypeAlias = Event | Control | DeadLetter
#: A plan of the log: the instant of its record (µs), and its version.
Told: TypeAlias = tuple[int, str]
#: Records of a beginning in one batch.
DAY_RECORDS_MAX = 5_000


class DayMaker(Protocol):
    """Makes the records of a beginning."""

    def __call__(self, store: Store, names: Collection[str], now: int) -> Iterable[Control | Event]:
        """Return what changed in the measures `names`, from the records of the store before `now` (µs).

        Control records first. `target_missed` among the names asks for the events of missed targets as well.
        """

    def forget(self) -> None:
        """Read the log from its beginning at the next call: what was read last may not stand in it."""


class DaysOfEverybody(Protocol):
    """Who makes what local days begin with, for all customers."""

    def come_to(self, plans: Sequence[Told], until: int) -> Iterable[Sequence[Record]]:
        """Yield what each beginning before an instant (µs) brings that was not made yet, in order."""


@dataclass(slots=True, kw_only=True)
class Days:
    """The beginnings of days as one engine meets them."""

    maker: DayMaker
    #: The last beginning that was made (µs).
    done: int = INSTANT_MIN

    def next_start(self, state: WorldState, reached: int) -> int | None:
        """Return the next beginning from where time stands (µs); None without a plan that reads measures.

        One inside a gap is passed by: the engine did not run, and the next one brings everything (H9).
        """
        plan = state.plan
        if plan is None or reached <= INSTANT_MIN or not wanted_by(plan):
            return None
        zone = plan.policy.zone
        start = first_midnight(max(reached, self.done), zone)
        while start <= self.done or state.past_gaps(start) != start:
            start = first_midnight(start + 1, zone)
        return start

    def parts(self, store: Store, state: WorldState, start: int) -> Iterator[list[Control | Event]]:
        """Yield what a beginning brings, a batch at a time; then it is done."""
        assert state.plan is not None
        brought = iter(self.maker(store, wanted_by(state.plan), start))
        while part := list(islice(brought, DAY_RECORDS_MAX)):
            yield part
        self.done = start

    def return_to(self, done: int) -> None:
        """Stand again where `done` was the last beginning: those after it were not durable."""
        self.done = done
        self.maker.forget()


class Taking(Protocol):
    """What days ask of an engine."""

    store: Store
    world: World
    progress: Progress
    is_ahead: bool

    def stand_again(self) -> None:
        """Stand where the store stands, after a failure in the middle of something."""

    def take_batch(self, records: Sequence[Taken], positions: Mapping[str, str], reached: int | None) -> object:
        """Decide on a batch in which no day begins."""


@contextmanager
def as_one(engine: Taking, days: Days) -> Iterator[None]:
    """Make a batch and the days that begin in it durable at once; what fails inside leaves nothing behind."""
    if engine.is_ahead:
        engine.stand_again()
    done, progress = days.done, replace(engine.progress, rows_by=engine.progress.rows_by.copy())
    try:
        with engine.store.together():
            yield
    except BaseException:
        engine.is_ahead, engine.progress = True, progress
        days.return_to(done)
        raise


def begin_days(engine: Taking, days: Days, records: Sequence[Taken], until: int) -> Sequence[Taken]:
    """Take what comes before each beginning of a day, and what that brings; return the rest of a batch."""
    while True:
        start = days.next_start(engine.world.states[-1], engine.progress.reached)
        plan = _first_plan(records, until if start is None else min(start, until))
        if plan is not None:  # from there on other measures may be read
            engine.take_batch(records[: plan + 1], {}, records[plan].ingest_time)
            records = records[plan + 1 :]
            continue
        if start is None or start > until:
            return records
        earlier, records = cut_at(records, start)
        engine.take_batch(earlier, {}, start)
        for part in days.parts(engine.store, engine.world.states[-1], start):
            engine.take_batch(part, {}, start)


def _first_plan(records: Sequence[Taken], before: int) -> int | None:
    """Return the place of the first plan record before an instant (µs); None where none is."""
    places = (n for n, one in enumerate(records) if isinstance(one, Control) and one.kind == "plan")
    place = next(places, None)
    return None if place is None or records[place].ingest_time >= before else place


def wanted_by(plan: Plan) -> frozenset[str]:
    """Return the measures that a plan's rules and letters read, and `target_missed` where a rule waits for it."""
    triggers = (rule.trigger for rule in plan.rules.values())
    waits = any(isinstance(one, EventTrigger) and one.match.event == TARGET_MISSED for one in triggers)
    return frozenset(plan.layout.measures) | ({TARGET_MISSED} if waits else frozenset())


def last_of(records: Sequence[Taken]) -> int:
    """Return the last ingest time of a batch (µs), INSTANT_MIN for an empty one."""
    return max((one.ingest_time for one in records), default=INSTANT_MIN)


def cut_at(records: Sequence[Taken], start: int) -> tuple[list[Taken], list[Taken]]:
    """Return what came before an instant (µs), and the rest; dead letters stay with the rest, beside its place."""
    earlier: list[Taken] = [one for one in records if not isinstance(one, DeadLetter) and one.ingest_time < start]
    return earlier, [one for one in records if isinstance(one, DeadLetter) or one.ingest_time >= start]


def days_of(plan: Plan, maker: DayMaker | None) -> Days | None:
    """Return the days of an engine; raises FaultError where a plan reads measures that nobody makes."""
    if maker is None and wanted_by(plan):
        names = ", ".join(sorted(wanted_by(plan)))
        raise FaultError(f"rules read the measures {names}, and nobody was given to make them: pass a day_maker")
    return None if maker is None else Days(maker=maker)


def first_midnight(instant: int, zone: str) -> int:
    """Return the first beginning of a local day at or after an instant (µs)."""
    day = to_local(instant, zone).date()
    start = day_start(day, zone)
    return start if start >= instant else day_start(day + dt.timedelta(days=1), zone)
