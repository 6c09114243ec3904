"""What was seen stays seen, in memory, in arrays, and through a checkpoint."""

from __future__ import annotations

import random

import pytest

from relight.stores import seen_ids
from relight.stores.seen_ids import SeenIds


def test_everything_added_is_found_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a dictionary: with small limits every boundary is met, and parts loaded again say the same."""
    monkeypatch.setattr(seen_ids, "PART_EVENTS", 7)
    monkeypatch.setattr(seen_ids, "RECENT_EVENTS_MAX", 5)
    draw = random.Random(1)
    ids, expected, parts = SeenIds(), dict[tuple[int, int], int](), dict[int, bytes]()
    for _ in range(200):
        key = (draw.randint(-3, 3), draw.randint(-(2**63), 2**63 - 1) if draw.random() < 0.5 else draw.randint(-9, 9))
        assert ids.find(key) == expected.get(key)
        if key not in expected:
            expected[key] = draw.randint(0, 2**64 - 1)
            ids.add(key, expected[key])
        if draw.random() < 0.1:
            parts |= ids.take_changed()
            again = SeenIds()
            again.load(parts)
            assert len(again) == len(ids) == len(expected)
            assert all(again.find(one) == body for one, body in expected.items())
            if draw.random() < 0.5:
                ids = again
    assert len(expected) > 60
