"""Records of a kafka-python consumer, taken apart by the compiled reader that Faust brings along (aiokafka).

kafka-python takes each record apart in Python, which is half of what a router does. Connections, fetches, checksums and
offsets stay kafka-python's; only the inside of a batch is read by other means. What comes out says the same as
kafka-python's own records: `offset`, `timestamp`, `key`, `value` and `headers`, and nothing else. Imported by whoever
has both packages.
"""

# ruff: noqa: SLF001  # where kafka-python keeps a fetch has no public name; `is_known` looks whether it is as it was
from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any, Final

from aiokafka.errors import CorruptRecordException, UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBatch
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError

#: How kafka-python (3.0.12) calls what is replaced here.
_CALLED: Final = ["self", "tp", "records", "key_deserializer", "value_deserializer"]
#: Form of a batch since Kafka 0.11, the one that the compiled reader knows.
_FORM: Final = 2
_Own: Any = getattr(Fetcher, "PartitionRecords", object)


def is_known(consumer: Any) -> bool:
    """Return whether a consumer is one whose records can be read so.

    Not where this kafka-python works otherwise than the one that is known here, nor where the consumer leaves
    transactions out or decodes keys and values.
    """
    unpack = getattr(_Own, "_unpack_records", None)
    if unpack is None or list(inspect.signature(unpack).parameters) != _CALLED or not hasattr(consumer, "_fetcher"):
        return False
    config = consumer.config
    is_plain = config["key_deserializer"] is None and config["value_deserializer"] is None
    return is_plain and config["isolation_level"] == "read_uncommitted"


def use_compiled(consumer: Any) -> None:
    """Let a consumer that is known take its records apart by compiled code."""
    consumer._fetcher.PartitionRecords = CompiledRecords


class CompiledRecords(_Own):  # type: ignore[misc]  # kafka-python has no types
    """What one fetch brought of one partition."""

    def _unpack_records(self, tp: Any, records: Any, *_: Any) -> Iterator[Any]:
        last = None
        while (batch := records.next_batch()) is not None:
            last = batch
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(f"a batch of {tp} at offset {batch.base_offset} has another checksum")
            if batch.magic == _FORM:
                self.leader_epoch = batch.leader_epoch
                if batch.is_control_batch:  # the end of a transaction, and no record
                    self.next_fetch_offset = batch.next_offset
                    continue
            self.bytes_read += len(batch._buffer)
            for record in _taken_apart(batch):
                self.records_read += 1
                self.next_fetch_offset = record.offset + 1
                yield record
        if last is not None and last.magic == _FORM:
            # A batch keeps the offset of its last record also where compaction took that record away.
            self.next_fetch_offset = last.next_offset
        self.drain()


def _taken_apart(batch: Any) -> Iterable[Any]:
    if batch.magic != _FORM:
        return batch  # type: ignore[no-any-return]  # its checksum, which covers its records, was looked at
    try:
        return list(DefaultRecordBatch(bytes(batch._buffer)))
    except UnsupportedCodecError:
        return batch  # type: ignore[no-any-return]  # of a codec whose package only kafka-python knows, if any does
    except CorruptRecordException as error:
        raise CorruptRecordError(str(error)) from error
