"""A3, A4, A5 in the shop: you_asked_we_shipped, milestone, invite_your_team."""

from __future__ import annotations

import pytest

from tests.shop.harness import NAMES, Happened, Shop, clock, each, happened, releases, signs_up, subscribes

BOTH = pytest.mark.parametrize("language", ["en", "tr"])
WISH = {
    "en": "I plan at night. A dark theme would spare my eyes.",
    "tr": "Planlarımı gece yapıyorum, koyu tema isterim.",
}


def _asked(who: str, language: str = "en", **fields: object) -> Happened:
    return happened(
        "4 days", "feature_requested", who, **{"feature": "dark_theme", "wording": WISH[language], **fields}
    )


# ---------------------------------------------------------------- A3
@BOTH
def test_whoever_asked_hears_that_it_shipped(shop: Shop, language: str) -> None:
    """The person's own sentence comes back with the release; two requests for one feature are one mail."""
    who = shop.customer()
    again = happened("5 days", "feature_requested", who, feature="dark_theme", wording=WISH[language])
    told = shop.tell([signs_up(who, language), _asked(who, language), again, releases("30 days 90 minutes")], "31 days")
    assert told.words("you_asked_we_shipped") == ["entered", "pending"]
    mail = told.mail("you_asked_we_shipped")
    assert clock(mail.row.scheduled) == "Wed 2026-02-04 11:30"
    assert (
        mail.rendered.subject == {"en": "You asked for it: Dark theme", "tr": "İstediğiniz hazır: Koyu tema"}[language]
    )
    assert all(own in mail.rendered.text for own in (WISH[language], NAMES[language]))


def test_whoever_uses_it_already_need_not_be_told(shop: Shop) -> None:
    """A request by somebody who has used the feature since is refused with `unless`."""
    who = shop.customer()
    uses = happened("9 days", "feature_used", who, feature="dark_theme")
    told = shop.tell([signs_up(who), _asked(who), uses, releases("30 days")], "31 days")
    assert told.words("you_asked_we_shipped") == ["suppressed unless"]


def test_whoever_asked_for_something_else_has_no_occurrence(shop: Shop) -> None:
    """A release is no occurrence for requests of another feature."""
    who = shop.customer()
    told = shop.tell([signs_up(who), _asked(who, feature="gantt"), releases("30 days")], "31 days")
    assert told.words("you_asked_we_shipped") == []


def test_an_answered_wish_takes_the_day_from_the_news(shop: Shop) -> None:
    """Released and 30 days away in one night: at 09:00 the personal mail wins the day's one place, the news is capped."""
    who = shop.customer()
    away = [*signs_up(who), *subscribes(who), happened("4 days 14 hours", "session_started", who), _asked(who)]
    told = shop.tell([*away, releases("34 days 12 hours")], "36 days")
    assert told.words("you_asked_we_shipped") == ["entered", "pending"]
    assert told.sent()[-1] == ("you_asked_we_shipped", "Mon 2026-02-09 09:00")
    assert told.words("whats_new") == ["entered", "suppressed frequency_cap"]
    assert told.words("quiet")[-1] == "suppressed audience_false"


# ---------------------------------------------------------------- A4
@BOTH
@pytest.mark.parametrize(
    ("reports", "subjects"),
    [
        (1, {"en": "Your first report is ready to be read", "tr": "İlk raporunuz okunmaya hazır"}),
        (
            10,
            {
                "en": "Ten reports: let the next one write itself",
                "tr": "On rapor oldu: sıradaki kendi kendine yazılsın",
            },
        ),
        (100, {"en": "A hundred reports are an archive", "tr": "Yüz rapor artık bir arşiv demek"}),
        (1000, {"en": "1,000 reports. Thank you.", "tr": "1.000 rapor. Teşekkür ederiz."}),
    ],
)
def test_a_milestone_is_marked_at_the_report_that_reaches_it(
    shop: Shop, language: str, reports: int, subjects: dict[str, str]
) -> None:
    """The 1st, 10th, 100th and 1,000th report bring one mail each, never again."""
    who = shop.customer()
    written = each([f"2 days {n} minutes" for n in range(1, reports)] + ["12 days 1 hour"], "report_created", who)
    told = shop.tell([signs_up(who, language), *written, happened("12 days 2 hours", "report_created", who)], "13 days")
    mail = told.mails[-1]
    assert (mail.row.rule, clock(mail.row.scheduled)) == ("milestone", "Sat 2026-01-17 11:00")
    assert mail.rendered.subject == subjects[language]
    assert NAMES[language] in mail.rendered.text


def test_two_reports_are_no_milestone(shop: Shop) -> None:
    """The second report makes no occurrence."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *each(["1 day", "2 days"], "report_created", who)], "4 days")
    assert [row.occurrence for row in told.of("milestone")] == ["milestone:1"] * 2


def test_a_first_report_and_a_first_import_share_a_week_by_rank(shop: Shop) -> None:
    """Import and report in one night: at 09:00 the invitation ranks before the milestone, which the day's cap stops."""
    who = shop.customer()
    night = [
        happened("5 days 13 hours", "import_finished", who, cards=80),
        happened("5 days 14 hours", "report_created", who),
    ]
    told = shop.tell([signs_up(who), *each(["3 days", "4 days", "5 days"], "session_started", who), *night], "7 days")
    assert told.words("invite_your_team") == ["entered", "pending"]
    assert told.sent() == [("invite_your_team", "Sun 2026-01-11 09:00")]
    assert told.words("milestone") == ["entered", "suppressed frequency_cap"]
    assert told.why("milestone") == ("frequency_cap", "1 per day", "1")


# ---------------------------------------------------------------- A5
@BOTH
def test_a_team_is_asked_for_after_the_own_data_is_in(shop: Shop, language: str) -> None:
    """Own cards imported in a busy week, still alone: the mail counts the cards and the days."""
    who = shop.customer()
    busy = each(["1 day", "2 days", "3 days"], "session_started", who)
    told = shop.tell(
        [signs_up(who, language), *busy, happened("3 days 1 hour", "import_finished", who, cards=1240)], "5 days"
    )
    assert told.words("invite_your_team") == ["entered", "pending"]
    mail = told.mail("invite_your_team")
    assert clock(mail.row.scheduled) == "Thu 2026-01-08 11:00"
    subject = {"en": "Your cards are in. Who else needs them?", "tr": "Kartlarınız içeride. Başka kime lazım?"}
    assert mail.rendered.subject == subject[language]
    assert {"en": "1,240 cards", "tr": "1.240 kartı"}[language] in mail.rendered.text


def test_nobody_is_asked_for_a_team_too_early(shop: Shop) -> None:
    """An import on the first day says nothing about engagement: the row says one active day."""
    who = shop.customer()
    told = shop.tell([signs_up(who), happened("20 minutes", "import_finished", who, cards=12)], "5 days")
    assert told.words("invite_your_team") == ["suppressed audience_false"]
    assert told.why("invite_your_team") == ("audience_false", "active_days(7 days) >= 3", "1")


def test_whoever_has_a_team_is_not_asked_for_one(shop: Shop) -> None:
    """Three colleagues are in already: the leaf is the team's size."""
    who = shop.customer()
    busy = each(["1 day", "2 days", "3 days"], "session_started", who)
    told = shop.tell(
        [signs_up(who, team_size=4), *busy, happened("3 days 1 hour", "import_finished", who, cards=9)], "5 days"
    )
    assert told.why("invite_your_team") == ("audience_false", "team_size == 1", "4")
