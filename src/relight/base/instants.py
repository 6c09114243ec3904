"""Instants: int microseconds since 1970 UTC, and the wall clock of a zone (V3).

A local time that does not exist (spring) moves forward by the gap; one that happens twice (autumn) means the first.
No clock is read here.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

#: Before every instant the product can meet (µs).
INSTANT_MIN = -(2**62)
#: After every instant the product can meet (µs).
INSTANT_MAX = 2**62

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
#: A noon that every zone's calendar knows, at the beginning and the end of the calendar; 9999-12-31 means "never" to
#: many a database, and the wall clock of some zones would show the year 10000.
_FIRST_NOON = dt.datetime(1, 1, 2, 12, tzinfo=dt.UTC)
_LAST_NOON = dt.datetime(9999, 12, 30, 12, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


@lru_cache(maxsize=1)
def _packed_zones() -> frozenset[str]:
    """Return the zones of the tzdata package: one list, while the system's are a walk through its folders."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="ascii").split())


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def is_zone(name: str) -> bool:
    """Return whether `name` is a zone of the tz database."""
    return name in _packed_zones() or name in _zone_names()


@lru_cache(maxsize=1024)
def zone_info(name: str) -> ZoneInfo:
    """Return the zone; raises ZoneInfoNotFoundError for a name that `is_zone` refuses."""
    return ZoneInfo(name)


def to_instant(moment: dt.datetime) -> int:
    """Return the instant of an aware datetime in µs; raises ValueError for a naive one."""
    if moment.tzinfo is None:
        message = "a naive time has no instant; give its zone"
        raise ValueError(message)
    return (moment - _EPOCH) // _MICROSECOND


def to_utc(instant: int) -> dt.datetime:
    """Return the aware UTC datetime of an instant."""
    seconds, rest = divmod(instant, SECOND)  # a length of seconds is made twice as fast as one of µs alone
    return _EPOCH + dt.timedelta(0, seconds, rest)


def to_local(instant: int, zone: str) -> dt.datetime:
    """Return the aware wall clock of an instant in a zone; beyond the calendar, its first or last noon."""
    try:
        return to_utc(instant).astimezone(zone_info(zone))
    except OverflowError:
        return (_FIRST_NOON if instant < 0 else _LAST_NOON).astimezone(zone_info(zone))


def from_local(naive: dt.datetime, zone: str) -> int:
    """Return the instant of a wall clock by V3: a missing time moves forward, a doubled one means the first."""
    return to_instant(naive.replace(tzinfo=zone_info(zone), fold=0).astimezone(dt.UTC))


def local_day(instant: int, zone: str) -> int:
    """Return the local calendar day of an instant as a proleptic ordinal."""
    return to_local(instant, zone).toordinal()


def day_start(day: dt.date, zone: str) -> int:
    """Return the instant at which a local calendar day begins; at the calendar's ends, a noon beside it."""
    try:
        return from_local(dt.datetime.combine(day, dt.time()), zone)
    except OverflowError:
        return to_instant(_FIRST_NOON if day.year == 1 else _LAST_NOON)


def ceil_minute(instant: int) -> int:
    """Return the first whole minute at or after an instant."""
    return -(-instant // MINUTE) * MINUTE


def format_instant(instant: int, zone: str = "UTC") -> str:
    """Return `2026-03-01 09:00:00 Europe/Istanbul`, with microseconds only where there are any."""
    local = to_local(instant, zone)
    text = local.strftime("%Y-%m-%d %H:%M:%S")
    if local.microsecond:
        text += f".{local.microsecond:06d}"
    return f"{text} {zone}"


def iso_utc(instant: int) -> str:
    """Return ISO 8601 in UTC, ending in Z."""
    return to_utc(instant).isoformat().replace("+00:00", "Z")
