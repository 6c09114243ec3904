"""A value that must not be shown: it prints as ***, and only `reveal` gives it."""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from relight.rules.field_kinds import refusal


class Secret:
    """A password, key or token."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep it."""
        self._text = text

    def reveal(self) -> str:
        """Return it, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        """Return asterisks."""
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        """Compare the texts."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """Hash the text."""
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Take text, or a number that somebody's environment holds."""
        return core_schema.no_info_plain_validator_function(_read_secret)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Ask for a variable of the environment."""
        return {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", "examples": ["${SMTP_PASSWORD}"]}


def _read_secret(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
        return Secret(str(value))
    raise refusal("a secret from the environment", "write it as ${SMTP_PASSWORD}")
