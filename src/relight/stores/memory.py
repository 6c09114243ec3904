"""The store of `simulate` and of rule tests: dictionaries and lists, gone with the process. Same promises otherwise."""

# ruff: noqa: D102  # what a method promises stands once, at interface.Store
from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice

from relight.base.errors import StoreError
from relight.base.instants import MINUTE
from relight.messages.addresses import LIFTED, address_hash
from relight.messages.identity import occurrence_digest
from relight.messages.ledger import LedgerRow, OutboxMessage
from relight.messages.life import MessageCause, MessageState, advance_message
from relight.stores.code_draws import draw_codes
from relight.stores.delivery_moves import (
    HANDED_OVER,
    KEEPS_BODY,
    Due,
    is_lifted,
    is_wider,
    next_state,
    refusal_of,
    spent_attempts,
    suppression_of,
    without_body,
)
from relight.stores.erasure_key import Keyed
from relight.stores.interface import (
    Appended,
    Attempt,
    Batch,
    Claim,
    Claimed,
    EventIdentity,
    LetterEnd,
    LogEntry,
    LookAgain,
    MessageStatus,
    Only,
    Profile,
    Settlement,
    StoredLetter,
    Suppression,
)
from relight.stores.memory_codes import MemoryCodes
from relight.stores.memory_listing import MemoryListing, Parcel
from relight.streams.envelope import Event, Record


