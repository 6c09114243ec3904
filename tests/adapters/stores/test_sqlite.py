"""The SQLite store keeps the promises of every store, with its usual sizes and with the smallest."""

from __future__ import annotations

from pathlib import Path

from relight.stores.id_index import IndexLimits
from relight.stores.sqlite import SqliteStore
from tests.adapters.stores.conformance import StoreConformance

#: Segments after every other record, merged two by two, in blocks of two, with hashes that collide.
TINY = IndexLimits(recent_ids_max=2, merge_fan_in=2, block_entries=2, merge_entries=3, hash_bits=1)


class TestSqliteStore(StoreConformance):
    def make_store(self, folder: Path) -> SqliteStore:
        return SqliteStore.open(folder / "store.db")


class TestSqliteStoreWithTinySegments(StoreConformance):
    def make_store(self, folder: Path) -> SqliteStore:
        return SqliteStore.open(folder / "store.db", limits=TINY)
