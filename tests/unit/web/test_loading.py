"""What `relight web` has loaded needs nothing of this program that it has not."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOADED = """
import json, os, sys
from pathlib import Path
from relight.config.loader import load_project
from relight.web import serve
project = load_project(Path("."), env={**os.environ, "LINK_SECRET": "s"})
serve.load_program(project.settings)
print(json.dumps(sorted(name for name in sys.modules if name.startswith("relight"))))
"""
#: Late imports that are for other stores and processes than a project without PostgreSQL and Kafka has.
ELSEWHERE = ("relight.stores.postgres", "relight.engine.cluster_", "relight.transports.", "relight.engine.telemetry.")


def late_imports(module: str) -> Iterator[str]:
    """Yield the modules of this program that a module imports inside functions."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for function in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("relight"):
                    yield node.module


def test_nothing_that_is_loaded_imports_later_what_is_not() -> None:
    """Each import inside a function of a loaded module is of one that is loaded as well."""
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    missing = {
        (module, late)
        for module in loaded
        for late in late_imports(module)
        if late not in loaded and not late.startswith(ELSEWHERE)
    }
    assert missing == set()
