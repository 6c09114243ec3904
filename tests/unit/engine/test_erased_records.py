"""What stands in the place of an erased person's records: tombstones, nothing else moved, others byte for byte (V5)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from relight.engine.erased_records import Forgetting
from relight.messages.addresses import address_hash
from relight.stores.erasure import Person
from relight.streams.envelope import ERASED, Control, DeadLetter, Event
from relight.transports.kafka_publish import EVENT_HEADER
from relight.transports.log_pack import (
    CONTROL_SOURCE,
    Pack,
    Reading,
    Routed,
    decode_pack,
    decode_record,
    encode_pack,
    make_packs,
)

ADDRESS = "bob@mail.example"
BOB = Person(
    customer="bob-bobson", customers=frozenset({"bob-bobson", "anon-7"}), addresses=frozenset({ADDRESS}),
    keys=frozenset(),
)  # fmt: skip


def keyed(text: str) -> str:
    return f"erased:{len(text)}-{text[-2:]}"


def event(number: int, customer: str | None, **properties: object) -> Event:
    return Event(
        stream="app", id=f"e{number}", customer=customer, name="used", event_time=number, ingest_time=number,
        position=number, properties=properties,
    )  # fmt: skip


def letter(number: int, raw: bytes, reason: str = "no time") -> DeadLetter:
    return DeadLetter(
        stream="app", position=number, source=f"app:{number}", code="x", reason=reason, raw=raw, ingest_time=number
    )


def word(address: str) -> Control:
    return Control(kind="suppression", ingest_time=5, subject=address_hash(address), detail={"scope": "all"})


def one_pack(records: Sequence[Routed]) -> Pack:
    readings = [
        Reading(("app", 0), 0, 20, 30, list(records[:-2])),
        Reading((CONTROL_SOURCE, 0), 0, 9, 30, list(records[-2:])),
    ]
    (found,) = make_packs(readings)
    return found


RECORDS: list[Routed] = [
    (0, event(0, "ann", order="of bob-bobson")),
    (1, event(1, "bob-bobson", order="secret")),
    (1, event(2, "anon-7", order="secret")),
    (2, letter(2, b'{"customer": "bob-bobson"}')),
    (3, letter(3, b'{"customer": "ann"}')),
    (4, letter(4, b"not json", reason=f"'{ADDRESS}' is no time")),
    (5, event(5, None, order="bob-bobson")),
    (3, Control(kind="trait", ingest_time=4, customer="bob-bobson", subject="email", detail={"value": ADDRESS})),
    (4, word(ADDRESS)),
]


def test_a_pack_keeps_its_place_and_loses_what_they_said() -> None:
    """Spans, offsets, times and everybody else's bytes stay; events leave stream and id, control records nothing."""
    before, forgetting = one_pack(RECORDS), Forgetting([BOB], keyed)
    value, headers = forgetting.pack(encode_pack(before), [("a", b"b")])
    after = decode_pack(value)
    assert (after.version, after.spans, after.sources) == (before.version, before.spans, before.sources)
    assert list(headers) == [("a", b"b")]
    kept = {(one.span, one.offset, one.body) for one in after.records}
    others = [before.records[number] for number in (0, 4, 6)]
    assert {(one.span, one.offset, one.body) for one in others} <= kept
    stones = [one for one in map(decode_record, after.records) if isinstance(one, Control) and one.kind == ERASED]
    assert [(s.customer, s.subject, s.detail, s.ingest_time) for s in stones] == [
        (keyed("bob-bobson"), "app", {"id": "e1"}, 1),
        (keyed("anon-7"), "app", {"id": "e2"}, 2),
        (keyed("bob-bobson"), "", {}, 4),
    ]
    last = decode_record(after.records[-1])
    assert isinstance(last, Control)
    assert (last.kind, last.subject, last.detail) == ("suppression", keyed(address_hash(ADDRESS)), {"scope": "all"})
    assert len(after.records) == len(before.records) - 2
    assert forgetting.records == {"bob-bobson": 2, "anon-7": 1}
    assert b"secret" not in value
    assert ADDRESS.encode() not in value


def test_a_pack_without_them_is_the_same_bytes() -> None:
    """What names nobody is not even encoded anew."""
    records = [RECORDS[0], RECORDS[4], RECORDS[6], (3, word("else@mail.example"))]
    value = encode_pack(one_pack(records))
    assert Forgetting([BOB], keyed).pack(value, [])[0] is value


def test_the_control_topic_holds_events_too() -> None:
    """An answer to a survey becomes a tombstone like any event, and is marked as an event no more."""
    forgetting = Forgetting([BOB], keyed)
    value, headers = forgetting.control(msgspec.msgpack.encode(event(8, "bob-bobson")), [(EVENT_HEADER, b"")])
    assert not headers
    stone = msgspec.msgpack.decode(value, type=Control)
    assert (stone.kind, stone.customer, stone.detail) == (ERASED, keyed("bob-bobson"), {"id": "e8"})
    other = msgspec.msgpack.encode(event(9, "ann"))
    assert forgetting.control(other, [(EVENT_HEADER, b"")]) == (other, [(EVENT_HEADER, b"")])


def test_a_dead_letter_that_names_them_is_empty() -> None:
    """In their topic, dead letters tell by value and headers whom they are about."""
    forgetting = Forgetting([BOB], keyed)
    assert forgetting.letter(b'{"customer": "bob-bobson"}', [("code", b"x")]) == (b"", [])
    assert forgetting.letter(b"{}", [("reason", b"'bob-bobson' is no time")]) == (b"", [])
    assert forgetting.letter(b"{}", [("reason", b"no time")]) == (b"{}", [("reason", b"no time")])
