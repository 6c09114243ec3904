"""A customer taken out of an SQLite store (V5): tombstones in the log, everything else of theirs gone, bytes included.

What stays: who was erased as a keyed hash, so that the same events again are known, and their addresses as keyed hashes
on the suppression list, so that nobody mails them again. Needs the store for itself.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from relight.messages.addresses import address_hash
from relight.stores import sqlite_ledger
from relight.stores.erasure_key import ERASED, Keyed, make_erasure_key
from relight.stores.id_index import IdIndex, IndexLimits, read_record
from relight.stores.interface import Suppression
from relight.stores.record_codec import encode_record, open_message, seal_record
from relight.stores.sqlite_connection import Connection
from relight.streams.envelope import Control, Event, Record

#: Fewest characters of an id or address that is searched for as bytes; shorter ones stand everywhere by chance.
SEARCHED_CHARACTERS_MIN = 6
#: Cause and scope of the suppression that stays.
CAUSE, SCOPE = "erased", "marketing"


@dataclass(slots=True, kw_only=True)
class Erased:
    """What was taken out, and what of it is still found."""

    #: Keyed hash by which the customer is known from now on.
    name: str
    #: The customer and the anonymous ids folded into them, and the occurrence keys of their messages.
    customers: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    records: int = 0
    rows: int = 0
    messages: int = 0
    dead_letters: int = 0
    #: Addresses that stay suppressed as keyed hashes.
    addresses: int = 0
    #: Occurrences of ids and addresses in the bytes of the store's files afterwards; 0 is the proof.
    found: int = 0
    #: Ids and addresses that were too short to search for.
    unsearched: int = 0


def erase_customer(path: Path, customer: str) -> Erased:
    """Take a customer, and the anonymous profiles folded into them, out of a store; durable when it returns.

    The suppression that stays has the instant that the store has reached. Raises StoreError while an engine has it.
    """
    connection = Connection(path)
    try:
        keyed = make_erasure_key(path)
        index = IdIndex(connection, IndexLimits(), keyed=keyed)
        done = Erased(name=keyed(customer))
        connection.sql.execute("PRAGMA secure_delete = ON")
        names, addresses = {customer}, set[str]()
        with connection.transaction("before_note_commit", "after_note_commit") as cursor:
            for one in _with_anonymous(cursor, index, customer):
                names.add(one)
                _erase_log(cursor, index, one, keyed, addresses, done)
            for one in names:
                _erase_tables(cursor, one, keyed, addresses, done)
            _erase_letters(cursor, names | addresses, done)
            reached = cursor.execute("SELECT value FROM meta WHERE name = 'reached'").fetchone()
            _keep_suppressed(cursor, index, addresses, keyed, 0 if reached is None else int(reached[0]))
        done.customers, done.addresses = names, len(addresses)
        connection.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _search(path, names | addresses, done)
        return done
    finally:
        connection.close()


def _with_anonymous(cursor: sqlite3.Cursor, index: IdIndex, customer: str) -> Iterator[str]:
    """Yield the customer and everybody who was folded into them (V4)."""
    waiting, seen = [customer], {customer}
    while waiting:
        one = waiting.pop()
        for record in (record for _, record in _own(cursor, index, one)):
            if isinstance(record, Control) and record.kind == "merge" and record.subject not in seen:
                seen.add(record.subject)
                waiting.append(record.subject)
    yield from sorted(seen)


def _own(cursor: sqlite3.Cursor, index: IdIndex, customer: str | None) -> Iterator[tuple[int, Record]]:
    for position in index.positions_of(customer, 0):
        record = read_record(cursor, position)
        if record is not None and record.customer == customer:
            yield position, record


def _erase_log(  # noqa: PLR0913, PLR0917 - one pass over one log
    cursor: sqlite3.Cursor, index: IdIndex, customer: str, keyed: Keyed, addresses: set[str], done: Erased
) -> None:
    for position, record in _own(cursor, index, customer):
        traits = record.traits if isinstance(record, Event) else {record.subject: record.detail.get("value")}
        email = traits.get("email")
        if isinstance(email, str) and email:
            addresses.add(email)
        tombstone = Control(
            kind=ERASED,
            ingest_time=record.ingest_time,
            customer=keyed(customer),
            subject=record.stream if isinstance(record, Event) else "",
            detail={"id": record.id} if isinstance(record, Event) else {},
        )
        _rewrite(cursor, position, tombstone)
        done.records += 1


def _rewrite(cursor: sqlite3.Cursor, position: int, record: Record) -> None:
    _, kind, ingest_time, body, crc = seal_record(record, position, encode_record(record))
    cursor.execute(
        "UPDATE log SET kind = ?, ingest_time = ?, body = ?, crc = ? WHERE pos = ?",
        (kind, ingest_time, body, crc, position),
    )


def _erase_tables(cursor: sqlite3.Cursor, customer: str, keyed: Keyed, addresses: set[str], done: Erased) -> None:
    found = cursor.execute("SELECT key FROM ledger WHERE customer = ?", (customer,)).fetchall()
    own = {key for (key,) in found} | {
        key for (key,) in cursor.execute("SELECT DISTINCT key FROM attempts WHERE customer = ?", (customer,))
    }
    for key in own:
        row = cursor.execute("SELECT body, crc FROM outbox WHERE key = ?", (key,)).fetchone()
        if row is not None:
            addresses.add(open_message(key, *row).address)
            done.messages += 1
        cursor.execute("DELETE FROM outbox WHERE key = ?", (key,))
        cursor.execute("DELETE FROM links WHERE key = ?", (key,))
        # Not deleted: a number of the journal is never given twice, how far it was read is one of them.
        cursor.execute(
            "UPDATE attempts SET key = ?, customer = ?, text = '', provider_id = NULL WHERE key = ?",
            (keyed(key), keyed(customer), key),
        )
    done.keys |= own
    done.rows += cursor.execute("DELETE FROM ledger WHERE customer = ?", (customer,)).rowcount
    cursor.execute("DELETE FROM checkpoints WHERE customer = ?", (customer,))


def _erase_letters(cursor: sqlite3.Cursor, words: set[str], done: Erased) -> None:
    for one in sqlite_ledger.read_letters(cursor, "", (), None):
        if _names_any(one.letter.raw, words):
            cursor.execute("DELETE FROM dead_letters WHERE number = ?", (one.number,))
            done.dead_letters += 1


def _names_any(raw: bytes, words: set[str]) -> bool:
    """Return whether some bytes name one of the words: as a value where they are JSON, else anywhere."""
    try:
        waiting: list[object] = [json.loads(raw)]
    except (ValueError, RecursionError):
        return any(word.encode() in raw for word in words if len(word) >= SEARCHED_CHARACTERS_MIN)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif str(value) in words:
            return True
    return False


def _keep_suppressed(cursor: sqlite3.Cursor, index: IdIndex, addresses: set[str], keyed: Keyed, now: int) -> None:
    """Turn what the list says of these addresses into keyed hashes, and add that they are not to be mailed."""
    names = {address_hash(address): keyed(address_hash(address)) for address in addresses}
    for position, record in _own(cursor, index, None):
        if isinstance(record, Control) and record.kind == "suppression" and record.subject in names:
            _rewrite(cursor, position, msgspec.structs.replace(record, subject=names[record.subject]))
    for hashed, name in names.items():
        cursor.execute(
            "UPDATE OR REPLACE suppressions SET address_hash = ?1, crc = row_seal(?1, scope, cause, at)"
            " WHERE address_hash = ?2",
            (name, hashed),
        )
        last = cursor.execute("SELECT coalesce(max(pos), 0) FROM log").fetchone()[0]
        detail: dict[str, object] = {"scope": SCOPE, "cause": CAUSE}
        word = Control(kind="suppression", ingest_time=now, subject=name, detail=detail)
        cursor.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?)", seal_record(word, last + 1, encode_record(word)))
        sqlite_ledger.insert_suppressions(cursor, [(name, Suppression(scope=SCOPE, cause=CAUSE, at=now))])


def _search(path: Path, words: set[str], done: Erased) -> None:
    """Count the erased ids and addresses in the bytes of the store's files."""
    wanted = [word.encode() for word in words if len(word) >= SEARCHED_CHARACTERS_MIN]
    done.unsearched = len(words) - len(wanted)
    for file in (path, path.with_name(path.name + "-wal")):
        if file.is_file():
            done.found += _occurrences(file, wanted)


def _occurrences(file: Path, wanted: list[bytes]) -> int:
    longest = max((len(word) for word in wanted), default=1)
    count, tail = 0, b""
    with file.open("rb") as opened:
        while part := opened.read(2**20):
            text = tail + part
            count += sum(text.count(word) for word in wanted)
            tail = text[-(longest - 1) :] if longest > 1 else b""
            count -= sum(tail.count(word) for word in wanted)
    return count
