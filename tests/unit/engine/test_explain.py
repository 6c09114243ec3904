"""Why not: for each kind of trigger explain names what is missing, and for each gate the leaf and the number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from relight.base.errors import UsageError
from relight.base.instants import DAY
from relight.base.problems import Place
from relight.engine.explain import Explanation, Mark, RuleStory, explain_customer, tell
from relight.engine.explain_lines import Said
from relight.engine.explain_telling import CATALOGUES
from relight.messages.addresses import UNSUBSCRIBED, address_hash
from relight.messages.life import MessageState
from relight.messages.reasons import RowState
from relight.rules.plan import Cap, MessageClass
from relight.streams.envelope import Control
from tests.support.story import Story, caps, make_plan, story

CAP = Cap(most=1, window=7 * DAY, place=Place(file="config/default.yaml", line=9, column=3))


def asked(
    one: Story, when: str, *rules: str, customer: str = "ann", extra: tuple[Control, ...] = (), **more: Any
) -> Explanation:
    """Explain as of a local time, from the records of the story; whatever is said can be said in every language."""
    found = explain_customer(
        plan=one.plan,
        customer=customer,
        own=one.past[customer],
        everybody=[*one.world.records, *extra],
        at=one.instant(when),
        rules=rules,
        **more,
    )
    for sentence in sentences(found):
        for language in CATALOGUES:
            assert tell(sentence, language)
    return found


def sentences(found: Explanation) -> Iterator[Said]:
    for one in found.stories:
        yield one.headline
        if one.next is not None:
            yield one.next
        for finding in (*one.trigger, *one.audience, *one.gate, *([one.why] if one.why else [])):
            yield finding.whole
            yield from finding.more


def told(one: Story, when: str, rule: str = "r") -> RuleStory:
    return asked(one, when, rule).stories[0]


def why(one: Story, when: str) -> tuple[str | None, str | None]:
    """The leaf and the number that decided."""
    found = told(one, when).why
    assert found is not None
    return found.leaf, found.number


def test_refolding_gives_the_rows_that_were_decided() -> None:
    """The rows are those of the history itself, up to the instant that is asked about and not one later."""
    rules = {
        "r": "{trigger: {inactive: [7 days, 20 days]}, send: hello}",
        "s": "{trigger: {event: order}, send: again}",
    }
    one = story(rules).known("2026-01-01 08:00").event("order", "2026-01-02 10:00").event("order", "2026-01-12 10:00")
    one.until("2026-03-01 00:00")
    found = asked(one, "2026-03-01 00:00")
    assert [row for s in found.stories for row in s.rows] == sorted(one.rows(), key=lambda row: row.rule)
    early = told(one, "2026-01-09 10:00")
    assert [row.state.value for row in early.rows] == ["entered", "pending"]
    assert told(one, "2026-01-09 09:59").rows == ()


# ---------------------------------------------------------------- what triggers wait for
def test_silence_says_when_each_threshold_falls_due() -> None:
    """Before a threshold: how long it has been silent, how long it needs, and when that is."""
    one = story({"r": "{trigger: {inactive: [7 days, 20 days], activity: [order]}, send: hello}"})
    one.known("2026-01-01 08:00").event("order", "2026-01-02 10:00")
    found = told(one, "2026-01-05 10:00")
    assert tell(found.headline) == "ann did NOT get r"
    assert [f.mark for f in found.trigger] == [Mark.YES, Mark.NO, Mark.NO]
    assert tell(found.trigger[0].text).startswith("last order 3 days ago (2 Jan 2026 10:00)")
    assert tell(found.trigger[1].whole) == "silent for 3 days, needs 7 days"
    assert found.ask_again == one.instant("2026-01-09 10:00")
    after = told(one, "2026-01-10 10:00")
    assert (after.trigger[1].mark, after.trigger[2].mark) == (Mark.YES, Mark.NO)
    assert after.ask_again == one.instant("2026-01-22 10:00")
    assert after.outcome == "sent"


@pytest.mark.parametrize(
    ("more", "asked_at", "words"),
    [
        ("", "2026-01-09 12:00", "nothing ran then; it is judged 9 Jan 2026 20:00"),
        ("", "2026-01-10 12:00", None),
        (", settle: 2 days", "2026-01-10 12:00", "it is judged 11 Jan 2026 10:00: `settle` waits 2 days"),
        (", settle: 2 days", "2026-01-12 12:00", None),
    ],
)
def test_what_fell_due_and_is_not_judged_says_why(more: str, asked_at: str, words: str | None) -> None:
    """H3, H9: an activity that was known in time is never said to have arrived late; a gap or `settle` is named."""
    one = story({"r": f"{{trigger: {{inactive: 7 days, activity: [order]}}, send: hello{more}}}"})
    one.known("2026-01-01 08:00").event("order", "2026-01-02 10:00")
    one.gap("2026-01-09 08:00", "2026-01-09 20:00")
    finding = told(one, asked_at).trigger[1]
    assert finding.mark is (Mark.YES if words is None else Mark.NO)
    assert words is None or tell(finding.more[0]).startswith(words)


def test_an_activity_that_came_too_late_says_when_it_came() -> None:
    """H3: a silence whose start arrives after its deadline makes no row, and the arrival is named."""
    one = story({"r": "{trigger: {inactive: 1 day, activity: [order]}, send: hello}"}).known("2026-01-01 08:00")
    one.event("order", "2026-01-02 10:00", arrives="2026-01-04 10:00")
    why_not = tell(told(one, "2026-01-05 10:00").trigger[1].more[0])
    assert why_not == "that activity arrived 4 Jan 2026 10:00, after the deadline had passed"


def test_a_rule_newer_than_the_last_record_counts_what_was() -> None:
    """E5: its counts are those of the folded history, not zero until the customer's next record."""
    one = story({"other": "{trigger: {event: cart}, send: hello}"}).known("2026-01-01 08:00")
    one.event("order", "2026-01-02 10:00").event("order", "2026-01-03 10:00")
    first = one.plan
    one.change("2026-01-05 00:00", make_plan({"r": "{trigger: {milestone: {count: order, at: [3]}}, send: hello}"}))
    found = asked(one, "2026-01-06 10:00", plans=(first,)).stories[0].why
    assert found is not None
    assert (found.leaf, found.number) == ("count of order", "2")


