"""The list of rules: how each does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from relight.base.problems import Place
from relight.messages.reasons import RowState
from relight.rules.world import ALL_RULES, class_subject
from relight.web.desk.facts import Page, Table
from relight.web.desk.ledger_figures import MONTH_DAYS, RuleCounts, count_rules

if TYPE_CHECKING:
    from relight.metrics import RuleEffect
    from relight.rules.plan import Rule
    from relight.stores.interface import Store
    from relight.web.desk.desk import Desk

#: What the list can be sorted by -> key of a rule's facts.
SORTS: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[object, ...]]]] = MappingProxyType({
    "name": lambda one: (str(one["name"]).casefold(),),
    "sent": lambda one: (-one["sent_30_days"], -one["sent"], one["rule"]),
    "held_out": lambda one: (-one["held_out"], one["rule"]),
    "kept_back": lambda one: (-one["kept_back"], one["rule"]),
    "uplift": lambda one: (one["uplift"] is None, -(one["uplift"] or 0), one["rule"]),
    "last": lambda one: (-(one["last_day"] or 0), one["rule"]),
})  # fmt: skip
SORT_DEFAULT = "sent"
#: Days that the charts show; at least MONTH_DAYS.
CHART_DAYS = 60


def counts_of(store: Store, today: int) -> dict[str, RuleCounts]:
    """Return the numbers of every rule that has any."""
    days = max(CHART_DAYS, MONTH_DAYS)
    daily = store.row_counts(since=today - days + 1, state=RowState.PENDING.value)
    return count_rules(store.row_totals(), daily, store.tally_totals(), today)


def rules(desk: Desk, sort: str = "") -> Page:
    """Return every rule with its state and its numbers; sort: a key of SORTS, else by what was sent lately."""

    def read(store: Store) -> tuple[dict[str, RuleCounts], frozenset[str]]:
        return counts_of(store, desk.today(store)), desk.everybody.paused()

    counts, paused = desk.ask(read)
    effects = desk.figures.latest().effects
    listed = [
        rule_facts(rule, counts.get(name, RuleCounts()), effects.get(name), is_paused=is_paused(rule, paused))
        for name, rule in desk.plan.rules.items()
    ]
    listed.sort(key=SORTS.get(sort, SORTS[SORT_DEFAULT]))
    problems = [
        {
            "severity": one.severity,
            "code": one.code,
            "place": str(one.place),
            "text": one.message,
            "rule": _rule_of(desk, one.place),
        }
        for one in desk.loaded.problems
    ]
    columns = (
        "rule", "name", "class", "state", "sent_7_days", "sent_30_days", "held_out", "kept_back", "uplift", "low",
        "high", "place",
    )  # fmt: skip
    return Page(
        name="rules",
        facts={"rules": listed, "problems": problems},
        drawn={"sort": sort if sort in SORTS else SORT_DEFAULT},
        table=Table(columns=columns, rows=[tuple(one[key] for key in columns) for one in listed]),  # type: ignore[misc]  # of these values
    )


def _rule_of(desk: Desk, place: Place) -> str | None:
    return next((name for name, rule in desk.plan.rules.items() if rule.place.file == place.file), None)


def rule_facts(rule: Rule, counts: RuleCounts, effect: RuleEffect | None, *, is_paused: bool) -> dict[str, object]:
    """Return one rule's state and numbers."""
    interval = None if effect is None else effect.comparison.interval
    return {
        "rule": rule.id,
        "name": rule.name or rule.id,
        "class": rule.message_class.value,
        "state": "paused" if is_paused or rule.paused else "active",
        "sent": counts.sent,
        "sent_7_days": counts.sent_week,
        "sent_30_days": counts.sent_month,
        "held_out": counts.held_out,
        "kept_back": counts.kept_back,
        "last_day": counts.last_day,
        "uplift": None if effect is None else effect.comparison.uplift,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "place": str(rule.place),
    }


def is_paused(rule: Rule, paused: frozenset[str]) -> bool:
    """Return whether a rule is paused by itself, with its class or with all."""
    return bool(paused & {rule.id, class_subject(rule.message_class.value), ALL_RULES})
