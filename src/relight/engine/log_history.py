"""A customer's past as the log topic tells it, merges made whole: what an engine on one machine finds in its store.

A merge record in the topic names two customers and carries nothing; what it brings is a function of the anonymous
customer's own log up to the record's place, whichever partition that is in (V4, H).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

import msgspec

from relight.base.instants import INSTANT_MIN
from relight.customers.profile import Profile
from relight.customers.revive import revive_record
from relight.decide import Effects, live_until, own_events, take_record
from relight.engine.merges import fill_merge, is_unfilled_merge
from relight.streams.envelope import Control, DeadLetter, Rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relight.customers.layout import Layout
    from relight.engine.daily import Told
    from relight.rules.world import World
    from relight.stores.own_logs import Moment
    from relight.streams.envelope import Record

#: Where a merge record that was routed stands among the control records: (partition of their topic, offset).
PLACE_DETAIL = "place"


class OwnLogsOf(Protocol):
    """The logs of customers; see LogCopy."""

    def own_log(self, customer: str, *, before: Moment) -> Iterator[tuple[Record, Moment]]:
        """Yield a customer's records that stand in the log before a moment, in order, each with its own."""


class DaysOf(Protocol):
    """What days brought customers; see DaysLog."""

    def of(self, customer: str, plans: Sequence[Told], before: Moment) -> Iterable[tuple[Record, Moment]]:
        """Yield what days brought a customer before a moment, in order, each with its own."""


class LogHistory:
    """The past of any customer, merges made whole."""

    def __init__(self, copy: OwnLogsOf, *, days: DaysOf | None = None) -> None:
        """Read nothing yet. days: what the logs of `copy` lack of measures; None where they have it."""
        self._copy, self._days = copy, days

    def own_log(self, world: World, layout: Layout, customer: str, *, before: Moment) -> Iterator[Record]:
        """Yield a customer's records that stand in the log before a moment, in memory form, merges carrying events.

        Merges that were refused, and those said twice, are left out. world: knows every plan of the log.
        """
        if before[0] > INSTANT_MIN:
            yield from self._whole_merges(world, layout, self._copy.own_log(customer, before=before))

    def _whole_merges(self, world: World, layout: Layout, own: Iterable[tuple[Record, Moment]]) -> Iterator[Record]:
        merged: set[str] = set()
        for record, moment in own:
            if isinstance(record, Control) and is_unfilled_merge(record):
                record.detail = {**record.detail, PLACE_DETAIL: moment[1:]}
                if record.subject in merged or self.fill(world, layout, record) is not None:
                    continue
                merged.add(record.subject)
            yield revive_record(layout, record)

    def fill(self, world: World, layout: Layout, record: Control) -> DeadLetter | None:
        """Put what it brings into a merge record that has its place; return a dead letter where it is refused (V4)."""
        source, offset = msgspec.convert(record.detail[PLACE_DETAIL], tuple[int, int])
        before = (record.ingest_time, source, offset)
        own = list(self._whole_merges(world, layout, self._lived_through(world, record.subject, before)))
        return fill_merge(
            record, log=own, anonymous=lambda: _lived(world, layout, record.subject, own, record.ingest_time)
        )

    def _lived_through(self, world: World, customer: str, before: Moment) -> Iterable[tuple[Record, Moment]]:
        """Return a customer's records with what days brought them, which comes first at its instant."""
        own = self._copy.own_log(customer, before=before)
        if self._days is None:
            return own
        plans = [(r.ingest_time, r.subject) for r in world.records if isinstance(r, Control) and r.kind == "plan"]
        return heapq.merge(self._days.of(customer, plans, before), own, key=_instant_of)


def _instant_of(one: tuple[Record, Moment]) -> int:
    return one[1][0]


def _lived(world: World, layout: Layout, customer: str, own: list[Record], until: int) -> Profile:
    """Return the profile of a customer whose records are `own`, with every deadline before `until` (µs) judged."""
    profile, effects = Profile(customer=customer), Effects()
    for number, record in enumerate(own):
        before = own[:number]
        take_record(world, profile, record, effects, history=lambda known=before: own_events(known, layout))  # type: ignore[misc]
    live_until(world, profile, until, effects, rank=Rank.CONTROL, history=lambda: own_events(own, layout))
    return profile
