"""What is told of a measure or an effect exists in each language, with the same places to fill."""

from __future__ import annotations

import string
from dataclasses import replace
from decimal import Decimal

import pytest

from relight.base.instants import DAY
from relight.config.measure_kinds import MEASURES
from relight.config.measure_plan import MeasurePlan, Scale, Source
from relight.engine.explain_lines import Count, Share
from relight.metrics.compute import Asked, compute_measures
from relight.metrics.definitions import GENERAL, SENTENCES, definition_of, effect_definition, missing_text
from relight.metrics.remarks import remark, remark_text
from relight.rules.plan import EventMatch
from relight.web.desk.texts import TEXTS
from tests.unit.metrics.kit import at, event, log_of, plan_of


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_a_language_has_every_sentence(language: str) -> None:
    """No definition, no warning and no lack is told in another language than the page."""
    said = SENTENCES[language]
    assert set(said) == set(SENTENCES["en"])
    assert {name for name, text in said.items() if places(text) != places(SENTENCES["en"][name])} == set()
    assert set(GENERAL[language]) == set(MEASURES)
    assert all(GENERAL[language].values())


def full_plan() -> MeasurePlan:
    """A plan that says all it can say."""
    names = ("signup", "left", "order", "subscription", "nps", "csat", "ces", "cost", "revenue")
    return replace(
        MeasurePlan(),
        sources={name: Source(text=name, match=EventMatch(event=name)) for name in names},
        lapsed_after=60 * DAY,
        margin=Decimal("0.4"),
        by_day=True,
        scales={name: Scale(low=1, high=5, satisfied=4) for name in ("nps", "csat", "ces")},
    )


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_no_place_stays_empty(name: str) -> None:
    """A definition names what the project's own words stand for; every place of it is filled, in each language."""
    for plan in (full_plan(), MeasurePlan()):
        for language in SENTENCES:
            text = definition_of(name, plan, language)
            assert text
            assert not places(text)


def test_a_definition_names_the_period_that_was_asked_for() -> None:
    """With `--per year` the figure is a year's, whatever the project counts by; without, it is the project's."""
    assert "period: month, in" in definition_of("revenue", full_plan())
    assert "period: year, in" in definition_of("revenue", full_plan(), width="year")
    log = log_of(plan_of("sources: {order: bought}"), [event("bought", "ann", "2026-01-10")])
    for width, word in ((None, "month"), ("year", "year")):
        (found,) = compute_measures(log, Asked(until=at("2027-02-01"), width=width), ["orders"])
        assert f"period: {word}, in" in found.definition


def test_words_of_the_project() -> None:
    """What the project says stands in the definition, lengths and percent as the language writes them."""
    text = definition_of("clv", full_plan(), "tr")
    assert "60 gün boyunca" in text
    assert "kâr payı %40" in text
    assert "14 gün içinde" in effect_definition(14 * DAY, "tr")
    assert missing_text("cac", MeasurePlan(), "tr") == "config/measures.yaml içindeki `sources` şunu söylemiyor: `cost`"
    assert (
        missing_text("churn", MeasurePlan())
        == "`sources` in config/measures.yaml does not say `left` or `lapsed_after`"
    )


def test_remarks_are_told_with_their_numbers() -> None:
    """A warning's numbers are written as the language writes them."""
    split = remark("wrong_split", held_out=Count(1200), people=Count(12000), share=Share(0.05), p="2e-08")
    assert remark_text(split).startswith("1,200 of 12,000 people were held out where 5.0% was meant (p = 2e-08)")
    assert remark_text(split, "tr").startswith("%5,0 ayrı tutulması istenirken 12.000 kişiden 1.200 kişi")
