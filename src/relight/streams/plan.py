"""A compiled stream: what decoding and the readers need, worked out once by relight.streams.declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from relight.base.problems import Place
from relight.streams.brake import Brake
from relight.streams.envelope import DeadLetter, Event
from relight.streams.refusals import Counts
from relight.streams.schema import LATENESS_DEFAULT, EventType, PropertyType
from relight.streams.times import TimeReader
from relight.streams.values import Coercer

#: A raw record: a JSON object, or the cells of a CSV row by column.
Row = Mapping[str, object]
#: Reads one field of a row; None where it is absent, empty or null.
FieldReader = Callable[[Row], object]

#: (row, position, ingest time or None) -> the event of a row that takes the short way; None: take the long way.
PlainDecoder = Callable[[Row, int, "int | None"], "Event | None"]
#: A row to its events: (row, position, source, ingest time or None, counts or None); None where `rows` filters it out.
RowDecoder = Callable[[Row, int, str, "int | None", "Counts | None"], "list[Event] | None"]

Format = Literal["ndjson", "csv", "fixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlan:
    """Where records come from."""

    kind: Literal["file", "kafka", "http", "stdin"]
    #: Paths or patterns of files, relative to the project folder; empty for other kinds.
    files: tuple[str, ...] = ()
    #: Topic of Kafka, name of an HTTP source; empty for other kinds.
    channel: str = ""
    format: Format = "ndjson"
    #: Columns of a fixed-width file: (name, width in characters).
    widths: tuple[tuple[str, int], ...] = ()
    #: Column names where the file has no line that names them.
    columns: tuple[str, ...] = ()
    #: Whether the first line is a header.
    header: bool = False
    delimiter: str = ","
    #: The file grows.
    follow: bool = False
    #: The last instant of a finished file that time reaches, inclusive (µs); None: its last event.
    horizon: int | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the input is a recorded file that is read to its end."""
        return self.kind == "file" and not self.follow


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyPlan:
    """How one property or trait is read."""

    name: str
    #: Key at top level or in the nested objects; empty where `read` is used.
    key: str
    coerce: Coercer
    #: Reads a dotted path or an expression; None for a plain key.
    read: FieldReader | None = None
    #: `read` is an expression: it sees properties as if they stood at top level.
    computed: bool = False
    #: Typed value where a row has none; None for no default.
    default: object = None
    #: The key is the envelope's own: a nested object that lacks it is not looked past.
    reserved: bool = False
    #: An empty text is no value: every cell of CSV, and every kind but text.
    empty_is_absent: bool = False
    #: A trait that any row may carry, because its field was named.
    anywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPlan:
    """How one declared event is made from a row."""

    name: str
    properties: tuple[PropertyPlan, ...]
    is_global: bool = False
    #: Appended to the id: empty for the first event of a name on the wire, `#name` for each further one.
    suffix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPlan:
    """Fields that grant or withdraw a topic."""

    #: The topic where it is fixed, else None.
    topic: str | None
    #: Reads the topic where a field names it.
    topic_from: PropertyPlan | None
    given: PropertyPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """How rows are folded to one event."""

    fields: tuple[str, ...]
    #: (field, reads the number to add up of one row).
    sums: tuple[tuple[str, FieldReader], ...] = ()
    #: Field that takes the number of rows; None for none.
    count: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainKeys:
    """Keys that stand at top level and need no reader; None where one is needed, or nothing was declared."""

    name: str | None = None
    id: str | None = None
    event_time: str | None = None
    customer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """One stream, ready to decode."""

    name: str
    place: Place
    source: SourcePlan
    #: Wire name -> the events it makes.
    events: Mapping[str, tuple[EventPlan, ...]]
    traits: tuple[PropertyPlan, ...] = ()
    #: The traits among them that any row may carry.
    traits_anywhere: tuple[PropertyPlan, ...] = ()
    consents: tuple[ConsentPlan, ...] = ()
    #: True for rows that are events; None where all are.
    rows: FieldReader | None = None
    #: None: the id is the record's source (file name and row, or topic, partition and offset).
    read_id: FieldReader | None = None
    #: The id is the hash of the row.
    id_is_content: bool = False
    read_event_time: FieldReader | None = None
    event_time_of: TimeReader
    time_field: str = ""
    read_arrives: FieldReader | None = None
    arrives_of: TimeReader
    arrives_field: str = ""
    read_customer: FieldReader | None = None
    read_account: FieldReader | None = None
    #: What the config's `accounts` may call what `read_account` reads: the field, `account` where it is nested or put
    #: together; empty for none.
    account_field: str = ""
    #: The same fields as the readers around here, for the hot path.
    keys: PlainKeys = PlainKeys()
    fixed_name: str | None = None
    read_name: FieldReader | None = None
    #: µs (H5).
    lateness: int = LATENESS_DEFAULT.elapsed
    group: GroupPlan | None = None
    brake: Brake = field(default_factory=Brake)
    #: `shop.py:from_row`; None for none.
    mapping: str | None = None
    keep_undeclared: bool = False
    #: Some expression reads the row with its properties at top level.
    needs_flat: bool = False
    #: Made of everything above by relight.streams.rows; None only while the plan is being made.
    decode: RowDecoder | None = None
    #: The short way of most rows, which `decode` takes too; None where no row can.
    plain: PlainDecoder | None = None
    event_types: Mapping[str, EventType]
    trait_types: Mapping[str, PropertyType]
    topics: tuple[str, ...] = ()
    #: Declared trait -> where.
    trait_places: Mapping[str, Place]


def shown_place(letter: DeadLetter, streams: Mapping[str, StreamPlan]) -> str:
    """Return where a dead letter came from, for people: `data/app.ndjson:17`, `tickets.csv row 3`.

    The number of a recorded CSV or fixed-width file counts rows: neither a header nor a blank line is one, and a quoted
    cell may hold several lines. So it is not shown as a line; `source` stays as it is, for it may be the event's id.
    """
    plan = streams.get(letter.stream)
    name, _, number = letter.source.rpartition(":")
    if plan is None or not number.isdecimal():
        return letter.source
    if plan.source.kind == "kafka":  # a record that was published from a file is known by its place there
        counts_rows = name.removesuffix(".gz").removesuffix(".zst").endswith(".csv")
    else:
        counts_rows = plan.source.is_finished and plan.source.format != "ndjson"
    return f"{name} row {number}" if counts_rows else letter.source
