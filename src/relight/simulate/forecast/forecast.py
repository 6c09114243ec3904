"""The recorded days again under another plan: the engine as it stood then, the plan in force from there, all that came.

It is the same code as live, so a run of those events under that plan writes the same rows (I9).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.base.instants import DAY, HOUR
from relight.engine.accounts import OF_ACCOUNTS
from relight.engine.daily import Days
from relight.engine.engine import Engine
from relight.messages.reasons import RowState
from relight.rules.plan import MessageClass, message_class_of
from relight.simulate.from_log import take_log
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Control

if TYPE_CHECKING:
    from relight.config.settings import Budget
    from relight.engine.daily import DayMaker
    from relight.messages.ledger import LedgerRow
    from relight.rules.plan import Plan
    from relight.streams.envelope import Record

#: Days that a forecast looks back unless told otherwise.
DAYS_DEFAULT = 30
#: Time in which the most messages of one customer are counted where the budget names none (µs).
CUSTOMER_WINDOW_DEFAULT = 30 * DAY


@dataclass(slots=True, kw_only=True)
class RuleForecast:
    """What one rule would have done."""

    sent: int = 0
    people: int = 0
    held_out: int = 0
    #: reason -> how often; of rows and of what gets none (R6).
    not_sent: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Forecast:
    """What a plan would have done in the recorded days."""

    #: µs; the plan is in force from the first, and time comes to the second.
    since: int
    until: int
    rules: dict[str, RuleForecast] = field(default_factory=dict)
    #: Most messages of one customer in `window` (µs), and whose.
    window: int = CUSTOMER_WINDOW_DEFAULT
    most: int = 0
    most_of: str = ""
    #: The hour with the most messages, as its first instant (µs), and how many.
    heaviest_hour: int | None = None
    heaviest: int = 0
    #: Rows decided from `since` on.
    rows: Sequence[LedgerRow] = ()

    @property
    def sent(self) -> int:
        """Messages in all."""
        return sum(rule.sent for rule in self.rules.values())


def run_again(  # noqa: PLR0913 - one run, by keyword
    *,
    plans: Iterable[Plan],
    log: Iterable[Record],
    plan: Plan,
    since: int,
    reached: int,
    on_progress: Callable[[Engine], None] | None = None,
    day_maker: DayMaker | None = None,
) -> Engine:
    """Return an engine that decided a log as it was up to `since`, and from there on under `plan`.

    Args:
        plans: every version that the log names.
        log: a store's log.
        plan: in force from `since` on; plan records and gaps of the log from there on are left out.
        since: µs; no later than `reached`.
        reached: how far time had come (µs): all j < reached are judged.
        on_progress: called after each batch.
        day_maker: makes what each local day from `since` on begins with, in the place of what the log holds of it.
    """
    engine = Engine(MemoryStore(), cached_profiles=2**31)
    if day_maker is not None:
        engine.days = Days(maker=day_maker, done=since - 1)
    for one in plans:
        engine.world.register(one)
    engine.world.register(plan)
    left_out = OF_ACCOUNTS | {"plan", "gap"} | ({"measures"} if day_maker is not None else set())
    take_log(engine, _with_plan(log, plan, since, left_out), on_progress)
    engine.advance(reached)
    return engine


def _with_plan(log: Iterable[Record], plan: Plan, since: int, left_out: frozenset[str]) -> Iterator[Record]:
    in_force, has_begun = "", False
    for record in log:
        is_own = isinstance(record, Control) and record.kind in left_out
        if not has_begun and record.ingest_time >= since:
            has_begun = True
            if in_force != plan.version:
                yield Control(kind="plan", ingest_time=since, subject=plan.version)
        if is_own and has_begun:
            continue
        if isinstance(record, Control) and record.kind == "plan":
            in_force = record.subject
        yield record
    if not has_begun and in_force != plan.version:
        yield Control(kind="plan", ingest_time=since, subject=plan.version)


def forecast_of(engine: Engine, *, since: int, window: int = CUSTOMER_WINDOW_DEFAULT) -> Forecast:
    """Return the figures of what an engine decided from an instant on."""
    plan = engine.plan
    assert plan is not None
    found = Forecast(since=since, until=engine.progress.reached, window=window)
    found.rows = list(engine.store.ledger(since=since))
    people: dict[str, set[str]] = {}
    leaving: dict[str, list[int]] = {}
    hours: Counter[int] = Counter()
    for row in found.rows:
        rule = found.rules.setdefault(row.rule, RuleForecast())
        if row.state is RowState.PENDING and _is_to_customer(plan, row):
            rule.sent += 1
            people.setdefault(row.rule, set()).add(row.customer)
            at = row.judged if row.scheduled is None else row.scheduled
            leaving.setdefault(row.customer, []).append(at)
            hours[at // HOUR] += 1
        elif row.state is RowState.HELD_OUT:
            rule.held_out += 1
        elif row.reason is not None:
            rule.not_sent[row.reason] += 1
    for name, rule in found.rules.items():
        rule.people = len(people.get(name, ()))
    for customer, times in leaving.items():
        most = most_within(times, window)
        if most > found.most:
            found.most, found.most_of = most, customer
    if hours:
        hour, found.heaviest = max(hours.items(), key=lambda pair: (pair[1], -pair[0]))
        found.heaviest_hour = hour * HOUR
    return found


def _is_to_customer(plan: Plan, row: LedgerRow) -> bool:
    rule = plan.rules.get(row.rule)
    step = rule.program.steps.get(row.step) if rule is not None else None
    return rule is None or step is None or message_class_of(rule, step) is not MessageClass.INTERNAL


def most_within(times: Iterable[int], window: int) -> int:
    """Return the most of some instants (µs) that lie within any span of `window` µs, its end left out."""
    ordered = sorted(times)
    most = first = 0
    for place, at in enumerate(ordered):
        while ordered[first] <= at - window:
            first += 1
        most = max(most, place - first + 1)
    return most


def over_budget(found: Forecast, budget: Budget) -> list[str]:
    """Return a sentence for each limit of the budget that a forecast exceeds."""
    told = []
    if budget.per_customer is not None and found.most > budget.per_customer[0]:
        most, window = budget.per_customer
        told.append(f"{found.most_of} would get {found.most} messages in {window / DAY:g} days; the budget is {most}")
    if budget.per_hour is not None and found.heaviest > budget.per_hour:
        told.append(f"the heaviest hour would have {found.heaviest:,} messages; the budget is {budget.per_hour:,}")
    return told
