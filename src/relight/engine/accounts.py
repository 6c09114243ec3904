"""Who belongs to which account, and when its people have to come to an instant together (G2).

An index of the profiles, rebuilt from them, never truth. Where accounts are capped, or rules count their people, these
have one order in time. Before a message of one of them stands before the gate, what the others had is put into that
customer's log, and so is for how many of them a counted condition holds: so a decision reads nothing but the customer's
own log. Where a plan asks for neither, nothing is kept here.
"""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

from relight.base.instants import INSTANT_MAX, INSTANT_MIN
from relight.customers.codec import decode_profile
from relight.customers.reading import account_of
from relight.decide import live_together, note_room, take_record
from relight.engine.account_members import AccountMembers
from relight.streams.envelope import Control, Event, Rank, rank_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from relight.customers.layout import Layout
    from relight.customers.profile import Entry, Place, Profile
    from relight.decide import Turn
    from relight.engine.timers import HourBuckets
    from relight.engine.work import Work
    from relight.rules.plan import AccountKey, Cap, Plan
    from relight.rules.world import World
    from relight.stores.interface import Store


#: Kinds of control records that say what other people of an account had and are: a run makes them itself.
OF_ACCOUNTS = frozenset({"account", "members"})


def shared_accounts(plan: Plan | None) -> AccountKey | None:
    """Return what names somebody's account where a plan caps accounts or counts their people, else None."""
    if plan is None:
        return None
    is_shared = plan.policy.account_caps or plan.members or any(r.account_cap for r in plan.rules.values())
    return plan.policy.account if is_shared else None


class Decider(Protocol):
    """What is asked of the engine whose accounts these are."""

    world: World
    timers: HourBuckets
    store: Store

    @property
    def plan(self) -> Plan | None:
        """The plan in force at the end of the log."""

    def profile(self, customer: str) -> Profile:
        """Return a customer's profile, as it stands."""

    def history(self, work: Work, customer: str) -> Iterable[Event]:
        """Yield the customer's own events so far."""

    def log_own(self, work: Work, record: Event | Control, profile: Profile) -> None:
        """Put a customer's own record, decided on, at the end of the log."""

    def layout_at(self, seen: int) -> Layout:
        """Return the layout of a profile that has seen so many global records."""


