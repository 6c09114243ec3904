"""What a measure means in this project: the general sentence, and what the project's own words stand for in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.base.durations import Span

if TYPE_CHECKING:
    from relight.config.measure_kinds import MeasureKind
    from relight.config.measure_plan import MeasurePlan

_ORDERS = frozenset({"orders", "revenue", "aov", "apf", "clv", "clv_to_cac", "repeat_purchase_rate"})
_PEOPLE = frozenset({"customers", "retention_rate", "churn", "acl", "clv", "cac", "clv_to_cac"})


def definition_of(kind: MeasureKind, plan: MeasurePlan) -> str:
    """Return the definition to show beside a figure."""
    words = list(_words(kind.name, plan))
    return kind.definition + (f" Here: {'; '.join(words)}." if words else "")


def _words(name: str, plan: MeasurePlan) -> list[str]:
    found = []
    sources = plan.sources
    if name in _PEOPLE:
        begins = sources["signup"].text if "signup" in sources else "the first activity"
        found.append(f"somebody becomes a customer at {begins}")
        if "left" in sources:
            found.append(f"leaves at {sources['left'].text}")
        if plan.lapsed_after is not None:
            found.append(f"is lost after {Span(elapsed=plan.lapsed_after)} without {_activity(plan)}")
    if name in _ORDERS and "order" in sources:
        once = ", all of one customer and local day together" if plan.by_day else ""
        found.append(f"an order is {sources['order'].text}{once}")
    if name in {"acl", "clv", "clv_to_cac"}:
        found.append(f"lifetime: {plan.lifetime}")
    if name in {"clv", "clv_to_cac"}:
        found.append(
            "on revenue" if plan.margin is None else f"on profit, at a margin of {float(plan.margin) * 100:g} %"
        )
    if name in plan.scales and name in sources:
        scale = plan.scales[name]
        threshold = f", satisfied from {scale.satisfied}" if name == "csat" else ""
        found.append(f"answers of {sources[name].text} on {scale.low}–{scale.high}{threshold}")
    if name == "mrr" and "subscription" in sources:
        found.append(f"amounts of {sources['subscription'].text}")
    found.append(f"period: {plan.period}, in {plan.zone}")
    return found


def _activity(plan: MeasurePlan) -> str:
    names = sorted(plan.activity)
    return names[0] if len(names) == 1 else f"any of {len(names)} kinds of activity"
