"""Times on the wire (V3)."""

import datetime as dt
from decimal import Decimal

import pytest

from relight.base.instants import SECOND, to_utc
from relight.streams.refusals import RefusalError
from relight.streams.times import make_time_reader

NINE = 1_772_355_600_000_000


@pytest.mark.parametrize(
    ("value", "after_nine"),
    [
        ("2026-03-01T09:00:00Z", 0),
        ("2026-03-01T09:00:00+00:00", 0),
        ("2026-03-01T09:00:00.5Z", 500_000),
        ("2026-03-01T09:00:00.123456Z", 123_456),
        ("2026-03-01T09:00:00.123456789Z", 123_456),
        ("2026-03-01T09:00:00,25Z", 250_000),
        ("2026-03-01 09:00:00Z", 0),
        ("2026-03-01 09:00:00 UTC", 0),
        ("2026-03-01T09:00Z", 0),
        ("2026-03-01T12:00:00+03:00", 0),
        ("2026-03-01T12:00:00.000001+0300", 1),
        ("2026-03-01T04:30:00-0430", 0),
        ("2026-03-01T10:00:00+01", 0),
        (" 2026-03-01T09:00:00Z ", 0),
        (NINE // SECOND, 0),
        (str(NINE // SECOND), 0),
        (NINE // 1000, 0),
        (Decimal("1772355600.25"), 250_000),
        (1772355600.25, 250_000),
        ("1772355600.000001", 1),
        (dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=3))), 0),
    ],
)
def test_forms(value: object, after_nine: int) -> None:
    """ISO 8601 with or without zone sign, and unix seconds and milliseconds, give the same instant."""
    assert make_time_reader(None)(value) == NINE + after_nine


@pytest.mark.parametrize(
    ("zone", "naive", "utc"),
    [
        ("Europe/Istanbul", "2026-03-01T12:00:00", "2026-03-01T09:00:00+00:00"),
        # Missing in spring: forward by the gap.
        ("America/New_York", "2024-03-10T02:30:00", "2024-03-10T07:30:00+00:00"),
        ("America/New_York", "2024-03-10T02:00:00", "2024-03-10T07:00:00+00:00"),
        # Doubled in autumn: the first.
        ("America/New_York", "2024-11-03T01:30:00", "2024-11-03T05:30:00+00:00"),
        ("Europe/Berlin", "2025-10-26T02:30:00", "2025-10-26T00:30:00+00:00"),
        # Samoa left out a whole day when it crossed the date line.
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00+00:00"),
        ("Pacific/Apia", "2011-12-31T12:00:00", "2011-12-30T22:00:00+00:00"),
        # A date alone is its midnight.
        ("UTC", "2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("Europe/Istanbul", "2026-03-01", "2026-02-28T21:00:00+00:00"),
    ],
)
def test_naive_in_zone(zone: str, naive: str, utc: str) -> None:
    """A naive time is read in the declared zone: a missing one moves forward, a doubled one means the first."""
    assert to_utc(make_time_reader(zone)(naive)).isoformat() == utc


def test_zone_does_not_move_aware_times() -> None:
    """The declared zone concerns naive times only."""
    assert make_time_reader("Europe/Istanbul")("2026-03-01T09:00:00Z") == NINE


@pytest.mark.parametrize("value", ["2026-03-01T09:00:00", "2026-03-01", "2026-03-01 09:00", dt.datetime(2026, 3, 1)])  # noqa: DTZ001
def test_naive_without_zone(value: object) -> None:
    """A naive time of a stream without a zone is refused as such."""
    with pytest.raises(RefusalError) as refused:
        make_time_reader(None)(value)
    assert refused.value.code == "naive-time"


@pytest.mark.parametrize(
    "value",
    [
        "", "yesterday", "2026-02-30T09:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T09:60:00Z", "2026-03-01T09:00:60Z",
        "2026-3-1T09:00:00Z", "2026-03-01T09:00:00+25:00", "2026-03-01T09:00:00.Z", "20260301T090000Z", "2026-W09-7",
        "２026-03-01T09:00:00Z", True, None, [], {}, float("nan"), float("inf"), Decimal("NaN"), Decimal("sNaN"),
        Decimal("1e400000"), 10**30, -(10**30), 1e300, "9" * 400, 20260301, "20260301", "0001-01-01T00:00:00",
    ],
)  # fmt: skip
def test_refused(value: object) -> None:
    """What is no time, or could mean two, is refused with a reason and never raises anything else."""
    with pytest.raises(RefusalError) as refused:
        make_time_reader("Asia/Tokyo")(value)
    assert refused.value.code == "bad-time"


@pytest.mark.parametrize(
    ("layout", "value", "utc"),
    [
        ("%m/%d/%Y", "1/9/2015", "2015-01-09T00:00:00+00:00"),
        ("%Y%m%d", "19970101", "1997-01-01T00:00:00+00:00"),
        ("%Y%m%d", 19970101, "1997-01-01T00:00:00+00:00"),
        ("%d.%m.%Y %H:%M %z", "01.03.2026 12:00 +0300", "2026-03-01T09:00:00+00:00"),
        ("unix", 20260301, "1970-08-23T11:51:41+00:00"),
        ("unix_ms", "1772355600000", "2026-03-01T09:00:00+00:00"),
    ],
)
def test_declared_format(layout: str, value: object, utc: str) -> None:
    """A declared format reads what ISO 8601 cannot say."""
    read = make_time_reader("UTC", layout)
    assert [to_utc(read(value)).isoformat() for _ in range(2)] == [utc, utc]


def test_declared_format_refuses_others() -> None:
    """With a declared format another form is refused, naming the format."""
    with pytest.raises(RefusalError, match="%m/%d/%Y"):
        make_time_reader("UTC", "%m/%d/%Y")("2015-01-09")
    with pytest.raises(RefusalError) as refused:
        make_time_reader(None, "%m/%d/%Y")("1/9/2015")
    assert refused.value.code == "naive-time"
