"""What pages call something that a project named: a text, or one a language."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, Tag

from relight.rules.field_kinds import LooseText
from relight.rules.file_model import MAPPING, SCALAR, FileModel, by_shape


class TitlesModel(FileModel):
    """A title in the languages of the pages."""

    noun: ClassVar[str] = "a title"
    en: LooseText = Field(description="In English, and for everybody whose language is not here.")
    tr: LooseText | None = Field(default=None, description="In Turkish.")


TitleField = Annotated[Annotated[LooseText, Tag(SCALAR)] | Annotated[TitlesModel, Tag(MAPPING)], by_shape()]


def titles_of(title: str | TitlesModel | None) -> dict[str, str]:
    """Return language -> title; "" for every language that is not there. Empty where none is written."""
    if isinstance(title, TitlesModel):
        return {"": title.en, **({"tr": title.tr} if title.tr else {})}
    return {} if title is None else {"": title}
