"""What each local day begins with on a cluster: a worker makes it for its partitions, from the log of all of them.

Theory of operation. Measures such as a lifetime or a likelihood to buy again are of all customers, and a worker decides
on some. So each reads the log topic of every partition up to the beginning of a day (engine/log_copy), in the order of
the log, and computes what one machine computes from the same records; of the result it takes its own customers. Nothing
of it is kept: what a day brings is the difference between what is true now and what was true at the beginning before,
and both follow from the topic and from the plans in it. So a worker that folds the log again, or takes a partition
over, makes the same records.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight.base.instants import INSTANT_MIN, day_start, to_local
from relight.engine.daily import first_midnight, wanted_by
from relight.metrics.customer_values import CustomerMeasures, Value
from relight.metrics.daily import missed_target, period_end
from relight.metrics.whole_daily import WholeDays
from relight.streams.envelope import Control, Event
from relight.streams.target_events import TARGET_CUSTOMER, TARGET_MISSED, TARGET_STREAM
from relight.transports.log_pack import partition_of

if TYPE_CHECKING:
    from relight.config.loader import LoadedProject
    from relight.config.measure_plan import MeasurePlan
    from relight.engine.log_copy import LogCopy
    from relight.rules.plan import Plan
    from relight.stores.interface import Store

#: Beginnings whose values are kept: partitions of one worker come to the same day one after the other.
BEGINNINGS_KEPT_MAX = 4
#: Customer -> measure -> value.
Values = Mapping[str, Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class _Span:
    """How long a plan was in force."""

    begin: int
    #: When the next came, or the beginning that is made (µs).
    end: int
    #: The earliest instant at which a day can begin under it (µs): not one at which the plan before made one.
    earliest: int
    plan: Plan
    version: str


class ClusterMeasures:
    """Serves measures to the rules of one worker's partitions."""

    def __init__(self, copy: LogCopy, project_of: Callable[[str], LoadedProject], partitions: int) -> None:
        """Read nothing yet; project_of: the project of a plan version that the log names."""
        self._copy, self._project_of, self._partitions = copy, project_of, partitions
        self._version = ""
        self._customers: CustomerMeasures | None = None
        self._until = INSTANT_MIN
        self._kept: OrderedDict[tuple[str, tuple[str, ...], int], Values] = OrderedDict()
        #: Partitions that somebody makes days of: only of their customers values are kept.
        self._mine: set[int] = set()

    def maker_of(self, partition: int) -> PartitionDays:
        """Return who makes the days of one partition."""
        if partition not in self._mine:
            self._mine.add(partition)
            self._kept.clear()
        return PartitionDays(self, partition)

    def of_everybody(self) -> WholeDays:
        """Return who makes the days of all partitions."""
        return WholeDays(self.plan_of, self.log_until)

    def plan_of(self, version: str) -> Plan:
        """Return the plan of a version."""
        plan = self._project_of(version).plan
        assert plan is not None
        return plan

    def log_until(self, version: str, now: int) -> CustomerMeasures:
        """Return the measures that a version declares, read up to an instant (µs) or further."""
        if self._customers is None or self._version != version:
            plan = self._project_of(version).measures
            assert plan is not None
            self._version, self._customers, self._until = version, CustomerMeasures(plan), INSTANT_MIN
        if self._until < now:
            log = self._customers.log
            for record in self._copy.between(self._until, now):
                log.take(record)
            log.settle()
            self._until = now
        return self._customers

    def values(self, version: str, names: Collection[str], now: int) -> Values:
        """Return the values at a beginning (µs) of the customers of this worker's partitions, or of more."""
        key = (version, tuple(sorted(names)), now)
        if key not in self._kept:
            found = self.log_until(version, now).values(key[1], now)
            self._kept[key] = {who: told for who, told in found.items() if self.partition_of(who) in self._mine}
            while len(self._kept) > BEGINNINGS_KEPT_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def partition_of(self, customer: str) -> int:
        """Return the partition of a customer."""
        return partition_of(customer, self._partitions)

    def forget(self) -> None:
        """Begin anew: what was read last may not have been read whole."""
        self._customers = None
        self._kept.clear()


