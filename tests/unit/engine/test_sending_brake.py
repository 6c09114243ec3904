"""The sending brake: what counts, from which share on it warns and stops, who hears of it, and how it is released."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from relight.base.instants import DAY, HOUR, MINUTE, SECOND
from relight.config.brake_settings import BrakeSettings
from relight.config.loader import load_project
from relight.delivery.provider_event import ProviderEvent
from relight.delivery.sendgrid_events import read_reports
from relight.engine.guard_commands import release_entry
from relight.engine.provider_words import provider_entry
from relight.engine.run import run_project
from relight.engine.sending_brake import (
    BRAKE_MAILS_MIN,
    COMPLAINTS_MIN,
    HARD_BOUNCES_MIN,
    SendingBrake,
    look_at_brakes,
    read_brakes,
    release_brakes,
)
from relight.engine.sending_shares import BRAKE_SPAN, LINES_UNWRITTEN_MAX, SHARES_NOTE, SendingShares, Signal
from relight.messages.life import MessageCause
from relight.stores.inbox import Inbox, inbox_path
from relight.stores.interface import Settlement
from relight.stores.memory import MemoryStore
from relight.stores.sqlite import SqliteStore
from relight.streams.brake_events import BRAKE_EVENT
from relight.streams.envelope import Control, Event
from tests.adapters.stores.examples import make_message
from tests.faults.small_project import SECRET, T0, add, line, write_project
from tests.unit.engine.test_dispatch import Provider, fill, sender

BOUNCED, COMPLAINED = MessageCause.PROVIDER_BOUNCED, MessageCause.RECIPIENT_COMPLAINED


def mailed(count: int, message_class: str = "marketing") -> MemoryStore:
    """Return a store from which so many mails were accepted at T0."""
    store, provider = MemoryStore(), Provider(now=T0, batch_max=200)
    fill(store, count, at=T0, message_class=message_class)
    sender(store, provider).drain(T0)
    return store


def report(store: MemoryStore, numbers: range, cause: MessageCause, text: str = "550 5.1.1 no such user") -> None:
    """Move messages as a provider's report does, a minute after they left."""
    keys = [make_message(n).occurrence_key for n in numbers]
    store.settle([Settlement(occurrence_key=k, token=None, cause=cause, text=text, at=T0 + MINUTE) for k in keys])


def brake_of(store: MemoryStore, settings: BrakeSettings | None = None) -> SendingBrake:
    shares = SendingShares.open(store, None)
    return SendingBrake(store=store, settings=settings or BrakeSettings(), shares=shares)


def levels(brake: SendingBrake, now: int = T0 + HOUR) -> dict[tuple[str, str], str]:
    return {(one.message_class, one.signal.value): one.level for one in brake.look(now)}


def kinds(brake: SendingBrake, standing: list[str]) -> list[str]:
    return [one.kind for one in brake.follow(T0 + HOUR, standing, at=T0) if isinstance(one, Control)]


@pytest.mark.parametrize(
    ("cause", "signal", "mails", "counts"),
    [(COMPLAINED, "complaints", 2_000, (1, 3, 5, 6)), (BOUNCED, "hard_bounces", 200, (3, 5, 9, 10))],
)
def test_limits_of_a_class(cause: MessageCause, signal: str, mails: int, counts: tuple[int, int, int, int]) -> None:
    """Complaints 0.1 % warn, 0.3 % stop; hard bounces 2 % warn, 5 % stop; exactly at the limit counts."""
    store = mailed(mails)
    done, found = 0, []
    for count in counts:
        report(store, range(done, count), cause)
        done = count
        found.append(levels(brake_of(store)).get(("marketing", signal)))
    assert found == [None, "warn", "warn", "stop"]


def test_few_mails_and_few_reports_are_no_share() -> None:
    """Below BRAKE_MAILS_MIN mails, COMPLAINTS_MIN complaints and HARD_BOUNCES_MIN bounces nothing is judged."""
    store = mailed(BRAKE_MAILS_MIN - 1)
    report(store, range(50), BOUNCED)
    assert levels(brake_of(store)) == {}
    fill(store, 1, at=T0, first=BRAKE_MAILS_MIN)
    sender(store, Provider(now=T0)).drain(T0)
    assert levels(brake_of(store)) == {("marketing", "hard_bounces"): "stop"}
    few = mailed(BRAKE_MAILS_MIN)
    report(few, range(COMPLAINTS_MIN - 1), COMPLAINED)
    report(few, range(10, 10 + HARD_BOUNCES_MIN - 1), BOUNCED)
    assert levels(brake_of(few)) == {}


