"""One row of the bench and how the table is printed: figures first, then ours beside the baseline, then the target."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD = ("row", "events/s", "CPU µs", "memory", "rows", "ids", "fsyncs", "evicted", "baseline", "ratio", "target")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure beside its baseline. Figures that do not apply are None."""

    #: Short name, as `--row` takes it.
    name: str
    #: What was measured, with its size.
    what: str
    #: How many events (mails, timers, starts) the figures are divided by.
    events: float
    #: Seconds.
    wall: float
    cpu: float
    #: The most memory held (bytes).
    memory: float | None = None
    rows: float | None = None
    ids: float | None = None
    syncs: float | None = None
    evictions: float | None = None
    #: What stands beside it, in the ratio's unit.
    baseline: str = ""
    ratio: float | None = None
    #: As the ratio is to be: `≥ 0.6`.
    target: str = ""
    #: More of what was found.
    more: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return what the table shows."""
        return (
            self.name,
            _count(self.events / self.wall) if self.wall else "",
            f"{self.cpu / self.events * 1e6:,.2f}" if self.events else "",
            "" if self.memory is None else f"{self.memory / 1e6:,.0f} MB",
            _count(self.rows),
            _count(self.ids),
            _count(self.syncs),
            _count(self.evictions),
            self.baseline,
            "" if self.ratio is None else f"{self.ratio:.3g}",
            self.target,
        )

    def plain(self) -> dict[str, object]:
        """Return the row for machines."""
        return asdict(self)


def _count(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}"


def show(rows: Sequence[Row]) -> str:
    """Return the rows as a table in text, each with what was measured below it."""
    cells = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(_HEAD))]
    lines = []
    for line, row in zip(cells, [None, *rows], strict=True):
        lines.append("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
        if row is not None:
            lines.append(f"    {row.what}" + (f"; {row.more}" if row.more else ""))
    return "\n".join(lines)
