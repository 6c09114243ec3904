"""What clients write becomes rows of one shape: envelopes merged, clocks put right, what cannot be an event parked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relight.stores.inbox_interface import ROWS_MAX, WHOLE_MARK, InboxKind, event_rows
from relight.streams.decode import RECORD_BYTES_MAX
from relight.web.ingest.cloudevents import read_binary, read_event_batch, read_ndjson, read_structured
from relight.web.ingest.http import ENTRY_BYTES_AIM, entries_of
from relight.web.ingest.limits import CLOCK_SKEW_MIN, ITEMS_MAX, RequestRefusedError
from relight.web.ingest.posthog import read_posthog
from relight.web.ingest.segment import Merge, Rows, clock_skew, read_batch, read_call

#: 2026-11-22 10:00:00 UTC.
NOW = 1_795_341_600_000_000
SENT = "2026-11-22T10:00:00.000Z"


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def track(**more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m1", "timestamp": SENT} | more


def rows(found: Rows) -> list[dict[str, Any]]:
    return [json.loads(row) for row in found.each()]


def test_a_batch_gives_its_context_to_its_items() -> None:
    """Batch-level `context` and `integrations` are merged into each item that has none; explicit nulls are absent."""
    one, two = track(anonymousId=None), track(messageId="m2", context={"locale": "tr"})
    found = read_batch(body(batch=[one, two], context={"timezone": "UTC"}, writeKey="k", sentAt=SENT), NOW)
    assert [row["context"] for row in rows(found)] == [{"timezone": "UTC"}, {"locale": "tr"}]
    assert "anonymousId" not in rows(found)[0]
    assert not found.parked


def test_what_stands_inside_is_passed_on_byte_for_byte() -> None:
    """Numbers keep their digits: 12.340 stays 12.340."""
    raw = b'{"batch": [{"type": "track", "event": "e", "userId": "u", "messageId": "m", "properties": {"total": 12.340}}]}'
    assert b'{"total": 12.340}' in read_batch(raw, NOW).each()[0]


@pytest.mark.parametrize("kind", ["track", "identify", "page", "screen", "group", "alias"])
def test_a_call_alone_has_the_type_of_its_path(kind: str) -> None:
    """`POST /v1/track` without a type is a track; a type in the body counts."""
    assert rows(read_call(kind, body(userId="u", messageId="m"), NOW))[0]["type"] == kind
    assert rows(read_call(kind, body(type="track", userId="u", messageId="m"), NOW))[0]["type"] == "track"


@pytest.mark.parametrize(
    ("sent", "skew"),
    [
        (SENT, 0),
        ("2026-11-22T09:59:30Z", 0),
        ("2026-11-22T08:00:00Z", 2 * 3_600_000_000),
        ("2026-11-22T12:00:00+00:00", -2 * 3_600_000_000),
        ("2026-11-22T10:00:00", 0),
        ("yesterday", 0),
        (None, 0),
    ],
)
def test_a_clock_is_wrong_by_a_minute_or_more(sent: str | None, skew: int) -> None:
    """Corrected time = receivedAt − (sentAt − timestamp); below CLOCK_SKEW_MIN it is the way the request took."""
    assert clock_skew(sent, NOW) == skew
    assert skew == 0 or abs(skew) >= CLOCK_SKEW_MIN


def test_a_wrong_clock_is_put_right_and_what_it_said_is_kept() -> None:
    """A client two hours behind: its event of five minutes ago by its own clock happened five minutes ago by ours."""
    item = track(timestamp="2026-11-22T07:55:00Z")
    (row,) = rows(read_batch(body(batch=[item], sentAt="2026-11-22T08:00:00Z"), NOW))
    assert (row["timestamp"], row["originalTimestamp"]) == ("2026-11-22T09:55:00Z", "2026-11-22T07:55:00Z")


def test_a_naive_time_is_left_to_the_stream() -> None:
    """A time without a zone is no instant: the stream's zone reads it, or it is refused (V3)."""
    item = track(timestamp="2024-03-10T02:30:00")
    (row,) = rows(read_batch(body(batch=[item], sentAt="2026-11-22T08:00:00Z"), NOW))
    assert row["timestamp"] == "2024-03-10T02:30:00"


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (7, "the item is no JSON object"),
        (track(type="trakc"), "'type' is 'trakc'"),
        (track(userId=None), "neither 'userId' nor 'anonymousId'"),
        (track(messageId=""), "no 'messageId'"),
    ],
)
def test_one_items_fault_is_its_own(item: object, why: str) -> None:
    """A malformed item is parked with its number and the reason; it is a row all the same, for the dead letters."""
    found = read_batch(body(batch=[track(), item, track(messageId="m3")]), NOW)
    assert len(found) == 3
    ((number, said),) = found.parked
    assert number == 1
    assert why in said