def test_only_addresses_that_do_not_exist_are_hard() -> None:
    """A block, a full mailbox and a policy are no hard bounces; SendGrid's own word for a dead address is one."""
    store = mailed(100)
    report(store, range(20), BOUNCED, "blocked 5.7.1 reputation")
    report(store, range(20, 40), BOUNCED, "bounce 5.2.2 mailbox full")
    assert brake_of(store).look(T0 + HOUR) == []
    (one,) = read_reports(b'[{"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}]')
    report(store, range(40, 45), BOUNCED, one.text)
    assert levels(brake_of(store)) == {("marketing", "hard_bounces"): "stop"}


def test_classes_are_counted_apart_and_for_seven_days() -> None:
    """Receipts are not stopped by what marketing did; what is older than BRAKE_SPAN counts no more."""
    store = mailed(100, message_class="transactional")
    report(store, range(5), BOUNCED)
    assert levels(brake_of(store)) == {("transactional", "hard_bounces"): "stop"}
    assert levels(brake_of(store), T0 + BRAKE_SPAN - DAY) == {("transactional", "hard_bounces"): "stop"}
    assert levels(brake_of(store), T0 + BRAKE_SPAN + DAY) == {}
    assert levels(brake_of(mailed(100, message_class="internal"))) == {}


def test_journal_lines_count_once_over_a_crash() -> None:
    """The counts know the last line that they hold: what a start reads again is not counted again."""
    store = mailed(100)
    report(store, range(5), BOUNCED)
    first = brake_of(store)
    first.shares.write()
    first.shares.count(list(store.attempts()), None)
    assert first.shares.within_span(T0)["marketing", Signal.HARD_BOUNCES] == (5, 100)
    assert brake_of(store).shares.within_span(T0)["marketing", Signal.HARD_BOUNCES] == (5, 100)
    store.set_note(SHARES_NOTE, "")
    unwritten = SendingShares.open(store, None)
    assert store.note(SHARES_NOTE) == ""
    unwritten.count(list(store.attempts()) * (LINES_UNWRITTEN_MAX // 100), None)
    assert store.note(SHARES_NOTE)


def test_a_stop_is_an_order_in_the_log_and_a_release_another() -> None:
    """Told once, kept over a restart, by the note and not by luck; after a release everything is counted anew."""
    store = mailed(100)
    report(store, range(5), BOUNCED)
    brake = brake_of(store)
    (pause, event) = brake.follow(T0 + HOUR, [], at=T0, wants_events=True)
    assert isinstance(pause, Control)
    assert isinstance(event, Event)
    assert (pause.kind, pause.subject, pause.ingest_time) == ("pause", "class:marketing", T0)
    assert pause.detail == {"cause": "sending_brake", "leaf": "hard bounces of marketing", "number": "5.00 %"}
    assert (event.name, event.properties["level"], event.properties["mails"]) == (BRAKE_EVENT, "stop", 100)
    assert brake.follow(T0 + HOUR, ["marketing"], at=T0, wants_events=True) == []
    again = brake_of(store)
    assert kinds(again, []) == ["pause"], "a crash before the log knew"
    ((mark, text),) = look_at_brakes(store, BrakeSettings(), T0 + HOUR)
    assert mark == "FAIL"
    assert "hard bounces of marketing: 5.00 % of 100 mails in 7 days, 5.00 % is the limit" in text
    assert release_brakes(store)
    assert not release_brakes(store)
    assert kinds(again, ["marketing"]) == ["resume"]
    assert again.follow(T0 + HOUR, [], at=T0) == []
    assert brake_of(store).look(T0 + HOUR) == []


def test_a_warning_is_told_once_and_pauses_nothing() -> None:
    """The event says `warn`; the class goes on; a worse share is told again."""
    store = mailed(200)
    report(store, range(5), BOUNCED)
    brake = brake_of(store)
    (event,) = brake.follow(T0 + HOUR, [], at=T0, wants_events=True)
    assert isinstance(event, Event)
    assert event.properties["level"] == "warn"
    assert brake.follow(T0 + HOUR, [], at=T0, wants_events=True) == []
    assert [mark for mark, _ in look_at_brakes(store, BrakeSettings(), T0 + HOUR)] == ["warn"]
    report(store, range(5, 10), BOUNCED)
    brake.shares.count(list(store.attempts(brake.shares.counted.number)), None)
    assert len(brake.follow(T0 + HOUR, [], at=T0, wants_events=True)) == 2


# ---------------------------------------------------------------- with an engine
def test_a_run_pauses_the_class_alerts_and_goes_on_once_released(tmp_path: Path) -> None:
    """Reports of the provider, one inbox entry each as `relight web` puts them: the rule of the class stops with its
    reason, leaf and number in the ledger, an alert reaches the team, and `relight release` lets both go on.
    """
    people = [f"p{n}" for n in range(BRAKE_MAILS_MIN)]
    rules = {
        "welcome": "trigger: {event: used}\nreentry: every\nsend: hello\n",
        "told": "trigger: {event: sending_brake}\nclass: internal\nreentry: every\n"
        "steps: [{alert: {to: team, template: hello}}]\n",
    }
    folder = write_project(tmp_path / "shop", rules)
    config = folder / "config/default.yaml"
    config.write_text(config.read_text() + "brakes: {}\nalerts: {team: team@small.example}\n")
    store_file = folder / "data/relight.db"

    def run(now: int) -> None:
        run_project(load_project(folder, env={"LINK_SECRET": SECRET}), clock=lambda: now)

    def use(turn: int, at: int) -> None:
        add(folder, *(line(1000 * turn + n, who, "used", at, arrives=at) for n, who in enumerate(people)))
        later = at + 10 * MINUTE  # time comes to the last event
        add(folder, line(1000 * turn + 999, "p0", "identify", later, arrives=later))

    add(
        folder, *(line(n, who, "identify", T0, arrives=T0, email=f"{who}@mail.example") for n, who in enumerate(people))
    )
    use(1, T0 + SECOND)
    run(T0 + HOUR)
    with closing(SqliteStore.open(store_file, read_only=True)) as store:
        keys = [one.message.occurrence_key for one in store.messages() if one.message.rule == "welcome"]
    assert len(keys) == BRAKE_MAILS_MIN
    with closing(Inbox.open(inbox_path(store_file))) as inbox:
        inbox.put([
            provider_entry(
                ProviderEvent(id=str(n), word="spamreport", at=T0 + HOUR, key=key, cause=COMPLAINED.value), T0 + HOUR
            )
            for n, key in enumerate(keys[:COMPLAINTS_MIN])
        ])  # fmt: skip
    run(T0 + 2 * HOUR)
    use(2, T0 + DAY)
    run(T0 + DAY + HOUR)
    with closing(SqliteStore.open(store_file, read_only=True)) as store:
        refused = Counter((row.rule, row.reason, row.leaf, row.number) for row in store.ledger() if row.reason)
        assert refused == {("welcome", "rule_paused", "complaints of marketing", "3.00 %"): BRAKE_MAILS_MIN}
        assert list(read_brakes(store)) == ["marketing"]
        alerts = [one.message.address for one in store.messages() if one.message.rule == "told"]
    assert alerts == ["team@small.example"]
    with closing(Inbox.open(inbox_path(store_file))) as inbox:
        inbox.put([release_entry(T0 + DAY + HOUR)])
    run(T0 + DAY + 2 * HOUR)
    use(3, T0 + 2 * DAY)
    run(T0 + 2 * DAY + HOUR)
    with closing(SqliteStore.open(store_file, read_only=True)) as store:
        sent = Counter(one.message.rule for one in store.messages())
    assert sent["welcome"] == 2 * BRAKE_MAILS_MIN - COMPLAINTS_MIN
    assert json.dumps(sorted(sent)) == '["told", "welcome"]'
