"""A8, A10, A12, A16 in the shop: trial_feedback, how_was_it, time_to_refill, winback, incident_notice."""

from __future__ import annotations

import pytest

from tests.shop.harness import NAMES, NEW_YORK, Happened, Shop, clock, happened, orders, signs_up, subscribes

BOTH = pytest.mark.parametrize("language", ["en", "tr"])
REFILL = "Card refill, 500 cards"


# ---------------------------------------------------------------- A8
@BOTH
def test_a_trial_without_a_plan_is_asked_what_was_missing(shop: Shop, language: str) -> None:
    """Two days after the trial ended, at its hour; the mail names the day it ended in the reader's own spelling."""
    who = shop.customer()
    trial = [*signs_up(who, language, trial_ends_at="2026-01-19T07:00:00Z"), happened("14 days", "trial_ended", who)]
    told = shop.tell(trial, "17 days")
    assert told.words("trial_feedback") == ["entered", "pending"]
    mail = told.mail("trial_feedback")
    assert clock(mail.row.scheduled) == "Wed 2026-01-21 10:00"
    assert mail.rendered.subject == {"en": "What was missing?", "tr": "Eksik olan neydi?"}[language]
    assert {"en": "19 January 2026", "tr": "19 Ocak 2026"}[language] in mail.rendered.text
    assert NAMES[language] in mail.rendered.text


def test_whoever_takes_a_plan_within_the_two_days_is_not_asked(shop: Shop) -> None:
    """A plan taken a day after the trial's end ends the entry with `exit`."""
    who = shop.customer()
    told = shop.tell([signs_up(who), happened("14 days", "trial_ended", who), *subscribes(who, "15 days")], "17 days")
    assert told.words("trial_feedback") == ["entered", "ended exit"]
    assert told.why("trial_feedback")[1] == "subscribed"


def test_a_deleted_account_is_not_asked(shop: Shop) -> None:
    """Whoever deleted the account before the trial ended is counted, and no row is written."""
    who = shop.customer()
    gone = [happened("9 days", "account_deleted", who), happened("14 days", "trial_ended", who)]
    told = shop.tell([signs_up(who), *gone], "17 days")
    assert told.words("trial_feedback") == []
    assert told.counted == {("trial_feedback", "audience_false"): 1}


def test_a_customer_who_drifts_is_no_trial_that_failed(shop: Shop) -> None:
    """Whoever took a plan before the trial's end is quiet's case only; trial_feedback counts a false audience."""
    who = shop.customer()
    starts = [*signs_up(who), *subscribes(who), happened("5 days", "session_started", who)]
    told = shop.tell([*starts, happened("14 days", "trial_ended", who)], "36 days")
    assert [t for t, _ in told.sent()] == ["quiet_nudge", "quiet_help"]
    assert told.words("trial_feedback") == []
    assert told.counted["trial_feedback", "audience_false"] == 1


# ---------------------------------------------------------------- A10 how_was_it
@BOTH
def test_a_week_after_the_order_its_product_is_asked_about(shop: Shop, language: str) -> None:
    """Seven days after the order, by the product's name."""
    who = shop.customer()
    told = shop.tell([signs_up(who, language), *orders(who, "3 days 45 minutes")], "11 days")
    assert told.words("how_was_it") == ["entered", "pending"]
    mail = told.mail("how_was_it")
    assert clock(mail.row.scheduled) == "Thu 2026-01-15 10:45"
    assert (
        mail.rendered.subject
        == {"en": f"One week with it: {REFILL}", "tr": f"Bir haftanın ardından: {REFILL}"}[language]
    )
    assert NAMES[language] in mail.rendered.text


def test_a_refunded_order_is_not_asked_about(shop: Shop) -> None:
    """A refund of this order ends its entry; the other order is asked about."""
    who = shop.customer()
    refund = happened("5 days", "order_refunded", who, order_id="TB-1", amount="640.00")
    told = shop.tell([signs_up(who), *orders(who, "3 days", "4 days"), refund], "12 days")
    assert told.words("how_was_it") == ["entered", "entered", "ended exit", "pending"]
    assert told.mail("how_was_it").entry.properties["order_id"] == "TB-2"


