"""One record to events or to a dead letter: identity, times, shapes, traits, consent."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from relight.base.instants import DAY, HOUR, MINUTE
from relight.streams.decode import DEPTH_MAX, RECORD_BYTES_MAX, decode_record
from relight.streams.envelope import Event
from relight.streams.refusals import UNDECLARED_NAMES_MAX, Counts
from tests.unit.streams.stream_making import NINE, ORDER, dead, decode, one, plan_of


def test_flat_row() -> None:
    """A flat row gives one event with typed properties, exact money, defaults, and no unknown fields."""
    raw = (
        b'{"messageId":"m1","timestamp":"2026-03-01T09:00:00Z","userId":"u1",'
        b'"event":"Order Completed","order_id":17,"revenue":0.30,"noise":{"a":[1]}}'
    )
    event = one(decode(plan_of(), raw))
    assert event == Event(
        stream="shop", id="m1", customer="u1", name="order_placed", event_time=NINE, ingest_time=NINE, position=7,
        properties={"order_id": "17", "total": Decimal("0.30"), "items": 1},
    )  # fmt: skip
    assert str(event.properties["total"]) == "0.30"


def test_segment_row() -> None:
    """In Segment's shape a property stands inside `properties`; one of the envelope's own names only there."""
    plan = plan_of(events={"viewed": {"properties": {"name": "text", "page": "text", "timestamp": "text"}}})
    row = {
        **ORDER,
        "event": "viewed",
        "type": "track",
        "name": "envelope",
        "page": "outer",
        "properties": {"page": "inner"},
    }
    assert one(decode(plan, row)).properties == {"page": "inner"}
    assert one(decode(plan, {**row, "properties": {"name": "x", "page": None}})).properties == {"name": "x"}
    del row["properties"]
    assert one(decode(plan, row)).properties["page"] == "outer"


def test_dotted_fields() -> None:
    """A dotted field walks into nested objects, from the row or from its properties."""
    plan = plan_of(
        customer="context.user.id",
        events={"paid": {"properties": {"city": {"type": "text", "field": "ship.city"},
                                        "v": {"type": "text", "field": "properties.deep.v"}}}},
    )  # fmt: skip
    row = {
        **ORDER,
        "event": "paid",
        "context": {"user": {"id": 5}},
        "properties": {"ship": {"city": "Izmir"}, "deep": {"v": "x"}},
    }
    event = one(decode(plan, row))
    assert (event.customer, event.properties) == ("5", {"city": "Izmir", "v": "x"})
    assert dead(decode(plan, {**row, "context": "flat"})).code == "missing-customer"


def test_name_from_type() -> None:
    """Segment's page, screen, group and alias carry no event name: their type is the name."""
    counts = Counts()
    for kind in ("page", "screen", "group", "alias"):
        assert decode(plan_of(), {**ORDER, "event": None, "type": kind}, counts=counts) == []
    assert counts.undeclared == {"page": 1, "screen": 1, "group": 1, "alias": 1}
    assert dead(decode(plan_of(), {**ORDER, "event": None, "type": "order"})).code == "missing-name"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"userId": None}, "missing-customer"),
        ({"userId": ""}, "missing-customer"),
        ({"userId": "a\x1fb"}, "bad-customer"),
        ({"userId": "a\x00b"}, "bad-customer"),
        ({"userId": "x" * 257}, "bad-customer"),
        ({"userId": True}, "bad-customer"),
        ({"userId": ["u1"]}, "bad-customer"),
        ({"userId": {}}, "bad-customer"),
        ({"messageId": None}, "missing-id"),
        ({"messageId": "a\nb"}, "bad-id"),
        ({"messageId": "x" * 257}, "bad-id"),
        ({"timestamp": None}, "missing-time"),
        ({"timestamp": ""}, "missing-time"),
        ({"timestamp": "2026-03-01T09:00:00"}, "naive-time"),
        ({"timestamp": "soon"}, "bad-time"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "bad-time"),
        ({"timestamp": "1899-12-31T23:59:59Z"}, "bad-time"),
        ({"timestamp": "3000-01-01T00:00:00Z"}, "bad-time"),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "bad-time"),
        ({"event": None}, "missing-name"),
        ({"event": ["x"]}, "bad-name"),
        ({"revenue": "a lot"}, "bad-value"),
        ({"items": 1.5}, "bad-value"),
    ],
)
def test_refused(change: dict[str, Any], code: str) -> None:
    """What makes a row no event is named by a code, and the bytes are kept as they came."""
    row = {**ORDER, **change}
    counts = Counts()
    letter = dead(decode(plan_of(), row, counts=counts))
    assert (letter.code, letter.raw) == (code, msgspec.json.encode(row))
    assert (letter.stream, letter.position, letter.source) == ("shop", 7, "data/shop.ndjson:7")
    assert (counts.rows, counts.events, counts.dead) == (1, 0, {code: 1})


