"""The types a property, a trait or a condition may have, and what their values are in memory."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

#: A value in memory: text kinds are str, integer int, number and money Decimal, time int (µs UTC), date datetime.date,
#: duration a `durations.Span`'s µs where elapsed, list a tuple, boolean bool.
Value: TypeAlias = "str | int | bool | Decimal | dt.date | tuple[Value, ...]"


class Kind(StrEnum):
    """The type of a value, by its name in YAML."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    BOOLEAN = "boolean"
    TIME = "time"
    DATE = "date"
    DURATION = "duration"
    EMAIL = "email"
    URL = "url"
    TIMEZONE = "timezone"
    LOCALE = "locale"
    LIST = "list"


#: Kinds whose values are str.
TEXT_KINDS = frozenset({Kind.TEXT, Kind.EMAIL, Kind.URL, Kind.TIMEZONE, Kind.LOCALE})
#: Kinds that add and compare as numbers.
NUMBER_KINDS = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.MONEY})


class Unknown:
    """The third truth value (R5): a missing trait is unknown, not false. There is one instance, UNKNOWN."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the word that explain prints."""
        return "unknown"

    def __bool__(self) -> bool:
        """Refuse to be taken for false by accident."""
        message = "UNKNOWN has no truth value; compare with `is True`"
        raise TypeError(message)

    def __reduce__(self) -> str:
        """Keep the instance single when copied or pickled."""
        return "UNKNOWN"


UNKNOWN = Unknown()


# Looked up as attributes of the class they would cost more than all the rest of reading a value back.
_NUMBER, _MONEY, _DATE, _LIST = Kind.NUMBER, Kind.MONEY, Kind.DATE, Kind.LIST

#: Kinds whose values encoders write as something else; all others come back as they were.
CHANGED_KINDS = frozenset({_NUMBER, _MONEY, _DATE, _LIST})


def revive_value(value: object, kind: Kind) -> Value:
    """Return a value read back from the log or a checkpoint in its memory form, given its declared kind.

    Encoders write Decimal and date as text and tuples as lists; everything else comes back as it was.
    """
    if kind is _NUMBER or kind is _MONEY:
        return value if isinstance(value, Decimal) else Decimal(str(value))
    if kind is _DATE:
        return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))
    if kind is _LIST and isinstance(value, list):
        return tuple(value)
    return value  # type: ignore[return-value]  # already of its kind: str, int, bool or tuple
