"""One partition of the log topic through the engine: messages in, in the order of their offsets; decisions out.

Theory of operation. A message is a pack (transports/log_pack). Its records wait until time has passed them
(transports/pack_queue). What is due is handed to the engine in log order: (ingest time, rank, stream, position, source
partition, offset). Therefore what stands after a message is a pure function of the messages up to it, however they are
cut into batches, and a worker that starts at a checkpoint and folds forward comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from relight.base.instants import INSTANT_MIN
from relight.customers.revive import revive_record
from relight.engine.daily import DayMaker, days_of, wanted_by
from relight.engine.log_history import PLACE_DETAIL, LogHistory
from relight.engine.merges import is_unfilled_merge
from relight.engine.partition_engine import PartitionEngine
from relight.stores.partition import LOG_INPUT, PartitionStore
from relight.streams.envelope import ERASED, Control, DeadLetter, Event
from relight.transports.pack_queue import LogPlace, PackQueue, SavedQueue, Taken

if TYPE_CHECKING:
    from relight.engine.housing import Housing
    from relight.rules.plan import Plan


class LogPartition:
    """One partition of the log topic, as far as it was read."""

    def __init__(  # noqa: PLR0913  # where it stands, and who knows what, by keyword
        self,
        store: PartitionStore,
        *,
        plan_of: Callable[[str], Plan],
        past: LogHistory,
        mails_expire: bool,
        cached_profiles: int,
        day_maker: DayMaker | None = None,
    ) -> None:
        """Stand where the store stands.

        plan_of: the plan of a version that the log names; past: what the topic says of a customer; mails_expire: see
        Engine; day_maker: makes what local days begin with, where a plan of the log reads measures.
        """
        self._store, self._plan_of, self._day_maker = store, plan_of, day_maker
        self.engine = PartitionEngine(store, cached_profiles=cached_profiles, mails_expire=mails_expire)
        self.engine.past = past
        self._housing: Housing | None = None
        #: Instant that time has come to, durably (µs).
        self.reached = store.reached() or INSTANT_MIN
        self._queue = PackQueue(next=store.offset, reached=self.reached)
        if store.reader_state:
            self._queue.load(msgspec.msgpack.decode(store.reader_state, type=SavedQueue))
        plans = {c.subject for _, c in store.global_log() if isinstance(c, Control) and c.kind == "plan"}
        self.engine.recover([plan_of(version) for version in sorted(plans)])
        self._make_days_for(self.engine.plan)

    def house(self, housing: Housing) -> None:
        """Decide on those whom a housing says instead of those in the partition; before the first message.

        What days bring stands among its records.
        """
        self.engine.housing = self._housing = housing
        self.engine.days = None

    @property
    def next(self) -> int:
        """Offset of the next message of the log topic."""
        return self._queue.next

    @property
    def waiting(self) -> int:
        """Number of records that wait for a slower source."""
        return len(self._queue)

    @property
    def durable(self) -> int:
        """Offset of the log topic up to which decisions are durable."""
        return self._store.sink.durable

    @property
    def epoch(self) -> int:
        """The claim under which this partition is written."""
        return self._store.sink.epoch

    def _make_days_for(self, plan: Plan | None) -> None:
        """Let days begin with what a plan reads of measures; raises FaultError where nobody was given to make it."""
        if (
            self._housing is None
            and plan is not None
            and self.engine.days is None
            and (days := days_of(plan, self._day_maker)) is not None
        ):
            if not wanted_by(plan):
                return
            # With an instant that is durable, every beginning up to it is.
            days.done = self.reached
            self.engine.days = days

    # ------------------------------------------------------------ messages
    def add(self, offset: int, value: bytes) -> None:
        """Take one message in; nothing is decided yet. Raises FaultError where one is missing before it."""
        self._queue.add(offset, value)

    # ------------------------------------------------------------ decisions
    def decide(self) -> int:
        """Decide what is due, durably, and return how many records that were.

        Raises FencedError when another worker owns the partition, StoreError or ServiceError when nothing helped.
        """
        due = self._queue.take_due()
        until = self._queue.reached
        if not due and until == self.reached:
            return 0
        if self._housing is not None:
            due = self._housed(self._housing, due, until)
        records = self._prepared(due)
        self.engine.take(records, positions={LOG_INPUT: str(self.next)}, reached=until)
        self.reached = until
        return len(due)

    def _housed(self, housing: Housing, due: list[tuple[LogPlace, Taken]], until: int) -> list[tuple[LogPlace, Taken]]:
        """Return what is due of all partitions that is decided here."""
        if not housing.is_begun:
            housing.begin(self.reached)
        return housing.records(due, self.reached, until)

    def _prepared(self, due: list[tuple[LogPlace, Taken]]) -> list[Taken]:
        """Return records in memory form: values by the kinds of the plan in force."""
        layout, plan = self.engine.layout, self.engine.plan
        found: list[Taken] = []
        for place, record in due:
            if type(record) is Event:
                revived = revive_record(layout, record)
                if self._housing is not None:
                    self._housing.note_place(revived, place)
                found.append(revived)
                continue
            if isinstance(record, DeadLetter):
                found.append(record)
                continue
            if isinstance(record, Control) and record.kind == ERASED:
                self._store.note_erased(record)
                continue
            if isinstance(record, Control) and record.kind == "plan":
                if plan is not None and plan.version == record.subject:
                    continue  # a router that was killed may have said it twice
                plan = self._plan_of(record.subject)
                self.engine.world.register(plan)
                self._make_days_for(plan)
                layout = plan.layout
            if isinstance(record, Control) and is_unfilled_merge(record):
                record.detail = {**record.detail, PLACE_DETAIL: [place[4], place[5]]}
            revived = revive_record(layout, record)
            if self._housing is not None:
                self._housing.note_place(revived, place)
            found.append(revived)
        return found

    # ------------------------------------------------------------ checkpoints
    def save(self) -> None:
        """Put everything that a checkpoint needs into the store."""
        self.engine.checkpoint()
        self._store.offset = self.next
        self._store.reader_state = msgspec.msgpack.encode(self._queue.save())
