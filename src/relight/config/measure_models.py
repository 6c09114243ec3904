"""How config/measures.yaml is written: what measures are computed from, their targets, and boards that show them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, Tag

from relight.config.measure_kinds import PeriodName
from relight.config.titles import TitleField
from relight.rules.field_kinds import ElapsedField, LooseText, NameField, Names, PatternField, ShareField
from relight.rules.file_model import LIST, MAPPING, SCALAR, FileModel, by_shape


class SourcesModel(FileModel):
    """What measures are computed from: which event is an order, a sign-up, a farewell."""

    noun: ClassVar[str] = "the sources"
    order: PatternField | None = Field(default=None, description="The event that is an order.")
    revenue: LooseText | None = Field(default=None, description="What an order brought: `order_placed.total`.")
    product: LooseText | None = Field(
        default=None, description="What was bought, for `--by product`: `order_placed.product`."
    )
    occasion: Literal["order", "day"] = Field(
        default="order", description="What counts as one purchase: each order, or all orders of one local day together."
    )
    signup: PatternField | None = Field(
        default=None, description="The event that makes a customer; the first activity if left out."
    )
    left: PatternField | None = Field(default=None, description="The event by which a customer leaves.")
    lapsed_after: ElapsedField | None = Field(
        default=None, description="Time without activity after which a customer counts as lost."
    )
    activity: Names | None = Field(
        default=None, description="Events that count as activity; those of the streams' `activity` if left out."
    )
    subscription: LooseText | None = Field(
        default=None, description="The recurring amount, from the event that begins or changes it: `subscribed.price`."
    )
    cancelled: PatternField | None = Field(
        default=None, description="The event that ends a subscription; `left` if left out."
    )
    billed: LooseText | None = Field(
        default=None,
        description="What says how often that amount is due: `subscribed.period`, with `monthly`, `quarterly` or"
        " `yearly` in it; monthly if left out.",
    )
    cost: LooseText | None = Field(
        default=None, description="What winning customers cost: `campaign_paid.amount`; the event may be global."
    )
    margin: ShareField | None = Field(
        default=None, description="The share of revenue that is profit; lifetime value is on revenue if left out."
    )
    nps: LooseText | None = Field(default=None, description="The answer to the NPS question: `nps_answered.score`.")
    csat: LooseText | None = Field(default=None, description="The answer to the CSAT question.")
    ces: LooseText | None = Field(default=None, description="The answer to the CES question.")


class EffortModel(FileModel):
    """A way that takes customers time: from one event to another."""

    noun: ClassVar[str] = "an effort"
    from_: PatternField = Field(alias="from", description="Where it begins.")
    to: PatternField = Field(description="Where it ends: the first such event after the beginning.")
    title: TitleField | None = Field(
        default=None, description="What pages call it: a text, or one a language `{en: First board, tr: İlk pano}`."
    )
    by: NameField | None = Field(
        default=None, description="The property that both events share: `ticket_id`; the customer alone if left out."
    )


class FunnelStepModel(FileModel):
    """A step of a funnel."""

    noun: ClassVar[str] = "a step of a funnel"
    event: PatternField = Field(description="The event that takes it.")
    sum: NameField | None = Field(default=None, description="A property of it that is added up as well.")
    within: ElapsedField | None = Field(
        default=None, description="How long after the first step it still counts; for ever if left out."
    )


class FunnelModel(FileModel):
    """Steps that people take one after another; each counts the people who took all before it."""

    noun: ClassVar[str] = "a funnel"
    steps: list[
        Annotated[
            Annotated[PatternField, Tag(SCALAR)] | Annotated[FunnelStepModel, Tag(MAPPING)],
            by_shape(),
        ]
    ] = Field(min_length=1, description="The events in order, or mappings with `event` and `within`.")
    title: TitleField | None = Field(
        default=None, description="What pages call it: a text, or one a language `{en: Trial, tr: Deneme}`."
    )
    anchor: Literal["first", "last", "any"] = Field(
        default="first",
        description="Which of somebody's events of the first step the later ones follow and are measured from; with"
        " `any` the order of the steps says nothing.",
    )


class TargetModel(FileModel):
    """What a measure should reach, or a thing that should be done."""

    noun: ClassVar[str] = "a target"
    one_of: ClassVar[tuple[str, ...]] = ("below", "at_least", "done")
    below: LooseText | None = Field(default=None, description="The value it must stay below: `3%`.")
    at_least: LooseText | None = Field(default=None, description="The value it must reach: `40` or `10000 TRY`.")
    done: bool | None = Field(default=None, description="For what is no measure: whether it is done.")
    from_: LooseText | None = Field(
        default=None, alias="from", description="Where the way began, for the bar; 0 if left out."
    )
    per: PeriodName | None = Field(default=None, description="The period it is for; the file's if left out.")
    title: TitleField | None = Field(
        default=None, description="What pages call what is no measure: a text, or one a language."
    )
    owner: LooseText | None = Field(default=None, description="Who answers for it.")


class BoardItemModel(FileModel):
    """Something on a board that is more than the value of a measure."""

    noun: ClassVar[str] = "an item of a board"
    one_of: ClassVar[tuple[str, ...]] = ("cohorts", "chart", "target", "funnel", "rule")
    cohorts: Literal["daily", "weekly", "monthly"] | None = Field(
        default=None, description="The table of cohorts by this width."
    )
    chart: NameField | None = Field(default=None, description="A measure over time.")
    target: NameField | None = Field(default=None, description="A target with its bar.")
    funnel: NameField | None = Field(default=None, description="A funnel.")
    rule: NameField | None = Field(default=None, description="The effect of a rule.")


BoardItems = list[
    Annotated[
        Annotated[NameField, Tag(SCALAR)] | Annotated[BoardItemModel, Tag(MAPPING)],
        by_shape(),
    ]
]


class BoardModel(FileModel):
    """A board with a title of its own."""

    noun: ClassVar[str] = "a board"
    title: TitleField = Field(description="What pages call it: a text, or one a language `{en: Trial, tr: Deneme}`.")
    shows: BoardItems = Field(description="What it shows, in order.")


class MeasuresModel(FileModel):
    """Measures, targets and boards."""

    noun: ClassVar[str] = "the measures"
    sources: SourcesModel = Field(default_factory=SourcesModel, description="What measures are computed from.")
    period: PeriodName = Field(default="month", description="The period that measures are given for.")
    lifetime: Literal["observed", "churn"] | None = Field(
        default=None,
        description="How the average lifetime is found: from how long customers stayed, or as 1 / churn; `observed`"
        " where there is a `subscription`, else `churn`.",
    )
    efforts: dict[NameField, EffortModel] = Field(
        default_factory=dict, description="Ways that take customers time, measured."
    )
    funnels: dict[NameField, FunnelModel] = Field(default_factory=dict, description="Steps people take in order.")
    targets: dict[NameField, TargetModel] = Field(default_factory=dict, description="What each measure should reach.")
    boards: dict[
        NameField,
        Annotated[Annotated[BoardItems, Tag(LIST)] | Annotated[BoardModel, Tag(MAPPING)], by_shape()],
    ] = Field(default_factory=dict, description="Pages by name, with what they show: a list, or `title` and `shows`.")
