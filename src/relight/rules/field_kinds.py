"""How one value of a rule or config file is written: lengths of time, clock times, shares, caps, names, cron.

Each reader takes what stands in the file and returns its meaning, or says what was expected. Knows no places.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Annotated, Any

from cronsim import CronSim, CronSimError
from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from relight.base.durations import Span, parse_span
from relight.base.instants import is_zone
from relight.rules.local_times import DateText, parse_clock, parse_date_text, parse_send_window
from relight.rules.plan import Cap, SendWindow

_CAP = re.compile(r"(\d{1,6}) per (?:(day|week|month)|(.+))")
_BUDGET = re.compile(r"(\d{1,6}) in (.+)")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_EMAIL = re.compile(r"[^@\s<>,;\"]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z0-9-]{2,}")
_URL = re.compile(r"https?://[^\s<>\"]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MERSIS = re.compile(r"[0-9]{16}")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:/[A-Za-z0-9_][A-Za-z0-9_-]*)*")
_HUNDRED = Decimal(100)


def refusal(expected: str, help_text: str = "", *, code: str = "wrong-value") -> PydanticCustomError:
    """Return the error of a value: what was expected, and how to write it."""
    return PydanticCustomError(code, "{expected}", {"expected": expected, "help": help_text})


def _matching(pattern: re.Pattern[str], expected: str, example: str) -> BeforeValidator:
    def read(value: Any) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        raise refusal(expected, f"write it as {example}")

    return BeforeValidator(read)


def _read_span(value: Any) -> Span:
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return Span()
    if isinstance(value, str) and (span := parse_span(value)) is not None:
        return span
    more = f"write '{value} days' or another unit" if isinstance(value, int) else "write 30 days, 12 hours or 2 months"
    raise refusal("a length of time", more)


def _read_elapsed(value: Any) -> Span:
    span = _read_span(value)
    if span.is_calendar:
        raise refusal("a length of time in weeks, days, hours or minutes", "months differ in length; write 30 days")
    return span


def _read_clock(value: Any) -> int:
    minute = parse_clock(value) if isinstance(value, str) else None
    if minute is None:
        raise refusal("a time of day", 'write it as "09:00"')
    return minute


def _read_window(value: Any) -> SendWindow:
    window = parse_send_window(value) if isinstance(value, str) else None
    if window is None:
        raise refusal("weekdays and a time from and to", "write it as weekdays 09:00-18:00 or mon, wed 10:00-12:00")
    return window


def _read_share(value: Any) -> Decimal:
    if isinstance(value, str) and (found := _SHARE.fullmatch(value)):
        share = Decimal(found[1]) / _HUNDRED
        if share <= 1:
            return share
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value < 1:
        return Decimal(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and value > 0:
        raise refusal("a share of 0% to 100%", f"write {value}%")
    raise refusal("a share of 0% to 100%", "write it as 5%")


def _read_cap(value: Any) -> Cap:
    expected, example = "a cap", "write it as 1 per day or 3 per 7 days"
    found = _CAP.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise refusal(expected, example)
    if int(found[1]) == 0:
        raise refusal("a cap of at least 1", "to send nothing at all, write paused: true in the rules")
    if found[2]:
        return Cap(most=int(found[1]), window=None, calendar=found[2])
    span = parse_span(found[3])
    if span is None or span.elapsed == 0 or span.is_calendar:
        raise refusal(expected, f"{example}; of calendar units only day, week and month")
    return Cap(most=int(found[1]), window=span.elapsed)


def _read_budget(value: Any) -> Cap:
    found = _BUDGET.fullmatch(value) if isinstance(value, str) else None
    span = parse_span(found[2]) if found else None
    if found is None or span is None or span.elapsed == 0:
        raise refusal("a number of messages in a time", "write it as 4 in 30 days")
    return Cap(most=int(found[1]), window=span.longest)


def _read_condition(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value
    raise refusal("a condition", 'write it as plan == "pro" or count(order_placed, 30 days) >= 3')


def _read_cron(value: Any) -> str:
    try:
        if isinstance(value, str):
            next(CronSim(value, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)))
            return value
    except (CronSimError, StopIteration):
        pass
    raise refusal("a cron expression that comes true", 'write it as "0 9 * * MON": minute, hour, day, month, weekday')


def _read_zone(value: Any) -> str:
    if isinstance(value, str) and is_zone(value):
        return value
    raise refusal("a time zone", "write it as Europe/Istanbul")


def _read_date(value: Any) -> DateText:
    date = parse_date_text(value) if isinstance(value, str) else None
    if date is None:
        raise refusal("a date", "write it as 2026-03-01 or 2026-03-01 09:00")
    return date


def _number_to_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def one_or_list(value: Any) -> Any:
    """Return a list: what stands alone is its only member."""
    return value if isinstance(value, list) else [value]


def _shown(*examples: object, kinds: tuple[str, ...] = ("string",)) -> WithJsonSchema:
    """Return the JSON Schema of a value that is written as text (or a number) like the examples."""
    return WithJsonSchema({"type": list(kinds) if len(kinds) > 1 else kinds[0], "examples": list(examples)})


_LENGTH = ("string", "integer")
SpanField = Annotated[Span, PlainValidator(_read_span), _shown("30 days", "2 months", kinds=_LENGTH)]
ElapsedField = Annotated[Span, PlainValidator(_read_elapsed), _shown("30 days", "12 hours", kinds=_LENGTH)]
ClockField = Annotated[int, PlainValidator(_read_clock), _shown("09:00")]
WindowField = Annotated[SendWindow, PlainValidator(_read_window), _shown("weekdays 09:00-18:00")]
ShareField = Annotated[Decimal, PlainValidator(_read_share), _shown("5%", kinds=("string", "number"))]
CapField = Annotated[Cap, PlainValidator(_read_cap), _shown("1 per day", "3 per 7 days")]
BudgetField = Annotated[Cap, PlainValidator(_read_budget), _shown("4 in 30 days")]
ConditionField = Annotated[
    str,
    BeforeValidator(_read_condition),
    _shown('plan == "pro" and count(order_placed, 30 days) >= 3', kinds=("string", "boolean")),
]
#: An event, or an event with a filter: `order_placed where total > 100`.
PatternField = Annotated[str, BeforeValidator(_read_condition), _shown("order_placed where total > 100")]
CronField = Annotated[str, PlainValidator(_read_cron), _shown("0 9 * * MON")]
ZoneField = Annotated[str, BeforeValidator(_read_zone)]
DateField = Annotated[DateText, PlainValidator(_read_date), _shown("2026-03-01", "2026-03-01 09:00")]
CurrencyField = Annotated[str, _matching(_CURRENCY, "a currency code of three capitals", "TRY, EUR or USD")]
LocaleField = Annotated[str, _matching(_LOCALE, "a language code", "en, tr or pt-BR")]
EmailField = Annotated[str, _matching(_EMAIL, "an e-mail address", "hello@shop.example")]
MersisField = Annotated[str, _matching(_MERSIS, "a MERSİS number of 16 digits", '"0123456789012345", in quotes')]
UrlField = Annotated[str, _matching(_URL, "a web address", "https://shop.example")]
NameField = Annotated[str, _matching(_NAME, "a name of letters, digits and _", "order_placed")]
TemplateField = Annotated[str, _matching(_FOLDER, "the name of a folder in templates/", "winback or winback/first")]
#: Text, also where somebody wrote a number without quotes.
LooseText = Annotated[str, BeforeValidator(_number_to_text), _shown(2026, kinds=("string", "number"))]
Names = Annotated[
    list[NameField],
    BeforeValidator(one_or_list, json_schema_input_type=NameField | list[NameField]),
    Field(min_length=1),
]
