"""A1, A2 and A9 in the shop: quiet, whats_new, can_we_help."""

from __future__ import annotations

import pytest

from tests.shop.harness import NAMES, Happened, Shop, clock, each, happened, releases, signs_up, subscribes

BOTH = pytest.mark.parametrize("language", ["en", "tr"])


def _customer(who: str, language: str = "en", last_visit: str = "5 days") -> list[Happened]:
    """A paying customer who came for the last time at `last_visit`."""
    return [*signs_up(who, language), *subscribes(who, "1 day"), happened(last_visit, "session_started", who)]


def _habit(who: str, weeks: range) -> list[Happened]:
    """Visits on five days a week."""
    return each([f"{7 * week + day} days" for week in weeks for day in range(5)], "session_started", who)


# ---------------------------------------------------------------- A1 quiet, 7 days
@BOTH
def test_seven_quiet_days_of_somebody_new_bring_a_nudge(shop: Shop, language: str) -> None:
    """Whoever pays, is still settling in and stayed away for 7 days is told where the boards are, at that very minute."""
    who = shop.customer()
    told = shop.tell([_customer(who, language), happened("2 days", "board_created", who, board="b1")], "13 days")
    assert told.words("quiet") == ["entered", "pending"]
    assert told.sent() == [("quiet_nudge", "Sat 2026-01-17 10:00")]
    subject = {"en": "Your boards are where you left them", "tr": "Panolarınız bıraktığınız yerde duruyor"}
    rendered = told.mail("quiet").rendered
    assert rendered.subject == subject[language]
    assert rendered.locale == language
    assert NAMES[language] in rendered.text
    assert NAMES[language] in rendered.html


def test_seven_quiet_days_of_an_old_customer_are_none_of_quiets_business(shop: Shop) -> None:
    """After 56 days a week without a visit is no reason to write: the row names the leaf and the age."""
    who = shop.customer()
    told = shop.tell([_customer(who, last_visit="70 days")], "78 days")
    late = [row for row in told.of("quiet") if row.deadline == happened("77 days", "x").when]
    assert [(row.reason, row.leaf) for row in late] == [("audience_false", "since(signed_up) < 56 days")]
    assert late[0].number == "77 days"


def test_somebody_on_trial_is_not_told_that_the_account_is_quiet(shop: Shop) -> None:
    """Quiet speaks to paying customers; a trial that fell asleep is trial_feedback's case, and the other way round."""
    who = shop.customer()
    sleeps = [*signs_up(who), happened("1 day", "session_started", who), happened("14 days", "trial_ended", who)]
    told = shop.tell([*sleeps, releases("10 days")], "40 days")
    assert told.words("quiet") == ["suppressed audience_false", "suppressed audience_false"]
    assert told.why("quiet") == ("audience_false", "count(subscribed) > count(subscription_cancelled)", "0")
    assert told.words("whats_new") == ["suppressed audience_false"]
    assert told.words("trial_feedback") == ["entered", "pending"]


def test_one_who_comes_every_nine_days_is_nudged_once_a_month(shop: Shop) -> None:
    """Each gap of nine days is a silence of its own; within 30 days of a nudge the row says reentry_gap."""
    who = shop.customer()
    visits = each([f"{day} days" for day in range(3, 49, 9)], "session_started", who)
    told = shop.tell([*signs_up(who), *subscribes(who, "1 day"), *visits], "53 days")
    silences = [word for word in told.words("quiet") if word != "pending"]
    assert silences == ["entered", *["suppressed reentry_gap"] * 3, "entered"]
    assert [minute for _, minute in told.sent()] == ["Thu 2026-01-15 10:00", "Fri 2026-02-20 10:00"]


# ---------------------------------------------------------------- A1 quiet, 30 days, against A2 whats_new
@BOTH
def test_thirty_quiet_days_without_news_bring_help(shop: Shop, language: str) -> None:
    """A month away with nothing new to tell: an offer of help, at 30 days to the minute; whats_new's row says no news."""
    who = shop.customer()
    told = shop.tell([_customer(who, language, "6 days 30 minutes")], "37 days")
    assert told.words("quiet") == ["entered", "pending", "entered", "pending"]
    assert told.sent()[-1] == ("quiet_help", "Tue 2026-02-10 10:30")
    subject = {"en": "Shall we set up one board for you?", "tr": "Bir panoyu sizin için biz kuralım mı?"}
    assert told.mails[-1].rendered.subject == subject[language]
    assert NAMES[language] in told.mails[-1].rendered.text
    assert told.words("whats_new") == ["suppressed audience_false"]
    assert told.why("whats_new") == ("audience_false", "count(feature_released, 30 days) > 0", "0")


