"""What keeps the shop's messages welcome (semantics G, H5, V1), whichever rule they come from."""

from __future__ import annotations

import pytest

from tests.shop.harness import (
    ISTANBUL,
    NEW_YORK,
    Happened,
    Shop,
    each,
    happened,
    local,
    orders,
    releases,
    signs_up,
    subscribes,
)


def _reports(who: str, when: str | int, **fields: object) -> Happened:
    return happened(when, "report_created", who, **fields)


# ---------------------------------------------------------------- quiet hours, G1, G3
@pytest.mark.parametrize(
    ("zone", "written", "leaves"),
    [
        (ISTANBUL, "2026-01-06 20:59", "Tue 2026-01-06 20:59"),
        (ISTANBUL, "2026-01-06 21:00", "Wed 2026-01-07 09:00"),
        (ISTANBUL, "2026-01-07 08:59", "Wed 2026-01-07 09:00"),
        (NEW_YORK, "2026-01-06 22:15", "Wed 2026-01-07 09:00"),
        # The night of 7 March is an hour short, that of 31 October an hour long; 09:00 stays 09:00.
        (NEW_YORK, "2026-03-07 23:30", "Sun 2026-03-08 09:00"),
        (NEW_YORK, "2026-03-08 03:10", "Sun 2026-03-08 09:00"),
        (NEW_YORK, "2026-10-31 23:30", "Sun 2026-11-01 09:00"),
        (NEW_YORK, "2026-11-01 08:59", "Sun 2026-11-01 09:00"),
    ],
)
def test_what_falls_in_the_night_waits_for_the_customers_nine_oclock(
    shop: Shop, zone: str, written: str, leaves: str
) -> None:
    """Quiet hours are 21:00 to 09:00 on the customer's own clock, over changes of it."""
    who = shop.customer()
    when = local(written, zone)
    told = shop.tell([signs_up(who, timezone=zone), _reports(who, when)], when + 86_400_000_000)
    assert told.sent(zone) == [("milestone", leaves)]


def test_without_a_zone_the_shops_own_clock_counts(shop: Shop) -> None:
    """A customer whose zone is unknown is written to on Istanbul's clock."""
    who = shop.customer()
    told = shop.tell([signs_up(who, timezone=None), _reports(who, local("2026-01-06 23:00"))], "3 days")
    assert told.sent() == [("milestone", "Wed 2026-01-07 09:00")]


# ---------------------------------------------------------------- caps, G2
def _crowded_night(who: str) -> list[Happened]:
    """A milestone reached and a wish granted in one night."""
    wish = happened("2 hours", "feature_requested", who, feature="dark_theme", wording="Please, a dark theme.")
    return [*signs_up(who), wish, _reports(who, "1 day 12 hours"), releases("1 day 14 hours")]


def test_one_message_a_day_goes_to_the_higher_priority(shop: Shop) -> None:
    """The milestone was there first, the granted wish ranks higher: at 09:00 the wish leaves, the milestone is capped."""
    told = shop.tell(_crowded_night(shop.customer()), "3 days")
    assert told.sent() == [("you_asked_we_shipped", "Wed 2026-01-07 09:00")]
    assert told.words("milestone") == ["entered", "suppressed frequency_cap"]
    assert told.why("milestone") == ("frequency_cap", "1 per day", "1")


def test_a_held_out_customer_gets_nothing_and_takes_its_place(shop: Shop) -> None:
    """The higher message is held out: a ghost row, no mail, and its place in the day's cap is taken all the same."""
    told = shop.tell(_crowded_night(shop.customer("you_asked_we_shipped")), "3 days")
    assert told.mails == []
    assert told.words("you_asked_we_shipped") == ["entered", "held_out holdout"]
    ghost = told.of("you_asked_we_shipped")[-1]
    assert ghost.content_hash is not None
    assert ghost.leaf == "holdout 5.0%"
    assert told.words("milestone") == ["entered", "suppressed frequency_cap"]


