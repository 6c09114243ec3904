"""The base of everything read from a rule or config file, and the unions whose form is chosen by the keys present."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Discriminator, model_validator
from pydantic_core import PydanticCustomError

#: Tag of a union member that is written as text or number.
SCALAR = "<scalar>"
#: Tag of a union member that is written as a list.
LIST = "<list>"
#: Tag of a union member that is written as a mapping.
MAPPING = "<mapping>"


class FileModel(BaseModel):
    """A mapping of a file: every key is declared, nothing is converted silently."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=False, defer_build=True
    )

    #: What people call it, with its article.
    noun: ClassVar[str] = "this mapping"
    #: Keys of which exactly one must stand there; empty for no such choice.
    one_of: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if not self.one_of:
            return self
        given = [key for key in self.one_of if getattr(self, key) is not None]
        if not given:
            words = ", ".join(f"'{key}'" for key in self.one_of)
            raise PydanticCustomError(
                "missing-form", "{expected}", {"expected": f"{self.noun} needs one of {words}", "help": ""}
            )
        if len(given) > 1:
            words = " and ".join(f"'{key}'" for key in given)
            raise PydanticCustomError(
                "two-forms",
                "{expected}",
                {"expected": f"{self.noun} has {words}, but only one of them may stand", "help": "keep one of them"},
            )
        return self


def by_shape() -> Discriminator:
    """Return the choice between members tagged SCALAR, LIST and MAPPING."""

    def choose(value: Any) -> str | None:
        if isinstance(value, Mapping):
            return MAPPING
        if isinstance(value, list):
            return LIST
        return None if value is None else SCALAR

    return Discriminator(choose)


def by_key(*keys: str) -> Discriminator:
    """Return the choice between members tagged `<key>`: the first of the keys that is present decides."""

    def choose(value: Any) -> str | None:
        if isinstance(value, Mapping):
            return next((f"<{key}>" for key in keys if key in value), None)
        if isinstance(value, str) and value in keys:
            return SCALAR
        return None

    return Discriminator(choose)


@cache
def _declared(model: type[BaseModel]) -> tuple[tuple[str, str, object], ...]:
    """Return name, key as written and default of each field of a model."""
    return tuple(
        (name, info.alias or name, info.get_default(call_default_factory=True))
        for name, info in model.model_fields.items()
    )


def written_form(value: Any) -> Any:
    """Return what a model says in plain values, defaults left out: equal for equal meaning."""
    if isinstance(value, BaseModel):
        given = value.model_fields_set
        fields = {
            key: getattr(value, name)
            for name, key, default in _declared(type(value))
            if name in given and getattr(value, name) != default
        }
        return written_form({**fields, **(value.__pydantic_extra__ or {})})
    if isinstance(value, Mapping):
        return {str(key): written_form(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [written_form(one) for one in value]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value if value is None or isinstance(value, bool | int | str) else str(value)
