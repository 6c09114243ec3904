"""The engine's ledger on recorded data, against a reference that shares nothing with it."""

from __future__ import annotations

import pytest

from tests.recorded import reference
from tests.recorded.conftest import FiringsOf
from tests.recorded.firings import differences

pytestmark = pytest.mark.recorded


@pytest.mark.parametrize("name", sorted(reference.EXAMPLES))
def test_ledger_equals_the_reference(name: str, engine_firings: FiringsOf, reference_firings: FiringsOf) -> None:
    """Every silence, milestone and shipped request of every customer is entered at its instant, and nothing else."""
    difference = differences(reference_firings(name), engine_firings(name))
    assert not difference, f"{name}: {difference}"
