"""The durable inbox as an input of the engine: entries in, records out, each exactly once (S4, H1).

How far it is read is kept in the transaction of the records it gave. What a record does is decide's; a command is
carried out by whoever the run registered for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import RejectError
from relight.base.instants import DAY
from relight.engine.replies import event_of_reply
from relight.messages.addresses import address_hash
from relight.stores.inbox_interface import InboxEntry, InboxKind, event_rows
from relight.stores.inbox_words import Word, read_word
from relight.streams.envelope import Control, DeadLetter, Event
from relight.streams.fields import SEGMENT_TYPES
from relight.streams.refusals import RefusalError
from relight.streams.schema import Schema
from relight.transports.records import RecordReader

if TYPE_CHECKING:
    from relight.stores.inbox_interface import DurableInbox
    from relight.stores.interface import MessageStatus, Store
    from relight.streams.plan import StreamPlan
    from relight.streams.refusals import Counts
    from relight.streams.surveys import Survey

#: Name under which the store keeps the position of the last entry that was taken.
INBOX_POSITION = "inbox"
#: Name of the command that takes a customer out of the store.
ERASE = "erase"
#: Name under which the store keeps the position of the last entry that a cluster's sender relayed. Another one than an
#: engine's own, so that the second look goes on asking every word: on a cluster relayed is not yet folded.
RELAYED_POSITION = "inbox relayed"
#: Stream of the dead letters of entries that are no events.
INBOX_STREAM = "inbox"

#: Entries of one look into the inbox; each holds up to ROWS_MAX rows.
POLLED_ENTRIES_MAX = 200
#: Positions in a stream that one entry's rows have between them and the next entry's.
POSITIONS_PER_ENTRY = 1_000
#: Kinds of entries that become events.
_EVENTS = frozenset({InboxKind.EVENT, InboxKind.REPLY})
#: How long entries of events are kept after the engine took them (µs): as old as a backup of the store may be.
KEPT_SPAN = 7 * DAY
#: What an entry becomes.
InboxRecord = Event | Control | DeadLetter
#: Carries out a command at an instant (µs) and returns the records that it becomes, in log order. It may be asked again
#: after a crash before they are durable. Raises RejectError for what cannot be done: then the command is a dead letter.
CommandHandler = Callable[[InboxEntry, int], Sequence[InboxRecord]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What one look into the inbox gave."""

    records: Sequence[InboxRecord] = ()
    #: To be kept with the records; empty when there was nothing.
    positions: Mapping[str, str] = field(default_factory=dict)
    #: More may be there: time may not pass beyond these records yet (H2).
    has_more: bool = False


