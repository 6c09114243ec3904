"""What a rule did is told from the ledger, the delivery journal and the log: both arms, uplift, and what to doubt."""

from __future__ import annotations

from dataclasses import astuple, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from relight.base.instants import DAY, HOUR, MINUTE
from relight.config.loader import LoadedProject
from relight.engine.engine import Engine
from relight.messages.life import MessageCause
from relight.messages.reasons import RowState
from relight.metrics import (
    Arm,
    Exposures,
    MeasureLog,
    RuleEffect,
    compare_arms,
    compared_rules,
    effect_people,
    effects_of,
    goal_sources,
)
from relight.metrics.effects import power_note
from relight.metrics.intervals import newcombe
from relight.metrics.remarks import remark_text
from relight.metrics.tables import Dictionary
from relight.stores.interface import Batch, Settlement
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event
from tests.unit.metrics.kit import CONFIG, at, event, project

PEOPLE = 400
LETTER = {
    "templates/hello/subject.txt": "Hello",
    "templates/hello/body.html": "<p>Hello</p>",
    "templates/hello/body.txt": "Hello",
    "templates/hello/preheader.txt": "Hello",
}
RULE = """
trigger: {event: signed_up}
class: marketing
holdout: 25%
goal: {event: bought where total > 5, attribution: 10 days}
steps: [{send: hello}]
"""
MEASURES = "sources: {order: bought, revenue: bought.total}"


class Shop:
    """A project on the engine, with what its rule decided."""

    def __init__(self, rule: str = RULE, measures: str = MEASURES, *, config: str | None = None) -> None:
        files = {"rules/hello.yaml": rule, **LETTER, **({"config/default.yaml": config} if config else {})}
        self.project: LoadedProject = project(measures, rules=files)
        plan = self.project.plan
        assert plan is not None, self.project.problems
        self.plan = replace(plan, policy=replace(plan.policy, topics={"news": True}))
        self.store = MemoryStore()
        self.engine = Engine(self.store)
        self.engine.follow_plan(self.plan, at("2026-01-05"))
        self.engine.take([
            replace_traits(event("signed_up", f"c{n:03d}", at("2026-01-05T10:00") + n)) for n in range(PEOPLE)
        ])  # fmt: skip
        self.engine.advance(at("2026-01-06"))
        rows = list(self.store.ledger())
        self.sent = [row.customer for row in rows if row.state is RowState.PENDING]
        self.ghosts = [row.customer for row in rows if row.state is RowState.HELD_OUT]

    def effect(self) -> RuleEffect:
        assert self.project.measures is not None
        log = MeasureLog(self.project.measures, also=goal_sources(self.plan))
        log.read_store(self.store)
        (found,) = effects_of(log, self.store, self.plan)
        return found

    def people(self, step: str) -> list[tuple[str, int]]:
        assert self.project.measures is not None
        log = MeasureLog(self.project.measures, also=goal_sources(self.plan))
        log.read_store(self.store)
        exposures = Exposures(log.people, entries_of=compared_rules(self.plan))
        exposures.read_store(self.store)
        found, names = effect_people(log, self.plan, exposures)["hello", step], log.people.names()
        return [(names[code], when) for code, when in zip(found.who.tolist(), found.when.tolist(), strict=True)]


def replace_traits(one: Event) -> Event:
    one.traits = {"email": f"{one.customer}@mail.example"}
    return one


def bought(who: str, when: int, total: str = "20") -> Event:
    return event("bought", who, when, {"total": total})


