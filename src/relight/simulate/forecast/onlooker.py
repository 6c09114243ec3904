"""A store seen from beside: everything is read from it, and what an engine would write is only counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from relight.stores.interface import Appended

if TYPE_CHECKING:
    from relight.stores.interface import Batch, Profile, Store
    from relight.streams.envelope import Record


class _Onlooker:
    """Reads go through; writes are forgotten."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._position = store.last_position()
        self._logs: dict[str | None, list[tuple[int, Record]]] | None = None

    def __getattr__(self, name: str) -> object:
        """Read what the store says."""
        return getattr(self._store, name)

    def last_position(self) -> int:
        """Return the position that the log would have."""
        return self._position

    def customer_log(self, customer: str, *, after: int = 0) -> Iterator[tuple[int, Record]]:
        """Yield one customer's records; the log is read once, for everybody, when the first one is asked for."""
        if self._logs is None:
            self._logs = {}
            for position, record in self._store.read_log():
                self._logs.setdefault(record.customer, []).append((position, record))
        return (entry for entry in self._logs.get(customer, ()) if entry[0] > after)

    def append(self, batch: Batch) -> Appended:
        """Count the records; the store is left alone."""
        self._position += len(batch.log)
        return Appended(last_position=self._position)

    def save_checkpoints(
        self, profiles: Iterable[Profile], *, position: int | None = None, meta: Mapping[str, bytes] | None = None
    ) -> None:
        """Forget them: an engine beside the store keeps all profiles in memory."""

    def close(self) -> None:
        """Leave the store to whoever opened it."""


def onlooker(store: Store) -> Store:
    """Return a store that reads another one and writes nothing."""
    return cast("Store", _Onlooker(store))
