"""Streams and records for tests: a declaration as a dictionary, its plan, and one record decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from relight.base.problems import Place, Problem
from relight.streams.declaration import StreamModel, StreamPlan, compile_stream
from relight.streams.decode import decode_record
from relight.streams.envelope import DeadLetter, Event
from relight.streams.refusals import Counts

#: 2026-03-01T09:00:00Z.
NINE = 1_772_355_600_000_000

SHOP: dict[str, Any] = {
    "source": {"file": "data/shop.ndjson"},
    "id": "messageId",
    "time": {"field": "timestamp"},
    "customer": "userId",
    "name": "event",
    "traits": {"email": "email", "name": "text", "plan": {"type": "text", "values": ["free", "pro"]}},
    "events": {
        "order_placed": {
            "called": "Order Completed",
            "properties": {
                "order_id": "text",
                "total": {"type": "money", "field": "revenue", "unit": "TRY"},
                "items": {"type": "integer", "default": 1},
            },
        },
        "session_started": None,
        "feature_released": {"global": True, "properties": {"feature": "text"}},
    },
}

ORDER = {
    "messageId": "m1",
    "timestamp": "2026-03-01T09:00:00Z",
    "userId": "u1",
    "event": "Order Completed",
    "order_id": "o1",
    "revenue": 12.5,
}


def compile_dict(declared: Mapping[str, Any], name: str = "shop") -> tuple[StreamPlan | None, list[Problem]]:
    return compile_stream(name, StreamModel.model_validate(declared), place_at)


def place_at(path: tuple[str | int, ...]) -> Place:
    return Place(file="/".join(str(part) for part in path))


def plan_of(name: str = "shop", /, **changes: Any) -> StreamPlan:
    plan, problems = compile_dict({**SHOP, **changes}, name)
    assert plan is not None, problems
    return plan


def decode(
    plan: StreamPlan, row: Mapping[str, object] | bytes, ingest_time: int | None = None, counts: Counts | None = None
) -> list[Event] | DeadLetter | None:
    raw = row if isinstance(row, bytes) else msgspec.json.encode(row)
    return decode_record(plan, raw, position=7, source="data/shop.ndjson:7", ingest_time=ingest_time, counts=counts)


def one(found: list[Event] | DeadLetter | None) -> Event:
    assert isinstance(found, list), found
    assert len(found) == 1, found
    return found[0]


def dead(found: list[Event] | DeadLetter | None) -> DeadLetter:
    assert isinstance(found, DeadLetter), found
    return found
