"""What a template may see and print: the views of a customer and an event, a missing value, the limits of one render.

A view answers only names it was given; everything else is a Missing, which refuses to be printed. Knows no Jinja file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import jinja2
import msgspec
from markupsafe import Markup

from relight.base.instants import to_local
from relight.base.kinds import UNKNOWN, Kind
from relight.templates.questions import QUESTIONS, question_text

if TYPE_CHECKING:
    from relight.rules.plan import Condition
    from relight.streams.schema import PropertyType

#: Rounds of loops and calls of macros and functions in one file's render.
RENDER_STEPS_MAX = 20_000
#: Characters that expressions of one file may print, captured blocks and macros included.
RENDER_PRINTED_CHARACTERS_MAX = 1_000_000
#: Characters of one text that an operator or filter may make.
TEXT_VALUE_CHARACTERS_MAX = 100_000
#: Characters of a person's name; a longer one counts as missing.
PERSON_NAME_CHARACTERS_MAX = 40
#: Traits that hold a person's name and are greeted with.
PERSON_NAME_TRAITS = frozenset({"name", "first_name", "last_name", "full_name", "given_name", "family_name"})
#: What most properties are; asked first, since asking for a mapping is slow.
_PLAIN = (str, int, Decimal)
#: C0 controls but tab and line feed, DEL, C1 controls and lone surrogates: never part of what a person reads.
_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160), *range(0xD800, 0xE000)))


class Reading(Protocol):
    """What a letter asks of a customer at one instant; `customers.reading` provides it."""

    @property
    def customer(self) -> str:
        """The customer's id."""

    @property
    def zone(self) -> str:
        """The customer's zone by V3."""

    @property
    def entry(self) -> Mapping[str, object] | None:
        """Properties of the event that the entry began with."""

    @property
    def event(self) -> Mapping[str, object] | None:
        """Properties of the event at hand."""

    def trait(self, name: str, /) -> object:
        """Return the trait's value, or UNKNOWN."""


class MissingDataError(jinja2.UndefinedError):
    """A value that this customer does not have."""


class LimitError(jinja2.TemplateRuntimeError):
    """The template asks for more than one mail may take."""


class Missing(jinja2.StrictUndefined):
    """What a name without a value is: it may be asked `is known`, given a default, and nothing else."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: Any = jinja2.utils.missing,
        name: str | None = None,
        exc: type[jinja2.TemplateRuntimeError] = MissingDataError,
    ) -> None:
        super().__init__(
            hint=hint or name, obj=obj, name=name, exc=MissingDataError if exc is jinja2.UndefinedError else exc
        )

    def refuse(self) -> NoReturn:
        """Raise MissingDataError with the dotted name; SecurityError for what a template may not touch."""
        raise self._undefined_exception(self._undefined_message)


class Moment(int):
    """An instant (µs) that prints as ISO 8601 in the customer's zone where no filter formats it."""

    __slots__ = ()


@dataclass(slots=True, kw_only=True)
class RenderState:
    """The one render under way: in whose language and zone, and what it may still spend."""

    locale: str
    zone: str
    currency: str
    base_url: str
    steps_left: int = RENDER_STEPS_MAX
    characters_left: int = RENDER_PRINTED_CHARACTERS_MAX

    def step(self, count: int = 1) -> None:
        """Spend rounds; raises LimitError when none are left."""
        self.steps_left -= count
        if self.steps_left < 0:
            raise LimitError(f"more than {RENDER_STEPS_MAX} rounds and calls in one template")

    def spend(self, characters: int) -> None:
        """Spend printed characters; raises LimitError when none are left."""
        self.characters_left -= characters
        if self.characters_left < 0:
            raise LimitError(f"more than {RENDER_PRINTED_CHARACTERS_MAX} characters printed by one template")


#: Set while a letter renders; what runs at compile time finds none.
RENDER: ContextVar[RenderState | None] = ContextVar("relight_render", default=None)


class CustomerView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`customer` in a template: traits, values and segments by name, questions by call."""

    reading: Reading
    traits: Mapping[str, PropertyType]
    expressions: Mapping[str, Condition]

    def look(self, name: str) -> object:
        """Return the value of a trait, value, segment or function; Missing where it has none."""
        if name == "id":
            return self.reading.customer
        declared = self.traits.get(name)
        if declared is not None:
            return self._trait(name, declared)
        condition = self.expressions.get(name)
        if condition is not None:
            return self.answer(name, condition)
        if name in QUESTIONS:
            return Question(function=name, view=self)
        return Missing(hint=f"customer.{name}")

    def _trait(self, name: str, declared: PropertyType) -> object:
        value = self.reading.trait(name)
        if value is UNKNOWN or value is None or value == "":
            return Missing(hint=f"customer.{name}")
        if name in PERSON_NAME_TRAITS and not is_person_name(str(value)):
            return Missing(hint=f"customer.{name}")
        if declared.kind is Kind.TIME and isinstance(value, int):
            return Moment(value)
        return value

    def answer(self, text: str, condition: Condition) -> object:
        """Return what a compiled expression gives for this customer; Missing for UNKNOWN."""
        value = condition.evaluate(self.reading)  # type: ignore[arg-type]  # the Reading of customers is wider than ours
        if value is UNKNOWN or value is None:
            return Missing(hint=f"customer.{text}")
        if isinstance(value, (list, tuple)):
            return tuple(NamedView(name=text, values=one) if isinstance(one, Mapping) else one for one in value)
        return value


class Question(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`customer.count`, before it is called with an event and a window."""

    function: str
    view: CustomerView

    def __call__(self, *arguments: object, **options: object) -> object:
        """Return the answer; raises TemplateRuntimeError for a question that was not seen at load."""
        text = question_text(self.function, arguments, options)
        condition = self.view.expressions.get(text)
        if condition is None:
            raise jinja2.TemplateRuntimeError(f"customer.{text} was not known when the template was loaded")
        return self.view.answer(text, condition)


