"""What a condition reads of time: now, today, the customer's wall clock; and calculations with days and durations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any

from relight.base.durations import Span, shift_months
from relight.base.instants import DAY, day_start, to_local
from relight.base.kinds import UNKNOWN, Kind
from relight.rules.conditions.types import Shade, Type
from relight.streams.expressions.closures import Evaluator, apply_known, calculate, divide

#: Days whose local midnight is remembered.
_MIDNIGHTS_KEPT = 4_096


def view_reader(name: str) -> Evaluator:
    """Return the closure of `now`, `today`, `local_time`, `first_seen`, `threshold`, `arm` or `milestone`."""
    return _VIEWS[name]


def _read_today(reading: Any) -> Any:
    reading.note_midnight()
    return to_local(reading.at, reading.zone).date()


def _read_local_time(reading: Any) -> Any:
    reading.note_midnight()
    local = to_local(reading.at, reading.zone)
    return local.hour * 60 + local.minute


def _extra(name: str) -> Evaluator:
    def evaluate(reading: Any) -> Any:
        value = getattr(reading, name)
        return UNKNOWN if value is None else value

    return evaluate


_VIEWS: dict[str, Evaluator] = {
    "now": lambda reading: reading.at,
    "today": _read_today,
    "local_time": _read_local_time,
    "first_seen": _extra("first_seen"),
    "threshold": _extra("threshold"),
    "arm": _extra("arm"),
    "milestone": _extra("milestone"),
}

_midnight = lru_cache(maxsize=_MIDNIGHTS_KEPT)(day_start)


def day_as_instant(day: Evaluator) -> Evaluator:
    """Return the instant at which a local day begins for the customer, in µs."""

    def evaluate(reading: Any) -> Any:
        value = day(reading)
        return value if value is UNKNOWN else _midnight(value, reading.zone)

    return evaluate


# ---------------------------------------------------------------- calculations
def arithmetic_of(sign: str, left: tuple[Type, Evaluator], right: tuple[Type, Evaluator]) -> Evaluator:
    """Return the calculation of two typed operands; what has no result (division by 0, year 10000) is UNKNOWN."""
    (left_type, left_value), (right_type, right_value) = left, right
    kinds = (left_type.kind, right_type.kind)
    if sign == "+" and kinds in {(Kind.DURATION, Kind.TIME), (Kind.DURATION, Kind.DATE)}:
        return arithmetic_of(sign, right, left)
    if Shade.CALENDAR is right_type.shade:
        return _add_months(sign, left, right_value)
    if kinds == (Kind.DATE, Kind.DURATION):
        return apply_known(_DAY_MOVES[sign], left_value, right_value)
    if kinds == (Kind.DATE, Kind.DATE):
        return apply_known(lambda first, second: (first - second).days * DAY, left_value, right_value)
    if kinds == (Kind.TIME, Kind.DATE):
        return calculate(sign, left_value, day_as_instant(right_value))
    if kinds == (Kind.DATE, Kind.TIME):
        return calculate(sign, day_as_instant(left_value), right_value)
    if Kind.DURATION in kinds and sign in {"*", "/"} and kinds != (Kind.DURATION, Kind.DURATION):
        return apply_known(_scale if sign == "*" else _shrink, left_value, right_value)
    return calculate(sign, left_value, right_value)


_DAY_MOVES: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda day, length: day + dt.timedelta(days=length // DAY),
    "-": lambda day, length: day - dt.timedelta(days=length // DAY),
}


def _scale(first: Any, second: Any) -> Any:
    """Return a duration times a number in whole µs, half to even."""
    return int((Decimal(first) * second).to_integral_value(ROUND_HALF_EVEN))


def _shrink(length: Any, number: Any) -> Any:
    found = divide(length, number)
    return found if found is UNKNOWN else int(found.to_integral_value(ROUND_HALF_EVEN))


def _add_months(sign: str, moved: tuple[Type, Evaluator], length: Evaluator) -> Evaluator:
    kind, value = moved
    direction = 1 if sign == "+" else -1

    def move_time(reading: Any) -> Any:
        instant, span = value(reading), length(reading)
        if instant is UNKNOWN:
            return UNKNOWN
        try:
            moved_to = shift_months(instant, direction * span.months, reading.zone)
        except (ValueError, OverflowError):
            return UNKNOWN
        return moved_to + direction * span.elapsed

    return move_time if kind.kind is Kind.TIME else apply_known(_day_mover(sign), value, length)


def _day_mover(sign: str) -> Callable[[Any, Any], Any]:
    def move(day: dt.date, span: Span) -> Any:
        direction = 1 if sign == "+" else -1
        noon = shift_months(day_start(day, "UTC"), direction * span.months, "UTC") + direction * span.elapsed
        return to_local(noon, "UTC").date()

    return move
