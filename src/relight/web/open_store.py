"""A store that is open for questions, one after the other, and opened again after it was away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from relight.base.errors import RelightError, ServiceError, StoreError

if TYPE_CHECKING:
    from relight.stores.interface import Store

_Answer = TypeVar("_Answer")


@dataclass(slots=True, kw_only=True)
class OpenStore:
    """One such store."""

    open_store: Callable[[], Store]
    _store: Store | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, ask: Callable[[Store], _Answer]) -> _Answer:
        """Return what a function reads; raises StoreError where it cannot be read."""
        with self._lock:
            try:
                if self._store is None:
                    self._store = self.open_store()
                return ask(self._store)
            except (OSError, ServiceError) as error:
                # A server that is away is no fault of ours: who looks is told to try again.
                self._close()
                raise StoreError(f"the store cannot be read: {error}") from error
            except RelightError:
                self._close()
                raise

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
