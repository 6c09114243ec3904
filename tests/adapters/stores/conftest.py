"""Opens SQLite stores and closes whatever a test left open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relight.stores.id_index import IndexLimits
from relight.stores.sqlite import SqliteStore

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
