"""The field model of one file of `streams/`: what a team may write, with the sentence an editor shows for each field.

It knows shapes only; whether names, units and expressions make sense is decided by relight.streams.declaration.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from relight.base.kinds import Kind


class FileModel(BaseModel):
    """A mapping of a stream file: unknown keys are refused, by the names the file uses."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, defer_build=True
    )


def _schema_with_short(schema: CoreSchema, handler: GetJsonSchemaHandler, short: dict[str, Any]) -> JsonSchemaValue:
    """Return the JSON Schema of a mapping that may also be written as one scalar or list."""
    full = handler.resolve_ref_schema(handler(schema))
    return {"anyOf": [short, full], "description": full.get("description", "")}


class SourceModel(FileModel):
    """Where records come from: exactly one of `file`, `kafka`, `http`, `stdin`."""

    file: list[str] | None = Field(
        default=None,
        description="A file of the project folder, a pattern such as `data/*.ndjson.gz`, or a list of them.",
    )
    kafka: str | None = Field(default=None, description="A Kafka topic.")
    http: str | None = Field(default=None, description="Name under which HTTP requests are taken.")
    stdin: Literal[True] | None = Field(default=None, description="`true`: records come on standard input.")
    format: Literal["ndjson", "csv", "fixed"] | None = Field(
        default=None, description="`ndjson` (default): one JSON object a line; `csv`; `fixed`: columns of fixed width."
    )
    widths: dict[str, int] | None = Field(
        default=None, description="For `fixed`: the columns in their order, each with its width in characters."
    )
    header: bool | list[str] | None = Field(
        default=None,
        description="Whether the first line names the columns (default: csv yes, fixed no), or the names.",
    )
    delimiter: str | None = Field(
        default=None, min_length=1, max_length=1, description="For `csv`: what stands between two cells; default `,`."
    )
    horizon: str | None = Field(
        default=None,
        description="Where time ends for a finished file, inclusive: a day or a time. Default: its last event.",
    )
    follow: bool = Field(default=False, description="`true`: the file grows; new lines are read as they are written.")

    @field_validator("file", mode="before", json_schema_input_type=str | list[str])
    @classmethod
    def _one_file(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("horizon", mode="before")
    @classmethod
    def _horizon_text(cls, value: object) -> object:
        return value.isoformat() if isinstance(value, dt.date | dt.datetime) else value

    @model_validator(mode="after")
    def _one_source(self) -> SourceModel:
        given = [key for key in ("file", "kafka", "http", "stdin") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "none"
            raise ValueError(f"needs exactly one of file, kafka, http, stdin; found {found}")
        return self


class TimeModel(FileModel):
    """Which field says when it happened."""

    field: str = Field(description="Name of the field, dotted where it is nested.")
    zone: str | None = Field(
        default=None,
        description="Time zone of times that name none, such as `Europe/Istanbul`. Without it they are refused.",
    )
    format: str | None = Field(
        default=None,
        description="Where it is not ISO 8601 or unix: a strptime format such as `%m/%d/%Y`, or `unix`, `unix_ms`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"field": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of the mapping or of a bare field name."""
        return _schema_with_short(schema, handler, {"type": "string", "description": "Name of the field."})


class FieldModel(FileModel):
    """A field, the first present of several fields, or something fixed or computed (`is`)."""

    field: list[str] | None = Field(
        default=None,
        min_length=1,
        description="The field, or several: the first present counts.",
        json_schema_extra={"type": ["string", "array"]},
    )
    is_: str | None = Field(
        default=None, alias="is", description="A fixed text (name, topic), or an expression over the row."
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str):
            return {"field": [value]}
        if isinstance(value, list):
            return {"field": value}
        if isinstance(value, dict) and isinstance(value.get("field"), str):
            return {**value, "field": [value["field"]]}
        return value

    @model_validator(mode="after")
    def _one(self) -> FieldModel:
        if (self.field is None) == (self.is_ is None):
            raise ValueError("needs exactly one of field, is")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of the mapping, of a bare field name or of a list of them."""
        names = {
            "type": ["string", "array"],
            "items": {"type": "string"},
            "description": "Name of the field, or several.",
        }
        return _schema_with_short(schema, handler, names)


class PropertyModel(FileModel):
    """Type of one property or trait, and where its value stands."""

    type: Kind = Field(description="What its values are.")
    values: list[str] = Field(default_factory=list, description="The values a text may have; left out: any.")
    field: str | None = Field(default=None, description="The field that holds it, where it is called otherwise.")
    unit: str | None = Field(default=None, description="Currency of money (ISO 4217) or unit of a number, for people.")
    default: str | int | float | bool | None = Field(default=None, description="The value where a row has none.")
    is_: str | None = Field(default=None, alias="is", description="An expression over the row: `quantity * price`.")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of the mapping or of a bare type."""
        return _schema_with_short(schema, handler, {"enum": [str(kind) for kind in Kind], "description": "Its type."})


class EventModel(FileModel):
    """One event that may happen."""

    called: str | None = Field(default=None, description="Its name on the wire, if another.")
    properties: dict[str, PropertyModel] = Field(
        default_factory=dict, description="What rules and templates may read of it."
    )
    activity: bool = Field(default=True, description="`false` keeps it from counting as usage.")
    is_global: bool = Field(
        default=False, alias="global", description="`true`: it concerns everybody, not one customer."
    )

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        return {} if value is None else value


class GroupModel(FileModel):
    """Several rows of a finished file that are one event: rows with equal `fields`."""

    fields: list[str] = Field(min_length=1, description="Rows that agree in these fields are one event.")
    sum: list[str] | dict[str, str] = Field(
        default_factory=list,
        description="Fields to add up; or new fields, each with an expression over a row to add up.",
    )
    first: list[str] = Field(
        default_factory=list, description="Fields of which the first row's value counts; all others too."
    )
    count: str | None = Field(default=None, description="A new field that holds the number of rows.")


class BrakeModel(FileModel):
    """When a stream stops because too many of its records cannot be read."""

    share: str | float = Field(
        default="5%", description="Share of unreadable records that stops the stream, such as `5%`."
    )
    of: int = Field(default=1000, ge=1, le=1_000_000, description="Among how many of the last records.")


class ConsentModel(FileModel):
    """Fields that grant or withdraw a topic."""

    topic: FieldModel = Field(description="The field that names the topic, or `{is: newsletter}`.")
    given: str = Field(description="The field that is true where it is granted, false where it is withdrawn.")


class StreamModel(FileModel):
    """One source of events: where it comes from, and how a record becomes an event."""

    source: SourceModel = Field(description="Where records come from.")
    format: Literal["ndjson", "csv", "fixed"] | None = Field(default=None, description="The same as `source.format`.")
    widths: dict[str, int] | None = Field(default=None, description="The same as `source.widths`.")
    rows: str | None = Field(
        default=None, description="A condition on the raw row; rows that do not meet it are no events."
    )
    id: FieldModel | None = Field(
        default=None,
        description="The field that identifies an event; `content`: a hash of the row. Left out: file name and row.",
    )
    time: TimeModel | None = Field(default=None, description="When it happened. Left out: when it arrived.")
    customer: FieldModel | None = Field(default=None, description="Whose event it is.")
    account: FieldModel | None = Field(
        default=None,
        description="The account the customer belongs to. Its zone is the trait `account_timezone`, if declared;"
        " Segment's `group` rows set it.",
    )
    name: FieldModel = Field(description="The field that names the event, or a fixed name: `{is: order_placed}`.")
    arrives: TimeModel | None = Field(
        default=None, description="When the record reached us, where a recorded file says so."
    )
    allowed_lateness: str = Field(
        default="72 hours", description="Older events count for what is known and trigger nothing."
    )
    group_by: GroupModel | None = Field(
        default=None, description="Only where several rows of a finished file are one event."
    )
    brake: BrakeModel = Field(default_factory=BrakeModel, description="When to stop because too much cannot be read.")
    traits: dict[str, PropertyModel] = Field(default_factory=dict, description="What is known of a customer.")
    events: dict[str, EventModel] = Field(default_factory=dict, description="What may happen.")
    consent: list[ConsentModel] = Field(default_factory=list, description="Fields that grant or withdraw a topic.")
    mapping: str | None = Field(
        default=None, alias="map", description="Python for what YAML cannot say: `shop.py:from_row` beside this file."
    )
    undeclared: Literal["count", "keep"] = Field(
        default="count", description="What happens with events not declared here."
    )

    @field_validator("consent", mode="before", json_schema_input_type=ConsentModel | list[ConsentModel])
    @classmethod
    def _one_consent(cls, value: object) -> object:
        return [value] if isinstance(value, dict) else value
