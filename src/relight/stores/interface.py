"""What every store offers (the seam): one transaction a batch, exact de-duplication, checkpoints, ledger, outbox.

A store decides nothing and reads no clock: instants are arguments, int µs UTC. Methods are called by one thread at a
time. Values of properties and traits come back from `read_log`, `customer_log` and `global_log` as the encoding keeps
them (Decimal and date as text, tuple as list): revive them with `base.kinds.revive_value`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from relight.base.errors import FaultError
from relight.messages.ledger import LedgerRow, OutboxMessage
from relight.messages.life import MessageCause, MessageState
from relight.stores.listing import Listing, Tally
from relight.streams.envelope import DeadLetter, Record

#: Identity of an event (V1): stream, customer (None for a global event), id.
EventIdentity = tuple[str, str | None, str]
#: A record and its encoded form by `record_codec.encode_record`, None to let the store encode it.
LogEntry = tuple[Record, bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one transaction makes durable."""

    #: Records to append, in log order.
    log: Sequence[LogEntry] = ()
    rows: Sequence[LedgerRow] = ()
    outbox: Sequence[OutboxMessage] = ()
    dead: Sequence[DeadLetter] = ()
    #: Input name → opaque position up to which it has been read.
    positions: Mapping[str, str] = field(default_factory=dict)
    #: Instant durably reached, µs; None leaves it. A smaller one than before changes nothing.
    reached: int | None = None
    tallies: Sequence[Tally] = ()
    #: Copies of known events whose body differs from the first (V1); added to the store's counter.
    duplicates_differing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What a durable batch became."""

    #: Position of the last record in the log, 0 for an empty log.
    last_position: int
    #: Rows whose occurrence key was in the ledger already.
    rows_known: int = 0
    #: Those of them that say something else than the row that stands; the first wins.
    conflicts: tuple[LedgerRow, ...] = ()


def refuse_conflicts(rows: Sequence[LedgerRow]) -> None:
    """Raise FaultError where rows contradict the ledger: what was decided again must be what was decided."""
    if rows:
        first = f"{rows[0].rule} {rows[0].customer} {rows[0].occurrence}"
        raise FaultError(f"{len(rows)} rows contradict the ledger, first {first}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to send one message until the lease runs out (S5)."""

    message: OutboxMessage
    #: Fencing token: grows by one with each claim of the message.
    token: int
    #: Instant at which the lease runs out, µs.
    lease_until: int
    owner: str
    #: Attempts spent on the message before this claim; waiting for a provider that is down spends none.
    attempts: int = 0
    #: The code drawn for the message (S6), the same at each claim; empty where it needs none.
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a claim found due."""

    #: To be sent now; durable as `sending`.
    ready: tuple[Claim, ...] = ()
    #: Refused in the same transaction (S4): suppressed, consent withdrawn, rule paused; durable as `suppressed`.
    suppressed: tuple[OutboxMessage, ...] = ()
    #: Past their `expires_at`; durable as `expired`.
    expired: tuple[OutboxMessage, ...] = ()
    #: Pools of which a code was wanted and none was left.
    empty_pools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCount:
    """How a pool of codes stands."""

    pool: str
    left: int
    given: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a message that passed the gate may not leave after all."""

    #: One that leads from `pending` to `suppressed`.
    cause: MessageCause
    #: For people.
    text: str = ""


