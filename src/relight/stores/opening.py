"""Which store a project's settings name, opened. A client library is imported only for the store that needs it."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from relight.base.errors import UsageError
from relight.base.ids import hash_bytes
from relight.stores.inbox import Inbox, inbox_path
from relight.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from relight.config.settings import StoreSettings
    from relight.stores.inbox_interface import DurableInbox
    from relight.stores.postgres import PostgresStore

#: The SQLite file where the config names none.
SQLITE_DEFAULT = "data/relight.db"


def open_store(settings: StoreSettings, folder: Path, *, read_only: bool = False) -> SqliteStore | PostgresStore:
    """Open a project's store, as the one engine that appends to it or for reading beside it.

    Raises UsageError where a file to be read is not there yet, StoreError where another engine has the store.
    """
    if settings.postgres is not None:
        from relight.stores.postgres import PostgresStore  # noqa: PLC0415  # an extra

        store = PostgresStore.open(settings.postgres.reveal(), read_only=read_only)
        try:
            store.stand_beside(folder / SQLITE_DEFAULT)
        except BaseException:
            store.close()
            raise
        return store
    path = folder / (settings.sqlite or SQLITE_DEFAULT)
    if read_only:
        if not path.is_file():
            raise UsageError(f"there is no store {path} yet", help_text="`relight run` makes it")
        return SqliteStore.open(path, read_only=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return SqliteStore.open(path)


def inbox_name(settings: StoreSettings, folder: Path) -> str:
    """Return what a project's inbox is called between processes, without telling where it stands."""
    if settings.postgres is not None:
        return hash_bytes(settings.postgres.reveal().encode("utf-8", "surrogateescape"))
    place = inbox_path(folder / (settings.sqlite or SQLITE_DEFAULT))
    return hash_bytes(str(place.resolve()).encode("utf-8", "surrogateescape"))


def open_inbox_to_read(settings: StoreSettings, folder: Path) -> DurableInbox | None:
    """Open a project's durable inbox to read its entries beside any engine; None where there is none yet.

    Raises ServiceError where a server does not answer, StoreError where its database holds no store.
    """
    if settings.postgres is None:
        place = inbox_path(folder / (settings.sqlite or SQLITE_DEFAULT))
        return Inbox.open(place) if place.is_file() else None
    from relight.stores.postgres_inbox import PostgresInbox  # noqa: PLC0415  # an extra

    return PostgresInbox.open(settings.postgres.reveal(), read_only=True)


def open_inbox(settings: StoreSettings, folder: Path) -> DurableInbox:
    """Open a project's durable inbox: in its PostgreSQL store, or the file beside its SQLite store.

    A file that a PostgreSQL store had its inbox in before is taken over and put aside.
    """
    place = inbox_path(folder / (settings.sqlite or SQLITE_DEFAULT))
    if settings.postgres is None:
        place.parent.mkdir(parents=True, exist_ok=True)
        return Inbox.open(place)
    from relight.stores.postgres_inbox import PostgresInbox  # noqa: PLC0415  # an extra

    inbox = PostgresInbox.open(settings.postgres.reveal())
    if settings.sqlite is None and place.is_file():
        try:
            with closing(Inbox.open(place)) as file:
                inbox.take_over(file)
        except BaseException:
            inbox.close()
            raise
        with suppress(FileNotFoundError):  # another process was faster
            place.rename(place.with_name(place.name + ".moved"))
    return inbox
