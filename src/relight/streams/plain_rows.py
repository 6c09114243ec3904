"""The short way of most rows: every field a plain key at top level, every value as it should be. Pure.

It refuses nothing: a row that is anything else goes the long way (`rows`), which makes the same event or says why not.
"""

from __future__ import annotations

from relight.streams.envelope import IDENTIFY, Event
from relight.streams.ids import CUSTOMER_LENGTH_MAX, ID_LENGTH_MAX
from relight.streams.plan import PlainDecoder, PropertyPlan, Row, StreamPlan
from relight.streams.refusals import RefusalError
from relight.streams.values import Coercer

#: (name, key, coerce, default, an empty text is no value).
_Spec = tuple[str, str, Coercer, object, bool]

#: Objects whose fields the long way looks into.
_NESTED = frozenset({"properties", "traits", "context"})


def make_plain_decoder(plan: StreamPlan, first: int, end: int) -> PlainDecoder | None:
    """Return the short way for the rows of a stream, None where no row of it can take one.

    first, end: event times outside take the long way (µs).
    """
    name_key, id_key, time_key, customer_key = plan.keys.name, plan.keys.id, plan.keys.event_time, plan.keys.customer
    if name_key is None or id_key is None or time_key is None or customer_key is None or not _is_plain(plan):
        return None
    specs = _specs(plan)
    marks = _marks(plan)
    stream, lateness, event_time_of = plan.name, plan.lateness, plan.event_time_of
    read_arrives, arrives_of = plan.read_arrives, plan.arrives_of

    def decode(row: Row, position: int, arrived: int | None) -> Event | None:
        wire = row.get(name_key)
        found = specs.get(wire) if type(wire) is str else None
        identity, customer = row.get(id_key), row.get(customer_key)
        if (
            found is None
            or type(identity) is not str
            or type(customer) is not str
            or not marks.isdisjoint(row)
            or not 0 < len(identity) <= ID_LENGTH_MAX
            or not 0 < len(customer) <= CUSTOMER_LENGTH_MAX
            or not (identity.isascii() and identity.isprintable())
            or not (customer.isascii() and customer.isprintable())
        ):
            return None
        name, fields = found
        properties: dict[str, object] = {}
        late = False
        try:
            happened = event_time_of(row.get(time_key))
            if arrived is None:
                arrived = happened if read_arrives is None else arrives_of(read_arrives(row))
            for prop, key, coerce, default, empty_is_absent in fields:
                value = row.get(key)
                if value is None or (empty_is_absent and value == ""):
                    if default is not None:
                        properties[prop] = default
                else:
                    properties[prop] = coerce(value)
        except (RefusalError, ValueError):
            return None
        if happened != arrived:
            if happened > arrived:
                return None
            late = arrived - happened > lateness
        if not (first <= happened < end and arrived < end):
            return None
        return Event(
            stream=stream, id=identity, customer=customer, name=name, event_time=happened, ingest_time=arrived,
            properties=properties, late=late, position=position,
        )  # fmt: skip

    return decode


def _is_plain(plan: StreamPlan) -> bool:
    return (
        plan.rows is None
        and not plan.needs_flat
        and not plan.traits_anywhere
        and plan.read_account is None
        and all(one.given.read is None for one in plan.consents)
    )


def _marks(plan: StreamPlan) -> frozenset[str]:
    """Return the keys by which a row says more than its own fields: nested objects, another kind of row, consent."""
    marks = _NESTED | {one.given.key for one in plan.consents}
    return marks if plan.keys.name == "type" else marks | {"type"}


def _specs(plan: StreamPlan) -> dict[str, tuple[str, tuple[_Spec, ...]]]:
    """Return the names on the wire that make one event of a customer, with plain properties."""
    return {
        wire: (kinds[0].name, tuple(_spec(prop) for prop in kinds[0].properties))
        for wire, kinds in plan.events.items()
        if len(kinds) == 1
        and wire != IDENTIFY
        and wire
        and not kinds[0].is_global
        and not kinds[0].suffix
        and all(prop.read is None for prop in kinds[0].properties)
    }


def _spec(prop: PropertyPlan) -> _Spec:
    return (prop.name, prop.key, prop.coerce, prop.default, prop.empty_is_absent)
