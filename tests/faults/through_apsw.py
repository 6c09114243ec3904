"""The store's one seam to SQLite, led through apsw and a VFS of ours: the same schema, statements and transactions.

What is not covered: the SQLite library is apsw's own, newer than Python's.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw
import pytest

from relight.stores import sqlite_connection
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
        _translated(self.real.close)


def _translated(call: Callable[[], _T]) -> _T:
    try:
        return call()
    except apsw.Error as error:
        told = sqlite3.OperationalError(str(error))
        told.sqlite_errorcode = getattr(error, "extendedresult", 0) or getattr(error, "result", 1)
        raise told from error


@contextmanager
def stores_on(disk: Disk, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every store that is opened inside keep its files on `disk`."""
    vfs = WatchedVfs(f"disk{next(_NUMBERS)}", disk)

    def connect(path: Path, *, read_only: bool) -> Connection:
        assert not read_only
        opened = Connection(path, vfs.vfs_name)
        for setting in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            opened.execute(f"PRAGMA {setting}")
        return opened

    with patch.context() as changed:
        changed.setattr(sqlite_connection, "_connect", connect)
        yield
    vfs.unregister()