class SurveyChoices(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`survey`: called with a survey's name it gives one `{score, url}` for each score, lowest first."""

    links: Callable[[str], Sequence[tuple[int, str]]]

    def __call__(self, name: str) -> tuple[NamedView, ...]:
        """Return the choices; raises TemplateRuntimeError for a survey that the config does not have."""
        try:
            found = self.links(name)
        except KeyError:
            raise jinja2.TemplateRuntimeError(f"there is no survey '{name}'") from None
        return tuple(NamedView(name="survey", values={"score": score, "url": url}) for score, url in found)


#: Functions that give a link of this very message.
LINK_NAMES = frozenset({"confirm_url", "click_url"})
#: Characters of an address that a click link leads to.
TARGET_CHARACTERS_MAX = 2_000


class LinkMaker(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`confirm_url("offers")` confirms a topic, `click_url("https://…")` counts a click and leads there."""

    name: str
    make: Callable[[str], str]

    def __call__(self, target: object) -> str:
        """Return the link; raises TemplateRuntimeError for what is no topic and no https address."""
        text = str(target) if isinstance(target, str) else ""
        if self.name == "click_url" and not (text.startswith("https://") and len(text) <= TARGET_CHARACTERS_MAX):
            raise jinja2.TemplateRuntimeError("click_url leads to https addresses alone")
        if not text:
            raise jinja2.TemplateRuntimeError(f"{self.name} needs a text")
        return self.make(text)


class NamedView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`entry`, `event`, `request`, `release`: a mapping that knows what it is called."""

    name: str
    values: Mapping[str, object]

    def look(self, name: str) -> object:
        """Return the property; Missing where it has none."""
        value = self.values.get(name, UNKNOWN)
        if value is UNKNOWN or value is None or value == "":
            return Missing(hint=f"{self.name}.{name}")
        if isinstance(value, _PLAIN) or not isinstance(value, Mapping):
            return value
        return NamedView(name=f"{self.name}.{name}", values=value)


@lru_cache(maxsize=1024)
def is_person_name(text: str) -> bool:
    """Return whether one can greet with it: no address, no link, no digit-only text, at most 40 characters."""
    stripped = text.strip()
    if not stripped or len(stripped) > PERSON_NAME_CHARACTERS_MAX:
        return False
    lowered = stripped.lower()
    if "@" in stripped or "://" in lowered or lowered.startswith("www.") or "=?" in stripped:
        return False
    return any(character.isalpha() for character in stripped)


def clean_text(text: str) -> str:
    """Return the text without control characters and lone surrogates; line feeds and tabs stay."""
    return text.translate(_CONTROLS) if not text.isprintable() else text


def to_text(value: object) -> str:
    """Return a value as a sentence may hold it.

    Raises:
        MissingDataError: it is missing.
        TemplateRuntimeError: it is a truth, a list or an object, which nobody wants to read in a mail.
    """
    if isinstance(value, str):
        return value if isinstance(value, Markup) else clean_text(value)
    if isinstance(value, Missing):
        value.refuse()
    if isinstance(value, Moment):
        state = RENDER.get()
        return to_local(value, state.zone if state else "UTC").isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dt.date):
        return value.isoformat()
    if hasattr(value, "__html__"):
        return clean_text(str(value.__html__()))
    kind = {bool: "true or false", type(None): "nothing"}.get(type(value), f"a {type(value).__name__}")
    raise jinja2.TemplateRuntimeError(f"this prints {kind}; print a text or a number")


def bounded_text(text: str) -> str:
    """Return the text; raises LimitError when it is longer than one value may be."""
    if len(text) > TEXT_VALUE_CHARACTERS_MAX:
        raise LimitError(f"a text of more than {TEXT_VALUE_CHARACTERS_MAX} characters")
    return text


#: Views, whose names are looked up by `look` and by nothing else.
VIEWS: tuple[type[CustomerView], type[NamedView]] = (CustomerView, NamedView)
