"""Bytes come back as what they were, or as a StoreError that names the place."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relight.base.errors import StoreError
from relight.stores.record_codec import encode_record, open_record, open_sealed, seal, seal_record
from relight.streams.envelope import Control, Event

T0 = 1_750_000_000_000_000


def make_event(**changes: object) -> Event:
    event = Event(
        stream="app", id="7", customer="ada", name="bought", event_time=T0, ingest_time=T0 + 5, properties={"total": 3}
    )
    return msgspec.structs.replace(event, **changes)


def test_values_come_back_as_the_encoding_keeps_them() -> None:
    """A decimal and a date come back as text, a tuple as a list; whole numbers and text are themselves."""
    given_values = {
        "sum": Decimal("10.50"),
        "day": dt.date(2026, 3, 1),
        "tags": ("a", "b"),
        "n": 2**62,
        "t": "ı",
    }
    event = make_event(properties=given_values)
    position, kind, ingest_time, body, crc = seal_record(event, 9, encode_record(event))
    back = open_record(position, kind, body, crc)
    assert (position, ingest_time) == (9, T0 + 5)
    assert isinstance(back, Event)
    assert back.properties == {"sum": "10.50", "day": "2026-03-01", "tags": ["a", "b"], "n": 2**62, "t": "ı"}


@given(st.integers(0), st.integers(0, 7))
def test_any_flipped_bit_of_a_record_is_noticed(where: int, bit: int) -> None:
    """Whichever bit of a record's bytes flips, the record is refused by its position."""
    event = make_event()
    position, kind, _, body, crc = seal_record(event, 9, encode_record(event))
    flipped = bytearray(body)
    flipped[where % len(body)] ^= 1 << bit
    with pytest.raises(StoreError, match="log record 9"):
        open_record(position, kind, bytes(flipped), crc)


def test_a_record_in_anothers_place_is_noticed() -> None:
    """A sound body under another position or kind is refused: its seal says where it belongs."""
    event = make_event()
    position, kind, _, body, crc = seal_record(event, 9, encode_record(event))
    with pytest.raises(StoreError, match="log record 10"):
        open_record(position + 1, kind, body, crc)
    with pytest.raises(StoreError, match="log record 9"):
        open_record(position, kind - 1, body, crc)


def test_a_body_that_is_no_record_is_noticed() -> None:
    """Bytes with a right checksum that decode to nothing known are refused, not guessed."""
    position, kind, _, body, crc = seal_record(make_event(), 9, b"\xc1")
    with pytest.raises(StoreError, match="log record 9"):
        open_record(position, kind, body, crc)


@pytest.mark.parametrize("found", [b"other", "blob", 7, None])
def test_a_sealed_blob_is_noticed_when_it_changed(found: object) -> None:
    """Another body, or one whose very type was damaged, is refused by its place; the right one comes back."""
    crc = seal("checkpoint of ada", b"blob")
    assert open_sealed("checkpoint of ada", b"blob", crc) == b"blob"
    with pytest.raises(StoreError, match="checkpoint of ada"):
        open_sealed("checkpoint of ada", found, crc)  # type: ignore[arg-type]  # what a damaged file may give
    with pytest.raises(StoreError, match="checkpoint of bob"):
        open_sealed("checkpoint of bob", b"blob", crc)


def test_a_control_record_comes_back() -> None:
    """A control record keeps its kind, subject and detail."""
    control = Control(kind="consent", ingest_time=T0, customer="ada", subject="news", detail={"given": True})
    position, kind, _, body, crc = seal_record(control, 3, encode_record(control))
    assert open_record(position, kind, body, crc) == control
