"""What differs between two versions of a folder, key by key."""

from __future__ import annotations

import pytest

from relight.base.instants import DAY, HOUR
from relight.config.settings import Budget
from relight.simulate.forecast.difference import compare_sources
from relight.simulate.forecast.forecast import Forecast, most_within, over_budget

OLD = {
    "rules/winback.yaml": "name: W\ntrigger: {inactive: 30 days, activity: [order_placed]}\nsteps:\n  - {wait: 2 days}\n  - {send: w}\n",
    "rules/gone.yaml": "trigger: {event: a}\nsend: w\n",
    "rules/same.yaml": "trigger: {event: a}   # a comment\nsend: w\n",
    "templates/w/body.txt": "Hello",
    "templates/w/subject.txt": "Hi",
    "config/default.yaml": "quiet_hours: {from: '21:00', to: '09:00'}\n",
    "streams/app.yaml": "source: {file: a}\n",
    "tests/rules/winback.yaml": "tests: []\n",
}


def _told(**changes: str | None) -> list[str]:
    new = {path: text for path, text in {**OLD, **changes}.items() if text is not None}
    found = []
    for change in compare_sources(OLD, new).changes:
        keys = "; ".join(f"{key} ({key.place.line}:{key.place.column})" for key in change.keys)
        found.append(f"{change.kind} {change.what} {change.name} {change.place} {keys}".strip())
    return found


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"rules/same.yaml": "# other words\ntrigger:   {event: a}\nsend: w\n", "tests/rules/winback.yaml": "x: 1"}, []),
        (
            {"rules/winback.yaml": OLD["rules/winback.yaml"].replace("30 days", "21 days")},
            ["changed rule winback rules/winback.yaml:2:21 inactive: 30 days -> 21 days (2:21)"],
        ),
        (
            {"rules/winback.yaml": OLD["rules/winback.yaml"].replace("2 days", "1 hour") + "priority: 70\n"},
            ["changed rule winback rules/winback.yaml:4:12 wait: 2 days -> 1 hour (4:12); priority: 70 (new) (6:1)"],
        ),
        (
            {"rules/winback.yaml": OLD["rules/winback.yaml"].replace("  - {wait: 2 days}\n", "").replace("name: W\n", "")},
            [
                "changed rule winback rules/winback.yaml:3:3 steps: [{wait: 2 days}, {send: w}] -> [{send: w}] (3:3); name: W (removed) (1:1)"
            ],
        ),
        ({"rules/gone.yaml": None}, ["removed rule gone rules/gone.yaml:1"]),
        ({"rules/nps.yaml": "trigger: {event: b}\nsend: w\n"}, ["new rule nps rules/nps.yaml:1"]),
        ({"templates/w/body.txt": "Hello!"}, ["changed template w templates/w/body.txt:1"]),
        ({"templates/v/body.txt": "Hello!"}, ["new template v templates/v/body.txt:1"]),
        (
            {"config/default.yaml": "quiet_hours: {from: '22:00', to: '09:00'}\n", "streams/app.yaml": "source: {file: b}\n"},
            [
                "changed config default config/default.yaml:1:22 from: 21:00 -> 22:00 (1:22)",
                "changed stream app streams/app.yaml:1:16 file: a -> b (1:16)",
            ],
        ),
    ],
)  # fmt: skip
def test_differences(changes: dict[str, str | None], told: list[str]) -> None:
    """A key that says something else is told with its old and new value and its place; comments and tests are not."""
    assert _told(**changes) == told


def test_a_rule_by_another_name_is_known() -> None:
    """A new rule that does what a removed one did is told with its name, whatever people call it; one that differs is not."""
    gone = OLD["rules/gone.yaml"]
    rest = {path: text for path, text in OLD.items() if path != "rules/gone.yaml"}
    assert compare_sources(OLD, {**rest, "rules/other.yaml": "name: New\n" + gone}).renamed == {"other": "gone"}
    assert compare_sources(OLD, {**OLD, "rules/other.yaml": gone}).renamed == {}
    assert compare_sources(OLD, {**rest, "rules/other.yaml": gone + "priority: 60\n"}).renamed == {}


def test_the_most_messages_in_any_window() -> None:
    """The window slides: two on either side of its beginning are counted together only when less than it lies between."""
    times = [0, DAY, 2 * DAY, 30 * DAY, 30 * DAY, 59 * DAY]
    assert most_within(times, 30 * DAY) == 4
    assert most_within(times, DAY) == 2
    assert most_within([], DAY) == 0


def test_a_budget_is_exceeded_by_one_more_than_it_allows() -> None:
    """Per customer and per hour, each told with its number; what just fits is no excess."""
    found = Forecast(since=0, until=DAY, most=4, most_of="c1", heaviest=100, heaviest_hour=HOUR)
    assert over_budget(found, Budget()) == []
    assert over_budget(found, Budget(per_customer=(4, 30 * DAY), per_hour=100)) == []
    assert over_budget(found, Budget(per_customer=(3, 30 * DAY), per_hour=99)) == [
        "c1 would get 4 messages in 30 days; the budget is 3",
        "the heaviest hour would have 100 messages; the budget is 99",
    ]
