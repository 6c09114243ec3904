"""When a wait is over: elapsed, until a local time, until a trait's date, or the time-out of a wait_for (V3, E4)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

from relight.base.instants import day_start, from_local, to_local
from relight.messages.quiet_hours import window_start
from relight.rules.plan import StepKind

if TYPE_CHECKING:
    from relight.customers.profile import Entry
    from relight.decide.turn import Turn
    from relight.rules.plan import Step, Until


def wait_deadline(turn: Turn, entry: Entry, step: Step) -> int | None:
    """Return the instant (µs) at which the entry's wait is over; None when the step does not wait."""
    if step.kind is StepKind.WAIT:
        due = _wait_end(turn, entry, step)
    elif step.kind is StepKind.WAIT_FOR and step.up_to is not None:
        due = step.up_to.after(entry.entered, turn.zone)
    else:
        return None
    return due if entry.floor is None else max(due, entry.floor)


def _wait_end(turn: Turn, entry: Entry, step: Step) -> int:
    if step.span is not None:
        if not step.span.is_calendar:
            return entry.entered + step.span.elapsed
        return step.span.after(entry.entered, turn.zone)
    if step.until is not None:
        return next_local_time(entry.entered, step.until, turn.zone)
    if step.until_window is not None:
        return window_start(entry.entered, turn.zone, step.until_window)
    if step.until_expression is not None:
        until = step.until_expression.evaluate(turn.reading(entry=entry))
        if isinstance(until, dt.date):
            return max(day_start(until, turn.zone), entry.entered)
        if isinstance(until, int | Decimal):
            return max(int(until), entry.entered)
    # An unknown date waits for nothing: the step is over at once, and what follows says why it may not send.
    return entry.entered


def next_local_time(after: int, until: Until, zone: str) -> int:
    """Return the first such local time strictly after an instant (V3)."""
    day = to_local(after, zone).date() - dt.timedelta(days=1)
    for ahead in range(20):
        this = day + dt.timedelta(days=ahead)
        if until.weekday is None or this.weekday() == until.weekday:
            found = from_local(dt.datetime.combine(this, dt.time(until.minute // 60, until.minute % 60)), zone)
            if found > after:
                return found
    message = "no such local time within 20 days"
    raise AssertionError(message)
