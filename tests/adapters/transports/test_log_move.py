"""A log in other partitions is the same log: each record once, each customer's in order, no gap and no word too much."""

from __future__ import annotations

import random

import pytest

from relight.streams.envelope import Control, DeadLetter, Event
from relight.transports.log_move import LogMove
from relight.transports.log_pack import (
    CONTROL_SOURCE,
    PACK_VERSION,
    Pack,
    Reading,
    Source,
    decode_record,
    make_packs,
    partition_of,
)

SOURCES: list[Source] = [("app", 0), ("app", 1), (CONTROL_SOURCE, 0)]
Record = Event | Control | DeadLetter


def make_record(draw: random.Random, source: Source, offset: int) -> Record:
    at = offset * 10 + draw.randrange(10)
    if source[0] == CONTROL_SOURCE:
        return Control(kind="pause", ingest_time=at, subject=f"r{offset}")
    kind = draw.random()
    if kind < 0.1:
        return DeadLetter(
            stream="app", position=offset, source=f"app:{offset}", code="x", reason="y", raw=b"z", ingest_time=at
        )
    customer = None if kind < 0.2 else f"c{draw.randrange(20)}"
    return Event(
        stream="app", id=f"{source[1]}-{offset}", customer=customer, name="used", event_time=at, ingest_time=at,
        position=offset,
    )  # fmt: skip


def make_log(draw: random.Random, old: int) -> tuple[list[list[Pack]], dict[Source, list[tuple[int, Record]]]]:
    """Return the packs of each old partition, as a router writes them in rounds, some of them again after a crash."""
    written: list[list[Pack]] = [[Pack(PACK_VERSION, [], [], SOURCES)] for _ in range(old)]
    truth: dict[Source, list[tuple[int, Record]]] = {source: [] for source in SOURCES}
    following = dict.fromkeys(SOURCES, 0)
    for _ in range(40):
        readings: list[list[Reading]] = [[] for _ in range(old)]
        begun = dict(following)
        for source in SOURCES:
            found = []
            for offset in range(begun[source], begun[source] + draw.randrange(12)):
                if draw.random() < 0.9:  # some offsets give nothing
                    found.append((offset, make_record(draw, source, offset)))
                following[source] = offset + 1
            truth[source] += found
            until = following[source] * 10
            mine = [Reading(source, begun[source], following[source], until) for _ in range(old)]
            for offset, record in found:
                for number in places_of(record, old):
                    mine[number].records.append((offset, record))
            for number, reading in enumerate(mine):
                readings[number].append(reading)
        for number in range(old):
            packs = list(make_packs(readings[number]))
            written[number] += packs * (2 if draw.random() < 0.1 else 1)
    return written, truth


def places_of(record: Record, partitions: int) -> list[int]:
    if isinstance(record, DeadLetter):
        return [partition_of(record.stream, partitions)]
    return list(range(partitions)) if record.customer is None else [partition_of(record.customer, partitions)]


@pytest.mark.parametrize(("seed", "old", "new"), [(1, 1, 5), (2, 4, 3), (3, 3, 1), (4, 5, 12)])
def test_the_log_is_the_same(seed: int, old: int, new: int) -> None:
    """Whatever the partitions are apart while they are read, the new ones hold every record once, in its place."""
    draw = random.Random(seed)
    written, truth = make_log(draw, old)
    move = LogMove(old=old, new=new)
    given: list[list[Pack]] = [[] for _ in range(new)]
    rest = [list(packs) for packs in written]
    while any(rest):
        number = draw.choice([n for n in range(old) if rest[n]])
        move.add(number, rest[number].pop(0))
        for place, pack in move.give():
            given[place].append(pack)
    assert move.apart() == []
    assert move.sources == SOURCES
    assert move.announcement().sources == SOURCES
    for number, packs in enumerate(given):
        following: dict[Source, int] = {}
        told: dict[Source, list[tuple[int, Record]]] = {source: [] for source in SOURCES}
        for pack in packs:
            for span in pack.spans:
                assert span.first == following.get(span.source, 0)
                following[span.source] = span.next
                # What is claimed is true: whatever came before that instant has an offset that is covered.
                later = [one.ingest_time for offset, one in truth[span.source] if offset >= span.next]
                assert span.until <= min(later, default=span.until)
            for packed in pack.records:
                told[pack.spans[packed.span].source].append((packed.offset, decode_record(packed)))
        assert following == {source: at for source, (at, _) in move.standing().items()}
        for source in SOURCES:
            mine = [(offset, one) for offset, one in truth[source] if number in places_of(one, new)]
            assert told[source] == mine
    assert all(until == at * 10 for at, until in move.standing().values())


def test_a_router_that_was_stopped_in_the_middle_is_noticed() -> None:
    """Where one partition was told more than another, the source is named, and only what all have is given."""
    move = LogMove(old=2, new=2)
    event = Event(stream="app", id="1", customer="c1", name="used", event_time=1, ingest_time=1)
    for number in range(2):
        move.add(number, next(make_packs([Reading(("app", 0), 0, 3, 30)])))
    move.add(0, next(make_packs([Reading(("app", 0), 3, 5, 50, [(3, event)])])))
    assert [pack.spans[0].next for _, pack in move.give()] == [3, 3]
    assert move.apart() == [("app", 0)]
    assert list(move.give()) == []