def test_reason_names_all_three() -> None:
    """The reason of a wrong value names the property, what was found and what was expected."""
    assert (
        dead(decode(plan_of(), {**ORDER, "revenue": "a lot"})).reason == 'property total is "a lot", expected a number'
    )


def test_longest_identifiers() -> None:
    """Ids and customers of 256 characters are taken, whatever the alphabet."""
    event = one(decode(plan_of(), {**ORDER, "userId": "ü" * 256, "messageId": "x" * 256}))
    assert (event.customer, event.id) == ("ü" * 256, "x" * 256)


def test_numbers_as_customers() -> None:
    """A number as customer becomes its digits; in CSV the text stays as it is written."""
    assert one(decode(plan_of(), {**ORDER, "userId": 17850})).customer == "17850"
    plan = plan_of(source={"file": "x.csv", "format": "csv"})
    row = {key: str(value) for key, value in ORDER.items()} | {"userId": "17850.0"}
    found = decode_record(plan, row, position=1, source="x.csv:1", ingest_time=None)
    assert one(found).customer == "17850.0"


def test_csv_empty_cells() -> None:
    """An empty cell of CSV is no value, for a text too; the default stands in."""
    plan = plan_of(source={"file": "x.csv", "format": "csv"})
    row = {key: str(value) for key, value in ORDER.items()} | {"order_id": "", "items": "", "revenue": ""}
    assert one(decode_record(plan, row, position=1, source="x.csv:1", ingest_time=None)).properties == {"items": 1}
    assert one(decode(plan_of(), {**ORDER, "order_id": ""})).properties["order_id"] == ""


# --- identity: V1
def test_default_id_is_the_row() -> None:
    """Without a declared id an event is its file's name and row."""
    assert one(decode(plan_of(id=None), ORDER)).id == "data/shop.ndjson:7"


def test_content_id() -> None:
    """`content` is a hash of the row: order and spacing do not count, every value does."""
    plan = plan_of(id="content")
    turned = msgspec.json.format(msgspec.json.encode(dict(reversed(ORDER.items()))), indent=2).replace(b"\n", b" ")
    first, again = one(decode(plan, ORDER)), one(decode(plan, turned))
    assert first.id == again.id
    assert len(first.id) == 32
    assert one(decode(plan, {**ORDER, "noise": 1})).id != first.id


def test_several_events_of_one_row() -> None:
    """A name that two declared events are called makes both: the first under the row's id, the other under id#name."""
    plan = plan_of(
        events={
            "bought": {"called": "Order Completed"},
            "paid": {"called": "Order Completed", "properties": {"order_id": "text"}},
        }
    )
    found = decode(plan, ORDER)
    assert isinstance(found, list)
    assert [(event.name, event.id, event.properties) for event in found] == [
        ("bought", "m1", {}),
        ("paid", "m1#paid", {"order_id": "o1"}),
    ]


# --- times: H1 and H5
@pytest.mark.parametrize(
    ("ahead", "event_time", "late"),
    [
        (-72 * HOUR - 1, NINE - 72 * HOUR - 1, True),
        (-72 * HOUR, NINE - 72 * HOUR, False),
        (-1, NINE - 1, False),
        (0, NINE, False),
        (1, NINE, False),
        (10 * MINUTE, NINE, False),
    ],
)
def test_lateness_and_skew(ahead: int, event_time: int, late: bool) -> None:
    """72 hours are not late, a microsecond more is; up to 10 minutes ahead is read as the arrival."""
    plan = plan_of(time={"field": "t", "format": "unix"})
    stamp = Decimal(NINE + ahead) / 1_000_000
    event = one(decode(plan, {**ORDER, "t": str(stamp)}, NINE))
    assert (event.event_time, event.ingest_time, event.late) == (event_time, NINE, late)


