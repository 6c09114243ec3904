"""A project as `relight init` makes it, and the same after one run; made once for all acceptance tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.cli_kit import copy_project, edit, relight


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project; small batches, so that there is something to interrupt, and an audience on an event trigger."""
    folder = tmp_path_factory.mktemp("acceptance") / "shop"
    relight("init", str(folder), cwd=folder.parent)
    edit(folder / "config/default.yaml", "quiet_hours:", "engine: {batch: 100}\n\nquiet_hours:")
    edit(folder / "rules/welcome.yaml", "exit: order_placed", 'audience: plan == "club"\nexit: order_placed')
    return folder


@pytest.fixture(scope="session")
def run_project(new_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same project after one run; tests that change it copy it first."""
    folder = copy_project(new_project, tmp_path_factory.mktemp("ran") / "shop")
    relight("run", cwd=folder)
    return folder
