"""Records that a cluster's workers put into customers' logs themselves, and that the log topic therefore has not.

They follow from the topic: a worker that folds it again makes them again. They are kept for those who ask why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from relight.stores.identity_hash import customer_hash, event_hash
from relight.stores.postgres_connection import Connection, Cursor
from relight.stores.record_codec import encode_record, open_sealed, seal
from relight.streams.envelope import Control, Event, Record
from relight.streams.target_events import TARGET_CUSTOMER, TARGET_STREAM

#: Records read from the server at a time.
PAGE = 1_000
_MADE_KINDS = frozenset({"measures", "account", "members"})
#: Least hash of a customer or an event.
HASH_MIN = -(2**63)


def is_made(record: Record) -> bool:
    """Return whether a worker makes such a record: measures, what people of an account had and are, a missed target."""
    if isinstance(record, Control):
        return record.kind in _MADE_KINDS
    return (record.stream, record.customer) == (TARGET_STREAM, TARGET_CUSTOMER)


def insert_made(cursor: Cursor, records: Iterable[Record]) -> None:
    """Keep those of some records that a worker made; one that is kept already stays."""
    rows = sorted(_row(record) for record in records if is_made(record))
    if rows:
        cursor.execute(
            "INSERT INTO made_records (who, what, at, is_control, body, crc) SELECT * FROM unnest(%b::bigint[],"
            " %b::bigint[], %b::bigint[], %b::boolean[], %b::bytea[], %b::bigint[]) ON CONFLICT DO NOTHING",
            tuple(list(column) for column in zip(*rows, strict=True)),
        )


def _row(record: Record) -> tuple[int, int, int, bool, bytes, int]:
    body, at = encode_record(record), record.ingest_time
    is_control = isinstance(record, Control)
    what = _hash_of(record) if isinstance(record, Control) else event_hash(record.stream, record.id)
    return customer_hash(record.customer), what, at, is_control, body, seal(_place(at), body)


def _hash_of(record: Control) -> int:
    if record.kind == "measures":
        return event_hash(record.kind, str(record.ingest_time))
    # At one minute several messages of a customer may stand before the gate.
    what = f"{record.kind} {record.subject} {record.detail.get('ahead', False)}"
    return event_hash(what, str(record.ingest_time))


def _place(at: int) -> str:
    return f"made record at {at}"


def read_made(cursor: Cursor, customer: str, until: int) -> list[Record]:
    """Return what was made of a customer up to an instant (µs, inclusive), in order; StoreError for damage."""
    rows = cursor.execute(
        "SELECT at, is_control, body, crc FROM made_records WHERE who = %s AND at <= %s ORDER BY at, what",
        (customer_hash(customer), until),
    ).fetchall()
    found = [_open(*row) for row in rows]
    own = [record for record in found if record.customer == customer]  # hashes may agree where customers differ
    return sorted(own, key=_day_first)


def _day_first(record: Record) -> tuple[int, bool]:
    """What a day brings comes before what is told of an account at its first instant."""
    return record.ingest_time, not (isinstance(record, Control) and record.kind == "measures")


def read_all_made(connection: Connection, since: int, until: int) -> Iterator[Record]:
    """Yield what was made of everybody from an instant (µs) to before another, in order; StoreError for damage."""
    place = (since, HASH_MIN, HASH_MIN)
    while True:
        with connection.reading() as cursor:
            rows = cursor.execute(
                "SELECT at, is_control, body, crc, who, what FROM made_records WHERE (at, who, what) > (%s, %s, %s)"
                " AND at < %s ORDER BY at, who, what LIMIT %s",
                (*place, until, PAGE),
            ).fetchall()
        yield from (_open(*row[:4]) for row in rows)
        if len(rows) < PAGE:
            return
        at, *_, who, what = rows[-1]
        place = (at, who, what)


def _open(at: int, is_control: bool, body: bytes, crc: int) -> Record:  # noqa: FBT001  # a column
    kind: type[Record] = Control if is_control else Event
    return msgspec.msgpack.decode(open_sealed(_place(at), body, crc), type=kind)


def erase_made(cursor: Cursor, customers: Iterable[str]) -> None:
    """Take out what was made of some customers."""
    hashes = [customer_hash(one) for one in customers]
    cursor.execute("DELETE FROM made_records WHERE who = ANY(%b::bigint[])", (hashes,))