def test_future() -> None:
    """An event time 10 minutes and a microsecond ahead is a dead letter."""
    row = {**ORDER, "timestamp": "2026-03-01T09:10:00.000001Z"}
    letter = dead(decode(plan_of(), row, NINE))
    assert letter.code == "future-time"
    assert "600.000001 s" in letter.reason
    assert one(decode(plan_of(), row)).event_time == NINE + 10 * MINUTE + 1


def test_lateness_is_declared() -> None:
    """A stream's allowed lateness replaces the 72 hours."""
    plan = plan_of(allowed_lateness="1 day")
    assert not one(decode(plan, ORDER, NINE + DAY)).late
    assert one(decode(plan, ORDER, NINE + DAY + 1)).late


def test_arrival() -> None:
    """A finished file's ingest time is its `arrives` field, else the event time; a live input's is its arrival."""
    plan = plan_of(arrives="received")
    row = {**ORDER, "received": "2026-03-01T09:00:02Z"}
    assert one(decode(plan, row)).ingest_time == NINE + 2_000_000
    assert one(decode(plan, row, NINE + 5)).ingest_time == NINE + 5
    assert one(decode(plan_of(), row)).ingest_time == NINE
    assert dead(decode(plan, ORDER)).code == "missing-time"


def test_naive_arrival_uses_the_streams_zone() -> None:
    """A naive `arrives` is read in the zone of the stream unless it has its own."""
    row = {**ORDER, "timestamp": "2026-03-01T12:00:00", "received": "2026-03-01T12:00:01"}
    plan = plan_of(time={"field": "timestamp", "zone": "Europe/Istanbul"}, arrives="received")
    event = one(decode(plan, row))
    assert (event.event_time, event.ingest_time) == (NINE, NINE + 1_000_000)
    plan = plan_of(time={"field": "timestamp", "zone": "Europe/Istanbul"}, arrives={"field": "received", "zone": "UTC"})
    assert one(decode(plan, row)).ingest_time == NINE + 3 * HOUR + 1_000_000


def test_without_time_it_happened_when_it_arrived() -> None:
    """A stream without `time` takes the arrival for the event time."""
    plan = plan_of(source={"http": "shop"}, time=None)
    assert one(decode(plan, ORDER, NINE + 3)).event_time == NINE + 3
    assert dead(decode(plan, ORDER)).code == "missing-time"


# ---------------------------------------------------------------- traits and consent
IDENTIFY = {"messageId": "i1", "timestamp": "2026-03-01T09:00:00Z", "userId": "u1"}


@pytest.mark.parametrize(
    ("row", "traits"),
    [
        (
            {"event": "identify", "email": "ada@shop.example", "plan": "pro"},
            {"email": "ada@shop.example", "plan": "pro"},
        ),
        ({"type": "identify", "traits": {"email": "ada@shop.example", "other": 1}}, {"email": "ada@shop.example"}),
        ({"type": "identify", "context": {"traits": {"plan": "free"}}}, {"plan": "free"}),
        (
            {"type": "identify", "traits": {"plan": "pro"}, "context": {"traits": {"plan": "free"}}, "plan": "x"},
            {"plan": "pro"},
        ),
        ({"type": "identify", "traits": {"plan": None}}, {"plan": None}),
        ({"type": "identify", "name": "identify"}, {}),
        ({"type": "identify", "traits": {"email": ""}}, {}),
        ({"type": "identify", "traits": []}, {}),
    ],
)
def test_identify(row: dict[str, Any], traits: dict[str, object]) -> None:
    """An identify sets declared traits from `traits`, `context.traits` or top level; null takes one away."""
    event = one(decode(plan_of(), {**IDENTIFY, **row}))
    assert (event.name, event.traits, event.properties) == ("identify", traits, {})


