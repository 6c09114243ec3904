"""What the pages of the examples say is what comes out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from relight.cli.main import cli
from tests.recorded import engine, reference
from tests.recorded.conftest import FiringsOf

pytestmark = pytest.mark.recorded

READERS = {
    "cdnow": reference.read_cdnow,
    "onlineretail": reference.read_onlineretail,
    "udacity": reference.read_udacity,
}


def page_of(name: str) -> str:
    return (engine.EXAMPLES / name / "README.md").read_text(encoding="utf-8")


def without_seconds(text: str) -> str:
    return re.sub(r"in [\d.]+ s\.", "in … s.", text)


@pytest.mark.parametrize("name", sorted(reference.EXAMPLES))
def test_tables_of_occurrences(name: str, reference_firings: FiringsOf) -> None:
    """Each number of the table, by rule and occurrence in order; `shipped` is one number."""
    counted = Counter((row.rule, row.occurrence.rpartition(":")[2]) for row in reference_firings(name))
    table = re.findall(r"^\| `(\w+)`.*?\| (.+) \|$", page_of(name), flags=re.MULTILINE)
    assert {rule for rule, _ in table} == {row.rule for row in reference_firings(name)}
    for rule, cell in table:
        said = [int(part.partition(" ")[0].replace(",", "")) for part in cell.split(" · ")]
        found = {label: times for (of, label), times in counted.items() if of == rule}
        in_order = [found[label] for label in sorted(found, key=int)] if rule != "shipped" else [sum(found.values())]
        assert said == in_order, rule


@pytest.mark.parametrize("name", sorted(READERS))
def test_first_line_of_the_output(name: str, recorded_root: Path) -> None:
    """So many events of so many customers were read."""
    events = READERS[name](recorded_root).events
    assert f"Replayed {len(events):,} events of {events['customer'].nunique():,} customers, " in page_of(name)


def test_output_of_the_command(recorded_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of httpwg, the smallest, shows what `relight simulate` writes, and its example of `explain` works."""
    monkeypatch.chdir(engine.copied_example("httpwg", tmp_path))
    done = CliRunner().invoke(cli, ["simulate"])
    assert done.exit_code == 0
    page = without_seconds(page_of("httpwg"))
    (shown,) = re.findall(r"(?:^    .*\n)+", page[page.index("It begins with") :], flags=re.MULTILINE)
    lines = [line.removeprefix("    ") for line in shown.splitlines()]
    assert len(lines) == len(["Replayed …", "rule …", "quiet", "shipped", "milestones"])
    assert lines == without_seconds(done.stdout).splitlines()[: len(lines)]
    asked = re.search(r"`relight (explain .*?)`", page_of("httpwg"))
    assert asked is not None
    explained = CliRunner().invoke(cli, asked[1].split())
    assert explained.exit_code == 0
    assert "rules/shipped.yaml" in explained.stdout
