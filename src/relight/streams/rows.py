"""A parsed row to events: name, identity, times, customer, properties, traits, consent. Pure; refuses with RefusalError."""

from __future__ import annotations

from typing import NamedTuple

from relight.base.kinds import UNKNOWN
from relight.streams.envelope import IDENTIFY, SKEW_MAX, Event
from relight.streams.fields import (
    ABSENT,
    SEGMENT_FIELDS,
    SEGMENT_TYPES,
    flatten,
    inner_object,
    read_property,
    read_trait,
    trait_homes,
)
from relight.streams.ids import CUSTOMER_LENGTH_MAX, content_id, read_identifier
from relight.streams.plan import EventPlan, FieldReader, PropertyPlan, Row, StreamPlan
from relight.streams.refusals import Counts, RefusalError, show_value
from relight.streams.values import keep_value

_IDENTIFY_ONLY = (EventPlan(name=IDENTIFY, properties=()),)
_FAULTS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError)


class Where(NamedTuple):
    """What the reader of a record knows of it."""

    position: int
    source: str
    ingest_time: int | None


class _Times(NamedTuple):
    event_time: int
    ingest_time: int
    late: bool


def decode_row(plan: StreamPlan, row: Row, where: Where, counts: Counts | None) -> list[Event] | None:
    """Return the events of a row, None where `rows` filters it out; raises RefusalError."""
    flat = flatten(row) if plan.needs_flat else row
    if plan.rows is not None and _evaluate(plan.rows, flat, "rows") is not True:
        return None
    wire = plan.fixed_name or _wire_name(plan, row)
    identifies = wire == IDENTIFY or row.get("type") == IDENTIFY
    kinds = plan.events.get(wire)
    kept: dict[str, object] = {}
    if kinds is None:
        if identifies:
            kinds = _IDENTIFY_ONLY
        elif plan.keep_undeclared:
            kinds = (EventPlan(name=wire, properties=()),)
            kept = _kept_properties(row)
        else:
            if counts is not None:
                counts.add_undeclared(wire)
            return []
    return _events(plan, row, where, kinds, flat=flat, kept=kept, identifies=identifies)


def _events(  # noqa: PLR0913 -- one row, seen from its sides
    plan: StreamPlan,
    row: Row,
    where: Where,
    kinds: tuple[EventPlan, ...],
    *,
    flat: Row,
    kept: dict[str, object],
    identifies: bool,
) -> list[Event]:
    event_time, ingest_time, late = _times(plan, row, where.ingest_time)
    account = plan.read_account(row) if plan.read_account is not None else None
    traits = _traits(plan, row, flat, identifies=identifies) if identifies or plan.traits_anywhere else {}
    consent = _consent(plan, row) if plan.consents else {}
    base = _identity(plan, row, where)
    inner = inner_object(row, "properties")
    events = []
    for kind in kinds:
        customer = plan.read_customer(row) if plan.read_customer is not None and not kind.is_global else None
        events.append(
            Event(
                stream=plan.name,
                id=base + kind.suffix,
                customer=None if kind.is_global else read_identifier(customer, "customer", CUSTOMER_LENGTH_MAX),
                name=kind.name,
                event_time=event_time,
                ingest_time=ingest_time,
                properties=_properties(kind.properties, row, flat, inner) if kind.properties else dict(kept),
                traits={} if kind.is_global else traits,
                consent={} if kind.is_global else consent,
                account=None if account is None else read_identifier(account, "account", CUSTOMER_LENGTH_MAX),
                late=late,
                position=where.position,
            )
        )
    return events


def _wire_name(plan: StreamPlan, row: Row) -> str:
    value = plan.read_name(row) if plan.read_name is not None else None
    if type(value) is str and value:
        return value
    if value is None or value == "":
        kind = row.get("type")
        if type(kind) is str and kind in SEGMENT_TYPES:
            return kind
        raise RefusalError("missing-name", "the record names no event")
    return read_identifier(value, "name")


def _identity(plan: StreamPlan, row: Row, where: Where) -> str:
    if plan.read_id is not None:
        return read_identifier(plan.read_id(row), "id")
    if plan.id_is_content:
        try:
            return content_id(row)
        except (RecursionError, *_FAULTS):
            raise RefusalError("bad-id", "the record's content cannot be hashed") from None
    return read_identifier(where.source, "id")


