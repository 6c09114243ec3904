"""The comparison with the model sees mistakes: each mutant is one plausible bug of ours, and some log turns red."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType

import pytest

from relight.customers import fold
from relight.decide import competition, entries, minutes, occurrences, silences, standing, triggers
from relight.messages import caps
from tests.support.model_logs import model_logs
from tests.support.model_runs import decide_rows

pytestmark = pytest.mark.recorded

#: (what the bug is, module, function, its text, the bug).
MUTANTS = [
    ("first seen counts late events", fold, "fold_event", " and not event.late:", ":"),
    ("an activity exactly at the deadline does not cancel", silences, "_of_threshold", "].event_time > due", "].event_time >= due"),
    ("what is known too late still fires", silences, "_of_threshold", "due + settle < start.known_at", "False"),
    ("what is known too late still fires, the only start", silences, "silence_of_one", "due + wait.rule.settle < start.known_at", "False"),
    ("a deadline at the edit itself is lost, the only start", silences, "silence_of_one", "due < wait.begun", "due <= wait.begun"),
    ("a deadline at the edit itself is lost", silences, "silence_deadlines", "due >= begun", "due > begun"),
    ("a silence is called by its rule alone", silences, "silence_deadlines", "id_, begun = profile.judged, wait.id,", "id_, begun = profile.judged, 0,"),
    ("the audience is read at the judgement", occurrences, "occur", "what.instant if what.is_deadline else None", "None"),
    ("no look back on entry", occurrences, "_begin", "in turn.profile.trail", "in ()"),
    ("low priority first", competition, "rank_of", "(-priority_of(turn, entry)", "(priority_of(turn, entry)"),
    ("a second send in the same minute", minutes, "make_candidate", " + turn.closing", ""),
    ("a step is taken twice", entries, "walk", "step.id in entry.sent", "False"),
    ("the first wait_for looks back to its step alone", standing, "go_on", "if entry.has_awaited:", "if True:"),
    ("time that runs out goes the way of a match", entries, "finish_wait", "entry.step = step.otherwise if", "entry.step = step.then if"),
    ("a refund lowers a sum", triggers, "grown", "max(Decimal(0), Decimal(value))", "Decimal(value)"),
    ("sliding caps closed at both ends", caps, "full_cap", "at - place < cap.window", "at - place <= cap.window"),
]  # fmt: skip


def plant(patch: pytest.MonkeyPatch, module: ModuleType, name: str, text: str, bug: str) -> None:
    """Put a changed copy of a function where relight keeps the function."""
    original = getattr(module, name)
    source = inspect.getsource(original)
    assert source.count(text) == 1, f"{name} no longer says {text!r} once"
    names: dict[str, object] = {}
    exec(  # noqa: S102 - the bug is planted in a copy of our own module
        compile("from __future__ import annotations\n" + source.replace(text, bug), name, "exec"),
        vars(module) | names,
        names,
    )
    changed = names[name]
    for other in [m for n, m in sys.modules.items() if n.startswith("relight.")]:
        if vars(other).get(name) is original:
            patch.setattr(other, name, changed)


@pytest.mark.parametrize(("module", "name", "text", "bug"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_a_planted_bug_is_seen(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, text: str, bug: str
) -> None:
    """The comparison can fail: a single plausible bug of ours makes a ledger differ from the model's."""
    logs = model_logs(400, 100, walking=150)
    plant(monkeypatch, module, name, text, bug)
    for one in logs[400:] + logs[:400]:
        try:
            if decide_rows(one) != one.rows:
                return
        except (AssertionError, ValueError, KeyError):
            return
    pytest.fail("no log of 800 sees this bug")
