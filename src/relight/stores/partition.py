"""The store of one partition of a log topic: Kafka has the log, PostgreSQL the decisions, a Faust table the checkpoint.

What the engine reads (profiles, known ids, what concerns everybody) is here in memory, and is a pure function of the
log up to an offset: it can be had again by folding. What a customer's own log says can only be had by reading the
topic (engine/log_copy).
"""

# ruff: noqa: D102  # what a method promises stands once, at interface.Store
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, starmap

import msgspec

from relight.base.errors import StoreError
from relight.base.instants import INSTANT_MIN
from relight.messages.ledger import LedgerRow
from relight.stores.checkpoint_blobs import Book, Writing
from relight.stores.erasure_key import Keyed
from relight.stores.identity_hash import HASH_BYTES, identity_key
from relight.stores.interface import Appended, Batch, EventIdentity, Profile, refuse_conflicts
from relight.stores.memory import MemoryStore
from relight.stores.postgres_partition import PartitionSink
from relight.stores.record_codec import encode_record
from relight.stores.seen_ids import UNTOLD_BODY, SeenIds
from relight.streams.envelope import Control, Event, Record
from relight.streams.ids import body_hash

#: Bytes of profiles in one part of a checkpoint, about; there are as many parts as it takes.
PROFILE_PART_BYTES = 400_000
#: Global records in one part of a checkpoint.
WORLD_PART_RECORDS = 500
#: Name of the input by which the engine says how far the log topic is read.
LOG_INPUT = "log"


class CheckpointState(msgspec.Struct, array_like=True):
    """The small state of a checkpoint."""

    position: int
    reached: int | None
    profile_parts: int
    #: Offset up to which decisions were durable when it was written.
    durable: int
    #: What the reader of the log topic keeps.
    reader: bytes
    #: By what people of other partitions were decided on here, too.
    together: str = ""


def one_batch(batches: Sequence[Batch]) -> Batch:
    """Return everything of some batches as one, but positions and instants."""
    if len(batches) == 1:
        return batches[0]
    return Batch(
        log=list(chain.from_iterable(one.log for one in batches)),
        rows=list(chain.from_iterable(one.rows for one in batches)),
        outbox=list(chain.from_iterable(one.outbox for one in batches)),
        dead=list(chain.from_iterable(one.dead for one in batches)),
        tallies=list(chain.from_iterable(one.tallies for one in batches)),
        duplicates_differing=sum(one.duplicates_differing for one in batches),
    )