def test_what_is_true_and_must_not_be_is_shown_with_its_not() -> None:
    """A comparison under a `not` that holds is what stands in the way, and is told as such."""
    one = story({"r": "{trigger: {event: order}, audience: not count(order) >= 2, send: hello}"})
    one.known("2026-01-01 08:00").event("order", "2026-01-02 10:00").event("order", "2026-01-03 10:00")
    texts = [tell(finding.text) for finding in told(one, "2026-01-04 10:00").audience]
    assert "not (count(order) >= 2): it is 2" in texts


def test_never_active_is_left_out() -> None:
    """Somebody without any activity is no silence, and explain names the switch that would make them one."""
    one = story({"r": "{trigger: {inactive: 7 days, activity: [order]}, send: hello}"}).known("2026-01-01 08:00")
    assert why(one, "2026-02-01 10:00") == ("order", "never")
    assert "include_never_active" in tell(told(one, "2026-02-01 10:00").trigger[0].more[0])
    counted = story({"r": "{trigger: {inactive: 7 days, activity: [order], include_never_active: true}, send: hello}"})
    counted.known("2026-01-01 08:00")
    assert told(counted, "2026-02-01 10:00").outcome == "sent"


def test_an_unknown_threshold_is_unknown() -> None:
    """A personal threshold without enough orders is unknown, not zero."""
    one = story({"r": "{trigger: {inactive: usual_interval(order), activity: [order]}, send: hello}"})
    one.known("2026-01-01 08:00").event("order", "2026-01-02 10:00")
    assert why(one, "2026-02-01 10:00") == ("usual_interval(order)", "unknown")
    assert told(one, "2026-02-01 10:00").trigger[1].mark is Mark.UNKNOWN


@pytest.mark.parametrize(
    ("trigger", "leaf", "number"),
    [
        ("{event: cart}", "cart", "0"),
        ("{event: order where total > 100}", "total > 100", "30"),
        ("{milestone: {count: order, at: [5]}}", "count of order", "3"),
        ("{milestone: {streak: 'order where total > 10', at: [9 days]}}", "streak of order where total > 10", "3"),
        ("{milestone: {sum: order.total, at: [1000]}}", "sum of order.total", "90"),
        ("{milestone: {distinct: order.order_id, at: [4]}}", "distinct of order.order_id", "2"),
        ("{milestone: {value: points, at: [10]}}", "points", "7"),
        ("{released: {asked: asked, shipped: shipped, by: feature}}", "shipped", "boards"),
        ("{global: incident, affects: region == event.region}", "region == event.region", "eu"),
        ("{enters: good}", "good", "outside"),
        ("{date: birthday, before: 3 days}", "birthday", "unknown"),
    ],
)
def test_each_trigger_says_how_far_it_is(trigger: str, leaf: str, number: str) -> None:
    """Without a row: the comparison that is missing, with its value now."""
    one = story({"r": f"{{trigger: {trigger}, send: hello}}"}, definitions="{segments: {good: 'points >= 8'}}")
    one.known("2026-01-01 08:00", region="eu", points=7)
    for number_of_order, order in enumerate(("a", "b", "b"), 2):
        one.event("order", f"2026-01-0{number_of_order} 10:00", order_id=order, total=30)
    one.event("asked", "2026-01-05 10:00", feature="boards")
    one.everybody("incident", "2026-01-06 10:00", region="us")
    assert why(one, "2026-01-10 10:00") == (leaf, number)


