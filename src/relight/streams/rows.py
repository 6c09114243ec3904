"""A parsed row to events: name, identity, times, customer, properties. Pure; refuses with RefusalError.

`make_row_decoder` takes the plan apart once: this is the hot path of every input.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from relight.base.instants import to_instant
from relight.streams.envelope import IDENTIFY, SKEW_MAX, Event
from relight.streams.fields import SEGMENT_FIELDS, SEGMENT_TYPES, flatten, inner_object, read_property
from relight.streams.ids import CUSTOMER_LENGTH_MAX, content_id, read_identifier
from relight.streams.plain_rows import make_plain_decoder
from relight.streams.plan import EventPlan, PlainDecoder, PropertyPlan, Row, RowDecoder, StreamPlan
from relight.streams.refusals import Counts, RefusalError
from relight.streams.row_traits import ACCOUNT_ZONE, GROUP, bad_value, evaluate, read_consent, read_traits
from relight.streams.times import TimeReader
from relight.streams.values import Coercer, keep_value

#: The years in which things happen, 1900 to 2999 (µs): a deadline reckoned from there stays a date that calendars know.
EVENT_TIME_MIN = to_instant(dt.datetime(1900, 1, 1, tzinfo=dt.UTC))
EVENT_TIME_END = to_instant(dt.datetime(3000, 1, 1, tzinfo=dt.UTC))

_IDENTIFY_ONLY = (EventPlan(name=IDENTIFY, properties=()),)


def with_decoder(plan: StreamPlan) -> StreamPlan:
    """Return the plan with its decoder made."""
    plain = make_plain_decoder(plan, EVENT_TIME_MIN, EVENT_TIME_END)
    return replace(plan, decode=make_row_decoder(plan, plain), plain=plain)


def make_row_decoder(plan: StreamPlan, plain: PlainDecoder | None) -> RowDecoder:
    """Return the decoder of one stream: a row to its events, None where `rows` filters it out; raises RefusalError."""
    rows, needs_flat, fixed_name, events = plan.rows, plan.needs_flat, plan.fixed_name, plan.events
    name_key, read_name = plan.keys.name, plan.read_name
    times_of, identity_of = _times_reader(plan), _identity_reader(plan)
    make_event = _event_maker(plan)
    has_more = bool(plan.traits_anywhere or plan.consents)
    knows_account_zone = any(trait.name == ACCOUNT_ZONE for trait in plan.traits)

    def decode(row: Row, position: int, source: str, arrived: int | None, counts: Counts | None) -> list[Event] | None:
        event = None if plain is None else plain(row, position, arrived)
        if event is not None:
            return [event]
        flat = flatten(row) if needs_flat else row
        if rows is not None and evaluate(rows, flat, "rows") is not True:
            return None
        wire = row.get(name_key) if name_key is not None else read_name(row) if read_name is not None else fixed_name
        if type(wire) is not str or not wire:
            wire = _wire_name(wire, row)
        kinds = events.get(wire)
        identifies = wire == IDENTIFY or row.get("type") == IDENTIFY
        groups = knows_account_zone and row.get("type") == GROUP
        if kinds is None:
            if not identifies and not groups and not plan.keep_undeclared:
                if counts is not None:
                    counts.add_undeclared(wire)
                return []
            kinds = (
                _IDENTIFY_ONLY
                if identifies or groups
                else (EventPlan(name=read_identifier(wire, "name"), properties=()),)
            )
        times = times_of(row, arrived)
        identity = identity_of(row, source)
        found = []
        for kind in kinds:  # no comprehension: it would turn the names it reads into cells, slower for every row
            event = make_event(kind, row, flat, identity, times)
            event.position = position
            found.append(event)
        if identifies or groups or has_more:
            _add_traits(plan, found, row, flat, identifies=identifies)
        if plan.keep_undeclared and wire not in events and not identifies:
            found[0].properties = _kept_properties(row)
        return found

    return decode


def _event_maker(plan: StreamPlan) -> Callable[[EventPlan, Row, Row, str, tuple[int, int, bool]], Event]:
    stream, read_account = plan.name, plan.read_account
    specs = {kind.name: _specs(kind.properties) for kinds in plan.events.values() for kind in kinds if kind.properties}
    customer_key, read_customer = plan.keys.customer, plan.read_customer

    def make(kind: EventPlan, row: Row, flat: Row, identity: str, times: tuple[int, int, bool]) -> Event:
        event_time, ingest_time, late = times
        customer: object = None
        if not kind.is_global:
            if customer_key is not None:
                customer = row.get(customer_key)
            elif read_customer is not None:
                customer = read_customer(row)
            customer = read_identifier(customer, "customer", CUSTOMER_LENGTH_MAX)
        account = read_account(row) if read_account is not None else None
        if account is not None:
            account = read_identifier(account, "account", CUSTOMER_LENGTH_MAX)
        return Event(
            stream=stream,
            id=identity + kind.suffix if kind.suffix else identity,
            customer=customer,  # type: ignore[arg-type]  # None or checked
            name=kind.name,
            event_time=event_time,
            ingest_time=ingest_time,
            properties=_properties(specs[kind.name], row, flat) if kind.properties else {},
            account=account,
            late=late,
        )

    return make


def _add_traits(plan: StreamPlan, events: list[Event], row: Row, flat: Row, *, identifies: bool) -> None:
    groups = row.get("type") == GROUP
    reads = identifies or groups or plan.traits_anywhere
    traits = read_traits(plan, row, flat, identifies=identifies) if reads else {}
    consent = read_consent(plan, row) if plan.consents else {}
    if not traits and not consent:
        return
    for event in events:
        if event.customer is not None:
            event.traits, event.consent = dict(traits), dict(consent)


def _wire_name(value: object, row: Row) -> str:
    if value is None or value == "":
        kind = row.get("type")
        if type(kind) is str and kind in SEGMENT_TYPES:
            return kind
        raise RefusalError("missing-name", "the record names no event")
    return read_identifier(value, "name")


def _identity_reader(plan: StreamPlan) -> Callable[[Row, str], str]:
    key, read_id = plan.keys.id, plan.read_id
    if key is not None:
        return lambda row, _source: read_identifier(row.get(key), "id")
    if read_id is not None:
        return lambda row, _source: read_identifier(read_id(row), "id")
    if plan.id_is_content:
        return lambda row, _source: content_id(row)
    return lambda _row, source: read_identifier(source, "id")


def _times_reader(plan: StreamPlan) -> Callable[[Row, int | None], tuple[int, int, bool]]:
    """Return a reader of (event time, ingest time, late) by H1 and H5.

    The ingest time is what the record's reader says; where it says nothing, `arrives`; else the event time.
    """
    read_arrives, read_time, event_time_of = plan.read_arrives, plan.read_event_time, plan.event_time_of
    lateness, time_key = plan.lateness, plan.keys.event_time

    def times(row: Row, arrived: int | None) -> tuple[int, int, bool]:
        if arrived is None and read_arrives is not None:
            arrived = _time(read_arrives(row), plan.arrives_of, plan.arrives_field)
            _check_year(arrived, plan.arrives_field)
        if read_time is None:
            if arrived is None:
                raise RefusalError("missing-time", "the record has no time")
            return arrived, arrived, False
        value = row.get(time_key) if time_key is not None else read_time(row)
        try:
            happened = event_time_of(value)
        except RefusalError:
            happened = _time(value, event_time_of, plan.time_field)
        if not EVENT_TIME_MIN <= happened < EVENT_TIME_END:
            _check_year(happened, plan.time_field)
        if arrived is None:
            return happened, happened, False
        ahead = happened - arrived
        if ahead <= 0:
            return happened, arrived, -ahead > lateness
        if ahead > SKEW_MAX:
            text = f"{plan.time_field} is {ahead / 1_000_000:,.6f} s after its arrival, at most 600 s are allowed"
            raise RefusalError("future-time", text)
        return arrived, arrived, False

    return times


def _check_year(instant: int, name: str) -> None:
    if not EVENT_TIME_MIN <= instant < EVENT_TIME_END:
        raise RefusalError("bad-time", f"{name} lies outside the years 1900 to 2999")


def _time(value: object, read: TimeReader, name: str) -> int:
    if value is None or value == "":
        raise RefusalError("missing-time", f"the record has no {name}")
    try:
        return read(value)
    except RefusalError as refusal:
        raise RefusalError(refusal.code, f"{name}: {refusal}") from None


#: (name, key, coerce, neither dotted nor computed, the plan): a tuple is taken apart faster than a plan is read.
_Spec = tuple[str, str, Coercer, bool, PropertyPlan]


def _specs(plans: tuple[PropertyPlan, ...]) -> tuple[_Spec, ...]:
    return tuple((plan.name, plan.key, plan.coerce, plan.read is None, plan) for plan in plans)


def _properties(specs: tuple[_Spec, ...], row: Row, flat: Row) -> dict[str, object]:
    properties: dict[str, object] = {}
    inner = row.get("properties")
    nested = inner if type(inner) is dict else None
    for name, key, coerce, is_plain, plan in specs:
        if is_plain:
            value = (
                row.get(key) if nested is None else nested[key] if key in nested else read_property(row, nested, plan)
            )
        else:
            assert plan.read is not None
            value = evaluate(plan.read, flat, name) if plan.computed else plan.read(row)
        if value is None or (type(value) is str and not value and plan.empty_is_absent):
            if plan.default is not None:
                properties[name] = plan.default
            continue
        try:
            properties[name] = coerce(value)
        except (ValueError, RefusalError) as error:
            raise bad_value("property", plan, value, error) from None
    return properties


def _kept_properties(row: Row) -> dict[str, object]:
    """Return the scalar fields of an undeclared event that the stream keeps."""
    inner = inner_object(row, "properties")
    items = row.items() if inner is None else inner.items()
    kept = ((key, keep_value(value)) for key, value in items if inner is not None or key not in SEGMENT_FIELDS)
    return {key: value for key, value in kept if value is not None}
