"""Soft bounces of an address, counted by day: after some within a window nothing but what must go is sent there (S4).

The days stand in the store's notes under the address's hash. Journal lines that are read twice, after a crash, count
once; something delivered begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from relight.base.instants import DAY
from relight.messages.addresses import address_hash
from relight.messages.bounces import SOFT_BOUNCE_DAYS_MAX, SOFT_BOUNCE_WINDOW, is_soft_bounce
from relight.messages.life import MessageState
from relight.rules.world import SOFT_BOUNCES
from relight.stores.delivery_moves import has_lapsed
from relight.stores.soft_notes import soft_note
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.stores.interface import Attempt, Store

_FINAL = frozenset({MessageState.BOUNCED, MessageState.REJECTED})


def count_soft_bounces(store: Store, lines: Iterable[Attempt], now: int) -> Iterator[Control]:
    """Note the soft bounces that journal lines tell, and yield a suppression at `now` (µs) where they are too many."""
    said: set[str] = set()
    for line in lines:
        is_delivered = line.state is MessageState.DELIVERED
        is_final = line.state in _FINAL
        is_soft = (is_final or line.state is MessageState.PENDING) and is_soft_bounce(line.text, is_final=is_final)
        if not (is_delivered or is_soft):
            continue
        status = store.message(line.occurrence_key)
        if status is None or status.message.channel != "email":
            continue
        hashed = address_hash(status.message.address)
        days = _note_day(store, hashed, None if is_delivered else line.at // DAY)
        if len(days) >= SOFT_BOUNCE_DAYS_MAX and hashed not in said and _may_be_mailed(store, hashed, now):
            said.add(hashed)
            detail: dict[str, object] = {"scope": "marketing", "cause": SOFT_BOUNCES}
            yield Control(kind="suppression", ingest_time=now, subject=hashed, detail=detail)


def _note_day(store: Store, hashed: str, day: int | None) -> set[int]:
    """Add a day to an address's soft bounces, None to forget them all; return those within the window."""
    name = soft_note(hashed)
    before = store.note(name) or ""
    days: set[int] = set()
    if day is not None:
        oldest = day - SOFT_BOUNCE_WINDOW // DAY
        days = {day, *(one for one in map(int, before.split()) if oldest < one)}
    after = " ".join(map(str, sorted(days)[-SOFT_BOUNCE_DAYS_MAX:]))
    if after != before:
        store.set_note(name, after)
    return days


def _may_be_mailed(store: Store, hashed: str, now: int) -> bool:
    stands = store.suppression(hashed)
    return stands is None or has_lapsed(stands, now)
