"""From the log to columns: decodes only what measures read, a page at a time, and goes on where it stopped.

A MeasureLog is a fold of the log: reading on after a position gives the same as reading everything again. Checksums are
verified like everywhere. Erased customers leave every table.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from relight.base.kinds import NUMBER_KINDS, revive_value
from relight.config.measure_plan import MeasurePlan, Source
from relight.engine.replies import CLICKED
from relight.metrics.tables import NO_CODE, Codes, Dictionary, Flags, Table, amounts_of, concatenate
from relight.stores.sqlite import SqliteStore
from relight.streams.envelope import Control, Event, Rank
from relight.streams.target_events import TARGET_MISSED

if TYPE_CHECKING:
    from relight.base.kinds import Kind
    from relight.rules.plan import Condition
    from relight.stores.interface import Store
    from relight.streams.envelope import Record

#: The property of a click that names the rule of the mail.
_RULE = "rule"
#: Rows of a table that are kept as lists before they become arrays.
ROWS_AS_LISTS_MAX = 262_144

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Event)


class _Outline(msgspec.Struct, array_like=True, gc=False):
    """What every event has, the rest left undecoded; the fields are the first of `Event`, in its order."""

    stream: msgspec.Raw
    id: msgspec.Raw
    customer: str | None
    name: str
    event_time: int
    ingest_time: int
    properties: msgspec.Raw


class ComparedRow:
    """What a filter reads: the properties of one event, and those of the entry it is compared with."""

    __slots__ = ("entry", "event")

    def __init__(self, event: Mapping[str, object], entry: Mapping[str, object] | None = None) -> None:
        self.event = event
        self.entry = entry


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRow:
    """One event with all that it says."""

    #: When it happened, and when we learned it (µs).
    when: int
    known: int
    stream: str
    id: str
    properties: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """What is kept of one event name."""

    amounts: tuple[str, ...]
    texts: tuple[str, ...]
    filters: Mapping[str, Condition]
    kinds: Mapping[str, Kind]

    @property
    def reads_properties(self) -> bool:
        return bool(self.amounts or self.texts or self.filters)


@dataclass(slots=True)
class _Growing:
    """One table while it grows."""

    need: _Need
    who: list[int] = field(default_factory=list)
    when: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    properties: list[Any] = field(default_factory=list)
    parts: list[Table] = field(default_factory=list)


class MeasureLog:
    """The columns of one log, as far as it was read."""

    def __init__(self, plan: MeasurePlan, *, also: Sequence[Source] = ()) -> None:
        """Start empty; only what the plan's measures read is kept, and what `also` names."""
        self.plan = plan
        self.people = Dictionary()
        self.words = Dictionary()
        #: Position in the log up to which it was read.
        self.position = 0
        #: The last ingest time read (µs); None before the first record.
        self.reached: int | None = None
        #: customer code -> name -> value as last served by a control record.
        self.served: dict[int, dict[str, object]] = {}
        #: Occurrence key of a mail -> the code drawn for it (S6).
        self.drawn: dict[str, str] = {}
        #: event name -> customer code -> its rows as they stand in the log, of sources that are kept whole.
        self._whole: dict[str, dict[int, list[bytes]]] = {source.match.event: {} for source in also if source.is_whole}
        self._erased: set[int] = set()
        self._growing = {name: _Growing(need) for name, need in _needs_of(plan, also).items()}
        self._frozen: dict[str, Table] = {}
        #: Only these customers, by code; None for all.
        self._only: Flags | None = None
        self._selected: dict[str, Table] = {}
        #: Only what was known before this instant (µs); None for all.
        self._before: int | None = None

    # ------------------------------------------------------------ reading
    def read_store(self, store: Store) -> int:
        """Read what the log holds after the last position; return how many records that were."""
        before = self.position
        if isinstance(store, SqliteStore):
            with _no_collections():
                for last, rows in store.read_sealed(self.position):
                    self._take_bodies(rows)
                    self.position = last
        else:
            for position, record in store.read_log(self.position):
                self.take(record)
                self.position = position
        self.settle()
        return self.position - before

    def read_events(self, events: Iterable[Event]) -> None:
        """Read events that are in no store; a copy of one read before is left out (V1)."""
        seen: set[tuple[str, str | None, str]] = set()
        for event in events:
            identity = (event.stream, event.customer, event.id)
            if identity not in seen:
                seen.add(identity)
                self.take(event)
        self.settle()

    def take(self, record: Record) -> None:
        """Read one record, in log order; `settle` after the last of them."""
        self.reached = record.ingest_time if self.reached is None else max(self.reached, record.ingest_time)
        if isinstance(record, Control):
            self._take_control(record)
            return
        grown = self._growing.get(record.name)
        if grown is None:
            return
        grown.who.append(NO_CODE if record.customer is None else self.people.code(record.customer))
        grown.when.append(record.event_time)
        grown.known.append(record.ingest_time)
        if grown.need.reads_properties:
            grown.properties.append(record.properties)
        if record.name in self._whole:
            self._keep_whole(record.name, grown.who[-1], _ENCODER.encode(record))

    def _take_control(self, record: Control) -> None:
        match record.kind:
            case "measures" if record.customer is not None:
                self.served.setdefault(self.people.code(record.customer), {}).update(record.detail)
            case "code" if self._whole:
                self.drawn[record.subject] = str(record.detail.get("code"))
            case "erase" if record.customer is not None:
                self._erased.add(self.people.code(record.customer))
                self._frozen.clear()
            case _:
                pass

    def _take_bodies(self, rows: list[tuple[int, bytes]]) -> None:
        """The same for encoded records, of which only the outline is decoded."""
        decode = msgspec.msgpack.Decoder(_Outline).decode
        controls = msgspec.msgpack.Decoder(Control).decode
        slots = {
            name: (
                g.who.append,
                g.when.append,
                g.known.append,
                g.properties.append if g.need.reads_properties else None,
            )
            for name, g in self._growing.items()
        }
        codes = self.people.codes
        control = int(Rank.CONTROL)
        last = 0
        for kind, body in rows:
            if kind == control:
                self.take(controls(body))
                continue
            outline = decode(body)
            last = outline.ingest_time
            slot = slots.get(outline.name)
            if slot is None:
                continue
            customer = outline.customer
            if customer is None:
                code = NO_CODE
            else:
                code = codes.get(customer, NO_CODE)
                if code == NO_CODE:
                    code = codes[customer] = len(codes)
            slot[0](code)
            slot[1](outline.event_time)
            slot[2](outline.ingest_time)
            if slot[3] is not None:
                slot[3](bytes(outline.properties))
            if outline.name in self._whole:
                self._keep_whole(outline.name, code, body)
        if last:
            self.reached = last if self.reached is None else max(self.reached, last)
        for grown in self._growing.values():
            if len(grown.who) > ROWS_AS_LISTS_MAX:
                self._freeze(grown)

    def _keep_whole(self, name: str, code: int, body: bytes) -> None:
        self._whole[name].setdefault(code, []).append(body)

    def whole_rows(self, name: str, code: int) -> list[WholeRow]:
        """Return the events of a customer (NO_CODE: global) that are kept whole, in log order; none of the erased."""
        if code in self._erased:
            return []
        schema = self.plan.schema.events.get(name)
        kinds = {} if schema is None else {prop: one.kind for prop, one in schema.properties.items()}
        found = []
        for body in self._whole[name].get(code, ()):
            event = _DECODER.decode(body)
            if self._before is None or event.ingest_time < self._before:
                said = {p: revive_value(v, kinds[p]) if p in kinds else v for p, v in event.properties.items()}
                found.append(
                    WholeRow(
                        when=event.event_time,
                        known=event.ingest_time,
                        stream=event.stream,
                        id=event.id,
                        properties=said,
                    )
                )
        return found

    # ------------------------------------------------------------ tables
    def table(self, source: Source | str, *, before: int | None = None) -> Table:
        """Return the events of a source that pass its filter, or all of a name; before: known earlier (µs)."""
        name = source if isinstance(source, str) else source.match.event
        found = self._frozen.get(name)
        if found is None:
            grown = self._growing[name]
            self._freeze(grown)
            found = concatenate(grown.parts)
            grown.parts = [found]
            if self._erased:
                found = found.where(~np.isin(found.who, list(self._erased)))
            self._frozen[name] = found
        if self._only is not None:
            kept = self._selected.get(name)
            if kept is None:
                kept = self._selected[name] = found.where(self._only[found.who] | (found.who == NO_CODE))
            found = kept
        if not isinstance(source, str) and source.match.where is not None:
            found = found.where(found.filters[source.match.where.text])
        until = min((one for one in (before, self._before) if one is not None), default=None)
        return found if until is None else found.where(found.known < until)

    def as_of(self, instant: int) -> MeasureLog:
        """Return a view of the same log as it stood before an instant (µs)."""
        view = copy.copy(self)
        view._before = instant  # noqa: SLF001 - of its own class
        return view

    def only(self, people: Flags) -> MeasureLog:
        """Return a view of the same log with these customers alone, by code, and global events."""
        view = copy.copy(self)
        view._only = people  # noqa: SLF001 - of its own class
        view._selected = {}  # noqa: SLF001 - as above
        return view

    def clickers(self, rule: str) -> Codes | None:
        """Return who followed a link of a rule's mails, scanners left out; None where no stream declares clicks.

        What came too soon for a person is another event (`link_scanned`), which is not read.
        """
        if CLICKED not in self._growing or _RULE not in self._growing[CLICKED].need.texts:
            return None
        table = self.table(CLICKED)
        return np.unique(table.who[table.texts[_RULE] == self.words.codes.get(rule, NO_CODE - 1)])

    def names(self) -> frozenset[str]:
        """Return the event names that are kept."""
        return frozenset(self._growing)

    def settle(self) -> None:
        """Let tables know of what was taken."""
        for name, grown in self._growing.items():
            if grown.who:
                self._frozen.pop(name, None)

    def _freeze(self, grown: _Growing) -> None:
        if not grown.who and grown.parts:
            return
        rows = _properties(grown)
        need = grown.need
        code = self.words.code
        grown.parts.append(
            Table(
                who=np.array(grown.who, np.int32),
                when=np.array(grown.when, np.int64),
                known=np.array(grown.known, np.int64),
                amounts={prop: amounts_of([row.get(prop) for row in rows]) for prop in need.amounts},
                texts={
                    prop: np.array(
                        [NO_CODE if (found := row.get(prop)) is None else code(str(found)) for row in rows], np.int32
                    )
                    for prop in need.texts
                },
                filters={text: _truths(rows, one, need.kinds) for text, one in need.filters.items()},
            )
        )
        grown.who, grown.when, grown.known, grown.properties = [], [], [], []