def test_other_rows_set_no_traits() -> None:
    """A trait without a named field is set by an identify only; a group's traits are the account's."""
    assert one(decode(plan_of(), {**ORDER, "email": "ada@shop.example", "traits": {"plan": "pro"}})).traits == {}
    plan = plan_of(traits={"plan": {"type": "text", "field": "plan"}}, events={"group": None})
    assert one(decode(plan, {**ORDER, "event": None, "type": "group", "traits": {"plan": "pro"}})).traits == {}


def test_trait_with_a_field_stands_anywhere() -> None:
    """A trait whose field is named is set by any row that has it; null says nothing there."""
    plan = plan_of(
        traits={"country": {"type": "text", "field": "Country"}, "city": {"type": "text", "field": "ship.city"}}
    )
    assert one(decode(plan, {**ORDER, "Country": "TR", "ship": {"city": "Izmir"}})).traits == {
        "country": "TR",
        "city": "Izmir",
    }
    assert one(decode(plan, {**ORDER, "properties": {"Country": "TR"}})).traits == {"country": "TR"}
    assert one(decode(plan, {**ORDER, "Country": None})).traits == {}
    assert dead(decode(plan, {**ORDER, "Country": {}})).reason == "trait country is an object, expected text"


@pytest.mark.parametrize(
    ("row", "consent"),
    [
        ({"topic": "news", "given": True}, {"news": True}),
        ({"properties": {"topic": "news", "given": "no"}}, {"news": False}),
        ({"topic": "news"}, {}),
        ({"topic": None, "given": True}, {}),
        ({"given": True}, {}),
    ],
)
def test_consent(row: dict[str, Any], consent: dict[str, bool]) -> None:
    """A row with topic and answer grants or withdraws; one of them alone says nothing."""
    assert one(decode(plan_of(consent={"topic": "topic", "given": "given"}), {**ORDER, **row})).consent == consent


def test_fixed_topics() -> None:
    """Several topics, each with a field of its own, stand in one list."""
    plan = plan_of(
        consent=[{"topic": {"is": "news"}, "given": "news_ok"}, {"topic": {"is": "tips"}, "given": "tips_ok"}]
    )
    assert plan.topics == ("news", "tips")
    row = {"event": "identify", "traits": {"news_ok": True, "tips_ok": False}}
    assert one(decode(plan, {**IDENTIFY, **row})).consent == {"news": True, "tips": False}
    assert dead(decode(plan, {**ORDER, "news_ok": 3})).code == "bad-value"


def test_global_event() -> None:
    """A global event has no customer, needs none, and sets nobody's traits."""
    plan = plan_of(traits={"country": {"type": "text", "field": "country"}})
    row = {**ORDER, "event": "feature_released", "userId": None, "feature": "api", "country": "TR"}
    event = one(decode(plan, row))
    assert (event.customer, event.properties, event.traits) == (None, {"feature": "api"}, {})
    assert one(decode(plan, {**row, "userId": "u1"})).customer is None


def test_account_and_first_present_customer() -> None:
    """The account is read where there is one; of several customer fields the first present counts."""
    plan = plan_of(customer=["userId", "anonymousId"], account="company")
    event = one(decode(plan, {**ORDER, "userId": None, "anonymousId": "a1", "company": 12}))
    assert (event.customer, event.account) == ("a1", "12")
    assert one(decode(plan, ORDER)).account is None


# ---------------------------------------------------------------- filters, expressions, undeclared events
def test_rows_filter() -> None:
    """Rows that do not meet the condition, or of which it is unknown, are no events and are counted."""
    plan, counts = plan_of(rows="minutes > 0"), Counts()
    assert decode(plan, {**ORDER, "minutes": 0}, counts=counts) is None
    assert decode(plan, ORDER, counts=counts) is None
    assert one(decode(plan, {**ORDER, "properties": {"minutes": 0.5}}, counts=counts)).name == "order_placed"
    assert (counts.rows, counts.filtered, counts.events) == (3, 2, 1)


