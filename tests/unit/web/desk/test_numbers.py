"""Numbers and periods on pages are written as the reader's language writes them."""

from __future__ import annotations

import pytest

from relight.web.desk.numbers import (
    figure_in,
    number_text,
    percent_text,
    period_text,
    points_text,
    signed_percent_text,
)

#: No line ends between a number and its unit.
GAP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "unit", "english", "turkish"),
    [
        (80.513, "percent", "80.5 %", "%80,5"),
        (207_250.0, "money", "207,250 TRY", "207.250 TRY"),
        (999.5, "money", "999.50 TRY", "999,50 TRY"),
        (-1_204.4, "money", "−1,204 TRY", "−1.204 TRY"),
        (28_851, "count", "28,851", "28.851"),
        (22.94, "score", "22.9", "22,9"),
        (5.13, "number", "5.13", "5,13"),
        (1.5, "days", "1.5 days", "1,5 gün"),
        (5.131, "periods", "5.13 periods", "5,13 dönem"),
        (0.75, "days", "18 h", "18 sa"),
        (0.01, "days", "14 min", "14 dk"),
        (12.0, "", "12", "12"),
        (None, "money", "–", "–"),
    ],
)
def test_figures(value: float | None, unit: str, english: str, turkish: str) -> None:
    """The point, the thousands, the percent sign and the units are those of the language; large money is whole."""
    told = [figure_in(value, unit, "TRY", language) for language in ("en", "tr")]
    assert told == [text.replace(" ", GAP) for text in (english, turkish)]


@pytest.mark.parametrize(
    ("value", "english", "turkish"),
    [(3.46, "+3.5", "+3,5"), (-4.87, "−4.9", "−4,9"), (0.0, "0.0", "0,0"), (-0.04, "0.0", "0,0"), (None, "–", "–")],
)
def test_differences_have_a_sign(value: float | None, english: str, turkish: str) -> None:
    """A difference says which way it goes; nothing has no way."""
    assert [points_text(value, language) for language in ("en", "tr")] == [english, turkish]


def test_percent_signs() -> None:
    """Turkish puts the sign before the number, and what it goes up by before that."""
    assert (signed_percent_text(22.4, "en"), signed_percent_text(-22.4, "tr")) == (f"+22.4{GAP}%", "−%22,4")
    assert (percent_text(100, "en"), percent_text(100, "tr")) == (f"100.0{GAP}%", "%100,0")
    assert number_text(1_234_567.891, "tr", 2) == "1.234.567,89"


@pytest.mark.parametrize(
    ("label", "english", "turkish"),
    [
        ("2026-09", "Sep 2026", "Eyl 2026"),
        ("2026-02-03", "3 Feb 2026", "3 Şub 2026"),
        ("2026-Q3", "2026-Q3", "2026-Q3"),
        ("2026", "2026", "2026"),
        (None, "", ""),
    ],
)
def test_periods(label: str | None, english: str, turkish: str) -> None:
    """Months and days are named; quarters and years are what they are called everywhere."""
    assert [period_text(label, language) for language in ("en", "tr")] == [english, turkish]