def _times(plan: StreamPlan, row: Row, arrived: int | None) -> _Times:
    """Return the times by H1 and H5: what the reader says it arrived, else `arrives`, else the event time."""
    if arrived is None and plan.read_arrives is not None:
        arrived = _time(plan.read_arrives(row), plan, "arrives")
    if plan.read_event_time is None:
        if arrived is None:
            raise RefusalError("missing-time", "the record has no time")
        return _Times(arrived, arrived, False)
    happened = _time(plan.read_event_time(row), plan, "time")
    if arrived is None or happened == arrived:
        return _Times(happened, happened, False)
    if happened > arrived:
        if happened - arrived > SKEW_MAX:
            ahead = (happened - arrived) / 1_000_000
            raise RefusalError(
                "future-time", f"{plan.time_field} is {ahead:,.6f} s after its arrival, at most 600 s are allowed"
            )
        return _Times(arrived, arrived, False)
    return _Times(happened, arrived, arrived - happened > plan.lateness)


def _time(value: object, plan: StreamPlan, what: str) -> int:
    name, read = (plan.time_field, plan.event_time_of) if what == "time" else (plan.arrives_field, plan.arrives_of)
    if value is None or value == "":
        raise RefusalError("missing-time", f"the record has no {name}")
    try:
        return read(value)
    except RefusalError as refusal:
        raise RefusalError(refusal.code, f"{name}: {refusal}") from None


def _properties(
    plans: tuple[PropertyPlan, ...], row: Row, flat: Row, inner: dict[str, object] | None
) -> dict[str, object]:
    properties: dict[str, object] = {}
    for plan in plans:
        if plan.computed:
            value = _evaluate(plan.read, flat, plan.name)
        elif plan.read is None and inner is None:
            value = row.get(plan.key)
        else:
            value = read_property(row, inner, plan)
        if value is None or (value == "" and plan.empty_is_absent):
            if plan.default is not None:
                properties[plan.name] = plan.default
            continue
        try:
            properties[plan.name] = plan.coerce(value)
        except ValueError as error:
            raise _bad_value("property", plan, value, str(error)) from None
        except RefusalError as error:
            raise _bad_value("property", plan, value, str(error)) from None
    return properties


def _bad_value(what: str, plan: PropertyPlan, value: object, expected: str) -> RefusalError:
    return RefusalError("bad-value", f"{what} {plan.name} is {show_value(value)}, expected {expected}")


def _traits(plan: StreamPlan, row: Row, flat: Row, *, identifies: bool) -> dict[str, object]:
    """Return the traits a row sets: all of an identify, of another row those whose field was named; null takes one away."""
    if row.get("type") == "group":
        return {}
    homes = trait_homes(row, with_properties=not identifies)
    traits: dict[str, object] = {}
    for trait in plan.traits if identifies else plan.traits_anywhere:
        value = _evaluate(trait.read, flat, trait.name) if trait.computed else read_trait(row, trait, homes)
        if value is ABSENT or (value == "" and trait.empty_is_absent) or (value is None and not identifies):
            if trait.default is not None and identifies:
                traits[trait.name] = trait.default
            continue
        if value is None:
            traits[trait.name] = None
            continue
        try:
            traits[trait.name] = trait.coerce(value)
        except (ValueError, RefusalError) as error:
            raise _bad_value("trait", trait, value, str(error)) from None
    return traits


def _consent(plan: StreamPlan, row: Row) -> dict[str, bool]:
    consent: dict[str, bool] = {}
    homes = trait_homes(row, with_properties=True)
    for one in plan.consents:
        topic = one.topic if one.topic_from is None else read_trait(row, one.topic_from, homes)
        given = read_trait(row, one.given, homes)
        if any(value is ABSENT or value is None or value == "" for value in (topic, given)):
            continue
        try:
            consent[read_identifier(topic, "topic")] = bool(one.given.coerce(given))
        except ValueError as error:
            raise _bad_value("consent", one.given, given, str(error)) from None
    return consent


def _evaluate(read: FieldReader | None, flat: Row, what: str) -> object:
    """Return an expression's value, None for unknown; whatever goes wrong in it is the record's fault."""
    if read is None:
        return None
    try:
        value = read(flat)
    except _FAULTS as error:
        raise RefusalError("bad-expression", f"{what}: {error}") from None
    return None if value is UNKNOWN else value


def _kept_properties(row: Row) -> dict[str, object]:
    """Return the scalar fields of an undeclared event that the stream keeps."""
    inner = inner_object(row, "properties")
    items = row.items() if inner is None else inner.items()
    kept = ((key, keep_value(value)) for key, value in items if inner is not None or key not in SEGMENT_FIELDS)
    return {key: value for key, value in kept if value is not None}
