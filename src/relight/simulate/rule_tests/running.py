"""One case through the engine: the memory store, time that moves only as the test says, a provider that accepts all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msgspec.structs import replace as replace_fields

from relight.base.ids import share_of
from relight.base.instants import MINUTE, ceil_minute
from relight.customers.reading import zone_of
from relight.engine.engine import Engine
from relight.engine.outcomes import OutcomeInput
from relight.messages.life import MessageCause, MessageState
from relight.messages.quiet_hours import first_allowed_minute, is_quiet
from relight.messages.reasons import Reason, RowState
from relight.rules.plan import account_drawn, split_subject
from relight.simulate.rule_tests.case import Kind
from relight.simulate.rule_tests.controls import suppression_after
from relight.stores.interface import Settlement
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Control, Event

if TYPE_CHECKING:
    from relight.decide import Effects, Mail
    from relight.decide.effects import TraitSet
    from relight.messages.ledger import LedgerRow
    from relight.rules.plan import Plan, Step
    from relight.simulate.rule_tests.case import Case, Given
    from relight.streams.envelope import Record

#: Messages of one claim.
CLAIM_MESSAGES_MAX = 1_000
_PROVIDER_CAUSES = {"bounce": MessageCause.PROVIDER_BOUNCED, "complaint": MessageCause.RECIPIENT_COMPLAINED}
_KINDS = {
    RowState.PENDING: Kind.SENT,
    RowState.SUPPRESSED: Kind.SUPPRESSED,
    RowState.HELD_OUT: Kind.HELD_OUT,
    RowState.ENDED: Kind.ENDED,
}
#: Just below every share: held out by no rule, in the last arm of no split.
_ALMOST_ONE = 1 - 2**-53


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of an occurrence at one step."""

    kind: Kind
    rule: str
    customer: str
    step: str
    #: µs: when it leaves, else when it was decided.
    at: int
    reason: str | None
    #: deferred: until when (µs).
    until: int | None = None
    #: None for a message that still waits.
    row: LedgerRow | None = None
    mail: Mail | None = None


@dataclass(slots=True, kw_only=True)
class Told:
    """What a case brought about."""

    engine: Engine
    rows: Sequence[LedgerRow]
    seen: Sequence[Seen]
    #: Traits that rules set.
    sets: Sequence[TraitSet]
    #: (rule, reason) -> how often, for what gets no row (R6).
    counted: Mapping[tuple[str, str], int]


def run_case(plan: Plan, case: Case) -> Told:
    """Return what the engine decides on a case, up to its end and including it."""
    return _Running(plan, case).go()


