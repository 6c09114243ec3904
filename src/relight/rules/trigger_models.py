"""How triggers are written in a rule file: one model for each form, chosen by its key. Meaning is in triggers.py."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, PlainValidator, Tag, WithJsonSchema

from relight.rules.field_kinds import (
    ClockField,
    ConditionField,
    CronField,
    ElapsedField,
    NameField,
    Names,
    PatternField,
    ShareField,
    SpanField,
    one_or_list,
    refusal,
)
from relight.rules.file_model import FileModel, by_key

#: Most thresholds of one inactive rule, and most values of one milestone.
STAGES_MAX = 50


def _read_thresholds(value: Any) -> list[tuple[str | None, str]]:
    """Return (name, text) for each threshold, as written."""
    named: list[tuple[Any, Any]] = (
        list(value.items()) if isinstance(value, dict) else [(None, one) for one in one_or_list(value)]
    )
    if not named or len(named) > STAGES_MAX:
        raise refusal(f"1 to {STAGES_MAX} thresholds", "write it as 30 days or [7 days, 30 days]")
    for _, text in named:
        if not isinstance(text, str):
            number = f"write {text} days" if isinstance(text, int) and not isinstance(text, bool) else ""
            raise refusal("a length of time, a list of them, or names with lengths", number or "write it as 30 days")
    return named


def _read_stage(value: Any) -> int | Decimal | str:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value:
        return value
    raise refusal("a number, or days for a streak", "write it as 10 or 7 days")


Thresholds = Annotated[
    list[tuple[str | None, str]],
    PlainValidator(_read_thresholds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": "string"}},
            ],
            "examples": ["30 days", ["7 days", "30 days"], {"help": "30 days"}],
        }
    ),
]
Stage = Annotated[
    int | Decimal | str,
    PlainValidator(_read_stage),
    WithJsonSchema({"type": ["number", "string"], "examples": [10, "7 days"]}),
]
Stages = Annotated[
    list[Stage],
    BeforeValidator(one_or_list, json_schema_input_type=Stage | list[Stage]),
    Field(min_length=1, max_length=STAGES_MAX),
]


class EventTriggerModel(FileModel):
    """Fires at the event."""

    noun: ClassVar[str] = "an event trigger"
    event: PatternField = Field(description="The event, with a filter where needed: `order_placed where total > 100`.")


class InactiveTriggerModel(FileModel):
    """Fires when nothing that counts as activity happened for a length of time, once a silence and threshold."""

    noun: ClassVar[str] = "an inactive trigger"
    inactive: Thresholds = Field(
        description="One length of time, a list, or names with lengths; or an expression such as "
        "`usual_interval(order_placed) * 1.5`. `threshold` says in conditions which one was reached."
    )
    activity: Names | None = Field(
        default=None, description="The events that count as activity; all but those with `activity: false` if left out."
    )
    include_never_active: bool = Field(
        default=False, description="Take in people without any activity: silent since first seen."
    )


class MilestoneModel(FileModel):
    """What is counted, and at which values it fires."""

    noun: ClassVar[str] = "a milestone"
    one_of: ClassVar[tuple[str, ...]] = ("count", "sum", "distinct", "streak", "value")
    count: PatternField | None = Field(default=None, description="The event that is counted.")
    sum: PatternField | None = Field(default=None, description="The property that is added up: `order_placed.total`.")
    distinct: PatternField | None = Field(default=None, description="The property whose different values are counted.")
    streak: PatternField | None = Field(default=None, description="The event that happens on days in a row.")
    value: ConditionField | None = Field(default=None, description="An expression, such as a shared value: `points`.")
    at: Stages = Field(description="The values, ascending: `[1, 10, 100]`; days for a streak: `[7 days]`.")


class MilestoneTriggerModel(FileModel):
    """Fires when a total first reaches a value, once for ever for each."""

    noun: ClassVar[str] = "a milestone trigger"
    milestone: MilestoneModel = Field(description="What is counted, and the values.")


class ReleasedModel(FileModel):
    """Who asked, what ships, and how the two belong together."""

    noun: ClassVar[str] = "a released trigger"
    asked: PatternField = Field(description="The customer's event that asks for something.")
    shipped: PatternField = Field(description="The global event that says it is there.")
    by: NameField = Field(description="The property that names the thing in both events.")
    unless: PatternField | None = Field(
        default=None,
        description="An event that makes it needless (`feature_used where feature == event.feature`), or a condition.",
    )


class ReleasedTriggerModel(FileModel):
    """Fires for each person who asked for what ships, once for each request and release."""

    noun: ClassVar[str] = "a released trigger"
    released: ReleasedModel = Field(description="Who asked, what ships, and how the two belong together.")


class GlobalTriggerModel(FileModel):
    """Fires for each person a global event affects."""

    noun: ClassVar[str] = "a global trigger"
    global_: PatternField = Field(alias="global", description="The global event.")
    affects: ConditionField | None = Field(
        default=None,
        description="Whom it concerns: `region == event.region and ever(api_called, 7 days)`; everybody if left out.",
    )


class DeclinedModel(FileModel):
    """What must have become rarer, compared with what."""

    noun: ClassVar[str] = "a declined trigger"
    of: PatternField = Field(description="The event.")
    window: ElapsedField = Field(description="The recent time that is looked at: `7 days`.")
    against: ElapsedField = Field(description="The time before it that gives the person's own mean: `8 weeks`.")
    by: ShareField = Field(description="The share of the mean that must be lost: `50%`.")


class DeclinedTriggerModel(FileModel):
    """Fires when the window falls below a share of the person's own mean, once until it recovers."""

    noun: ClassVar[str] = "a declined trigger"
    declined: DeclinedModel = Field(description="What must have become rarer, compared with what.")