class MemoryStore(MemoryCodes, MemoryListing):
    """See `interface.Store` for what each method promises; nothing outlives the process."""

    def __init__(self, *, keyed: Keyed | None = None) -> None:
        super().__init__()
        #: Names the erased where there are any.
        self.keyed = keyed
        self._log: list[Record] = []
        self._known: dict[EventIdentity, int] = {}
        self._customers: dict[str | None, list[int]] = {}
        self._positions: dict[str, str] = {}
        self._reached: int | None = None
        self._differing = 0
        self._rows: dict[str, LedgerRow] = {}
        self._tallies: dict[tuple[str, str, int], int] = {}
        self._outbox: dict[str, Parcel] = {}
        #: (due, number, key) of what waits; entries of messages that moved on are passed over.
        self._due: list[tuple[int, int, str]] = []
        self._attempts: list[Attempt] = []
        self._suppressions: dict[str, Suppression] = {}
        self._letters: dict[int, StoredLetter] = {}
        self._profiles: dict[str, Profile] = {}
        self._checkpoint_position = 0
        self._checkpoint_meta: dict[str, bytes] = {}
        self._notes: dict[str, str] = {}
        self._closed = False

    def close(self) -> None:
        self._closed = True

    def together(self) -> AbstractContextManager[None]:
        return nullcontext()

    # -- the log ---------------------------------------------------------------------------------------------------
    def append(self, batch: Batch) -> Appended:
        if self._closed:
            raise StoreError("the store cannot be used any more: closed")
        self._append_records(batch.log)
        known, conflicts = self._insert_rows(batch.rows)
        for message in batch.outbox:
            if message.occurrence_key not in self._outbox:
                parcel = Parcel(message, address_hash(message.address), message.scheduled, len(self._outbox))
                self._outbox[message.occurrence_key] = parcel
                self._wait(parcel)
        for letter in batch.dead:
            number = len(self._letters) + 1
            self._letters[number] = StoredLetter(number=number, letter=letter)
        for tally in batch.tallies:
            key = (tally.rule, tally.reason, tally.day)
            self._tallies[key] = self._tallies.get(key, 0) + tally.count
        self._positions.update(batch.positions)
        if batch.reached is not None:
            self._reached = batch.reached if self._reached is None else max(self._reached, batch.reached)
        self._differing += batch.duplicates_differing
        return Appended(last_position=len(self._log), rows_known=known, conflicts=conflicts)

    def _append_records(self, entries: Sequence[LogEntry]) -> None:
        known, customers = self._known, self._customers
        for position, (record, _) in enumerate(entries, len(self._log) + 1):
            customer = record.customer
            positions = customers.get(customer)
            if positions is None:
                positions = customers[customer] = []
            positions.append(position)
            if type(record) is Event:
                known.setdefault((record.stream, customer, record.id), position)
            elif (found := suppression_of(record)) is not None:
                self.suppress(*found)
        self._log += [record for record, _ in entries]

    def _insert_rows(self, rows: Sequence[LedgerRow]) -> tuple[int, tuple[LedgerRow, ...]]:
        known, conflicts = 0, []
        for row in rows:
            stands = self._rows.setdefault(row.occurrence_key, row)
            if stands is not row:
                known += 1
                if stands != row:
                    conflicts.append(row)
        return known, tuple(conflicts)

    def last_position(self) -> int:
        return len(self._log)

    def positions(self) -> dict[str, str]:
        return dict(sorted(self._positions.items()))

    def reached(self) -> int | None:
        return self._reached

    def read_log(self, after: int = 0, *, limit: int | None = None) -> Iterator[tuple[int, Record]]:
        end = len(self._log) if limit is None else min(len(self._log), after + limit)
        return ((position, self._log[position - 1]) for position in range(after + 1, end + 1))

    def customer_log(self, customer: str, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        return self._log_of(customer, after)

    def global_log(self, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        return self._log_of(None, after)

    def _log_of(self, customer: str | None, after: int) -> Iterator[tuple[int, Record]]:
        positions = list(self._customers.get(customer, ()))
        return ((position, self._log[position - 1]) for position in positions if position > after)

    def find_known(self, identities: Sequence[EventIdentity]) -> list[int | None]:
        return [self._known.get(identity) for identity in identities]

    def body_at(self, position: int) -> Record:
        if not 0 < position <= len(self._log):
            raise StoreError(f"the log has no record {position}")
        return self._log[position - 1]

    def duplicates_differing(self) -> int:
        return self._differing

    # -- checkpoints -----------------------------------------------------------------------------------------------
    def save_checkpoints(
        self, profiles: Iterable[Profile], *, position: int | None = None, meta: Mapping[str, bytes] | None = None
    ) -> None:
        self._profiles.update((one.customer, one) for one in profiles)
        if position is not None:
            self._checkpoint_position = position
        if meta is not None:
            self._checkpoint_meta = dict(meta)

    def load_profile(self, customer: str) -> Profile | None:
        return self._profiles.get(customer)

    def profiles(self) -> Iterator[Profile]:
        return (self._profiles[customer] for customer in sorted(self._profiles))

    def customers(self) -> Iterator[str]:
        return iter(sorted(self._profiles))

    def checkpoint_position(self) -> int:
        return self._checkpoint_position

    def checkpoint_meta(self) -> dict[str, bytes]:
        return dict(sorted(self._checkpoint_meta.items()))

    # -- the ledger ------------------------------------------------------------------------------------------------
    def ledger(
        self,
        *,
        rule: str | None = None,
        customer: str | None = None,
        since: int | None = None,
        limit: int | None = None,
    ) -> Iterator[LedgerRow]:
        found = (
            row
            for row in list(self._rows.values())
            if (rule is None or row.rule == rule)
            and (customer is None or row.customer == customer)
            and (since is None or row.judged >= since)
        )
        return islice(found, limit)

    def ledger_for(self, occurrence_key: str) -> LedgerRow | None:
        return self._rows.get(occurrence_key)

    # -- the outbox ------------------------------------------------------------------------------------------------
    def claim(  # noqa: PLR0913 - one claim, by keyword
        self, now: int, limit: int, *, owner: str, lease: int, look: LookAgain | None = None, only: Only = None
    ) -> Claimed:
        ready: list[Claim] = []
        suppressed, expired = list[OutboxMessage](), list[OutboxMessage]()
        due = self._take_due(now, limit, only)
        try:
            refused = look([parcel.message for parcel in due]) if look is not None and due else {}
        except BaseException:
            for parcel in due:
                self._wait(parcel)
            raise
        asked = [self._due_of(parcel) for parcel in due]
        drawn = draw_codes(asked, refused, now, self._draw)
        for parcel, one in zip(due, asked, strict=True):
            message, refusal = parcel.message, refusal_of(one, drawn.refused, now)
            if refusal is not None:
                self._refuse(message, refusal.cause, now, refusal.text)
                (expired if refusal.cause is MessageCause.EXPIRED_BEFORE_SENDING else suppressed).append(message)
            else:
                parcel.state = advance_message(parcel.state, MessageCause.TAKEN)
                parcel.token, parcel.lease_until, parcel.owner = parcel.token + 1, now + lease, owner
                ready.append(_claim(parcel, drawn.codes.get(message.occurrence_key, "")))
        return Claimed(
            ready=tuple(ready), suppressed=tuple(suppressed), expired=tuple(expired), empty_pools=drawn.empty_pools
        )  # fmt: skip

    def _due_of(self, parcel: Parcel) -> Due:
        stands = self._suppressions.get(parcel.address_hash)
        return Due(message=parcel.message, token=parcel.token, attempts=parcel.attempts, stands=stands)

    def _wait(self, parcel: Parcel) -> None:
        heapq.heappush(self._due, (parcel.due, parcel.number, parcel.message.occurrence_key))

    def _take_due(self, now: int, limit: int, only: Only) -> list[Parcel]:
        if only is not None:
            chosen = [parcel for key in only if (parcel := self._outbox.get(key)) is not None]
            chosen = [one for one in chosen if one.state is MessageState.PENDING and one.due <= now]
            found = sorted(chosen, key=lambda one: (one.due, one.number))[:limit]
            if found:
                taken = {one.message.occurrence_key for one in found}
                self._due = [one for one in self._due if one[2] not in taken]
                heapq.heapify(self._due)
            return found
        found = []
        while self._due and len(found) < limit and self._due[0][0] <= now:
            due, _number, key = heapq.heappop(self._due)
            parcel = self._outbox[key]
            if parcel.state is MessageState.PENDING and parcel.due == due:
                found.append(parcel)
        return found

    def _refuse(self, message: OutboxMessage, cause: MessageCause, now: int, text: str) -> None:
        self._settle(Settlement(occurrence_key=message.occurrence_key, token=None, cause=cause, text=text, at=now))

    def settle(self, settlements: Sequence[Settlement]) -> list[MessageState | None]:
        return [self._settle(one) for one in settlements]

    def _settle(self, one: Settlement) -> MessageState | None:
        parcel = self._outbox.get(one.occurrence_key)
        state = None if parcel is None else next_state(parcel.state, parcel.token, one)
        if parcel is None or state is None:
            return None
        parcel.state, parcel.lease_until = state, None
        parcel.attempts = spent_attempts(parcel.attempts, state, one)
        parcel.settled_at = None if state in KEEPS_BODY else one.at
        if state is MessageState.PENDING:
            parcel.due = parcel.due if one.retry_at is None else one.retry_at
            self._wait(parcel)
        message = parcel.message
        self._attempts.append(
            Attempt(
                number=len(self._attempts) + 1, occurrence_key=message.occurrence_key, rule=message.rule,
                customer=message.customer, step=message.step, token=parcel.token, state=state, cause=one.cause,
                text=one.text, provider_id=one.provider_id, at=one.at,
            )
        )  # fmt: skip
        return state

    def expired_leases(self, now: int) -> list[Claim]:
        late = [
            (parcel.lease_until, parcel)
            for parcel in self._outbox.values()
            if parcel.state is MessageState.SENDING and parcel.lease_until is not None and parcel.lease_until < now
        ]
        late.sort(key=lambda pair: pair[0])
        return [_claim(parcel) for _, parcel in late]

    def message(self, occurrence_key: str) -> MessageStatus | None:
        parcel = self._outbox.get(occurrence_key)
        return None if parcel is None else _status(parcel)

    def messages(self, *, state: MessageState | None = None, limit: int | None = None) -> Iterator[MessageStatus]:
        found = (_status(one) for one in list(self._outbox.values()) if state is None or one.state is state)
        return islice(found, limit)

    def message_of_link(self, digest: str) -> MessageStatus | None:
        found = (one for key, one in self._outbox.items() if occurrence_digest(key) == digest)
        return next(map(_status, found), None)

    def pending_count(self) -> int:
        return sum(one.state in {MessageState.PENDING, MessageState.SENDING} for one in self._outbox.values())

    def due_count(self, now: int) -> int:
        return sum(one.state is MessageState.PENDING and one.due <= now for one in self._outbox.values())

    def handed_over(self, since: int) -> list[tuple[int, int]]:
        left = [a for a in self._attempts if a.at >= since and a.state in HANDED_OVER]
        counts = Counter(a.at - a.at % MINUTE for a in left if a.cause is not MessageCause.LEASE_RAN_OUT)
        return sorted(counts.items())

    def shed_bodies(self, before: int, limit: int) -> int:
        found = [p for p in self._outbox.values() if p.settled_at is not None and p.settled_at < before][:limit]
        for parcel in found:
            parcel.message, parcel.settled_at = without_body(parcel.message), None
        return len(found)

    def attempts(self, after: int = 0, *, limit: int | None = None) -> Iterator[Attempt]:
        return islice(iter(self._attempts[after:]), limit)

    def attempts_of(self, customer: str) -> list[Attempt]:
        return [one for one in self._attempts if one.customer == customer]

    # -- suppressions, dead letters, notes -------------------------------------------------------------------------
    def suppress(self, address_hash: str, suppression: Suppression) -> None:
        stands = self._suppressions.get(address_hash)
        if suppression.scope == LIFTED:
            if is_lifted(stands):
                del self._suppressions[address_hash]
        elif is_wider(suppression, stands):
            self._suppressions[address_hash] = suppression

    def suppression(self, address_hash: str) -> Suppression | None:
        return self._suppressions.get(address_hash)

    def dead_letters(self, *, stream: str | None = None, limit: int | None = None) -> Iterator[StoredLetter]:
        return islice((one for one in list(self._letters.values()) if stream in {None, one.letter.stream}), limit)

    def waiting_letters(self, limit: int) -> list[StoredLetter]:
        return list(islice((one for one in reversed(self._letters.values()) if one.ended_at is None), limit))

    def dead_letter(self, number: int) -> StoredLetter | None:
        return self._letters.get(number)

    def end_letters(self, numbers: Iterable[int], at: int, end: LetterEnd) -> None:
        for number in numbers:
            kept = self._letters.get(number)
            if kept is not None and kept.ended_at is None:
                self._letters[number] = StoredLetter(number=number, letter=kept.letter, ended_at=at, end=end)

    def note(self, name: str) -> str | None:
        return self._notes.get(name)

    def set_note(self, name: str, value: str, *, once: bool = False) -> None:
        if not (once and self._notes.get(name)):
            self._notes[name] = value


def _claim(parcel: Parcel, code: str = "") -> Claim:
    assert parcel.lease_until is not None
    return Claim(
        message=parcel.message, token=parcel.token, lease_until=parcel.lease_until, owner=parcel.owner,
        attempts=parcel.attempts, code=code,
    )  # fmt: skip


def _status(parcel: Parcel) -> MessageStatus:
    return MessageStatus(
        message=parcel.message, state=parcel.state, token=parcel.token, due=parcel.due, lease_until=parcel.lease_until
    )
