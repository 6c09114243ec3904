"""A person taken out of a PostgreSQL store (V5). The server's old row versions, its WAL and its backups are its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from relight.base.errors import StoreError
from relight.messages.addresses import address_hash
from relight.stores import postgres_ledger
from relight.stores.erasure import CAUSE, SCOPE, Erased, Person, erased_word, is_letter_of, searched, tombstone
from relight.stores.erasure_key import ANY_ERASED, Keyed, make_erasure_key, read_erasure_key, require_key
from relight.stores.identity_hash import customer_hash, event_hash, identity_hashes
from relight.stores.interface import EventIdentity, Suppression
from relight.stores.postgres_connection import Connection, Cursor
from relight.stores.postgres_made import erase_made
from relight.stores.record_codec import encode_record, open_record, seal_record
from relight.stores.soft_notes import soft_note
from relight.streams.envelope import ERASED, Control, Record

#: Every table and column in which something of a person could stand; the search looks through all of them.
SEARCHED = {
    "log": ("body",),
    "ledger": ("body", "customer"),
    "outbox": ("body",),
    "attempts": ("text", "customer"),
    "dead_letters": ("body",),
    "checkpoints": ("body", "customer"),
    "checkpoint_meta": ("body",),
    "suppressions": ("cause",),
    "notes": ("value",),
    "inbox": ("body",),
    "made_records": ("body",),
}
_GLOBAL = customer_hash(None)
_LAST = "SELECT coalesce(max(pos), 0) FROM log"


class PostgresErasure:
    """The store's methods about the erased: see `erasure.CanErase` for what each promises."""

    _connection: Connection
    _last_position: int
    keyed: Keyed | None = None
    #: Path of the store's file if it were one, which the key stands beside; None where nobody is erased.
    _key_of: Path | None = None

    def stand_beside(self, path: Path) -> None:
        """Keep the key of the erased beside this path; raises StoreError where somebody was erased and it is gone."""
        self._key_of, self.keyed = path, read_erasure_key(path)
        with self._connection.reading() as cursor:
            require_key(self.keyed, path, cursor.execute(ANY_ERASED).fetchone())

    def erase(self, person: Person, note: str, words: int = 0, *, base: Erased | None = None) -> Erased:
        """Take a person out; base: what was taken out elsewhere or before, which is counted as well."""
        keyed = self.make_keyed()
        done = erase_person(self._connection, person, keyed, note=note, base=base or Erased(name="", words=words))
        with self._connection.reading() as cursor:  # their suppressions are in the log, where the store holds it
            self._last_position = int(cursor.execute(_LAST).fetchone()[0])
        return done

    def make_keyed(self) -> Keyed:
        """Return what names the erased, from now on."""
        if self._key_of is None:
            raise StoreError("this connection to the store has no place for the key of erased people")
        if self.keyed is None:
            self.keyed = make_erasure_key(self._key_of)
        return self.keyed

    def count_words(self, words: Collection[str]) -> int:
        """Return how many values of the tables hold one of the words; old row versions are the server's to clear."""
        return count_words(self._connection, words)


def erase_person(connection: Connection, person: Person, keyed: Keyed, *, note: str, base: Erased) -> Erased:
    """Take a person out; durable when it returns. The suppression that stays has the instant that the store reached."""
    customers, keys = sorted(person.customers), sorted(person.keys)
    with connection.transaction("before_note_commit", "after_note_commit") as cursor:
        done = Erased(
            name=keyed(person.customer),
            records=base.records + sum(_erase_log(cursor, one, keyed) for one in customers),
            rows=base.rows
            + cursor.execute("DELETE FROM ledger WHERE customer = ANY(%b::text[])", (customers,)).rowcount,
            messages=base.messages + cursor.execute("DELETE FROM outbox WHERE key = ANY(%b::text[])", (keys,)).rowcount,
            dead_letters=base.dead_letters + _erase_letters(cursor, person),
            addresses=max(base.addresses, len(person.addresses)),
            words=base.words,
        )
        cursor.execute("DELETE FROM links WHERE key = ANY(%b::text[])", (keys,))
        erase_made(cursor, customers)
        cursor.execute("DELETE FROM checkpoints WHERE customer = ANY(%b::text[])", (customers,))
        # Not deleted: a number of the journal is never given twice, how far it was read is one of them.
        for key in keys:
            cursor.execute("UPDATE attempts SET key = %s WHERE key = %s", (keyed(key), key))
        for one in customers:
            cursor.execute(
                "UPDATE attempts SET customer = %s, text = '', provider_id = NULL WHERE customer = %s",
                (keyed(one), one),
            )
        _keep_suppressed(cursor, person, keyed)
        cursor.execute(
            "INSERT INTO notes VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (note, msgspec.json.encode(done).decode()),
        )
    return done


