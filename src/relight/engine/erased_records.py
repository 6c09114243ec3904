"""What stands in the place of erased people's records, wherever a cluster has them: packs, queues, the control topic.

A record becomes a tombstone (V5), a dead letter that names them is taken out, and what the suppression list says of
their addresses names those by keyed hashes. Everything else stays byte for byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from relight.messages.addresses import address_hash
from relight.stores.erasure import Person, is_letter_of, names_any, tombstone
from relight.stores.erasure_key import Keyed
from relight.stores.identity_hash import customer_hash
from relight.streams.envelope import Control, DeadLetter, Event, Record
from relight.transports.kafka_publish import EVENT_HEADER
from relight.transports.log_pack import (
    Pack,
    Packed,
    Source,
    customer_of,
    decode_pack,
    decode_record,
    encode_pack,
    with_record,
)
from relight.transports.topic_copy import Headers

_LETTER = msgspec.msgpack.Decoder(DeadLetter)


@dataclass(slots=True)
class Forgetting:
    """Some people, and what becomes of what names them."""

    people: Collection[Person]
    keyed: Keyed
    #: Whose records became tombstones -> how many.
    records: Counter[str] = field(default_factory=Counter)
    #: Place in a source -> the dead letter of it that was taken out of the log.
    letters: dict[tuple[Source, int], DeadLetter] = field(default_factory=dict)
    _customers: frozenset[str] = field(init=False)
    _words: frozenset[str] = field(init=False)
    #: Hash of an address -> its keyed name.
    _addresses: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Know everybody's names."""
        self._customers = frozenset(one for person in self.people for one in person.customers)
        self._words = frozenset(word for person in self.people for word in person.words)
        hashes = {address_hash(one) for person in self.people for one in person.addresses}
        self._addresses = {one: self.keyed(one) for one in hashes}

    @property
    def words(self) -> frozenset[str]:
        """Everybody's ids and addresses."""
        return self._words

    @property
    def hashes(self) -> dict[int, int]:
        """Return hash of a customer -> that of their keyed name."""
        return {customer_hash(one): customer_hash(self.keyed(one)) for one in self._customers}

    @property
    def customers(self) -> frozenset[str]:
        """Everybody's ids."""
        return self._customers

    # ------------------------------------------------------------ one record
    def record(self, record: Record) -> Record:
        """Return what stands in the place of a record: itself, where it names nobody erased."""
        if record.customer in self._customers:
            self.records[record.customer] += 1
            return tombstone(record, self.keyed)
        if isinstance(record, Control) and record.kind == "suppression" and record.subject in self._addresses:
            return msgspec.structs.replace(record, subject=self._addresses[record.subject])
        return record

    def packed(self, packed: Packed) -> Packed | None:
        """Return what stands in the place of a record of a pack; None where nothing does."""
        if packed.kind == "d":
            return None if is_letter_of(_LETTER.decode(packed.body), self._words) else packed
        customer = customer_of(packed)
        if customer not in self._customers and (customer is not None or packed.kind != "c"):
            return packed
        before = decode_record(packed)
        assert isinstance(before, Event | Control)
        after = self.record(before)
        return packed if after is before or not isinstance(after, Control) else with_record(packed, after)

    # ------------------------------------------------------------ one message
    def pack(self, value: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Return what stands in the place of a message of the log topic."""
        pack = decode_pack(value)
        found = [self.packed(one) for one in pack.records]
        if all(after is before for before, after in zip(pack.records, found, strict=True)):
            return value, headers
        for before, after in zip(pack.records, found, strict=True):
            if after is None:
                self.letters[pack.spans[before.span].source, before.offset] = _LETTER.decode(before.body)
        kept = [one for one in found if one is not None]
        return encode_pack(Pack(pack.version, pack.spans, kept, pack.sources)), headers

    def control(self, value: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Return what stands in the place of a message of the control topic."""
        is_event = any(name == EVENT_HEADER for name, _ in headers)
        kind: type[Record] = Event if is_event else Control
        before = msgspec.msgpack.decode(value, type=kind)
        after = self.record(before)
        if after is before:
            return value, headers
        return msgspec.msgpack.encode(after), [one for one in headers if one[0] != EVENT_HEADER]

    def letter(self, value: bytes, headers: Headers) -> tuple[bytes, Headers]:
        """Return what stands in the place of a message of the topic of dead letters."""
        gone = names_any(value, self._words) or any(names_any(text, self._words) for _, text in headers)
        return (b"", []) if gone else (value, headers)
