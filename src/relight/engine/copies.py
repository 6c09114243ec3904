"""Which records of a batch are copies of what the log, or the batch itself, holds already (V1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.streams.envelope import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.stores.interface import Store
    from relight.streams.envelope import Control, DeadLetter


def find_copies(store: Store, records: Sequence[Event | Control | DeadLetter]) -> list[Event | int | None]:
    """Return for each record what it is a copy of: a position in the log, an event of this batch, or None."""
    events = [r for r in records if type(r) is Event]
    identities = [(r.stream, r.customer, r.id) for r in events]
    stored = store.find_known(identities)
    if len(events) == len(records) and len(set(identities)) == len(identities):
        return list(stored)
    seen: dict[tuple[str, str | None, str], Event] = {}
    found: list[Event | int | None] = []
    known = iter(zip(identities, stored, strict=True))
    for record in records:
        if not isinstance(record, Event):
            found.append(None)
            continue
        identity, position = next(known)
        first = seen.setdefault(identity, record)
        found.append(position if position is not None else first if first is not record else None)
    return found
