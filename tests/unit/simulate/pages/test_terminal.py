"""The summaries on a terminal hold the figures, fit its width, and end with what matters most."""

from __future__ import annotations

import dataclasses

import pytest

from relight.base.instants import DAY
from relight.simulate.pages import About, StreamCounts, funnel_text, gather, simulate_text
from tests.unit.simulate.pages.sample import BEGAN, make_page, make_rows


@pytest.mark.parametrize("width", [100, 118, 200])
def test_lines_fit(width: int) -> None:
    """No line of the table is longer than the terminal."""
    data = make_page(scale=0.2)
    table = [
        line for text in (funnel_text(data, width), simulate_text(data, data, width)) for line in text.splitlines()
    ]
    assert not [line for line in table if len(line) > width and not line.startswith(("Read", "Replayed"))]


def test_a_run_ends_with_what_happened() -> None:
    """The last line has the messages, the people and how often there was a reason against one."""
    data = make_page(scale=0.2)
    lines = funnel_text(data).splitlines()
    assert lines[-1] == (
        f"{data.messages:,} messages for {data.people:,} people; "
        f"{data.not_sent:,} times there was a reason not to send."
    )
    assert lines[0].split() == ["rule", "occurred", "entered", "messages", "people", "why", "not", "sent"]
    assert lines[1].split()[:2] == ["quiet", f"{data.rules[0].occurred:,}"]
    assert len(lines) == 1 + len(data.rules) + 3


def test_a_simulation_says_how_many_entered_even_if_nothing_would_leave() -> None:
    """Beside the messages stands how many came in: a project without addresses shows where they stayed."""
    data = make_page(scale=0.2)
    lines = simulate_text(data).splitlines()
    assert lines[1].split()[:3] == ["rule", "entered", "messages"]
    assert lines[2].split()[1] == f"{data.rules[0].entered:,}"


def test_a_comparison_shows_both() -> None:
    """Each rule has its messages in 30 days in both versions and the change; the last line has the sum."""
    now, new = make_page(), make_page(seed=9, scale=1.2, caps=0.7)
    lines = simulate_text(new, now).splitlines()
    assert lines[0].endswith("Nothing was sent.")
    assert lines[1].split()[:5] == ["rule", "now/30d", "new/30d", "change", "people"]
    rule = new.rules[0]
    expected = [f"{round(one.rules[0].messages * 30 / 364):,}" for one in (now, new)]
    assert lines[2].split()[:3] == [rule.id, *expected]
    assert lines[-1].startswith(
        f"{round(now.messages * 30 / 364):,} -> {round(new.messages * 30 / 364):,} messages in 30 days (+"
    )


def test_a_short_time_is_not_stretched() -> None:
    """Events of less than 30 days are counted as they are, and no rate is claimed."""
    about = About(project="shop", zone="UTC", rules={})
    short = gather(make_rows(scale=0.1), {}, about=about, streams=StreamCounts(began=BEGAN, ended=BEGAN + 29 * DAY))
    assert "/30d" not in simulate_text(short, short)
    assert f"{short.messages:,} -> {short.messages:,} messages (0)" in simulate_text(short, short)
    long = dataclasses.replace(short, streams=StreamCounts(began=BEGAN, ended=BEGAN + 30 * DAY))
    assert "now/30d" in simulate_text(long, long)


def test_a_terminal_gets_no_control_characters() -> None:
    """A customer's id cannot move the cursor."""
    rows = [
        type(row)(**{name: getattr(row, name) for name in row.__struct_fields__} | {"customer": "a\x1b[2Jb"})
        for row in make_rows(scale=0.05)
    ]
    data = gather(rows, {}, about=About(project="shop", zone="UTC", rules={}), streams=StreamCounts())
    assert "\x1b" not in simulate_text(data) + funnel_text(data)
    assert "a�[2Jb" in simulate_text(data)


def test_a_rule_without_any_message_says_whether_its_trigger_was_met() -> None:
    """An empty column told nothing: the trigger was never met, or what it met was only counted (R6)."""
    about = About(project="shop", zone="UTC", rules={"never": "Never", "met": "Met"})
    data = gather([], {("met", "audience_false", 1): 3}, about=about, streams=StreamCounts())
    told = {line.split()[0]: line for line in funnel_text(data).splitlines() if line.split()[0] in about.rules}
    assert told["never"].endswith("its trigger was never met")
    assert told["met"].endswith("audience_false, each of 3 times")
    assert "its trigger was never met" in simulate_text(data)
