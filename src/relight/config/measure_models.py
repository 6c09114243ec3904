"""How config/measures.yaml is written: what measures are computed from, their targets, and boards that show them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from relight.rules.field_kinds import LooseText, NameField
from relight.rules.file_model import FileModel


class TargetModel(FileModel):
    """What a measure should reach."""

    noun: ClassVar[str] = "a target"
    one_of: ClassVar[tuple[str, ...]] = ("below", "at_least")
    below: LooseText | None = Field(default=None, description="The value it must stay below: `3%`.")
    at_least: LooseText | None = Field(default=None, description="The value it must reach.")
    per: Literal["day", "week", "month", "quarter", "year"] | None = Field(
        default=None, description="The period it is for."
    )
    owner: LooseText | None = Field(default=None, description="Who answers for it.")


class MeasuresModel(FileModel):
    """Measures, targets and boards."""

    noun: ClassVar[str] = "the measures"
    sources: dict[NameField, LooseText] = Field(
        default_factory=dict, description="What measures are computed from: an event, a property, or a fixed share."
    )
    targets: dict[NameField, TargetModel] = Field(default_factory=dict, description="What each measure should reach.")
    boards: dict[NameField, list[NameField | dict[NameField, LooseText]]] = Field(
        default_factory=dict, description="Pages by name, with what they show."
    )