def test_arms_and_uplift() -> None:
    """A goal counts after the message or ghost and within the attribution, alike in both arms; Newcombe's interval."""
    shop = Shop()
    assert len(shop.sent) + len(shop.ghosts) == PEOPLE
    minute = at("2026-01-05T10:00") + MINUTE
    sent, ghosts = shop.sent[:60], shop.ghosts[:10]
    shop.engine.take(
        [
            *(bought(who, at("2026-01-08") + n) for n, who in enumerate([*sent, *ghosts])),
            # Not the goal; too late; twice the same person.
            *(bought(who, at("2026-01-09") + n, "5") for n, who in enumerate(shop.sent[60:70])),
            bought(shop.sent[0], at("2026-01-09T12:00")),
            *(bought(who, minute + 10 * DAY + 1 + n) for n, who in enumerate(shop.ghosts[10:20])),
        ]
    )
    found = shop.effect()
    assert (found.sent.people, found.held_out.people) == (len(shop.sent), len(shop.ghosts))
    assert (found.sent.reached, found.held_out.reached) == (60, 10)
    expected = newcombe((60, len(shop.sent)), (10, len(shop.ghosts)))
    assert expected is not None
    assert found.comparison.interval is not None
    assert found.comparison.uplift == pytest.approx(6000 / len(shop.sent) - 1000 / len(shop.ghosts))
    assert found.comparison.interval.low == pytest.approx(expected.low * 100)
    # 60 × $20, ten times $5, and once more $20; against 10 × $20.
    assert found.sent.revenue == pytest.approx((1200 + 50 + 20) / len(shop.sent))
    assert found.held_out.revenue == pytest.approx(200 / len(shop.ghosts))
    assert found.ratio_p is not None
    assert found.ratio_p > 0.001
    assert any(
        text.startswith("needs about ") and "to see 1 point" in text for text in map(remark_text, found.warnings)
    )
    assert "(10 days)" in found.definition


def test_a_goal_at_the_last_instant_counts() -> None:
    """The attribution holds its last instant, and not the next; the instant of the message itself is too early."""
    shop = Shop()
    row = next(row for row in shop.store.ledger() if row.state is RowState.PENDING)
    assert row.scheduled is not None
    others = [one for one in shop.sent if one != row.customer]
    second = next(r for r in shop.store.ledger() if r.customer == others[0] and r.state is RowState.PENDING)
    assert second.scheduled is not None
    shop.engine.take(
        [bought(row.customer, row.scheduled + 10 * DAY), bought(second.customer, second.scheduled + 10 * DAY + 1)]
    )
    assert shop.effect().sent.reached == 1


def test_the_journal_and_clicks_of_machines() -> None:
    """Taken, arrived and clicked come from the journal and the log; what a scanner followed counts for nothing."""
    shop = Shop()
    now = at("2026-01-06")
    claims = shop.store.claim(now, PEOPLE, owner="x", lease=DAY).ready
    keys = [claim.message.occurrence_key for claim in claims]

    def settle(some: list[str], cause: MessageCause, *, with_token: bool = False) -> None:
        token = claims[0].token if with_token else None
        shop.store.settle([Settlement(occurrence_key=key, token=token, cause=cause, at=now) for key in some])

    settle(keys, MessageCause.PROVIDER_ACCEPTED, with_token=True)
    settle(keys[:90], MessageCause.PROVIDER_DELIVERED)
    settle(keys[85:100], MessageCause.PROVIDER_BOUNCED)
    people = [claim.message.customer for claim in claims]
    clicks = [("link_clicked", who, "hello") for who in (*people[:7], people[0])]
    clicks += [("link_scanned", who, "hello") for who in people[5:50]] + [("link_clicked", people[9], "other")]
    shop.engine.take([event(name, who, now + n, {"rule": rule}) for n, (name, who, rule) in enumerate(clicks)])
    found = shop.effect().sent
    # Five came back after they had arrived: they are not in the mailbox.
    assert (found.accepted, found.delivered, found.bounced, found.clicked) == (len(keys), 85, 15, 7)
    clicked = shop.people("clicked")
    assert [who for who, _ in clicked] == [people[0], *reversed(people[1:7])]
    assert clicked[0][1] == now + 7


