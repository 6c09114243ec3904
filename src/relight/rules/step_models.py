"""How steps are written in a rule file: one model for each kind, chosen by its key. Meaning is in steps.py."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, Tag

from relight.base.durations import Span
from relight.rules.field_kinds import (
    ClockField,
    ConditionField,
    LooseText,
    NameField,
    PatternField,
    ShareField,
    SpanField,
    TemplateField,
    WindowField,
)
from relight.rules.file_model import LIST, MAPPING, SCALAR, FileModel, by_key, by_shape

_ID = "A name of its own: editing the steps around it then moves nobody. Left out: made from kind and position."


class SendStep(FileModel):
    """Sends one message."""

    noun: ClassVar[str] = "a send step"
    send: TemplateField = Field(description="The template: a folder in templates/.")
    id: NameField | None = Field(default=None, description=_ID)
    channel: Literal["email"] = Field(default="email", description="How it leaves.")
    at: ClockField | None = Field(default=None, description="The local time of day at which it may leave.")
    send_window: WindowField | None = Field(
        default=None,
        description="Local times in which it may leave: `weekdays 09:00-18:00`, `mon, wed 10:00-12:00`.",
    )
    unless: ConditionField | None = Field(default=None, description="Skips this message where it holds.")
    sender: NameField | None = Field(
        default=None, description="A trait that names the person it comes from: `manager`."
    )
    code: NameField | None = Field(default=None, description="The pool of codes that `{{ code }}` draws from.")


class UntilModel(FileModel):
    """Until when a wait lasts."""

    noun: ClassVar[str] = "a wait"
    until: LooseText = Field(
        description="A local time (`next monday 09:00`, `09:00`), a time inside a window (`weekdays 09:00-18:00`; "
        "inside it at once), or an expression: `trial_ends_at - 3 days`."
    )


class WaitStep(FileModel):
    """Waits for a length of time, or until a time."""

    noun: ClassVar[str] = "a wait step"
    wait: Annotated[Annotated[SpanField, Tag(SCALAR)] | Annotated[UntilModel, Tag(MAPPING)], by_shape()] = Field(
        description="A length of time, or `{until: …}`."
    )
    id: NameField | None = Field(default=None, description=_ID)


class WaitForStep(FileModel):
    """Waits for an event, or for time to run out."""

    noun: ClassVar[str] = "a wait_for step"
    wait_for: PatternField = Field(description="The event, with a filter where needed.")
    up_to: SpanField = Field(description="How long at most.")
    then: Outcome | None = Field(default=None, description="On a match: `stop` or steps; left out: go on.")
    else_: Outcome | None = Field(
        default=None, alias="else", description="When time runs out: `stop` or steps; left out: go on."
    )
    id: NameField | None = Field(default=None, description=_ID)


class WhenArm(FileModel):
    """An arm of a branch with its condition."""

    noun: ClassVar[str] = "an arm of a branch"
    when: ConditionField = Field(description="The first arm whose condition holds is taken.")
    steps: list[StepModel] = Field(description="The steps of this arm.")


class ElseArm(FileModel):
    """The arm that is taken where no other is."""

    noun: ClassVar[str] = "the last arm of a branch"
    else_: list[StepModel] = Field(alias="else", description="The steps where no condition holds.")


class BranchStep(FileModel):
    """Goes the way of the first arm that fits."""

    noun: ClassVar[str] = "a branch step"
    branch: list[ArmModel] = Field(min_length=1, max_length=50, description="The arms, in order.")
    id: NameField | None = Field(default=None, description=_ID)


class SplitStep(FileModel):
    """Divides people by chance, each for ever the same way.

    `steps_a` are the steps of arm a, and `arm` says later which way it was.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, list[StepModel]]
    noun: ClassVar[str] = "a split step"
    split: dict[NameField, ShareField] = Field(
        min_length=2, max_length=20, description="Share of each arm: `{a: 50%, b: 50%}`."
    )
    id: NameField | None = Field(default=None, description=_ID)


class SetModel(FileModel):
    """Which trait becomes what."""

    noun: ClassVar[str] = "a set step"
    trait: NameField = Field(description="The trait.")
    to: Any = Field(description="Its new value.")


class SetStep(FileModel):
    """Sets a trait, as of the instant at which the step is reached."""

    noun: ClassVar[str] = "a set step"
    set: SetModel = Field(description="Which trait becomes what.")
    id: NameField | None = Field(default=None, description=_ID)


class WebhookStep(FileModel):
    """Calls a web address of config's `webhooks`; it passes the same gate as a mail."""

    noun: ClassVar[str] = "a webhook step"
    webhook: TemplateField = Field(
        description="Address by name, and template of the body: `slack/key_account` is "
        "templates/slack/key_account/body.json, sent to `webhooks: {slack: …}`."
    )
    id: NameField | None = Field(default=None, description=_ID)


class AlertModel(FileModel):
    """Which team is told what."""

    noun: ClassVar[str] = "an alert"
    to: NameField = Field(description="A name of config's `alerts`.")
    template: TemplateField = Field(description="The template: a folder in templates/.")


class AlertStep(FileModel):
    """Mails the team at once, past every check that protects customers."""

    noun: ClassVar[str] = "an alert step"
    alert: AlertModel = Field(description="Which team is told what.")
    id: NameField | None = Field(default=None, description=_ID)


class StopStep(FileModel):
    """Ends the entry."""

    noun: ClassVar[str] = "a stop step"
    stop: Literal[True] = Field(description="`- stop` is the short form.")
    id: NameField | None = Field(default=None, description=_ID)


#: The key that says which kind a step has; the first that is present decides.
STEP_KEYS = ("send", "wait", "wait_for", "branch", "split", "set", "webhook", "alert", "stop")

StepModel = Annotated[
    Annotated[Literal["stop"], Tag(SCALAR)]
    | Annotated[SendStep, Tag("<send>")]
    | Annotated[WaitStep, Tag("<wait>")]
    | Annotated[WaitForStep, Tag("<wait_for>")]
    | Annotated[BranchStep, Tag("<branch>")]
    | Annotated[SplitStep, Tag("<split>")]
    | Annotated[SetStep, Tag("<set>")]
    | Annotated[WebhookStep, Tag("<webhook>")]
    | Annotated[AlertStep, Tag("<alert>")]
    | Annotated[StopStep, Tag("<stop>")],
    by_key(*STEP_KEYS),
]
ArmModel = Annotated[Annotated[WhenArm, Tag("<when>")] | Annotated[ElseArm, Tag("<else>")], by_key("when", "else")]
Outcome = Annotated[
    Annotated[Literal["stop"], Tag(SCALAR)] | Annotated[list[StepModel], Tag(LIST)],
    by_shape(),
]

#: A wait as it is compiled: a length of time or `{until: …}`.
WaitValue = Span | UntilModel
