"""A recorded file into a source topic: each row a record that carries when it arrived, where it stood and its id.

What the router makes of such a record is what an embedded engine makes of the row of the file (I10).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from relight.base.errors import ServiceError
from relight.base.instants import INSTANT_MIN
from relight.streams.envelope import Control, DeadLetter, Event
from relight.transports.errors import InputError
from relight.transports.files import SORT_ROWS_MAX
from relight.transports.formats import Unreadable, read_rows
from relight.transports.kafka_clients import open_producer
from relight.transports.records import Body, RecordReader

if TYPE_CHECKING:
    from relight.config.settings import KafkaSettings
    from relight.streams.plan import StreamPlan

#: Header of a published record: (ingest time µs or None, row, source), as MessagePack.
PUBLISHED_HEADER = "relight-published"
#: Header of a mark: every record of the partition before this instant (µs) has come.
UNTIL_HEADER = "relight-until"
#: Header of a record of the control topic that is an event; without it, it is a control record.
EVENT_HEADER = "relight-event"
#: Records that are on their way to the broker at once.
IN_FLIGHT_MAX = 5_000


class Published(msgspec.Struct, array_like=True, frozen=True):
    """What a published record says beside its value."""

    #: When it reached the log that was recorded (µs).
    ingest_time: int
    #: Row of its file.
    position: int
    #: `data/app.ndjson:17`; the id where the stream declares none.
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row on its way to a topic."""

    said: Published
    value: bytes
    #: Customer of its first event; keeps one customer's rows in one partition.
    key: str


def read_published(plan: StreamPlan, file: Path, base: Path) -> list[Row]:
    """Return the rows of a file in the order of their ingest times, as an embedded engine reads them.

    The stream's own source is a topic; the file's format follows from its name. Raises InputError for a file that is
    missing, damaged, or longer than can be sorted.
    """
    shown = file.relative_to(base).as_posix() if file.is_relative_to(base) else file.name
    source = replace(plan.source, kind="file", files=(str(file),), format=_format_of(file), header=True)
    reader = RecordReader(plan, base)
    rows: list[Row] = []
    last = INSTANT_MIN
    for number, body in read_rows(file, source, lambda: None):
        if number > SORT_ROWS_MAX:
            raise InputError(f"{file} has more than {SORT_ROWS_MAX:,} rows; split it by time")
        value = _value(body)
        found = reader.read(value, position=number, source=f"{shown}:{number}", ingest_time=None)
        events = [one for one in found if not isinstance(one, DeadLetter)]
        if events:
            last = events[0].ingest_time
        key = next((one.customer for one in events if one.customer is not None), f"{shown}:{number}")
        rows.append(Row(said=Published(max(last, 0), number, f"{shown}:{number}"), value=value, key=key))
    rows.sort(key=lambda row: (row.said.ingest_time, row.said.position))
    return rows


def _format_of(file: Path) -> Any:
    names = [suffix for suffix in file.suffixes if suffix not in {".gz", ".zst"}]
    return "csv" if names and names[-1] == ".csv" else "ndjson"


def _value(body: Body) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, Unreadable):
        return body.raw
    # An empty cell of CSV is no value; JSON says so by leaving it out.
    return msgspec.json.encode({key: cell for key, cell in body.items() if cell != ""}, enc_hook=str)


def publish(kafka: KafkaSettings, topic: str, rows: list[Row], *, until: int | None = None) -> int:
    """Write rows to a topic and return how many; durable when it returns.

    until: marks every partition: nothing before this instant (µs) will follow.
    """
    producer = open_producer(kafka)
    try:
        _send_all(producer, _messages(producer, topic, rows, until))
    finally:
        producer.close()
    return len(rows)


def publish_control(
    kafka: KafkaSettings, topic: str, records: Sequence[Control | Event], *, at: int | None = None
) -> None:
    """Write records of our own to the control topic; at: their ingest time (µs), where the broker does not set it."""
    producer = open_producer(kafka)
    try:
        headers = [] if at is None else [(PUBLISHED_HEADER, msgspec.msgpack.encode(Published(at, 0, "")))]
        event = [(EVENT_HEADER, b"")]
        _send_all(
            producer,
            iter(
                [
                    {
                        "topic": topic,
                        "value": msgspec.msgpack.encode(one),
                        "headers": headers + (event if isinstance(one, Event) else []),
                    }
                    for one in records
                ]
            ),
        )
    finally:
        producer.close()


def _messages(producer: Any, topic: str, rows: list[Row], until: int | None) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            "topic": topic,
            "key": row.key.encode("utf-8", "surrogatepass"),
            "value": row.value,
            "headers": [(PUBLISHED_HEADER, msgspec.msgpack.encode(row.said))],
            # A broker refuses times to come; the header says it to the microsecond.
            "timestamp_ms": min(row.said.ingest_time, time.time_ns() // 1_000) // 1_000,
        }
    if until is not None:
        for partition in sorted(producer.partitions_for(topic)):
            yield {
                "topic": topic,
                "partition": partition,
                "value": b"",
                "headers": [(UNTIL_HEADER, str(until).encode())],
            }


def _send_all(producer: Any, messages: Iterator[dict[str, Any]]) -> None:
    from kafka.errors import KafkaError

    futures = []
    try:
        for message in messages:
            futures.append(producer.send(**message))
            if len(futures) >= IN_FLIGHT_MAX:
                _settle(futures)
        _settle(futures)
    except KafkaError as error:
        raise ServiceError(f"the broker did not take the records: {error}") from error


def _settle(futures: list[Any]) -> None:
    """Wait for every record: a flush alone does not raise for one that was refused."""
    for future in futures:
        future.get(timeout=120)
    futures.clear()
