"""What local days brought a customer of any partition: a merge asks for it, as for the rest of their past (V4).

Made when somebody asks, for everybody and each beginning once, into a file of this process; it follows from the topic
and the plans in it, so every worker has the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.stores.own_logs import OwnLogs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from relight.engine.daily import DaysOfEverybody, Told
    from relight.stores.own_logs import Moment
    from relight.streams.envelope import Record


class DaysLog:
    """The records of days, by customer."""

    def __init__(self, days: DaysOfEverybody) -> None:
        """Make nothing yet."""
        self._days = days
        self._logs: OwnLogs | None = None

    def of(self, customer: str, plans: Sequence[Told], before: Moment) -> Iterable[tuple[Record, Moment]]:
        """Yield what days brought a customer before a moment, in order, each with its own; raises as `LogCopy.between`.

        plans: those of the log up to there.
        """
        at, source, _ = before
        until = at if source < 0 else at + 1
        self._logs = self._logs or OwnLogs()
        for brought in self._days.come_to([one for one in plans if one[0] < until], until):
            self._logs.add((record, -1, number) for number, record in enumerate(brought))
        return self._logs.of(customer, before=before)
