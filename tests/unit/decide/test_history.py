"""One customer's log: its order, its instants, and rows that are the same for every run."""

from __future__ import annotations

from relight.base.instants import INSTANT_MAX
from relight.customers.profile import Profile
from relight.decide import Effects, live_until
from relight.rules.plan import Sender
from tests.support.story import Story, make_plan, story

RULES = {"r": "{trigger: {event: cart}, reentry: every, send: hello}"}


def test_a_smaller_ingest_time_is_raised_to_that_customers_last() -> None:
    """H1: Ingest time never decreases along one customer's log: a smaller one is raised to that customer's last, and to nobody else's."""
    told = story(RULES).known("2026-01-02").known("2026-01-02", customer="bo").event("session", "2026-01-06")
    told.event("cart", "2026-01-05").event("cart", "2026-01-05", customer="bo").until("2026-01-07")
    assert told.said()[0] == "01-06 00:00 entered r"
    assert told.said(customer="bo")[0] == "01-05 00:00 entered r"


def test_at_one_instant_records_that_concern_everybody_come_first() -> None:
    """H1: at equal ingest time: control records, then global events, then the customer's events."""
    paused = (
        story(RULES)
        .known("2026-01-02")
        .control("pause", "2026-01-05", "r")
        .event("cart", "2026-01-05")
        .until("2026-01-06")
    )
    assert paused.said() == ["01-05 00:00 suppressed r rule_paused"]
    released = {"r": "{trigger: {released: {asked: asked, shipped: shipped, by: feature}}, send: hello}"}
    told = (
        story(released)
        .known("2026-01-02")
        .event("asked", "2026-01-03", feature="f")
        .everybody("shipped", "2026-01-05", feature="f")
    )
    told.own("consent", "2026-01-05", "news", given=False).until("2026-01-06")
    assert told.said()[-1] == "01-05 00:00 suppressed r/send:0 no_consent"


def test_a_row_carries_what_decided_and_is_the_same_in_every_run() -> None:
    """H7: The decision ledger is deterministic: key, rule, customer, step, state, d, j, scheduled instant, plan version and content hash."""

    def run() -> Story:
        return (
            story({"q": "{trigger: {inactive: 7 days}, settle: 1 day, send: hello}"})
            .known("2026-01-02")
            .event("order", "2026-01-05")
            .until("2026-02-01")
        )

    first, second = run(), run()
    assert first.rows() == second.rows()
    row = first.rows()[-1]
    assert (first.local(row.judged), first.local(row.scheduled), row.plan_version) == (
        "01-13 00:00",
        "01-13 00:00",
        first.plan.version,
    )
    assert row.content_hash is not None
    assert first.local(first.rows()[0].deadline) == "01-12 00:00"
    assert row.occurrence_key != first.rows()[0].occurrence_key


def test_the_same_happening_has_the_same_key_and_another_step_another() -> None:
    """S1: the key is a hash of (project, rule, customer, what happened, step), unique in the ledger."""
    told = story(RULES).known("2026-01-02").known("2026-01-02", customer="bo").event("cart", "2026-01-05", id="x")
    told.event("cart", "2026-01-05", id="x", customer="bo").event("cart", "2026-01-06", id="y").until("2026-01-07")
    keys = [r.occurrence_key for c in ("ann", "bo") for r in told.rows(customer=c)]
    assert len(keys) == len(set(keys)) == 6


def test_the_hash_of_a_mail_covers_its_headers() -> None:
    """H7: the hash covers headers too: another reply address is another hash, with the same subject, text and HTML."""

    def told(reply_to: str) -> list[str | None]:
        sender = Sender(name="Shop", address="shop@shop.example", reply_to=reply_to)
        one = story(RULES, sender=sender).known("2026-01-02").event("cart", "2026-01-05").until("2026-02-01")
        return [row.content_hash for row in one.rows() if row.content_hash]

    assert told("a@shop.example") == told("a@shop.example") != told("b@shop.example")
    assert told("a@shop.example")


def test_what_concerns_everybody_passes_by_somebody_of_whom_nothing_is_known() -> None:
    """H8, E5: Before a customer's first record, records that concern everybody decide nothing and move the marks alone."""
    rules = RULES | {
        "s": "{trigger: {enters: band}, send: hello}",
        "d": "{trigger: {date: birthday}, send: hello}",
        "c": "{trigger: {schedule: '0 9 * * 1'}, send: hello}",
        "q": "{trigger: {inactive: 7 days, include_never_active: true}, send: hello}",
    }
    band = "{segments: {band: 'count(session) == 0'}}"
    told = story(RULES).control("pause", "2026-01-03", "r").control("resume", "2026-01-04", "r")
    told.change("2026-01-05", make_plan(rules, definitions=band)).gap("2026-01-06", "2026-01-06 01:00")
    unknown, effects = Profile(customer="bo"), Effects()
    live_until(told.world, unknown, told.instant("2026-02-01"), effects)
    assert (unknown.world, unknown.plan_version, unknown.wake) == (len(told.world), told.plan.version, INSTANT_MAX)
    assert (unknown.now, effects.rows, unknown.flags) == (told.instant("2026-01-06"), [], {})
    told.profiles["bo"] = unknown
    told.known("2026-02-02", customer="bo").until("2026-02-10")
    assert told.said(customer="bo")[0] == "02-02 00:00 entered s"
