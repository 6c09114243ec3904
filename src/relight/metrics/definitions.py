"""What a measure means in this project: the general sentence, and what the project's own words stand for in it.

In English and Turkish; a test compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from relight.config.measure_kinds import MEASURES
from relight.engine.explain_telling import exact_length
from relight.metrics.definitions_english import ENGLISH
from relight.metrics.definitions_turkish import TURKISH, TURKISH_MEASURES

if TYPE_CHECKING:
    from relight.config.measure_plan import MeasurePlan

_ORDERS = frozenset({"orders", "revenue", "aov", "apf", "clv", "clv_to_cac", "repeat_purchase_rate"})
_PEOPLE = frozenset({"customers", "retention_rate", "churn", "acl", "clv", "cac", "clv_to_cac"})
#: Language -> name -> sentence, with the places that the project fills.
SENTENCES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({"en": ENGLISH, "tr": TURKISH})
#: Language -> measure -> what it is in general.
GENERAL: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({
    "en": {kind.name: kind.definition for kind in MEASURES.values()}, "tr": TURKISH_MEASURES,
})  # fmt: skip


def definition_of(name: str, plan: MeasurePlan, language: str = "en", *, width: str | None = None) -> str:
    """Return the definition to show beside a figure: of a measure, or of a measured effort of the project.

    width: of the periods that were asked for; None: the project's.
    """
    said = SENTENCES[language]
    effort = plan.efforts.get(name)
    if effort is not None:
        return said["effort"].format(begins=effort.begins.text, ends=effort.ends.text)
    words = "; ".join(_words(name, plan, language, width or plan.period))
    return GENERAL[language][name] + (said["here"].format(words=words) if words else "")


def cohort_definition(language: str = "en") -> str:
    """Return what the table of cohorts shows."""
    return SENTENCES[language]["cohorts"]


def effect_definition(attribution: int, language: str = "en") -> str:
    """Return what the effect of a rule is; attribution: how long after a message its goal counts (µs)."""
    return SENTENCES[language]["effect"].format(attribution=exact_length(attribution, language))


def missing_text(name: str, plan: MeasurePlan, language: str = "en") -> str | None:
    """Return what config/measures.yaml must say before a measure can be computed, None where it can."""
    needs, one_of = plan.lacking(name)
    words = [f"`{one}`" for one in needs]
    if one_of:
        words.append(SENTENCES[language]["or"].join(f"`{one}`" for one in one_of))
    return SENTENCES[language]["missing"].format(words=", ".join(words)) if words else None


def _words(name: str, plan: MeasurePlan, language: str, width: str) -> Iterator[str]:
    said, sources = SENTENCES[language], plan.sources
    if name in _PEOPLE:
        yield said["begins"].format(where=sources["signup"].text if "signup" in sources else said["first_activity"])
        if "left" in sources:
            yield said["leaves"].format(where=sources["left"].text)
        if plan.lapsed_after is not None:
            span = exact_length(plan.lapsed_after, language)
            yield said["lost"].format(span=span, activity=_activity(plan, language))
    if name in _ORDERS and "order" in sources:
        yield said["order_by_day" if plan.by_day else "order"].format(order=sources["order"].text)
    if name in {"acl", "clv", "clv_to_cac"}:
        yield said["lifetime"].format(lifetime=plan.lifetime)
    if name in {"clv", "clv_to_cac"}:
        margin = None if plan.margin is None else f"{float(plan.margin) * 100:g}"
        yield said["on_revenue"] if margin is None else said["on_profit"].format(margin=margin)
    if name in plan.scales and name in sources:
        scale = plan.scales[name]
        answers = said["answers"].format(source=sources[name].text, low=scale.low, high=scale.high)
        yield answers + (said["satisfied"].format(satisfied=scale.satisfied) if name == "csat" else "")
    if name == "mrr" and "subscription" in sources:
        yield said["amounts"].format(source=sources["subscription"].text)
    yield said["period"].format(period=said[f"a_{width}"], zone=plan.zone)


def _activity(plan: MeasurePlan, language: str) -> str:
    names = sorted(plan.activity)
    return names[0] if len(names) == 1 else SENTENCES[language]["any_of"].format(count=len(names))
