"""The program starts fast: what a command does not need is not imported."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from relight import __version__
from tests.acceptance.cli_kit import ENVIRONMENT

#: CPU time of `relight version` at the most, as a multiple of a program that is click and nothing else.
START_TIMES_MOST = 1.5
#: Starts of each, of which the fastest counts.
STARTS = 7
_BARE = "import click\n@click.group()\ndef cli(): ...\n@cli.command()\ndef version(): click.echo('bare 1')\ncli()\n"
_HEAVY = ("pydantic", "jinja2", "numpy", "rich", "yaml", "sqlite3", "msgspec", "babel", "asyncio")


def _cpu_seconds(command: Sequence[str], folder: Path) -> float:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    best = float("inf")
    for _ in range(STARTS):
        before = spent()
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, timeout=60)
        best = min(best, spent() - before)
    return best


def test_version_starts_fast(tmp_path: Path) -> None:
    """`relight version` takes at most 1.5 times the CPU time of a program that is click and nothing else."""
    bare = tmp_path / "bare.py"
    bare.write_text(_BARE, encoding="utf-8")
    ours = _cpu_seconds([sys.executable, "-m", "relight", "version"], tmp_path)
    least = _cpu_seconds([sys.executable, str(bare), "version"], tmp_path)
    assert ours <= START_TIMES_MOST * least, f"{ours:.3f} s against {least:.3f} s"


def test_nothing_heavy_is_imported_first(tmp_path: Path) -> None:
    """The list of commands and the version need no parser of models, no templates, no store and no colours."""
    code = f"import sys, relight.cli.version; print([m for m in {_HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"


def test_the_version_is_the_package_s() -> None:
    """The version in the code is the one of the package."""
    assert version("relight") == __version__
