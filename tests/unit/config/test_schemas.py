"""JSON Schemas and reference pages come from the field models, with a word about every field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from relight.config.json_schema import MODELS, FileKind, schema_of
from relight.config.model_shapes import fields_of, models_in
from relight.config.reference import PAGES, reference_page

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"
TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
KINDS = sorted(MODELS)


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            if key not in ("examples", "default", "const", "enum"):
                yield from parts(value)
    elif isinstance(schema, list):
        for one in schema:
            yield from parts(one)


@pytest.mark.parametrize("kind", KINDS)
def test_schema_is_well_formed(kind: FileKind) -> None:
    """Every type is one of JSON Schema's, every reference leads somewhere, and every key is explained."""
    schema = schema_of(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    for part in parts(schema):
        reference = part.get("$ref")
        if isinstance(reference, str):
            assert reference.removeprefix("#/$defs/") in schema["$defs"]
        if isinstance(part.get("type"), (str, list)):
            assert {part["type"]} <= TYPES if isinstance(part["type"], str) else set(part["type"]) <= TYPES
    for owner in (schema, *schema.get("$defs", {}).values()):
        for key, described in owner.get("properties", {}).items():
            target = schema.get("$defs", {}).get(described.get("$ref", "").removeprefix("#/$defs/"), {})
            assert described.get("description") or target.get("description"), f"{kind}: {key}"


def test_short_forms_are_in_the_schema() -> None:
    """What may stand alone or in a list is offered both ways."""
    forms = schema_of("rule")["properties"]["exit"]["anyOf"]
    assert {"array"} < {str(one["type"]) for one in forms}
    stream = schema_of("stream")
    file = stream["$defs"]["SourceModel"]["properties"]["file"]["anyOf"]
    assert [one["type"] for one in file] == ["string", "array"]
    consent = stream["properties"]["consent"]["anyOf"]
    assert [one.get("type", "object") for one in consent] == ["object", "array"]
    named = next(one for one in stream["$defs"]["FieldModel"]["anyOf"] if one.get("type") == "object")
    assert named["properties"]["field"]["type"] == ["string", "array"]


def test_mappings_are_called_what_people_say() -> None:
    """An editor offers an `inactive trigger`, not the name of a class."""
    titles = {one["title"] for one in schema_of("rule")["$defs"].values()}
    assert {"inactive trigger", "send step"} <= titles
    assert not [title for title in titles if "model" in title or title != title.lower()]


def models() -> list[type[BaseModel]]:
    found: dict[type[BaseModel], None] = {}
    waiting = [model for model, _ in MODELS.values()]
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = None
            waiting += [inner for _, info in fields_of(model) for inner in models_in(info.annotation)]
    return list(found)


def test_every_field_is_described() -> None:
    """Each model has a sentence, each of its fields a description."""
    assert len(models()) > 50
    for model in models():
        assert model.__doc__
        assert [key for key, info in fields_of(model) if not info.description] == [], model.__name__


@pytest.mark.parametrize("page", sorted(PAGES))
def test_reference_pages_are_up_to_date(page: str) -> None:
    """docs/reference/ says what the models say; `python -m relight.config.reference DIR` writes it anew."""
    assert (REFERENCE / f"{page}.md").read_text(encoding="utf-8") == reference_page(page)
