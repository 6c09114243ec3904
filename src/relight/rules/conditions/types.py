"""The types of the condition language: a kind, with what two values of it need to be compared. Knows no names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relight.base.kinds import NUMBER_KINDS, TEXT_KINDS, Kind
from relight.streams.schema import PropertyType


class Shade(StrEnum):
    """What is special about a value of its kind."""

    PLAIN = ""
    #: A duration of months: a Span, whose length depends on when it begins.
    CALENDAR = "calendar"
    #: A time of day: the minute of the day.
    CLOCK = "clock"
    #: An integer that counts days; compares with `7 days` too.
    DAYS = "days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """What a value is."""

    kind: Kind
    shade: Shade = Shade.PLAIN
    #: Allowed values of a text; empty allows all.
    values: tuple[str, ...] = ()
    #: Kind of a list's members; None where it is not known.
    item: Kind | None = None

    def __str__(self) -> str:
        """Return the words for it in a sentence: `a duration`, `money`."""
        if self.shade is Shade.CALENDAR:
            return "a duration in months"
        if self.shade is Shade.CLOCK:
            return "a time of day"
        return _WORDS[self.kind]

    @property
    def is_number(self) -> bool:
        """Return whether it counts as a number."""
        return self.kind in NUMBER_KINDS

    @property
    def is_text(self) -> bool:
        """Return whether its values are str."""
        return self.kind in TEXT_KINDS

    @property
    def is_elapsed(self) -> bool:
        """Return whether it is a duration of fixed length, in µs."""
        return self.kind is Kind.DURATION and self.shade is Shade.PLAIN


_WORDS = {
    Kind.TEXT: "text",
    Kind.INTEGER: "an integer",
    Kind.NUMBER: "a number",
    Kind.MONEY: "money",
    Kind.BOOLEAN: "true or false",
    Kind.TIME: "a time",
    Kind.DATE: "a date",
    Kind.DURATION: "a duration",
    Kind.EMAIL: "an email address",
    Kind.URL: "a URL",
    Kind.TIMEZONE: "a time zone",
    Kind.LOCALE: "a locale",
    Kind.LIST: "a list",
}

TEXT = Type(kind=Kind.TEXT)
INTEGER = Type(kind=Kind.INTEGER)
NUMBER = Type(kind=Kind.NUMBER)
MONEY = Type(kind=Kind.MONEY)
BOOLEAN = Type(kind=Kind.BOOLEAN)
TIME = Type(kind=Kind.TIME)
DATE = Type(kind=Kind.DATE)
DURATION = Type(kind=Kind.DURATION)
CALENDAR = Type(kind=Kind.DURATION, shade=Shade.CALENDAR)
CLOCK = Type(kind=Kind.TIME, shade=Shade.CLOCK)
DAYS = Type(kind=Kind.INTEGER, shade=Shade.DAYS)


def property_type(declared: PropertyType) -> Type:
    """Return the type of a declared property or trait."""
    return Type(kind=declared.kind, values=declared.values)


def is_comparable(left: Type, right: Type) -> bool:
    """Return whether `==` between the two can be answered."""
    if Shade.CALENDAR in {left.shade, right.shade}:
        return False
    if left.is_number and right.is_number:
        return True
    if left.is_text and right.is_text:
        return True
    if left.kind is Kind.LIST or right.kind is Kind.LIST:
        return False
    if Shade.CLOCK in {left.shade, right.shade}:
        return left.shade is right.shade
    if left.kind is right.kind:
        return True
    return {left.kind, right.kind} == {Kind.TIME, Kind.DATE}


def has_order(kind: Type) -> bool:
    """Return whether `<` between two of them can be answered."""
    return kind.is_number or kind.kind in {Kind.TIME, Kind.DATE, Kind.DURATION}


def fits(found: Type, wanted: Kind) -> bool:
    """Return whether a value of type `found` serves where `wanted` is asked for."""
    if found.shade in {Shade.CALENDAR, Shade.CLOCK}:
        return False
    if wanted is Kind.NUMBER or wanted is Kind.MONEY:
        return found.is_number
    if wanted is Kind.TEXT:
        return found.is_text
    return found.kind is wanted or (wanted is Kind.TIME and found.kind is Kind.DATE)