def _properties(grown: _Growing) -> list[dict[str, object]]:
    """Return the properties of the rows; those of the fast way are still encoded."""
    decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
    return [decode(one) if isinstance(one, bytes) else one for one in grown.properties]


def _truths(rows: list[dict[str, object]], condition: Condition, kinds: Mapping[str, Kind]) -> Any:
    evaluate: Any = condition.evaluate
    revived = (
        {name: revive_value(value, kinds[name]) if name in kinds else value for name, value in row.items()}
        for row in rows
    )
    return np.fromiter((evaluate(ComparedRow(row)) is True for row in revived), np.bool_, len(rows))


class _no_collections:  # noqa: N801 - reads as what it does
    """No look for cycles while many small objects are made that have none."""

    def __enter__(self) -> None:
        self.was = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self.was:
            gc.enable()


def _needs_of(plan: MeasurePlan, also: Iterable[Source]) -> dict[str, _Need]:
    """Return what must be kept, by event name."""
    reads: dict[str, set[tuple[str, str]]] = {name: set() for name in plan.activity}
    filters: dict[str, dict[str, Condition]] = {}
    for source in (*_all_sources(plan), *also):
        event = source.match.event
        wanted = reads.setdefault(event, set())
        if source.prop is not None:
            wanted.add(("amount" if source.kind in NUMBER_KINDS else "text", source.prop))
        if source.match.where is not None:
            filters.setdefault(event, {})[source.match.where.text] = source.match.where
    if any(target.done is None for target in plan.targets.values()):
        reads.setdefault(TARGET_MISSED, set()).update({("text", "target"), ("text", "period")})
    clicks = plan.schema.events.get(CLICKED)
    if clicks is not None and _RULE in clicks.properties:
        reads.setdefault(CLICKED, set()).add(("text", _RULE))
    for effort in plan.efforts.values():
        if effort.by is not None:
            for source in (effort.begins, effort.ends):
                reads[source.match.event].add(("text", effort.by))
    return {
        name: _Need(
            amounts=tuple(sorted(prop for sort, prop in wanted if sort == "amount")),
            texts=tuple(sorted(prop for sort, prop in wanted if sort == "text")),
            filters=filters.get(name, {}),
            kinds={p: t.kind for p, t in plan.schema.events[name].properties.items()}
            if name in plan.schema.events
            else {},
        )
        for name, wanted in sorted(reads.items())
    }


def _all_sources(plan: MeasurePlan) -> Iterator[Source]:
    yield from plan.sources.values()
    for effort in plan.efforts.values():
        yield effort.begins
        yield effort.ends
    for funnel in plan.funnels.values():
        yield from (step.source for step in funnel.steps)
