"""One message of the log topic: a pack of records of one log partition, and how far each source was read for it.

The router writes packs, the worker reads them; both take the same partition for a customer. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from relight.streams.envelope import Control, DeadLetter, Event

#: Records of one pack.
PACK_RECORDS_MAX = 200
#: Bytes of records in one pack; a single larger record travels alone.
PACK_BYTES_MAX = 500_000
#: Customers whose partition is known without reckoning: those who came last.
NAMES_KEPT_MAX = 100_000
#: Name of the source that brings control records, in the place of a stream's; no stream file can be called so.
CONTROL_SOURCE = "control records"
#: Form of a pack; a worker refuses another.
PACK_VERSION = 1

#: (stream, partition of its topic).
Source = tuple[str, int]


class Span(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Which offsets of one source a pack covers for its log partition, and how far time has come in that source."""

    stream: str
    partition: int
    #: First offset covered, and the one after the last; equal in a heartbeat.
    first: int
    next: int
    #: Every record of the source with an ingest time before this (µs) has an offset below `next`.
    until: int

    @property
    def source(self) -> Source:
        """The source it speaks of."""
        return (self.stream, self.partition)


class Packed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One record of a pack."""

    #: Place of its span in the pack.
    span: int
    #: Offset in its source.
    offset: int
    #: `e` event, `c` control record, `d` dead letter.
    kind: str
    body: bytes


class Pack(msgspec.Struct, array_like=True, frozen=True):
    """One message of the log topic."""

    version: int
    spans: list[Span]
    records: list[Packed]
    #: All sources there are, where the pack says so: time waits for each of them.
    sources: list[Source] | None = None


#: A record on its way, and the offset it came from.
Routed = tuple[int, Event | Control | DeadLetter]

_ENCODER = msgspec.msgpack.Encoder()
_PACK = msgspec.msgpack.Decoder(Pack)
_EVENT = msgspec.msgpack.Decoder(Event)
_CONTROL = msgspec.msgpack.Decoder(Control)
_LETTER = msgspec.msgpack.Decoder(DeadLetter)


@lru_cache(maxsize=NAMES_KEPT_MAX)
def partition_of(name: str, partitions: int) -> int:
    """Return the log partition of a customer, for ever the same while the number of partitions stays."""
    raw = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "big") % partitions


def encode_pack(pack: Pack) -> bytes:
    """Return the value of a message of the log topic."""
    return _ENCODER.encode(pack)


def decode_pack(value: bytes) -> Pack:
    """Return a pack; raises ValueError for bytes that are none, or of a form that this program does not know."""
    pack = _PACK.decode(value)
    if pack.version != PACK_VERSION:
        raise ValueError(f"a pack of form {pack.version}; this program knows form {PACK_VERSION}")
    return pack


def decode_record(packed: Packed) -> Event | Control | DeadLetter:
    """Return a record of a pack; properties and traits as the encoding keeps them."""
    if packed.kind == "e":
        return _EVENT.decode(packed.body)
    if packed.kind == "c":
        return _CONTROL.decode(packed.body)
    return _LETTER.decode(packed.body)


class _Outline(msgspec.Struct, array_like=True, gc=False):
    """What event and control record begin with."""

    first: msgspec.Raw
    second: msgspec.Raw
    customer: str | None


_OUTLINE = msgspec.msgpack.Decoder(_Outline)


def customer_of(packed: Packed) -> str | None:
    """Return whose an event or control record is, None for what concerns everybody; it is not decoded for that."""
    return _OUTLINE.decode(packed.body).customer


def is_of(packed: Packed, customers: Collection[str]) -> bool:
    """Return whether a record is one of some customers' own or concerns everybody; it is not decoded for that."""
    if packed.kind == "d":
        return False
    customer = customer_of(packed)
    return customer is None or customer in customers


def with_record(packed: Packed, record: Control) -> Packed:
    """Return a packed record with a control record in its place."""
    return Packed(packed.span, packed.offset, "c", _ENCODER.encode(record))


@dataclass(slots=True)
class Reading:
    """What one source brought since the last packs were written, for one log partition."""

    source: Source
    #: Offsets read: the first, and the one after the last.
    first: int
    next: int
    #: As `Span.until`.
    until: int
    records: list[Routed] = field(default_factory=list)


def make_packs(readings: Iterable[Reading]) -> Iterator[Pack]:
    """Yield the packs of one log partition: every reading whole, in order, cut where a pack is full.

    A span that is cut claims no time beyond its last record; records of one offset stay together.
    """
    spans: list[Span] = []
    records: list[Packed] = []
    size = 0
    encode = _ENCODER.encode
    for reading in readings:
        first = reading.first
        before = None
        for offset, record in reading.records:
            body = encode(record)
            if (len(records) >= PACK_RECORDS_MAX or size + len(body) > PACK_BYTES_MAX) and records and offset != before:
                if offset > first:
                    spans.append(Span(*reading.source, first, offset, min(reading.until, record.ingest_time)))
                    first = offset
                yield Pack(PACK_VERSION, spans, records)
                spans, records, size = [], [], 0
            kind = "e" if type(record) is Event else "c" if type(record) is Control else "d"
            records.append(Packed(len(spans), offset, kind, body))
            size += len(body)
            before = offset
        spans.append(Span(*reading.source, first, reading.next, reading.until))
    if spans:
        yield Pack(PACK_VERSION, spans, records)
