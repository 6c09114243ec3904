"""Every metric says what it is and what to do; the page is made from the catalogue; log lines hide addresses."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Literal

import pytest

from relight.engine.telemetry.catalogue import CATALOGUE, Metric, MetricKind, catalogue_page
from relight.engine.telemetry.exposition import Observations
from relight.engine.telemetry.log_lines import LOGGER, VALUE_CHARACTERS_MAX, log, start_log

PAGE = Path(__file__).parents[4] / "docs" / "metrics.md"


def test_the_page_is_the_catalogue() -> None:
    """docs/metrics.md is made from the catalogue, so that it lists every metric there is and no other."""
    assert PAGE.read_text(encoding="utf-8") == catalogue_page()


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_metric_follows_the_conventions(metric: Metric) -> None:
    """Names begin with the program's, counters end in _total, times are in seconds, and advice is given."""
    assert metric.name.startswith("relight_")
    assert metric.name.endswith("_total") == (metric.kind is MetricKind.COUNTER)
    assert bool(metric.buckets) == (metric.kind is MetricKind.HISTOGRAM)
    assert metric.meaning.endswith(".")
    assert metric.advice.endswith(".")


def test_names_are_used_once() -> None:
    """No two metrics share a name."""
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


def test_observations_fall_into_their_bucket() -> None:
    """A value on a bound belongs to it; what is beyond the last is in +Inf; the sum is exact."""
    seen = Observations(bounds=(1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        seen.observe(value)
    assert seen.cumulative() == [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)]
    assert seen.total == 12.0


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_log_line_hides_addresses_and_is_bounded(lines: io.StringIO, form: Literal["json", "text"]) -> None:
    """An address leaves as its first letter and its domain; a long value is cut; numbers stay numbers."""
    start_log(form, lines)
    try:
        log("refused", level=logging.ERROR, answer="550 ada.lovelace@mail.example unknown", tries=3, long="x" * 5000)
    finally:
        LOGGER.handlers.clear()
    (line,) = lines.getvalue().splitlines()
    assert "ada.lovelace" not in line
    assert "a…@mail.example" in line
    assert len(line) < VALUE_CHARACTERS_MAX + 300
    if form == "json":
        told = json.loads(line)
        assert (told["level"], told["event"], told["tries"]) == ("error", "refused", 3)


def test_without_a_log_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that uses the engine and starts no log gets no lines."""
    LOGGER.handlers.clear()
    log("silent")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
