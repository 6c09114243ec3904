"""Hashes of 64 bits by which stores find a customer and an event; equal on every machine."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from relight.streams.envelope import Event, Record

#: Customers whose hash is known without reckoning: those who came last; about 200 bytes each.
NAMES_KEPT_MAX = 50_000

#: Bytes of a hash.
HASH_BYTES = 8
_GLOBAL_HASH = 0
_CONTROL_HASH = -1


def identity_hashes(record: Record) -> tuple[int, int]:
    """Return what the log finds a record by: hashes of its customer and of its identity among the customer's."""
    if isinstance(record, Event):
        return customer_hash(record.customer), event_hash(record.stream, record.id)
    return customer_hash(record.customer), _CONTROL_HASH


@lru_cache(maxsize=NAMES_KEPT_MAX)
def customer_hash(customer: str | None) -> int:
    """Return the hash of a customer, None for what concerns everybody."""
    return _GLOBAL_HASH if customer is None else _hash(customer)


def event_hash(stream: str, event_id: str) -> int:
    """Return the hash of an event among those of one customer."""
    return _hash(f"{stream}\x1f{event_id}")


def _hash(text: str) -> int:
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()
    return int.from_bytes(raw, "big", signed=True)


def identity_key(stream: str, customer: str | None, event_id: str) -> bytes:
    """Return both hashes of an event as bytes, the customer's first: what memory finds an event by."""
    raw = f"{stream}\x1f{event_id}".encode("utf-8", "surrogatepass")
    return _customer_bytes(customer) + hashlib.blake2b(raw, digest_size=HASH_BYTES).digest()


@lru_cache(maxsize=NAMES_KEPT_MAX)
def _customer_bytes(customer: str | None) -> bytes:
    return customer_hash(customer).to_bytes(HASH_BYTES, "big", signed=True)
