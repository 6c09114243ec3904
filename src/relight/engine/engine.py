"""The loop's body: records in, decided customer by customer, one transaction a batch, then acknowledged.

Knows a store, never a provider: whoever sends reads the outbox. No clock is read; time is how far the records and the
caller say it has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from relight.base.errors import FaultError
from relight.base.instants import INSTANT_MIN
from relight.customers.codec import read_standing
from relight.customers.layout import Layout
from relight.customers.revive import revive_record
from relight.decide import live_until, own_events, take_record
from relight.engine.accounts import Accounts
from relight.engine.copies import find_copies
from relight.engine.daily import Days, as_one, begin_days, last_of
from relight.engine.log_order import LogOrder, asks_for_visits
from relight.engine.merges import fill_merge, is_merged, is_unfilled_merge
from relight.engine.outgoing import outbox_message
from relight.engine.profiles import CACHED_PROFILES_DEFAULT, ProfileCache
from relight.engine.progress import Progress
from relight.engine.timers import HourBuckets
from relight.engine.work import Work
from relight.rules.world import World
from relight.stores.crash import crash_point
from relight.stores.erasure_key import ERASED_PREFIX
from relight.stores.interface import Batch, Store, refuse_conflicts
from relight.stores.listing import Tally
from relight.streams.envelope import Control, DeadLetter, Event, Rank
from relight.streams.ids import is_same_body

if TYPE_CHECKING:
    from relight.customers.profile import Profile
    from relight.decide import Effects
    from relight.rules.plan import Plan
    from relight.streams.envelope import Record

_NO_LAYOUT = Layout()
#: Rows that recovery holds before it writes them.
ROWS_AT_ONCE_MAX = 10_000


class Engine:
    """One project on one store."""

    def __init__(
        self,
        store: Store,
        *,
        cached_profiles: int = CACHED_PROFILES_DEFAULT,
        closed_bytes: int = 0,
        mails_expire: bool = True,
    ) -> None:
        """Stand before `recover` and `follow_plan`."""
        self.store = store
        #: Mails carry their `expires` to the sender; not where sending keeps the records' own time (G3).
        self.mails_expire = mails_expire
        self.world = World(keyed=getattr(store, "keyed", None))
        self.profiles = ProfileCache(store, most=cached_profiles, closed_bytes=closed_bytes)
        self.timers = HourBuckets()
        self.progress = Progress()
        self.accounts = Accounts(self)
        self.days: Days | None = None  # what local days begin with
        self._position = store.last_position()
        self._order = LogOrder()
        #: Instant of the last global record that everybody is still to be visited for; None for none.
        self._visit_from: int | None = None
        #: A batch failed half-way, or somebody changed the store beside the batches: memory may hold what it does not.
        self.is_ahead = False

    # ------------------------------------------------------------ plan
    @property
    def plan(self) -> Plan | None:
        """The plan in force at the end of the log."""
        return self.world.states[-1].plan

    @property
    def layout(self) -> Layout:
        """What profiles keep under the plan in force."""
        return self.layout_at(-1)

    def follow_plan(self, plan: Plan, now: int) -> bool:
        """Put a plan in force by a control record at `now` (µs) unless it is in force already.

        Return whether it was new.
        """
        self.world.register(plan)
        if self.plan is not None and self.plan.version == plan.version:
            return False
        self.take([Control(kind="plan", ingest_time=now, subject=plan.version)])
        crash_point("after_plan_record")
        return True

    # ------------------------------------------------------------ records
    def take(
        self,
        records: Sequence[Event | Control | DeadLetter],
        *,
        positions: Mapping[str, str] | None = None,
        reached: int | None = None,
    ) -> Effects:
        """Decide on a batch of records in log order and make everything that follows durable; return the effects.

        positions: input -> how far it is read with this batch; reached: instant that time has come to (default: the
        last record's). Raises StoreError or BackpressureError when the batch is not durable; then nothing of it is
        acknowledged, and the same batch can be handed in again: the engine stands again where its store stands before
        it takes anything more.
        """
        if self.days is None:
            return self.take_batch(records, positions or {}, reached)
        with as_one(self, self.days):
            records = begin_days(self, self.days, records, last_of(records) if reached is None else reached)
            return self.take_batch(records, positions or {}, reached)

    def take_batch(
        self, records: Sequence[Event | Control | DeadLetter], positions: Mapping[str, str], reached: int | None
    ) -> Effects:
        """Decide on a batch in which no day begins; see `take`."""
        with self._all_or_nothing():
            crash_point("before_batch")
            effects = self._take(records, positions, reached)
        crash_point("after_batch")
        return effects

    def _take(
        self, records: Sequence[Event | Control | DeadLetter], positions: Mapping[str, str], reached: int | None
    ) -> Effects:
        work = self.new_work()
        known = find_copies(self.store, records)
        for record, copy_of in zip(records, known, strict=True):
            if isinstance(record, DeadLetter):
                work.dead.append(record)
                continue
            if copy_of is not None:
                self._count_copy(work, record, copy_of)
            elif record.customer is None:
                self._take_global(work, record)
            else:
                self._take_own(work, record)
        until = reached
        if until is None:
            until = max((one.ingest_time for one in records if not isinstance(one, DeadLetter)), default=INSTANT_MIN)
        if until > INSTANT_MIN:
            self._advance(work, until)
        self._commit(work, positions, until)
        return work.effects

    def advance(self, until: int) -> Effects:
        """Let time come to `until` (µs): every deadline with j < until is judged, durably."""
        if self.days is None:
            return self._come_to(until)
        with as_one(self, self.days):
            begin_days(self, self.days, (), until)
            return self._come_to(until)

    def _come_to(self, until: int) -> Effects:
        with self._all_or_nothing():
            work = self.new_work()
            self._advance(work, until)
            self._commit(work, {}, until)
            return work.effects

    def new_work(self) -> Work:
        """Return a batch with nothing in it."""
        return Work()

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """What fails inside leaves nothing behind.

        World, profiles and timers are made anew from the store before the next batch.
        """
        if self.is_ahead:
            self.stand_again()
        try:
            yield
        except BaseException:
            self.is_ahead = True
            raise

    def stand_again(self) -> None:
        """Stand where the store stands, after a failure in the middle of something."""
        plans = self.world.plans()
        self.world = World(keyed=getattr(self.store, "keyed", None))
        self.profiles.forget()
        self.timers, self._order, self.accounts = HourBuckets(), LogOrder(), Accounts(self)
        self._position = self.store.last_position()
        self.recover(plans)
        self.is_ahead = False

    def _count_copy(self, work: Work, record: Event | Control, copy_of: Event | int) -> None:
        """A copy is no record for any check; a body that differs from the first is counted (V1)."""
        work.duplicates += 1
        first = revive_record(self.layout, self.store.body_at(copy_of)) if isinstance(copy_of, int) else copy_of
        if isinstance(first, Event) and isinstance(record, Event) and not is_same_body(first, record):
            work.differing += 1

    def _take_global(self, work: Work, record: Event | Control) -> None:
        at = self._order.place_global(record)
        self.accounts.follow(work, record)
        work.log.append((record, None))
        self._position += 1
        self.world.append(record)
        if asks_for_visits(self.world, record):
            self._visit_from, self.accounts.asked = at, len(self.world)

    def _take_own(self, work: Work, record: Event | Control) -> None:
        customer = record.customer
        assert customer is not None
        if type(record) is Control and is_unfilled_merge(record):
            if is_merged(record, self._own_log(work, customer)):
                work.duplicates += 1
                return
            refused = self._fill_merge(work, record)
            if refused is not None:
                work.dead.append(refused)
                return
        if self.accounts.are_shared:
            self.accounts.come_to(work, record)
        profile = self.profiles.get(self.layout_at, customer)
        is_new, wake = profile.position < 0, profile.wake
        asks = type(record) is Control or profile.world < len(self.world.records)  # a new plan, a merge: of the past
        history = partial(self.history, work, customer) if asks else None
        take_record(self.world, profile, record, work.effects, history=history)
        self.log_own(work, record, profile)
        if is_new or profile.wake != wake:
            self.timers.arm(customer, profile.wake)
        if self.accounts.are_shared:
            self.accounts.note(work, profile, record)

    def log_own(self, work: Work, record: Event | Control, profile: Profile) -> None:
        """Put a customer's own record, decided on, at the end of the log."""
        # The store encodes it: the ingest time may have been raised to the customer's last (H1).
        work.log.append((record, None))
        self._order.note_own(record)
        self._position += 1
        profile.position = self._position

    def profile(self, customer: str) -> Profile:
        """Return a customer's profile, as it stands."""
        return self.profiles.get(self.layout_at, customer)

    def layout_at(self, seen: int) -> Layout:
        """Return the layout of a profile that has seen so many global records: of the plan in force then."""
        plan = self.world.states[seen].plan
        return _NO_LAYOUT if plan is None else plan.layout

    def has_withdrawn(self, customer: str, topic: str, *, by_record: bool) -> bool:
        """Return whether the last word of a customer on a topic is no, and came as a control record if `by_record`."""
        given = self.profile(customer).consent.get(topic)
        return given is not None and not given[1] and (not by_record or given[0][1:] == ("", ""))

    def _fill_merge(self, work: Work, record: Control) -> DeadLetter | None:
        def anonymous() -> Profile:
            if self.profile(record.subject).position >= 0:
                self._live(work, record.subject, record.ingest_time)  # wherever batches are cut, the same is done
            return self.profile(record.subject)

        return fill_merge(record, log=self._own_log(work, record.subject), anonymous=anonymous)

    def _own_log(self, work: Work, customer: str) -> Iterator[Record]:
        """Yield the customer's own records so far, in log order, in memory form."""
        for _, record in self.store.customer_log(customer):
            yield revive_record(self.layout, record)
        for logged, _ in work.log:
            if logged.customer == customer:
                yield logged

    def history(self, work: Work, customer: str) -> Iterator[Event]:
        """Yield the customer's own events so far, those of merged profiles among them (V4)."""
        return own_events(self._own_log(work, customer), self.layout)

    # ------------------------------------------------------------ time
    def _advance(self, work: Work, until: int) -> None:
        if self._visit_from is not None and until >= self._visit_from:
            self._visit_from = None
            self._visit(work, self.timers.names(), until)
        self._visit(work, self.timers.due(until), until)
        if self.accounts.are_shared:
            self.accounts.settle(work, until)

    def _visit(self, work: Work, customers: Iterable[str], until: int) -> None:
        for customer in customers:
            self._live(work, customer, until)

    def _live(self, work: Work, customer: str, until: int) -> None:
        if self.accounts.are_shared and self.accounts.live(work, customer, until):
            return
        profile = self.profile(customer)
        # Global records of this very instant may still be followed by control records of it; own ones take them along.
        history = partial(self.history, work, customer)
        live_until(self.world, profile, until, work.effects, rank=Rank.EVENT, history=history)
        self.timers.arm(customer, profile.wake)

    # ------------------------------------------------------------ durability
    def _commit(self, work: Work, positions: Mapping[str, str], until: int) -> None:
        effects = work.effects
        policy = self.plan.policy if self.plan is not None else None
        batch = Batch(
            log=work.log,
            rows=effects.rows,
            outbox=[outbox_message(m, policy, expires=self.mails_expire) for m in effects.mails]
            if policy is not None
            else [],
            dead=work.dead,
            positions=positions,
            reached=until if until > INSTANT_MIN else None,
            tallies=[Tally(rule=r, reason=w, day=d, count=n) for (r, w, d), n in sorted(effects.counted.items())],
            duplicates_differing=work.differing,
        )
        appended = self.store.append(batch)
        if appended.last_position != self._position:
            raise FaultError(f"the log ends at {appended.last_position}, the engine at {self._position}")
        refuse_conflicts(appended.conflicts)
        self.progress.count(work, until)
        self.profiles.trim()

    def checkpoint(self) -> int:
        """Write every changed profile, so that recovery folds from here; return how many."""
        return self.profiles.checkpoint(self._position, meta={})

    # ------------------------------------------------------------ recovery
    def recover(self, plans: Iterable[Plan]) -> int:
        """Stand again where the store stands: world and timers rebuilt, profiles folded forward from their checkpoints.

        plans: every plan version that the log names and the caller still has. Returns the number of records folded
        again. What was decided before is decided again to the same rows, which the ledger knows already (I7, I9).
        """
        for plan in plans:
            self.world.register(plan)
        begin = self.store.checkpoint_position()
        visited_at = 0
        for _, record in self.store.global_log():
            revived = revive_record(self.layout, record)
            self.world.append(revived)
            if asks_for_visits(self.world, revived):
                visited_at, self._visit_from = len(self.world), revived.ingest_time
        behind: list[str] = []
        for stored in self.store.profiles():
            standing = read_standing(stored.blob)
            self.timers.arm(stored.customer, standing.wake)
            if standing.world < visited_at:
                behind.append(stored.customer)
        folded, touched = self._fold_forward(begin)
        self.accounts.recover(touched, visited_at)
        self._order.recover(self.store)
        reached = self.store.reached()
        if reached is not None:
            work = Work()
            if self._visit_from is not None and self._visit_from <= reached:
                self._visit_from = None
            # A checkpoint may be older than a global event or plan that everybody was visited for.
            self._visit(work, dict.fromkeys([*behind, *touched]), reached)
            self._advance(work, reached)
            self._settle_again(work, reached)
        return folded

    def _fold_forward(self, begin: int) -> tuple[int, Iterable[str]]:
        """Fold the records after a position again; return how many, and of whom."""
        folded = 0
        touched: dict[str, None] = {}
        work = Work()
        for position, record in self.store.read_log(begin):
            if record.customer is None or record.customer.startswith(ERASED_PREFIX):
                continue
            profile = self.profile(record.customer)
            revived = revive_record(self.layout_at(profile.world), record)
            if profile.position < position:
                history = partial(self._before, record.customer, position)
                take_record(self.world, profile, revived, work.effects, history=history)
                profile.position = position
                folded += 1
            touched[record.customer] = None
            self.timers.arm(record.customer, profile.wake)
            if len(work.effects.rows) > ROWS_AT_ONCE_MAX:
                self._settle_again(work)
                work = Work()
        self._settle_again(work)
        return folded, touched

    def _before(self, customer: str, position: int) -> Iterator[Event]:
        log = self.store.customer_log(customer)
        return own_events((revive_record(self.layout, record) for at, record in log if at < position), self.layout)

    def _settle_again(self, work: Work, reached: int = INSTANT_MIN) -> None:
        """Write rows that a crash left undecided; those that stand already are known by their keys.

        Tallies were counted before.
        """
        work.effects.counted.clear()
        self._commit(work, {}, reached)