class PartitionStore(MemoryStore):
    """See `interface.Store` for what each method promises; the ledger and the outbox are asked in PostgreSQL."""

    def __init__(self, sink: PartitionSink, *, together: str = "", keyed: Keyed | None = None) -> None:
        """Stand at the beginning of the log; `load` stands at a checkpoint instead.

        together: by what people of other partitions are decided on here, too; a checkpoint made by another does not
        count; keyed: names the erased where there are any.
        """
        super().__init__(keyed=keyed)
        self._together = together
        self.sink = sink
        #: Offset of the log topic up to which (exclusive) everything here includes it.
        self.offset = 0
        #: What the reader of the log topic keeps with a checkpoint.
        self.reader_state = b""
        self._position = 0
        self._globals: list[tuple[int, Record]] = []
        self._globals_written = 0
        self._ids = SeenIds()
        #: Hashes of the identities that were asked for last: those of the batch at hand.
        self._keys: dict[EventIdentity, bytes] = {}
        self._book = Book(partition=sink.partition, epoch=sink.epoch)
        self._parts = 1
        self._bytes = 0
        self._dirty: set[str] = set()
        self._members: list[set[str]] = [set()]
        #: Batches that become durable together; None outside of it.
        self._gathered: list[Batch] | None = None

    # -- the log ---------------------------------------------------------------------------------------------------
    def append(self, batch: Batch) -> Appended:
        offset = int(batch.positions.get(LOG_INPUT, str(self.offset)))
        known, conflicts = (0, ()) if self._gathered is not None else self._write([batch], offset)
        if self._gathered is not None:
            self._gathered.append(batch)
        keys = self._keys
        new: dict[bytes, bytes] = {}
        for record, _ in batch.log:
            self._position += 1
            if record.customer is None:
                self._globals.append((self._position, record))
            if type(record) is Event:
                identity = (record.stream, record.customer, record.id)
                new[keys.get(identity) or identity_key(*identity)] = body_hash(record)
        self._ids.add(new)
        self._keys = {}
        self.offset = offset
        if batch.reached is not None:
            self._reached = batch.reached if self._reached is None else max(self._reached, batch.reached)
        return Appended(last_position=self._position, rows_known=known, conflicts=conflicts)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make batches durable as one: the offset that the last of them leads to is moved to with all they decided.

        Raises FaultError where a row contradicts the ledger; whoever fails here leaves, since memory is ahead by then.
        """
        self._gathered = []
        try:
            yield
            _, conflicts = self._write(self._gathered, self.offset)
        finally:
            self._gathered = None
        refuse_conflicts(conflicts)

    def _write(self, batches: Sequence[Batch], offset: int) -> tuple[int, tuple[LedgerRow, ...]]:
        reached = max((one.reached for one in batches if one.reached is not None), default=INSTANT_MIN)
        return self.sink.write(one_batch(batches), offset, reached)

    def last_position(self) -> int:
        return self._position

    def read_log(self, after: int = 0, *, limit: int | None = None) -> Iterator[tuple[int, Record]]:  # noqa: ARG002
        """Return nothing: the log is in Kafka, is folded from there, and goes on after the instant reached."""
        return iter(())

    def customer_log(self, customer: str, *, after: int = 0) -> Iterator[tuple[int, Record]]:  # noqa: ARG002
        raise StoreError(f"the log of customer '{customer}' is in Kafka, not in this store")

    def global_log(self, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        return (pair for pair in list(self._globals) if pair[0] > after)

    def find_known(self, identities: Sequence[EventIdentity]) -> list[int | None]:
        """Return the hash of a known event's body in the place of its position, None for a new one."""
        keys = list(starmap(identity_key, identities))
        self._keys = dict(zip(identities, keys, strict=True))
        found, untold = self._ids.find_all(keys), self._ids.untold
        if untold and self.keyed is not None:
            for number, (stream, customer, event_id) in enumerate(identities):
                if found[number] is None and customer is not None and keys[number][HASH_BYTES:] in untold:
                    found[number] = self._ids.find(identity_key(stream, self.keyed(customer), event_id))
        return [None if body is None else int.from_bytes(body, "big") for body in found]

    def note_erased(self, record: Control) -> None:
        """Know an event of somebody erased by its tombstone: the same again is the same event (V5)."""
        if "id" in record.detail:
            key = identity_key(record.subject, record.customer, str(record.detail["id"]))
            self._ids.add({key: UNTOLD_BODY})

    # -- checkpoints -----------------------------------------------------------------------------------------------
    def save_checkpoints(
        self, profiles: Iterable[Profile], *, position: int | None = None, meta: Mapping[str, bytes] | None = None
    ) -> None:
        for one in profiles:
            before = self._profiles.get(one.customer)
            self._bytes += len(one.blob) - (0 if before is None else len(before.blob))
            self._profiles[one.customer] = one
            self._members[self._part_of(one.customer)].add(one.customer)
            self._dirty.add(one.customer)
        if position is not None:
            self._checkpoint_position = position
        if meta is not None:
            self._checkpoint_meta = dict(meta)

    def drop_profile(self, customer: str) -> None:
        """Keep nothing of a customer who is decided on in another partition from now on."""
        before = self._profiles.pop(customer, None)
        if before is not None:
            self._bytes -= len(before.blob)
            self._members[self._part_of(customer)].discard(customer)
            self._dirty.add(customer)  # its part is written again, without it

    def _part_of(self, customer: str) -> int:
        raw = hashlib.blake2b(customer.encode("utf-8", "surrogatepass"), digest_size=8, key=b"part").digest()
        return int.from_bytes(raw, "big") % self._parts

    def write_checkpoint(self) -> Writing:
        """Return the blobs that make what is here durable; after the engine has saved its profiles."""
        gone: set[str] = set()
        if self._bytes > self._parts * PROFILE_PART_BYTES:
            gone = {f"profiles/{number}" for number in range(self._parts)}
            self._spread(2 * self._parts)
        changed = {f"profiles/{n}": self._profile_part(n) for n in {self._part_of(c) for c in self._dirty}}
        changed |= {f"ids/{number}": body for number, body in self._ids.take_changed().items()}
        first = self._globals_written // WORLD_PART_RECORDS
        if len(self._globals) > self._globals_written:
            for number in range(first, (len(self._globals) - 1) // WORLD_PART_RECORDS + 1):
                changed[f"world/{number}"] = self._world_part(number)
        self._globals_written = len(self._globals)
        self._dirty.clear()
        state = CheckpointState(
            self._position, self._reached, self._parts, self.sink.durable, self.reader_state, self._together
        )
        return self._book.write(self.offset, msgspec.msgpack.encode(state), changed, gone - set(changed))

    def _spread(self, parts: int) -> None:
        while self._bytes > parts * PROFILE_PART_BYTES:
            parts *= 2
        self._parts = parts
        self._members = [set() for _ in range(parts)]
        for customer in self._profiles:
            self._members[self._part_of(customer)].add(customer)
        self._dirty.update(self._profiles)

    def _profile_part(self, number: int) -> bytes:
        members = [self._profiles[customer] for customer in sorted(self._members[number])]
        return msgspec.msgpack.encode([(one.customer, one.position, one.blob) for one in members])

    def _world_part(self, number: int) -> bytes:
        found = self._globals[number * WORLD_PART_RECORDS : (number + 1) * WORLD_PART_RECORDS]
        return msgspec.msgpack.encode([(p, isinstance(r, Control), encode_record(r)) for p, r in found])

    def load(self, blobs: Mapping[bytes, bytes]) -> bool:
        """Stand at the newest whole checkpoint among the blobs; return whether there is one."""
        found = self._book.load(blobs)
        if found is None:
            return False
        head, parts = found
        state = msgspec.msgpack.decode(head.state, type=CheckpointState)
        if state.durable > self.sink.durable:
            # PostgreSQL was restored from a backup: what it lost can only be decided again from the log's beginning.
            self._book.forget()
            return False
        if state.together != self._together:
            self._book.forget()
            return False
        self.offset, self.reader_state = head.offset, state.reader
        self._position, self._reached, self._parts = state.position, state.reached, state.profile_parts
        self._members = [set() for _ in range(self._parts)]
        ids: dict[int, bytes] = {}
        for name in sorted(parts, key=lambda one: (one.partition("/")[0], int(one.partition("/")[2]))):
            kind, _, number = name.partition("/")
            if kind == "profiles":
                rows = msgspec.msgpack.decode(parts[name], type=list[tuple[str, int, bytes]])
                self.save_checkpoints(Profile(customer=c, position=p, blob=blob) for c, p, blob in rows)
            elif kind == "world":
                for position, is_control, body in msgspec.msgpack.decode(parts[name]):
                    kinds: type[Record] = Control if is_control else Event
                    self._globals.append((position, msgspec.msgpack.decode(body, type=kinds)))
            else:
                ids[int(number)] = parts[name]
        self._ids.load(ids)
        self._checkpoint_position, self._globals_written = self._position, len(self._globals)
        self._dirty.clear()
        return True
