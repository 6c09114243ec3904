"""The store's one seam to SQLite, led through apsw and a VFS of ours: the same schema, statements and transactions.

What is not covered: the SQLite library is apsw's own, newer than Python's.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import apsw
import pytest

from relight.stores import inbox, sqlite_connection
from tests.faults.disk import Disk, WatchedVfs

_T = TypeVar("_T")
_NUMBERS = itertools.count()


class Cursor:
    """What the store uses of `sqlite3.Cursor`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor = connection.real.cursor()
        self.rowcount = -1

    def execute(self, statement: str, values: Iterable[Any] = ()) -> Cursor:
        _translated(lambda: self._cursor.execute(statement, tuple(values)))
        return self

    def executemany(self, statement: str, rows: Iterable[Iterable[Any]]) -> Cursor:
        before = self._connection.real.total_changes()
        _translated(lambda: self._cursor.executemany(statement, [tuple(row) for row in rows]))
        self.rowcount = self._connection.real.total_changes() - before
        return self

    @property
    def lastrowid(self) -> int:
        return self._connection.real.last_insert_rowid()

    def fetchone(self) -> Any:
        return _translated(self._cursor.fetchone)

    def fetchall(self) -> list[Any]:
        return _translated(self._cursor.fetchall)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class Connection:
    """What the store uses of `sqlite3.Connection`."""

    def __init__(self, path: Path, vfs: str) -> None:
        self.real = _translated(lambda: apsw.Connection(str(path.absolute()), vfs=vfs))
        self.real.set_busy_timeout(0)

    @property
    def in_transaction(self) -> bool:
        return not self.real.get_autocommit()

    def cursor(self) -> Cursor:
        return Cursor(self)

    def execute(self, statement: str, values: Iterable[Any] = ()) -> Cursor:
        return self.cursor().execute(statement, values)

    def create_function(self, name: str, arguments: int, function: Callable[..., Any], *, deterministic: bool) -> None:
        self.real.create_scalar_function(name, function, arguments, deterministic=deterministic)

    def close(self) -> None:
        with suppress(apsw.Error):  # Python's sqlite3 keeps what goes wrong here to itself
            self.real.close()


def _translated(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except apsw.Error as error:
        told = sqlite3.OperationalError(str(error))
        told.sqlite_errorcode = getattr(error, "extendedresult", 0) or getattr(error, "result", 1)
        raise told from error


@contextmanager
def stores_on(disk: Disk, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every store and inbox that is opened inside keep its files on `disk`; at the end nothing is open any more.

    What the block left open is left as a process that ended leaves it: closing it writes nothing.
    """
    vfs = WatchedVfs(f"disk{next(_NUMBERS)}", disk)
    opened: list[Connection] = []

    def connect(path: Path, *, read_only: bool) -> Connection:
        assert not read_only
        opened.append(Connection(path, vfs.vfs_name))
        for setting in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            opened[-1].execute(f"PRAGMA {setting}")
        return opened[-1]

    def connect_inbox(address: str, **_: Any) -> Connection:
        opened.append(Connection(Path(urlsplit(address).path), vfs.vfs_name))
        return opened[-1]

    known = sys.unraisablehook

    def hear(told: sys.UnraisableHookArgs) -> None:
        if not isinstance(told.exc_value, apsw.Error):  # a fault of the disk that SQLite keeps to itself
            known(told)

    with patch.context() as changed:
        changed.setattr(sys, "unraisablehook", hear)
        changed.setattr(sqlite_connection, "_connect", connect)
        changed.setattr(inbox, "sqlite3", SimpleNamespace(**{**vars(sqlite3), "connect": connect_inbox}))
        try:
            yield
        finally:
            disk.may = _refuse
            for one in opened:
                with suppress(apsw.Error):
                    one.real.close()
    vfs.unregister()


def _refuse(_: object) -> None:
    raise apsw.IOError("the process has ended")
