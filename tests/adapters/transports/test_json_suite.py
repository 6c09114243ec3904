"""A published suite of JSON texts, each file's bytes as one record among good ones."""

import os
from pathlib import Path

import msgspec
import pytest

from relight.streams.envelope import DeadLetter
from tests.unit.streams.stream_making import ORDER, decode, one, plan_of

DATA = os.environ.get("RELIGHT_DATA")
pytestmark = [pytest.mark.recorded, pytest.mark.skipif(not DATA, reason="RELIGHT_DATA is not set")]
GOOD = msgspec.json.encode(ORDER)
#: Codes of a text that is JSON and still no event.
NO_EVENT = {"not-an-object", "missing-name", "missing-id", "missing-time", "missing-customer"}
NO_JSON = {"not-json", "not-utf8", "too-deep"}


def suite() -> list[Path]:
    return sorted(Path(DATA, "suites/JSONTestSuite/test_parsing").glob("*.json")) if DATA else []


def test_suite_is_there() -> None:
    """The suite has its 318 files."""
    assert len(suite()) == 318


@pytest.mark.parametrize("path", suite(), ids=lambda path: path.stem)
def test_one_text(path: Path) -> None:
    """A text that is no JSON is refused alone with its reason, one that is parses, and its neighbours go through."""
    plan = plan_of()
    before, found, after = (decode(plan, raw) for raw in (GOOD, path.read_bytes(), GOOD))
    assert one(before) == one(after)
    assert isinstance(found, DeadLetter)
    assert found.reason
    if path.stem.startswith("y_"):
        assert found.code in NO_EVENT, found.reason
    elif path.stem.startswith("n_"):
        assert found.code in NO_JSON, found.reason
    else:
        assert found.code in NO_EVENT | NO_JSON, found.reason
