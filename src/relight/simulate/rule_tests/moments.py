"""When something happens in a rule test: a length from the start, or a time; and how such an instant is told."""

from __future__ import annotations

import datetime as dt

from relight.base.durations import parse_span
from relight.base.instants import DAY, HOUR, MINUTE, SECOND, from_local, is_zone, to_instant, to_local

#: Wall clock at which a test starts that does not say when: a Monday morning.
START_DEFAULT = dt.datetime(2026, 1, 5, 10)  # noqa: DTZ001 - a wall clock; the project's zone is added to it


def read_time(text: str, zone: str) -> int | None:
    """Return the instant of `2026-03-01 09:00`, with an offset or a zone's name behind it; None where it is none."""
    words = text.strip()
    head, _, last = words.rpartition(" ")
    if head and is_zone(last):
        words, zone = head, last
    try:
        moment = dt.datetime.fromisoformat(words)
        return from_local(moment, zone) if moment.tzinfo is None else to_instant(moment)
    except (ValueError, OverflowError):
        return None


def read_moment(text: str, start: int, zone: str) -> int | None:
    """Return the instant of a length from the start (`3d`, `1d 12h`, `P3D`, `0`) or of a time; None for neither."""
    if text.strip() == "0":
        return start
    span = parse_span(text)
    return read_time(text, zone) if span is None else span.after(start, zone)


def since_start(instant: int, start: int) -> str:
    """Return how long after the start: `0d`, `30d`, `1d 12h`, `3d 5m`."""
    rest = abs(instant - start)
    parts = []
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if instant < start else "") + (" ".join(parts) or "0d")


def clock_of(instant: int, zone: str) -> str:
    """Return `2026-01-31 09:00 Europe/Istanbul`, with seconds only where there are any."""
    local = to_local(instant, zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {zone}" if local.second else f"{local:%Y-%m-%d %H:%M} {zone}"
