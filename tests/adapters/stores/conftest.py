"""Opens SQLite stores and closes whatever a test left open; names an empty schema of the tests' PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relight.stores.id_index import IndexLimits
from relight.stores.sqlite import SqliteStore
from tests.support.postgres_server import PostgresServer

OpenStore = Callable[..., SqliteStore]


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[OpenStore]:
    opened: list[SqliteStore] = []

    def open_one(*, read_only: bool = False, limits: IndexLimits | None = None) -> SqliteStore:
        store = SqliteStore.open(tmp_path / "store.db", read_only=read_only, limits=limits)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_schema()
