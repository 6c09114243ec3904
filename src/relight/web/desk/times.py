"""Instants on pages: on the wall clock of the project's zone; as facts with their offset, so that nobody must guess."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from relight.base.instants import to_local
from relight.engine.explain_telling import MONTHS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from relight.simulate.pages.charts import Chart


#: What the chart calls the rules that it draws as one.
_OTHERS = re.compile(r"(?<=^\d\d) others$|(?<=^\d) others$")


def zoned(instant: int, zone: str) -> str:
    """Return ISO 8601 on the wall clock of a zone with its offset, to the second: `2026-06-27T09:00:00+03:00`."""
    return to_local(instant, zone).replace(microsecond=0).isoformat()


def zoned_or_none(instant: int | None, zone: str) -> str | None:
    """Return the same, None for None."""
    return None if instant is None else zoned(instant, zone)


def moment_text(iso: str | None, language: str) -> str:
    """Return `27 Jun 2026 09:00` of what `zoned` gave; empty for None."""
    if iso is None:
        return ""
    local = dt.datetime.fromisoformat(iso)
    return f"{day_text(local.date(), language)} {local:%H:%M}"


def day_text(day: dt.date, language: str) -> str:
    """Return `27 Jun 2026`."""
    return f"{day.day} {MONTHS[language][day.month - 1]} {day.year}"


def in_language(chart: Chart, language: str, texts: Mapping[str, str]) -> Chart:
    """Return a chart of days with its words in a language; what is said of single bars stays where it is English."""
    if language == "en":
        return chart
    months = dict(zip(MONTHS["en"], MONTHS[language], strict=True))

    def local(text: str) -> str:
        return " ".join(months.get(word, word) for word in text.split(" "))

    total = sum(one.total for one in chart.series)
    return replace(
        chart,
        title=texts["per_day"],
        series=tuple(replace(one, name=_OTHERS.sub(texts["others"], one.name)) for one in chart.series),
        description=texts["chart_note"].format(count=f"{total:,}".replace(",", ".")),
        across=tuple(replace(label, text=local(label.text)) for label in chart.across),
        buckets=(),
    )
