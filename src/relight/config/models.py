"""How config/default.yaml is written. Meaning is in settings.py and policy.py."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from relight.config.adapter_models import DeliveryModel, EngineModel, KafkaModel, StoreModel, WebModel
from relight.config.secret import Secret
from relight.config.titles import TitleField, titles_of
from relight.rules.field_kinds import (
    BudgetField,
    CapField,
    ClockField,
    ConditionField,
    CurrencyField,
    ElapsedField,
    EmailField,
    LocaleField,
    LooseText,
    MersisField,
    NameField,
    ShareField,
    ZoneField,
    refusal,
)
from relight.rules.file_model import FileModel

#: Most caps of one class.
CAPS_MAX = 20


class ProjectModel(FileModel):
    """What the project is called, and what holds where a customer says nothing."""

    noun: ClassVar[str] = "the project"
    name: LooseText = Field(description="Its name; part of every occurrence key, so renaming it sends again.")
    zone: ZoneField = Field(description="Time zone of customers without one.")
    locale: LocaleField = Field(description="Language of customers without one.")
    currency: CurrencyField = Field(description="Currency of sums that name none.")


class SenderModel(FileModel):
    """Whom mails come from."""

    noun: ClassVar[str] = "the sender"
    name: LooseText = Field(description="Name that the mail program shows.")
    address: EmailField = Field(description="Address in From.")
    reply_to: EmailField | None = Field(default=None, description="Address that answers go to; left out: the sender's.")
    postal_address: LooseText = Field(
        min_length=1, description="Postal address in every marketing mail, as the law asks."
    )
    title: LooseText | None = Field(
        default=None, description="Registered trade name, which mails to Turkey must show beside the MERSİS number."
    )
    mersis: MersisField | None = Field(default=None, description="MERSİS number: 16 digits, in quotes.")
    phone: LooseText | None = Field(
        default=None, description="Where to reach you besides; left out, mails show the address that answers go to."
    )


class TopicModel(FileModel):
    """What somebody may want to hear of."""

    noun: ClassVar[str] = "a topic"
    default: Literal["opted_out", "opted_in"] = Field(description="What holds for somebody who said nothing.")
    title: TitleField | None = Field(
        default=None,
        description="What the preference page calls it: a text, or one a language `{en: News, tr: Haberler}`.",
    )

    def titles(self, name: str) -> dict[str, str]:
        """Return language -> what the pages call the topic of this name; "" for every language that is not there."""
        return titles_of(self.title) or {"": name.replace("_", " ")}


class ClassModel(FileModel):
    """What holds for all rules of a class."""

    noun: ClassVar[str] = "a class"
    topic: NameField | None = Field(default=None, description="The consent its rules need where they name none.")
    caps: list[CapField] = Field(
        default_factory=list,
        max_length=CAPS_MAX,
        description="At most so many messages a customer: `[1 per day, 3 per 7 days]`.",
    )
    account_caps: list[CapField] = Field(
        default_factory=list, max_length=CAPS_MAX, description="The same for all people of one account."
    )


class ClassesModel(FileModel):
    """What holds for all rules of each class."""

    noun: ClassVar[str] = "the classes"
    marketing: ClassModel = Field(default_factory=ClassModel, description="Messages that need consent.")
    transactional: ClassModel = Field(default_factory=ClassModel, description="Messages that answer what somebody did.")
    internal: ClassModel = Field(default_factory=ClassModel, description="Messages to the team.")


class QuietHoursModel(FileModel):
    """Local times in which no marketing leaves."""

    noun: ClassVar[str] = "quiet hours"
    from_: ClockField = Field(alias="from", description="Where they begin.")
    to: ClockField = Field(description="Where they end, on the next day if earlier.")


class HoldoutModel(FileModel):
    """The share of people kept without messages, to see what messages change."""

    noun: ClassVar[str] = "the holdout"
    share: ShareField = Field(description="0% to 100%; nothing is implied.")
    salt: LooseText = Field(description="Changes who is held out; leave it alone while you measure.")
    by: Literal["customer", "account"] = Field(
        default="customer",
        description="Who is drawn: each person, or `account`: the people of one account are all held out, or none.",
    )


class SunsetModel(FileModel):
    """When marketing gives up."""

    noun: ClassVar[str] = "the sunset"
    after: ElapsedField = Field(description="Time without any sign of life.")


class VolumeModel(FileModel):
    """What the volume guard lets through; beyond it, it makes the event `volume_guard` that a rule can alert by."""

    noun: ClassVar[str] = "the volume guard"
    per_hour: int = Field(
        ge=1, description="Most messages an hour; beyond it sending stops until an operator releases it."
    )


class BrakeModel(FileModel):
    """Shares of a class's mails, of 7 days, at which to warn and to stop."""

    noun: ClassVar[str] = "a brake"
    warn: ShareField = Field(description="From this share on the log, `relight doctor` and an event say so.")
    stop: ShareField = Field(description="From this share on the class is paused until `relight release`.")

    @field_validator("stop")
    @classmethod
    def _stops_after_its_warning(cls, stop: Decimal, info: ValidationInfo) -> Decimal:
        if stop < info.data.get("warn", stop):
            raise refusal("a share above 'warn'", "a warning comes before the stop, or with it")
        return stop


