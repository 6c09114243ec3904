"""The figures of a page equal a slow recount of the rows."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from relight.base.instants import HOUR, MINUTE, from_local, to_utc
from relight.messages.ledger import LedgerRow
from relight.messages.reasons import Reason, RowState
from relight.simulate.pages import About, Heaviest, PageData, StreamCounts, gather
from tests.unit.simulate.pages.sample import RULES, make_rows


def page_of(rows: list[LedgerRow], zone: str = "Europe/Istanbul") -> PageData:
    about = About(project="shop", zone=zone, rules={rule: one[0] for rule, one in RULES.items()})
    return gather(iter(rows), {}, about=about, streams=StreamCounts())


def sent(rows: list[LedgerRow]) -> list[LedgerRow]:
    return [row for row in rows if row.state == "pending"]


def make_row(
    state: RowState, *, customer: str = "ada", step: str = "mail", at: int = 0, reason: Reason | None = None
) -> LedgerRow:
    return LedgerRow(
        occurrence_key=f"{customer}{step}{at}", rule="quiet", customer=customer, occurrence="n:1", step=step,
        state=state, reason=reason, judged=at, scheduled=at, plan_version="p1",
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[LedgerRow]:
    return make_rows(scale=0.4)


def test_counts_equal_a_recount(rows: list[LedgerRow]) -> None:
    """Entered, kept out, messages, held out, refused, ended and people of every rule are those of its rows."""
    for rule in page_of(rows).rules:
        own = [row for row in rows if row.rule == rule.id]
        assert rule.entered == len([row for row in own if row.state == "entered"])
        assert rule.messages == len(sent(own))
        assert rule.held_out == len([row for row in own if row.state == "held_out"])
        kept = Counter(row.reason for row in own if row.state == "suppressed" and not row.step)
        assert dict(rule.kept_out) == kept
        assert dict(rule.refused) == Counter(row.reason for row in own if row.state == "suppressed" and row.step)
        assert dict(rule.ended) == Counter(row.reason for row in own if row.state == "ended")
        assert rule.people == len({row.customer for row in sent(own)})
        assert rule.occurred == len([row for row in own if not row.step])


@pytest.mark.parametrize("zone", ["Europe/Istanbul", "Asia/Kathmandu", "America/St_Johns", "UTC"])
def test_days_and_hours_are_local(rows: list[LedgerRow], zone: str) -> None:
    """Days and the heaviest hour are those of the project's zone, also where its offset is no whole hour."""
    data = page_of(rows, zone)
    info = ZoneInfo(zone)
    days = Counter((row.rule, to_utc(row.scheduled or 0).astimezone(info).toordinal()) for row in sent(rows))
    assert {(rule.id, day): count for rule in data.rules for day, count in rule.days.items()} == days
    hours = Counter(to_utc(row.scheduled or 0).astimezone(info).replace(minute=0) for row in sent(rows))
    assert data.heaviest is not None
    assert data.heaviest.count == max(hours.values())
    assert hours[to_utc(data.heaviest.start).astimezone(info)] == data.heaviest.count


def test_messages_a_customer(rows: list[LedgerRow]) -> None:
    """The distribution, the people reached and the quantiles are those of the customers with a message."""
    data = page_of(rows)
    each = sorted(Counter(row.customer for row in sent(rows)).values())
    assert data.per_customer == Counter(each)
    assert data.people == len(each)
    assert data.quantile(0.5) == each[-(-len(each) // 2) - 1]
    assert data.quantile(0.95) == each[-(-len(each) * 95 // 100) - 1]
    assert data.quantile(1.0) == each[-1]


def test_an_alert_to_the_team_reaches_no_customer() -> None:
    """It is a message, and the customer whom it is about has got none: neither the rule nor the page counts them."""
    rows = [make_row(RowState.PENDING, step="alert"), make_row(RowState.PENDING, customer="bo")]
    about = About(project="shop", zone="UTC", rules={"quiet": "Quiet"}, alerts={("quiet", "alert")})
    data = gather(rows, {}, about=about, streams=StreamCounts())
    assert (data.messages, data.people, data.rules[0].people, data.per_customer) == (2, 1, 1, {1: 1})
    assert not data.rules[0].is_for_the_team
    assert gather(rows[:1], {}, about=about, streams=StreamCounts()).rules[0].is_for_the_team


def test_reasons_add_up(rows: list[LedgerRow]) -> None:
    """Every row with a refusal is in one reason, held-out ones in holdout, and the rules of a reason add up to it."""
    data = page_of(rows)
    refused = Counter(row.reason for row in rows if row.state in ("suppressed", "held_out"))
    assert {one.reason: one.not_sent for one in data.reasons if one.not_sent} == refused
    assert all(sum(count for _, count in one.rules) == one.not_sent for one in data.reasons)
    assert data.not_sent == sum(refused.values())
    assert sum(rule.chances for rule in data.rules) == data.messages + data.not_sent


def test_what_has_no_row_stands_apart() -> None:
    """Occurrences that are only counted are in no total of rows, and are shown by rule and reason (R6)."""
    about = About(project="shop", zone="UTC", rules={"quiet": "Quiet"})
    counted = {("quiet", "audience_false", 1): 3, ("quiet", "audience_false", 2): 4, ("late", "reentry_gap", 2): 1}
    data = gather([], counted, about=about, streams=StreamCounts())
    assert {rule.id: dict(rule.counted) for rule in data.rules} == {
        "quiet": {"audience_false": 7}, "late": {"reentry_gap": 1}
    }  # fmt: skip
    assert data.not_sent == 0
    assert [(one.reason, one.counted) for one in data.reasons] == [("audience_false", 7), ("reentry_gap", 1)]


def test_an_hour_that_happens_twice_is_two_hours() -> None:
    """On the day the clocks go back the doubled hour is not taken for one of twice the weight."""
    first = from_local(dt.datetime(2026, 10, 25, 2, 30), "Europe/Berlin")  # noqa: DTZ001 - a wall clock
    rows = [make_row(RowState.PENDING, at=first), make_row(RowState.PENDING, at=first + HOUR, customer="bo")]
    data = page_of(rows, "Europe/Berlin")
    assert data.heaviest == Heaviest(start=first - 30 * MINUTE, count=1)
    assert sum(data.rules[0].days.values()) == 2


def test_an_empty_ledger_is_a_page_of_zeros() -> None:
    """Without rows every rule is there with zeros, and nothing divides by them."""
    data = page_of([])
    assert {rule.id for rule in data.rules} == set(RULES)
    assert (data.messages, data.people, data.not_sent, data.quantile(0.5), data.heaviest) == (0, 0, 0, 0, None)
    assert len(data.days) == 0


def test_an_example_is_somebody_whom_the_reason_kept() -> None:
    """The customer shown for a reason is one whose row has it."""
    rows = [
        make_row(RowState.PENDING),
        make_row(RowState.SUPPRESSED, customer="bo", reason=Reason.NO_CONSENT),
        make_row(RowState.SUPPRESSED, customer="cy", reason=Reason.NO_CONSENT),
    ]
    assert page_of(rows).rules[0].examples == {"no_consent": "bo"}
