"""Made-up customers that `check` renders letters with: one who has everything, one who has nothing, a hostile one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from relight.base.instants import DAY
from relight.base.kinds import UNKNOWN, Kind
from relight.rules.plan import Condition
from relight.templates.questions import PRODUCT_QUESTIONS

if TYPE_CHECKING:
    from relight.templates.letters import CompiledLetter, RenderPolicy

#: The instant that samples happen at: 2026-03-01 09:00 UTC.
SAMPLE_INSTANT = 1_772_355_600_000_000
#: A text that tries everything at once; it must come out as words.
HOSTILE_TEXT = "\"><script>alert(1)</script>{{ 7 * 7 }}{% raw %}'`=\u202e\u200b" + "W" * 40 + " \U0001f600"

TYPICAL_NUMBER = 12
#: The milestone that somebody made up has just reached, where no rule says which there are.
TYPICAL_MILESTONE = 10
_TYPICAL: dict[Kind, object] = {
    Kind.TEXT: "Example",
    Kind.INTEGER: TYPICAL_NUMBER,
    Kind.NUMBER: Decimal("3.5"),
    Kind.MONEY: Decimal("1234.50"),
    Kind.BOOLEAN: True,
    Kind.TIME: SAMPLE_INSTANT,
    Kind.DATE: dt.date(2026, 3, 1),
    Kind.DURATION: 3 * DAY,
    Kind.EMAIL: "ada@mail.example",
    Kind.URL: "https://app.shop.example/page",
    Kind.TIMEZONE: "Europe/Istanbul",
    Kind.LIST: ("one", "two"),
}
_HOSTILE: dict[Kind, object] = {
    Kind.TEXT: HOSTILE_TEXT,
    Kind.INTEGER: -(10**15),
    Kind.NUMBER: Decimal("-0.000000001"),
    Kind.MONEY: Decimal("99999999999999.999"),
    Kind.URL: "https://app.shop.example/?q=%22%3E&a='b'",
    Kind.LIST: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReading:
    """A customer who exists only for `check`."""

    traits: Mapping[str, object]
    properties: Mapping[str, object]
    customer: str = "sample"
    zone: str = "Europe/Istanbul"
    milestone: object = TYPICAL_MILESTONE

    def trait(self, name: str, /) -> object:
        """Return the sample of a trait, or UNKNOWN."""
        return self.traits.get(name, UNKNOWN)

    @property
    def entry(self) -> Mapping[str, object]:
        """Samples for every property."""
        return self.properties

    @property
    def event(self) -> Mapping[str, object]:
        """Samples for every property."""
        return self.properties


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One made-up customer, and the letter with answers made up to go with it."""

    name: str
    letter: CompiledLetter
    reading: SampleReading
    extra: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What is certain of everybody whom one step of a rule writes to, so that a made-up customer fits it."""

    #: Property of what started the entry -> its value.
    properties: Mapping[str, object] = field(default_factory=dict)
    #: Expression of the letter -> its answer.
    answers: Mapping[str, object] = field(default_factory=dict)
    milestone: object = TYPICAL_MILESTONE
    #: `sender` as templates read it; empty where it is the project's.
    sender: Mapping[str, str] = field(default_factory=dict)


_ANY_OCCASION = Occasion()


class _Properties(Mapping[str, object]):
    """Any property, by its declared kind; text where no stream declares it."""

    def __init__(
        self,
        values: Mapping[Kind, object],
        kinds: Mapping[str, Kind],
        certain: Mapping[str, object],
    ) -> None:
        self.values_by_kind, self.kinds, self.certain = values, kinds, certain

    def __getitem__(self, name: str) -> object:
        return self.certain[name] if name in self.certain else self.values_by_kind[self.kinds.get(name, Kind.TEXT)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)


def sample_letter(
    letter: CompiledLetter,
    language: str,
    *,
    kinds: Mapping[str, Kind],
    properties: Mapping[str, Kind],
    occasion: Occasion = _ANY_OCCASION,
) -> Iterator[Sample]:
    """Yield the samples that a letter is rendered with in one language.

    Args:
        letter: the letter.
        language: of the customer.
        kinds: expression text -> the kind of its value, where known; a number else.
        properties: property name -> its kind.
        occasion: what the rule makes certain; the hostile one is told none of it.
    """
    for name, values in (("typical", _TYPICAL), ("hostile", {**_TYPICAL, **_HOSTILE}), ("least", {})):
        certain = _ANY_OCCASION if name == "hostile" else occasion
        answers = {
            text: _answer(condition, text, values, kinds.get(text, Kind.INTEGER), properties)
            for text, condition in letter.expressions.items()
        }  # fmt: skip
        if name == "typical":
            answers |= {
                text: _certain(letter.expressions[text], value)
                for text, value in certain.answers.items()
                if text in letter.expressions
            }
        traits = {t: values[d.kind] for t, d in letter.traits.items() if d.kind in values and t != "locale"}
        known = _Properties({**_TYPICAL, **values}, properties, certain.properties)
        yield Sample(
            name=name,
            letter=replace(letter, expressions=answers),
            reading=SampleReading(traits={**traits, "locale": language}, properties=known, milestone=certain.milestone),
            extra=_extra(known, letter.policy, certain),
        )


def _answer(
    condition: Condition, text: str, values: Mapping[Kind, object], kind: Kind, properties: Mapping[str, Kind]
) -> Condition:
    value: object = values.get(kind, UNKNOWN)
    if text.startswith(tuple(f"{question}(" for question in PRODUCT_QUESTIONS)):
        value = (_Properties({**_TYPICAL, **values}, properties, {}),) if values else ()
    return _certain(condition, value)


def _certain(condition: Condition, value: object) -> Condition:
    return Condition(text=condition.text, place=condition.place, evaluate=lambda _reading: value)


def _extra(known: Mapping[str, object], policy: RenderPolicy, certain: Occasion) -> dict[str, object]:
    base = (policy.base_url or "https://mail.shop.example").rstrip("/")
    return {
        **({"sender": certain.sender} if certain.sender else {}),
        "request": known,
        "release": known,
        "threshold": 30 * DAY,
        "milestone": certain.milestone,
        "code": "SAMPLE-CODE",
        "confirm_url": lambda topic: f"{base}/c/sample?t={topic}",
        "click_url": lambda _target: f"{base}/r/sample/sample",
        "survey": lambda name: [(score, f"{base}/s/sample?t={name}&v={score}") for score in policy.surveys[name]],
        "now": SAMPLE_INSTANT,
        "unsubscribe_url": f"{base}/u/sample",
        "preferences_url": f"{base}/p/sample",
    }
