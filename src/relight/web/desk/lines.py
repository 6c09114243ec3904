"""A line over periods: where its points stand, in a fixed grid of units; the SVG is drawn by the template.

Pure geometry. A period without a value breaks the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Units across and up.
WIDTH, HEIGHT = 300, 60
#: Periods of one line; older ones are left out.
POINTS_MAX = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line chart."""

    #: Unique on its page.
    id: str
    #: Name of the measure, and its own title.
    name: str
    title: str
    #: Unit of its values, and the currency of money.
    unit: tuple[str, str]
    #: What it shows: (period, value) of its first and last point, and the most.
    first: tuple[str, float]
    last: tuple[str, float]
    most: float
    #: The last point's period is not over.
    is_open: bool
    #: SVG path.
    path: str
    #: Single values between gaps, which a path would not show: (x, y).
    dots: tuple[tuple[float, float], ...]
    width: int = WIDTH
    height: int = HEIGHT


def line_chart(
    name: str,
    title: str,
    points: Sequence[tuple[str, float | None]],
    *,
    unit: tuple[str, str],
    is_open: bool = False,
) -> Line | None:
    """Return the line of (period, value) pairs; None where fewer than two have a value.

    name: of the measure; unit: as figures are written, with the currency of money; is_open: the last period
    is not over.
    """
    shown = points[-POINTS_MAX:]
    values = [value for _, value in shown if value is not None]
    if len(values) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    low, high = min(0.0, *values), max(*values, 0.0)
    spread = (high - low) or 1.0
    step = WIDTH / max(1, len(shown) - 1)
    moves, dots, is_drawn = [], [], False
    for number, (_, value) in enumerate(shown):
        if value is None:
            is_drawn = False
            continue
        x, y = round(number * step, 1), round(HEIGHT - (value - low) / spread * HEIGHT, 1)
        moves.append(f"{'L' if is_drawn else 'M'}{x} {y}")
        dots.append((x, y))
        is_drawn = True
    first, last = (next((p, v) for p, v in part if v is not None) for part in (shown, shown[::-1]))
    return Line(
        id=f"line-{name}", name=name, title=title, unit=unit, first=first, last=last, most=high,
        is_open=is_open and shown[-1][1] is not None, path="".join(moves),
        dots=tuple(dots),
    )  # fmt: skip
