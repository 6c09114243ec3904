"""A rule's other parts: exits, goal, re-entry, class, topic, holdout, dates, and the defaults of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from relight.base.durations import Span
from relight.base.instants import DAY, HOUR, format_instant
from relight.rules.plan import MessageClass, ReentryKind, Rule
from tests.unit.rules.project import SCHEMA, compile_one, sound, told

EVENT = {"trigger": {"event": "order_placed"}}
SILENCE = {"trigger": {"inactive": "30 days"}}


def test_defaults() -> None:
    """What a rule leaves out has the value that the language gives it."""
    rule = sound(EVENT)
    assert (rule.priority, rule.expires, rule.grace, rule.settle) == (50, 3 * DAY, 24 * HOUR, 0)
    assert (rule.message_class, rule.topic, rule.holdout) == (MessageClass.MARKETING, "news", 0.05)
    assert (rule.group, rule.when_capped, rule.backfill, rule.starts, rule.ends) == (None, None, None, None, None)
    assert rule.exit_on_activity
    assert not rule.paused
    assert rule.audience is None


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (EVENT, ReentryKind.ONCE),
        (SILENCE, ReentryKind.EACH),
        ({"trigger": {"milestone": {"count": "order_placed", "at": [1]}}}, ReentryKind.EACH),
        ({**EVENT, "reentry": "every"}, ReentryKind.EVERY),
        ({**SILENCE, "reentry": "once"}, ReentryKind.ONCE),
        ({**SILENCE, "reentry": {"after": "60 days"}}, ReentryKind.AFTER),
        ({**EVENT, "reentry": {"per": "order_id"}}, ReentryKind.PER),
    ],
)
def test_reentry(written: dict[str, Any], kind: ReentryKind) -> None:
    """Re-entry is as written, else once for events and once for each key of other triggers."""
    assert sound(written).reentry.kind is kind


def test_exits() -> None:
    """An exit is an event, an event with a filter or a condition; events leave traces of what their filters compare."""
    exits = [
        "order_refunded where order_id == entry.order_id",
        "signed_up",
        "vip",
        'plan == "pro"',
        "ever(session_started)",
    ]
    rule, problems, layout = compile_one({**EVENT, "exit": exits})
    assert problems == []
    assert rule is not None
    assert [match.event for match in rule.exits_on] == ["order_refunded", "signed_up"]
    assert [one.text for one in rule.exits_when] == ["vip", 'plan == "pro"', "ever(session_started)"]
    assert layout.folds["order_refunded"].trail == ("order_id",)
    assert layout.folds["signed_up"].trail == ()


def test_a_mistaken_exit_is_taken_for_an_event() -> None:
    """A single word that nothing is called is looked for among events."""
    assert told({**EVENT, "exit": "order_refundd"}) == [("exit/0", "unknown-event")]


def test_goal() -> None:
    """A goal has its event and how long it counts; its trace is kept."""
    rule, _, layout = compile_one(
        {**EVENT, "goal": {"event": "order_placed where total > 3", "attribution": "14 days"}}
    )
    assert rule is not None
    assert rule.goal is not None
    assert (rule.goal.match.event, rule.goal.attribution) == ("order_placed", 14 * DAY)
    assert layout.folds["order_placed"].trail == ("total",)
    assert sound({**EVENT, "goal": {"event": "signed_up"}}).goal is not None


def test_names_in_scope() -> None:
    """`entry.` reads the triggering event, `threshold` exists for silences alone, `milestone` for milestones alone."""
    assert sound({**EVENT, "audience": "entry.total > 10"}).audience is not None
    assert told({**SILENCE, "audience": "entry.total > 10"}) == [("audience", "unknown-property")]
    assert sound({**SILENCE, "audience": "threshold == 30 days"}).audience is not None
    assert told({**EVENT, "audience": "threshold == 30 days"}) == [("audience", "not-here")]
    stone = {"trigger": {"milestone": {"count": "order_placed", "at": [1, 2]}}}
    assert sound({**stone, "audience": 'milestone == "1"'}).audience is not None


def test_topic() -> None:
    """A rule's own topic counts before its class's; marketing needs one, other classes do not."""
    assert sound({**EVENT, "topic": "offers"}).topic == "offers"
    assert sound({**EVENT, "class": "transactional"}).topic is None
    assert told(EVENT, class_topics={}) == [("top", "missing-topic")]
    assert told({**EVENT, "topic": "offer"}) == [("topic", "unknown-topic")]


def test_holdout_is_never_implied() -> None:
    """A marketing rule without a holdout of its own or of the config is refused; 0% written down is fine."""
    assert told(EVENT, holdout=None) == [("top", "no-holdout")]
    assert sound({**EVENT, "holdout": "0%"}, holdout=None).holdout == 0
    assert sound({**EVENT, "holdout": "25%"}).holdout == 0.25
    assert sound({**EVENT, "class": "transactional"}, holdout=None).holdout == 0


def test_lengths_and_dates() -> None:
    """Lengths are µs; a date begins and ends with the project's day, a time may name its own zone."""
    written = {
        "expires": "2 days",
        "grace": "1 hour",
        "settle": "30 min",
        "when_capped": {"wait": "1 day"},
    }
    rule = sound({**EVENT, **written, "starts": "2026-03-01", "ends": "2026-03-31"})
    assert (rule.expires, rule.grace, rule.settle) == (2 * DAY, HOUR, HOUR // 2)
    assert rule.when_capped == DAY
    assert sound({"trigger": {"inactive": "9 days"}, "backfill": {"ramp": "24 hours"}}).backfill == DAY
    assert rule.starts is not None
    assert rule.ends is not None
    assert format_instant(rule.starts, "Europe/Istanbul") == "2026-03-01 00:00:00 Europe/Istanbul"
    assert format_instant(rule.ends, "Europe/Istanbul") == "2026-03-31 23:59:59.999999 Europe/Istanbul"
    timed = sound({**EVENT, "starts": "2026-03-01 09:00 Europe/Berlin"})
    assert timed.starts is not None
    assert format_instant(timed.starts) == "2026-03-01 08:00:00 UTC"


def test_after_is_a_span() -> None:
    """A re-entry may wait for calendar time."""
    assert sound({**SILENCE, "reentry": {"after": "2 months"}}).reentry.after == Span(months=2)


def test_nobody_can_be_reached_without_an_address() -> None:
    """Where no stream declares `email`, the first rule that sends is warned about, once."""
    bare = replace(SCHEMA, traits={})
    rule, problems, _ = compile_one(EVENT, schema=bare)
    assert isinstance(rule, Rule)
    assert [(problem.code, problem.severity) for problem in problems] == [("no-address", "warning")]


@pytest.mark.parametrize(
    ("trigger", "codes"),
    [
        ({"inactive": "7 days"}, []),
        ({"milestone": {"count": "order_placed", "at": [1]}}, []),
        ({"enters": "vip"}, []),
        ({"leaves": "vip"}, ["not-here"]),
        ({"event": "order_placed"}, ["not-here"]),
        ({"schedule": "0 9 * * MON"}, ["not-here"]),
        ({"date": "birthday"}, ["not-here"]),
    ],
)
def test_backfill_goes_with_what_can_stand_already(trigger: dict[str, Any], codes: list[str]) -> None:
    """E5: backfill is refused where nobody can match already."""
    assert [code for _, code in told({"trigger": trigger, "backfill": {"ramp": "1 day"}})] == codes


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"class": "transactional", "topic": "news"}, "topic"),
        ({"class": "internal", "when_capped": {"wait": "1 day"}, "steps": [{"wait": "1 day"}]}, "when_capped"),
        ({"class": "transactional", "steps": [{"send": "nudge", "at": "09:00"}]}, "steps/0/at"),
        (
            {"class": "transactional", "steps": [{"send": "nudge", "send_window": "daily 09:00-18:00"}]},
            "steps/0/send_window",
        ),
        ({"exit_on_activity": False}, "exit_on_activity"),
    ],
)
def test_what_would_change_nothing_is_refused(more: dict[str, Any], place: str) -> None:
    """I18: a key that a rule of this class or trigger never asks is refused instead of ignored."""
    assert told({**EVENT, **more}) == [(place, "not-here")]