class Accounts:
    """The accounts of one engine."""

    def __init__(self, engine: Decider) -> None:
        """Stand before the first plan."""
        self._engine = engine
        self._key: AccountKey | None = None
        #: customer -> account, and account -> its people.
        self._account: dict[str, str] = {}
        self._people: dict[str, set[str]] = {}
        #: customer -> places in the caps, and how many global records they have seen.
        self._places: dict[str, list[Place]] = {}
        self._seen: dict[str, int] = {}
        #: account -> its people who hold places.
        self._holders: dict[str, set[str]] = {}
        #: account -> instant of the last record of its people (µs).
        self._last: dict[str, int] = {}
        #: account -> (wake, customer), a heap; what another wake has taken the place of stays until it comes up.
        self._wakes: dict[str, list[tuple[int, str]]] = {}
        #: customer -> the wake that stands in the heap.
        self._wake: dict[str, int] = {}
        #: account -> `asked` when its people last came to an instant.
        self._up_to: dict[str, int] = {}
        #: Global records up to the last that everybody is visited for.
        self.asked = 0
        self._members = AccountMembers()

    @property
    def are_shared(self) -> bool:
        """People of one account are decided together under the plan in force."""
        return self._key is not None

    # ------------------------------------------------------------ who belongs where
    def follow(self, work: Work, record: Event | Control) -> None:
        """Stand before a global record: where a plan names accounts otherwise, everybody comes up to it first."""
        if not isinstance(record, Control) or record.kind != "plan":
            return
        plan = {plan.version: plan for plan in self._engine.world.plans()}.get(record.subject)
        key, counted = shared_accounts(plan), _counted(plan)
        if (key, counted) == (self._key, self._members.keys):
            return
        for account in sorted(self._people):
            self._bring(work, account, record.ingest_time, Rank.CONTROL)
        self._forget()
        self._key = key
        self._members.begin(counted)
        if key is not None:
            self._load(map(self._engine.profile, self._engine.timers.names()), record.ingest_time)

    def recover(self, touched: Iterable[str], asked: int) -> None:
        """Know everybody again after a start: those whose records were folded again, the others as they are stored."""
        engine = self._engine
        self._key, self.asked = shared_accounts(engine.plan), asked
        self._members.begin(_counted(engine.plan))
        if self._key is not None:
            # What nobody was told of yet changed at the last instant that is durable.
            reached = engine.store.reached() or INSTANT_MIN
            stored = (decode_profile(engine.layout_at, one.blob) for one in engine.store.profiles())
            self._load(stored, reached)
            self._load(map(engine.profile, touched), reached)

    def house(self, profile: Profile, at: int) -> None:
        """Know a customer whose past was decided elsewhere, up to an instant (µs)."""
        self._load([profile], at)

    def _load(self, profiles: Iterable[Profile], at: int) -> None:
        for profile in profiles:
            account = self._account_of(profile)
            self._note(profile, account, at)
            if account is not None:
                self._last[account] = max(self._last[account], profile.now)

    def note(self, work: Work, profile: Profile, record: Event | Control) -> None:
        """Take note of a customer after a record of theirs; a new account's people come up to it without them."""
        account, before = self._account_of(profile), self._account.get(profile.customer)
        if account is not None and account != before:
            self._bring(work, account, record.ingest_time, rank_of(record))
            self._last[account] = max(self._last.get(account, INSTANT_MIN), record.ingest_time)
        self._note(profile, account, record.ingest_time)

    def _note(self, profile: Profile, account: str | None, at: int) -> None:
        customer = profile.customer
        before = self._account.get(customer)
        if before is not None and before != account:
            self._members.forget(customer, before, at)
            for known in (self._account, self._wake, self._places, self._seen):
                del known[customer]
            for kept in (self._people, self._holders):
                kept[before].discard(customer)
        if account is None:
            return
        self._account[customer] = account
        self._people.setdefault(account, set()).add(customer)
        self._holders.setdefault(account, set())
        self._last.setdefault(account, INSTANT_MIN)
        self._up_to[account] = min(self._up_to.get(account, self.asked), profile.world)
        self._stand(profile, account, at)

    def _stand(self, profile: Profile, account: str, at: int) -> None:
        """Take note of what a customer holds at an instant (µs), and when to look at them next."""
        if self._members.keys:
            self._members.stand(profile, account, at)
        customer, wake = profile.customer, profile.wake
        self._places[customer], self._seen[customer] = profile.places, profile.world
        if profile.places:
            self._holders[account].add(customer)
        else:
            self._holders[account].discard(customer)
        if wake != self._wake.get(customer):
            self._wake[customer] = wake
            if wake < INSTANT_MAX:
                heappush(self._wakes.setdefault(account, []), (wake, customer))

    def _account_of(self, profile: Profile) -> str | None:
        return None if self._key is None else account_of(profile, self._key.trait)

    def _forget(self) -> None:
        for by_account in (self._people, self._holders, self._last, self._wakes, self._up_to):
            by_account.clear()
        for by_customer in (self._account, self._places, self._seen, self._wake):
            by_customer.clear()

    # ------------------------------------------------------------ up to an instant
    def come_to(self, work: Work, record: Event | Control) -> None:
        """Bring the account of a customer up to their next record; a smaller ingest time is raised to its last (H1)."""
        account = self._account.get(record.customer or "")
        if account is not None:
            record.ingest_time = self._last[account] = max(record.ingest_time, self._last[account])
            self._bring(work, account, record.ingest_time, rank_of(record))
        if self._members.keys and self._key is not None:
            joined = account_named(record, self._key)
            if joined is not None and joined != account:
                self._tell_ahead(work, record, joined)

    def _tell_ahead(self, work: Work, record: Event | Control, account: str) -> None:
        """Tell who joins an account by their next record of those who are there, changes of that instant left out."""
        customer = record.customer
        assert customer is not None
        at = record.ingest_time = max(record.ingest_time, self._last.get(account, INSTANT_MIN))
        self._bring(work, account, at, rank_of(record))
        self._put(work, self._members.ahead(account, self._people.get(account, ()), customer, at))

    def live(self, work: Work, customer: str, until: int) -> bool:
        """Bring the account of a customer to an instant (µs); False where they belong to none."""
        account = self._account.get(customer)
        if account is None:
            return False
        self._bring(work, account, until, Rank.EVENT)
        return True

    def settle(self, work: Work, until: int) -> None:
        """Tell the people of every account what changed before an instant (µs)."""
        for account in sorted(one for one, at in self._members.changed.items() if at < until):
            self._bring(work, account, until, Rank.EVENT)

    def _bring(self, work: Work, account: str, until: int, rank: Rank) -> None:
        if not self._members.keys:
            self._live_to(work, account, self._due(account, until), until, rank)
            return
        # One instant after the other: what one person is from then on decides what the others are told.
        behind: set[str] = set()
        while True:
            behind |= self._behind(account)
            behind = {one for one in behind if self._account.get(one) == account and self._seen[one] < self.asked}
            at = self._next_instant(account, behind, until, rank)
            changed = self._members.changed.get(account)
            if changed is not None and changed < until and (at is None or changed < at):
                self._tell_all(work, account, changed + 1)
            elif at is None:
                return
            else:
                due = sorted({*self._waking(account, at + 1), *behind} if at < until else behind)
                self._live_to(work, account, due, min(at + 1, until), Rank.CONTROL if at < until else rank, at=at)

    def _next_instant(self, account: str, behind: Iterable[str], until: int, rank: Rank) -> int | None:
        """Return the first instant at which anything happens to people of an account; None for nothing so far."""
        records = self._engine.world.records
        coming = [records[self._seen[one]] for one in behind]
        found = [one.ingest_time for one in coming if (one.ingest_time, rank_of(one)) <= (until, rank)]
        wakes = self._wakes.get(account, [])
        while wakes and (self._account.get(wakes[0][1]) != account or self._wake.get(wakes[0][1]) != wakes[0][0]):
            heappop(wakes)
        return min([*found, *(wake for wake, _ in wakes[:1] if wake < until)], default=None)

    def _tell_all(self, work: Work, account: str, at: int) -> None:
        people = self._people.get(account, set())
        if people:
            self._last[account] = max(self._last[account], at)
        for record in self._members.tell(account, people, at):
            self._put(work, record)
            self._stand(self._engine.profile(record.customer or ""), account, at)

    def _put(self, work: Work, record: Control) -> None:
        """Put a record of ours into a customer's log, and decide on it."""
        engine, customer = self._engine, record.customer or ""
        profile = engine.profile(customer)
        take_record(engine.world, profile, record, work.effects, history=partial(engine.history, work, customer))
        engine.log_own(work, record, profile)
        engine.timers.arm(customer, profile.wake)

    def _live_to(  # noqa: PLR0913 - people of one account, up to one instant
        self, work: Work, account: str, due: Sequence[str], until: int, rank: Rank, *, at: int | None = None
    ) -> None:
        if not due:
            return
        engine = self._engine
        here = {one: engine.profile(one) for one in due}
        live_together(
            engine.world,
            list(here.values()),
            until,
            work.effects,
            rank=rank,
            history_of=lambda customer: partial(engine.history, work, customer),
            tell=lambda turn, entry, key: self._tell(work, here, turn, entry, key),
        )
        for customer, profile in here.items():
            engine.timers.arm(customer, profile.wake)
            self._stand(profile, account, until if at is None else at)

    def _due(self, account: str, until: int) -> list[str]:
        """Return the people of an account for whom something falls due before an instant, or that are to be visited."""
        return sorted({*self._waking(account, until), *self._behind(account)})

    def _waking(self, account: str, until: int) -> set[str]:
        wakes, due = self._wakes.get(account, []), set()
        while wakes and wakes[0][0] < until:
            wake, customer = heappop(wakes)
            if self._account.get(customer) == account and self._wake.get(customer) == wake:
                due.add(customer)
                self._wake[customer] = INSTANT_MAX  # out of the heap
        return due

    def _behind(self, account: str) -> set[str]:
        """Return the people of an account who are to be visited for a global record, each time one asks for it."""
        if self._up_to.get(account, self.asked) >= self.asked:
            return set()
        self._up_to[account] = self.asked
        return {one for one in self._people.get(account, ()) if self._seen[one] < self.asked}

    def _tell(self, work: Work, here: Mapping[str, Profile], turn: Turn, entry: Entry, key: str) -> None:
        """Put what the others of an account had into the customer's log, for one message before the gate."""
        profile, rule = turn.profile, turn.plan.rules[entry.rule]
        customer, account = profile.customer, self._account.get(profile.customer)
        if account is None:
            return
        places = [
            place
            for one in {*self._holders[account], *here}
            if one != customer
            for place in (here[one].places if one in here else self._places[one])
            if place.message_class == rule.message_class.value
        ]
        caps = turn.plan.policy.account_caps.get(rule.message_class, ())
        detail: dict[str, object] = {
            "account": account,
            "taken": _newest(places, caps),
            "same_rule": _newest(
                [p for p in places if p.rule == rule.id], (rule.account_cap,) if rule.account_cap else ()
            ),
        }
        record = Control(kind="account", ingest_time=turn.now, customer=customer, subject=key, detail=detail)
        note_room(profile, record)
        self._engine.log_own(work, record, profile)


def account_named(record: Event | Control, key: AccountKey) -> str | None:
    """Return the account that a record says its customer belongs to; None where it says nothing."""
    named: object
    if isinstance(record, Control):
        named = record.detail.get("value") if record.kind == "trait" and record.subject == key.trait else None
    else:
        named = record.account if key.trait is None else record.traits.get(key.trait)
    return named if isinstance(named, str) and named else None


def _counted(plan: Plan | None) -> tuple[str, ...]:
    """Return what a plan counts the people of accounts by."""
    return () if plan is None or plan.policy.account is None else tuple(sorted(plan.members))


def _newest(places: Sequence[Place], caps: Sequence[Cap]) -> list[int]:
    """Return the newest scheduled instants (µs): no cap counts more of them than it allows."""
    most = max((cap.most for cap in caps), default=0)
    return sorted(place.scheduled for place in places)[-most:] if most else []
