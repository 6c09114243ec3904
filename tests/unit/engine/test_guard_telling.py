"""What the log learns of the volume guard, and what alone leaves while it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from relight.base.instants import HOUR, MINUTE, SECOND
from relight.base.problems import Place
from relight.engine.dispatch import Dispatcher
from relight.engine.guard_telling import alert_keys, event_of_stop, news_of_guard
from relight.engine.volume_guard import GuardStop, VolumeGuard, read_stop, release
from relight.rules.guard_alerts import guard_alert_problems
from relight.rules.plan import Plan
from relight.stores.interface import Batch
from relight.stores.memory import MemoryStore
from relight.streams.envelope import Control, Event
from relight.streams.guard_events import declare_guard_event
from relight.streams.schema import EventType, Schema
from tests.adapters.stores.examples import make_message
from tests.support.story import SCHEMA, make_plan, story
from tests.unit.engine.test_dispatch import T0, Provider, fill, sender, states

PLACE = Place(file="config/default.yaml", line=9, column=1)
STOP = GuardStop(at=T0, count=10, per_hour=10, waiting=7)
ALERT = (
    "{trigger: {event: volume_guard}, class: internal, reentry: %s, steps: [{alert: {to: support, template: hello}}%s]}"
)
ORDINARY = "{trigger: {event: cart}, class: internal, reentry: every, steps: [{alert: {to: support, template: hello}}]}"


def plan_of(**rules: str) -> Plan:
    schema, problems = declare_guard_event(SCHEMA, PLACE)
    assert problems == []
    return make_plan(rules, schema=schema)


def tell(store: MemoryStore, plan: Plan) -> list[Control | Event]:
    """Return what the log learns now; it does."""
    news = news_of_guard(store, plan, at=T0 + 5)
    if news is None:
        return []
    news.settle(store)
    return list(news.records)


def guarded(store: MemoryStore, provider: Provider, per_hour: int, plan: Plan, **more: object) -> Dispatcher:
    guard = VolumeGuard.open(store, per_hour, provider.now)
    guard.alert_of = lambda stop: alert_keys(plan, stop)
    return sender(store, provider, guard=guard, **more)


def drain_one_batch(one: Dispatcher, provider: Provider, now: int) -> int:
    before = len(provider.calls)
    one.is_stopped = lambda: len(provider.calls) > before
    return one.drain(now)


def _any(properties: Mapping[str, object]) -> dict[str, Any]:
    return dict(properties)


def decide(plan: Plan, stop: GuardStop) -> list[str]:
    """Return the keys of what the rules decide on the event of a stop."""
    told = story({}, schema=plan.schema).change("2026-01-02", plan)
    event = event_of_stop(stop, at=stop.at)
    told.event(event.name, "2026-01-03", customer="_sending", id=event.id, **_any(event.properties))
    return sorted(row.occurrence_key for row in told.rows(customer="_sending") if row.state == "pending")


def test_a_stop_is_told_once_and_its_release_once() -> None:
    """S5: the pause and the event of a stop are the same at each look until they are in the log, then nothing is new; a
    stop that follows is another one.
    """
    store, plan = MemoryStore(), plan_of(guard=ALERT % ("every", ""))
    guard = VolumeGuard(per_hour=10)
    assert tell(store, plan) == []
    guard.add(10, T0)
    guard.trip(store, T0)
    first, again = news_of_guard(store, plan, at=T0), news_of_guard(store, plan, at=T0)
    assert first is not None
    assert first == again, "a process that died before it noted it tells the same"
    (pause, event) = tell(store, plan)
    assert isinstance(pause, Control)
    assert (pause.kind, pause.subject, pause.detail) == ("pause", "*", {"cause": "volume_guard"})
    assert isinstance(event, Event)
    assert (event.name, event.customer, event.stream, event.id) == (
        "volume_guard", "_sending", "sending", f"volume_guard/0/{T0}",
    )  # fmt: skip
    assert event.properties == {"messages": 10, "per_hour": 10, "waiting": 0, "stopped_at": T0}
    assert tell(store, plan) == []
    release(store, T0 + HOUR)
    (resume,) = tell(store, plan)
    assert isinstance(resume, Control)
    assert (resume.kind, resume.subject, resume.detail) == ("resume", "*", {"cause": "volume_guard"})
    assert tell(store, plan) == []
    guard.look_again(store)
    guard.trip(store, T0)  # recorded time stood still
    assert [getattr(one, "id", "") for one in tell(store, plan)] == ["", f"volume_guard/{T0 + HOUR}/{T0}"]


def test_without_a_rule_that_waits_the_log_learns_the_pause_alone() -> None:
    """An event that no rule waits for is not made; one that the guard itself would stop counts as none."""
    offer = "{trigger: {event: volume_guard}, reentry: every, send: hello}"
    for rules in ({}, {"other": ORDINARY}, {"offer": offer}):
        store = MemoryStore()
        VolumeGuard(per_hour=1).trip(store, T0)
        assert [one.kind for one in tell(store, plan_of(**rules)) if isinstance(one, Control)] == ["pause"]
        assert alert_keys(plan_of(**rules), STOP) == []
    assert alert_keys(None, STOP) == []


@pytest.mark.parametrize(
    ("reentry", "more", "messages"),
    [
        ("every", "", 1),
        ("once", "", 1),
        ("{per: stopped_at}", "", 1),
        ("every", ", {webhook: chat/new}", 2),
        ("every", ", {split: {a: 50%, b: 50%}, steps_a: [{webhook: chat/new}]}", 1),
    ],
)
def test_what_may_leave_is_what_the_decision_makes(reentry: str, more: str, messages: int) -> None:
    """S1, S5: the keys that a sender lets through are those of the messages that the event of that stop decides."""
    plan = plan_of(guard=ALERT % (reentry, more), other=ORDINARY)
    decided, keys = decide(plan, STOP), alert_keys(plan, STOP)
    assert set(decided) <= set(keys)
    assert len(decided) >= messages
    later = alert_keys(plan, msgspec.structs.replace(STOP, at=T0 + 1))
    assert not set(later) & set(keys), "another stop has other messages"


def test_while_it_stands_its_alert_alone_leaves() -> None:
    """S5: after the stop one message leaves, the alert of that stop, however often the sender looks and whatever else is
    due: marketing, an ordinary alert, the alert of another stop. Released, the rest drains and the alert leaves no more.
    """
    store, provider, plan = MemoryStore(), Provider(batch_max=4), plan_of(guard=ALERT % ("every", ""))
    fill(store, 25)
    fill(store, 5, first=30, message_class="internal", address="team@shop.example")
    one = guarded(store, provider, 10, plan)
    one.drain(T0)
    stop = read_stop(store)
    assert stop is not None
    assert (len(provider.taken), stop.waiting, one.trouble != "") == (10, 20, True)
    (key,) = alert_keys(plan, stop)
    (old,) = alert_keys(plan, msgspec.structs.replace(stop, at=T0 - HOUR))
    alerts = [
        msgspec.structs.replace(make_message(n, message_class="internal", scheduled=T0), occurrence_key=found)
        for n, found in ((50, key), (51, old))
    ]
    store.append(Batch(outbox=alerts))
    for minute in range(3):
        provider.now = T0 + minute * MINUTE
        one.drain(provider.now)
    assert [found for _, found in provider.taken[10:]] == [key]
    release(store, provider.now)
    for _ in range(4):
        one.drain(provider.now)
        release(store, provider.now)
    assert states(store) == {"accepted": 32}
    assert [found for _, found in provider.taken].count(key) == 1


def test_a_stop_of_one_sender_stops_the_others() -> None:
    """S5: of two senders on one store, both count what left; where one stops, the other claims nothing but the alert, a stop
    that both find stands once, and a release lets both go on.
    """
    store, provider, plan = MemoryStore(), Provider(batch_max=3), plan_of(guard=ALERT % ("every", ""))
    fill(store, 30)
    both = [guarded(store, provider, 10, plan, owner=name) for name in ("one", "two")]
    for one in both:
        assert one.guard is not None
        one.guard.has_others = True
    for turn in range(6):
        drain_one_batch(both[turn % 2], provider, T0 + turn * SECOND)
    assert len(provider.taken) == 10
    stop = read_stop(store)
    assert stop is not None
    late = VolumeGuard(per_hour=10)
    late.trip(store, T0 + MINUTE)
    assert late.stop == stop == read_stop(store)
    (key,) = alert_keys(plan, stop)
    store.append(Batch(outbox=[msgspec.structs.replace(make_message(50, scheduled=T0), occurrence_key=key)]))
    for turn in range(4):
        drain_one_batch(both[turn % 2], provider, T0 + MINUTE)
    assert [found for _, found in provider.taken[10:]] == [key]
    release(store, T0 + MINUTE)
    provider.now = T0 + 2 * MINUTE
    assert [drain_one_batch(one, provider, provider.now) for one in both] == [3, 3]


def test_a_stream_with_the_guards_event_is_refused() -> None:
    """`volume_guard` is ours; a stream that has one is told where both stand."""
    theirs = EventType(name="volume_guard", streams=("app",), place=Place(file="streams/app.yaml", line=4, column=3))
    _, (problem,) = declare_guard_event(Schema(events={theirs.name: theirs}), PLACE)
    assert (problem.code, problem.place, problem.other) == ("reserved-name", theirs.place, PLACE)


def test_check_says_what_keeps_the_team_from_hearing_of_a_stop() -> None:
    """A hint where no rule tells of it or one tells once; an error where the guard would stop the rule itself."""
    fine, once = ALERT % ("every", ""), ALERT % ("once", "")
    offer = "{trigger: {event: volume_guard}, reentry: every, send: hello}"
    found = {
        name: [(one.code, one.severity) for one in guard_alert_problems(plan_of(**rules).rules, PLACE)]
        for name, rules in {
            "none": {"other": ORDINARY}, "fine": {"guard": fine}, "once": {"guard": once}, "offer": {"guard": offer},
        }.items()
    }  # fmt: skip
    assert found == {
        "none": [("silent-guard", "warning")],
        "fine": [],
        "once": [("first-stop-only", "warning")],
        "offer": [("guarded-alert", "error")],
    }