#: Occurrence keys of the only messages that a claim may take; None for all.
Only = Sequence[str] | None
#: Asked inside the transaction that sets `sending` (S4): occurrence key -> why that message may not leave.
LookAgain = Callable[[Sequence[OutboxMessage]], Mapping[str, Refusal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What is known about a message: a provider's answer, a webhook, an expired lease, an operator's word."""

    occurrence_key: str
    #: Token of the claim; None for what comes without one (a webhook, an operator).
    token: int | None
    #: What moves the message (S2).
    cause: MessageCause
    #: The provider's answer, for people.
    text: str = ""
    provider_id: str | None = None
    #: When it became known, µs.
    at: int
    #: When to try again where the message goes back to `pending`, µs; None at once, in its old place.
    retry_at: int | None = None
    #: Whether it counts as an attempt at this message.
    spends: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One line of the delivery journal; `number` grows, so it serves as the position of an input."""

    number: int
    occurrence_key: str
    rule: str
    customer: str
    step: str
    token: int
    #: The state the message went to.
    state: MessageState
    cause: MessageCause
    text: str
    provider_id: str | None
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStatus:
    """Where a message is in its life."""

    message: OutboxMessage
    state: MessageState
    token: int
    #: When it may be claimed, µs.
    due: int
    #: None unless `sending`.
    lease_until: int | None


class LetterEnd(StrEnum):
    """How a dead letter came to its end."""

    #: Its bytes were read again with success.
    REPLAYED = "replayed"
    #: Its file was read again from the beginning, and no record with these bytes was refused: it or its stream was
    #: mended, or it was taken out.
    GONE = "gone"
    #: Somebody said that nothing is to become of it.
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLetter:
    """A dead letter as it is kept."""

    number: int
    letter: DeadLetter
    #: When it ended and how, µs; None while it waits for somebody.
    ended_at: int | None = None
    end: LetterEnd | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that may not be written to."""

    #: `all`, or `marketing` (transactional mail still goes).
    scope: str
    cause: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile's checkpoint."""

    customer: str
    #: Position of the last record it includes.
    position: int
    blob: bytes


@runtime_checkable
class Freezes(Protocol):
    """A store that can stand still for who reads it more than once."""

    def frozen(self) -> AbstractContextManager[None]:
        """Let the block see one state of the store, whatever is written meanwhile."""


class Store(Listing, Protocol):
    """One project's durable state. Every method raises StoreError for a damaged or closed store."""

    def close(self) -> None:
        """Release the store and its lock; twice is once."""

    def append(self, batch: Batch) -> Appended:
        """Return when the batch is durable; nothing of it is, if this raises BackpressureError (disk full)."""

    def together(self) -> AbstractContextManager[None]:
        """Let the batches that the block appends become durable at once, when it ends, or none of them if it raises.

        A store that cannot makes each durable as it comes.
        """

    # -- the log ---------------------------------------------------------------------------------------------------
    def last_position(self) -> int:
        """Return the position of the last record, 0 for an empty log."""

    def positions(self) -> dict[str, str]:
        """Return how far each input was read."""

    def reached(self) -> int | None:
        """Return the instant durably reached, µs; None for a new store."""

    def read_log(self, after: int = 0, *, limit: int | None = None) -> Iterator[tuple[int, Record]]:
        """Yield the records after a position, in order."""

    def customer_log(self, customer: str, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        """Yield one customer's own events and control records, in order; global ones are left out."""

    def global_log(self, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        """Yield the records that concern everybody, in order."""

    def find_known(self, identities: Sequence[EventIdentity]) -> list[int | None]:
        """Return for each identity its event's position, None where it is new. Exact (V1).

        Only the log is asked: copies inside the list are the caller's to see.
        """

    def body_at(self, position: int) -> Record:
        """Return the record at a position; raises StoreError where there is none."""

    def duplicates_differing(self) -> int:
        """Return how many copies differed from their first."""

    # -- checkpoints -----------------------------------------------------------------------------------------------
    def save_checkpoints(
        self, profiles: Iterable[Profile], *, position: int | None = None, meta: Mapping[str, bytes] | None = None
    ) -> None:
        """Make profiles durable, in one transaction with the position from which recovery folds, and named blobs."""

    def load_profile(self, customer: str) -> Profile | None:
        """Return the customer's checkpoint."""

    def profiles(self) -> Iterator[Profile]:
        """Yield every checkpoint, by customer."""

    def customers(self) -> Iterator[str]:
        """Yield the customers that have a checkpoint, sorted."""

    def checkpoint_position(self) -> int:
        """Return the position from which recovery folds forward, 0 for the beginning."""

    def checkpoint_meta(self) -> dict[str, bytes]:
        """Return the named blobs of the last checkpoint."""

    # -- the ledger ------------------------------------------------------------------------------------------------
    def ledger(
        self,
        *,
        rule: str | None = None,
        customer: str | None = None,
        since: int | None = None,
        limit: int | None = None,
    ) -> Iterator[LedgerRow]:
        """Yield rows as they were written, those judged at or after `since` only."""

    def ledger_for(self, occurrence_key: str) -> LedgerRow | None:
        """Return the row of a key."""

    # -- the outbox ------------------------------------------------------------------------------------------------
    def claim(  # noqa: PLR0913 - one claim, by keyword
        self, now: int, limit: int, *, owner: str, lease: int, look: LookAgain | None = None, only: Only = None
    ) -> Claimed:
        """Take up to `limit` due messages for `lease` µs; durable before it returns (S2).

        look: asked in the transaction about those that are due; what it refuses is settled instead of taken (S4).
        only: the keys of the messages that may be taken, of which the others are not even looked at (S5); None for all.
        A message that names a pool is given its code in the transaction, once for ever, or is refused (S6).
        """

    def settle(self, settlements: Sequence[Settlement]) -> list[MessageState | None]:
        """Return each message's new state; None where the token is of an older claim or the life forbids it."""

    def expired_leases(self, now: int) -> list[Claim]:
        """Return the claims in `sending` whose lease ran out before `now`."""

    def message(self, occurrence_key: str) -> MessageStatus | None:
        """Return where a message is."""

    def messages(self, *, state: MessageState | None = None, limit: int | None = None) -> Iterator[MessageStatus]:
        """Yield messages as they were written."""

    def message_of_link(self, digest: str) -> MessageStatus | None:
        """Return the message that a link names by `messages.identity.occurrence_digest` of its key."""

    def pending_count(self) -> int:
        """Return how many messages wait or are being sent."""

    def due_count(self, now: int) -> int:
        """Return how many messages wait whose time has come at `now` (µs)."""

    def handed_over(self, since: int) -> list[tuple[int, int]]:
        """Return (minute, messages) since an instant (µs): those accepted or unknown, by whole minutes of UTC."""

    def shed_bodies(self, before: int, limit: int) -> int:
        """Take subject, HTML and text from messages that were settled before an instant; return how many.

        What waits, is being sent or is unknown keeps them: it may have to leave again.
        """

    def attempts(self, after: int = 0, *, limit: int | None = None) -> Iterator[Attempt]:
        """Yield the delivery journal after a number, in order."""

    def attempts_of(self, customer: str) -> list[Attempt]:
        """Return one customer's lines of the delivery journal, in order."""

    # -- codes -----------------------------------------------------------------------------------------------------
    def add_codes(self, pool: str, codes: Iterable[str]) -> int:
        """Put codes into a pool and return how many it did not have; one that was given out stays as it is.

        A code is in one pool: one that is left in another moves over.
        """

    def code_counts(self) -> list[PoolCount]:
        """Return how each pool stands, by name."""

    def codes_left(self, pool: str, most: int) -> int:
        """Return how many codes a pool has left; no more than `most` are counted."""

    def code_of(self, occurrence_key: str) -> str | None:
        """Return the code that an occurrence was given, None for none."""

    # -- suppressions, dead letters, notes -------------------------------------------------------------------------
    def suppress(self, address_hash: str, suppression: Suppression) -> None:
        """Add an address; `suppression` control records of a batch do so by themselves."""

    def suppression(self, address_hash: str) -> Suppression | None:
        """Return why an address may not be written to, None when it may."""

    def dead_letters(self, *, stream: str | None = None, limit: int | None = None) -> Iterator[StoredLetter]:
        """Yield dead letters, oldest first."""

    def waiting_letters(self, limit: int) -> list[StoredLetter]:
        """Return the newest dead letters that wait for somebody, newest first."""

    def dead_letter(self, number: int) -> StoredLetter | None:
        """Return one dead letter."""

    def end_letters(self, numbers: Iterable[int], at: int, end: LetterEnd) -> None:
        """Note how dead letters ended, and when (µs); one that had ended keeps its end."""

    def note(self, name: str) -> str | None:
        """Return a note."""

    def set_note(self, name: str, value: str, *, once: bool = False) -> None:
        """Write a note, for instance the project's name; once: what stands there and is not empty stays."""
