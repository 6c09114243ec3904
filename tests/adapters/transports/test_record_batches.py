"""The compiled reader of records says what kafka-python's own says, of every kind of batch."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("kafka")
pytest.importorskip("aiokafka")

from aiokafka.errors import UnsupportedCodecError as UnsupportedCodec
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, UnsupportedCodecError
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

from relight.transports import record_batches
from relight.transports.kafka_clients import read_compiled
from relight.transports.record_batches import CompiledRecords, is_known

PLACE = TopicPartition("app", 3)
STAMPED_BY_BROKER, CONTROL, GZIP, ZSTD = 0x08, 0x20, 0x01, 0x04
#: Where a batch keeps its attributes, and what its checksum covers.
ATTRIBUTES_AT, CHECKSUM_AT = 21, 17
Said = tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
Row = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
ROWS: list[Row] = [
    (1_000, b"ada", b'{"id": 1}', []),
    (1_005, None, None, [("relight-until", b"17"), ("none", None)]),
    (990, b"", "çok".encode() * 100, [("başlık", b"\x00\xff")]),
]


def batch(offset: int, rows: list[Row], *, form: int = 2, codec: int = 0, attributes: int = 0, last: int = 0) -> bytes:
    """Return a batch as a broker keeps it; last: offsets after its last record that compaction took away."""
    builder = MemoryRecordsBuilder(form, codec, 1_000_000)
    for timestamp, key, value, headers in rows:
        builder.append(timestamp, key, value, headers)
    builder.close()
    made = bytearray(builder.buffer())
    struct.pack_into(">q", made, 0, offset)
    if form == 2:  # the form of today
        struct.pack_into(">h", made, ATTRIBUTES_AT, codec | attributes)
        struct.pack_into(">i", made, ATTRIBUTES_AT + 2, len(rows) - 1 + last)
        struct.pack_into(">I", made, CHECKSUM_AT, calc_crc32c(memoryview(made)[ATTRIBUTES_AT:]))
    return bytes(made)


def read(kind: Any, data: bytes, first: int, at_once: int) -> tuple[list[Said], int, bool]:
    """Return the records, the offset wanted next, and whether bytes were counted."""
    found: list[Said] = []
    reading = kind(first, PLACE, MemoryRecords(data))
    while reading:
        records = reading.take(at_once)
        found += [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in records]
        assert not records or reading.next_fetch_offset > records[-1].offset
    return found, reading.next_fetch_offset, reading.bytes_read > 0


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_every_batch_says_the_same(at_once: int) -> None:
    """Offsets, times by producer or broker, keys, values and headers, compressed or not, from the middle of a batch,
    behind a transaction's end and up to records that compaction took away: all as kafka-python reads them.
    """
    data = b"".join(
        [
            batch(100, ROWS),
            batch(103, ROWS * 50, attributes=STAMPED_BY_BROKER),
            batch(253, [(1, struct.pack(">hh", 0, 1), b"\x00" * 6, [])], attributes=CONTROL),
            batch(254, ROWS * 20, codec=GZIP),
            batch(314, ROWS[:1], form=1),
            batch(315, ROWS, last=5),
        ]
    )
    for first in (100, 102, 150, 254, 316, 319):
        own = read(Fetcher.PartitionRecords, data, first, at_once)
        assert read(CompiledRecords, data, first, at_once) == own
        assert own[1] == 323
    assert len(read(CompiledRecords, data, 100, at_once)[0]) == 3 + 150 + 60 + 1 + 3


def test_a_codec_that_only_kafka_python_may_know_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compressed batch that the compiled reader has no package for is read by kafka-python, or refused by it."""

    def refuse(_: bytes) -> None:
        raise UnsupportedCodec

    monkeypatch.setattr(record_batches, "DefaultRecordBatch", refuse)
    data = batch(0, ROWS, codec=GZIP)
    assert read(CompiledRecords, data, 0, 10) == read(Fetcher.PartitionRecords, data, 0, 10)
    monkeypatch.undo()
    unknown = batch(0, ROWS, attributes=ZSTD + 1)
    with pytest.raises(UnsupportedCodecError):
        read(CompiledRecords, unknown, 0, 10)


def test_damage_is_refused_as_kafka_python_refuses_it() -> None:
    """A flipped bit, and a record whose length lies behind a checksum that is right, are a CorruptRecordError."""
    sound = bytearray(batch(0, ROWS))
    flipped = sound.copy()
    flipped[-1] ^= 1
    lying = sound.copy()
    lying[61] ^= 4  # the length of the first record
    struct.pack_into(">I", lying, CHECKSUM_AT, calc_crc32c(memoryview(lying)[ATTRIBUTES_AT:]))
    for damaged in (flipped, lying):
        for kind in (Fetcher.PartitionRecords, CompiledRecords):
            with pytest.raises(CorruptRecordError):
                read(kind, bytes(damaged), 0, 10)


def test_only_a_client_that_is_known_is_read_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that decodes or filters transactions, or a kafka-python that calls things otherwise, reads itself."""
    plain = {"key_deserializer": None, "value_deserializer": None, "isolation_level": "read_uncommitted"}

    def consumer(**other: object) -> Any:
        return SimpleNamespace(config=plain | other, _fetcher=SimpleNamespace(PartitionRecords=None))

    mine = consumer()
    assert read_compiled(mine)
    assert mine._fetcher.PartitionRecords is CompiledRecords
    assert not read_compiled(consumer(value_deserializer=print))
    assert not read_compiled(consumer(isolation_level="read_committed"))
    assert not is_known(SimpleNamespace(config=plain))
    monkeypatch.setattr(record_batches, "_CALLED", ["self"])
    assert not read_compiled(consumer())