@pytest.mark.parametrize("raw", [b"", b"[]", b"no", b'{"batch": 7}', b"{}", b"[" * 50_000])
def test_what_is_no_batch_is_refused(raw: bytes) -> None:
    """A body that is no JSON object with a list is refused with 400 and a code: two SDKs read nothing else."""
    with pytest.raises(RequestRefusedError) as refused:
        read_batch(raw, NOW)
    assert (refused.value.status, refused.value.code) in {(400, "not_json"), (400, "no_batch")}


@pytest.mark.parametrize("read", [read_batch, read_posthog])
def test_a_request_has_a_bounded_number_of_items(read: Any) -> None:
    """ITEMS_MAX items pass, one more does not."""
    item = track() | {"distinct_id": "u", "uuid": "m"}
    assert len(read(body(batch=[item] * ITEMS_MAX), NOW)) == ITEMS_MAX
    with pytest.raises(RequestRefusedError, match="2501 events"):
        read(body(batch=[item] * (ITEMS_MAX + 1)), NOW)


@pytest.mark.parametrize(
    ("item", "merge"),
    [
        ({"type": "alias", "userId": "u1", "previousId": "a1"}, Merge(anonymous="a1", customer="u1")),
        ({"type": "identify", "userId": "u1", "anonymousId": "a1"}, Merge(anonymous="a1", customer="u1")),
        ({"type": "identify", "userId": "u1"}, None),
        ({"type": "identify", "anonymousId": "a1"}, None),
        ({"type": "alias", "userId": "u1", "previousId": "u1"}, None),
        ({"type": "track", "userId": "u1", "anonymousId": "a1"}, None),
    ],
)
def test_who_becomes_known(item: dict[str, str], merge: Merge | None) -> None:
    """V4: an alias, or an identify with both ids, folds the anonymous one into the known one."""
    assert read_batch(body(batch=[item | {"messageId": "m"}]), NOW).merges.get(0) == merge


# ---------------------------------------------------------------- PostHog
def test_posthog_events_become_calls() -> None:
    """`$identify` and `$set` set traits, `$pageview` is a page, `$create_alias` merges, `uuid` is the identity."""
    items = [
        {"event": "order", "distinct_id": "u1", "uuid": "1", "timestamp": SENT, "properties": {"total": 3}},
        {"event": "$identify", "distinct_id": "u1", "uuid": "2", "properties": {"$set": {"email": "u@x.example"}}},
        {"event": "$set", "distinct_id": "u1", "uuid": "3", "$set": {"plan": "pro"}, "properties": {}},
        {"event": "$create_alias", "distinct_id": "u1", "uuid": "4", "properties": {"distinct_id": "a1", "alias": "u1"}},
        {"event": "$groupidentify", "distinct_id": "x9", "uuid": "5",
         "properties": {"$group_type": "company", "$group_key": "acme", "$group_set": {"plan": "team"}}},
    ]  # fmt: skip
    found = read_posthog(body(batch=items, api_key="k", sent_at=SENT), NOW)
    calls = [(row["type"], row.get("event"), row.get("traits"), row["messageId"]) for row in rows(found)]
    assert calls == [
        ("track", "order", None, "1"),
        ("identify", None, {"email": "u@x.example"}, "2"),
        ("identify", None, {"plan": "pro"}, "3"),
        ("alias", None, None, "4"),
        ("group", None, {"plan": "team"}, "5"),
    ]
    assert rows(found)[0]["properties"] == {"total": 3}
    assert rows(found)[4]["groupId"] == "acme"
    assert found.merges == {3: Merge(anonymous="a1", customer="u1")}
    assert not found.parked


# ---------------------------------------------------------------- CloudEvents and NDJSON
EVENT = {"specversion": "1.0", "id": "7", "source": "/till/3", "type": "order_placed", "subject": "u1", "time": SENT}


def test_a_cloud_event_in_its_three_forms() -> None:
    """Structured, batch and binary mode give the same row: source and id together are the identity."""
    data = {"total": 3}
    headers = {f"ce-{name}": value for name, value in EVENT.items()} | {"content-type": "application/json"}
    forms = [
        read_structured(body(**EVENT, data=data)),
        read_event_batch(json.dumps([EVENT | {"data": data}]).encode()),
        read_binary(headers, json.dumps(data).encode()),
    ]
    assert len({json.dumps(rows(found)[0], sort_keys=True) for found in forms}) == 1
    (row,) = rows(forms[0])
    assert (row["event"], row["userId"], row["timestamp"], row["messageId"], row["properties"]) == (
        "order_placed", "u1", SENT, "/till/3#7", data,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"), [({"id": ""}, "no id"), ({"type": None}, "no type"), ({"specversion": "0.3"}, "'0.3'")]
)
def test_a_cloud_event_that_lacks_something_is_parked(change: dict[str, Any], why: str) -> None:
    """Required: id, source, specversion 1.0, type."""
    ((_, said),) = read_structured(body(**(EVENT | change))).parked
    assert why in said


