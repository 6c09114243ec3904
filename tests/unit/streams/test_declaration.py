"""Stream files: what compiles, and what is refused, with its place."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from relight.base.instants import DAY, HOUR, from_local
from relight.base.kinds import Kind
from relight.streams.brake import Brake
from relight.streams.declaration import StreamModel, merge_schemas
from relight.streams.schema import EventType, PropertyType
from tests.unit.streams.stream_making import SHOP, compile_dict, place_at, plan_of

RULES_PAGE: dict[str, Any] = {
    "source": {"file": "data/shop.ndjson"},
    "rows": "minutes > 0",
    "id": "messageId",
    "time": {"field": "timestamp"},
    "customer": "userId",
    "name": "event",
    "arrives": "received_at",
    "allowed_lateness": "48 hours",
    "group_by": {"fields": ["InvoiceNo"], "sum": ["amount"], "first": ["country"]},
    "brake": {"share": "5%", "of": 1000},
    "traits": {"email": "email", "plan": {"type": "text", "values": ["free", "pro", "team"]}, "timezone": "timezone"},
    "events": {
        "order_placed": {
            "called": "Order Completed",
            "properties": {"order_id": "text", "total": {"type": "money", "field": "revenue", "unit": "TRY"}},
        },
        "session_started": {},
        "ticket_opened": {"properties": {"ticket_id": "text"}, "activity": False},
        "feature_released": {"global": True, "properties": {"feature": "text"}},
    },
    "consent": {"topic": "newsletter_topic", "given": "newsletter_opt_in"},
    "map": "shop.py:from_row",
}


def test_every_field_compiles() -> None:
    """The declaration with every field gives a plan that says the same."""
    plan, problems = compile_dict(RULES_PAGE)
    assert problems == []
    assert plan is not None
    assert plan.source.files == ("data/shop.ndjson",)
    assert plan.source.is_finished
    assert plan.lateness == 48 * HOUR
    assert plan.brake == Brake(share=Decimal("0.05"), of=1000)
    assert plan.mapping == "shop.py:from_row"
    assert plan.event_types["order_placed"] == EventType(
        name="order_placed", streams=("shop",), place=place_at(("events", "order_placed")),
        properties={"order_id": PropertyType(kind=Kind.TEXT), "total": PropertyType(kind=Kind.MONEY, unit="TRY")},
    )  # fmt: skip
    assert not plan.event_types["ticket_opened"].activity
    assert plan.event_types["feature_released"].is_global
    assert plan.trait_types["plan"].values == ("free", "pro", "team")


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"time": {"field": "t", "zone": "Istanbul"}}, "unknown-zone", "time/zone"),
        ({"arrives": {"field": "t", "zone": "Mars"}}, "unknown-zone", "arrives/zone"),
        ({"allowed_lateness": "2 months"}, "bad-duration", "allowed_lateness"),
        ({"allowed_lateness": "long"}, "bad-duration", "allowed_lateness"),
        ({"brake": {"share": "lots"}}, "bad-share", "brake/share"),
        ({"brake": {"share": "101%"}}, "bad-share", "brake/share"),
        ({"brake": {"share": "-1%"}}, "bad-share", "brake/share"),
        ({"time": None}, "missing-time", "source"),
        ({"source": {"stdin": True}, "id": None}, "missing-id", "source"),
        ({"source": {"http": "shop"}, "id": None}, "missing-id", "source"),
        ({"customer": None}, "missing-customer", ""),
        ({"events": {}, "traits": {}}, "no-events", ""),
        ({"name": {"is": "order_placd"}}, "unknown-event", "name"),
        ({"map": "shop.py"}, "bad-map", "map"),
        ({"source": {"file": "x", "format": "fixed"}}, "missing-widths", "source"),
        ({"source": {"file": "x", "format": "fixed", "widths": {"a": 0}}}, "bad-width", "source/widths"),
        ({"source": {"file": "x", "format": "csv"}, "format": "ndjson"}, "two-formats", "format"),
        ({"source": {"file": "x*", "follow": True}}, "follow-many", "source/follow"),
        ({"source": {"file": ["x", "y"], "follow": True}}, "follow-many", "source/follow"),
        ({"source": {"file": "x", "horizon": "soon"}}, "bad-horizon", "source/horizon"),
        ({"source": {"kafka": "t"}, "group_by": {"fields": ["a"]}}, "group-unfinished", "group_by"),
        ({"traits": {"a": {"type": "integer", "default": "x"}}}, "bad-default", "traits/a/default"),
        ({"traits": {"a": {"type": "integer", "values": ["1"]}}}, "values-of-kind", "traits/a/values"),
        ({"traits": {"a": {"type": "text", "field": "b", "is": "c"}}}, "field-and-is", "traits/a"),
    ],
)
def test_problems(changes: dict[str, Any], code: str, path: str) -> None:
    """What the shape allows and the meaning does not is one error at its place, and there is no plan."""
    plan, problems = compile_dict({**SHOP, **changes})
    assert plan is None
    assert [(problem.code, problem.place.file) for problem in problems] == [(code, path)]


def test_expressions_have_places() -> None:
    """A broken expression is reported at its field, with the others."""
    plan, problems = compile_dict({**SHOP, "rows": "minutes >", "allowed_lateness": "x"})
    assert plan is None
    assert {problem.place.file for problem in problems} == {"rows", "allowed_lateness"}


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"sorce": 1}, ("sorce",)),
        ({"source": {"file": "x", "kafka": "y"}}, ("source",)),
        ({"source": {}}, ("source",)),
        ({"source": {"stdin": False}}, ("source", "stdin")),
        ({"events": {"a": {"properties": {"x": "txt"}}}}, ("events", "a", "properties", "x", "type")),
        (
            {"events": {"a": {"properties": {"x": {"type": "text", "fild": "y"}}}}},
            ("events", "a", "properties", "x", "fild"),
        ),
        ({"customer": {"field": "a", "is": "b"}}, ("customer",)),
        ({"undeclared": "drop"}, ("undeclared",)),
        ({"brake": {"of": 0}}, ("brake", "of")),
    ],
)
def test_shape(changes: dict[str, Any], loc: tuple[str, ...]) -> None:
    """A mistake of shape is one error whose path is that of the file, without names of ours."""
    with pytest.raises(ValidationError) as refused:
        StreamModel.model_validate({**SHOP, **changes})
    assert [error["loc"] for error in refused.value.errors()] == [loc]


def test_json_schema_explains_every_field() -> None:
    """An editor has a sentence for every field."""
    schema = StreamModel.model_json_schema()
    models = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    missing = [
        (model.get("title"), name)
        for model in models
        for name, field in model.get("properties", {}).items()
        if not field.get("description")
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("horizon", "zone", "instant"),
    [
        ("2015-08-27", None, "2015-08-27T23:59:59.999999"),
        ("2015-08-27T12:00:00Z", None, "2015-08-27T12:00:00"),
    ],
)
def test_horizon(horizon: str, zone: str | None, instant: str) -> None:
    """A day as horizon is inclusive to its last microsecond."""
    import datetime as dt  # noqa: PLC0415

    plan = plan_of(source={"file": "x", "horizon": horizon})
    assert plan.source.horizon == from_local(dt.datetime.fromisoformat(instant), zone or "UTC")
    here = plan_of(source={"file": "x", "horizon": horizon[:10]}, time={"field": "t", "zone": "Europe/Istanbul"})
    assert here.source.horizon == from_local(dt.datetime(2015, 8, 27, 23, 59, 59, 999_999), "Europe/Istanbul")  # noqa: DTZ001


# ---------------------------------------------------------------- several streams
def test_streams_that_agree() -> None:
    """The same event in two streams is one, carried by both."""
    other = plan_of("till", traits={"plan": {"type": "text", "values": ["free", "pro"]}, "city": "text"})
    schema, problems = merge_schemas([plan_of(), other])
    assert problems == []
    assert schema.events["order_placed"].streams == ("shop", "till")
    assert list(schema.traits) == ["email", "name", "plan", "city"]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"events": {"session_started": {"activity": False}}}, "event-differs", "counts as activity"),
        ({"events": {"session_started": {"global": True}}}, "event-differs", "counts as activity"),
        ({"events": {"session_started": {"properties": {"a": "text"}}}}, "event-differs", "has property 'a'"),
        (
            {"events": {"feature_released": {"global": True, "properties": {"feature": "integer"}}}},
            "event-differs",
            "is text there and integer here",
        ),
        ({"traits": {"plan": "text"}}, "trait-differs", "allows other values"),
        ({"traits": {"email": "text"}}, "trait-differs", "is email there and text here"),
    ],
)
def test_streams_that_differ(changes: dict[str, Any], code: str, words: str) -> None:
    """Two streams that disagree about an event or a trait are one problem with both places."""
    _, problems = merge_schemas([plan_of(), plan_of("till", **changes)])
    assert [problem.code for problem in problems] == [code]
    assert words in problems[0].message
    assert problems[0].other is not None


def test_default_lateness() -> None:
    """Without a word the allowed lateness is three days."""
    assert plan_of().lateness == 3 * DAY
