"""Numbers and periods as the reader's language writes them: `1,912`, `80.5 %`; in Turkish `1.912`, `%80,5`. Pure."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from relight.config.measure_kinds import Unit
from relight.engine.explain_telling import MONTHS
from relight.web.desk.texts import TEXTS
from relight.web.desk.times import day_text

#: From this amount on money is written without its hundredths.
_WHOLE_MONEY_MIN = 1_000
_HOURS_A_DAY: Final = 24
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MINUS: Final = "−"
#: Between a number and its unit: no line ends there.
_GAP: Final = "\N{NO-BREAK SPACE}"


def number_text(number: float, language: str, digits: int = 0) -> str:
    """Return a number with so many digits behind the point, thousands apart."""
    text = f"{number:,.{digits}f}".replace("-", _MINUS)
    if not text.strip("−0.,"):
        text = text.removeprefix(_MINUS)
    return text.translate({ord(","): ".", ord("."): ","}) if language == "tr" else text


def figure_in(value: float | None, unit: str, currency: str, language: str) -> str:
    """Return a figure with its unit; without one a whole number is written whole."""
    if value is None:
        return "–"
    match unit:
        case Unit.PERCENT:
            return percent_text(value, language)
        case Unit.MONEY:
            return f"{number_text(value, language, 0 if abs(value) >= _WHOLE_MONEY_MIN else 2)}{_GAP}{currency}"
        case Unit.COUNT:
            return number_text(value, language)
        case Unit.SCORE:
            return number_text(value, language, 1)
        case Unit.DAYS:
            return _days_text(value, language)
        case Unit.PERIODS:
            return f"{number_text(value, language, 2)}{_GAP}{TEXTS[language]['unit_periods']}"
        case _:
            return number_text(value, language, 0 if value == int(value) else 2)


def percent_text(value: float, language: str) -> str:
    """Return a share of 0 to 100 as `80.5 %`, in Turkish `%80,5`."""
    text = number_text(value, language, 1)
    return f"%{text}" if language == "tr" else f"{text}{_GAP}%"


def points_text(value: float | None, language: str, digits: int = 1) -> str:
    """Return a difference with its sign: `+1.2`, `−4.9`; `–` for None."""
    if value is None:
        return "–"
    text = number_text(value, language, digits)
    return text if text.startswith(_MINUS) or not text.strip("0.,") else f"+{text}"


def signed_percent_text(value: float, language: str) -> str:
    """Return a relative change: `+22.4 %`, in Turkish `+%22,4`."""
    text = points_text(value, language)
    if language != "tr":
        return f"{text}{_GAP}%"
    sign = text[0] if text[0] in "+−" else ""
    return f"{sign}%{text.removeprefix(sign)}"


def period_text(label: str | None, language: str) -> str:
    """Return the name of a period: `Sep 2026` for `2026-09`; quarters and years as they are, empty for None."""
    if not label:
        return ""
    month = _MONTH.fullmatch(label)
    if month is not None:
        return f"{MONTHS[language][int(month[2]) - 1]} {month[1]}"
    return day_text(dt.date.fromisoformat(label), language) if _DAY.fullmatch(label) else label


def _days_text(days: float, language: str) -> str:
    """Return a length in days; below one in hours, below an hour in minutes."""
    texts = TEXTS[language]
    hours = days * _HOURS_A_DAY
    if days >= 1:
        return f"{number_text(days, language, 1)}{_GAP}{texts['unit_days']}"
    if hours >= 1:
        return f"{number_text(hours, language)}{_GAP}{texts['unit_hours']}"
    return f"{number_text(hours * 60, language)}{_GAP}{texts['unit_minutes']}"