def test_ndjson_is_taken_line_by_line_as_it_is() -> None:
    """One row a line; an empty line is none; whether a line is an event the stream decides."""
    assert read_ndjson(b'{"a": 1}\n\n  {"b": 2}\r\nno\n').rows == [b'{"a": 1}', b'{"b": 2}', b"no"]


# ---------------------------------------------------------------- the short way of a sound batch
@pytest.mark.parametrize("who", [{"userId": "u1"}, {"userId": "", "anonymousId": "a1"}])
def test_a_sound_batch_gives_the_same_rows_as_each_item_looked_at(who: dict[str, str]) -> None:
    """Nearly every batch needs no mending and is read in two passes; one other item makes each be looked at."""
    items = [track(messageId=f"m{n}", properties={"n": n, "ü": "ş\n"}) | who for n in range(5)]
    items[1] |= {"type": "page"}
    alone = read_batch(body(batch=items, sentAt=SENT, writeKey="k", context=7, extra=1), NOW)
    among = read_batch(body(batch=[*items, {"type": "identify", "userId": "u", "messageId": "i"}], sentAt=SENT), NOW)
    assert not alone.parked
    assert list(alone.each()) == among.each()[:5]


@pytest.mark.parametrize(
    "more", [{"sentAt": SENT}, {"writeKey": "k"}, {"writeKey": 7}, {"sentAt": None}, {"context": None}]
)
def test_what_is_to_be_taken_off_is_taken_off_one_item_in_a_sound_batch(more: dict[str, Any]) -> None:
    """A field of the request that a client wrote into an item, or a null, never reaches the row."""
    found = rows(read_batch(body(batch=[track(), track(messageId="m2", **more)]), NOW))
    assert [set(row) for row in found] == [set(track())] * 2


# ---------------------------------------------------------------- what the inbox keeps
def test_an_entry_holds_a_bounded_number_of_rows_and_bytes() -> None:
    """ROWS_MAX rows or about ENTRY_BYTES_AIM bytes; nothing is lost on the way, each row is one line."""
    many = [b'{"n":\n%d}' % n for n in range(2 * ROWS_MAX + 1)]
    counts = [entry.body.count(b"\n") + 1 for entry in entries_of(Rows(rows=many), "site", NOW)]
    assert counts == [ROWS_MAX, ROWS_MAX, 1]
    wide = [b'"' + b"x" * (ENTRY_BYTES_AIM // 2 - 10) + b'"'] * 5
    assert [len(e.body.split(b"\n")) for e in entries_of(Rows(rows=wide), "site", NOW)] == [2, 2, 1]
    assert b"".join(e.body for e in entries_of(Rows(rows=wide), "site", NOW)).count(b'"') == 10


def test_a_sound_batch_is_one_entry_of_the_bytes_it_came_in() -> None:
    """Nothing is written anew: the list of events stands in the inbox as the client wrote it, without its write key."""
    items = [track(messageId=f"m{n}", properties={"n": "[\n"}) for n in range(ROWS_MAX)]
    (entry,) = entries_of(read_batch(body(writeKey="secret", batch=items), NOW), "site", NOW)
    assert entry.body == WHOLE_MARK + json.dumps(items).encode()
    assert [json.loads(row) for row in event_rows(entry.body)] == items


def test_a_large_sound_batch_is_several_entries() -> None:
    """ROWS_MAX rows an entry hold for it as well."""
    items = [track(messageId=f"m{n}") for n in range(ROWS_MAX + 1)]
    found = entries_of(read_batch(body(batch=items), NOW), "site", NOW)
    assert [len(event_rows(entry.body)) for entry in found] == [ROWS_MAX, 1]


def test_a_row_that_is_a_list_stays_one_row() -> None:
    """What is no event is one dead letter, also where it looks like a batch."""
    (entry,) = entries_of(read_batch(b'{"batch": [[1, 2]]}', NOW), "site", NOW)
    assert event_rows(entry.body) == [b"[1, 2]"]


def test_a_row_longer_than_a_record_is_cut_to_a_dead_letter() -> None:
    """One byte more than RECORD_BYTES_MAX is kept: the reader says that it is too long."""
    (entry,) = entries_of(Rows(rows=[b"x" * (RECORD_BYTES_MAX + 100)]), "site", NOW)
    assert len(entry.body) == RECORD_BYTES_MAX + 1


def test_a_merge_stands_right_after_its_row() -> None:
    """V4: what the request said after it is folded into the known one."""
    merges = {0: Merge(anonymous="a", customer="u"), 2: Merge(anonymous="b", customer="u")}
    found = entries_of(Rows(rows=[b"0", b"1", b"2", b"3"], merges=merges), "site", NOW)
    assert [entry.body if entry.kind is InboxKind.EVENT else entry.name for entry in found] == [
        b"0", "merge", b"1\n2", "merge", b"3",
    ]  # fmt: skip