def test_three_messages_a_week_are_enough(shop: Shop) -> None:
    """A fourth order within a week of three brings no fourth question."""
    who = shop.customer()
    told = shop.tell([signs_up(who), *orders(who, "1 day", "2 days", "3 days", "4 days")], "13 days")
    assert told.words("how_was_it")[-1] == "suppressed frequency_cap"
    assert told.why("how_was_it") == ("frequency_cap", "3 per 7 days", "3")
    assert len(told.mails) == 3


# ---------------------------------------------------------------- consent, G1
def test_without_consent_nothing_is_sent(shop: Shop) -> None:
    """Consent to help is no consent to offers: the row says the topic and that it was never given."""
    who = shop.customer()
    told = shop.tell([signs_up(who, topics=("service",)), *orders(who, "2 days")], "63 days")
    assert told.words("winback") == ["entered", "suppressed no_consent"]
    assert told.why("winback") == ("no_consent", "topic offers", "never given")
    assert told.words("how_was_it") == ["entered", "pending"]


def test_consent_withdrawn_before_the_minute_stops_the_message(shop: Shop) -> None:
    """Scheduled at night for 09:00, withdrawn at 07:00: nothing leaves."""
    who = shop.customer()
    no = happened("1 day 21 hours", "preferences_saved", who, consent_topic="product_news", consent_given=False)
    told = shop.tell([signs_up(who), _reports(who, "1 day 12 hours"), no], "3 days")
    assert told.words("milestone") == ["entered", "suppressed no_consent"]
    assert told.why("milestone") == ("no_consent", "topic product_news", "withdrawn")


# ---------------------------------------------------------------- the sensitive hold, G1, B2
def _ticket(who: str) -> Happened:
    return happened("4 days", "ticket_opened", who, ticket_id="T1", subject="Cannot move a card")


def test_an_open_ticket_holds_everything_back(shop: Shop) -> None:
    """Whoever waits for an answer from us is asked for nothing: sensitive_hold, one open ticket."""
    who = shop.customer()
    told = shop.tell([signs_up(who), _ticket(who), *orders(who, "1 day")], "9 days")
    assert told.words("how_was_it") == ["entered", "suppressed sensitive_hold"]
    assert told.why("how_was_it") == ("sensitive_hold", "open_tickets > 0", "1")


@pytest.mark.parametrize(("score", "word"), [(None, "pending"), (3, "pending"), (2, "suppressed sensitive_hold")])
def test_an_answered_ticket_holds_nothing_back_unless_the_answer_was_bad(
    shop: Shop, score: int | None, word: str
) -> None:
    """After the ticket is solved the message leaves, with no rating or a fair one; a bad one holds for 14 days."""
    who = shop.customer()
    solved = happened("5 days", "ticket_resolved", who, ticket_id="T1")
    rated = [] if score is None else [happened("6 days", "csat_answered", who, score=score, ticket_id="T1")]
    told = shop.tell([signs_up(who), _ticket(who), solved, *rated, *orders(who, "1 day")], "9 days")
    assert told.words("how_was_it") == ["entered", word]


def test_an_incident_is_told_also_to_somebody_in_trouble(shop: Shop) -> None:
    """The hold is for marketing; a notice about the service goes out."""
    who = shop.customer()
    texts = {"region": "tr", "title": "Slow", "title_tr": "Yavaş", "began": "2026-01-10T07:00:00Z"}
    incident = happened("5 days", "incident_opened", url="https://status.tidewater.example/1", **texts)
    told = shop.tell([signs_up(who), _ticket(who), happened("3 days", "api_called", who, calls=1), incident], "6 days")
    assert [template for template, _ in told.sent()] == ["incident_notice"]


