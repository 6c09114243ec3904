"""The same figures as plain text for a terminal; the most important line is the last."""

from __future__ import annotations

from collections.abc import Sequence

from relight.simulate.pages.index_page import hour_text
from relight.simulate.pages.model import PageData, RuleFigures
from relight.simulate.pages.simulate_page import compare_rules, per_month, rate_heading
from relight.simulate.pages.words import change_text, count_text, period_text, plural, share_text

#: Characters of a line where the terminal's width is not known.
WIDTH_DEFAULT = 118
#: Characters left to the reasons at least, however narrow the terminal.
REASONS_WIDTH_MIN = 24
#: The command that answers for one customer of the last simulation of the project in this folder.
EXPLAIN = "relight explain --simulation last"
#: Between columns.
_GAP = "  "


def funnel_text(data: PageData, width: int = WIDTH_DEFAULT) -> str:
    """Return the summary of a run: rules, what became of them and why not; without a line break at the end."""
    table = [["rule", "occurred", "entered", "messages", "people", "why not sent"]]
    for rule in data.rules:
        numbers = (rule.occurred, rule.entered, rule.messages)
        table.append([_clean(rule.id), *map(count_text, numbers), _people(rule), ""])
    lines = _table(table, [_reasons(rule) for rule in data.rules], width)
    lines += [_read_line(data, "Read"), _customer_line(data)]
    total = f"{plural(data.messages, 'message')} for {plural(data.people, 'person', 'people')}"
    lines.append(f"{total}; {count_text(data.not_sent)} times there was a reason not to send.")
    return "\n".join(lines)


def simulate_text(
    data: PageData, compare: PageData | None = None, width: int = WIDTH_DEFAULT, *, explain: str = EXPLAIN
) -> str:
    """Return the summary of a simulation, beside what stands now where it is given; no line break at the end.

    explain: the command that answers for one customer of this simulation.
    """
    rate = rate_heading(data)
    heads = [f"now{rate}", f"new{rate}", "change"] if compare else ["entered", "messages", *([rate] if rate else [])]
    table = [["rule", *heads, "people", "why not sent"]]
    changes = compare_rules(data, compare)
    for one in changes:
        new = one.new.messages if one.new else 0
        if compare:
            now = per_month(one.now.messages if one.now else 0, compare)
            numbers = [count_text(now), count_text(per_month(new, data)), one.change]
        else:
            entered = count_text(one.new.entered if one.new else 0)
            numbers = [entered, count_text(new), *([count_text(per_month(new, data))] if rate else [])]
        table.append([_clean(one.id), *numbers, _people(one.new), ""])
    lines = [_read_line(data, "Replayed") + " Nothing was sent."]
    lines += _table(table, [_reasons(one.new) if one.new else "" for one in changes], width)
    lines.append(_customer_line(data))
    example = next(
        (rule.examples[reason] for rule in data.rules for reason in rule.not_sent if reason in rule.examples), None
    )
    if example:
        lines.append(f"Example: {explain} {_clean(example)}")
    return "\n".join([*lines, _total_line(data, compare)])


def _total_line(data: PageData, compare: PageData | None) -> str:
    new = per_month(data.messages, data)
    unit = " in 30 days" if rate_heading(data) else ""
    if compare is None:
        return f"{plural(data.messages, 'message')} for {plural(data.people, 'person', 'people')}; nothing was sent."
    now = per_month(compare.messages, compare)
    change = change_text(compare.messages, data.messages)
    people = plural(data.people, "person", "people")
    return f"{count_text(now)} -> {count_text(new)} messages{unit} ({change}) for {people}."


def _read_line(data: PageData, verb: str) -> str:
    streams = data.streams
    period = period_text(streams.began, streams.ended, data.about.zone)
    parts = [f"{verb} {plural(streams.events, 'event')} of {plural(streams.customers, 'customer')}"]
    parts += [period] if period else []
    if data.about.seconds is not None:
        parts.append(f"in {data.about.seconds:,.{0 if data.about.seconds >= 1 else 1}f} s")
    also = [f"{plural(streams.duplicates, 'duplicate')} left out"] if streams.duplicates else []
    also += [f"{plural(streams.dead_total, 'dead letter')} kept"] if streams.dead else []
    return ", ".join(parts) + "." + (f" {', '.join(also)}." if also else "")


def _customer_line(data: PageData) -> str:
    most = max(data.per_customer, default=0)
    text = f"Messages a customer: median {data.quantile(0.5)}, 95th {data.quantile(0.95)}, most {most}."
    if data.heaviest is None:
        return text
    return (
        f"{text} Heaviest hour: {hour_text(data.heaviest.start, data.about.zone)}, {count_text(data.heaviest.count)}."
    )


def _people(rule: RuleFigures | None) -> str:
    """Return how many customers got the rule's messages; `-` where these go to the team."""
    if rule is None:
        return count_text(0)
    return "-" if rule.is_for_the_team else count_text(rule.people)


def _reasons(rule: RuleFigures) -> list[str]:
    if not rule.chances and not rule.occurred:
        counted = sorted(rule.counted.items(), key=lambda one: (-one[1], one[0]))
        return [f"{reason}, each of {count_text(count)} times" for reason, count in counted] or [
            "its trigger was never met"
        ]
    return [f"{reason} {share_text(count, rule.chances)}" for reason, count in rule.not_sent.items()]


def _table(table: Sequence[Sequence[str]], reasons: Sequence[Sequence[str] | str], width: int) -> list[str]:
    columns = range(len(table[0]) - 1)
    widths = [max(len(line[column]) for line in table) for column in columns]
    left = sum(widths) + len(_GAP) * len(widths)
    lines = []
    for number, line in enumerate(table):
        cells = [line[0].ljust(widths[0]), *(line[column].rjust(widths[column]) for column in columns[1:])]
        last = line[-1] if number == 0 else _fit(list(reasons[number - 1]), max(REASONS_WIDTH_MIN, width - left))
        lines.append(_GAP.join([*cells, last]).rstrip())
    return lines


def _fit(parts: list[str], width: int) -> str:
    """Return as many parts as fit, and how many did not."""
    for kept in range(len(parts), 0, -1):
        more = f", {len(parts) - kept} more" if kept < len(parts) else ""
        text = ", ".join(parts[:kept]) + more
        if len(text) <= width or kept == 1:
            return text
    return ""


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in text)
