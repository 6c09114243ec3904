"""Reads a raw value of a row, as found in JSON or CSV, as a number, text, date or boolean. Knows no schema."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal, InvalidOperation
from typing import Any

from relight.base.kinds import UNKNOWN

#: Longest text of a field that is read as a number (characters).
NUMBER_LENGTH_MAX = 64


def to_number(value: object) -> Any:
    """Return the int or Decimal that a raw value is, or UNKNOWN."""
    if isinstance(value, bool):
        return UNKNOWN
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else UNKNOWN
    if isinstance(value, str):
        return _text_number(value)
    return value if isinstance(value, Decimal) and value.is_finite() else UNKNOWN


def _text_number(text: str) -> Any:
    if len(text) > NUMBER_LENGTH_MAX or "_" in text:
        return UNKNOWN
    try:
        number = Decimal(text)
    except InvalidOperation:
        return UNKNOWN
    return number if number.is_finite() else UNKNOWN


def to_date(value: object) -> Any:
    """Return the date that a raw value is, or UNKNOWN."""
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return UNKNOWN


def to_truth(value: object) -> Any:
    """Return the boolean that a raw value is, or UNKNOWN."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower(), UNKNOWN) if isinstance(value, str) else UNKNOWN


def to_text(value: object) -> Any:
    """Return the text that a raw value is, or UNKNOWN."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else UNKNOWN
