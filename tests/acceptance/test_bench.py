"""The bench works: one command, every row beside its baseline. How fast it is no test says."""

import json
import subprocess
import sys
from pathlib import Path

from bench.__main__ import ROWS

ROOT = Path(__file__).resolve().parents[2]


def test_every_row_is_measured_and_printed(tmp_path: Path) -> None:
    """`python -m bench --quick` prints every row with its figures, and writes them for machines."""
    written = tmp_path / "rows.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", str(written)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(written.read_text(encoding="utf-8"))
    assert [row["name"] for row in rows] == list(ROWS)
    for row in rows:
        assert any(line.startswith(row["name"]) for line in done.stdout.splitlines()), row["name"]
        assert row["target"], row["name"]
    measured = {row["name"]: row for row in rows}
    assert measured["live"]["events"] == measured["simulate"]["events"]
    assert measured["live"]["ids"] >= measured["live"]["events"]
    assert measured["live"]["rows"] > 0
    assert all(row["ratio"] for name, row in measured.items() if name not in {"lag", "rest"})
