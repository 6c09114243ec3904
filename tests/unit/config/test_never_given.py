"""A letter that reads what its rule never gives would be kept back for everybody, and `check` says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from relight.cli.init import make_project
from relight.config.loader import load_project

PRINTS = {
    "milestone": "{{ milestone | number }}",
    "threshold": "{{ threshold }}",
    "arm": "{{ arm }}",
    "entry.order_id": "{{ entry.order_id }}",
    "event.total": "{{ event.total | money }}",
    "release.title": "{{ release.title }}",
    "guarded": "{% if milestone is known %}{{ milestone }}{% endif %}{{ threshold | default('') }}{{ entry.total | default(1) }}",
}
SIGNED_UP = "trigger: {event: signed_up}\nsend: welcome\n"
ORDERED = "trigger: {event: order_placed}\nsend: welcome\n"
QUIET = "trigger: {inactive: 9 days}\nsend: welcome\n"
FIFTH = "trigger: {milestone: {count: order_placed, at: [5]}}\nsend: welcome\n"
SPENT = "trigger: {milestone: {value: spent, at: [5]}}\nsend: welcome\n"
SPLIT = "trigger: {event: signed_up}\nsteps: [{split: {x: 50%, y: 50%}, steps_x: [{send: welcome}]}]\n"


def never_given(folder: Path, rule: str, prints: str, part: str = "body.html") -> list[str]:
    make_project(folder)
    (folder / "rules/welcome.yaml").write_text(rule)
    path = folder / "templates/welcome" / part
    text = path.read_text()
    path.write_text(text.replace("{% block main %}", "{% block main %}<p>" + PRINTS[prints] + "</p>"))
    assert path.read_text() != text
    found = load_project(folder, env={})
    assert not [str(p) for p in found.problems if p.severity == "error"]
    return [f"{p.place}: {p.message}" for p in found.problems if p.code == "never-given"]


@pytest.mark.parametrize(
    ("rule", "prints"),
    [
        (SIGNED_UP, "milestone"), (SIGNED_UP, "threshold"), (SIGNED_UP, "arm"), (SIGNED_UP, "entry.order_id"),
        (SIGNED_UP, "event.total"), (SIGNED_UP, "release.title"), (QUIET, "milestone"), (QUIET, "entry.order_id"),
        (FIFTH, "threshold"), (ORDERED, "release.title"),
    ],
)  # fmt: skip
def test_a_letter_that_reads_what_its_rule_never_gives_is_told(tmp_path: Path, rule: str, prints: str) -> None:
    """B1: a mail that would be refused for everybody is a warning at its step, with the place that reads the name."""
    (told,) = never_given(tmp_path / "shop", rule, prints)
    assert told.startswith("rules/welcome.yaml:2:")
    assert f"never gives '{prints}', which templates/welcome/body.html:" in told


@pytest.mark.parametrize(
    ("rule", "prints"),
    [
        (QUIET, "threshold"), (FIFTH, "milestone"), (FIFTH, "entry.order_id"), (SPENT, "milestone"), (SPENT, "event.total"),
        (ORDERED, "entry.order_id"), (ORDERED, "event.total"), (SPLIT, "arm"), (SIGNED_UP, "guarded"), (QUIET, "guarded"),
    ],
)  # fmt: skip
def test_what_a_rule_gives_or_a_letter_asks_for_first_is_no_mistake(tmp_path: Path, rule: str, prints: str) -> None:
    """B1: what the rule gives is there, and a name behind `is known` or `default` needs nobody to give it."""
    assert never_given(tmp_path / "shop", rule, prints) == []


def test_each_language_is_looked_at(tmp_path: Path) -> None:
    """B6: a name that only the Turkish letter reads is told with the Turkish file."""
    (told,) = never_given(tmp_path / "shop", SIGNED_UP, "milestone", part="tr/body.html")
    assert "templates/welcome/tr/body.html:" in told
