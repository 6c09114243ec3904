"""The memory store keeps the promises of every store."""

from __future__ import annotations

from pathlib import Path

from relight.stores.memory import MemoryStore
from tests.adapters.stores.conformance import StoreConformance


class TestMemoryStore(StoreConformance):
    def make_store(self, folder: Path) -> MemoryStore:  # noqa: ARG002  # memory needs none
        return MemoryStore()
