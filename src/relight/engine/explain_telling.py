"""Sentences of explain as text: the catalogue of a language, and how it writes instants, lengths and numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never

from relight.base.instants import DAY, HOUR, MINUTE, SECOND, to_local
from relight.engine.explain_english import ENGLISH
from relight.engine.explain_english import MONTHS as ENGLISH_MONTHS
from relight.engine.explain_lines import (
    Ago,
    Because,
    Count,
    Decimals,
    Exactly,
    Length,
    Line,
    Moment,
    OneOf,
    Part,
    Reworded,
    Said,
    Share,
    Shown,
    Times,
)
from relight.engine.explain_turkish import MONTHS as TURKISH_MONTHS
from relight.engine.explain_turkish import TURKISH
from relight.engine.rewording import reword

#: Language -> its sentences; what a language writes otherwise than English stands below.
CATALOGUES: Final[Mapping[str, Mapping[Line, str]]] = {"en": ENGLISH, "tr": TURKISH}
#: Language -> names of the months.
MONTHS: Final[Mapping[str, tuple[str, ...]]] = {"en": ENGLISH_MONTHS, "tr": TURKISH_MONTHS}
#: Length (µs), the word for one of it, the word for more; longest first.
_UNITS: Final = (
    (DAY, Line.DAY, Line.DAYS),
    (HOUR, Line.HOUR, Line.HOURS),
    (MINUTE, Line.MINUTE, Line.MINUTES),
    (SECOND, Line.SECOND, Line.SECONDS),
)


_LENGTH: Final = re.compile(r"(\d+) (year|month|day|hour|minute|second)s?")
_LENGTHS: Final = re.compile(rf"-?{_LENGTH.pattern}(?: {_LENGTH.pattern})*")
_NAMED: Final = MappingProxyType({
    "year": Line.YEARS, "month": Line.MONTHS, "day": Line.DAYS, "hour": Line.HOURS, "minute": Line.MINUTES,
    "second": Line.SECONDS,
})  # fmt: skip


def tell(said: Said, language: str = "en", reasons: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return a sentence in a language of `CATALOGUES`.

    reasons: words for reasons not to send, by name; a reason without any is told by its name.
    """
    values = {name: _part(value, language, reasons) for name, value in said.values.items()}
    return CATALOGUES[language][said.line].format(**values)


def _filled(language: str, line: Line, **values: Part) -> str:
    return tell(Said(line, values), language)


def _part(part: Part, language: str, reasons: Mapping[str, str]) -> str:
    match part:
        case str() | int():
            return str(part)
        case Said():
            return tell(part, language, reasons)
        case Because():
            return reasons.get(part.reason, part.reason)
        case Shown():
            return _shown(part.text, language)
        case Reworded():
            return reword(part.text, part.reason, language) or part.text
        case OneOf():
            return _one_of(part.names, language)
        case Moment() | Ago() | Length() | Exactly():
            return _time(part, language)
        case Count() | Times() | Decimals() | Share():
            return _number(part, language)
        case _:
            assert_never(part)


def _time(part: Moment | Ago | Length | Exactly, language: str) -> str:
    match part:
        case Moment():
            return clock(part.instant, part.zone, language)
        case Ago():
            line = Line.AGO if part.instant <= part.now else Line.IN
            away, when = Length(part.now - part.instant), Moment(part.instant, part.zone)
            return _filled(language, line, length=away, when=when)
        case Length():
            return length(part.span, language)
        case Exactly():
            return exact_length(part.span, language)


def _number(part: Count | Times | Decimals | Share, language: str) -> str:
    match part:
        case Count():
            return _local(f"{part.count:,}", language)
        case Times():
            line = {1: Line.ONCE, 2: Line.TWICE}.get(part.count, Line.TIMES)
            return _filled(language, line, count=_local(f"{part.count:,}", language))
        case Decimals():
            return _local(f"{part.number:.1f}", language)
        case Share():
            text = _local(f"{part.part * 100:.1f}", language)
            return f"%{text}" if language == "tr" else f"{text}%"


def clock(instant: int, zone: str, language: str = "en") -> str:
    """Return `19 Oct 2026 14:02` on the wall clock of a zone; instant in µs."""
    local = to_local(instant, zone)
    return f"{local.day} {MONTHS[language][local.month - 1]} {local.year} {local:%H:%M}"


def length(span: int, language: str = "en") -> str:
    """Return a length in µs as a person says it: `34 days`, `5 hours`, `12 minutes`."""
    size = abs(span)
    if size < MINUTE:
        return _filled(language, Line.UNDER_A_MINUTE)
    unit = next((unit for unit, *_ in _UNITS if size >= 2 * unit), MINUTE)
    return exact_length(size // unit * unit, language)


def exact_length(span: int, language: str = "en") -> str:
    """Return a length in µs to the unit, as somebody wrote it down: `7 days`, `90 minutes`."""
    for unit, one, many in _UNITS:
        if span and span % unit == 0:
            return _filled(language, one if span == unit else many, count=span // unit)
    return _filled(language, Line.SECONDS, count=span // SECOND)


def _shown(text: str, language: str) -> str:
    if language == "en" or _LENGTHS.fullmatch(text) is None:
        return text
    return _LENGTH.sub(lambda found: _filled(language, _NAMED[found[2]], count=found[1]), text)


def _one_of(names: tuple[str, ...], language: str) -> str:
    if not names:
        return _filled(language, Line.ANY_ACTIVITY)
    if len(names) == 1:
        return names[0]
    return _filled(language, Line.OR, some=", ".join(names[:-1]), last=names[-1])


def _local(number: str, language: str) -> str:
    """Return a number with the signs of a language: `1,234.5` is `1.234,5` in Turkish."""
    return number.translate({ord(","): ".", ord("."): ","}) if language == "tr" else number