def test_declined_says_the_habit() -> None:
    """Engagement that has not fallen shows the number, the usual one, and the number below which it fires."""
    one = story({"r": "{trigger: {declined: {of: session, window: 7 days, against: 28 days, by: 50%}}, send: hello}"})
    one.known("2026-01-01 08:00")
    for day in range(1, 29):
        one.event("session", f"2026-01-{day:02d} 10:00")
    found = told(one, "2026-01-29 00:00").trigger[0]
    assert tell(found.whole) == "session 7 times in 7 days, usually 5.2, fires below 2.6"


# ---------------------------------------------------------------- what gets no row (R6)
def test_what_was_only_counted_is_told_from_the_log() -> None:
    """A false audience, a second event within `once`, and a late event write no row; explain says which, when and why."""
    one = story({"r": "{trigger: {event: order}, audience: points > 5, send: hello}"})
    one.known("2026-01-01 08:00", points=3).event("order", "2026-01-02 10:00")
    found = told(one, "2026-01-03 00:00").why
    assert found is not None
    assert (found.reason, found.leaf, found.number) == ("audience_false", "points > 5", "3")
    one.known("2026-01-03 08:00", points=9).event("order", "2026-01-04 10:00").event("order", "2026-01-05 10:00")
    again = told(one, "2026-01-06 00:00")
    assert again.outcome == "sent"
    assert [tell(line).split(",")[1].strip() for line in again.trigger[0].more] == ["audience_false", "already_entered"]
    one.event("order", "2026-01-01 09:00", arrives="2026-01-10 10:00")
    assert "late_event, last 10 Jan 2026 10:00" in tell(told(one, "2026-01-11 00:00").trigger[0].more[-1])


# ---------------------------------------------------------------- the gate
def _lines(one: Story, when: str) -> dict[str, tuple[Mark, str | None]]:
    return {f.reason or tell(f.text): (f.mark, f.number) for f in told(one, when).gate}


def test_the_gate_is_told_check_by_check() -> None:
    """Consent, suppression, address and a full cap are each a NO with its number; the others are a yes."""
    rules = {"r": "{trigger: {inactive: 7 days, activity: [order]}, send: hello}"}
    one = story(rules, topics={"news": False}).known("2026-01-01 08:00").event("order", "2026-01-02 10:00")
    one.until("2026-01-10 00:00")
    lines = _lines(one, "2026-01-10 00:00")
    assert lines["no_consent"] == (Mark.NO, "never given")
    assert lines["the rule is active"] == (Mark.YES, None)
    assert lines["the address is not suppressed"] == (Mark.YES, None)
    nobody = story(rules).event("order", "2026-01-02 10:00")
    assert _lines(nobody, "2026-01-10 00:00")["no_address"] == (Mark.NO, "unknown")
    paused = (
        story(rules)
        .known("2026-01-01 08:00")
        .event("order", "2026-01-02 10:00")
        .control("pause", "2026-01-03 00:00", "r")
    )
    assert _lines(paused, "2026-01-10 00:00")["rule_paused"] == (Mark.NO, None)


