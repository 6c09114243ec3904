"""Who has what may be done by one process of a PostgreSQL store at a time: the embedded engine, or a cluster's relay.

A turn is an advisory lock of a connection: it goes when its process does, and can be looked at from outside.
"""

from __future__ import annotations

from contextlib import closing
from enum import IntEnum
from typing import TYPE_CHECKING

from relight.stores.postgres_connection import LOCK_CLASS, Connection

if TYPE_CHECKING:
    from relight.stores.postgres import PostgresStore

#: First key of the turns of a cluster: the letters RLTN.
TURN_CLASS = 0x524C544E


class Turn(IntEnum):
    """What one process does at a time; the value is the class of its lock."""

    #: Appending to the store, as the embedded engine does.
    ENGINE = LOCK_CLASS
    #: Relaying words and outcomes to the control topic, as one sender of a cluster does.
    RELAY = TURN_CLASS


def take_relay_turn(store: PostgresStore) -> bool:
    """Return whether the relay's turn is this store's connection's, from now on until it ends."""
    with store.connection.reading() as cursor:
        found = cursor.execute(
            "SELECT pg_try_advisory_lock(%s::int, hashtext(current_schema()))", (int(Turn.RELAY),)
        ).fetchone()
    return bool(found[0])


def is_taken(url: str, turn: Turn) -> bool:
    """Return whether some process has a turn now; raises ServiceError where the server does not answer."""
    with closing(Connection(url, read_only=True)) as connection, connection.reading() as cursor:
        found = cursor.execute(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND classid::bigint = %s AND objid::bigint = (hashtext(current_schema())::bigint & 4294967295)",
            (int(turn),),
        ).fetchone()
    return found is not None
