"""What pages ask the store, for reading only: whose message a link belongs to, and what that customer agreed to.

A page works without it: where the store cannot be read it shows less and still takes what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from relight.base.errors import RelightError
from relight.customers.codec import read_consent
from relight.engine.inbox import taken_position
from relight.web.open_store import OpenStore

if TYPE_CHECKING:
    from relight.stores.interface import Store

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads a message, as far as the store tells."""

    locale: str
    #: Topic -> (given, when it was said in µs).
    consent: Mapping[str, tuple[bool, int]]


@dataclass(slots=True, kw_only=True)
class StoreLook:
    """The store of the project, opened when it is there and opened again when it was away."""

    open_store: Callable[[], Store]
    _store: OpenStore = field(init=False)

    def __post_init__(self) -> None:
        """Open nothing yet."""
        self._store = OpenStore(open_store=self.open_store)

    def reader_of(self, digest: str) -> Reader | None:
        """Return the reader of the message that a link names, None where it or the store is not there."""

        def ask(store: Store) -> Reader | None:
            found = store.message_of_link(digest)
            if found is None:
                return None
            profile = store.load_profile(found.message.customer)
            consent = {} if profile is None else read_consent(profile.blob)
            return Reader(locale=found.message.locale, consent=consent)

        return self._ask(ask)

    def taken_position(self) -> int | None:
        """Return how far an engine has read the inbox, None where the store is not there."""
        return self._ask(taken_position)

    def _ask(self, ask: Callable[[Store], _Answer | None]) -> _Answer | None:
        try:
            return self._store.ask(ask)
        except RelightError:
            return None

    def close(self) -> None:
        """Close the store."""
        self._store.close()