@BOTH
def test_thirty_quiet_days_with_news_bring_the_news(shop: Shop, language: str) -> None:
    """A month away while something shipped: one mail that lists it; quiet keeps silent and says why."""
    who = shop.customer()
    shipped = [
        releases("1 day", "too_old", "Too old", "Çok eski"),
        releases("10 days"),
        releases("20 days", "webhooks", "Webhooks for boards", "Panolar için web kancaları"),
    ]
    told = shop.tell([_customer(who, language, "6 days"), *shipped], "37 days")
    assert told.words("whats_new") == ["entered", "pending"]
    rendered = told.mail("whats_new").rendered
    assert clock(told.mail("whats_new").row.scheduled) == "Tue 2026-02-10 10:00"
    subject = {"en": "What we shipped while you were away", "tr": "Siz yokken neler ekledik?"}
    names = {"en": ("Dark theme", "Webhooks for boards"), "tr": ("Koyu tema", "Panolar için web kancaları")}
    assert rendered.subject == subject[language]
    assert all(name in rendered.text and name in rendered.html for name in (*names[language], NAMES[language]))
    assert "Too old" not in rendered.text
    assert "Çok eski" not in rendered.text
    assert told.words("quiet") == ["entered", "pending", "suppressed audience_false"]
    assert told.why("quiet")[0] == "audience_false"


def test_whoever_came_back_in_time_hears_no_news(shop: Shop) -> None:
    """A visit exactly at the deadline is in time: no occurrence of whats_new, so no row."""
    who = shop.customer()
    back = happened("36 days", "session_started", who)
    told = shop.tell([_customer(who, last_visit="6 days"), releases("20 days"), back], "37 days")
    assert told.words("whats_new") == []


# ---------------------------------------------------------------- A1 quiet, 90 days
@BOTH
def test_ninety_quiet_days_bring_an_honest_goodbye(shop: Shop, language: str) -> None:
    """Three months of paying for nothing are said openly, by the plan's name, whatever shipped meanwhile."""
    who = shop.customer()
    plan = happened("1 day", "identify", who, plan="team")
    told = shop.tell([_customer(who, language, "6 days"), plan, releases("80 days")], "97 days")
    assert told.sent()[-1] == ("quiet_goodbye", "Sat 2026-04-11 10:00")
    subject = {
        "en": "You are paying for boards nobody opens",
        "tr": "Kimsenin açmadığı panolar için ödeme yapıyorsunuz",
    }
    assert told.mails[-1].rendered.subject == subject[language]
    assert {"en": "Your Team plan", "tr": "Team planınız"}[language] in told.mails[-1].rendered.text


def test_whoever_cancelled_is_left_alone(shop: Shop) -> None:
    """Ninety days after the last visit somebody who cancelled hears nothing, neither of silence nor of news."""
    who = shop.customer()
    leaves = happened("8 days", "subscription_cancelled", who, cause="price")
    told = shop.tell([_customer(who, last_visit="6 days"), leaves, releases("20 days")], "97 days")
    assert [t for t, _ in told.sent()] == []
    assert told.why("quiet") == ("audience_false", "count(subscribed) > count(subscription_cancelled)", "1")
    assert told.words("whats_new") == ["suppressed audience_false"]


# ---------------------------------------------------------------- A9 can_we_help
def _slump(who: str, language: str = "en") -> list[Happened]:
    """Five visits a week for ten weeks, then one a week."""
    slow = each(["71 days", "78 days"], "session_started", who)
    return [*signs_up(who, language), *subscribes(who), *_habit(who, range(10)), *slow]


@BOTH
def test_half_as_busy_as_usual_is_asked_about(shop: Shop, language: str) -> None:
    """Of five visits a week two are left on day 73: the question comes at the minute the third one leaves the week."""
    who = shop.customer()
    told = shop.tell(_slump(who, language), "76 days")
    assert told.words("can_we_help") == ["entered", "pending"]
    mail = told.mail("can_we_help")
    assert clock(mail.row.scheduled) == "Thu 2026-03-19 10:00"
    subject = {
        "en": "Half as busy this week. Is something in the way?",
        "tr": "Bu hafta yarı yarıya sakin. Bir aksilik mi var?",
    }
    assert mail.rendered.subject == subject[language]
    assert NAMES[language] in mail.rendered.text
    assert told.words("quiet") == []


def test_an_occasional_visitor_has_no_habit_to_fall_from(shop: Shop) -> None:
    """Two visits a week are no habit: when they become one, the row says how many there were."""
    who = shop.customer()
    twice = each(
        [f"{7 * week + day} days" for week in range(12) for day in (0, 1, 3)[: 2 + week % 2]], "session_started", who
    )
    told = shop.tell([signs_up(who), *subscribes(who), *twice, happened("87 days", "session_started", who)], "89 days")
    assert set(told.words("can_we_help")) == {"suppressed audience_false"}
    assert told.why("can_we_help")[1] == "count(session_started, 63 days) >= 24"


def test_somebody_new_is_quiets_case_and_not_can_we_helps(shop: Shop) -> None:
    """Whoever is settling in and stops at once gets one mail, the nudge: both rules' rows say so."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *subscribes(who, "1 day"), *_habit(who, range(5))], "41 days")
    assert told.words("quiet") == ["entered", "pending"]
    assert [t for t, _ in told.sent()] == ["quiet_nudge"]
    assert set(told.words("can_we_help")) == {"suppressed audience_false"}
