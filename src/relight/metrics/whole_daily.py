"""What each local day begins with for everybody, for workers that decide on people of other partitions, too.

Theory of operation. Such a worker takes somebody in with their past, and what days brought belongs to it. So it makes
every beginning since the first plan, in order and each once, for all customers; what changed stands in the log of its
temporary folder, at its place before everything else of that instant (engine/whole_log). All of it follows from the
topic and the plans in it: every worker makes the same, and whoever keeps somebody finds it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MIN
from relight.engine.daily import first_midnight, wanted_by
from relight.metrics.daily import missed_target, period_end
from relight.streams.envelope import Control
from relight.streams.target_events import TARGET_MISSED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from relight.engine.daily import Told
    from relight.metrics.customer_values import CustomerMeasures, Value
    from relight.rules.plan import Plan
    from relight.streams.envelope import Event, Record


class WholeDays:
    """The beginnings of days of a whole log."""

    def __init__(self, plan_of: Callable[[str], Plan], log_until: Callable[[str, int], CustomerMeasures]) -> None:
        """Stand before the first plan.

        plan_of: the plan of a version; log_until: what a version measures, read up to an instant (µs) or further.
        """
        self._plan_of, self._log_until = plan_of, log_until
        #: The last beginning that was made, and the last that looked at targets (µs).
        self._done = self._looked = INSTANT_MIN
        #: Customer -> measure -> the value that they were told last.
        self._told: dict[str, dict[str, Value]] = {}
        #: Ids of the events of missed targets that were told.
        self._missed: set[str] = set()

    def come_to(self, plans: Sequence[Told], until: int) -> Iterator[list[Record]]:
        """Yield what each beginning before an instant (µs) brings that was not made yet, in order.

        plans: those of the log up to there. Raises as `LogCopy.between`; then what was not yielded comes again.
        """
        while (begun := self._next(plans, until)) is not None:
            start, version = begun
            wanted = wanted_by(self._plan_of(version))
            brought: list[Record] = [*self._changed(version, wanted - {TARGET_MISSED}, start)]
            if TARGET_MISSED in wanted:
                brought += self._targets(version, start)
            self._done = start
            yield brought

    def _next(self, plans: Sequence[Told], until: int) -> tuple[int, str] | None:
        """Return the next beginning before an instant, and the version in force; None for none.

        Where a plan comes at a beginning, the plan before makes it.
        """
        ends = [*(at for at, _ in plans[1:]), until - 1]
        for (at, version), end in zip(plans, ends, strict=False):  # no end but the last where there is no plan
            plan = self._plan_of(version)
            start = first_midnight(max(at, self._done + 1), plan.policy.zone)
            if wanted_by(plan) and start <= end:
                return start, version
        return None

    def _changed(self, version: str, names: Collection[str], now: int) -> Iterator[Control]:
        if not names:
            return
        found = self._log_until(version, now).values(sorted(names), now)
        for customer in sorted({*found, *self._told}):
            told, new = self._told.setdefault(customer, {}), found.get(customer, {})
            changed = {name: new.get(name) for name in sorted(names) if new.get(name) != told.get(name)}
            if changed:
                told.update(changed)
                yield Control(kind="measures", ingest_time=now, customer=customer, detail=dict(changed))

    def _targets(self, version: str, now: int) -> Iterator[Event]:
        log = self._log_until(version, now).log
        before, self._looked = self._looked, now
        for target in log.plan.targets.values():
            end = period_end(log.plan, target, now)
            if target.done is not None or end <= before:
                continue
            event = missed_target(log, target, end, now)
            if event is not None and event.id not in self._missed:
                self._missed.add(event.id)
                yield event