@dataclass(slots=True, kw_only=True)
class InboxInput:
    """The inbox of one store."""

    inbox: DurableInbox
    store: Store
    streams: Mapping[str, StreamPlan]
    folder: Path
    #: What may be the event of a reply.
    schema: Schema = field(default_factory=Schema)
    surveys: Mapping[str, Survey] = field(default_factory=dict)
    #: Name of a command -> who carries it out.
    commands: dict[str, CommandHandler] = field(default_factory=dict)
    #: Position of the last entry handed out; None until the store was asked.
    place: int | None = None
    _readers: dict[str, RecordReader] = field(default_factory=dict)
    #: An order to erase may stand before `place`: one was read, or nobody has looked since the start.
    _has_erased: bool = True

    @property
    def counts(self) -> Mapping[str, Counts]:
        """Stream -> what became of its rows since the start."""
        return {name: reader.counts for name, reader in self._readers.items()}

    def poll(self, earliest: int, latest: int, most: int, *, until_event: bool = False) -> Polled:
        """Return new entries as records in order of arrival: no further entry once there are `most` records.

        A command comes alone. earliest, latest: ingest times (µs) that the records may have; an entry has the time it
        arrived where it lies between them. until_event: leave the first entry that becomes an event, and those
        behind it. The caller makes records and positions durable together.
        """
        if self.place is None:
            self.place = int(self.store.positions().get(INBOX_POSITION, "0"))
        entries = self.inbox.read_after(self.place, min(most, POLLED_ENTRIES_MAX))
        if not entries:
            return Polled()
        records: list[InboxRecord] = []
        taken = 0
        for entry in entries:
            if until_event and entry.kind in _EVENTS:
                break
            if taken and (entry.kind is InboxKind.COMMAND or len(records) >= most):
                break
            now = max(earliest, min(entry.received, latest))
            earliest = now  # one log, one order: a clock that was set back does not turn it round (H1)
            records += self._read(entry, now)
            taken += 1
            self.place = entry.position
            if entry.kind is InboxKind.COMMAND:
                break
        if not taken:
            return Polled()
        has_more = taken < len(entries) or len(entries) == min(most, POLLED_ENTRIES_MAX)
        return Polled(records=records, positions={INBOX_POSITION: str(self.place)}, has_more=has_more)

    def forget(self, now: int) -> int:
        """Delete what the engine took long before now (µs), so that the inbox stays bounded; return how many."""
        self.forget_erased()
        return self.inbox.forget_events(self.place or 0, before=now - KEPT_SPAN)

    def forget_erased(self) -> None:
        """Delete the orders to erase somebody that are carried out for good: they name who it was."""
        if self._has_erased:
            self.inbox.forget_commands(ERASE, self.place or 0)
            self._has_erased = False

    def _read(self, entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        try:
            match entry.kind:
                case InboxKind.EVENT:
                    return self._read_event(entry, now)
                case InboxKind.REPLY:
                    event = event_of_reply(self.schema, self.surveys, self.store, entry, now)
                    return [] if event is None else [event]
                case InboxKind.WORD:
                    return [resolve_word(self.store, read_word(entry.body), entry.token, now)]
                case InboxKind.COMMAND:
                    self._has_erased |= entry.name == ERASE
                    return self.commands.get(entry.name, _unknown_command)(entry, now)
        except RejectError as error:
            return [_dead(entry, INBOX_STREAM, f"{entry.kind.value}-refused", str(error), now)]

    def _read_event(self, entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        plan = self.streams.get(entry.name)
        if plan is None:
            return [_dead(entry, entry.name, "unknown-stream", f"there is no stream '{entry.name}'", now)]
        reader = self._readers.get(entry.name)
        if reader is None:
            reader = self._readers[entry.name] = RecordReader(plan, self.folder)
        rows = event_rows(entry.body)
        records: list[InboxRecord] = []
        for number, row in enumerate(rows):
            source = f"{source_of(entry)}#{number + 1}" if len(rows) > 1 else source_of(entry)
            place = entry.position * POSITIONS_PER_ENTRY + number
            found = reader.read(row, position=place, source=source, ingest_time=now)
            records += found or _nobodys(reader, row, position=place, source=source, ingest_time=now)
        return records


class _Sent(msgspec.Struct, frozen=True):
    """Whom a client of Segment's shape says that a row is about."""

    type: str = ""
    user: object = msgspec.field(default=None, name="userId")
    anonymous: object = msgspec.field(default=None, name="anonymousId")


_SENT = msgspec.json.Decoder(_Sent)


def _nobodys(
    reader: RecordReader, row: bytes, *, position: int, source: str, ingest_time: int
) -> Sequence[DeadLetter]:  # fmt: skip
    """Return the dead letter of a row that made no event, being undeclared or left out, and names nobody.

    The client was told that it is parked; a function of the project's own may know better. The reader counts it as dead
    besides, so that its dead letters are as many as the engine's.
    """
    if reader.plan.mapping is not None:
        return ()
    try:
        sent = _SENT.decode(row)
    except msgspec.MsgspecError:
        return ()  # of no client's shape
    if sent.type not in SEGMENT_TYPES or sent.user or sent.anonymous:
        return ()
    refusal = RefusalError("missing-customer", "the record has no customer")
    return [reader.refuse(row, refusal, position, source, ingest_time)]


def _unknown_command(entry: InboxEntry, _now: int) -> Sequence[InboxRecord]:
    raise RejectError(f"this engine does not know the command '{entry.name}'")


def taken_position(store: Store) -> int:
    """Return the position of the last entry that an engine took, or a cluster's sender relayed."""
    places = store.positions()
    return max(int(places.get(name, "0")) for name in (INBOX_POSITION, RELAYED_POSITION))


def source_of(entry: InboxEntry) -> str:
    """Return how an entry is named in records and dead letters: `inbox:17`."""
    return f"inbox:{entry.position}"


def resolve_word(store: Store, word: Word, token: str | None, now: int) -> Control:
    """Return the control record of a word at `now` (µs); raises RejectError where its link leads to no message."""
    customer, subject = word.customer, word.subject
    if token is not None:
        found = store.message_of_link(token)
        if found is None:
            raise RejectError("the link belongs to no message that this store has")
        customer, subject = _whose(word, found)
    return Control(kind=word.kind, ingest_time=now, customer=customer, subject=subject, detail=dict(word.detail))


def _whose(word: Word, found: MessageStatus) -> tuple[str | None, str]:
    """Return (customer, subject) of a word that came by the link of a message: its address, or its customer."""
    if word.kind == "suppression":
        return None, address_hash(found.message.address)
    return found.message.customer, word.subject


def _dead(entry: InboxEntry, stream: str, code: str, reason: str, now: int) -> DeadLetter:
    return DeadLetter(
        stream=stream,
        position=entry.position,
        source=source_of(entry),
        code=code,
        reason=reason,
        raw=entry.body,
        ingest_time=now,
    )
