"""Identity of a record (V1): allowed ids and customers, the hash of a row, the body duplicates are compared by."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from relight.base.ids import hash_bytes
from relight.streams.envelope import Event
from relight.streams.refusals import RefusalError, show_value

#: Longest id of an event in characters.
ID_LENGTH_MAX = 256
#: Longest customer or account in characters.
CUSTOMER_LENGTH_MAX = 256
#: C0 controls (U+001F separates the parts of a key), DEL and lone surrogates, which cannot be written as UTF-8.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def read_identifier(value: object, what: str, length_max: int = ID_LENGTH_MAX) -> str:
    """Return an id or customer as text; a number becomes its digits. Raises RefusalError `bad-id` or `missing-id`.

    `what` names the part for the reason: `customer`, `id`, `account`.
    """
    if type(value) is not str:
        value = _number_text(value, what)
    if value.isascii() and value.isprintable():
        if 0 < len(value) <= length_max:
            return value
    elif _FORBIDDEN.search(value):
        raise RefusalError(
            f"bad-{what}", f"{what} is {show_value(value)}, with a control character or half a character"
        )
    if not value:
        raise RefusalError(f"missing-{what}", f"{what} is empty")
    if len(value) > length_max:
        raise RefusalError(f"bad-{what}", f"{what} has {len(value)} characters, at most {length_max} are allowed")
    return value


def _number_text(value: object, what: str) -> str:
    if value is None:
        raise RefusalError(f"missing-{what}", f"the record has no {what}")
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        raise RefusalError(f"bad-{what}", f"{what} is {show_value(value)}, expected text or a number")
    if isinstance(value, int) and value.bit_length() > 4 * ID_LENGTH_MAX:
        raise RefusalError(
            f"bad-{what}", f"{what} is {show_value(value)}, at most {ID_LENGTH_MAX} characters are allowed"
        )
    return str(value)


def content_id(row: Mapping[str, object]) -> str:
    """Return 32 hex digits of the row as JSON with sorted keys; equal for rows that differ in order or spacing only."""
    return hash_bytes(msgspec.json.encode(row, enc_hook=_plain, order="deterministic"))


def _plain(value: object) -> object:
    if isinstance(value, Decimal | dt.date):
        return str(value)
    raise TypeError(type(value).__name__)


def is_same_body(first: Event, second: Event) -> bool:
    """Return whether two copies of one event say the same (V1); both in memory form.

    No part of the body are ingest time, position, lateness and the clamp of event time (H5), in which honest copies
    differ, nor how a number is spelt: 12.5 is 12.50.
    """
    clamped = first.event_time == first.ingest_time or second.event_time == second.ingest_time
    if first.event_time != second.event_time and not clamped:
        return False
    return _body(first) == _body(second)


def body_hash(event: Event) -> bytes:
    """Return 64 bits of what two honest copies of an event have in common; a clamped event time (H5) is no part."""
    when = b"0" if event.event_time == event.ingest_time else b"%d" % event.event_time
    return hashlib.blake2b(_body(event) + when, digest_size=8).digest()


def _body(event: Event) -> bytes:
    traits = event.traits and _amounts(event.traits)
    return _BODY.encode((event.name, event.account, _amounts(event.properties), traits, event.consent))


def _amounts(values: dict[str, object]) -> dict[str, object]:
    """Return decimals in one form, so that 12.5 equals 12.50."""
    if Decimal not in map(type, values.values()):
        return values
    return {key: _normal(value) if type(value) is Decimal else value for key, value in values.items()}


def _normal(value: Decimal) -> str:
    return f"{value.normalize():f}" if value else "0"


_BODY = msgspec.json.Encoder(enc_hook=_plain, order="deterministic")
