"""How rule tests (tests/rules/*.yaml) are written: events in, ledger rows out. Running them is not decided here."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from relight.rules.field_kinds import LooseText, one_or_list
from relight.rules.file_model import FileModel

#: Most times that one given event may happen.
TIMES_MAX = 1_000

_AT = "When: `3d`, `1d 12h`, `90m` from the start, or a time."
#: A list, or what stands alone for a list of one.
_Words = Annotated[list[LooseText], BeforeValidator(one_or_list, json_schema_input_type=LooseText | list[LooseText])]


class GivenCustomer(FileModel):
    """Somebody who exists at the start."""

    noun: ClassVar[str] = "a customer"
    email: LooseText | None = Field(default=None, description="Address.")
    timezone: LooseText | None = Field(default=None, description="Time zone.")
    locale: LooseText | None = Field(default=None, description="Language.")
    account: LooseText | None = Field(default=None, description="The account they belong to, where accounts are named.")
    traits: dict[str, Any] = Field(default_factory=dict, description="Other traits.")
    consent: list[LooseText] = Field(default_factory=list, description="Topics given.")


class GivenEvent(FileModel):
    """Something that happens."""

    noun: ClassVar[str] = "a given event"
    at: LooseText = Field(description=_AT)
    event: LooseText = Field(
        description="A declared event, `identify`, or `consent`, `unsubscribe`, `bounce`, `complaint`, `code`, "
        "`trait`, `measures`, `pause`, `resume`, `gap`, `plan`."
    )
    customer: LooseText | None = Field(default=None, description="To whom; left out: a global event.")
    properties: dict[str, Any] = Field(default_factory=dict, description="Its properties.")
    stream: LooseText | None = Field(default=None, description="The stream, where several declare the event.")
    id: LooseText | None = Field(default=None, description="Its id; the same id twice is a duplicate.")
    arrives: LooseText | None = Field(default=None, description="When it reaches us; left out: when it happens.")
    every: LooseText | None = Field(default=None, description="Again after each such length of time; with `times`.")
    times: int = Field(default=1, ge=1, le=TIMES_MAX, description="How often in all; with `every`.")


class ExpectedRow(FileModel):
    """One row of the ledger."""

    noun: ClassVar[str] = "an expected row"
    one_of: ClassVar[tuple[str, ...]] = ("sent", "suppressed", "deferred", "held_out", "ended")
    at: LooseText = Field(description=_AT)
    customer: LooseText = Field(description="Whose.")
    sent: LooseText | None = Field(default=None, description="The rule that sends.")
    suppressed: LooseText | None = Field(
        default=None, description="The rule whose message is kept back; with `reason`."
    )
    deferred: LooseText | None = Field(default=None, description="The rule whose message waits; with `until`.")
    held_out: LooseText | None = Field(default=None, description="The rule whose message is held out.")
    ended: LooseText | None = Field(default=None, description="The rule that the customer leaves; with `reason`.")
    reason: LooseText | None = Field(default=None, description="Why.")
    until: LooseText | None = Field(default=None, description="Until when it waits.")
    step: LooseText | None = Field(default=None, description="The step.")
    channel: LooseText | None = Field(default=None, description="The channel.")
    locale: LooseText | None = Field(default=None, description="Language of the mail.")
    subject: LooseText | None = Field(default=None, description="The whole subject.")
    subject_contains: LooseText | None = Field(default=None, description="Part of the subject.")
    html_contains: LooseText | None = Field(default=None, description="Part of the HTML.")
    text_contains: LooseText | None = Field(default=None, description="Part of the text.")
    golden: Annotated[LooseText, Field(pattern="^[A-Za-z0-9_-]+$")] | None = Field(
        default=None, description="The whole mail is that of `tests/rules/golden/<name>.txt`, which `--update` writes."
    )
    within: LooseText | None = Field(default=None, description="Slack after `at`, for ramps.")


class _Setting(FileModel):
    """What a file and each of its tests may say."""

    rules: Annotated[_Words, Field(min_length=1)] | None = Field(
        default=None, description="Names or globs of rules; left out: all."
    )
    start: LooseText | None = Field(default=None, description="From when every `at` counts.")
    until: LooseText | None = Field(default=None, description="How long the test runs.")
    customers: dict[str, GivenCustomer] = Field(default_factory=dict, description="Who exists at the start.")
    holdout: _Words = Field(default_factory=list, description="Who is held out; in tests nobody else is.")
    split: dict[str, dict[str, LooseText]] = Field(
        default_factory=dict, description="Arms by customer and step: `{c1: {split:0: a}}`."
    )
    compare: Annotated[LooseText, Field(pattern="^(all|sent)$")] = Field(
        default="all", description="`all`: every row must be listed; `sent`: messages alone."
    )


class RuleTest(_Setting):
    """One test."""

    noun: ClassVar[str] = "a test"
    name: LooseText = Field(description="The sentence it proves.")
    given: list[GivenEvent] = Field(default_factory=list, description="What happens.")
    expect: list[ExpectedRow] = Field(description="What follows; `[]`: nothing.")


class RuleTestModel(_Setting):
    """A file of rule tests. What a test says itself wins over what the file says."""

    noun: ClassVar[str] = "a file of tests"
    tests: list[RuleTest] = Field(min_length=1, description="The tests.")
