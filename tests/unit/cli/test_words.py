"""Times, tables, masks and streams on the command line."""

from __future__ import annotations

import json

import pytest

from relight.base.errors import UsageError
from relight.base.instants import DAY, from_local, to_utc
from relight.base.masking import mask_addresses
from relight.cli.output import count_of, say_json, table
from relight.cli.times import instant_of, instant_or_span


def test_a_time_without_an_offset_is_on_the_project_s_clock() -> None:
    """`2026-06-20T09:00` is nine in Istanbul, `…Z` is nine in Greenwich, a day is its midnight."""
    zone = "Europe/Istanbul"
    assert to_utc(instant_of("2026-06-20T09:00", zone, "--at")).isoformat() == "2026-06-20T06:00:00+00:00"
    assert to_utc(instant_of("2026-06-20T09:00Z", zone, "--at")).isoformat() == "2026-06-20T09:00:00+00:00"
    midnight = from_local(to_utc(instant_of("2026-06-20", "UTC", "--at")).replace(tzinfo=None), zone)
    assert instant_of("2026-06-20", zone, "--at") == midnight


def test_a_length_counts_back_from_the_end() -> None:
    """`90d` is ninety days before the end; a time stays a time; anything else is refused with the option's name."""
    end = instant_of("2026-06-20", "UTC", "--until")
    assert instant_or_span("90d", "UTC", "--since", end=end) == end - 90 * DAY
    assert instant_or_span("2026-06-19", "UTC", "--since", end=end) == end - DAY
    with pytest.raises(UsageError, match="--since: 'soon' is no time"):
        instant_or_span("soon", "UTC", "--since", end=end)


def test_addresses_are_masked() -> None:
    """Of an address in a text only its first letter and its domain are left."""
    assert mask_addresses("cannot write to ada.king+x@mail.example: full") == "cannot write to a…@mail.example: full"
    assert mask_addresses("nobody here") == "nobody here"


def test_tables_align() -> None:
    """Columns are as wide as their widest cell; no line ends in blanks."""
    rows = [("1", "short", "x"), ("20", "a longer cell", "")]
    assert table(rows, right=frozenset({0})) == [" 1  short          x", "20  a longer cell"]
    assert table([]) == []


def test_counts_read_well() -> None:
    """One is singular, thousands have their comma."""
    assert [count_of(n, word) for n, word in ((1, "rule"), (1200, "rule"), (0, "entry"))] == [
        "1 rule",
        "1,200 rules",
        "0 entries",
    ]


def test_json_begins_with_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The object names the command and its version first and keeps letters as they are."""
    say_json("check", {"ok": True, "text": "değil"})
    out = capsys.readouterr().out
    assert list(json.loads(out)) == ["schema", "ok", "text"]
    assert "değil" in out