class DateTriggerModel(FileModel):
    """Fires relative to a date or time trait, in the customer's local time."""

    noun: ClassVar[str] = "a date trigger"
    date: NameField = Field(description="The trait: `trial_ends_at`.")
    before: SpanField | None = Field(default=None, description="How long before it.")
    after: SpanField | None = Field(default=None, description="How long after it.")
    yearly: bool = Field(default=False, description="Every year again, as for a birthday.")
    at: ClockField | None = Field(default=None, description="Local time of day; left out: the trait's own time.")


class ScheduleTriggerModel(FileModel):
    """Fires by cron, in the customer's zone."""

    noun: ClassVar[str] = "a schedule trigger"
    schedule: CronField = Field(description="Minute, hour, day, month, weekday: `0 9 * * MON`.")


class EntersTriggerModel(FileModel):
    """Fires when a segment becomes true for a person."""

    noun: ClassVar[str] = "a segment trigger"
    enters: NameField = Field(description="The segment, from definitions.yaml.")


class LeavesTriggerModel(FileModel):
    """Fires when a segment becomes false for a person."""

    noun: ClassVar[str] = "a segment trigger"
    leaves: NameField = Field(description="The segment, from definitions.yaml.")


#: The key that says which form a trigger has; the first that is present decides.
TRIGGER_KEYS = (
    "event",
    "inactive",
    "milestone",
    "released",
    "global",
    "declined",
    "date",
    "schedule",
    "enters",
    "leaves",
)

TriggerModel = Annotated[
    Annotated[EventTriggerModel, Tag("<event>")]
    | Annotated[InactiveTriggerModel, Tag("<inactive>")]
    | Annotated[MilestoneTriggerModel, Tag("<milestone>")]
    | Annotated[ReleasedTriggerModel, Tag("<released>")]
    | Annotated[GlobalTriggerModel, Tag("<global>")]
    | Annotated[DeclinedTriggerModel, Tag("<declined>")]
    | Annotated[DateTriggerModel, Tag("<date>")]
    | Annotated[ScheduleTriggerModel, Tag("<schedule>")]
    | Annotated[EntersTriggerModel, Tag("<enters>")]
    | Annotated[LeavesTriggerModel, Tag("<leaves>")],
    by_key(*TRIGGER_KEYS),
]
