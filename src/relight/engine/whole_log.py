"""The whole log topic by place, for workers whose customers are decided together with those of other partitions.

As `LogCopy`, but every partition is read, who names which account is known (V4's merges among them), and what days
bring of measures stands in it, for everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.engine.accounts import account_named
from relight.engine.log_copy import TopicReading
from relight.stores.placed_log import PlacedLog
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.engine.account_keys import AccountKeys
    from relight.engine.daily import DaysOfEverybody, Told
    from relight.engine.log_copy import ReadPacks
    from relight.stores.own_logs import Moment
    from relight.streams.envelope import Record
    from relight.transports.pack_queue import LogPlace


#: Place of what a day brings among the records of its instant: before every class of them, by its number.
_DAY_PLACE = (-1, "")


class WholeLog(TopicReading):
    """All partitions of a log topic."""

    def __init__(self, read: ReadPacks, partitions: int, keys: AccountKeys, days: DaysOfEverybody) -> None:
        """Read nothing yet. keys: what names somebody's account."""
        super().__init__(read, partitions)
        self._keys, self._days = keys, days
        self.placed = PlacedLog()
        #: The plans, as some partition has them: all have the same.
        self._plans: set[Told] = set()

    def follow(self, until: int) -> None:
        """Know every record before an instant (µs), of all partitions; raises as `LogCopy.own_log`."""
        for partition in range(self._partitions):
            self._follow(partition, until)
        for brought in self._days.come_to(self._plans_before(until), until):
            for number, record in enumerate(brought):
                self.placed.add((record.ingest_time, *_DAY_PLACE, number, -1, -1), record, ())
        self.placed.resolve_merges(until)

    def _plans_before(self, until: int) -> list[Told]:
        """Return the plans before an instant (µs), in order; one that a router said twice, once."""
        found: list[Told] = []
        for at, version in sorted(one for one in self._plans if one[0] < until):
            if not found or found[-1][1] != version:
                found.append((at, version))
        return found

    def own_log(self, customer: str, *, before: Moment) -> Iterator[tuple[Record, Moment]]:
        """Yield a customer's records before a moment, as `LogCopy.own_log` does."""
        at, source, _ = before
        self.follow(at if source < 0 else at + 1)
        return self.placed.of(customer, before=before)

    def _keep(self, records: list[tuple[LogPlace, Record]]) -> None:
        for _, one in records:
            if one.customer is None and isinstance(one, Control) and one.kind == "plan":
                self._plans.add((one.ingest_time, one.subject))
        for place, record in ((place, one) for place, one in records if one.customer is not None):
            named = {account_named(record, key) for key in self._keys}
            self.placed.add(place[:6], record, sorted(one for one in named if one is not None))

    def close(self) -> None:
        """See TopicReading."""
        super().close()
        self.placed.close()