def test_the_people_behind_a_goal() -> None:
    """Those of the messaged arm who reached the goal, as many as are counted, the last one first, with the first time."""
    shop = Shop()
    began = at("2026-01-08")
    buyers = [*shop.sent[:5], *shop.ghosts[:3]]
    shop.engine.take([bought(who, began + n) for n, who in enumerate(buyers)])
    shop.engine.take([bought(shop.sent[0], began + DAY)])
    assert shop.effect().sent.reached == 5
    assert shop.people("goal") == [(who, began + n) for n, who in reversed(list(enumerate(shop.sent[:5])))]


def test_exposures_are_read_on(tmp_path: Path) -> None:
    """What is read on as the ledger grows is what is read at once, from a file as from memory."""
    shop = Shop()
    rows = list(shop.store.ledger())
    store = SqliteStore.open(tmp_path / "relight.db")
    people = Dictionary()
    grown = Exposures(people)
    for start in range(0, len(rows), 100):
        store.append(Batch(rows=rows[start : start + 100]))
        grown.read_store(store)
    once = Exposures(people)
    once.read_store(shop.store)
    for one, other in zip(astuple(grown.of("hello")), astuple(once.of("hello")), strict=True):
        assert np.array_equal(one, other)
    assert grown.of("hello").messages == len(shop.sent)
    assert grown.of("hello").ghosts == len(shop.ghosts)
    store.close()


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        (RULE.replace("goal:", "notes: no goal\nowner: Deniz\n#"), "has no goal"),
        (RULE.replace("holdout: 25%", "holdout: 0%"), "nobody is held out"),
        (RULE.replace("bought where total > 5", "bought where total > 5 and product == entry.source"), None),
    ],
)
def test_what_cannot_be_known_is_said(rule: str, warning: str | None) -> None:
    """A rule without a goal or a holdout has no uplift, and says why."""
    if warning is None:
        rule = RULE.replace("event: signed_up", "milestone: {streak: subscribed, at: [1 day]}").replace(
            "bought where total > 5", "bought where product == entry.period"
        )
    shop = Shop(rule)
    found = shop.effect()
    assert found.comparison.uplift is None
    assert any((warning or "compares with the entry") in text for text in map(remark_text, found.warnings))


@pytest.mark.parametrize(("per", "held"), [("", 5), ("reentry: {per: ticket}\n", 5)], ids=["once", "per"])
def test_a_goal_that_compares_with_the_entry_is_counted(per: str, held: int) -> None:
    """The event that made the entry is found again, in both arms: another ticket, too late or too early is no goal."""
    rule = RULE.replace("event: signed_up", "event: opened").replace(
        "bought where total > 5", "solved where ticket == entry.ticket"
    )
    shop = Shop(per + rule)
    opened = at("2026-01-07T10:00")
    people = [f"c{n:03d}" for n in range(PEOPLE)]
    shop.engine.take([event("opened", who, opened + n, {"ticket": f"t-{who}"}) for n, who in enumerate(people)])
    shop.engine.advance(opened + DAY)
    rows = [row for row in shop.store.ledger() if row.step]
    sent, ghosts = (
        [r.customer for r in rows if (r.state is RowState.HELD_OUT) is is_ghost] for is_ghost in (False, True)
    )
    assert len(sent) + len(ghosts) == PEOPLE

    def solved(who: str, when: int, ticket: str | None = None) -> Event:
        return event("solved", who, when, {"ticket": ticket or f"t-{who}"})

    shop.engine.take(
        [
            *(solved(who, opened + 2 * DAY + n) for n, who in enumerate([*sent[:20], *ghosts[:held]])),
            *(solved(who, opened + 3 * DAY + n, "another") for n, who in enumerate(sent[20:40])),
            *(solved(who, opened + 12 * DAY + n) for n, who in enumerate(sent[40:50])),
        ]
    )
    found = shop.effect()
    assert (found.sent.reached, found.held_out.reached) == (20, held)
    assert found.comparison.uplift == pytest.approx(2000 / len(sent) - 100 * held / len(ghosts))
    assert sorted(who for who, _ in shop.people("goal")) == sorted(sent[:20])
    assert not any("compares with" in text for text in map(remark_text, found.warnings))


