"""How rule files and definitions.yaml are written. One model feeds parser, JSON Schema and reference page."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, Tag

from relight.rules.field_kinds import (
    CapField,
    ConditionField,
    DateField,
    ElapsedField,
    LooseText,
    NameField,
    PatternField,
    ShareField,
    SpanField,
    TemplateField,
    one_or_list,
)
from relight.rules.file_model import MAPPING, SCALAR, FileModel, by_key, by_shape
from relight.rules.step_models import StepModel
from relight.rules.trigger_models import TriggerModel

#: Most steps of one rule, those of branches included.
STEPS_MAX = 200


class GoalModel(FileModel):
    """What the rule is for."""

    noun: ClassVar[str] = "a goal"
    event: PatternField = Field(description="The event; reaching it ends the entry.")
    attribution: ElapsedField | None = Field(
        default=None, description="How long after the start it counts; left out: for ever."
    )


class ReentryAfter(FileModel):
    """Again, but not before a time has passed."""

    noun: ClassVar[str] = "a re-entry"
    after: SpanField = Field(description="Counted from the last entry.")


class ReentryPer(FileModel):
    """Once for each value of a property of the triggering event."""

    noun: ClassVar[str] = "a re-entry"
    per: NameField = Field(description="The property: `order_id`.")


Reentry = Annotated[
    Annotated[Literal["once", "every"], Tag(SCALAR)]
    | Annotated[
        Annotated[ReentryAfter, Tag("<after>")] | Annotated[ReentryPer, Tag("<per>")],
        by_key("after", "per"),
        Tag(MAPPING),
    ],
    by_shape(),
]


class WhenCapped(FileModel):
    """Wait for room."""

    noun: ClassVar[str] = "when_capped"
    wait: ElapsedField = Field(description="How long at most.")


class BackfillModel(FileModel):
    """Takes in those who match already."""

    noun: ClassVar[str] = "a backfill"
    ramp: ElapsedField = Field(description="The time over which they are spread.")


class RuleModel(FileModel):
    """One rule: who, when, what, and what keeps it back. The file's name is its id."""

    noun: ClassVar[str] = "a rule"
    one_of: ClassVar[tuple[str, ...]] = ("steps", "send")
    trigger: TriggerModel = Field(description="What starts it.")
    audience: ConditionField | None = Field(
        default=None, description="Whom it is for, judged after the triggering event; everybody if left out."
    )
    steps: list[StepModel] | None = Field(
        default=None, min_length=1, max_length=STEPS_MAX, description="What happens, in order."
    )
    send: TemplateField | None = Field(default=None, description="Short form of `steps` with one send.")
    exit: (
        Annotated[
            list[ConditionField],
            BeforeValidator(one_or_list, json_schema_input_type=ConditionField | list[ConditionField]),
            Field(min_length=1),
        ]
        | None
    ) = Field(default=None, description="An event, `E where …`, a condition, or a list of them: leave at once.")
    exit_on_activity: bool = Field(
        default=True, description="Inactive rules: activity after the deadline keeps the first message back."
    )
    goal: GoalModel | None = Field(default=None, description="What it is for; reaching it also ends the entry.")
    reentry: Reentry | None = Field(
        default=None,
        description="`once`, `every`, `{after: 60 days}` or `{per: order_id}`. Left out: once for event triggers, "
        "else once for each silence, milestone, request, date or change.",
    )
    group: NameField | None = Field(
        default=None, description="Rules of one group never hold the same customer at once."
    )
    class_: Literal["marketing", "transactional", "internal"] = Field(
        default="marketing", alias="class", description="Which gates a message passes."
    )
    topic: NameField | None = Field(
        default=None, description="The consent it needs; left out: the topic of its class in config."
    )
    priority: int = Field(default=50, ge=0, le=1000, description="Higher first.")
    expires: ElapsedField | None = Field(
        default=None, description="How long a deferred message stays worth sending; 3 days if left out."
    )
    grace: ElapsedField | None = Field(
        default=None, description="How late a missed deadline may still fire; 24 hours if left out."
    )
    settle: ElapsedField | None = Field(
        default=None, description="Extra time for late events before a deadline is judged; none if left out."
    )
    when_capped: Annotated[
        Annotated[Literal["skip"], Tag(SCALAR)] | Annotated[WhenCapped, Tag(MAPPING)], by_shape()
    ] = Field(default="skip", description="`skip`, or `{wait: 2 days}`: the first allowed minute with room.")
    account_cap: CapField | None = Field(
        default=None,
        description="At most so many messages of this rule to the other people of an account: `1 per 30 days` sends to"
        " one of them.",
    )
    holdout: ShareField | None = Field(default=None, description="The share kept without messages; left out: config's.")
    backfill: BackfillModel | None = Field(
        default=None, description="Also take those who match already; none if left out."
    )
    paused: bool = Field(default=False, description="Nothing starts and nothing is sent.")
    starts: DateField | None = Field(default=None, description="From when on it counts, in the project's zone.")
    ends: DateField | None = Field(default=None, description="Until when it counts, the day included.")
    owner: LooseText | None = Field(default=None, description="Who answers for it.")
    name: LooseText | None = Field(default=None, description="What people call it.")
    notes: LooseText | None = Field(default=None, description="Why it is as it is.")


class DefinitionsModel(FileModel):
    """Names the team shares, for all rules and templates."""

    noun: ClassVar[str] = "definitions"
    values: dict[NameField, ConditionField] = Field(
        default_factory=dict, description="Expressions by name: `spent: sum(order_placed.total)`."
    )
    segments: dict[NameField, ConditionField] = Field(
        default_factory=dict, description="Conditions by name: `vip: spent >= 10000`."
    )
    lists: dict[NameField, list[LooseText]] = Field(
        default_factory=dict, description="Lists of texts by name, for `missing(…)` and `in`."
    )