def test_whoever_deletes_the_account_is_not_asked_how_it_was(shop: Shop) -> None:
    """Gone within the week: the entry ends with `exit`."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *orders(who, "3 days"), happened("5 days", "account_deleted", who)], "12 days")
    assert told.words("how_was_it") == ["entered", "ended exit"]
    assert told.why("how_was_it")[1] == "account_deleted"


def test_an_order_without_a_product_cannot_be_asked_about(shop: Shop) -> None:
    """The till left the product empty: missing_data, and no mail that asks about nothing."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *orders(who, "3 days", product="")], "11 days")
    assert told.words("how_was_it") == ["entered", "suppressed missing_data"]
    assert told.why("how_was_it")[1] == "entry.product"


def test_asking_how_it_was_and_a_refill_are_weeks_apart(shop: Shop) -> None:
    """A regular buyer is asked a week after each order and reminded 1.2 intervals after the last, never on one day."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *subscribes(who), *orders(who, "0 days", "20 days", "40 days")], "65 days")
    assert told.words("time_to_refill")[-2:] == ["entered", "pending"]
    shown = [(template, minute) for template, minute in told.sent() if template in {"how_was_it", "time_to_refill"}]
    assert shown == [
        ("how_was_it", "Mon 2026-01-12 10:00"),
        ("how_was_it", "Sun 2026-02-01 10:00"),
        ("how_was_it", "Sat 2026-02-21 10:00"),
        ("time_to_refill", "Tue 2026-03-10 10:00"),
    ]


# ---------------------------------------------------------------- A10 time_to_refill
@BOTH
def test_a_refill_is_due_at_the_persons_own_interval(shop: Shop, language: str) -> None:
    """Orders every 30 days: reminded 36 days after the last one, with what it was and what it cost."""
    who = shop.customer()
    told = shop.tell([signs_up(who, language), *orders(who, "0 days", "30 days", "60 days")], "97 days")
    mail = told.mail("time_to_refill")
    assert clock(mail.row.scheduled) == "Sat 2026-04-11 10:00"
    assert (
        mail.rendered.subject == {"en": f"About to reorder? {REFILL}", "tr": f"Yenileme zamanı mı? {REFILL}"}[language]
    )
    assert {"en": "TRY 640.00", "tr": "₺640,00"}[language] in mail.rendered.text.replace("\u00a0", " ")


def test_two_orders_make_no_rhythm(shop: Shop) -> None:
    """The second order shows an interval, not a habit: the row says two."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *orders(who, "0 days", "30 days")], "70 days")
    assert told.words("time_to_refill") == ["suppressed audience_false"]
    assert told.why("time_to_refill") == ("audience_false", "count(order_placed) >= 3", "2")


def test_a_slow_rhythm_is_a_refill_and_no_win_back(shop: Shop) -> None:
    """Orders every 55 days: at 60 days win-back holds still, at 66 the refill is due. Each row says so."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *orders(who, "0 days", "55 days", "110 days")], "177 days")
    assert told.words("winback") == ["suppressed audience_false"]
    assert told.words("time_to_refill")[-2:] == ["entered", "pending"]
    assert told.sent()[-1] == ("time_to_refill", "Tue 2026-06-30 10:00")


# ---------------------------------------------------------------- A12 winback
@BOTH
def test_sixty_days_without_an_order_bring_one_offer(shop: Shop, language: str) -> None:
    """Sixty days after the last order: the offer, with what was bought last."""
    who = shop.customer()
    told = shop.tell([signs_up(who, language), *orders(who, "2 days")], "63 days")
    assert told.words("winback") == ["entered", "pending"]
    mail = told.mail("winback")
    assert (mail.step.template, clock(mail.row.scheduled)) == ("offer", "Sun 2026-03-08 10:00")
    subject = {"en": "15% off one order in the Tidewater shop", "tr": "Tidewater mağazasında tek siparişe %15 indirim"}
    assert mail.rendered.subject == subject[language]
    assert REFILL in mail.rendered.text


@BOTH
def test_a_very_good_customer_gets_the_better_offer(shop: Shop, language: str) -> None:
    """Three orders and 5,000 lira: a workshop seat, with the number of orders."""
    who = shop.customer()
    bought = orders(who, "0 days", "20 days", "40 days", product="Wall kit", amount="4000.00")
    told = shop.tell([signs_up(who, language), *bought], "101 days")
    mail = told.mail("winback")
    assert (mail.step.template, clock(mail.row.scheduled)) == ("offer_vip", "Wed 2026-04-15 10:00")
    subject = {
        "en": "A workshop seat on us with your next order",
        "tr": "Sıradaki siparişinizle bir atölye yeri hediye",
    }
    assert mail.rendered.subject == subject[language]
    assert {"en": "3 orders", "tr": "3 sipariş"}[language] in mail.rendered.preheader


def test_a_second_lapse_within_half_a_year_brings_no_second_discount(shop: Shop) -> None:
    """Two lapses of 60 days, 80 days apart: one offer, then the row says reentry_gap."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *orders(who, "0 days", "80 days")], "141 days")
    assert told.words("winback") == ["entered", "pending", "suppressed reentry_gap"]


