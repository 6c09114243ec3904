"""The program starts fast: what a command does not need is not imported."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from relight import __version__
from tests.acceptance.cli_kit import ENVIRONMENT

_HEAVY = ("pydantic", "jinja2", "numpy", "rich", "yaml", "sqlite3", "msgspec", "babel", "asyncio")


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