def _records(cursor: Cursor, customer: str | None) -> list[tuple[int, Record]]:
    rows = cursor.execute(
        "SELECT pos, kind, body, crc FROM log WHERE who = %s ORDER BY pos", (customer_hash(customer),)
    ).fetchall()
    found = [(pos, open_record(pos, kind, body, crc)) for pos, kind, body, crc in rows]
    return [(pos, record) for pos, record in found if record.customer == customer]


def _erase_log(cursor: Cursor, customer: str, keyed: Keyed) -> int:
    own = _records(cursor, customer)
    for position, record in own:
        _rewrite(cursor, position, tombstone(record, keyed))
    return len(own)


def _rewrite(cursor: Cursor, position: int, record: Record) -> None:
    _, kind, ingest_time, body, crc = seal_record(record, position, encode_record(record))
    who, what = identity_hashes(record)
    if isinstance(record, Control) and record.kind == ERASED and "id" in record.detail:
        what = event_hash(record.subject, str(record.detail["id"]))  # found when the same event comes again
    cursor.execute(
        "UPDATE log SET kind = %s, ingest_time = %s, body = %s, crc = %s, who = %s, what = %s WHERE pos = %s",
        (kind, ingest_time, body, crc, who, what, position),
    )


def _erase_letters(cursor: Cursor, person: Person) -> int:
    found = postgres_ledger.read_letters(cursor, "", (), None)
    gone = [one.number for one in found if is_letter_of(one.letter, person.words)]
    cursor.execute("DELETE FROM dead_letters WHERE number = ANY(%b::bigint[])", (gone,))
    return len(gone)


def _keep_suppressed(cursor: Cursor, person: Person, keyed: Keyed) -> None:
    """Turn what the list says of these addresses into keyed hashes, and add that they are not to be mailed."""
    row = cursor.execute("SELECT value FROM numbers WHERE name = 'reached'").fetchone()
    least = cursor.execute("SELECT min(reached) FROM partitions").fetchone()[0]
    now = int(least) if least is not None else 0 if row is None else int(row[0])
    names = {address_hash(address): keyed(address_hash(address)) for address in person.addresses}
    for position, record in _records(cursor, None):
        if isinstance(record, Control) and record.kind == "suppression" and record.subject in names:
            _rewrite(cursor, position, msgspec.structs.replace(record, subject=names[record.subject]))
    for hashed, name in sorted(names.items()):
        cursor.execute("DELETE FROM notes WHERE name = %s", (soft_note(hashed),))
        stood = cursor.execute(
            "DELETE FROM suppressions WHERE address_hash = %s RETURNING scope, cause, at", (hashed,)
        ).fetchone()
        if least is None:  # a cluster's log is in Kafka
            last = int(cursor.execute(_LAST).fetchone()[0])
            word = erased_word(name, now)
            cursor.execute(
                "INSERT INTO log (pos, kind, ingest_time, body, crc, who, what) VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (*seal_record(word, last + 1, encode_record(word)), *identity_hashes(word)),
            )
        kept = [] if stood is None else [Suppression(scope=stood[0], cause=stood[1], at=stood[2])]
        for one in (*kept, Suppression(scope=SCOPE, cause=CAUSE, at=now)):
            postgres_ledger.insert_suppressions(cursor, [(name, one)])


def count_words(connection: Connection, words: Collection[str]) -> int:
    """Return how many values of the tables still hold one of the words."""
    found = 0
    with connection.reading() as cursor:
        for table, columns in SEARCHED.items():
            for column in columns:
                for word in searched(words):
                    cast = "" if column == "body" else "convert_to({column}, 'UTF8')"
                    value = column if not cast else cast.format(column=column)
                    statement = f"SELECT count(*) FROM {table} WHERE position(%b::bytea IN {value}) > 0"  # noqa: S608 - constants
                    found += int(cursor.execute(statement, (word,)).fetchone()[0])
    return found


def add_erased(
    cursor: Cursor, identities: Sequence[EventIdentity], found: list[int | None], keyed: Keyed
) -> None:  # fmt: skip
    """Put the positions of tombstones into `found` where it has none: the same again is the same event (V1, V5)."""
    new = [number for number, one in enumerate(found) if one is None and identities[number][1] is not None]
    named = [(stream, keyed(str(customer)), id_) for stream, customer, id_ in (identities[number] for number in new)]
    if not new:
        return
    rows = cursor.execute(
        "SELECT asked.number, log.pos, log.kind, log.body, log.crc"
        " FROM unnest(%b::bigint[], %b::bigint[]) WITH ORDINALITY AS asked (who, what, number)"
        " JOIN log USING (who, what) ORDER BY asked.number, log.pos",
        (
            [customer_hash(customer) for _, customer, _ in named],
            [event_hash(stream, event_id) for stream, _, event_id in named],
        ),
    ).fetchall()
    for number, pos, kind, body, crc in rows:
        record = open_record(pos, kind, body, crc)
        is_it = isinstance(record, Control) and (
            (record.subject, record.customer, record.detail.get("id")) == named[number - 1]
        )
        if is_it and found[new[number - 1]] is None:
            found[new[number - 1]] = pos
