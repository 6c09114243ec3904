"""A person taken out of an SQLite store (V5): tombstones in the log, everything else of theirs gone, bytes included."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator

import msgspec

from relight.messages.addresses import address_hash
from relight.stores import sqlite_ledger
from relight.stores.erasure import CAUSE, SCOPE, Erased, Person, count_in_files, erased_word, is_letter_of, tombstone
from relight.stores.erasure_key import Keyed, make_erasure_key
from relight.stores.id_index import IdIndex, IndexLimits, read_record
from relight.stores.interface import Suppression
from relight.stores.record_codec import encode_record, seal_record
from relight.stores.soft_notes import soft_note
from relight.stores.sqlite_connection import Connection
from relight.streams.envelope import Control, Record

_SET_NOTE = "INSERT OR REPLACE INTO meta VALUES (?1, ?2, row_seal(?1, ?2))"


class SqliteErasure:
    """The store's methods about the erased: see `erasure.CanErase` for what each promises."""

    _connection: Connection
    _limits: IndexLimits
    _index_or_none: IdIndex | None
    _last_position: int
    keyed: Keyed | None

    def erase(self, person: Person, note: str, words: int = 0) -> Erased:
        """Take a person out."""
        path = self._connection.path
        keyed = make_erasure_key(path)
        index = IdIndex(self._connection, self._limits, keyed=keyed)
        done = erase_person(self._connection, index, person, keyed, note=note, words=words)
        self.keyed, self._index_or_none = keyed, IdIndex(self._connection, self._limits, keyed=keyed)
        self._last_position += done.addresses  # their suppressions
        return done

    def count_words(self, words: Collection[str]) -> int:
        """Return how often words stand in the bytes of the file and its WAL."""
        return count_in_files([self._connection.path], words)


def erase_person(  # noqa: PLR0913 - one erasure, in one transaction
    connection: Connection, index: IdIndex, person: Person, keyed: Keyed, *, note: str, words: int
) -> Erased:
    """Take a person out; durable when it returns. The suppression that stays has the instant that the store reached."""
    connection.sql.execute("PRAGMA secure_delete = ON")
    with connection.transaction("before_note_commit", "after_note_commit") as cursor:
        records = sum(_erase_log(cursor, index, one, keyed) for one in sorted(person.customers))
        messages = _erase_messages(cursor, person, keyed)
        done = Erased(
            name=keyed(person.customer),
            records=records,
            messages=messages,
            rows=_count(cursor, "DELETE FROM ledger WHERE customer = ?", person.customers),
            dead_letters=_erase_letters(cursor, person),
            addresses=len(person.addresses),
            words=words,
        )
        _count(cursor, "DELETE FROM checkpoints WHERE customer = ?", person.customers)
        reached = cursor.execute("SELECT value FROM meta WHERE name = 'reached'").fetchone()
        _keep_suppressed(cursor, index, person, keyed, 0 if reached is None else int(reached[0]))
        cursor.execute(_SET_NOTE, (f"note:{note}", msgspec.json.encode(done).decode()))
    # Old pages stand in the WAL until it is emptied; a reader that holds it makes the search find them.
    connection.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return done


def _count(cursor: sqlite3.Cursor, statement: str, values: Iterable[str]) -> int:
    return sum(cursor.execute(statement, (value,)).rowcount for value in values)


def _own(cursor: sqlite3.Cursor, index: IdIndex, customer: str | None) -> Iterator[tuple[int, Record]]:
    for position in index.positions_of(customer, 0):
        record = read_record(cursor, position)
        if record is not None and record.customer == customer:
            yield position, record


def _erase_log(cursor: sqlite3.Cursor, index: IdIndex, customer: str, keyed: Keyed) -> int:
    count = 0
    for position, record in _own(cursor, index, customer):
        _rewrite(cursor, position, tombstone(record, keyed))
        count += 1
    return count


def _rewrite(cursor: sqlite3.Cursor, position: int, record: Record) -> None:
    _, kind, ingest_time, body, crc = seal_record(record, position, encode_record(record))
    cursor.execute(
        "UPDATE log SET kind = ?, ingest_time = ?, body = ?, crc = ? WHERE pos = ?",
        (kind, ingest_time, body, crc, position),
    )


def _erase_messages(cursor: sqlite3.Cursor, person: Person, keyed: Keyed) -> int:
    _count(cursor, "DELETE FROM links WHERE key = ?", person.keys)
    # Not deleted: a number of the journal is never given twice, how far it was read is one of them.
    for key in sorted(person.keys):
        cursor.execute("UPDATE attempts SET key = ? WHERE key = ?", (keyed(key), key))
    for one in sorted(person.customers):
        cursor.execute(
            "UPDATE attempts SET customer = ?, text = '', provider_id = NULL WHERE customer = ?", (keyed(one), one)
        )
    return _count(cursor, "DELETE FROM outbox WHERE key = ?", person.keys)


def _erase_letters(cursor: sqlite3.Cursor, person: Person) -> int:
    gone = [
        (one.number,)
        for one in sqlite_ledger.read_letters(cursor, "", (), None)
        if is_letter_of(one.letter, person.words)
    ]
    cursor.executemany("DELETE FROM dead_letters WHERE number = ?", gone)
    return len(gone)


def _keep_suppressed(cursor: sqlite3.Cursor, index: IdIndex, person: Person, keyed: Keyed, now: int) -> None:
    """Turn what the list says of these addresses into keyed hashes, and add that they are not to be mailed."""
    names = {address_hash(address): keyed(address_hash(address)) for address in person.addresses}
    for position, record in _own(cursor, index, None):
        if isinstance(record, Control) and record.kind == "suppression" and record.subject in names:
            _rewrite(cursor, position, msgspec.structs.replace(record, subject=names[record.subject]))
    for hashed, name in sorted(names.items()):
        cursor.execute("DELETE FROM meta WHERE name = ?", (f"note:{soft_note(hashed)}",))
        cursor.execute(
            "UPDATE OR REPLACE suppressions SET address_hash = ?1, crc = row_seal(?1, scope, cause, at)"
            " WHERE address_hash = ?2",
            (name, hashed),
        )
        last = cursor.execute("SELECT coalesce(max(pos), 0) FROM log").fetchone()[0]
        word = erased_word(name, now)
        cursor.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?)", seal_record(word, last + 1, encode_record(word)))
        sqlite_ledger.insert_suppressions(cursor, [(name, Suppression(scope=SCOPE, cause=CAUSE, at=now))])
