"""A checkpoint of one partition from which people are taken out (V5): their profiles, and what tells their events.

What is left is the checkpoint as it was, byte for byte in all that concerns others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec

from relight.stores.checkpoint_blobs import Book, Head, Writing
from relight.stores.partition import CheckpointState
from relight.stores.record_codec import encode_record
from relight.stores.seen_ids import with_names
from relight.streams.envelope import Control, Event, Record


def forget_in_parts(
    parts: Mapping[str, bytes],
    customers: Collection[str],
    hashes: Mapping[int, int],
    change: Callable[[Record], Record],
) -> dict[str, bytes]:
    """Return the parts of a checkpoint without some customers.

    hashes: of a customer -> of their keyed name; change: gives what stands in the place of what concerns everybody.
    """
    found: dict[str, bytes] = {}
    for name, body in parts.items():
        kind = name.partition("/")[0]
        if kind == "profiles":
            found[name] = _profiles(body, customers)
        elif kind == "world":
            found[name] = _world(body, change)
        else:
            found[name] = with_names(body, hashes)
    return found


def _profiles(body: bytes, customers: Collection[str]) -> bytes:
    rows = msgspec.msgpack.decode(body, type=list[tuple[str, int, bytes]])
    return msgspec.msgpack.encode([row for row in rows if row[0] not in customers])


def _world(body: bytes, change: Callable[[Record], Record]) -> bytes:
    found = []
    for position, is_control, raw in msgspec.msgpack.decode(body, type=list[tuple[int, bool, bytes]]):
        kind: type[Record] = Control if is_control else Event
        before = msgspec.msgpack.decode(raw, type=kind)
        after = change(before)
        found.append((position, is_control, raw if after is before else encode_record(after)))
    return msgspec.msgpack.encode(found)


def whole_checkpoint(
    partition: int, epoch: int, head: Head, parts: Mapping[str, bytes], change_reader: Callable[[bytes], bytes]
) -> Writing:
    """Return a checkpoint as it is written where nothing was before: all of its parts, and its head.

    epoch: below that of whoever is to load it; change_reader: what becomes of what the reader of the log keeps.
    """
    state = msgspec.msgpack.decode(head.state, type=CheckpointState)
    state.reader = change_reader(state.reader) if state.reader else state.reader
    book = Book(partition=partition, epoch=epoch)
    return book.write(head.offset, msgspec.msgpack.encode(state), parts, set())
