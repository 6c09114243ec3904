"""docs/security.md: each threat of the list stands there, and names tests that exist."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from relight.config.folder import read_folder
from relight.config.loader import load_files

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
ROWS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "`" in line.rpartition(" | ")[2]]
#: What the page must speak of at least.
THREATS = (
    "tokens", "SSRF", "template injection", "header and SMTP injection", "path traversal", "open redirects",
    "secrets and people in logs", "ingestion", "rates", "webhooks", "decompression", "YAML", "poison", "supply|built from",
)  # fmt: skip


def test_every_threat_has_tests_that_exist() -> None:
    """Each row names at least one test, each name is a test of the file it says, and every threat of the list is there."""
    assert len(ROWS) > 20
    for row in ROWS:
        assert len(row) == 4, row[0]
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", row[3])
        assert named, row[0]
        for path, name in named:
            text = (ROOT / "tests" / path).read_text(encoding="utf-8")
            assert re.search(rf"^\s*(async )?def {name}\(", text, re.MULTILINE), f"{path} has no {name}"
    for threat in THREATS:
        assert re.search(threat, "\n".join(row[0] for row in ROWS)), threat


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "/etc/passwd", "../config/default.yaml", "nudge/../../x"])
def test_no_template_reaches_a_file(name: str) -> None:
    """A template that includes a path finds no template: names are looked up among those that were read."""
    files = read_folder(ROOT / "tests/unit/config/good")
    templates = {**files.templates, "nudge/body.txt": f'{{% include "{name}" %}}'}
    found = load_files(dataclasses.replace(files, templates=templates), env={})
    assert f"there is no template '{name}'" in [problem.message for problem in found.problems]
    assert found.plan is None
