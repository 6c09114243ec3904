"""Times on the wire to instants (V3): ISO 8601, unix seconds and milliseconds, or a declared format.

A naive time is read in the stream's zone, else refused. No clock is read.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from relight.base.instants import HOUR, MINUTE, SECOND, from_local, to_instant
from relight.streams.refusals import RefusalError, show_value

#: Reads one value of one field; raises RefusalError.
TimeReader = Callable[[object], int]

#: Unix numbers from here on are milliseconds: 10^11 s would be the year 5138, 10^11 ms is 1973.
UNIX_MILLISECONDS_FROM = 10**11
#: The last second of the year 9999.
_UNIX_SECONDS_MAX = 253_402_300_799
_UTC = dt.UTC
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Length of `2026-03-01T09:00:00Z`.
_COMMON_LENGTH = 20
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,18}))?)?)?\s?(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_DIGITS = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_COMPACT_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_EXPECTED = "expected ISO 8601 such as 2026-03-01T09:00:00Z, or a unix time"
#: Texts of a declared format whose instants are kept: files of days repeat them.
_TEXTS_KEPT_MAX = 4096


def make_time_reader(zone: str | None, layout: str | None = None) -> TimeReader:
    """Return a reader of instants (µs): naive times are in `zone`, `layout` is strptime's, `unix` or `unix_ms`.

    The reader raises RefusalError with code `naive-time` or `bad-time`.
    """
    if layout in {"unix", "unix_ms"}:
        scale = SECOND if layout == "unix" else SECOND // 1000
        return lambda value: _unix(value, scale)
    if layout is not None:
        return _layout_reader(zone, layout)
    return _iso_reader(zone)


def _iso_reader(zone: str | None) -> TimeReader:
    parse = dt.datetime.fromisoformat

    def read(value: object) -> int:
        """Take the common form `2026-03-01T09:00:00[.ffffff]Z` by the fast parser, all others the long way."""
        if (
            type(value) is str
            and len(value) >= _COMMON_LENGTH
            and value[10] == "T"
            and value[16] == ":"
            and value[4] == "-"
        ):
            try:
                moment = parse(value)
            except ValueError:
                return _read_slowly(value, zone)
            if moment.tzinfo is _UTC and (value[19] == "Z" or value[20:21].isdecimal()):
                passed = moment - _EPOCH
                return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
        return _read_slowly(value, zone)

    return read


def _read_slowly(value: object, zone: str | None) -> int:
    if isinstance(value, str):
        return _text(value.strip(), zone)
    if isinstance(value, dt.datetime):
        return _resolve(value, zone, value)
    if isinstance(value, dt.date):
        return _resolve(dt.datetime.combine(value, dt.time()), zone, value)
    return _unix(value, None)


def _text(text: str, zone: str | None) -> int:
    found = _ISO.fullmatch(text)
    if found is None:
        if _DIGITS.fullmatch(text):
            return _unix(Decimal(text), None)
        raise RefusalError("bad-time", f"{show_value(text)} is no time, {_EXPECTED}")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    micro = int((fraction or "")[:6].ljust(6, "0"))
    try:
        naive = dt.datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro)  # noqa: DTZ001 -- its zone follows
        if offset is None:
            return _resolve(naive, zone, text)
        return to_instant(naive.replace(tzinfo=dt.UTC)) - _offset(offset)
    except ValueError:
        raise RefusalError("bad-time", f"{show_value(text)} names a day or a time of day that does not exist") from None


def _offset(text: str) -> int:
    if text in {"Z", "z", "UTC"}:
        return 0
    hours, minutes = int(text[1:3]), int(text[3:].removeprefix(":") or 0)
    dt.time(hours, minutes)  # refuses what is no time of day
    size = hours * HOUR + minutes * MINUTE
    return -size if text[0] == "-" else size


def _resolve(moment: dt.datetime, zone: str | None, whole: object) -> int:
    if moment.tzinfo is not None:
        return to_instant(moment)
    if zone is None:
        raise RefusalError(
            "naive-time", f"{show_value(whole)} names no zone; declare the stream's: `time: {{zone: …}}`"
        )
    try:
        return from_local(moment, zone)
    except (OverflowError, ValueError):
        raise RefusalError("bad-time", f"{show_value(whole)} lies outside the years 1 to 9999 in UTC") from None


def _unix(value: Any, scale: int | None) -> int:
    """Return the instant of a unix number; `scale` is µs a unit, None tells seconds from milliseconds by size."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise RefusalError("bad-time", f"{show_value(value)} is no time, {_EXPECTED}")
    if not isinstance(value, int):
        value = Decimal(str(value))
    if not Decimal(value).is_finite() or abs(value) > _UNIX_SECONDS_MAX * 1000:
        raise RefusalError("bad-time", f"{show_value(value)} is no unix time before the year 10000")
    if scale is None:
        if _COMPACT_DATE.fullmatch(str(value)):
            raise RefusalError(
                "bad-time",
                f'{show_value(value)} may be a date or a unix time; declare `format: "%Y%m%d"` or `format: unix`',
            )
        scale = SECOND // 1000 if abs(value) >= UNIX_MILLISECONDS_FROM else SECOND
    instant = value * scale if isinstance(value, int) else int(value * scale // 1)
    if abs(instant) > _UNIX_SECONDS_MAX * SECOND:
        raise RefusalError("bad-time", f"{show_value(value)} is no unix time before the year 10000")
    return instant


def _layout_reader(zone: str | None, layout: str) -> TimeReader:
    kept: dict[str, int] = {}

    def read(value: object) -> int:
        text = value.strip() if isinstance(value, str) else str(value)
        instant = kept.get(text)
        if instant is not None:
            return instant
        try:
            moment = dt.datetime.strptime(text, layout)  # noqa: DTZ007 -- a naive one gets the stream's zone
        except (ValueError, OverflowError):
            raise RefusalError("bad-time", f"{show_value(value)} does not have the declared format {layout}") from None
        instant = _resolve(moment, zone, text)
        if len(kept) >= _TEXTS_KEPT_MAX:
            kept.clear()
        kept[text] = instant
        return instant

    return read