@pytest.mark.parametrize(
    ("scope", "cause", "english", "turkish"),
    [
        ("marketing", UNSUBSCRIBED,
         "suppressed: every marketing mail, whatever the topic, since 3 Jan 2026 11:00, from an unsubscribe link",
         "konusu ne olursa olsun her pazarlama e-postası, 3 Oca 2026 11:00 anından beri, nedeni: abonelikten çıkma"),
        ("all", "bounce", "suppressed: every mail, since 3 Jan 2026 11:00, from a bounce: there is no such address",
         "her e-posta, 3 Oca 2026 11:00 anından beri, nedeni: geri dönen posta: böyle bir adres yok"),
        ("all", "550 <ann@mail.example> unknown", "since 3 Jan 2026 11:00, from 550 <a…@mail.example> unknown",
         "nedeni: 550 <a…@mail.example> unknown"),
        ("all", "", "suppressed: every mail, since 3 Jan 2026 11:00", "her e-posta, 3 Oca 2026 11:00 anından beri"),
    ],
)  # fmt: skip
def test_a_suppressed_address_names_what_since_when_and_from_what(
    scope: str, cause: str, english: str, turkish: str
) -> None:
    """The gate's line says which mails the address gets no more, since when and what put it on the list; somebody's text
    shows no address.
    """
    rules = {"r": "{trigger: {inactive: 7 days, activity: [order]}, send: hello}"}
    one = story(rules).known("2026-01-01 08:00").event("order", "2026-01-02 10:00")
    word = Control(
        kind="suppression", ingest_time=one.instant("2026-01-03 11:00"), subject=address_hash("ann@mail.example"),
        detail={"scope": scope, "cause": cause},
    )  # fmt: skip
    found = asked(one, "2026-01-10 00:00", "r", extra=(word,)).stories[0]
    (line,) = [f for f in found.gate if f.reason == "suppressed"]
    assert (line.mark, line.leaf, line.number) == (Mark.NO, "suppression list", scope)
    assert english in tell(line.text, "en")
    assert turkish in tell(line.text, "tr")


def test_a_full_cap_names_who_has_the_place_and_the_next_possible_minute() -> None:
    """The other rule's message holds the place; seven days later there is room again."""
    rules = {
        "a": "{trigger: {event: order}, send: hello}",
        "r": "{trigger: {inactive: 2 days, activity: [order]}, send: again}",
    }
    one = story(rules, caps=caps(marketing=(CAP,))).known("2026-01-01 08:00").event("order", "2026-01-02 10:00")
    one.until("2026-01-05 00:00")
    found = told(one, "2026-01-05 00:00")
    assert found.why is not None
    assert (found.why.reason, found.why.leaf, found.why.number) == ("frequency_cap", "1 per 7 days", "1")
    assert found.why.place == "config/default.yaml:9:3"
    cap = next(f for f in found.gate if f.reason == "frequency_cap")
    assert tuple(map(tell, cap.more)) == ("'a' holds a place since 2 Jan 2026 10:00", "next possible 9 Jan 2026 10:00")


def test_missing_data_names_the_variable_and_the_line() -> None:
    """A letter that needs what nobody said is a NO with the template's place."""
    one = story({"r": "{trigger: {inactive: 7 days, activity: [order]}, send: plan_named}"})
    one.known("2026-01-01 08:00").event("order", "2026-01-02 10:00")
    line = next(f for f in told(one, "2026-01-04 00:00").gate if f.reason == "missing_data")
    assert (line.leaf, line.place) == ("plan", "templates/plan_named/body.txt:3")


def test_a_holdout_is_told_where_it_stands() -> None:
    """A share that the rule names itself is told with its place in the rule, another one with the config's."""
    steps = "{trigger: {event: cart}, send: hello%s}"
    for more, place in ((", holdout: 0.0001%", "r.yaml"), (", holdout: 100%", "r.yaml"), ("", "")):
        one = story({"r": steps % more}).known("2026-01-01 08:00").event("cart", "2026-01-02 10:00")
        line = told(one, "2026-01-03 00:00").gate[-1]
        assert line.place.partition(":")[0].rpartition("/")[2] == place, more


def test_transactional_rules_skip_checks() -> None:
    """What a class skips is not looked at, and is told so."""
    one = story({"r": "{trigger: {event: cart}, class: transactional, send: hello}"}).known("2026-01-01 08:00")
    texts = [tell(f.text) for f in told(one, "2026-01-02 00:00").gate]
    skipped = [text.split(":")[0] for text in texts if "skip it" in text]
    assert skipped == ["consent", "sensitive", "quiet hours", "expires", "frequency cap", "holdout"]
    assert MessageClass.TRANSACTIONAL.value in str(texts)


# ---------------------------------------------------------------- people inside
def test_somebody_who_waits_is_told_where_and_until_when() -> None:
    """A waiting entry names its step, its end and what would end it; the mail of a candidate names its minute."""
    one = story({"r": "{trigger: {event: cart}, exit: order, steps: [{wait: 2 days}, {send: hello}]}"})
    one.known("2026-01-01 08:00").event("cart", "2026-01-02 10:00")
    found = told(one, "2026-01-03 00:00")
    assert found.outcome == "waiting"
    assert found.next is not None
    assert "until 4 Jan 2026 10:00 (34 hours from then), unless order comes first." in tell(found.next)
    assert found.ask_again == one.instant("2026-01-04 10:00")
    quiet = story({"r": "{trigger: {event: cart}, send: hello}"}, quiet=(21 * 60, 9 * 60))
    quiet.known("2026-01-01 08:00").event("cart", "2026-01-02 22:00")
    assert told(quiet, "2026-01-02 23:00").ask_again == quiet.instant("2026-01-03 09:00")


