"""Turns what pydantic refuses into problems with a place and words for people. Knows shapes, not meaning."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from relight.base.problems import Problem
from relight.base.suggest import nearest_word, suggest_words
from relight.config.model_shapes import keys_of, shape_at, tags_of
from relight.rules.file_model import FileModel

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from relight.config.yaml_nodes import Path, YamlNode

M = TypeVar("M", bound=BaseModel)

#: What pydantic calls a wrong type, and what people call what was expected.
_EXPECTED = {
    "string_type": "text", "string_sub_type": "text", "int_type": "a whole number", "int_parsing": "a whole number",
    "int_from_float": "a whole number", "float_type": "a number", "float_parsing": "a number",
    "bool_type": "true or false", "bool_parsing": "true or false",
    "list_type": "a list", "dict_type": "a mapping", "model_type": "a mapping", "model_attributes_type": "a mapping",
    "decimal_type": "a number",
}  # fmt: skip
#: Keys below which null is a value like any other: of a trait, of an event's properties.
MAY_BE_EMPTY = frozenset({"to", "properties", "traits"})
#: Longest quotation of what somebody wrote.
_QUOTE_MAX = 60


def read_model(model: type[M], node: YamlNode, subject: str, *, value: object = None) -> tuple[M | None, list[Problem]]:
    """Return the model of a file's tree and its problems; None where there are any.

    subject: what the file is, for messages: `rule 'winback'`; value: the tree's value with variables filled in.
    """
    if node.value is None:
        message = f"{subject} is empty"
        return None, [
            Problem(code="empty-file", message=message, place=node.place, help="write its keys, or delete the file")
        ]
    empty = _empty_values(node) if issubclass(model, FileModel) and _has_empty(node.value) else []
    if empty:
        problems = [_empty_value(node, path) for path in empty]
        return None, problems
    try:
        return model.model_validate(node.value if value is None else value), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    return None, _Translator(model, node, subject).translate(details)


def _has_empty(value: object) -> bool:
    """Return whether nothing stands anywhere in a value; most files need no closer look."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return value is None
    return any(_has_empty(one) for one in value)


def _empty_values(node: YamlNode, path: Path = ()) -> list[Path]:
    """Return the keys that have nothing behind them: `audience:` must not be taken for everybody."""
    found: list[Path] = []
    children = node.entries.items() if node.entries is not None else enumerate(node.items or ())
    for key, child in children:
        if child.value is None and key not in MAY_BE_EMPTY:
            found.append((*path, key))
        elif key not in MAY_BE_EMPTY:
            found += _empty_values(child, (*path, key))
    return found


def _empty_value(node: YamlNode, path: Path) -> Problem:
    label = f"item {path[-1] + 1} of this list" if isinstance(path[-1], int) else f"'{path[-1]}'"
    help_text = "write its value, or remove the key"
    return Problem(code="empty-value", message=f"{label} is empty", place=node.place_of(path, key=True), help=help_text)


