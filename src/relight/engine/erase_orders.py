"""Orders to erase people of a cluster: kept in the store until the log is written anew without them.

From the order on nobody mails them: the suppression goes the way of every other word. What is kept of an order that was
carried out is its answer, which names nobody.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from relight.messages.addresses import address_hash
from relight.stores.erasure import CAUSE, SCOPE, Erased, Person
from relight.stores.inbox_words import Word, word_entry

if TYPE_CHECKING:
    from relight.stores.inbox_interface import NewEntry
    from relight.stores.postgres import PostgresStore

#: What names of the notes begin with: of orders that wait, and of answers.
ORDER_NOTE, ANSWER_NOTE = "erase ordered ", "erased on cluster "
#: Hex digits that name an order.
_DIGITS = 32


class ClusterOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be erased."""

    customer: str
    #: When it was ordered (µs).
    ordered: int
    #: Generation of the log topic that has nothing of them any more; 0 while there is none.
    generation: int = 0
    #: (stream, partition of its topic, offsets) of what is theirs where it came from; known once it was looked for.
    places: list[tuple[str, int, list[int]]] = []

    @property
    def note(self) -> str:
        """Name under which it is kept."""
        return ORDER_NOTE + hashlib.sha256(self.customer.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def keep_orders(store: PostgresStore, orders: list[ClusterOrder]) -> None:
    """Keep orders durably; one that is kept already stays as it is."""
    with store.connection.plain_transaction() as cursor:
        for one in orders:
            cursor.execute(
                "INSERT INTO notes VALUES (%s, %s) ON CONFLICT (name) DO NOTHING",
                (one.note, msgspec.json.encode(one).decode()),
            )


def keep_marked(store: PostgresStore, orders: list[ClusterOrder]) -> None:
    """Keep what is known of orders by now in their place."""
    with store.connection.plain_transaction() as cursor:
        for one in orders:
            cursor.execute("UPDATE notes SET value = %s WHERE name = %s", (msgspec.json.encode(one).decode(), one.note))


def forget_orders(store: PostgresStore, orders: list[ClusterOrder]) -> None:
    """Forget orders that were carried out."""
    with store.connection.plain_transaction() as cursor:
        cursor.execute("DELETE FROM notes WHERE name = ANY(%s::text[])", ([one.note for one in orders],))


def waiting_orders(store: PostgresStore) -> list[ClusterOrder]:
    """Return the orders that are kept, the oldest first."""
    found = [msgspec.json.decode(value, type=ClusterOrder) for value in _notes(store, ORDER_NOTE)]
    return sorted(found, key=lambda one: (one.ordered, one.customer))


def read_erased(store: PostgresStore, note: str) -> Erased | None:
    """Return what was taken out, as the answer under a note says; None where there is none."""
    told = store.note(note)
    return None if told is None else msgspec.json.decode(told, type=Erased)


def _notes(store: PostgresStore, prefix: str) -> list[str]:
    with store.connection.reading() as cursor:
        rows = cursor.execute("SELECT value FROM notes WHERE starts_with(name, %s) ORDER BY name", (prefix,)).fetchall()
    return [value for (value,) in rows]


def suppressing_words(person: Person, received: int) -> list[NewEntry]:
    """Return what keeps somebody's addresses from being mailed from now on (µs)."""
    hashes = sorted(address_hash(one) for one in person.addresses)
    return [
        word_entry(
            Word(kind="suppression", subject=one, detail={"scope": SCOPE, "cause": CAUSE}),
            received=received,
            key=_word_key(one),
        )
        for one in hashes
    ]


def forget_suppressing_words(store: PostgresStore, person: Person) -> int:
    """Take the words that suppress somebody's addresses out of the inbox, and return how many: the log has them."""
    keys = [_word_key(address_hash(one)) for one in person.addresses]
    with store.connection.plain_transaction() as cursor:
        return int(cursor.execute("DELETE FROM inbox WHERE key = ANY(%s::text[])", (keys,)).rowcount)


def _word_key(hashed: str) -> str:
    return f"suppressed {SCOPE} {hashed}"
