"""Values on the wire to typed values in memory: one coercer for each kind. Knows nothing of rows.

Text that holds a number, a boolean or a list is read as one where such a kind is declared: CSV has only text, and exact
money travels as text in JSON.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from relight.base.durations import parse_span
from relight.base.instants import is_zone
from relight.base.kinds import Kind, Value
from relight.streams.refusals import show_value
from relight.streams.times import TimeReader

#: Reads one present value; raises ValueError with what was expected.
Coercer = Callable[[object], Value]

#: Digits a number may have, so that sums stay exact in 28-digit decimal arithmetic.
NUMBER_DIGITS_MAX = 24
#: Power of ten a number may not reach, either way.
NUMBER_EXPONENT_MAX = 24
#: Size an integer may not reach: 64 bits, signed.
INTEGER_END = 2**63
#: Longest email address in characters (RFC 3696).
EMAIL_LENGTH_MAX = 320
#: Entries of one list.
LIST_LENGTH_MAX = 1000

_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f<>,;]+@[^\s@\x00-\x1f\x7f<>,;]+")
_URL = re.compile(r"https?://[^\s\x00-\x1f\x7f<>\"]+", re.IGNORECASE)
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _text(value: object) -> str:
    if type(value) is str:
        if not value.isascii() and _SURROGATE.search(value):
            raise ValueError("text without half characters")
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < INTEGER_END:
        return str(value)
    if isinstance(value, Decimal | float) and not isinstance(value, bool):
        return str(_number(value))
    raise ValueError("text")


def _number(value: object) -> Decimal:
    if type(value) is Decimal:
        text = str(value)
        if len(text) < NUMBER_DIGITS_MAX and "E" not in text and value.is_finite():
            return value
    number = _as_decimal(value)
    if number is None or not number.is_finite():
        raise ValueError("a number")
    if number and (len(number.as_tuple().digits) > NUMBER_DIGITS_MAX or abs(number.adjusted()) > NUMBER_EXPONENT_MAX):
        raise ValueError(f"a number of at most {NUMBER_DIGITS_MAX} digits")
    return number or Decimal(0)


def _as_decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, Decimal) or (isinstance(value, int) and abs(value) < INTEGER_END):
        return Decimal(value)
    try:
        text = str(value).strip()
        return Decimal(text) if text.isascii() and "_" not in text else None
    except (InvalidOperation, ValueError):  # ValueError: an int of more digits than Python writes out
        return None


def _integer(value: object) -> int:
    if type(value) is not int:
        number = _number(value)
        if number != number.to_integral_value():
            raise ValueError("a whole number")
        value = int(number)
    if not -INTEGER_END < value < INTEGER_END:
        raise ValueError("a whole number of at most 64 bits")
    return value


def _boolean(value: object) -> bool:
    if type(value) is bool:
        return value
    truth = _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else None
    if truth is None:
        raise ValueError("true or false")
    return truth


def _date(value: object) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d(?:$|[T ])", value):
        try:
            return dt.date.fromisoformat(value[:10])
        except ValueError:
            pass
    raise ValueError("a date such as 2026-03-01")


def _duration(value: object) -> int:
    span = parse_span(value) if isinstance(value, str) else None
    if span is None or span.is_calendar:
        raise ValueError("an elapsed duration such as `3 days`")
    return span.elapsed


def _matcher(pattern: re.Pattern[str], expected: str, length_max: int) -> Coercer:
    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > length_max or pattern.fullmatch(value.strip()) is None:
            raise ValueError(expected)
        if not value.isascii() and _SURROGATE.search(value):
            raise ValueError(expected)
        return value.strip()

    return read


def _timezone(value: object) -> str:
    if not isinstance(value, str) or not is_zone(value):
        raise ValueError("a time zone such as Europe/Istanbul")
    return value


def _list(value: object) -> tuple[Value, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(";")]
    if not isinstance(value, list | tuple):
        raise ValueError("a list")  # noqa: TRY004 -- a coercer refuses with ValueError
    if len(value) > LIST_LENGTH_MAX:
        raise ValueError(f"a list of at most {LIST_LENGTH_MAX} entries")
    return tuple(_entry(entry) for entry in value)


def _entry(value: object) -> Value:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, Decimal | float):
        return _number(value)
    raise ValueError(f"a list of texts or numbers, without {show_value(value)}")


_COERCERS: dict[Kind, Coercer] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.MONEY: _number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DURATION: _duration,
    Kind.EMAIL: _matcher(_EMAIL, "an email address", EMAIL_LENGTH_MAX),
    Kind.URL: _matcher(_URL, "a web address that begins with http:// or https://", 2**13),
    Kind.TIMEZONE: _timezone,
    Kind.LOCALE: _matcher(_LOCALE, "a locale such as tr or en-GB", 35),
    Kind.LIST: _list,
}


def coercer_of(kind: Kind, values: tuple[str, ...], read_time: TimeReader) -> Coercer:
    """Return the coercer of a kind; `values` are the allowed texts (empty: any), `read_time` reads times."""
    if kind is Kind.TIME:
        return read_time
    base = _COERCERS[kind]
    if not values:
        return base
    allowed = frozenset(values)
    expected = "one of " + ", ".join(values)

    def read(value: object) -> Value:
        text = base(value)
        if text not in allowed:
            raise ValueError(expected)
        return text

    return read


def keep_value(value: object) -> Value | None:
    """Return a value of an undeclared event as it can be stored; None for null, objects and numbers too large."""
    try:
        return _list(value) if isinstance(value, list | tuple) else _entry(value)
    except ValueError:
        return None