class _Translator:
    """Turns the refusals of one file into problems."""

    def __init__(self, model: type[BaseModel], node: YamlNode, subject: str) -> None:
        self.model, self.node, self.subject = model, node, subject

    def translate(self, details: list[ErrorDetails]) -> list[Problem]:
        unknown: dict[Path, list[str]] = {}
        for detail in details:
            if detail["type"] == "extra_forbidden":
                path = _path(detail["loc"])
                unknown.setdefault(path[:-1], []).append(str(path[-1]))
        problems: list[Problem] = []
        for detail in details:
            path = _path(detail["loc"])
            if detail["type"] == "missing" and nearest_word(str(path[-1]), unknown.get(path[:-1], ())):
                continue  # the unknown field is the missing one: one problem
            problem = self.problem(detail, path)
            if problem is not None:
                problems.append(problem)
        return problems

    def problem(self, detail: ErrorDetails, path: Path) -> Problem | None:
        kind, loc = detail["type"], detail["loc"]
        if kind == "extra_forbidden":
            second = self.second_form(path, loc)
            if second is not None:
                return second
            return self.unknown(path, keys_of(shape_at(self.model, loc[:-1])), self.noun(loc[:-1]))
        if kind == "missing":
            place = self.node.place_of(path[:-1], key=True) if len(path) > 1 else self.node.place
            message = f"{self.noun(loc[:-1])} needs '{path[-1]}'"
            return Problem(code="missing-field", message=message, place=place, help=self.describe(loc))
        if kind in ("union_tag_not_found", "union_tag_invalid"):
            return self.no_form(path, loc)
        if kind in ("literal_error", "enum"):
            return self.unknown_word(path, detail)
        expected, help_text = self.expected(detail)
        code = kind if kind in _OWN_CODES else "wrong-type" if kind in _EXPECTED else "wrong-value"
        if path and path[-1] == "[key]":
            return Problem(
                code=code,
                message=f"'{path[-2]}' is not {expected}",
                place=self.node.place_of(path[:-1], key=True),
                help=help_text,
            )
        message = f"{self.label(path)} is {_quote(self.node, path)}, but {expected} was expected"
        if kind in _OWN_CODES:
            noun = getattr(self.model, "noun", "")
            message = expected.replace(noun, self.subject, 1) if not path and noun else expected
        return Problem(code=code, message=message, place=self.node.place_of(path), help=help_text)

    def second_form(self, path: Path, loc: tuple[int | str, ...]) -> Problem | None:
        """Return the problem of a key that belongs to another form of the same choice: `event` beside `inactive`."""
        tag, word = (str(loc[-2]), str(path[-1])) if len(loc) > 1 else ("", "")
        if not tag.startswith("<") or f"<{word}>" not in tags_of(shape_at(self.model, loc[:-2])):
            return None
        noun = _choice_noun(path[:-1]) or "this"
        message = f"{noun} has '{tag.strip('<>')}' and '{word}', but only one of them may stand"
        return Problem(
            code="two-forms", message=message, place=self.node.place_of(path, key=True), help="keep one of them"
        )

    def unknown(self, path: Path, allowed: list[str], noun: str) -> Problem:
        word = str(path[-1])
        advice = suggest_words(word, allowed)
        near = nearest_word(word, allowed)
        message = f"'{word}' is not a field of {noun}" + (f"; {advice}" if near and advice else "")
        help_text = None if near else (advice or "allowed are " + ", ".join(f"'{w}'" for w in allowed))
        if word == "where":
            help_text = "a condition stands behind its event: `order_placed where total > 10`"
        return Problem(code="unknown-field", message=message, place=self.node.place_of(path, key=True), help=help_text)

    def unknown_word(self, path: Path, detail: ErrorDetails) -> Problem:
        words = [w.strip("'") for w in str(detail.get("ctx", {}).get("expected", "")).replace(" or ", ", ").split(", ")]
        # A short form is its first key alone: `total: money` says `{type: money}`, so the word stands one step above.
        at = path if self.node.at(path) is not None else path[:-1]
        found = self.node.at(at)
        value = found.value if found is not None else None
        shown = _quote(self.node, at)
        advice = suggest_words(value, words) if isinstance(value, str) else None
        message = f"{self.label(path)} cannot be {shown}"
        near = nearest_word(value, words) if isinstance(value, str) else None
        help_text = None if near else "expected one of " + ", ".join(f"'{w}'" for w in words)
        return Problem(
            code="unknown-word",
            message=message + (f"; {advice}" if near else ""),
            place=self.node.place_of(path),
            help=help_text,
        )

    def no_form(self, path: Path, loc: tuple[int | str, ...]) -> Problem:
        """Return the problem of a trigger, step or other choice of which no form fits."""
        tags = tags_of(shape_at(self.model, loc))
        words = [tag.strip("<>") for tag in tags]
        found = self.node.at(path)
        value = found.value if found is not None else None
        noun = _choice_noun(path) or self.label(path)
        keys = [word for word in words if word not in _SHAPES]
        if isinstance(value, dict) and keys:
            wrong = next((k for k in value if nearest_word(k, keys)), None) or next(iter(value), None)
            if wrong is not None:
                return self.unknown((*path, wrong), keys, noun)
        if isinstance(value, str) and keys:
            advice = suggest_words(value, [*keys, "stop"]) if "scalar" in words else None
            message = f"{_quote(self.node, path)} is not {noun}" + (
                f"; {advice}" if advice and nearest_word(value, keys) else ""
            )
            return Problem(
                code="wrong-type", message=message, place=self.node.place_of(path), help=f"write it as '{keys[0]}: …'"
            )
        if keys and noun != self.label(path):
            expected = noun
        else:
            expected = " or ".join(_SHAPES.get(word, f"'{word}: …'") for word in words[:SHOWN_MAX])
        message = f"{self.label(path)} is {_quote(self.node, path)}, but {expected} was expected"
        return Problem(code="wrong-type", message=message, place=self.node.place_of(path))

    def expected(self, detail: ErrorDetails) -> tuple[str, str | None]:
        context: dict[str, Any] = detail.get("ctx", {})
        kind = detail["type"]
        if "expected" in context and "help" in context:
            return str(context["expected"]), str(context["help"]) or None
        if kind in _EXPECTED:
            expected = _EXPECTED[kind]
            if expected == "text":
                return expected, "put it in quotes"
            if expected == "true or false":
                return expected, "write true or false"
            return expected, None
        limits = {
            "greater_than_equal": f"at least {context.get('ge')}",
            "less_than_equal": f"at most {context.get('le')}",
            "too_short": f"at least {context.get('min_length')} entry",
            "too_long": f"at most {context.get('max_length')} entries",
            "string_too_short": "text",
            "string_too_long": f"at most {context.get('max_length')} characters",
            "string_pattern_mismatch": "another form",
        }
        if kind in limits:
            return limits[kind], None
        if kind == "value_error":
            return str(context.get("error", detail["msg"])), None
        return detail["msg"][:1].lower() + detail["msg"][1:], None

    def noun(self, loc: tuple[int | str, ...]) -> str:
        shape = shape_at(self.model, loc)
        if not loc or shape is self.model:
            return self.subject
        return str(getattr(shape, "noun", None) or f"'{_last_name(_path(loc))}'")

    def label(self, path: Path) -> str:
        """Return how a value is called: its key, or `item 2 of 'steps'`."""
        if not path:
            return self.subject
        if isinstance(path[-1], int):
            return f"item {path[-1] + 1} of '{_last_name(path)}'"
        return f"'{path[-1]}'"

    def describe(self, loc: tuple[int | str, ...]) -> str | None:
        shape = shape_at(self.model, loc[:-1])
        if not isinstance(shape, type) or not issubclass(shape, BaseModel):
            return None
        for name, info in shape.model_fields.items():
            if (info.alias or name) == loc[-1] and info.description:
                return f"{loc[-1]}: {info.description[:1].lower()}{info.description[1:]}"
        return None


#: Codes that a model's own refusal carries; their text is the whole message.
_OWN_CODES = frozenset({"two-forms", "missing-form"})
_SHAPES = {"scalar": "text", "list": "a list", "mapping": "a mapping"}
_CHOICES = {
    "trigger": "a trigger",
    "steps": "a step",
    "branch": "an arm of a branch",
    "else": "a step",
    "then": "a step",
}
#: Most forms that a message names.
SHOWN_MAX = 3


def _path(loc: tuple[int | str, ...]) -> Path:
    """Return the way in the file: the tags of unions are none of its keys."""
    return tuple(part for part in loc if not (isinstance(part, str) and part.startswith("<")))


def _choice_noun(path: Path) -> str | None:
    name = _last_name(path)
    return "a step" if name.startswith("steps_") else _CHOICES.get(name)


def _last_name(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _quote(node: YamlNode, path: Path) -> str:
    found = node.at(path)
    value = found.value if found is not None else None
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return f"the number {value}"
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list():
            return "a list" if value else "an empty list"
        case _:
            text = str(value)
            return f"'{text[:_QUOTE_MAX]}…'" if len(text) > _QUOTE_MAX else f"'{text}'"
