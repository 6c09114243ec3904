"""What went wrong in other engines of this kind, where no process has to die to show that it does not here.

The others stand in tests/faults/test_peers_failures.py, tests/cluster/test_chaos.py and tests/acceptance/test_run_with_web.py.
"""

from __future__ import annotations

from copy import copy
from itertools import cycle

from relight.base.instants import DAY, HOUR, MINUTE, to_local
from relight.delivery import Delivery, Outcome, OutgoingMessage
from relight.engine.engine import Engine
from relight.engine.explain import explain_customer
from relight.engine.operator_commands import WORDS
from relight.messages.life import MessageState
from relight.rules.plan import Cap
from relight.stores.interface import Settlement
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Event
from tests.support.story import caps, make_plan, story
from tests.unit.engine.test_dispatch import ACCEPTS, T0, Provider, fill, sender, states, told


def test_nothing_is_finished_while_a_message_is_open() -> None:
    """Listmonk 2278: 'finished' with about 100 unsent; 2616: 150 time-outs of 1,000 could not be had again; 1762, dittofeed
    1844, parcelvoy 533, 627: stuck and unfinished. Here what timed out is `unknown`, counted apart, until a word settles it
    (I4, I6).
    """
    store, provider = MemoryStore(), Provider()
    fill(store, 1_000)
    times_out = told(Outcome.UNKNOWN, text="no answer")
    answers = cycle([times_out] * 3 + [ACCEPTS] * 17)

    def answer(message: OutgoingMessage, now: int) -> Delivery:
        return next(answers)(message, now)

    provider.answer = answer
    one = sender(store, provider)
    while store.pending_count():
        one.drain(provider.now)
        provider.now += MINUTE
    assert states(store) == {"accepted": 850, "unknown": 150}
    provider.answer = ACCEPTS
    open_ones = [message.message.occurrence_key for message in store.messages(state=MessageState.UNKNOWN)]
    store.settle([
        Settlement(occurrence_key=key, token=None, cause=WORDS["retry"], at=provider.now, retry_at=provider.now)
        for key in open_ones
    ])  # fmt: skip
    one.drain(provider.now)
    assert states(store) == {"accepted": 1_000}


def test_the_same_mail_is_not_sent_again_and_again() -> None:
    """Mautic 13070, parcelvoy 462, PostHog PR 66456: the same mail at every run. Tracardi 535, parcelvoy PR 614: an event sent
    twice was two. Here copies are one event, and neither time nor a new version repeats what was decided (I2, I3, I11).
    """
    rules = {
        "r": "{trigger: {event: cart}, reentry: every, send: hello}",
        "q": "{trigger: {inactive: 3 days}, send: again}",
    }
    engine = Engine(MemoryStore())
    engine.follow_plan(make_plan(rules), T0)
    known = Event(
        stream="app",
        id="k",
        customer="ann",
        name="identify",
        event_time=T0,
        ingest_time=T0,
        traits={"email": "ann@mail.example"},
    )
    cart = Event(stream="shop", id="1", customer="ann", name="cart", event_time=T0 + HOUR, ingest_time=T0 + HOUR)
    for day in range(10):
        engine.take([copy(known), copy(cart)], reached=T0 + HOUR + day * DAY)
        engine.follow_plan(make_plan(rules, version=f"v{day}"), T0 + HOUR + day * DAY + 1)
        engine.advance(T0 + (day + 1) * DAY)
    assert sorted(row.rule for row in engine.store.ledger() if row.step) == ["q", "r"]
    assert engine.progress.duplicates == 2 * 9


def test_an_absence_is_seen_at_its_instant_and_a_segment_when_it_turns() -> None:
    """Mautic 3058, 6614, 2870; dittofeed 1668: segments that came late, absence by a slow poll. PostHog 36323: none at all.
    Here both are judged at their instant, to the µs (R1, R7).
    """
    told_of = story(
        {"gone": "{trigger: {inactive: 30 days}, send: hello}", "in": "{trigger: {enters: buyers}, send: again}",
         "out": "{trigger: {leaves: buyers}, send: third}"},
        definitions="segments:\n  buyers: count(order, 7 days) >= 2",
    )  # fmt: skip
    second = told_of.instant("2026-01-05 10:00:00.000001")
    told_of.known("2026-01-02").event("order", "2026-01-04 09:00").event("order", second).until("2026-03-01")
    judged = {row.rule: row.judged for row in told_of.rows() if row.state == "entered"}
    first = told_of.instant("2026-01-04 09:00")
    assert judged == {"in": second, "out": first + 7 * DAY, "gone": second + 30 * DAY}


