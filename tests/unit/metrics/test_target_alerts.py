"""A target that is missed in a period becomes an event, once, and a rule alerts the team with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from relight.base.instants import DAY
from relight.cli.project import day_maker_of
from relight.config.loader import LoadedProject
from relight.engine.daily import days_of, wanted_by
from relight.engine.engine import Engine
from relight.metrics.daily import DailyMeasures, missed_target
from relight.stores.interface import Store
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Control, Event
from relight.streams.target_events import TARGET_CUSTOMER, TARGET_MISSED
from tests.unit.metrics.kit import at, event, log_of, project

MEASURES = """
sources: {order: bought, revenue: bought.total}
targets:
  revenue: {at_least: 100 USD, owner: Deniz}
  orders: {at_least: 1, per: week}
  first_survey: {done: false}
"""
RULES = {
    "rules/missed.yaml": (
        "trigger: {event: target_missed}\nclass: internal\nreentry: every\n"
        "steps: [{alert: {to: team, template: missed}}]"
    ),
    "templates/missed/subject.txt": "{{ entry.title }} missed its target",
    "templates/missed/body.html": (
        "<p>{{ entry.owner }}: {{ entry.title }} was {{ entry.value }} in {{ entry.period }}, not {{ entry.goal }}.</p>"
    ),
    "templates/missed/body.txt": (
        "{{ entry.owner }}: {{ entry.title }} was {{ entry.value }} in {{ entry.period }}, not {{ entry.goal }}."
    ),
    "templates/missed/preheader.txt": "{{ entry.period }}",
}


def shop() -> LoadedProject:
    found = project(MEASURES, rules=RULES)
    assert [one for one in found.problems if one.severity == "error"] == []
    return found


def engine_of(loaded: LoadedProject, store: Store) -> Engine:
    engine = Engine(store)
    assert loaded.plan is not None
    assert wanted_by(loaded.plan) == {TARGET_MISSED}
    engine.days = days_of(loaded.plan, day_maker_of(loaded))
    return engine


def told(store: Store) -> list[tuple[object, object, object]]:
    return [
        (one.properties["target"], one.properties["period"], one.properties["value"])
        for _, one in store.customer_log(TARGET_CUSTOMER)
        if isinstance(one, Event)
    ]


def test_a_missed_target_alerts_its_team_once() -> None:
    """At the first midnight after a period the team hears of the target that was missed in it, never twice, never of others."""
    loaded, store = shop(), MemoryStore()
    engine = engine_of(loaded, store)
    assert loaded.plan is not None
    engine.follow_plan(loaded.plan, at("2026-01-05T10:00"))
    days = [at("2026-01-05T12:00") + n * DAY for n in range(40)]
    engine.take([event("bought", "a", when, {"total": "1.50"}) for when in days])
    assert told(store) == [("revenue", "2026-01", "40.50 USD")]
    engine.take([event("bought", "a", at("2026-02-20"), {"total": "500"})])
    engine.advance(at("2026-03-10"))
    assert told(store)[1:] == [("orders", "2026-02-23", "0"), ("orders", "2026-03-02", "0")]
    messages = [one.message for one in store.messages()]
    assert [one.subject for one in messages] == ["Revenue missed its target", *["Orders missed its target"] * 2]
    assert {one.address for one in messages} == {"team@shop.example"}
    assert messages[0].text.strip() == "Deniz: Revenue was 40.50 USD in 2026-01, not at least 100.00 USD a month."


def test_the_team_reads_the_title_of_its_language() -> None:
    """An effort is called in the mail as the project's language calls it, else in English, else by its name."""
    effort = "{title: {en: Time to an answer, tr: Yanıt süresi}, from: opened, to: solved}"
    for locale, title in (("tr", "Yanıt süresi"), ("en", "Time to an answer"), ("de", "Time to an answer")):
        measures = f"efforts: {{answer: {effort}}}\ntargets: {{answer: {{below: 1 day, owner: Deniz}}}}\n"
        plan = project("sources: {order: bought}\n" + measures, rules=RULES, locale=locale).measures
        assert plan is not None
        log = log_of(plan, [event("opened", "a", "2026-01-01"), event("solved", "a", "2026-01-05")])
        found = missed_target(log, plan.targets["answer"], at("2026-02-01"), at("2026-02-01"))
        assert found is not None
        assert found.properties["title"] == title


def test_a_second_start_tells_nothing_again() -> None:
    """What was told stands in the log: a new process judges the same periods to the same and says nothing twice."""
    loaded, store = shop(), MemoryStore()
    assert loaded.plan is not None
    first = engine_of(loaded, store)
    first.follow_plan(loaded.plan, at("2026-01-05T10:00"))
    first.take([event("bought", "a", at("2026-01-06"), {"total": "1"})])
    first.advance(at("2026-02-01T05:00"))
    before = told(store)
    assert before[-1] == ("revenue", "2026-01", "1.00 USD")
    second = engine_of(loaded, store)
    second.recover([loaded.plan])
    # Arrived after January was over, and judged with what was known then.
    late = event("bought", "b", at("2026-01-20"), {"total": "900"}, known=at("2026-02-01T06:00"))
    second.take([late])
    second.advance(at("2026-02-02T12:00"))
    assert told(store) == [*before, ("orders", "2026-01-26", "0")]
    assert second.progress.duplicates == 0


def test_the_same_is_told_however_often_one_starts() -> None:
    """A maker that begins anew at each midnight tells what one that goes on tells."""
    loaded = shop()
    assert loaded.plan is not None
    assert loaded.measures is not None
    stores = [MemoryStore(), MemoryStore()]

    class Anew(DailyMeasures):
        def __call__(self, store: Store, names: Collection[str], now: int) -> Iterator[Control | Event]:
            self.forget()
            return super().__call__(store, names, now)

    for store, begins_anew in zip(stores, (False, True), strict=True):
        engine = engine_of(loaded, store)
        if begins_anew:
            assert engine.days is not None
            engine.days.maker = Anew(loaded.measures)
        engine.follow_plan(loaded.plan, at("2026-01-05T10:00"))
        engine.take([event("bought", "a", at("2026-01-06") + n * 9 * DAY, {"total": "30"}) for n in range(9)])
        engine.advance(at("2026-04-02"))
    assert told(stores[0]) == told(stores[1]) != []


def test_a_project_without_such_a_rule_is_told_nothing() -> None:
    """Targets alone make no events: nobody waits for them."""
    loaded = project(MEASURES)
    assert day_maker_of(loaded) is None
    names = {one.name for one in (loaded.plan.schema.events.values() if loaded.plan else ())}
    assert TARGET_MISSED in names
