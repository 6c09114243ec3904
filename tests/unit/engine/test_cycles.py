"""How often Python looks for cycles: seldom, and not among what stays."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from relight.engine.cycles import COLLECT_AFTER, collect_rarely, rare_collections
kept = [[n] for n in range(1_000)]
collect_rarely()
assert gc.get_threshold()[0] == COLLECT_AFTER == 50_000
assert gc.get_freeze_count() >= 1_000
with rare_collections():
    pass
assert gc.get_threshold()[0] == COLLECT_AFTER
looks = []
gc.callbacks.append(lambda phase, told: looks.append(told["collected"]) if phase == "stop" else None)
for _ in range(60_000):
    one = []; one.append(one)
assert len(looks) == 1, looks
assert looks[0] >= 49_000
"""


def test_a_program_that_decides_looks_for_cycles_seldom_and_still_finds_them() -> None:
    """A worker looks once in fifty thousand new objects, never at what was there when it began, and frees cycles."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
