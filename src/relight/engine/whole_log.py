"""The whole log topic by place, for workers whose customers are decided together with those of other partitions.

As `LogCopy`, but every partition is read, and who names which account is known (V4's merges among them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.engine.accounts import account_named
from relight.engine.log_copy import TopicReading
from relight.stores.placed_log import PlacedLog
from relight.transports.log_pack import partition_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from relight.engine.account_keys import AccountKeys
    from relight.engine.log_copy import ReadPacks
    from relight.stores.own_logs import Moment
    from relight.streams.envelope import Record
    from relight.transports.pack_queue import LogPlace


class WholeLog(TopicReading):
    """All partitions of a log topic."""

    def __init__(self, read: ReadPacks, partitions: int, keys: AccountKeys) -> None:
        """Read nothing yet. keys: what names somebody's account."""
        super().__init__(read, partitions)
        self._keys = keys
        self.placed = PlacedLog()

    def follow(self, until: int) -> None:
        """Know every record before an instant (µs), of all partitions; raises as `LogCopy.own_log`."""
        for partition in range(self._partitions):
            self._follow(partition, until)
        self.placed.resolve_merges(until)

    def own_log(self, customer: str, *, before: Moment) -> Iterator[tuple[Record, Moment]]:
        """Yield a customer's records before a moment, as `LogCopy.own_log` does."""
        at, source, _ = before
        self._follow(partition_of(customer, self._partitions), at if source < 0 else at + 1)
        return self.placed.of(customer, before=before)

    def _keep(self, records: list[tuple[LogPlace, Record]]) -> None:
        for place, record in ((place, one) for place, one in records if one.customer is not None):
            named = {account_named(record, key) for key in self._keys}
            self.placed.add(place[:6], record, sorted(one for one in named if one is not None))

    def close(self) -> None:
        """See TopicReading."""
        super().close()
        self.placed.close()
