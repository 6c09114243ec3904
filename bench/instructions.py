"""What the processor's instructions of a simulation go into, by the part of Python that runs them.

    python -m bench.instructions [EVENTS]

Runs `relight simulate` of the bench's world under callgrind (needs valgrind), counts from where the project is loaded,
and sorts the C functions by what they do. The count does not depend on what else the machine does, as time would. A
compiler takes the eval loop and its frames away and leaves the rest: the last line is that bound. Kinds are told apart
by the C files of CPython, which a Python without debugging symbols does not name.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.ours import load
from bench.workload import Size, write_events, write_project

from relight.simulate.simulate import simulate

#: Events counted, unless told otherwise; callgrind takes about fifty times as long as the program.
EVENTS = 20_000
#: Kind -> the C files (or, after `:`, functions) of Python 3.11 that belong to it; the first that fits.
KINDS = {
    "eval loop": r":_PyEval_EvalFrameDefault",
    "frames and arguments": r"/(ceval|frame|pycore_frame|pystate|specialize)\.[ch]:|:_PyFrame_Clear",
    "msgspec": r"\[.*msgspec",
    "memory and its collector": r"/(obmalloc|gcmodule)\.c:|:(malloc|free|_int_malloc|_int_free)\b",
    "dicts, sets, hashes": r"/(dictobject|pyhash|setobject)\.c:",
    "attributes, comparing": r"/(typeobject|descrobject|object)\.c:",
    "calls of C functions": r"/(call|methodobject|funcobject|classobject|getargs|genobject)\.c:",
    "lists, tuples, numbers": r"/(tupleobject|listobject|longobject|abstract|bltinmodule|boolobject)\.c:",
    "texts, regular expressions": r"/(unicodeobject|unicodectype|bytesobject)\.c:|stringlib|_sre",
    "digests": r"blake2|libcrypto|hashlib|hmac",
}
#: What compiled code needs none of.
INTERPRETING = ("eval loop", "frames and arguments")
_CONTROL = ["callgrind_control", "-i"]
_ANNOTATE = ["callgrind_annotate", "--threshold=100"]
_LINE = re.compile(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+(.*)")


def sort_kinds(annotated: str) -> Counter[str]:
    """Return instructions by kind, of what `callgrind_annotate --threshold=100` prints."""
    found: Counter[str] = Counter()
    for match in filter(None, map(_LINE.match, annotated.splitlines())):
        count, where = int(match[1].replace(",", "")), match[2]
        if "PROGRAM TOTALS" not in where:
            found[next((kind for kind, shape in KINDS.items() if re.search(shape, where)), "all else")] += count
    return found


def show_kinds(kinds: Counter[str], events: int) -> str:
    """Return the table: share and instructions an event of each kind, and the most that compiling can give."""
    total = kinds.total()
    lines = [f"{kind:28}{count / total:7.1%}{count / events:10,.0f}" for kind, count in kinds.most_common()]
    rest = total - sum(kinds[kind] for kind in INTERPRETING)
    return "\n".join(
        [*lines, f"{'all':28}{1:7.1%}{total / events:10,.0f}", f"without interpreting: {total / rest:.2f} times"]
    )


def count_inside(folder: str) -> None:
    """Simulate a folder with callgrind counting: in the process that valgrind runs."""
    project = load(folder)
    _switch("on")
    simulate(project)
    _switch("off")


def _switch(state: str) -> None:
    subprocess.run([*_CONTROL, state, str(os.getpid())], check=True, capture_output=True)  # noqa: S603 - valgrind's own


def main(events: int) -> None:
    """Make the world, count, print."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_project(Path(scratch) / "world")
        write_events(folder / "events.ndjson", Size(events=events, customers=events // 5))
        counts = Path(scratch) / "counts"
        inside = [sys.executable, "-m", "bench.instructions", "--inside", str(folder)]
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={counts}"]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run([*valgrind, *inside], check=True, capture_output=True, env=environment)  # noqa: S603 - ourselves
        told = subprocess.run([*_ANNOTATE, str(counts)], check=True, capture_output=True, text=True)  # noqa: S603 - as above
    print(show_kinds(sort_kinds(told.stdout), events))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        count_inside(sys.argv[2])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS)
