"""What the instructions of a simulation go into: the command counts them, and says what a compiler could take away."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bench.instructions import show_kinds, sort_kinds

ROOT = Path(__file__).resolve().parents[2]
ANNOTATED = """
Ir
4,000 (100.0%)  PROGRAM TOTALS

Ir                   file:function
1,500 (37.50%)  Python/ceval.c:_PyEval_EvalFrameDefault'2 [/usr/lib/libpython3.11.so.1.0]
  500 (12.50%)  Python/ceval.c:initialize_locals [/usr/lib/libpython3.11.so.1.0]
  900 (22.50%)  Objects/dictobject.c:insertdict [/usr/lib/libpython3.11.so.1.0]
  600 (15.00%)  ???:Struct_vectorcall [msgspec/_core.cpython-311-x86_64-linux-gnu.so]
  300 ( 7.50%)  Objects/stringlib/codecs.h:unicode_encode_utf8 [/usr/lib/libpython3.11.so.1.0]
  200 ( 5.00%)  ???:0x000000000029ad80 [/usr/lib/libz.so.1]
"""


def test_each_function_is_of_one_kind_and_the_bound_leaves_the_interpreter_out() -> None:
    """4,000 instructions of 10 events, half of them interpreting: nothing compiled is more than twice as fast."""
    kinds = sort_kinds(ANNOTATED)
    assert kinds == {
        "eval loop": 1_500,
        "frames and arguments": 500,
        "dicts, sets, hashes": 900,
        "msgspec": 600,
        "texts, regular expressions": 300,
        "all else": 200,
    }
    shown = show_kinds(kinds, 10).splitlines()
    assert shown[0].split() == ["eval", "loop", "37.5%", "150"]
    assert shown[-2].split() == ["all", "100.0%", "400"]
    assert shown[-1] == "without interpreting: 2.00 times"


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="counts with valgrind")
def test_a_simulation_is_counted() -> None:
    """The command makes a world, decides it under valgrind and finds the eval loop among what it counted."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.instructions", "200"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    shown = done.stdout.splitlines()
    assert any(line.startswith("eval loop") for line in shown)
    assert 1 < float(shown[-1].split()[-2]) < 10