@dataclass(slots=True)
class _Running:
    plan: Plan
    case: Case
    engine: Engine = field(default_factory=lambda: Engine(MemoryStore(), cached_profiles=2**31, mails_expire=False))
    mails: dict[str, Mail] = field(default_factory=dict)
    sets: list[TraitSet] = field(default_factory=list)
    plans: dict[str, Plan] = field(default_factory=dict)

    def go(self) -> Told:
        plan = self._forced(self.plan)
        self.engine.follow_plan(plan, self.case.start)
        waiting: list[Record] = []
        for given in self.case.given:
            if given.instant > self.case.until:
                break
            if given.plan is not None:
                self.engine.world.register(self._forced(given.plan))
            if given.provider:
                self._take(waiting)
                waiting = []
                self._say(given)
            elif given.record is not None:
                waiting.append(_copied(given.record))
        self._take(waiting)
        self._note(self.engine.advance(self.case.until + 1))
        rows = list(self.engine.store.ledger())
        counted: dict[tuple[str, str], int] = {}
        for tally in self.engine.store.tallies():
            counted[tally.rule, tally.reason] = counted.get((tally.rule, tally.reason), 0) + tally.count
        seen = [one for row in rows if row.state in _KINDS for one in self._seen(row)]
        seen += self._waiting()
        return Told(engine=self.engine, rows=rows, seen=seen, sets=self.sets, counted=counted)

    def _forced(self, plan: Plan) -> Plan:
        """Return the plan with holdouts and arms as the test says; its version is the same."""
        found = self.plans.get(plan.version)
        if found is None:
            draw = _drawing(plan, self.case)
            found = self.plans[plan.version] = replace(plan, policy=replace(plan.policy, draw=draw))
        return found

    # ------------------------------------------------------------ records and the provider
    def _take(self, records: Sequence[Record]) -> None:
        if records:
            self._note(self.engine.take(records))

    def _note(self, effects: Effects) -> None:
        self.sets += effects.sets
        for mail in effects.mails:
            self.mails[mail.row.occurrence_key] = mail

    def _say(self, given: Given) -> None:
        """What the provider says of a customer's last message: the journal learns it, and the log from there (H7)."""
        self._note(self.engine.advance(given.instant))
        own = [mail for mail in self.mails.values() if mail.row.customer == given.customer]
        if isinstance(given.record, Control):
            keys = [mail.row.occurrence_key for mail in own if mail.step.code is not None]
            self._take([replace_fields(_copied(given.record), subject=key) for key in keys[-1:]])
            return
        self._accept_all(given.instant)
        store, outcomes = self.engine.store, OutcomeInput(engine=self.engine)
        if not own:
            return
        last = own[-1]
        cause = _PROVIDER_CAUSES[given.provider]
        key = last.row.occurrence_key
        store.settle([Settlement(occurrence_key=key, token=None, cause=cause, at=given.instant)])
        self._take([suppression_after(given.provider, last.address, given.instant)])
        outcomes.take()

    def _accept_all(self, now: int) -> None:
        store = self.engine.store
        while claimed := store.claim(now, CLAIM_MESSAGES_MAX, owner="rule test", lease=1).ready:
            store.settle([
                Settlement(
                    occurrence_key=one.message.occurrence_key, token=one.token,
                    cause=MessageCause.PROVIDER_ACCEPTED, at=now,
                )
                for one in claimed
            ])  # fmt: skip
        assert not self.engine.store.message_counts().get(MessageState.SENDING)

    # ------------------------------------------------------------ what became of it
    def _seen(self, row: LedgerRow) -> list[Seen]:
        at = row.judged if row.scheduled is None else row.scheduled
        common = {"rule": row.rule, "customer": row.customer, "step": row.step, "row": row}
        mail = self.mails.get(row.occurrence_key)
        found = [Seen(kind=_KINDS[row.state], at=at, reason=row.reason, mail=mail, **common)]  # type: ignore[arg-type]  # by keyword
        born = row.deadline
        if row.scheduled is not None and born is not None and _has_waited(born, row.scheduled):
            reason = self._why_deferred(row.rule, row.customer, row.step, born, row.scheduled)
            found.append(Seen(kind=Kind.DEFERRED, at=born, until=row.scheduled, reason=reason, **common))  # type: ignore[arg-type]  # as above
        return found

    def _waiting(self) -> list[Seen]:
        """Return the messages that wait for their minute when the test ends."""
        found = []
        for customer in sorted({one.customer for one in self.case.given if one.customer is not None}):
            profile = self.engine.profiles.peek(customer)
            for entry in profile.entries if profile is not None else ():
                waits = entry.candidate
                if waits is None or entry.step is None or not _has_waited(waits.born, waits.scheduled):
                    continue
                reason = self._why_deferred(entry.rule, customer, entry.step, waits.born, waits.scheduled)
                found.append(
                    Seen(
                        kind=Kind.DEFERRED, rule=entry.rule, customer=customer, step=entry.step, at=waits.born,
                        until=waits.scheduled, reason=reason,
                    )
                )  # fmt: skip
        return found

    def _why_deferred(self, rule: str, customer: str, step: str, born: int, scheduled: int) -> str | None:
        """Return `frequency_cap` or `quiet_hours`.

        None where arbitration, a send window, a gap or a mail of the same entry at that minute made it wait (G2).
        """
        plan, profile = self.engine.plan, self.engine.profiles.peek(customer)
        if plan is None or profile is None or rule not in plan.rules:
            return None
        policy, zone = plan.policy, zone_of(profile, born, plan.policy.zone)
        found = plan.rules[rule].program.steps.get(step)
        first = first_allowed_minute(
            born + policy.arbitration, zone, policy.quiet, past_gaps=self.engine.world.states[-1].past_gaps, step=found
        )
        if scheduled > first and plan.rules[rule].when_capped is not None:
            return Reason.FREQUENCY_CAP.value
        return Reason.QUIET_HOURS.value if is_quiet(ceil_minute(born), zone, policy.quiet) else None


def _has_waited(born: int, scheduled: int) -> bool:
    """Return whether a message waited for its minute; what goes at once may still come 1 µs after a mail beside it."""
    return scheduled - ceil_minute(born) >= MINUTE


def _copied(record: Record) -> Record:
    """Return a copy: the engine raises ingest times in place, and a test may run again."""
    return copy(record)


def _drawing(plan: Plan, case: Case) -> Callable[[str, str, str], float]:
    """Return what draws shares: a named customer is held out, nobody else; arms as named, else by hash as live."""
    arms = {
        (split_subject(rule.id, step.id), customer): share
        for customer, steps in case.split.items()
        for rule in plan.rules.values()
        for step in rule.program.steps.values()
        if step.id in steps and (share := _middle_of(step, steps[step.id])) is not None
    }

    held = case.holdout | _accounts_held(plan, case)

    def draw(salt: str, subject: str, customer: str) -> float:
        if subject in plan.rules:
            return 0.0 if customer in held else _ALMOST_ONE
        found = arms.get((subject, customer))
        return share_of(salt, subject, customer) if found is None else found

    return draw


def _accounts_held(plan: Plan, case: Case) -> frozenset[str]:
    """Return what is drawn for the accounts that the customers named in `holdout` are given."""
    key, found = plan.policy.account, set()
    for given in case.given:
        event = given.record
        if key is not None and isinstance(event, Event) and event.customer in case.holdout:
            account = event.account if key.trait is None else event.traits.get(key.trait)
            found |= {account_drawn(account)} if isinstance(account, str) else set()
    return frozenset(found)


def _middle_of(step: Step, arm: str) -> float | None:
    """Return a share that lies in an arm of a split; None where it has no such arm."""
    begin = 0.0
    for name, share, _ in step.shares:
        if name == arm:
            return begin + share / 2
        begin += share
    return None
