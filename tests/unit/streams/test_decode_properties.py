"""Whatever arrives, decoding answers; and what an event says survives the wire."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from relight.base.kinds import Kind
from relight.streams.envelope import DeadLetter
from relight.streams.ids import is_same_body
from tests.unit.streams.stream_making import ORDER, decode, one, plan_of

PLAN = plan_of(
    undeclared="keep",
    account="company",
    arrives="received",
    rows="skip is unknown",
    consent={"topic": "topic", "given": "given"},
    events={"all": {"called": "Order Completed", "properties": {str(kind): str(kind) for kind in Kind}}},
    traits={str(kind): {"type": str(kind), "field": f"t.{kind}"} for kind in Kind},
)
CONTENT = plan_of(id="content", customer=["userId", "anonymousId"])
FIELDS = [
    *ORDER,
    "received",
    "company",
    "topic",
    "given",
    "type",
    "properties",
    "traits",
    "context",
    "t",
    "skip",
    *map(str, Kind),
]

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    | st.sampled_from(["identify", "Order Completed", "2026-03-01T09:00:00Z", "1e9999999", "NaN", "group"])
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(FIELDS), inner), max_leaves=8
)


@given(st.binary())
def test_any_bytes(raw: bytes) -> None:
    """No bytes make decoding raise."""
    assert decode(PLAN, raw) is None or isinstance(decode(PLAN, raw), list | DeadLetter)


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), values))
def test_any_object(row: dict[str, Any]) -> None:
    """No JSON object makes decoding raise, and decoding it again gives the same."""
    for plan in (PLAN, CONTENT):
        raw = msgspec.json.encode({**ORDER, "received": "2026-03-01T09:00:00Z", **row})
        first = decode(plan, raw)
        assert first is None or isinstance(first, list | DeadLetter)
        assert decode(plan, raw) == first
        if isinstance(first, list):
            for event in first:
                assert event.event_time <= event.ingest_time
                msgspec.msgpack.encode(event)


typed = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(st.characters(exclude_categories=["Cs"])).filter(bool),
        "integer": st.integers(-(2**63) + 1, 2**63 - 1),
        "number": st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15),
        "money": st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**15), max_value=10**15),
        "boolean": st.booleans(),
        "time": st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001 -- the zone follows
        "date": st.dates(),
        "list": st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**31), 2**31)),
    },
)


@given(typed, st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=256))
def test_round_trip(properties: dict[str, Any], customer: str) -> None:
    """An event that is written as a row and decoded says what it said, to the last digit and microsecond."""
    row = {**ORDER, "userId": customer, "received": "2026-03-01T09:00:00Z", **properties}
    event = one(decode(PLAN, msgspec.json.encode(row)))
    expected: dict[str, Any] = dict(properties)
    if "time" in expected:
        expected["time"] = (expected["time"] - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    if "list" in expected:
        expected["list"] = tuple(expected["list"])
    assert event.customer == customer
    assert event.properties == expected
    assert all(isinstance(event.properties[key], Decimal) for key in ("number", "money") if key in expected)
    again = one(decode(PLAN, msgspec.json.encode(dict(reversed(row.items())))))
    assert is_same_body(again, event)