def _opens(who: str, start: int) -> list[Event]:
    """Return two tickets of somebody; the second one is `t-<who>`, and arrives second."""
    return [
        event("opened", who, start, {"ticket": f"first-{who}"}),
        event("opened", who, start + MINUTE, {"ticket": f"t-{who}"}),
    ]


def _buys(who: str, start: int) -> list[Event]:
    """Return purchases of 30 and 30, of which the second one reaches 50; what it was is `t-<who>`."""
    return [
        event("bought", who, start, {"total": Decimal(30), "product": f"first-{who}"}),
        event("bought", who, start + MINUTE, {"total": Decimal(30), "product": f"t-{who}"}),
    ]


MADE_BY = {
    "count": ("milestone: {count: opened, at: [2]}", "solved where ticket == entry.ticket", _opens),
    "distinct": ("milestone: {distinct: opened.ticket, at: [2]}", "solved where ticket == entry.ticket", _opens),
    "sum": ("milestone: {sum: bought.total, at: [50]}", "solved where ticket == entry.product", _buys),
    "released": (
        "released: {asked: opened, shipped: shipped, by: ticket}", "solved where ticket == entry.ticket",
        lambda who, start: [event("opened", who, start, {"ticket": f"t-{who}"})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("made_by", MADE_BY)
def test_a_goal_compares_with_the_event_that_reached_a_mark_or_asked(made_by: str) -> None:
    """C13: the purchase that reached the sum, the second ticket, the request: each is found again, and another one is no goal."""
    trigger, goal, begins = MADE_BY[made_by]
    shop = Shop(RULE.replace("event: signed_up", trigger).replace("bought where total > 5", goal))
    start, people = at("2026-01-07T10:00"), [f"c{n:03d}" for n in range(PEOPLE)]
    shop.engine.take([one for who in people for one in begins(who, start)])
    if made_by == "released":
        shop.engine.take([event("shipped", None, start + HOUR + n, {"ticket": f"t-{w}"}) for n, w in enumerate(people)])
    shop.engine.advance(start + DAY)
    rows = [row for row in shop.store.ledger() if row.step]
    sent = [row.customer for row in rows if row.state is RowState.PENDING]
    ghosts = [row.customer for row in rows if row.state is RowState.HELD_OUT]
    assert len(sent) + len(ghosts) == PEOPLE
    solved = [
        *((who, f"t-{who}") for who in [*sent[:20], *ghosts[:5]]),
        *((who, f"first-{who}") for who in sent[20:40]),
    ]
    shop.engine.take([event("solved", w, start + 2 * DAY + n, {"ticket": t}) for n, (w, t) in enumerate(solved)])
    found = shop.effect()
    assert (found.sent.reached, found.held_out.reached) == (20, 5)
    assert not any("compares with" in text for text in map(remark_text, found.warnings))


def test_a_goal_compares_with_a_global_event() -> None:
    """C13: what a global event says is compared with, in both arms, wherever the log is kept."""
    rule = RULE.replace("event: signed_up", "global: paid").replace("where total > 5", "where total == entry.amount")
    shop = Shop(rule)
    start = at("2026-01-07T10:00")
    shop.engine.take([event("paid", None, start, {"amount": "7"})])
    shop.engine.take([event("used", f"c{n:03d}", start + MINUTE + n) for n in range(PEOPLE)])
    shop.engine.advance(start + DAY)
    rows = [row for row in shop.store.ledger() if row.step]
    sent = [row.customer for row in rows if row.state is RowState.PENDING]
    ghosts = [row.customer for row in rows if row.state is RowState.HELD_OUT]
    assert len(sent) + len(ghosts) == PEOPLE
    buyers = [*((who, "7") for who in [*sent[:20], *ghosts[:5]]), *((who, "8") for who in sent[20:40])]
    shop.engine.take([bought(who, start + 2 * DAY + n, total) for n, (who, total) in enumerate(buyers)])
    found = shop.effect()
    assert (found.sent.reached, found.held_out.reached) == (20, 5)
    assert not any("compares with" in text for text in map(remark_text, found.warnings))


def test_a_goal_that_compares_with_the_code_is_counted_where_there_is_one() -> None:
    """S6: the code that was drawn for a mail is the goal's; no ghost has one, so the arms are not compared, and it is said."""
    rule = RULE.replace("total > 5", "product == entry.code").replace("{send: hello}", "{send: hello, code: spring}")
    shop = Shop(rule, config=CONFIG.replace("ZONE", "UTC") + "codes: {spring: codes/spring.csv}\n")
    keys = {row.customer: row.occurrence_key for row in shop.store.ledger() if row.step}
    first = shop.sent[:12]
    codes = [Control(kind="code", ingest_time=at("2026-01-06T10:00"), customer=who, subject=keys[who], detail={"code": f"S-{who}"})
             for who in first]  # fmt: skip
    own = [event("bought", who, at("2026-01-07") + n, {"product": f"S-{who}"}) for n, who in enumerate(first[:7])]
    others = [event("bought", who, at("2026-01-08") + n, {"product": "S-c999"}) for n, who in enumerate(first[7:])]
    shop.engine.take([*codes, *own, *others])
    found = shop.effect()
    assert (found.sent.reached, found.held_out.reached, found.comparison.uplift) == (7, None, None)
    assert any("who is held out has none" in text for text in map(remark_text, found.warnings))


def test_a_split_that_is_not_the_declared_one_is_told() -> None:
    """Where the ghosts are far from the declared share, the figures are not to be trusted."""
    shop = Shop()
    rules = {"hello": replace(shop.plan.rules["hello"], holdout=0.5)}
    shop.plan = replace(shop.plan, rules=rules)
    found = shop.effect()
    assert found.ratio_p is not None
    assert found.ratio_p < 0.001
    assert any("do not trust the uplift" in text for text in map(remark_text, found.warnings))


def test_a_holdout_by_account_has_no_check_of_single_people() -> None:
    """Where whole accounts are held out, the split of people is no test, and the interval is said to be too narrow."""
    shop = Shop()
    shop.plan = replace(shop.plan, policy=replace(shop.plan.policy, holdout_by_account=True))
    found = shop.effect()
    assert found.ratio_p is None
    assert any("held out by account" in text and "too narrow" in text for text in map(remark_text, found.warnings))


def test_power_note() -> None:
    """Arms too small to see a point say how many people they need; large ones say nothing."""
    small = power_note(Arm(people=950, reached=30), Arm(people=50, reached=1))
    assert small is not None
    assert remark_text(small) == "needs about 3,800 people an arm to see 1 point; the smaller arm has 50"
    assert power_note(Arm(people=90_000, reached=1_971), Arm(people=5_000, reached=110)) is None
    about = power_note(Arm(people=90_000, reached=1_971), Arm(people=1_000, reached=0))
    assert about is not None
    assert remark_text(about) == "needs about 4,100 people an arm to see 1 point; the smaller arm has 1,000"


def test_revenue_of_few_people_has_no_interval() -> None:
    """A mean of fewer than thirty people has no interval that could be believed."""
    few = compare_arms(Arm(people=500, revenue=8.0, spread=2.0), Arm(people=29, revenue=0.0))
    assert (few.revenue_uplift, few.revenue_interval) == (8.0, None)
    enough = compare_arms(Arm(people=500, revenue=8.0, spread=2.0), Arm(people=30, revenue=0.0, spread=1.0))
    assert enough.revenue_interval is not None


def test_an_empty_arm_compares_with_nothing() -> None:
    """Without people in one arm there is no uplift."""
    assert compare_arms(Arm(people=5, reached=1, revenue=2.0), Arm(people=0, reached=0)).uplift is None
