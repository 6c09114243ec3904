"""What published clients put on the wire decodes as it stands."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from relight.streams.envelope import Event
from relight.streams.refusals import Counts
from tests.unit.streams.stream_making import decode, plan_of

DATA = os.environ.get("RELIGHT_DATA")
pytestmark = [pytest.mark.recorded, pytest.mark.skipif(not DATA, reason="RELIGHT_DATA is not set")]


def items(name: str) -> list[dict[str, Any]]:
    text = Path(str(DATA), "peer_captures", name).read_text(encoding="utf-8")
    return [item for line in text.splitlines() for item in json.loads(json.loads(line)["body"])["batch"]]


@pytest.mark.parametrize(("name", "others"), [("segment_python.jsonl", 5), ("segment_node.jsonl", 3)])
def test_segment_clients(name: str, others: int) -> None:
    """A client's batch gives its identify and its track events; the other calls are counted as undeclared."""
    plan = plan_of(
        customer=["userId", "anonymousId"],
        time={"field": "timestamp", "zone": "America/New_York"},
        traits={"email": "email", "created": {"type": "time", "field": "traits.createdAt"}},
        events={"feature_used": {"called": "Feature Used", "properties": {"feature": "text", "n": "integer"}}},
    )
    counts = Counts()
    events: list[Event] = []
    for item in items(name):
        found = decode(plan, json.dumps(item).encode(), counts=counts)
        assert isinstance(found, list), found
        events.extend(found)
    assert [event.name for event in events] == ["identify", "feature_used"]
    assert events[0].traits["email"] == "ada@example.test"
    assert events[1].customer == "u1"
    assert events[1].event_time // 1_000_000 == 1_710_054_000
    assert sum(counts.undeclared.values()) == others
    if "python" in name:
        # 02:30 did not exist in New York that day: forward by the gap, 03:30 daylight time.
        assert events[0].traits["created"] == 1_710_055_800_000_000
        assert events[1].properties == {"feature": "export", "n": 3}