def test_whoever_left_gets_no_offer(shop: Shop) -> None:
    """A deleted account is not won back with a discount."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *orders(who, "2 days"), happened("20 days", "account_deleted", who)], "63 days")
    assert told.words("winback") == ["suppressed audience_false"]
    assert told.why("winback")[0] == "audience_false"


# ---------------------------------------------------------------- A16
def _incident(when: str, region: str = "tr") -> Happened:
    texts = {"title": "Writes time out", "title_tr": "Yazma istekleri gecikiyor", "began": "2026-01-11T19:50:00Z"}
    return happened(when, "incident_opened", region=region, url="https://status.tidewater.example/1", **texts)


@BOTH
def test_an_incident_reaches_whom_it_affects_at_once(shop: Shop, language: str) -> None:
    """Called the API there last week: told in the night and without any consent, because it is no advertisement."""
    who = shop.customer()
    calls = happened("3 days", "api_called", who, calls=40)
    told = shop.tell([signs_up(who, language, topics=()), calls, _incident("6 days 13 hours 30 minutes")], "8 days")
    assert told.words("incident_notice") == ["entered", "pending"]
    mail = told.mail("incident_notice")
    assert clock(mail.row.scheduled) == "Sun 2026-01-11 23:30"
    subject = {"en": "API trouble in region TR: what we know", "tr": "TR bölgesinde API sorunu: bildiklerimiz"}
    assert mail.rendered.subject == subject[language]
    assert {"en": "Writes time out", "tr": "Yazma istekleri gecikiyor"}[language] in mail.rendered.text
    assert {"en": "since 11 January 2026 22:50", "tr": "Başlangıç: 11 Ocak 2026 22:50"}[language] in mail.rendered.text
    assert NAMES[language] in mail.rendered.text


@pytest.mark.parametrize(("region", "called"), [("eu", "3 days"), ("tr", None), ("tr", "0 days")])
def test_an_incident_elsewhere_or_of_something_unused_is_no_occurrence(
    shop: Shop, region: str, called: str | None
) -> None:
    """Another region, no calls at all, or none for more than a week: counted, no row, no mail."""
    who = shop.customer()
    calls = [] if called is None else [happened(called, "api_called", who, calls=40)]
    told = shop.tell([signs_up(who, timezone=NEW_YORK), *calls, _incident("8 days", region)], "9 days")
    assert told.words("incident_notice") == []
    assert told.mails == []


def test_an_incident_takes_no_place_of_the_days_one_message(shop: Shop) -> None:
    """A notice and, an hour later, a milestone: the customer gets both on one day, since only marketing is capped."""
    who = shop.customer()
    rows = [
        happened("3 days", "api_called", who, calls=1),
        _incident("4 days"),
        happened("4 days 1 hour", "report_created", who),
    ]
    told = shop.tell([signs_up(who), *rows], "6 days")
    assert told.sent() == [("incident_notice", "Fri 2026-01-09 10:00"), ("milestone", "Fri 2026-01-09 11:00")]
