"""The report of a simulation: what these rules would have sent, alone or beside another version of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relight.simulate.pages.charts import Chart, day_chart, people_chart
from relight.simulate.pages.drawing import write_page
from relight.simulate.pages.index_page import daily_chart, distinct_titles, headline_figures
from relight.simulate.pages.model import PageData, ReasonFigures, RuleFigures
from relight.simulate.pages.words import change_text, period_text

#: Length of the period that counts are brought to for comparing, days.
MONTH_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """One rule in both versions."""

    id: str
    title: str
    #: None where the version has no such rule.
    now: RuleFigures | None
    new: RuleFigures | None

    @property
    def shown(self) -> RuleFigures:
        """Return the newest there is."""
        found = self.new or self.now
        assert found is not None
        return found

    @property
    def change(self) -> str:
        """Return how the messages change."""
        if self.now is None:
            return "new rule"
        if self.new is None:
            return "removed"
        return change_text(self.now.messages, self.new.messages)


def compare_rules(data: PageData, compare: PageData | None) -> list[RuleChange]:
    """Return every rule of both versions, those with the most messages first."""
    new = {rule.id: rule for rule in data.rules}
    now = {rule.id: rule for rule in compare.rules} if compare else {}
    changes = [
        RuleChange(id=rule, title=(new.get(rule) or now[rule]).title, now=now.get(rule), new=new.get(rule))
        for rule in dict.fromkeys([*new, *now])
    ]
    return sorted(
        changes,
        key=lambda one: -max(one.now.messages if one.now else 0, one.new.messages if one.new else 0),
    )


def compare_reasons(data: PageData, compare: PageData | None) -> list[tuple[ReasonFigures, ReasonFigures]]:
    """Return (now, new) of every reason of both versions, most frequent first."""
    new = {one.reason: one for one in data.reasons}
    now = {one.reason: one for one in compare.reasons} if compare else {}
    pairs = [
        (now.get(reason, ReasonFigures(reason=reason)), new.get(reason, ReasonFigures(reason=reason)))
        for reason in dict.fromkeys([*new, *now])
    ]
    return sorted(pairs, key=lambda pair: (-max(pair[0].not_sent, pair[1].not_sent), pair[1].reason))


def per_month(count: int, data: PageData) -> float:
    """Return a count brought to 30 days; as it is where the events run for less."""
    return count * MONTH_DAYS / data.length_days if data.length_days >= MONTH_DAYS else count


def rate_heading(data: PageData) -> str:
    """Return what `per_month` counts: `/30d`, or nothing where it leaves the counts as they are."""
    return "/30d" if data.length_days >= MONTH_DAYS else ""


def write_report(path: Path, data: PageData, compare: PageData | None = None) -> Path:
    """Write the report and return its path; raises OSError.

    `data` is the version asked about; `compare` is what stands now, on the same events.
    """
    changes = compare_rules(data, compare)
    reasons = compare_reasons(data, compare)
    versions = {"now": compare.per_customer, "new": data.per_customer} if compare else {"all": data.per_customer}
    return write_page(
        path,
        "report.html.j2",
        data=data,
        compare=compare,
        figures=headline_figures(data),
        before=headline_figures(compare) if compare else [],
        period=period_text(data.streams.began, data.streams.ended, data.about.zone),
        drawn=daily_charts(data, compare, changes),
        people=people_chart("people", versions),
        changes=changes,
        reasons=reasons,
        most=max([1, *(one.not_sent for pair in reasons for one in pair)]),
        per_month=per_month,
        rate=rate_heading(data),
    )


def daily_charts(data: PageData, compare: PageData | None, changes: Sequence[RuleChange]) -> list[Chart]:
    """Return messages a day as it stands now, then new: on one scale, over one span, with one colour a rule."""
    if compare is None:
        return [daily_chart(data, "daily")]
    names = distinct_titles([one.shown for one in changes])
    days = _both(data.days, compare.days)
    versions = {"daily-now": compare, "daily-new": data}
    counts = {
        chart_id: {names[rule.id]: rule.days for rule in version.rules if rule.messages}
        for chart_id, version in versions.items()
    }
    order = [names[one.id] for one in changes if any(names[one.id] in of_version for of_version in counts.values())]
    top = max(day_chart(chart_id, counts[chart_id], days=days, order=order).height for chart_id in counts)
    return [day_chart(chart_id, counts[chart_id], days=days, order=order, top=top) for chart_id in counts]


def _both(first: range, second: range) -> range:
    if not first or not second:
        return first or second
    return range(min(first.start, second.start), max(first.stop, second.stop))