class PartitionDays:
    """Makes the records of a beginning for one partition; a `DayMaker`."""

    def __init__(self, measures: ClusterMeasures, partition: int) -> None:
        """Make for the customers of a partition."""
        self._measures, self._partition = measures, partition

    def __call__(self, store: Store, names: Collection[str], now: int) -> Iterator[Control | Event]:
        """Yield the control records of the partition's customers whose measures changed, then missed targets."""
        spans = list(self._spans(store, now))
        wanted = sorted(name for name in names if name != TARGET_MISSED)
        served = self._served(spans, wanted, now)
        found = self._measures.values(spans[-1].version, wanted, now) if wanted else {}
        for customer in sorted({*found, *served}):
            if self._measures.partition_of(customer) != self._partition:
                continue
            told, new = served.get(customer, {}), found.get(customer, {})
            changed = {name: new.get(name) for name in wanted if new.get(name) != told.get(name)}
            if changed:
                yield Control(kind="measures", ingest_time=now, customer=customer, detail=dict(changed))
        if TARGET_MISSED in names and self._measures.partition_of(TARGET_CUSTOMER) == self._partition:
            yield from self._missed(store, spans, now)

    def forget(self) -> None:
        """Read the log from its beginning at the next call."""
        self._measures.forget()

    def _spans(self, store: Store, now: int) -> Iterator[_Span]:
        """Yield which plans were in force until `now`, oldest first, as the log of the partition has it."""
        told = [
            (r.ingest_time, r.subject) for _, r in store.global_log() if isinstance(r, Control) and r.kind == "plan"
        ]
        ends = [at for at, _ in told[1:]] + [now]
        is_made = False
        for (at, version), end in zip(told, ends, strict=True):
            plan = self._measures.plan_of(version)
            yield _Span(at, end, at + is_made, plan, version)
            is_made = bool(wanted_by(plan))

    def _served(self, spans: list[_Span], wanted: Iterable[str], now: int) -> dict[str, dict[str, Value]]:
        """Return what customers were last told of each measure: its values at the last beginning that made it."""
        found: dict[str, dict[str, Value]] = {}
        made: dict[tuple[str, int], list[str]] = {}
        for name in wanted:
            last = _last_made(spans, name, now)
            if last is not None:
                made.setdefault(last, []).append(name)
        for (version, at), names in made.items():
            plan = next(one.plan for one in spans if one.version == version)
            # With all that it made then, so that the values of yesterday are those that were computed then.
            values = self._measures.values(version, wanted_by(plan) - {TARGET_MISSED}, at)
            for customer, told in values.items():
                found.setdefault(customer, {}).update({name: told[name] for name in names if name in told})
        return found

    def _missed(self, store: Store, spans: list[_Span], now: int) -> Iterator[Event]:
        """Yield an event for each target missed in a period that was over since the last beginning that looked."""
        before = _last_made(spans, TARGET_MISSED, now)
        log = self._measures.log_until(spans[-1].version, now).log
        plan: MeasurePlan = log.plan
        for target in plan.targets.values():
            end = period_end(plan, target, now)
            if target.done is not None or (before is not None and end <= before[1]):
                continue
            event = missed_target(log, target, end, now)
            if event is not None and store.find_known([(TARGET_STREAM, TARGET_CUSTOMER, event.id)]) == [None]:
                yield event


def _last_made(spans: list[_Span], name: str, now: int) -> tuple[str, int] | None:
    """Return (version, instant in µs) of the last beginning before `now` that brought a measure; None for none.

    There are no gaps in a cluster's log: its time stands while nothing runs.
    """
    done = now
    for span in reversed(spans):
        if name in wanted_by(span.plan):
            zone = span.plan.policy.zone
            start = day_start(to_local(min(span.end, done - 1), zone).date(), zone)
            if start >= first_midnight(span.earliest, zone):
                return span.version, start
        done = min(done, span.begin + 1)
    return None
