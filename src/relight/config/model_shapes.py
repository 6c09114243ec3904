"""Finds its way in the field models: which model stands at a path, which keys it has, which forms a choice offers."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, TypeAlias, Union, get_args
from typing import get_origin as _typing_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

#: A model class, or the annotation of a list, mapping, choice or plain value.
Shape: TypeAlias = Any


def get_origin(shape: Shape) -> Shape:
    """Return `list` of `list[X]`, `Annotated` of `Annotated[X, …]`, None of a class."""
    return _typing_origin(shape)


def shape_at(model: Shape, loc: tuple[int | str, ...]) -> Shape:
    """Return what stands at a location of a pydantic error, whose tags say which form a choice took."""
    shape = model
    for part in loc:
        shape = _step(_peel(shape), part)
    return _peel(shape)


def keys_of(shape: Shape) -> list[str]:
    """Return the keys of a model, in their order; none for anything else."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return [key for key, _ in fields_of(shape)]
    return []


def tags_of(shape: Shape) -> list[str]:
    """Return the tags of a choice, in their order."""
    return [tag for member in _members(shape) if (tag := _tag(member))]


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield (key as written, field) of a model."""
    if not model.__pydantic_fields_complete__:
        model.model_rebuild()  # models are built when they are asked for: one that names a later one may not be yet
    for name, info in model.model_fields.items():
        yield info.alias or name, info


def models_in(shape: Shape) -> Iterator[type[BaseModel]]:
    """Yield the models directly inside an annotation: list items, values, members of a choice."""
    shape = _peel(shape)
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        yield shape
        return
    for inner in get_args(shape):
        if inner is not type(None):
            yield from models_in(inner)


def _peel(shape: Shape) -> Shape:
    """Return an annotation without `Annotated` and `| None`."""
    while True:
        if get_origin(shape) is Annotated:
            shape = get_args(shape)[0]
        elif (members := _members(shape)) and type(None) in members and len(members) == 2:  # noqa: PLR2004 - X | None
            shape = next(m for m in members if m is not type(None))
        else:
            return shape


def _members(shape: Shape) -> tuple[Any, ...]:
    if get_origin(shape) is Annotated:
        shape = get_args(shape)[0]
    return get_args(shape) if get_origin(shape) in (Union, types.UnionType) else ()


def _tag(member: Shape) -> str | None:
    metadata = get_args(member)[1:] if get_origin(member) is Annotated else ()
    return next((m.tag for m in metadata if isinstance(m, Tag)), None)


def _step(shape: Shape, part: int | str) -> Shape:
    members = _members(shape)
    if members:
        tagged = next((m for m in members if _tag(m) == part), None)
        if tagged is not None:
            return tagged
        # A choice without tags: the first member in which the part makes sense.
        return next((found for m in members if (found := _step(_peel(m), part)) is not None), None)
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        for key, info in fields_of(shape):
            if key == part:
                return info.annotation if not info.metadata else Annotated[info.annotation, *info.metadata]
        extra = getattr(shape, "__annotations__", {}).get("__pydantic_extra__")
        return shape if extra is None else _extra_of(shape)
    arguments = get_args(shape)
    if get_origin(shape) is dict and len(arguments) == 2:  # noqa: PLR2004 - keys and values
        return arguments[1]
    if get_origin(shape) is list and isinstance(part, int):
        return arguments[0]
    return None


def _extra_of(shape: type[BaseModel]) -> Shape:
    import typing  # noqa: PLC0415 - needed only for models with free keys

    hints = typing.get_type_hints(shape, include_extras=True)
    return get_args(hints["__pydantic_extra__"])[1]