def test_a_cap_is_not_ignored() -> None:
    """Mautic 6729: frequency rules were ignored. Here no path to a message goes past the caps, and the row names the one (G2)."""
    rules = {f"r{n}": "{trigger: {event: cart}, reentry: every, send: hello}" for n in range(4)}
    told_of = story(rules, caps=caps(marketing=(Cap(most=2, window=7 * DAY),))).known("2026-01-02")
    for day in range(3, 9):
        told_of.event("cart", f"2026-01-0{day} 10:00")
    rows = [row for row in told_of.until("2026-01-09 09:00").rows() if row.step]
    assert [row.reason for row in rows] == [None, None, *["frequency_cap"] * 22]
    assert {row.leaf for row in rows[2:]} == {"2 per 7 days"}


def test_who_may_not_enter_again_is_counted_with_the_reason() -> None:
    """Dittofeed 958; Mautic 9797, 842; heya 179: nobody understood who enters a second time. Here it is one key with a default,
    and each refusal is counted by its reason (E1, R6).
    """
    rules = {
        "once": "{trigger: {event: cart}, send: hello}",
        "gap": "{trigger: {event: cart}, reentry: {after: 10 days}, send: again}",
        "every": "{trigger: {event: cart}, reentry: every, send: third}",
    }
    told_of = story(rules).known("2026-01-02")
    for when in ("2026-01-03", "2026-01-08", "2026-01-13", "2026-01-20"):
        told_of.event("cart", when)
    told_of.until("2026-02-01")
    entered = [row.rule for row in told_of.rows() if row.state == "entered"]
    assert {rule: entered.count(rule) for rule in rules} == {"once": 1, "gap": 2, "every": 4}
    assert told_of.counted() == {("once", "already_entered"): 3, ("gap", "reentry_gap"): 2}


def test_nobody_is_written_to_at_another_places_hour() -> None:
    """Novu 2808, Mautic 7665, heya 183, listmonk PR 2705, dittofeed PR 1698: mails came at the server's hour, by night and on
    weekends. Here quiet hours and send windows are those of the customer's wall clock (G1, G3).
    """
    rules = {"r": "{trigger: {event: cart}, steps: [{send: hello, send_window: 'weekdays 10:00-17:00'}]}"}
    told_of = story(rules, zone="Europe/Istanbul", quiet=(21 * 60, 9 * 60))
    for who, zone in (("ann", "Asia/Tokyo"), ("bo", "America/New_York"), ("cem", "Europe/Istanbul")):
        told_of.known("2026-01-02", customer=who, timezone=zone).event("cart", "2026-01-09 16:30", customer=who)
    told_of.until("2026-01-14")
    left = {
        who: to_local(row.scheduled or 0, zone).strftime("%a %H:%M")
        for who, zone in (("ann", "Asia/Tokyo"), ("bo", "America/New_York"), ("cem", "Europe/Istanbul"))
        for row in told_of.rows(customer=who)
        if row.step
    }
    assert left == {"ann": "Mon 10:00", "bo": "Fri 10:00", "cem": "Fri 16:30"}


def test_who_did_not_get_a_mail_is_told_why() -> None:
    """Parcelvoy 512, 573, 697; dittofeed 1422: nobody could say why a person did, or did not, get a mail. Here the row says
    it, and where there is no row `explain` finds it in the log (R6, G6).
    """
    rules = {"r": "{trigger: {event: cart}, audience: 'ever(order)', send: hello}"}
    told_of = story(rules).known("2026-01-02").event("cart", "2026-01-03").until("2026-01-04")
    assert told_of.rows() == []
    found = explain_customer(
        plan=told_of.plan, customer="ann", own=told_of.past["ann"], everybody=told_of.world.records,
        at=told_of.instant("2026-01-04"), rules=["r"],
    ).stories[0]  # fmt: skip
    assert found.why is not None
    assert (found.why.reason, found.why.leaf) == ("audience_false", "ever(order)")


def test_events_are_counted_in_their_window_and_waited_for() -> None:
    """Plunk 236, parcelvoy PR 672: no count in a window; plunk 239, dittofeed 1463, PostHog PR 14468: no wait for an event
    with another way out. Here a window is exact, and a wait takes `then` or `else` (R4, E3).
    """
    rules = {
        "r": "{trigger: {event: cart}, reentry: every, audience: 'count(order, 7 days) == 2', steps: "
        "[{wait_for: order, up_to: 1 day, then: [{send: hello}], else: [{send: again}]}]}"
    }
    told_of = story(rules).known("2026-01-02").event("order", "2026-01-04").event("order", "2026-01-05")
    told_of.event("cart", "2026-01-09 23:59").event("cart", "2026-01-11").event("cart", "2026-01-20")
    told_of.until("2026-02-01")
    assert [row.step for row in told_of.rows() if row.step] == ["send:0.else.0"]
    assert told_of.counted()["r", "audience_false"] == 2
