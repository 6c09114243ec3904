"""Where the recorded sets are, and one run of the engine on each example for all tests that read it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.recorded import engine, reference
from tests.recorded.firings import Firing, entered

FiringsOf = Callable[[str], list[Firing]]


@pytest.fixture(scope="session")
def recorded_root() -> Iterator[Path]:
    """The folder of the recorded sets; examples read it by the same variable."""
    named = os.environ.get("RELIGHT_DATA")
    if not named:
        pytest.skip("RELIGHT_DATA is not set")
    root = Path(named).resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RELIGHT_DATA", str(root))
        yield root


@pytest.fixture(scope="session")
def engine_firings(recorded_root: Path, tmp_path_factory: pytest.TempPathFactory) -> FiringsOf:
    """What the engine's ledger says of an example, each run once."""
    known: dict[str, list[Firing]] = {}

    def firings(name: str) -> list[Firing]:
        if name not in known:
            folder = engine.copied_example(name, tmp_path_factory.mktemp("example"))
            known[name] = entered(engine.ledger_of(folder))
        return known[name]

    return firings


@pytest.fixture(scope="session")
def reference_firings(recorded_root: Path) -> FiringsOf:
    """What pandas says of an example, each worked out once."""
    known: dict[str, list[Firing]] = {}

    def firings(name: str) -> list[Firing]:
        if name not in known:
            known[name] = reference.EXAMPLES[name](recorded_root)
        return known[name]

    return firings
