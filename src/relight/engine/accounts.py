"""Who belongs to which account, and when its people have to come to an instant together (G2).

An index of the profiles, rebuilt from them, never truth. Where accounts are capped, their people's records have one
order in time, and before a message of one of them stands before the gate, what the others had is put into that
customer's log: so a decision reads nothing but the customer's own log. Without caps on accounts nothing is kept here.
"""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Protocol

from relight.base.instants import INSTANT_MAX, INSTANT_MIN
from relight.customers.codec import decode_profile
from relight.customers.reading import account_of
from relight.decide import live_together, note_room
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


def capped_accounts(plan: Plan | None) -> AccountKey | None:
    """Return what names somebody's account where a plan caps accounts, else None."""
    if plan is None or not (plan.policy.account_caps or any(r.account_cap for r in plan.rules.values())):
        return None
    return plan.policy.account


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

    @property
    def are_capped(self) -> bool:
        """Accounts are capped under the plan in force."""
        return self._key is not None

    # ------------------------------------------------------------ who belongs where
    def follow(self, work: Work, record: Event | Control) -> None:
        """Stand before a global record: where a plan names accounts otherwise, everybody comes up to it first."""
        if not isinstance(record, Control) or record.kind != "plan":
            return
        plans = {plan.version: plan for plan in self._engine.world.plans()}
        key = capped_accounts(plans.get(record.subject))
        if key == self._key:
            return
        for account in sorted(self._people):
            self._bring(work, account, record.ingest_time, Rank.CONTROL)
        self._forget()
        self._key = key
        if key is not None:
            self._load(map(self._engine.profile, self._engine.timers.names()))

    def recover(self, touched: Iterable[str], asked: int) -> None:
        """Know everybody again after a start: those whose records were folded again, the others as they are stored."""
        engine = self._engine
        self._key, self.asked = capped_accounts(engine.plan), asked
        if self._key is not None:
            self._load(decode_profile(engine.layout_at, one.blob) for one in engine.store.profiles())
            self._load(map(engine.profile, touched))

    def _load(self, profiles: Iterable[Profile]) -> None:
        for profile in profiles:
            account = self._account_of(profile)
            self._note(profile, account)
            if account is not None:
                self._last[account] = max(self._last[account], profile.now)

    def note(self, work: Work, profile: Profile, record: Event | Control) -> None:
        """Take note of a customer after a record of theirs; a new account's people come up to it without them."""
        account, before = self._account_of(profile), self._account.get(profile.customer)
        if account is not None and account != before:
            self._bring(work, account, record.ingest_time, rank_of(record))
            self._last[account] = max(self._last.get(account, INSTANT_MIN), record.ingest_time)
        self._note(profile, account)

    def _note(self, profile: Profile, account: str | None) -> None:
        customer = profile.customer
        before = self._account.get(customer)
        if before is not None and before != account:
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
        self._stand(profile, account)

    def _stand(self, profile: Profile, account: str) -> None:
        """Take note of what a customer holds, and when to look at them next."""
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

    def live(self, work: Work, customer: str, until: int) -> bool:
        """Bring the account of a customer to an instant (µs); False where they belong to none."""
        account = self._account.get(customer)
        if account is None:
            return False
        self._bring(work, account, until, Rank.EVENT)
        return True

    def _bring(self, work: Work, account: str, until: int, rank: Rank) -> None:
        engine, due = self._engine, self._due(account, until)
        if not due:
            return
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
            self._stand(profile, account)

    def _due(self, account: str, until: int) -> list[str]:
        """Return the people of an account for whom something falls due before an instant, or that are to be visited."""
        wakes, due = self._wakes.get(account, []), set()
        while wakes and wakes[0][0] < until:
            wake, customer = heappop(wakes)
            if self._account.get(customer) == account and self._wake.get(customer) == wake:
                due.add(customer)
                self._wake[customer] = INSTANT_MAX  # out of the heap
        if self._up_to.get(account, self.asked) < self.asked:
            self._up_to[account] = self.asked
            due.update(one for one in self._people.get(account, ()) if self._seen[one] < self.asked)
        return sorted(due)

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


def _newest(places: Sequence[Place], caps: Sequence[Cap]) -> list[int]:
    """Return the newest scheduled instants (µs): no cap counts more of them than it allows."""
    most = max((cap.most for cap in caps), default=0)
    return sorted(place.scheduled for place in places)[-most:] if most else []
