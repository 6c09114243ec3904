"""What `relight check` leaves out: libraries it has no use for, and looks for cycles."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import pytest
from bench.workload import write_project

from relight.cli.project import without_cycle_search
from tests.support.programs import run_program

#: Imported by a check of what uses them, and by no other.
WANTED_BY_SOME = ("babel", "relight.config.measure_models", "relight.simulate.rule_tests.reading")
_CHECK_AND_TELL = f"""
import json, sys
from relight.cli.main import cli
cli.main(["check"], standalone_mode=False)
print(json.dumps([name for name in {WANTED_BY_SOME!r} if name in sys.modules]))
"""


def imported_by_check(folder: Path) -> set[str]:
    done = run_program([sys.executable, "-c", _CHECK_AND_TELL], cwd=folder, check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_check_imports_no_more_than_the_project_needs(tmp_path: Path) -> None:
    """A project without dates in its mails, measures and rule tests is checked without Babel and their modules."""
    assert imported_by_check(write_project(tmp_path, rules=3)) == set()


@pytest.mark.parametrize(
    ("file", "text", "wanted"),
    [
        ("templates/quiet/body.txt", "{{ now | date }} {{ unsubscribe_url }}\n", "babel"),
        ("config/measures.yaml", "sources: {order: order_placed}\n", "relight.config.measure_models"),
        ("tests/rules/one.yaml", "tests: []\n", "relight.simulate.rule_tests.reading"),
    ],
)
def test_what_a_project_uses_is_imported(tmp_path: Path, file: str, text: str, wanted: str) -> None:
    """A date in a mail, a file of measures and a rule test bring their modules in."""
    path = write_project(tmp_path, rules=3) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    assert imported_by_check(tmp_path) == {wanted}


def _seen_inside() -> bool:
    with without_cycle_search():
        return gc.isenabled()


def test_the_search_for_cycles_is_as_it_was_afterwards() -> None:
    """Reading a project puts off the search for cycles, and leaves it as it found it, on or off."""
    for enabled in (True, False):
        gc.enable() if enabled else gc.disable()
        try:
            assert _seen_inside() is False
            assert gc.isenabled() is enabled
        finally:
            gc.enable()
