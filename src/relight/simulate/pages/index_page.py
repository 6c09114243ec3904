"""The page beside the mails of a run: what happened, the funnel by rule and reason, the mails as people see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relight.base.instants import to_local
from relight.simulate.pages.charts import Chart, day_chart, people_chart, spark_path
from relight.simulate.pages.drawing import write_page
from relight.simulate.pages.model import MailShown, PageData, RuleFigures
from relight.simulate.pages.words import count_text, day_text, period_text, reason_name, share_text

#: Reasons with a column of their own; rarer ones share the last.
REASON_COLUMNS_MAX = 7
#: Steps of the shades of a cell: classes `h0` … `h5`.
SHADES = 5
#: Customers offered to explain.
EXAMPLES_MAX = 2
#: File name of the page.
INDEX_NAME = "index.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One count of the funnel."""

    label: str
    count: int
    #: Share of all that was possible, 0 to SHADES.
    shade: int
    #: For the pointer.
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What one can do next."""

    line: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleMails:
    """The mails of one rule."""

    id: str
    title: str
    total: int
    mails: tuple[MailShown, ...]

    @property
    def locales(self) -> tuple[str, ...]:
        """Return the languages shown."""
        return tuple(dict.fromkeys(mail.locale for mail in self.mails))


def write_index(folder: Path, data: PageData, *, commands: Sequence[Command] | None = None) -> Path:
    """Write `index.html` into the folder of the mails and return its path; raises OSError.

    `commands` replaces what the page offers to do next.
    """
    columns = reason_columns(data)
    return write_page(
        folder / INDEX_NAME,
        "index.html.j2",
        data=data,
        figures=headline_figures(data),
        period=period_text(data.streams.began, data.streams.ended, data.about.zone),
        daily=daily_chart(data, "daily"),
        people=people_chart("people", {"all": data.per_customer}),
        columns=columns,
        rows=[(rule, funnel_cells(rule, columns), spark_path(rule.days, data.days)) for rule in data.rules],
        gallery=gallery(data),
        commands=next_commands(data) if commands is None else commands,
        titles={rule.id: rule.title for rule in data.rules},
    )


def daily_chart(data: PageData, chart_id: str) -> Chart:
    """Return the chart of messages a day; rules without a message are left out."""
    sending = [rule for rule in data.rules if rule.messages]
    names = distinct_titles(sending)
    counts = {names[rule.id]: rule.days for rule in sending}
    return day_chart(chart_id, counts, days=data.days, order=list(counts))


def distinct_titles(rules: Sequence[RuleFigures]) -> dict[str, str]:
    """Return a name for each rule: its title, with the id behind it where two rules share one."""
    seen: dict[str, int] = {}
    for rule in rules:
        seen[rule.title] = seen.get(rule.title, 0) + 1
    return {rule.id: rule.title if seen[rule.title] == 1 else f"{rule.title} ({rule.id})" for rule in rules}


def headline_figures(data: PageData) -> list[tuple[str, str, str]]:
    """Return (figure, what it is, what to compare it with) for the top of a page."""
    heaviest = data.heaviest
    zone = data.about.zone
    figures = [
        (
            count_text(data.messages),
            "messages",
            f"{share_text(data.messages, data.messages + data.not_sent)} of all that came up",
        ),
        (
            count_text(data.people),
            "people reached" if data.people != 1 else "person reached",
            f"{share_text(data.people, data.streams.customers)} of {count_text(data.streams.customers)} customers",
        ),
        (count_text(data.not_sent - data.held_out), "not sent", "each with its reason"),
        (count_text(data.held_out), "held out", "by lot, to compare with"),
        (
            f"{data.quantile(0.5)} · {data.quantile(0.95)} · {max(data.per_customer, default=0)}",
            "messages each",
            "median, 95th, most",
        ),
    ]
    if heaviest is not None:
        figures.append((count_text(heaviest.count), "heaviest hour", hour_text(heaviest.start, zone)))
    return figures


def hour_text(start: int, zone: str) -> str:
    """Return `24 Nov 09:00`."""
    local = to_local(start, zone)
    return f"{day_text(local.toordinal(), year=False)} {local:%H:%M}"


def reason_columns(data: PageData) -> list[tuple[str, tuple[str, ...]]]:
    """Return the columns of the funnel: (heading, reasons in it), the most frequent first, the rare ones as one."""
    frequent = [one.reason for one in data.reasons if one.not_sent]
    if len(frequent) <= REASON_COLUMNS_MAX + 1:
        return [(reason_name(reason), (reason,)) for reason in frequent]
    own = [(reason_name(reason), (reason,)) for reason in frequent[:REASON_COLUMNS_MAX]]
    return [*own, (f"{len(frequent) - REASON_COLUMNS_MAX} others", tuple(frequent[REASON_COLUMNS_MAX:]))]


def funnel_cells(rule: RuleFigures, columns: Sequence[tuple[str, tuple[str, ...]]]) -> list[Cell]:
    """Return a rule's cell of each column."""
    cells = []
    for heading, reasons in columns:
        parts = {reason: rule.not_sent.get(reason, 0) for reason in reasons}
        count = sum(parts.values())
        share = count / rule.chances if rule.chances else 0
        words = ", ".join(f"{reason_name(reason)} {count_text(part)}" for reason, part in parts.items() if part)
        cells.append(
            Cell(
                label=heading,
                count=count,
                shade=min(SHADES, -int(-share * 2 * SHADES // 1)) if count else 0,
                text=f"{words}: {share_text(count, rule.chances)} of {count_text(rule.chances)}" if count else "",
            )
        )
    return cells


def gallery(data: PageData) -> list[RuleMails]:
    """Return the mails by rule, in the order of the rules."""
    by_rule: dict[str, list[MailShown]] = {}
    for mail in data.mails:
        by_rule.setdefault(mail.rule, []).append(mail)
    return [
        RuleMails(id=rule.id, title=rule.title, total=rule.messages, mails=tuple(by_rule[rule.id]))
        for rule in data.rules
        if rule.id in by_rule
    ]


def next_commands(data: PageData) -> list[Command]:
    """Return what to do next, with customers and rules of this run."""
    examples = [
        Command(
            line=f"relight explain {rule.examples[reason]} {rule.id}",
            meaning=f"why somebody did not get {rule.title}: {reason_name(reason)}",
        )
        for rule in data.rules
        for reason in [reason for reason in rule.not_sent if reason in rule.examples][:1]
    ]
    commands = examples[:EXAMPLES_MAX]
    if data.rules:
        commands.append(Command(line=f"relight preview {data.rules[0].id}", meaning="its mail for a person you choose"))
    if data.streams.dead:
        commands.append(Command(line="relight dead-letters list", meaning="what could not be read, and why"))
    commands.append(Command(line="relight check", meaning="every problem of the project folder at once"))
    return commands
