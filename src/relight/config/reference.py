"""Writes the reference pages of the files of a project from the field models. A test keeps the pages equal to this."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from relight.config.json_schema import MODELS, FileKind
from relight.config.model_shapes import fields_of, models_in
from relight.rules.file_model import FileModel, written_form

#: Page -> the kinds of file on it, in order.
PAGES: dict[str, tuple[FileKind, ...]] = {
    "streams": ("stream",),
    "rules": ("rule", "definitions"),
    "config": ("config", "measures"),
}
_HEADS: dict[FileKind, str] = {
    "stream": "Streams: `streams/*.yaml`",
    "rule": "Rules: `rules/*.yaml`",
    "definitions": "Definitions: `rules/definitions.yaml`",
    "config": "Config: `config/default.yaml`",
    "measures": "Measures: `config/measures.yaml`",
}
#: What holds for a whole page, before its first table.
_INTROS: dict[str, str] = {
    "rules": (
        "Files are YAML 1.2 without aliases, tags and merged keys: `22:00`, `no` and `007` are text. Commas and colons "
        "between parentheses belong to the condition and need no quotes here; other YAML tools want "
        '`affects: "ever(api_called, 7 days)"` inside `{…}` and `"open(a, b, by: id)"` everywhere.'
    ),
    "config": (
        "Secrets stand in the environment, and `${NAME}` in the file. `config/<environment>.yaml` overlays the default "
        "key by key; naming another form of `store` or `delivery` replaces the one of the default."
    ),
}
_NOTE = "<!-- Made from the field models by `relight.config.reference`; a test says so when it is out of date. -->"


def reference_page(page: str) -> str:
    """Return the Markdown of one reference page: `streams`, `rules` or `config`."""
    parts = [_NOTE]
    for level, kind in enumerate(PAGES[page]):
        model, _ = MODELS[kind]
        intro = [_INTROS[page], ""] if level == 0 and page in _INTROS else []
        parts += ["", f"{'#' if level == 0 else '##'} {_HEADS[kind]}", "", *intro, *_section(model)]
        for inner in _inner_models(model):
            title = _title(inner)
            parts += ["", f"{'##' if level == 0 else '###'} {title}", "", *_section(inner)]
    return "\n".join(parts) + "\n"


def _section(model: type[BaseModel]) -> Iterator[str]:
    yield from [_plain(model.__doc__ or ""), "", "| key | meaning | default |", "| --- | --- | --- |"]
    for key, info in fields_of(model):
        yield f"| `{key}` | {_cell(info.description or '')}{_words(info.annotation)} | {_default(info)} |"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _words(annotation: Any) -> str:
    """Return the allowed words of a key that has only some."""
    words = list(dict.fromkeys(_literals(annotation)))
    return " One of " + ", ".join(f"`{word}`" for word in words) + "." if len(words) > 1 else ""


def _literals(annotation: Any) -> Iterator[str]:
    if getattr(annotation, "__origin__", None) is Literal:
        yield from (str(word) for word in get_args(annotation))
        return
    for inner in get_args(annotation):
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            yield from _literals(inner)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True)
    if default is None or default is PydanticUndefined or isinstance(default, BaseModel) or default in ([], {}):
        return "–"
    shown = written_form(default)
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def _inner_models(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the models inside one, each once, in the order in which a reader meets them."""
    found: dict[type[BaseModel], None] = {}
    waiting = [model]
    while waiting:
        current = waiting.pop(0)
        for _, info in fields_of(current):
            for inner in models_in(info.annotation):
                if inner not in found and inner is not model:
                    found[inner] = None
                    waiting.append(inner)
    return list(found)


def _title(model: type[BaseModel]) -> str:
    """Return the heading of a model: the keys that make it what it is, or what people call it."""
    name = model.__name__.removesuffix("Model").removesuffix("Trigger").removesuffix("Step")
    is_trigger, is_step = model.__name__.endswith("TriggerModel"), model.__name__.endswith("Step")
    if is_trigger or is_step:
        key = next(key for key, _ in fields_of(model))
        return f"{'Trigger' if is_trigger else 'Step'} `{key}`"
    noun = getattr(model, "noun", FileModel.noun)
    if noun != FileModel.noun:
        return noun.removeprefix("a ").removeprefix("an ").removeprefix("the ").capitalize() + _which(model)
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip().capitalize()


def _which(model: type[BaseModel]) -> str:
    """Tell apart models that people call the same, by their first key."""
    return f" (`{next(key for key, _ in fields_of(model))}`)"


def write_pages(folder: Path) -> None:
    """Write every reference page into a folder."""
    for page in PAGES:
        (folder / f"{page}.md").write_text(reference_page(page), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
