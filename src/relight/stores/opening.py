"""Which store a project's settings name, opened. A client library is imported only for the store that needs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import UsageError
from relight.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from relight.config.settings import StoreSettings
    from relight.stores.postgres import PostgresStore

#: The SQLite file where the config names none.
SQLITE_DEFAULT = "data/relight.db"


def open_store(settings: StoreSettings, folder: Path, *, read_only: bool = False) -> SqliteStore | PostgresStore:
    """Open a project's store, as the one engine that appends to it or for reading beside it.

    Raises UsageError where a file to be read is not there yet, StoreError where another engine has the store.
    """
    if settings.postgres is not None:
        from relight.stores.postgres import PostgresStore  # noqa: PLC0415  # an extra

        return PostgresStore.open(settings.postgres.reveal(), read_only=read_only)
    path = folder / (settings.sqlite or SQLITE_DEFAULT)
    if read_only:
        if not path.is_file():
            raise UsageError(f"there is no store {path} yet", help_text="`relight run` makes it")
        return SqliteStore.open(path, read_only=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return SqliteStore.open(path)
