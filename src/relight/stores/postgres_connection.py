"""How a PostgreSQL server is reached, how a transaction ends, and what its faults mean.

`synchronous_commit` stays on, so that what was acknowledged survives a crash of the server. A server that cannot be
reached is a ServiceError (nothing of the transaction at hand was acknowledged), a full disk is backpressure.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from relight.base.errors import BackpressureError, RelightError, ServiceError, StoreError
from relight.stores.crash import crash_point
from relight.stores.postgres_schema import MIGRATIONS, SCHEMA_VERSION

try:
    import psycopg
except ImportError as error:  # pragma: no cover - the extra is installed where tests run
    raise ServiceError(
        "the PostgreSQL store needs the psycopg package", help_text="pip install 'relight[postgres]'"
    ) from error

#: How long one connection attempt may take, seconds.
CONNECT_SECONDS_MAX = 10
#: How long a statement waits for a row that another transaction holds, milliseconds.
LOCK_MS_MAX = 20_000
#: How long a transaction of ours may stand idle before the server ends it, milliseconds: a frozen process must not hold
#: rows that its successor needs.
IDLE_TRANSACTION_MS_MAX = 30_000
#: First key of the advisory lock of a store: the letters RLGT.
LOCK_CLASS = 0x524C4754
#: How long a store's lock is asked for: a server gives up that of a process that ended a moment after its end (s).
LOCK_SECONDS = 2.0
LOCK_ASK_SECONDS = 0.05
_DISK_FULL = "53100"
_CORRUPT = frozenset({"XX001", "XX002"})

#: A cursor of psycopg, rows as tuples.
Cursor = Any


class Connection:
    """One connection to one schema of one server: its lock, its transactions and what its faults mean."""

    def __init__(self, url: str, *, read_only: bool = False, exclusive: bool = False) -> None:
        """Connect and bring the schema forward.

        Args:
            url: `postgresql://…`; never shown, since it holds a password.
            read_only: write nothing; works beside any engine.
            exclusive: take the store's lock, as the embedded engine does; raises StoreError where another has it.
        """
        self._url = url
        self._exclusive = exclusive
        self.read_only = read_only
        self._closed = False
        self.sql = self._connect()
        try:
            self._prepare()
        except BaseException:
            self.sql.close()
            raise

    def close(self) -> None:
        """Close the connection; the server drops its lock. Twice is once."""
        self._closed = True
        self.sql.close()

    def reconnect(self) -> None:
        """Connect again after a fault; raises ServiceError while the server cannot be reached."""
        with contextlib.suppress(psycopg.Error):
            self.sql.close()
        self.sql = self._connect()
        if self._exclusive:
            self._lock()

    @contextlib.contextmanager
    def transaction(self, before: str, after: str) -> Iterator[Cursor]:
        """Commit what the block does, durably, or nothing; `before` and `after` are the crash points around it."""
        with self._translated(), self.sql.transaction():
            yield self.sql.cursor(binary=True)
            crash_point(before)
        crash_point(after)

    @contextlib.contextmanager
    def plain_transaction(self) -> Iterator[Cursor]:
        """The same without crash points: for a caller that has its own."""
        with self._translated(), self.sql.transaction():
            yield self.sql.cursor(binary=True)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Cursor]:
        """Translate the faults of a block that only reads."""
        with self._translated():
            yield self.sql.cursor(binary=True)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        if self._closed:
            raise StoreError("the PostgreSQL store cannot be used any more: closed")
        try:
            yield
        except psycopg.Error as error:
            raise _translate(error) from error

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        try:
            sql = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS_MAX)
            for setting in (
                # A generic plan of `unnest` joins n x n rows (measured: 12 ms become 142).
                "plan_cache_mode = force_custom_plan",
                "synchronous_commit = on",
                f"lock_timeout = {LOCK_MS_MAX}",
                f"idle_in_transaction_session_timeout = {IDLE_TRANSACTION_MS_MAX}",
                "default_transaction_read_only = " + ("on" if self.read_only else "off"),
            ):
                sql.execute(f"SET {setting}".encode())
        except psycopg.Error as error:
            raise _translate(error) from error
        return sql

    def _prepare(self) -> None:
        with self._translated():
            if self.read_only:
                version = self._version()
                if not version:
                    raise StoreError("the database holds no store of relight yet", help_text="`relight run` makes it")
                if version < SCHEMA_VERSION:
                    raise StoreError(f"the store is of version {version}; run the engine once to upgrade it")
                return
            if self._exclusive:
                self._lock()
            self._migrate()

    def _lock(self) -> None:
        until = time.monotonic() + LOCK_SECONDS
        while True:
            found = self.sql.execute(
                "SELECT pg_try_advisory_lock(%s, hashtext(current_schema()))", (LOCK_CLASS,)
            ).fetchone()
            if found is not None and found[0]:
                return
            if time.monotonic() >= until:
                raise StoreError(
                    "the PostgreSQL store is in use by another engine",
                    help_text="one embedded engine runs on a store; stop that process, or use another schema",
                )
            time.sleep(LOCK_ASK_SECONDS)

    def _migrate(self) -> None:
        """Bring the schema forward; several processes that start together do it one after the other."""
        with self.sql.transaction():
            self.sql.execute("SELECT pg_advisory_xact_lock(%s, hashtext(current_schema()) + 1)", (LOCK_CLASS,))
            version = self._version()
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"the store is of version {version}; this program knows up to {SCHEMA_VERSION}",
                    help_text="use the newer program; a store is never brought back to an older version",
                )
            if version == SCHEMA_VERSION:
                return
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    self.sql.execute(statement.encode())
            self.sql.execute(
                "INSERT INTO numbers VALUES ('schema_version', %s) ON CONFLICT (name) DO UPDATE"
                " SET value = excluded.value",
                (SCHEMA_VERSION,),
            )
            crash_point("before_migration_commit")
        crash_point("after_migration_commit")

    def _version(self) -> int:
        found = self.sql.execute("SELECT to_regclass(current_schema() || '.numbers')").fetchone()
        if found is None or found[0] is None:
            return 0
        row = self.sql.execute("SELECT value FROM numbers WHERE name = 'schema_version'").fetchone()
        if row is None:
            raise StoreError("the schema has a table `numbers` of another program; it was not touched")
        return int(row[0])


def _translate(error: psycopg.Error) -> RelightError:
    code = error.sqlstate
    told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if code == _DISK_FULL:
        return BackpressureError(
            "no room on the disk of the PostgreSQL server; nothing of this batch was kept and nothing acknowledged is "
            "lost",
            help_text="make room on the disk; the engine goes on from where it stood",
        )
    if code in _CORRUPT:
        return StoreError(f"the PostgreSQL store is damaged: {told}", help_text="restore it from a backup")
    if isinstance(error, psycopg.OperationalError):
        return ServiceError(
            f"PostgreSQL cannot be reached or gave up: {told}; nothing of this transaction was acknowledged",
            help_text="look at the server and at `store: {postgres: …}`, then start again",
        )
    return StoreError(f"PostgreSQL refused: {told}")
