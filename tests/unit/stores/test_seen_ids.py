"""What was seen stays seen, in memory, in arrays, and through a checkpoint."""

from __future__ import annotations

import random
import struct

import pytest

from relight.stores import seen_ids
from relight.stores.seen_ids import SeenIds


def _key(who: int, what: int) -> bytes:
    return struct.pack(">qq", who, what)


def _body(number: int) -> bytes:
    return struct.pack(">Q", number)


def test_everything_added_is_found_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a dictionary: with small limits every boundary is met, and parts loaded again say the same."""
    monkeypatch.setattr(seen_ids, "PART_EVENTS", 7)
    monkeypatch.setattr(seen_ids, "RECENT_EVENTS_MAX", 5)
    draw = random.Random(1)
    ids, expected, parts = SeenIds(), dict[bytes, bytes](), dict[int, bytes]()
    for _ in range(200):
        what = draw.randint(-(2**63), 2**63 - 1) if draw.random() < 0.5 else draw.randint(-9, 9)
        key = _key(draw.randint(-3, 3), what)
        assert ids.find(key) == expected.get(key)
        if key not in expected:
            expected[key] = _body(draw.randint(0, 2**64 - 1))
            ids.add({key: expected[key]})
        if draw.random() < 0.1:
            parts |= ids.take_changed()
            again = SeenIds()
            again.load(parts)
            assert len(again) == len(ids) == len(expected)
            assert again.find_all(expected) == [*expected.values()] == ids.find_all(expected)
            if draw.random() < 0.5:
                ids = again
    assert len(expected) > 60


def test_however_many_come_at_once_the_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch over several parts makes the parts, byte for byte, that its events make one by one; each is of its size."""
    monkeypatch.setattr(seen_ids, "PART_EVENTS", 7)
    monkeypatch.setattr(seen_ids, "RECENT_EVENTS_MAX", 10)
    events = [(_key(number % 5, number * 7919 - 3), _body(number)) for number in range(40)]
    one_by_one, at_once = SeenIds(), SeenIds()
    for event in events:
        one_by_one.add(dict([event]))
    for first, end in ((0, 3), (3, 3), (3, 26), (26, 40)):
        at_once.add(dict(events[first:end]))
    found = at_once.take_changed()
    assert found == one_by_one.take_changed()
    assert [len(found[number]) // 24 for number in sorted(found)] == [7, 7, 7, 7, 7, 5]
    assert all(at_once.find(key) == body for key, body in events)
