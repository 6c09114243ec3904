"""Figures as people read them: a value with its unit, and what a target asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.config.measure_kinds import Unit

if TYPE_CHECKING:
    from relight.config.measure_plan import Target

_HOURS_A_DAY = 24


def figure_text(value: float | None, unit: Unit, currency: str) -> str:
    """Return a value with its unit, for people."""
    if value is None:
        return "–"
    match unit:
        case Unit.PERCENT:
            return f"{value:.1f} %"
        case Unit.MONEY:
            return f"{value:,.2f} {currency}"
        case Unit.COUNT:
            return f"{value:,.0f}"
        case Unit.SCORE:
            return f"{value:.1f}"
        case Unit.DAYS:
            return _days_text(value)
        case Unit.PERIODS:
            return f"{value:,.2f} periods"
        case _:
            return f"{value:,.2f}"


def _days_text(days: float) -> str:
    """Return a length in days; below one in hours, below an hour in minutes."""
    hours = days * _HOURS_A_DAY
    if days >= 1 or days < 0:
        return f"{days:.1f} days"
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"


def goal_text(target: Target, unit: Unit, currency: str) -> str:
    """Return what a target asks: `below 3.0 % a quarter`."""
    if target.done is not None:
        return "done"
    if target.below is not None:
        return f"below {figure_text(target.below, unit, currency)} a {target.per}"
    return f"at least {figure_text(target.at_least, unit, currency)} a {target.per}"
