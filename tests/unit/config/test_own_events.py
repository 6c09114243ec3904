"""Which events of the engine's own there are, and what a project writes to have each."""

from __future__ import annotations

from relight.base.problems import Place
from relight.streams.brake_events import declare_brake_event
from relight.streams.code_events import declare_codes_low
from relight.streams.guard_events import declare_guard_event
from relight.streams.own_events import ASKED_FOR_BY
from relight.streams.schema import Schema
from relight.streams.target_events import declare_missed_targets


def test_each_is_told_with_what_asks_for_it() -> None:
    """Whoever waits for one that the project does not ask for is told what to write: of each, and of no other."""
    schema, place = Schema(), Place(file="config/default.yaml")
    for declare in (declare_brake_event, declare_codes_low, declare_guard_event, declare_missed_targets):
        schema, problems = declare(schema, place)
        assert problems == []
    assert set(schema.events) == set(ASKED_FOR_BY)
