"""Compiles what one field, property, trait or expression of a stream file says; collects the problems found."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relight.base.kinds import TEXT_KINDS, Kind
from relight.base.problems import Place, Problem
from relight.streams.fields import SEGMENT_FIELDS, field_reader
from relight.streams.plan import ConsentPlan, FieldReader, PropertyPlan
from relight.streams.refusals import RefusalError
from relight.streams.row_expressions import compile_expression
from relight.streams.schema import PropertyType
from relight.streams.stream_file import ConsentModel, FieldModel, PropertyModel, StreamModel, TimeModel
from relight.streams.times import TimeReader, make_time_reader
from relight.streams.values import coercer_of

#: Gives the place of a path in the stream file: ("events", "order_placed", "called").
PlaceOf = Callable[[tuple[str | int, ...]], Place]
_Path = tuple[str | int, ...]


class Declarer:
    """Compiles the parts of one stream file."""

    def __init__(self, model: StreamModel, place_of: PlaceOf) -> None:
        self.place = place_of
        self.problems: list[Problem] = []
        #: Reads times of properties; set once the stream's zone is known.
        self.read_time: TimeReader = make_time_reader(None)
        #: Some expression was compiled.
        self.uses_expressions = False
        self._flat = (model.source.format or model.format or "ndjson") != "ndjson" and model.mapping is None
        named = (model.time, model.arrives, model.customer, model.account, model.name, model.id)
        own = {path for one in named if one is not None for path in _paths(one.field)}
        self._reserved = SEGMENT_FIELDS | own

    def problem(self, code: str, message: str, path: _Path, help_text: str | None = None) -> None:
        """Add one error."""
        self.problems.append(Problem(code=code, message=message, place=self.place(path), help=help_text))

    def path(self, field: str) -> FieldReader:
        """Return the reader of one field."""
        return field_reader((field,), flat=self._flat)

    def plain(self, model: FieldModel | TimeModel | None) -> str | None:
        """Return the key of a field that stands at top level, None for every other."""
        paths = () if model is None else _paths(model.field)
        return paths[0] if len(paths) == 1 and (self._flat or "." not in paths[0]) else None

    def reader(self, model: FieldModel | None, path: _Path) -> FieldReader | None:
        """Return the reader of a field, of several, or of an expression; None for nothing declared."""
        if model is None:
            return None
        if model.is_ is not None:
            return self.expression(model.is_, (*path, "is"))
        return field_reader(model.field or (), flat=self._flat)

    def expression(self, text: str, path: _Path) -> FieldReader:
        """Return the reader of an expression over the row."""
        read, problems = compile_expression(text, self.place(path))
        self.problems.extend(problems)
        self.uses_expressions = True
        return read

    def type_of(self, model: PropertyModel) -> PropertyType:
        """Return the declared type."""
        return PropertyType(kind=model.type, values=tuple(model.values), unit=model.unit)

    def property(self, event: str, name: str, model: PropertyModel) -> PropertyPlan:
        """Return how a property of an event is read."""
        return self._value(name, model, ("events", event, "properties", name), is_trait=False)

    def trait(self, name: str, model: PropertyModel) -> PropertyPlan:
        """Return how a trait is read; one whose field or expression is named stands in any row."""
        return self._value(name, model, ("traits", name), is_trait=True)

    def consent(self, at: int, model: ConsentModel) -> ConsentPlan:
        """Return how a grant or withdrawal is read."""
        given = self._value(
            "given", PropertyModel(type=Kind.BOOLEAN, field=model.given), ("consent", at), is_trait=True
        )
        if model.topic.is_ is not None:
            return ConsentPlan(topic=model.topic.is_, topic_from=None, given=given)
        field = (model.topic.field or [""])[0]
        topic = self._value("topic", PropertyModel(type=Kind.TEXT, field=field), ("consent", at), is_trait=True)
        return ConsentPlan(topic=None, topic_from=topic, given=given)

    def _value(self, name: str, model: PropertyModel, path: _Path, *, is_trait: bool) -> PropertyPlan:
        if model.is_ is not None and model.field is not None:
            self.problem(
                "field-and-is", f"'{name}' has both `field` and `is`; one of them says where it comes from", path
            )
        if model.values and model.type not in TEXT_KINDS:
            self.problem("values-of-kind", f"`values` are for texts, '{name}' is {model.type}", (*path, "values"))
        coerce = coercer_of(model.type, tuple(model.values), self.read_time)
        default: object = None
        if model.default is not None:
            try:
                default = coerce(model.default)
            except (ValueError, RefusalError) as error:
                found = f"the default of '{name}' is {model.default!r}, expected {error}"
                self.problem("bad-default", found, (*path, "default"))
        key = model.field or name
        read = self.expression(model.is_, (*path, "is")) if model.is_ is not None else None
        if read is None and (self._flat or "." in key):
            nested = (key, f"properties.{key}") if not self._flat and not is_trait else (key,)
            read = field_reader(nested, flat=self._flat)
        return PropertyPlan(
            name=name,
            key=key,
            coerce=coerce,
            read=read,
            computed=model.is_ is not None,
            default=default,
            reserved=(model.field is None or not is_trait) and key in self._reserved,
            empty_is_absent=self._flat or model.type is not Kind.TEXT,
            anywhere=is_trait and (model.field is not None or model.is_ is not None),
        )


def _paths(field: str | Sequence[str] | None) -> tuple[str, ...]:
    if field is None:
        return ()
    return (field,) if isinstance(field, str) else tuple(field)
