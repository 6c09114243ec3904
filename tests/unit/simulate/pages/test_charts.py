"""The bars of a chart are as high as its numbers."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from relight.simulate.pages.axes import LABEL_AT_MAX, LINES_MAX
from relight.simulate.pages.charts import (
    DAILY_MAX,
    HISTOGRAM_MAX,
    SERIES_MAX,
    SPARK_POINTS_MAX,
    Chart,
    day_chart,
    people_chart,
    spark_path,
)
from relight.simulate.pages.index_page import daily_chart
from tests.unit.simulate.pages.sample import make_page

FIRST = dt.date(2026, 1, 1).toordinal()


def bars(path: str) -> list[tuple[float, int, float, int]]:
    """Return (x, y, width, height) of each rectangle of a path."""
    found = re.findall(r"M([\d.]+) (\d+)h([\d.]+)v(\d+)h-[\d.]+z", path)
    assert "".join(re.sub(r"[^M]", "", path)) == "M" * len(found)
    return [(float(x), int(y), float(width), int(height)) for x, y, width, height in found]


def top_of(chart: Chart) -> int:
    return chart.height - min(y for one in chart.series for _, y, _, _ in bars(one.path))


def test_bars_sum_to_the_messages() -> None:
    """The heights of a rule's bars sum to its messages, those of all rules to all messages."""
    data = make_page(scale=0.5)
    chart = daily_chart(data, "daily")
    heights = {one.name: sum(height for *_, height in bars(one.path)) for one in chart.series}
    assert heights == {one.name: one.total for one in chart.series}
    assert sum(heights.values()) == data.messages
    assert all(heights[rule.title] == rule.messages for rule in data.rules if rule.title in heights)
    assert len(chart.series) == SERIES_MAX


def test_bars_stand_on_each_other() -> None:
    """Each bar begins where the one below ends; the highest stack is the chart's height."""
    chart = day_chart(
        "c", {"a": {FIRST: 3}, "b": {FIRST: 2, FIRST + 1: 4}}, days=range(FIRST, FIRST + 2), order=["a", "b"]
    )
    assert [[(y, height) for _, y, _, height in bars(one.path)] for one in chart.series] == [[(2, 3)], [(0, 2), (1, 4)]]
    assert top_of(chart) == chart.height == 5
    assert [bucket.text for bucket in chart.buckets] == [
        "Thu 1 Jan 2026: 5 messages\nb: 2\na: 3", "Fri 2 Jan 2026: 4 messages\nb: 4"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("length", "size"), [(1, 1), (DAILY_MAX, 1), (DAILY_MAX + 1, 7), (7 * DAILY_MAX, 7), (7 * DAILY_MAX + 1, 28)]
)
def test_a_long_time_has_wider_bars(length: int, size: int) -> None:
    """Beyond DAILY_MAX days a bar is a week, beyond seven times that four weeks; nothing is lost at the end."""
    days = range(FIRST, FIRST + length)
    chart = day_chart("c", {"a": dict.fromkeys(days, 1)}, days=days, order=["a"])
    assert chart.width == -(-length // size)
    assert sum(height for *_, height in bars(chart.series[0].path)) == length
    assert top_of(chart) == min(size, length)
    assert len(chart.across) <= 28
    assert all(label.at <= LABEL_AT_MAX for label in chart.across)


def test_lines_are_few_and_round() -> None:
    """At most LINES_MAX lines, at 1, 2 or 5 times a power of ten, below the top."""
    for height in (1, 2, 7, 99, 100, 101, 4_999, 123_456):
        chart = day_chart("c", {"a": {FIRST: height}}, days=range(FIRST, FIRST + 1), order=["a"])
        values = [int(line.text.replace(",", "")) for line in chart.up]
        assert 1 <= len(values) <= LINES_MAX
        assert str(values[0]).rstrip("0") in "125"
        assert all(0 <= line.at < 100 for line in chart.up)


def test_people_by_messages() -> None:
    """A bar is as high as the people with so many messages; the last one holds all beyond."""
    counts = {1: 40, 2: 10, HISTOGRAM_MAX: 3, HISTOGRAM_MAX + 9: 2}
    chart = people_chart("p", {"all": counts})
    heights = [height for *_, height in bars(chart.series[0].path)]
    assert heights == [40, 10, 5]
    assert chart.across[-1].text == f"{HISTOGRAM_MAX}+"
    assert chart.buckets[-1].text == f"{HISTOGRAM_MAX} or more messages: 5 people"


def test_versions_stand_side_by_side() -> None:
    """With two versions the bars of one number share its place and do not cover each other."""
    chart = people_chart("p", {"now": {1: 4}, "new": {1: 6}})
    (now,), (new,) = (bars(one.path) for one in chart.series)
    assert now[0] + now[2] <= new[0]
    assert new[0] + new[2] <= 1


def test_a_small_chart_keeps_the_sum() -> None:
    """However many days, at most SPARK_POINTS_MAX points, which sum to the messages."""
    days = range(FIRST, FIRST + 365)
    path, width, _height = spark_path(dict.fromkeys(days, 2), days)
    assert width <= SPARK_POINTS_MAX
    assert sum(height for *_, height in bars(path)) == 730


def test_a_chart_without_messages() -> None:
    """Nothing to draw is an empty chart."""
    chart = day_chart("c", {}, days=range(0), order=[])
    assert (chart.series, chart.buckets, chart.width) == ((), (), 1)
    assert spark_path({}, range(0)) == ("", 1, 1)
