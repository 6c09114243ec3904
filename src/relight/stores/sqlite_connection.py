"""How the SQLite file is opened and how a transaction ends: WAL, synchronous=FULL, faults told apart.

With NORMAL, simulated power losses lost acknowledged rows; with FULL none, so a file that will not take both settings
is refused. A full disk is backpressure (nothing of the batch is kept, try again); any other fault of input or output
ends the store's use, since after a failed fsync nothing that the kernel says about the file can be trusted.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from relight.base.errors import BackpressureError, StoreError
from relight.messages.identity import occurrence_digest
from relight.stores.crash import crash_point
from relight.stores.record_codec import damage_at, row_seal
from relight.stores.sqlite_schema import APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION, SEALED_TABLES
from relight.stores.store_lock import acquire_lock

#: How long a reader or writer waits for SQLite's own short locks, seconds.
BUSY_TIMEOUT_S = 10.0
#: SQLite's page cache, KiB.
PAGE_CACHE_KIB = 32_768
#: Pages in the WAL from which they are moved into the file (4 KiB each), about.
WAL_PAGES_MAX = 4_000
#: Commits before the WAL is first moved; afterwards as many as filled it, at least one and at most the second number.
WAL_COMMITS_FIRST, WAL_COMMITS_MAX = 16, 10_000
_SYNCHRONOUS_FULL = 2
_CANNOT_OPEN = "look at the disk and the rights to the folder, then start again: what was acknowledged is kept"


class Connection:
    """An open SQLite file: its lock, its transactions and what its faults mean."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or create the file, brought to the current version; raises StoreError naming what is in the way."""
        self.path = path
        self.read_only = read_only
        self._lock: int | None = None
        #: Why the store may not be used any more.
        self._broken: str | None = None
        self._disk_failed = False
        #: A transaction is open that others join.
        self._is_joined = False
        #: Commits since the WAL was moved into the file, and how many are allowed before it is moved again.
        self._commits, self._commits_max = 0, WAL_COMMITS_FIRST
        if read_only and not path.is_file():
            raise StoreError(f"there is no store at {path}", help_text="run the engine once, or name another store")
        if not read_only:
            self._lock = acquire_lock(path)
        try:
            self.sql = _connect(path, read_only=read_only)
            try:
                self._prepare()
            except sqlite3.Error as error:
                self._translate(error)
                raise
        except (sqlite3.Error, OSError) as error:
            self._let_go()
            raise StoreError(f"the store {path} cannot be opened: {error}", help_text=_CANNOT_OPEN) from error
        except BaseException:
            self._let_go()
            raise

    def close(self) -> None:
        """Move the WAL into the file, close it and drop the lock; twice is once."""
        if self._broken == "closed":
            return
        try:
            if self._broken is None and not self.read_only:
                self._move_wal()
        finally:
            self._broken = "closed"
            self._let_go()

    @contextlib.contextmanager
    def transaction(self, before: str, after: str) -> Iterator[sqlite3.Cursor]:
        """Commit what the block does, durably, or nothing; `before` and `after` are the crash points around it.

        Inside `joined` nothing is committed yet, and a failure fails the whole.
        """
        self._check_usable()
        cursor = self.sql.cursor()
        if self._is_joined:
            try:
                yield cursor
            except sqlite3.Error as error:
                raise self._translate(error) from error
            crash_point(before)
            return
        try:
            cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            crash_point(before)
            cursor.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise self._translate(error) from error
            raise
        crash_point(after)
        self._commits += 1
        if self._commits >= self._commits_max:
            self._move_wal()

    @contextlib.contextmanager
    def joined(self, before: str, after: str) -> Iterator[None]:
        """Make the transactions that the block asks for one, which ends with the block."""
        with self.transaction(before, after):
            self._is_joined = True
            try:
                yield
            finally:
                self._is_joined = False

    def _move_wal(self) -> None:
        """Move the WAL into the file as far as readers and room allow; raises StoreError where the disk fails.

        SQLite would do so by itself at a commit or at close, and keep a failed sync to itself.
        """
        try:
            _, pages, _ = self.sql.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            fault = self._translate(error)
            if self._broken is not None:
                raise fault from error
            return
        if self._commits:
            fitting = WAL_PAGES_MAX * self._commits // max(1, pages)
            self._commits, self._commits_max = 0, min(WAL_COMMITS_MAX, max(1, fitting))

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Cursor]:
        """Let the block see one state of the file, whatever a writer does meanwhile."""
        with self.reading() as cursor:
            nested = self.sql.in_transaction
            if not nested:
                cursor.execute("BEGIN")
            try:
                yield cursor
            finally:
                if not nested:
                    self._roll_back()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Cursor]:
        """Translate the faults of a block that only reads."""
        self._check_usable()
        try:
            yield self.sql.cursor()
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _check_usable(self) -> None:
        if self._broken is not None:
            raise StoreError(f"the store {self.path} cannot be used any more: {self._broken}")

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            if self.sql.in_transaction:
                self.sql.execute("ROLLBACK")

    def _translate(self, error: sqlite3.Error) -> BackpressureError | StoreError:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_FULL:
            return BackpressureError(
                f"no room on the disk of {self.path}; nothing of this batch was kept and nothing acknowledged is lost",
                help_text="make room on the disk; the engine goes on from where it stood",
            )
        primary = None if code is None else code & 0xFF
        if primary == sqlite3.SQLITE_IOERR:
            self._broken, self._disk_failed = f"the disk failed ({error})", True
            return StoreError(
                f"the disk of {self.path} failed: {error}; nothing of this batch was acknowledged",
                help_text="look at the disk, then start again: the store recovers everything that was acknowledged",
            )
        if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            self._broken = f"the file is damaged ({error})"
            return StoreError(f"the store {self.path} is damaged: {error}", help_text="restore it from a backup")
        return StoreError(f"the store {self.path} refused: {error}")

    def _let_go(self) -> None:
        sql = getattr(self, "sql", None)
        if sql is not None and self._disk_failed:
            # After a failed sync nothing that the kernel says of the file can be trusted, and SQLite's own close would
            # sync again and take that for an answer: the file is left as kill -9 leaves it, for the next open.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(sql))
        elif sql is not None:
            sql.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _prepare(self) -> None:
        self.sql.create_function("link_digest", 1, occurrence_digest, deterministic=True)
        self.sql.create_function("row_seal", -1, row_seal, deterministic=True)
        version = int(self._pragma("user_version"))
        if version and int(self._pragma("application_id")) != APPLICATION_ID:
            raise StoreError(f"{self.path} is an SQLite file of another program; it was not touched")
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"the store {self.path} is of version {version}; this program knows up to {SCHEMA_VERSION}",
                help_text="use the newer program; a store is never brought back to an older version",
            )
        if self.read_only:
            if version < SCHEMA_VERSION:
                raise StoreError(f"the store {self.path} is of version {version}; run the engine once to upgrade it")
            return
        if not version and self.sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise StoreError(f"{self.path} is an SQLite file of another program; it was not touched")
        self._make_durable()
        for start in range(version, SCHEMA_VERSION):
            with self.transaction("before_migration_commit", "after_migration_commit") as cursor:
                for statement in MIGRATIONS[start]:
                    cursor.execute(statement)
                cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                cursor.execute(f"PRAGMA user_version = {start + 1}")
        self._check_sealed()
        sync_folder(self.path.parent)

    def _check_sealed(self) -> None:
        """Look at every row of the small sealed tables, about 1 µs each: a miss there is no error anywhere else."""
        for table, (name, sealed) in SEALED_TABLES.items():
            found = self.sql.execute(f"PRAGMA integrity_check({table})").fetchone()[0]
            if found != "ok":
                raise damage_at(f"the table of {table}", found)
            query = f"SELECT {name} FROM {table} WHERE crc IS NOT row_seal({sealed}) LIMIT 1"  # noqa: S608  # constants
            row = self.sql.execute(query).fetchone()
            if row is not None:
                raise damage_at(f"{table} of {row[0]!r}")

    def _make_durable(self) -> None:
        mode = self.sql.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        self.sql.execute("PRAGMA synchronous = FULL")
        level = int(self._pragma("synchronous"))
        if mode != "wal" or level != _SYNCHRONOUS_FULL:
            raise StoreError(
                f"the store {self.path} did not take journal_mode=WAL and synchronous=FULL (it says {mode}, {level})",
                help_text="put the store on a local disk: without both, a power loss loses acknowledged events",
            )
        self.sql.execute("PRAGMA wal_autocheckpoint = 0")

    def _pragma(self, name: str) -> str:
        return str(self.sql.execute(f"PRAGMA {name}").fetchone()[0])


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    target = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    sql = sqlite3.connect(target, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    for setting in (f"cache_size = -{PAGE_CACHE_KIB}", "trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
        sql.execute(f"PRAGMA {setting}")
    return sql


def sync_folder(folder: Path) -> None:
    """Make a new file's name durable: it is only there after a power loss when its folder was synced too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
