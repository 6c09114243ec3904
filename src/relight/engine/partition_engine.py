"""The engine of one partition of the log topic: its past is in the topic, and its accounts may reach over partitions.

Who is decided on here, and of whom others keep what follows, says `Housing`; without one it is who is in the partition.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MIN
from relight.customers.revive import revive_record
from relight.decide import Effects, live_until
from relight.engine.engine import Engine
from relight.engine.log_history import PLACE_DETAIL, LogHistory
from relight.engine.merges import is_unfilled_merge
from relight.engine.work import Work
from relight.stores.memory import MemoryStore
from relight.stores.partition import PartitionStore
from relight.stores.seen_ids import UNTOLD
from relight.streams.envelope import Control, Event, rank_of
from relight.streams.ids import body_hash, is_same_body

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from relight.engine.housing import Housing
    from relight.stores.placed_log import Place
    from relight.streams.envelope import DeadLetter, Record

#: Profiles that a look into the past keeps open: all.
_ALL = 2**31


class PartitionEngine(Engine):
    """An engine whose store knows of a copy only what it said, as a hash, and of the past only what the topic says."""

    store: PartitionStore
    #: Tells what the topic says of a customer; set before the first record is taken.
    past: LogHistory
    #: Who is decided on here; None: who is in this partition.
    housing: Housing | None = None

    def new_work(self) -> Work:
        """Return a batch with nothing in it; nothing is counted of those whom another partition keeps."""
        if self.housing is None:
            return Work()
        self._pasts: dict[str, list[Record]] = {}
        self._kept: dict[str, int] = {}
        work = Work(effects=Effects(elsewhere=self.housing.elsewhere))
        copies, self.housing.copies = self.housing.copies, []
        for pair in copies:
            first, copy_of = (revive_record(self.layout, one) for one in pair)
            assert isinstance(first, Event)
            assert isinstance(copy_of, Event)
            work.duplicates += 1
            work.differing += not is_same_body(first, copy_of)
        return work

    def _count_copy(self, work: Work, record: Event | Control, copy_of: Event | int) -> None:
        if isinstance(copy_of, int):
            work.duplicates += 1
            if isinstance(record, Event) and copy_of != UNTOLD:
                work.differing += copy_of != int.from_bytes(body_hash(record), "big")
        else:
            super()._count_copy(work, record, copy_of)

    # ------------------------------------------------------------ records
    def _take_own(self, work: Work, record: Event | Control) -> None:
        housing = self.housing
        if housing is None:
            super()._take_own(work, record)
            return
        customer = record.customer or ""
        coming = housing.coming_of(record)
        if coming.is_handed_over:
            self._hand_over(work, record, goes=not coming.is_here)
        # Not before: what came before this record of somebody handed over is counted here, and nowhere else.
        housing.elsewhere |= coming.elsewhere
        if coming.newcomers:
            self._take_in(coming.newcomers, record)
        if not coming.is_here:
            return
        letters = len(work.dead)
        super()._take_own(work, record)
        if customer in housing.elsewhere:
            del work.dead[letters:]

    def _hand_over(self, work: Work, record: Event | Control, *, goes: bool) -> None:
        """Bring somebody who had no account up to the record from which on another partition keeps what follows."""
        customer = record.customer or ""
        profile = self.profile(customer)
        live_until(
            self.world, profile, record.ingest_time, work.effects, rank=rank_of(record),
            history=lambda: self.history(work, customer),
        )  # fmt: skip
        self._kept[customer] = len(work.effects.rows)
        if goes:
            self.profiles.drop(customer)
            self.timers.forget(customer)
            self.store.drop_profile(customer)

    def _take_in(self, people: Collection[str], record: Event | Control) -> None:
        """Know people as the log has made them before a record: alone, or with whom they shared an account."""
        assert self.housing is not None
        place = self.housing.place_of(record)
        led = _Led(self, self.housing.past_of(people, place))
        led.come_to(people, record.ingest_time)
        for customer in sorted(people):
            profile = led.profile(customer)
            if profile.position < 0:
                continue
            self._pasts[customer] = [one for _, one in led.store.customer_log(customer)]
            profile.position = self._position
            self.profiles.put(profile)
            self.timers.arm(customer, profile.wake)
            self.accounts.house(profile, record.ingest_time)

    def _fill_merge(self, work: Work, record: Control) -> DeadLetter | None:
        if self.housing is not None and record.subject in self.timers:
            return super()._fill_merge(work, record)
        return self.past.fill(self.world, self.layout, record)  # it may be another's log

    def _own_log(self, work: Work, customer: str) -> Iterator[Record]:
        taken_in = None if self.housing is None else self._pasts.get(customer)
        if taken_in is None:
            reached = self.store.reached()
            yield from self.past.own_log(self.world, self.layout, customer, before=(reached or INSTANT_MIN, -1, -1))
        else:
            yield from taken_in
        for logged, _ in work.log:
            if logged.customer == customer:
                yield logged

    # ------------------------------------------------------------ durability
    def _commit(self, work: Work, positions: Mapping[str, str], until: int) -> None:
        if self.housing is not None:
            self._leave_out_what_others_keep(work)
        super()._commit(work, positions, until)

    def _leave_out_what_others_keep(self, work: Work) -> None:
        assert self.housing is not None
        effects, elsewhere, kept = work.effects, self.housing.elsewhere, self._kept
        effects.rows = [
            row
            for number, row in enumerate(effects.rows)
            if row.customer not in elsewhere or number < kept.get(row.customer, 0)
        ]
        keys = {row.occurrence_key for row in effects.rows}
        effects.mails = [mail for mail in effects.mails if mail.row.occurrence_key in keys]


class _Led(Engine):
    """Some customers' past, decided again in memory as one machine decides it."""

    def __init__(self, engine: PartitionEngine, records: Iterable[tuple[Place, Record]]) -> None:
        super().__init__(MemoryStore(), cached_profiles=_ALL)
        self._past = engine.past
        for plan in engine.world.plans():
            self.world.register(plan)
        known = ((one.ingest_time, 2 * rank_of(one), copy(one)) for one in engine.world.records)
        own = ((place[0], place[1], _placed(one, place)) for place, one in records)
        for *_, record in sorted([*known, *own], key=lambda one: one[:2]):
            self.take([revive_record(self.layout, record) if record.customer is not None else record])

    def come_to(self, people: Iterable[str], until: int) -> None:
        """Bring people to an instant (µs): what is due before it, and what concerns everybody up to it."""
        work = Work()
        for customer in sorted(people):
            if self.profile(customer).position >= 0:
                self._live(work, customer, until)

    def _fill_merge(self, work: Work, record: Control) -> DeadLetter | None:
        if self.profile(record.subject).position >= 0:
            return super()._fill_merge(work, record)
        return self._past.fill(self.world, self.layout, record)


def _placed(record: Record, place: Place) -> Record:
    if isinstance(record, Control) and is_unfilled_merge(record):
        record.detail = {**record.detail, PLACE_DETAIL: [place[4], place[5]]}
    return record
