"""Where the marks of a chart stand. Pure geometry in data units; the SVG is drawn by `templates/charts.html.j2`.

A chart is an outer SVG in pixels (lines, labels) and an inner one stretched over it whose units are buckets by counts:
so bars are whole numbers, text keeps its size at every width, and nothing is measured in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relight.simulate.pages.axes import Label, day_labels, round_lines
from relight.simulate.pages.words import count_text, day_text, plural, weekday_text

#: Colours of a chart; rules beyond them are drawn as one.
SERIES_MAX = 8
#: Days up to which a bar is a day; beyond, a week; beyond ten times that, four weeks.
DAILY_MAX = 400
#: Bars up to which a gap is left between them.
GAPPED_MAX = 130
#: Bars of a histogram; the last one holds what is beyond.
HISTOGRAM_MAX = 20
#: Points of a small chart in a table.
SPARK_POINTS_MAX = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The bars of one rule or version."""

    name: str
    total: int
    #: Colour: class `c0` … `c7`.
    colour: int
    #: SVG path, one rectangle a bar; y grows downward from the chart's top.
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What is said of one bar when a pointer rests on it."""

    x: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A bar chart."""

    #: Unique on its page.
    id: str
    title: str
    description: str
    #: Buckets across, counts up.
    width: int
    height: int
    series: tuple[Series, ...]
    across: tuple[Label, ...]
    up: tuple[Label, ...]
    buckets: tuple[Bucket, ...]
    #: Labels stand under the middle of a bar.
    centred: bool = False


def bucket_days(length: int) -> int:
    """Return how many days a bar of a period of this many days holds."""
    if length <= DAILY_MAX:
        return 1
    return 7 if length <= 7 * DAILY_MAX else 28


def day_chart(
    chart_id: str, counts: Mapping[str, Mapping[int, int]], *, days: range, order: Sequence[str], top: int = 0
) -> Chart:
    """Return messages a day, stacked by series.

    Args:
        chart_id: Unique on its page.
        counts: Name of a series → ordinal of a day → messages.
        days: The days to draw, without a gap.
        order: Names from the bottom up; they decide the colours. Beyond SERIES_MAX they are drawn as one.
        top: Height of the axis at least, to compare two charts.
    """
    size = bucket_days(len(days))
    width = max(1, -(-len(days) // size))
    stacks: dict[str, list[int]] = {}
    for place, name in enumerate(order):
        shown = name if place < SERIES_MAX - 1 or len(order) <= SERIES_MAX else f"{len(order) - SERIES_MAX + 1} others"
        bars = stacks.setdefault(shown, [0] * width)
        for day, count in counts.get(name, {}).items():
            bars[(day - days.start) // size] += count
    totals = [sum(column) for column in zip(*stacks.values(), strict=True)] or [0] * width
    height = max(top, *totals, 1)
    bar = {1: "day", 7: "week"}.get(size, "four weeks")
    labels = [_bucket_words(day, size) for day in days[::size]]
    peak = max(range(width), key=lambda x: (totals[x], -x))
    most = f"; most on {labels[peak]}: {count_text(totals[peak])}" if labels else ""
    return Chart(
        id=chart_id,
        title=f"Messages a {bar} by rule" if size < 28 else "Messages in four weeks by rule",  # noqa: PLR2004
        description=f"{plural(sum(totals), 'message')}{most}.",
        width=width,
        height=height,
        series=_stacked(stacks, height),
        across=day_labels(days, size, width),
        up=round_lines(height),
        buckets=tuple(
            Bucket(x=x, text=_bucket_text(labels[x], {name: bars[x] for name, bars in stacks.items()}))
            for x in range(width)
            if totals[x]
        ),
    )


def people_chart(chart_id: str, versions: Mapping[str, Mapping[int, int]]) -> Chart:
    """Return how many people got 1, 2, 3 … messages, the versions beside each other."""
    most = min(max((max(counts, default=1) for counts in versions.values()), default=1), HISTOGRAM_MAX)
    columns = {
        name: [
            sum(people for n, people in counts.items() if n == x or (x == most and n > most))
            for x in range(1, most + 1)
        ]
        for name, counts in versions.items()
    }
    height = max([1, *(value for bars in columns.values() for value in bars)])
    beyond = any(n > most for counts in versions.values() for n in counts)
    part = 0.8 / max(1, len(columns))
    words = [f"{x} or more messages" if beyond and x == most else plural(x, "message") for x in range(1, most + 1)]
    return Chart(
        id=chart_id,
        title="Messages a customer",
        description="; ".join(
            f"{name + ': ' if len(columns) > 1 else ''}{plural(sum(bars), 'person', 'people')} got at least one"
            for name, bars in columns.items()
        ),
        width=most,
        height=height,
        series=tuple(
            Series(
                name=name,
                total=sum(bars),
                colour=place,
                path="".join(
                    _bar(x + 0.1 + place * part, height - value, part, value) for x, value in enumerate(bars) if value
                ),
            )
            for place, (name, bars) in enumerate(columns.items())
        ),
        across=tuple(
            Label(
                text=f"{x}+" if beyond and x == most else str(x),
                at=round((x - 0.5) / most * 100, 3),
                minor=most > 10 and x % 2 == 0 and x != most,  # noqa: PLR2004 - what a phone has room for
            )
            for x in range(1, most + 1)
        ),
        up=round_lines(height),
        buckets=tuple(
            Bucket(
                x=x,
                text=f"{words[x]}: "
                + ", ".join(
                    f"{name + ' ' if len(columns) > 1 else ''}{plural(bars[x], 'person', 'people')}"
                    for name, bars in columns.items()
                ),
            )
            for x in range(most)
        ),
        centred=True,
    )


def spark_path(counts: Mapping[int, int], days: range) -> tuple[str, int, int]:
    """Return (path, width, height) of a small area chart of one rule over all days; an empty path without messages."""
    size = max(1, -(-len(days) // SPARK_POINTS_MAX))
    width = max(1, -(-len(days) // size))
    bars = [0] * width
    for day, count in counts.items():
        bars[(day - days.start) // size] += count
    height = max([1, *bars])
    return "".join(_bar(x, height - value, 1, value) for x, value in enumerate(bars) if value), width, height


def _stacked(stacks: Mapping[str, Sequence[int]], height: int) -> tuple[Series, ...]:
    below = [0] * max((len(bars) for bars in stacks.values()), default=0)
    gap = 0.14 if len(below) <= GAPPED_MAX else 0
    series = []
    for colour, (name, bars) in enumerate(stacks.items()):
        path = []
        for x, count in enumerate(bars):
            if count:
                below[x] += count
                path.append(_bar(x + gap / 2, height - below[x], 1 - gap, count))
        series.append(Series(name=name, total=sum(bars), colour=colour, path="".join(path)))
    return tuple(series)


def _bar(x: float, y: int, width: float, height: int) -> str:
    wide = f"{width:.4g}"
    return f"M{x:.6g} {y}h{wide}v{height}h-{wide}z"


def _bucket_words(day: int, size: int) -> str:
    return weekday_text(day) if size == 1 else f"{day_text(day, year=False)} to {day_text(day + size - 1)}"


def _bucket_text(label: str, parts: Mapping[str, int]) -> str:
    lines = [f"{name}: {count_text(count)}" for name, count in parts.items() if count]
    return "\n".join([f"{label}: {plural(sum(parts.values()), 'message')}", *reversed(lines)])