def test_computed_property() -> None:
    """`is` computes a property from the row, exactly; where a part is missing there is no value."""
    plan = plan_of(
        events={
            "order_placed": {
                "called": "Order Completed",
                "properties": {"total": {"type": "money", "is": "quantity * price"}},
            }
        }
    )
    assert one(decode(plan, {**ORDER, "quantity": 3, "price": 0.1})).properties == {"total": Decimal("0.3")}
    assert one(decode(plan, {**ORDER, "properties": {"quantity": 3, "price": 0.1}})).properties == {
        "total": Decimal("0.3")
    }
    assert one(decode(plan, {**ORDER, "quantity": 3})).properties == {}


def test_undeclared_events() -> None:
    """An undeclared event is counted by name, needs to be nothing else, and `keep` stores it."""
    counts = Counts()
    row = {"event": "Cart Viewed", "messageId": "c1"}
    assert decode(plan_of(), row, counts=counts) == []
    assert counts.undeclared == {"Cart Viewed": 1}
    event = one(
        decode(
            plan_of(undeclared="keep"),
            {**ORDER, "event": "Cart Viewed", "properties": {"n": 1, "deep": {}, "l": ["a"]}},
        )
    )
    assert (event.name, event.properties) == ("Cart Viewed", {"n": 1, "l": ("a",)})


def test_undeclared_names_are_bounded() -> None:
    """A client that makes up names does not fill memory."""
    counts = Counts()
    for number in range(UNDECLARED_NAMES_MAX + 5):
        counts.add_undeclared(f"e{number}")
    assert len(counts.undeclared) == UNDECLARED_NAMES_MAX + 1
    assert counts.undeclared["…"] == 5


# ---------------------------------------------------------------- bytes that are no record
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"{} {}", "not-json"),
        (b'{"a": NaN}', "not-json"),
        (b'{"a": Infinity}', "not-json"),
        (b'{"a": 1e99999999999999999999}', "not-json"),
        (b'{"a": "\xff"}', "not-utf8"),
        (b"[1]", "not-an-object"),
        (b"null", "not-an-object"),
        (b"[" * 100_000, "too-deep"),
        (b'{"a":' * (DEPTH_MAX + 1) + b"1" + b"}" * (DEPTH_MAX + 1), "too-deep"),
        (b'{"a": "' + b"x" * RECORD_BYTES_MAX + b'"}', "too-large"),
    ],
)
def test_bad_bytes(raw: bytes, code: str) -> None:
    """Bytes that are no JSON object are refused by code; too many of them are kept in part."""
    letter = dead(decode(plan_of(), raw))
    assert (letter.code, letter.raw) == (code, raw[:RECORD_BYTES_MAX])


def test_depth_and_size_at_the_limit() -> None:
    """A record as deep and as large as allowed is read."""
    nested = b'{"a":' * (DEPTH_MAX - 1) + b"1" + b"}" * (DEPTH_MAX - 1)
    row = msgspec.json.encode(ORDER)
    assert one(decode(plan_of(), row[:-1] + b',"deep":' + nested + b"}")).id == "m1"
    assert one(decode(plan_of(), row + b" " * (RECORD_BYTES_MAX - len(row)))).id == "m1"


def test_duplicate_keys() -> None:
    """Of two equal keys the last counts."""
    row = msgspec.json.encode(ORDER)[:-1] + b',"userId":"u2"}'
    assert one(decode(plan_of(), row)).customer == "u2"


def test_a_row_about_the_account_says_its_zone() -> None:
    """V3: a `group` row sets the zone of the customer's account, where the stream declares it, and no other trait."""
    zoned = plan_of(traits={"email": "email", "account_timezone": "timezone"}, account="groupId")
    row = {
        "type": "group", "messageId": "m1", "timestamp": "2026-03-01T09:00:00Z", "userId": "u1", "groupId": "acme",
        "traits": {"email": "team@acme.example", "timezone": "America/New_York"},
    }  # fmt: skip
    event = one(decode(zoned, row, NINE))
    assert (event.traits, event.account) == ({"account_timezone": "America/New_York"}, "acme")
    assert decode(plan_of(account="groupId"), row, NINE) == []
    assert "account_timezone" in dead(decode(zoned, row | {"traits": {"timezone": "Mars/Base"}}, NINE)).reason
