"""The first allowed minute, found by jumps: equal to a scan of every minute, in every zone and on every odd day."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relight.base.instants import HOUR, MINUTE, ceil_minute, from_local, to_local
from relight.base.problems import Place
from relight.messages.quiet_hours import first_allowed_minute, is_quiet
from relight.rules.plan import SendWindow, Step, StepKind

#: Zone and a local time on the day before its clock does something odd.
ODD = [
    ("America/New_York", "2026-03-07 18:00"),
    ("America/New_York", "2026-10-31 18:00"),
    ("Europe/Berlin", "2026-03-28 18:00"),
    ("Europe/Istanbul", "2016-09-06 18:00"),
    ("Australia/Lord_Howe", "2026-04-04 18:00"),
    ("Australia/Lord_Howe", "2026-10-03 18:00"),
    ("Pacific/Apia", "2011-12-29 12:00"),
    ("Asia/Kathmandu", "2026-01-01 00:00"),
    ("Africa/Casablanca", "2026-02-14 18:00"),
]
CLOCK = st.integers(0, 1439)
QUIET = st.none() | st.tuples(CLOCK, CLOCK).filter(lambda pair: pair[0] != pair[1])


def step(at: int | None = None, window: SendWindow | None = None) -> Step:
    return Step(id="s", kind=StepKind.SEND, next=None, place=Place(file="r"), at_minute=at, send_window=window)


def scanned(instant: int, zone: str, quiet: tuple[int, int] | None, window: SendWindow | None) -> int | None:
    """Look at every minute of the next days."""
    at = ceil_minute(instant)
    for _ in range(8 * 1440):
        local = to_local(at, zone)
        inside = window is None or (
            local.weekday() in window.weekdays and window.start <= local.hour * 60 + local.minute < window.end
        )
        if inside and not is_quiet(at, zone, quiet):
            return at
        at += MINUTE
    return None


@settings(max_examples=120)
@given(odd=st.sampled_from(ODD), after=st.integers(0, 60 * HOUR), quiet=QUIET)
def test_jumps_equal_a_scan_of_every_minute(odd: tuple[str, str], after: int, quiet: tuple[int, int] | None) -> None:
    """G3, I12: quiet is a property of an instant's wall clock; the first allowed minute by jumps is that of a scan."""
    zone, before = odd
    instant = from_local(dt.datetime.fromisoformat(before), zone) + after
    found = first_allowed_minute(instant, zone, quiet, past_gaps=lambda at: at)
    assert found == scanned(instant, zone, quiet, None)


@settings(max_examples=60)
@given(
    odd=st.sampled_from(ODD),
    after=st.integers(0, 60 * HOUR),
    start=st.integers(0, 1400),
    length=st.integers(1, 700),
    days=st.sets(st.integers(0, 6), min_size=2),
)
def test_send_windows_equal_a_scan_of_every_minute(
    odd: tuple[str, str], after: int, start: int, length: int, days: set[int]
) -> None:
    """G1, I12: inside the send window, by jumps as by a scan."""
    zone, before = odd
    window = SendWindow(weekdays=frozenset(days), start=start, end=min(start + length, 1440))
    instant = from_local(dt.datetime.fromisoformat(before), zone) + after
    expected = scanned(instant, zone, None, window)
    if expected is not None:
        assert first_allowed_minute(instant, zone, None, past_gaps=lambda at: at, step=step(window=window)) == expected


@pytest.mark.parametrize(
    ("zone", "now", "quiet", "leaves"),
    [
        ("Europe/Istanbul", "2026-01-05 22:00", (21 * 60, 9 * 60), "2026-01-06 09:00"),
        ("Europe/Istanbul", "2026-01-05 09:00", (21 * 60, 9 * 60), "2026-01-05 09:00"),
        ("Europe/Istanbul", "2026-01-05 20:59", (21 * 60, 9 * 60), "2026-01-05 20:59"),
        ("America/New_York", "2026-03-08 01:00", (60, 150), "2026-03-08 03:00"),
        ("America/New_York", "2026-11-01 00:30", (0, 90), "2026-11-01 01:30"),
        ("Pacific/Apia", "2011-12-29 22:00", (21 * 60, 9 * 60), "2011-12-31 09:00"),
    ],
)
def test_quiet_hours_end_on_the_wall_clock(zone: str, now: str, quiet: tuple[int, int], leaves: str) -> None:
    """G3: quiet until 02:30 in New York ends at 03:00 on the day that has no 02:30; Apia had no 30 December 2011."""
    instant = from_local(dt.datetime.fromisoformat(now), zone)
    found = first_allowed_minute(instant, zone, quiet, past_gaps=lambda at: at)
    assert to_local(found, zone).replace(tzinfo=None) == dt.datetime.fromisoformat(leaves)


def test_a_minute_inside_a_gap_moves_to_its_end() -> None:
    """G3: no message leaves while relight is down."""
    at = from_local(dt.datetime.fromisoformat("2026-01-05 10:00"), "UTC")
    found = first_allowed_minute(
        at, "UTC", None, past_gaps=lambda x: at + 90 * MINUTE + 1 if at <= x < at + 90 * MINUTE + 1 else x
    )
    assert found == at + 91 * MINUTE