class BrakesModel(FileModel):
    """The sending brake; written down, even empty, it makes the event `sending_brake` that a rule can alert by."""

    noun: ClassVar[str] = "the sending brake"
    complaints: BrakeModel | None = Field(default=None, description="Complaints; 0.1% and 0.3% if left out.")
    hard_bounces: BrakeModel | None = Field(
        default=None, description="Addresses that do not exist; 2% and 5% if left out."
    )


class SurveyModel(FileModel):
    """A survey of one question."""

    noun: ClassVar[str] = "a survey"
    scale: Annotated[str, Field(pattern=r"^\d{1,2}-\d{1,2}$")] = Field(description="Lowest and highest score: `0-10`.")
    satisfied: int | None = Field(default=None, description="The lowest score that counts as satisfied.")


class AccountsModel(FileModel):
    """How people belong to accounts."""

    noun: ClassVar[str] = "the accounts"
    key: NameField | None = Field(default=None, description="The field or trait that names the account.")
    manager: NameField | None = Field(default=None, description="The trait that names who looks after it.")


class BudgetModel(FileModel):
    """What `plan` refuses beyond."""

    noun: ClassVar[str] = "the budget"
    per_customer: BudgetField | None = Field(default=None, description="Most messages a customer: `4 in 30 days`.")
    per_hour: int | None = Field(default=None, ge=1, description="Most messages an hour.")


class PlanModel(FileModel):
    """What `plan` looks at, and what puts an edit in force."""

    noun: ClassVar[str] = "the plan settings"
    budget: BudgetModel | None = Field(default=None, description="What `plan` refuses beyond.")
    needs_apply: bool = Field(
        default=False,
        description="`true`: `relight run` goes on with the version in force, and only `relight apply` puts an edited "
        "folder in force. `false`: a start of `relight run` does, and says what changed.",
    )


class ConfigModel(FileModel):
    """What holds for the whole project."""

    noun: ClassVar[str] = "the config"
    project: ProjectModel = Field(
        description="What the project is called, and what holds where a customer says nothing."
    )
    sender: SenderModel = Field(description="Whom mails come from.")
    topics: dict[NameField, TopicModel] = Field(default_factory=dict, description="What somebody may want to hear of.")
    classes: ClassesModel = Field(default_factory=ClassesModel, description="What holds for all rules of a class.")
    quiet_hours: QuietHoursModel | None = Field(
        default=None, description="Local times in which no marketing leaves; none if left out."
    )
    sensitive: ConditionField | None = Field(default=None, description="Where it holds, marketing is kept back.")
    holdout: HoldoutModel | None = Field(default=None, description="The share of people kept without messages.")
    sunset: SunsetModel | None = Field(default=None, description="When marketing gives up.")
    store: StoreModel | None = Field(default=None, description="Where state is kept.")
    delivery: DeliveryModel | None = Field(default=None, description="How mails leave.")
    brakes: BrakesModel | None = Field(
        default=None, description="Complaints and bounces at which a class of mails is paused."
    )
    volume: VolumeModel | None = Field(default=None, description="What the volume guard lets through.")
    web: WebModel | None = Field(default=None, description="The pages and links.")
    catch_up: ElapsedField | None = Field(
        default=None, description="Time after a start in which late senders deliver; 5 minutes if left out."
    )
    arbitration: ElapsedField | None = Field(
        default=None, description="How long marketing is held so that a better message can overtake it; 0 if left out."
    )
    engine: EngineModel = Field(default_factory=EngineModel, description="What the engine may use.")
    kafka: KafkaModel | None = Field(default=None, description="The cluster, for `--engine kafka`.")
    webhooks: dict[NameField, Secret] = Field(default_factory=dict, description="Addresses for webhook steps by name.")
    alerts: dict[NameField, EmailField] = Field(default_factory=dict, description="Addresses for alert steps by name.")
    codes: dict[NameField, str] = Field(
        default_factory=dict, description="Files of codes by the name of their pool: CSV, one code a row."
    )
    codes_low: int | None = Field(
        default=None, ge=1, description="A pool with so many codes left runs low, which is told once; 100 if left out."
    )
    surveys: dict[NameField, SurveyModel] = Field(
        default_factory=dict,
        description='Surveys by name: `csat` gives templates `survey("csat")` and makes the event `csat_answered`.',
    )
    accounts: AccountsModel | None = Field(default=None, description="How people belong to accounts.")
    plan: PlanModel | None = Field(default=None, description="What `plan` looks at.")