# ---------------------------------------------------------------- address and data, G1, B1
@pytest.mark.parametrize(("language", "greeting"), [("en", "Hello,"), ("tr", "Merhaba,")])
def test_without_a_name_the_sentence_is_whole(shop: Shop, language: str, greeting: str) -> None:
    """A missing first name leaves a plain greeting, no gap and no stray blank."""
    who = shop.customer()
    told = shop.tell([signs_up(who, language, first_name=None), _reports(who, "1 day")], "2 days")
    rendered = told.mail("milestone").rendered
    assert rendered.text.startswith(f"{greeting}\n")
    assert f">{greeting}</p>" in rendered.html


def test_without_an_address_there_is_no_message(shop: Shop) -> None:
    """Signed up with a phone number: no_address."""
    who = shop.customer()
    told = shop.tell([signs_up(who, email=None), _reports(who, "1 day")], "2 days")
    assert told.words("milestone") == ["entered", "suppressed no_address"]
    assert told.why("milestone") == ("no_address", "email", "unknown")


def test_a_wish_whose_words_were_lost_is_not_quoted(shop: Shop) -> None:
    """No wording, no mail that quotes it: missing_data names it."""
    who = shop.customer()
    wish = happened("1 day", "feature_requested", who, feature="dark_theme")
    told = shop.tell([signs_up(who), wish, releases("9 days")], "10 days")
    assert told.words("you_asked_we_shipped") == ["entered", "suppressed missing_data"]
    assert told.why("you_asked_we_shipped")[1] == "request.wording"


# ---------------------------------------------------------------- copies and late rows, V1, H5
def _busy_life(who: str) -> list[Happened]:
    """Something for nearly every rule."""
    return [
        *signs_up(who),
        *subscribes(who, "1 day"),
        *each(["1 day", "2 days", "3 days"], "session_started", who),
        happened("3 days 2 hours", "import_finished", who, cards=120),
        *each([f"3 days {hours} hours" for hours in range(3, 15)], "report_created", who),
        happened("4 days", "feature_requested", who, feature="dark_theme", wording="Please."),
        *orders(who, "5 days", "20 days", "36 days"),
        happened("6 days", "ticket_opened", who, ticket_id="T1", subject="Slow"),
        happened("7 days", "ticket_resolved", who, ticket_id="T1"),
        releases("21 days"),
        happened("39 days", "session_started", who),
    ]


def test_copies_change_nothing(shop: Shop) -> None:
    """Every row delivered three times: the same ledger, row by row, and the same mails."""
    who = shop.customer()
    once, thrice = (shop.tell(_busy_life(who), "135 days", copies=n) for n in (1, 3))
    assert len({mail.step.template for mail in once.mails}) >= 7
    assert thrice.rows == once.rows
    assert [mail.rendered for mail in thrice.mails] == [mail.rendered for mail in once.mails]


def test_what_arrives_within_three_days_still_counts(shop: Shop) -> None:
    """A first report that was 71 hours on its way is marked when it arrives."""
    who = shop.customer()
    told = shop.tell([signs_up(who), _reports(who, "1 day", arrives="3 days 23 hours")], "6 days")
    assert told.sent() == [("milestone", "Fri 2026-01-09 09:00")]


def test_what_arrives_later_than_three_days_triggers_nothing(shop: Shop) -> None:
    """A report, an order, a trial's end, 73 hours late: state, and no message. A milestone is spent with late_event."""
    who = shop.customer()
    slow = "4 days 1 hour"
    late = [
        _reports(who, "1 day", arrives=slow),
        happened("1 day", "trial_ended", who, arrives=slow),
        happened(
            "1 day", "order_placed", who, arrives=slow, order_id="TB-1", product="Wall kit", quantity="1", amount="9.00"
        ),
        _reports(who, "5 days"),
    ]
    told = shop.tell([signs_up(who), *late], "20 days")
    assert told.mails == []
    assert told.words("milestone") == ["suppressed late_event"]
    assert told.words("trial_feedback") == []
    assert told.words("how_was_it") == []
