"""Packs of the log topic: nothing is lost between readings and packs, no pack is too large, no span claims too much."""

from __future__ import annotations

import itertools

import pytest

from relight.streams.envelope import Control, DeadLetter, Event
from relight.transports import log_pack
from relight.transports.log_pack import (
    PACK_RECORDS_MAX,
    Pack,
    Reading,
    Routed,
    decode_pack,
    decode_record,
    encode_pack,
    make_packs,
    partition_of,
)


def event(number: int, at: int, text: str = "") -> Event:
    properties: dict[str, object] = {"text": text}
    return Event(
        stream="app", id=f"e{number}", customer="c", name="x", event_time=at, ingest_time=at, properties=properties
    )


def test_spans_join_and_every_record_comes_once() -> None:
    """The spans of a source follow one another without a gap, and time is claimed only up to a record not sent yet."""
    routed: list[Routed] = [(10 + n // 2, event(n, 1_000 + n // 2)) for n in range(900)]
    packs = list(make_packs([Reading(("app", 0), 10, 700, 5_000, routed), Reading(("app", 1), 3, 3, 7_000)]))
    assert len(packs) == 5
    spans = [span for pack in packs for span in pack.spans if span.source == ("app", 0)]
    assert (spans[0].first, spans[-1].next, spans[-1].until) == (10, 700, 5_000)
    assert all(one.next == other.first for one, other in itertools.pairwise(spans))
    found = [(pack.spans[r.span], r) for pack in packs for r in pack.records]
    assert all(span.first <= r.offset < span.next for span, r in found)
    assert [decode_record(r) for _, r in found] == [one for _, one in routed]
    for at, pack in enumerate(packs[:-1]):
        assert len(pack.records) <= PACK_RECORDS_MAX
        after = min(decode_record(r).ingest_time for later in packs[at + 1 :] for r in later.records)
        assert all(span.until <= after for span in pack.spans if span.source == ("app", 0))
    assert packs[-1].spans[-1].source == ("app", 1)


def test_a_pack_has_a_limit_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large records make smaller packs; one that is larger than the limit travels alone."""
    monkeypatch.setattr(log_pack, "PACK_BYTES_MAX", 1_000)
    sizes = [300, 300, 300, 300, 3_000, 10]
    routed: list[Routed] = [(n, event(n, n, "x" * size)) for n, size in enumerate(sizes)]
    packs = list(make_packs([Reading(("app", 0), 0, 6, 9, routed)]))
    assert [len(pack.records) for pack in packs] == [3, 1, 1, 1]


def test_records_of_one_offset_stay_together() -> None:
    """What one source record gave is never cut in two, since the next offset says that all of it came."""
    routed: list[Routed] = [(n // 300, event(n, 5)) for n in range(600)]
    assert [len(pack.records) for pack in make_packs([Reading(("app", 0), 0, 2, 9, routed)])] == [300, 300]


def test_what_is_packed_comes_back() -> None:
    """Events, control records and dead letters keep everything; bytes of another form are refused."""
    letter = DeadLetter(
        stream="app", position=1, source="t:0:1", code="not-json", reason="no", raw=b"\xff", ingest_time=3
    )
    control = Control(kind="plan", ingest_time=3, subject="v")
    routed: list[Routed] = [(0, control), (1, letter), (2, event(1, 4))]
    (pack,) = make_packs([Reading(("app", 0), 0, 3, 4, routed)])
    again = decode_pack(encode_pack(pack))
    assert [decode_record(one) for one in again.records] == [control, letter, event(1, 4)]
    with pytest.raises(ValueError, match="form 2"):
        decode_pack(encode_pack(Pack(2, [], [])))


def test_a_customer_has_one_partition_for_ever() -> None:
    """The partition of a customer depends on nothing but the name and the number of partitions."""
    assert {partition_of(f"c{n}", 12) for n in range(200)} == set(range(12))
    assert partition_of("ada", 12) == 11
