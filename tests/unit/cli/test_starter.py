"""What `relight init` makes is a project that other parts can use as it is."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from relight.cli.faults import NoProjectError
from relight.cli.init import make_project
from relight.cli.project import find_folder
from relight.config.loader import load_project
from relight.messages.reasons import RowState
from relight.simulate.simulate import simulate

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starter") / "shop"
    make_project(folder)
    return folder


def test_it_has_no_problem(starter: Path) -> None:
    """Not even a warning."""
    assert load_project(starter, env={}).problems == []


def test_other_yaml_tools_read_it(starter: Path) -> None:
    """An editor underlines nothing: each file is YAML without relight's leniency for conditions."""
    files = [*starter.rglob("*.yaml"), *(REPOSITORY / "rules").glob("*.yaml"), *(REPOSITORY / "config").glob("*.yaml")]
    assert len(files) > 15
    for path in files:
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path


def test_it_is_the_same_every_time(starter: Path, tmp_path: Path) -> None:
    """Equal bytes on every machine."""
    make_project(tmp_path / "again")
    files = [p for p in sorted(starter.rglob("*")) if p.is_file()]
    assert files
    for path in files:
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(starter)).read_bytes(), path


def test_every_rule_has_something_to_show(starter: Path) -> None:
    """Each rule sends, holds somebody out, and keeps somebody back for a reason; both languages are used."""
    result = simulate(load_project(starter, env={}))
    found: dict[str, Counter[str]] = {}
    for row in result.rows:
        found.setdefault(row.rule, Counter())[row.state.value] += 1
    assert set(found) == set(result.plan.rules)
    for states in found.values():
        assert states[RowState.PENDING.value] > 20
        assert states[RowState.HELD_OUT.value] > 0
        assert states[RowState.SUPPRESSED.value] > 0


def test_editors_find_the_schemas(starter: Path) -> None:
    """Every YAML file names a schema that is there, and the settings name the others."""
    for path in starter.rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        schema = path.parent / first.removeprefix("# yaml-language-server: $schema=")
        assert json.loads(schema.read_text(encoding="utf-8"))["title"]
    settings = json.loads((starter / ".vscode/settings.json").read_text(encoding="utf-8"))
    assert all((starter / name).is_file() for name in settings["yaml.schemas"])


def test_a_project_is_found_from_inside(starter: Path, tmp_path: Path) -> None:
    """The nearest folder above with config/default.yaml is the project; without one, init is named."""
    assert find_folder(None, starter / "rules") == starter
    with pytest.raises(NoProjectError) as none:
        find_folder(None, tmp_path)
    assert "relight init" in (none.value.help_text or "")
