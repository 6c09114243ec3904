"""How records, rows and messages become bytes, and how damage is noticed when they come back (I16).

Every blob has a CRC-32 seeded with where it stands, so that a flipped bit and a blob in another's place are both seen.
"""

from __future__ import annotations

import zlib
from typing import TypeVar

import msgspec

from relight.base.errors import StoreError
from relight.messages.ledger import LedgerRow, OutboxMessage
from relight.streams.envelope import Control, Event, Rank, Record

_T = TypeVar("_T")

_ENCODER = msgspec.msgpack.Encoder()
_EVENT = msgspec.msgpack.Decoder(Event)
_CONTROL = msgspec.msgpack.Decoder(Control)
_ROW = msgspec.msgpack.Decoder(LedgerRow)
_MESSAGE = msgspec.msgpack.Decoder(OutboxMessage)
_CONTROL_KIND, _GLOBAL_KIND, _EVENT_KIND = int(Rank.CONTROL), int(Rank.GLOBAL), int(Rank.EVENT)
_RANK_SPACE = len(Rank)


def encode_record(record: Record) -> bytes:
    """Return the MessagePack form of a record."""
    return _ENCODER.encode(record)


def seal_record(record: Record, position: int, body: bytes) -> tuple[int, int, int, bytes, int]:
    """Return the row of the log: position, kind, ingest time, body, CRC."""
    kind = _CONTROL_KIND if isinstance(record, Control) else _GLOBAL_KIND if record.customer is None else _EVENT_KIND
    return position, kind, record.ingest_time, body, zlib.crc32(body, (position * _RANK_SPACE + kind) & 0xFFFF_FFFF)


def open_record(position: int, kind: int, body: bytes, crc: int) -> Record:
    """Return the record of a row of the log; raises StoreError for a damaged one."""
    place = f"log record {position}"
    if not _is_sound(body, _record_seed(position, kind), crc):
        raise damage_at(place)
    if kind == _CONTROL_KIND:
        return _decode(_CONTROL, body, place)
    return _decode(_EVENT, body, place)


def check_bodies(rows: list[tuple[int, int, object, int]]) -> None:
    """Raise StoreError for the first damaged one of some rows of the log: position, kind, body, CRC."""
    checksum = zlib.crc32
    for position, kind, body, crc in rows:
        if not isinstance(body, bytes) or checksum(body, (position * _RANK_SPACE + kind) & 0xFFFF_FFFF) != crc:
            raise damage_at(f"log record {position}")


def _is_sound(body: object, seed: int, crc: int) -> bool:
    # A flipped bit in SQLite's own type byte makes a blob come back as text, a number or nothing.
    return isinstance(body, bytes) and zlib.crc32(body, seed) == crc


def _record_seed(position: int, kind: int) -> int:
    return (position * _RANK_SPACE + kind) & 0xFFFF_FFFF


def seal(place: str, body: bytes) -> int:
    """Return the CRC of a blob that stands at `place` (`checkpoint of ada at 17`)."""
    return zlib.crc32(body, _seed(place))


def open_sealed(place: str, body: bytes, crc: int) -> bytes:
    """Return the blob; raises StoreError naming the place when its CRC does not match."""
    if not _is_sound(body, _seed(place), crc):
        raise damage_at(place)
    return body


def _seed(place: str) -> int:
    return zlib.crc32(place.encode("utf-8", "surrogatepass"))


def encode_row(row: LedgerRow | OutboxMessage) -> bytes:
    """Return the MessagePack form of a ledger row or a message."""
    return _ENCODER.encode(row)


def open_row(key: str, body: bytes, crc: int) -> LedgerRow:
    """Return a ledger row; raises StoreError for a damaged one."""
    place = row_place(key)
    return _decode(_ROW, open_sealed(place, body, crc), place)


def open_message(key: str, body: bytes, crc: int) -> OutboxMessage:
    """Return a message; raises StoreError for a damaged one, so that it is never sent (I16)."""
    place = message_place(key)
    return _decode(_MESSAGE, open_sealed(place, body, crc), place)


def row_place(key: str) -> str:
    """Return how a ledger row is named in seals and errors."""
    return f"ledger row {key}"


def message_place(key: str) -> str:
    """Return how a message is named in seals and errors."""
    return f"message {key}"


def profile_place(customer: str, position: int) -> str:
    """Return how a profile's checkpoint is named in seals and errors."""
    return f"checkpoint of customer {customer!r} at position {position}"


def _decode(decoder: msgspec.msgpack.Decoder[_T], body: bytes, place: str) -> _T:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise damage_at(place, str(error)) from error


def row_seal(*values: object) -> int:
    """Return the CRC of the values of a row, as SQL's `row_seal`."""
    return zlib.crc32(repr(values).encode("utf-8", "surrogatepass"))


def damage_at(place: str, detail: str = "its checksum does not match") -> StoreError:
    """Return the error of a damaged place, `log record 17`."""
    return StoreError(
        f"the store is damaged at {place}: {detail}",
        help_text="stop here and restore the file from a backup; nothing of the damaged row was used",
    )
