"""Runs the whole fault suite, one half on each core, and prints what it did as the table of docs/reliability.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


#: Files whose tests take one core as long as all others take the other.
FIRST_HALF = ("test_seeds.py", "test_power_loss.py", "test_flips.py", "test_outage.py", "test_smtp_endings.py")


def main() -> int:
    """Return 0 where every test of both halves passed."""
    folder = Path(__file__).parent
    first = [str(folder / name) for name in FIRST_HALF]
    second = [str(path) for path in sorted(folder.glob("test_*.py")) if path.name not in FIRST_HALF]
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report"
        variables = {**os.environ, "RELIGHT_SWEEP": "full", "RELIGHT_FAULTS_REPORT": str(report)}
        began = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        halves = [subprocess.Popen([*command, *half], cwd=ROOT, env=variables) for half in (first, second)]
        failed = [half.wait() for half in halves if half.wait() != 0]
        seconds = time.monotonic() - began
        lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    sys.stdout.write(table([json.loads(line) for line in lines], seconds, passed=not failed))
    return 1 if failed else 0


def table(rows: list[dict[str, int | str]], seconds: float, *, passed: bool) -> str:
    """Return the counts as Markdown, with the machine and the day."""
    sums: dict[str, list[int]] = {}
    for row in rows:
        found = sums.setdefault(str(row["fault"]), [0, 0])
        found[0] += int(row["tried"])
        found[1] += int(row["faults"])
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    said = [f"| {name} | {tried:,} | {faults:,} |" for name, (tried, faults) in sums.items()]
    broken = "no promise was broken" if passed else "PROMISES WERE BROKEN, see above"
    day = datetime.now(UTC).date().strftime("%-d %B %Y")
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release().split('-')[0]}"
    return "\n".join([
        "", f"{day}, commit {commit}, {machine}, {seconds / 60:.0f} min: {broken}.", "",
        "| fault | tried | met |", "|---|---|---|", *said, "",
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
