"""JSON Schema of every file of a project, made from the field models: editors complete and explain each key with it."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from relight.config.measure_models import MeasuresModel
from relight.config.models import ConfigModel
from relight.config.rule_test_models import RuleTestModel
from relight.rules.models import DefinitionsModel, RuleModel
from relight.streams.declaration import StreamModel

FileKind = Literal["stream", "rule", "definitions", "config", "measures", "rule-test"]
#: The model of each kind of file, and what the schema is titled.
MODELS: dict[FileKind, tuple[type[BaseModel], str]] = {
    "stream": (StreamModel, "A stream: streams/*.yaml"),
    "rule": (RuleModel, "A rule: rules/*.yaml"),
    "definitions": (DefinitionsModel, "Shared names: rules/definitions.yaml"),
    "config": (ConfigModel, "The config: config/*.yaml"),
    "measures": (MeasuresModel, "Measures: config/measures.yaml"),
    "rule-test": (RuleTestModel, "Rule tests: tests/rules/*.yaml"),
}
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Leaves out what editors trip over."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Keep defaults that are plain values; editors trip over others."""
        found = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if isinstance(default, bool | int | str) and "$ref" not in found:
            return {**found, "default": default}
        return found

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Leave null out: a key that is left out is absent, and an empty one is refused."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        """Leave out titles that repeat the key."""
        return False


def schema_of(kind: FileKind) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of file, with a description for every key.

    A config overlay holds part of the keys; its schema is that of the config without `required` at the top.
    """
    model, title = MODELS[kind]
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator, mode="validation")
    schema = {"$schema": _DIALECT, **schema, "title": title}
    if kind == "config":
        schema.pop("required", None)
    for name, definition in schema.get("$defs", {}).items():
        for one in (definition, *(form for form in definition.get("anyOf", ()) if "title" in form)):
            one["title"] = _called(name)
    return schema


def _called(name: str) -> str:
    """Return what an editor offers a mapping as: `InactiveTriggerModel` is an `inactive trigger`."""
    return _WORD_START.sub(" ", name.removesuffix("Model")).lower()
