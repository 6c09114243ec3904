"""A stream file to a compiled stream: what the model alone cannot say is checked here, every problem with its place.

compile_stream(name, model, place_of) -> (StreamPlan | None, problems)
merge_schemas(plans) -> (Schema, problems)
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation

from relight.base.durations import parse_span
from relight.base.instants import day_start, is_zone
from relight.base.problems import Problem
from relight.base.suggest import suggest_words
from relight.streams.brake import BRAKE_SHARE_DEFAULT, Brake
from relight.streams.declared_fields import Declarer, PlaceOf
from relight.streams.envelope import IDENTIFY
from relight.streams.plan import EventPlan, FieldReader, GroupPlan, PlainKeys, SourcePlan, StreamPlan
from relight.streams.refusals import RefusalError
from relight.streams.rows import with_decoder
from relight.streams.schema import LATENESS_DEFAULT, EventType
from relight.streams.schema_merge import merge_schemas
from relight.streams.stream_file import EventModel, StreamModel
from relight.streams.times import TimeReader, make_time_reader

__all__ = ["PlaceOf", "StreamModel", "StreamPlan", "compile_stream", "merge_schemas"]


def compile_stream(name: str, model: StreamModel, place_of: PlaceOf) -> tuple[StreamPlan | None, list[Problem]]:
    """Return the compiled stream and its problems; None where one of them is an error.

    `name` is the file's name without its ending; `place_of` gives the place of a path such as ("time", "zone").
    """
    return _Compiler(name, model, place_of).compile()


class _Compiler:
    """One run over one stream file."""

    def __init__(self, name: str, model: StreamModel, place_of: PlaceOf) -> None:
        self._name, self._model = name, model
        self._declare = Declarer(model, place_of)
        self._problem = self._declare.problem

    def compile(self) -> tuple[StreamPlan | None, list[Problem]]:
        model, declare = self._model, self._declare
        source = self._source()
        zone = model.time.zone if model.time else None
        event_time_of = self._times("time", zone)
        arrives_of = self._times("arrives", model.arrives.zone or zone if model.arrives else None)
        declare.read_time = event_time_of
        self._check_whole(source)
        id_is_content = model.id is not None and model.id.field == ["content"]
        traits = tuple(declare.trait(key, trait) for key, trait in model.traits.items())
        plan = StreamPlan(
            name=self._name,
            place=declare.place(()),
            source=source,
            events=self._events(),
            traits=traits,
            traits_anywhere=tuple(trait for trait in traits if trait.anywhere),
            consents=tuple(declare.consent(at, one) for at, one in enumerate(model.consent)),
            rows=declare.expression(model.rows, ("rows",)) if model.rows is not None else None,
            read_id=None if id_is_content else declare.reader(model.id, ("id",)),
            id_is_content=id_is_content,
            read_event_time=declare.path(model.time.field) if model.time else None,
            event_time_of=event_time_of,
            time_field=model.time.field if model.time else "",
            read_arrives=declare.path(model.arrives.field) if model.arrives else None,
            arrives_of=arrives_of,
            arrives_field=model.arrives.field if model.arrives else "",
            read_customer=declare.reader(model.customer, ("customer",)),
            read_account=declare.reader(model.account, ("account",)),
            account_field="" if model.account is None else declare.plain(model.account) or "account",
            keys=PlainKeys(
                name=declare.plain(model.name),
                id=None if id_is_content else declare.plain(model.id),
                event_time=declare.plain(model.time),
                customer=declare.plain(model.customer),
            ),
            fixed_name=model.name.is_,
            read_name=declare.reader(model.name, ("name",)) if model.name.is_ is None else None,
            lateness=self._lateness(),
            group=self._group(source),
            brake=self._brake(),
            mapping=model.mapping,
            keep_undeclared=model.undeclared == "keep",
            needs_flat=declare.uses_expressions,
            event_types={key: self._event_type(key, event) for key, event in model.events.items()},
            trait_types={key: declare.type_of(trait) for key, trait in model.traits.items()},
            topics=tuple(sorted({one.topic.is_ for one in model.consent if one.topic.is_ is not None})),
            trait_places={key: declare.place(("traits", key)) for key in model.traits},
        )
        problems = declare.problems
        return (None if any(p.severity == "error" for p in problems) else with_decoder(plan)), problems

    def _source(self) -> SourcePlan:
        model, source = self._model, self._model.source
        layout = source.format or model.format or "ndjson"
        widths = source.widths or model.widths
        if source.format and model.format and source.format != model.format:
            self._problem("two-formats", "`format` and `source.format` differ", ("format",))
        if layout == "fixed" and not widths:
            self._problem(
                "missing-widths", "`format: fixed` needs `widths`", ("source",), "widths: {customer: 6, day: 9}"
            )
        if any(width < 1 for width in (widths or {}).values()):
            self._problem("bad-width", "a column is at least 1 character wide", ("source", "widths"))
        if source.follow and source.file is not None and (len(source.file) > 1 or set("*?[") & set(source.file[0])):
            self._problem("follow-many", "`follow` reads one file; a pattern or list cannot grow", ("source", "follow"))
        kind = "file" if source.file is not None else "kafka" if source.kafka else "http" if source.http else "stdin"
        names = source.header if isinstance(source.header, list) else ()
        return SourcePlan(
            kind=kind,  # type: ignore[arg-type]  # one of the four by construction
            files=tuple(source.file or ()),
            channel=source.kafka or source.http or "",
            format=layout,
            widths=tuple((widths or {}).items()),
            columns=tuple(names),
            header=(layout == "csv" and not names) if source.header is None or names else bool(source.header),
            delimiter=source.delimiter or ",",
            follow=source.follow,
            horizon=self._horizon(),
        )

    def _horizon(self) -> int | None:
        text = self._model.source.horizon
        if text is None:
            return None
        zone = self._model.time.zone if self._model.time and self._model.time.zone else "UTC"
        zone = zone if is_zone(zone) else "UTC"
        try:
            if len(text) == len("2015-08-27"):
                return day_start(dt.date.fromisoformat(text) + dt.timedelta(days=1), zone) - 1
            return make_time_reader(zone)(text)
        except (ValueError, OverflowError, RefusalError):
            self._problem(
                "bad-horizon", f"'{text}' is no day and no time", ("source", "horizon"), "horizon: 2015-08-27"
            )
            return None

    def _times(self, key: str, zone: str | None) -> TimeReader:
        model = self._model.time if key == "time" else self._model.arrives
        if zone is not None and not is_zone(zone):
            self._problem("unknown-zone", f"'{zone}' is no time zone", (key, "zone"), "zone: Europe/Istanbul")
            zone = "UTC"
        return make_time_reader(zone, model.format if model else None)

    def _check_whole(self, source: SourcePlan) -> None:
        model = self._model
        if source.is_finished and model.time is None and model.arrives is None:
            self._problem("missing-time", "a recorded file needs `time`", ("source",), "time: {field: timestamp}")
        if source.kind in {"http", "stdin"} and model.id is None:
            self._problem(
                "missing-id",
                f"a record from {source.kind} has no place that lasts, so it needs an `id`",
                ("source",),
                "name the field, or write `id: content`",
            )
        if model.customer is None and not all(event.is_global for event in model.events.values()):
            self._problem(
                "missing-customer", "`customer` is missing, and not every event is global", (), "customer: userId"
            )
        if not model.events and not model.traits and model.undeclared == "count":
            self._problem("no-events", "the stream declares no event and no trait", (), "events: {order_placed: {}}")
        if model.name.is_ is not None and model.undeclared == "count":
            wires = {event.called or key for key, event in model.events.items()} | {IDENTIFY}
            if model.name.is_ not in wires:
                help_text = suggest_words(model.name.is_, wires)
                self._problem("unknown-event", f"event '{model.name.is_}' is not declared", ("name",), help_text)
        if model.mapping is not None and not _is_function(model.mapping):
            self._problem("bad-map", f"'{model.mapping}' is no function of a file", ("map",), "map: shop.py:from_row")

    def _events(self) -> dict[str, tuple[EventPlan, ...]]:
        found: dict[str, list[EventPlan]] = {}
        for key, event in self._model.events.items():
            same = found.setdefault(event.called or key, [])
            properties = tuple(self._declare.property(key, name, one) for name, one in event.properties.items())
            suffix = f"#{key}" if same else ""
            same.append(EventPlan(name=key, properties=properties, is_global=event.is_global, suffix=suffix))
        return {wire: tuple(plans) for wire, plans in found.items()}

    def _event_type(self, key: str, event: EventModel) -> EventType:
        return EventType(
            name=key,
            streams=(self._name,),
            properties={name: self._declare.type_of(one) for name, one in event.properties.items()},
            activity=event.activity and not event.is_global,
            is_global=event.is_global,
            place=self._declare.place(("events", key)),
        )

    def _lateness(self) -> int:
        span = parse_span(self._model.allowed_lateness)
        if span is None or span.is_calendar:
            text = self._model.allowed_lateness
            path = ("allowed_lateness",)
            self._problem("bad-duration", f"'{text}' is no elapsed duration", path, "allowed_lateness: 72 hours")
            span = LATENESS_DEFAULT
        return span.elapsed

    def _group(self, source: SourcePlan) -> GroupPlan | None:
        model = self._model.group_by
        if model is None:
            return None
        if not source.is_finished:
            self._problem(
                "group-unfinished", "`group_by` needs a finished file: a live row cannot wait for others", ("group_by",)
            )
        sums: list[tuple[str, FieldReader]] = []
        if isinstance(model.sum, dict):
            for key, text in model.sum.items():
                sums.append((key, self._declare.expression(text, ("group_by", "sum", key))))
        else:
            sums = [(key, self._declare.path(key)) for key in model.sum]
        return GroupPlan(fields=tuple(model.fields), sums=tuple(sums), count=model.count)

    def _brake(self) -> Brake:
        share = read_share(self._model.brake.share)
        if share is None:
            self._problem("bad-share", f"'{self._model.brake.share}' is no share", ("brake", "share"), "share: 5%")
        return Brake(share=BRAKE_SHARE_DEFAULT if share is None else share, of=self._model.brake.of)


def read_share(value: str | float) -> Decimal | None:
    """Return a share between 0 and 1 of `5%`, `0.05` or 0.05; None when it is none."""
    text = str(value).strip()
    try:
        share = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        return None
    share = share / 100 if text.endswith("%") else share
    return share if share.is_finite() and 0 <= share <= 1 else None


def _is_function(text: str) -> bool:
    file, _, function = text.partition(":")
    return file.endswith(".py") and function.isidentifier()