def test_an_entry_that_led_past_every_message_says_so() -> None:
    """Nothing was kept back where the awaited event came in time: the answer is when they entered, and what came of it."""
    rule = "{trigger: {event: cart}, reentry: every, steps: [{wait_for: order, up_to: 2 days, else: [{send: hello}]}]}"
    one = story({"r": rule}).known("2026-01-01 08:00").event("cart", "2026-01-02 10:00")
    assert told(one, "2026-01-02 12:00").outcome == "waiting"
    one.event("order", "2026-01-03 10:00")
    found = told(one, "2026-01-05 10:00")
    assert (found.outcome, tell(found.headline)) == ("not_sent", "ann did NOT get r")
    assert found.why is not None
    assert tell(found.why.text) == "entered 2 Jan 2026 10:00 and went through its steps; none of them sent anything"
    one.event("cart", "2026-01-10 10:00")
    assert told(one, "2026-01-14 10:00").outcome == "sent"


def test_before_anything_there_is_nothing_to_tell() -> None:
    """A time before the first plan is refused with what to do."""
    one = story({"r": "{trigger: {event: cart}, send: hello}"}).known("2026-01-01 08:00")
    with pytest.raises(UsageError, match="nothing was decided"):
        asked(one, "2025-12-01 00:00")


def test_rules_are_those_of_the_time() -> None:
    """A rule that came later is left out before, and the plan of the time is named."""
    one = story({"r": "{trigger: {event: cart}, send: hello}"}).known("2026-01-01 08:00")
    first = one.plan
    later = story({"r": "{trigger: {event: cart}, send: hello}", "new": "{trigger: {event: order}, send: again}"}).plan
    one.change("2026-02-01 00:00", later)
    before = asked(one, "2026-01-20 00:00", plans=(first,))
    assert ([s.rule for s in before.stories], before.plan_version) == (["r"], first.version)
    assert [s.rule for s in asked(one, "2026-02-02 00:00", plans=(first,)).stories] == ["new", "r"]


@pytest.mark.parametrize(
    ("state", "outcome", "headline"),
    [
        (MessageState.PENDING, "waiting", "ann has not got r yet"),
        (MessageState.ACCEPTED, "sent", "ann got r once, last 9 Jan 2026 10:00"),
        (MessageState.BOUNCED, "not_sent", "ann did NOT get r"),
        (MessageState.REJECTED, "not_sent", "ann did NOT get r"),
        (MessageState.UNKNOWN, "unknown", "it is unknown whether ann got r"),
        (MessageState.COMPLAINED, "sent", "ann got r once, last 9 Jan 2026 10:00, and complained about it"),
    ],
)
def test_a_message_is_told_as_the_delivery_journal_goes_on(state: MessageState, outcome: str, headline: str) -> None:
    """H7: who passed the gate has not got a mail yet: the journal says whether it waits, left, bounced, or is unknown."""
    one = story({"r": "{trigger: {inactive: 7 days, activity: [order]}, send: hello}"})
    one.known("2026-01-01 08:00").event("order", "2026-01-02 10:00").until("2026-01-10 10:00")
    key = next(row.occurrence_key for row in one.rows() if row.state is RowState.PENDING)
    (found,) = asked(one, "2026-01-10 10:00", "r", journal={key: state}).stories
    assert (found.outcome, tell(found.headline)) == (outcome, headline)


@pytest.mark.parametrize(
    ("asked_at", "words"),
    [
        ("2026-01-09 12:03", "Its mail is decided and leaves 9 Jan 2026 12:05: after a start, programs have that long"),
        ("2026-01-09 12:05", "Its mail is decided and waits to be sent."),
    ],
)
def test_a_mail_that_waits_after_a_start_says_until_when(asked_at: str, words: str) -> None:
    """H9, G3: what is decided while late senders may still deliver says when it leaves, and why not at once."""
    one = story({"r": "{trigger: {event: cart}, class: transactional, send: hello}"}).known("2026-01-01 08:00")
    one.gap("2026-01-09 08:00", "2026-01-09 12:05").event("cart", "2026-01-09 12:02").until("2026-01-09 12:05")
    key = next(row.occurrence_key for row in one.rows() if row.state is RowState.PENDING)
    (found,) = asked(one, asked_at, "r", journal={key: MessageState.PENDING}).stories
    assert found.next is not None
    assert tell(found.next).startswith(words)
