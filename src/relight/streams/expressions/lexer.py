"""Cuts the text of a condition into tokens. Knows no names and no types.

Several mistakes of one text are reported at once; a lone `=` and its like are read as what was meant, and reported.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from relight.base.durations import Span, parse_span
from relight.base.problems import Place, Problem
from relight.base.suggest import nearest_word

#: Words with a meaning of their own; a field of that name is written in backquotes.
KEYWORDS = frozenset({"and", "or", "not", "in", "is", "contains", "where", "true", "false"})
#: Words that mean something only in their place: `starts with`, `is known`.
PLACE_WORDS = frozenset({"starts", "with", "known", "unknown"})
#: Units of time, for did-you-mean.
UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months", "quarters", "years")
_MINUTES = 60
_HOURS = 24


class Sort(StrEnum):
    """What a token is."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    PERCENT = "percent"
    DATE = "date"
    CLOCK = "clock"
    DURATION = "duration"
    NAME = "name"
    KEYWORD = "keyword"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: what it is, its text, its value where it has one, and its characters [start, end) of the text."""

    sort: Sort
    text: str
    start: int
    end: int
    value: str | int | Decimal | dt.date | Span | None = None


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9]))
    |(?P<clock>[0-9]{1,2}:[0-9]{2}(?![0-9]))
    |(?P<number>[0-9]+(?:\.[0-9]+)?%?)
    |(?P<quoted>`[^`]+`)
    |(?P<name>[^\W\d]\w*)
    |(?P<meant>&&|\|\||<>|=>|=<|!(?!=)|=(?!=)|≠|≤|≥|×|÷)
    |(?P<symbol>===?|!=|<=|>=|[<>+\-*/(),.:])""",
    re.VERBOSE | re.DOTALL,
)
_UNIT_AFTER = re.compile(r"\s*([^\W\d]\w*)")
_MORE_TIME = re.compile(r"\s*([0-9]+)\s*([^\W\d]\w*)")
#: What people write from other languages, and the token of this one.
_MEANT = {
    "=": "==", "&&": "and", "||": "or", "!": "not", "<>": "!=", "=>": ">=", "=<": "<=", "===": "==",
    "≠": "!=", "≤": "<=", "≥": ">=", "×": "*", "÷": "/",
}  # fmt: skip
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class _Lexer:
    """The state of one run over a text."""

    def __init__(self, text: str, place: Place) -> None:
        self.text = text
        self.place = place
        self.tokens: list[Token] = []
        self.problems: list[Problem] = []

    def problem(self, start: int, length: int, message: str, *, help_text: str | None = None, code: str = "") -> None:
        self.problems.append(
            Problem(
                code=code or "condition-syntax",
                message=message,
                place=self.place.shifted(start, length),
                help=help_text,
            )
        )

    def add(self, sort: Sort, start: int, end: int, value: str | int | Decimal | dt.date | Span | None = None) -> int:
        self.tokens.append(Token(sort, self.text[start:end], start, end, value))
        return end

    def step(self, at: int) -> int:
        """Read one token that begins at `at` and return where the next begins."""
        found = _TOKEN.match(self.text, at)
        if found is None:
            return self.stray(at)
        end = found.end()
        word = found[0]
        match found.lastgroup:
            case "space":
                return end
            case "text":
                return self.add(Sort.TEXT, at, end, _ESCAPE.sub(r"\1", word[1:-1]))
            case "date":
                return self.date(at, end)
            case "clock":
                return self.clock(at, end)
            case "number":
                return self.number(at, end)
            case "quoted":
                return self.add(Sort.NAME, at, end, word[1:-1])
            case "name":
                return self.add(Sort.KEYWORD if word in KEYWORDS else Sort.NAME, at, end, word)
            case "meant":
                return self.meant(at, end)
        return self.meant(at, end) if word == "===" else self.add(Sort.SYMBOL, at, end)

    def meant(self, at: int, end: int) -> int:
        word = self.text[at:end]
        instead = _MEANT[word]
        self.problem(at, end - at, f"'{word}' is not an operator", help_text=f"Write '{instead}'.")
        sort = Sort.KEYWORD if instead.isalpha() else Sort.SYMBOL
        self.tokens.append(Token(sort, instead, at, end, instead))
        return end

    def stray(self, at: int) -> int:
        """Report a character that begins nothing."""
        sign = self.text[at]
        if sign in "\"'":
            self.problem(
                at, len(self.text) - at, "this text has no end", help_text=f"Close it with {sign} where it ends."
            )
            return len(self.text)
        if sign in "“”„‘’«»":
            help_text = 'Put text between straight quotation marks: "pro".'
        elif sign in "[]{}":
            help_text = 'Write a list in round brackets: ("a", "b").'
        else:
            help_text = None
        self.problem(at, 1, f"'{sign}' has no meaning in a condition", help_text=help_text)
        return at + 1

    def date(self, at: int, end: int) -> int:
        try:
            value = dt.date.fromisoformat(self.text[at:end])
        except ValueError:
            self.problem(at, end - at, f"there is no day {self.text[at:end]}", help_text="A date is year-month-day.")
            return end
        return self.add(Sort.DATE, at, end, value)

    def clock(self, at: int, end: int) -> int:
        minute = parse_clock(self.text[at:end])
        if minute is None:
            self.problem(
                at, end - at, f"there is no time {self.text[at:end]}", help_text="A day runs from 00:00 to 23:59."
            )
            return end
        return self.add(Sort.CLOCK, at, end, minute)

    def number(self, at: int, end: int) -> int:
        word = self.text[at:end]
        if word.endswith("%"):
            return self.add(Sort.PERCENT, at, end, Decimal(word[:-1]).scaleb(-2))
        unit = _UNIT_AFTER.match(self.text, end)
        if unit and unit[1].lower() not in KEYWORDS | PLACE_WORDS:
            return self.duration(at, end, unit)
        if "." in word:
            return self.add(Sort.NUMBER, at, end, Decimal(word))
        return self.add(Sort.INTEGER, at, end, int(word))

    def duration(self, at: int, number_end: int, unit: re.Match[str]) -> int:
        """Read `30 days` or `1 day 12 hours`, whose first number ends at `number_end`."""
        end = unit.end()
        if "." in self.text[at:number_end]:
            self.problem(
                at,
                end - at,
                "a duration counts whole units",
                help_text="Use a smaller unit: '36 hours', not '1.5 days'.",
            )
            return end
        span = parse_span(self.text[at:end])
        if span is None:
            self.unknown_unit(unit)
            return end
        while (more := _MORE_TIME.match(self.text, end)) and parse_span(more[0]) is not None:
            longer = parse_span(self.text[at : more.end()])
            if longer is None:
                break
            end, span = more.end(), longer
        return self.add(Sort.DURATION, at, end, span)

    def unknown_unit(self, unit: re.Match[str]) -> None:
        word = unit[1]
        start, length = unit.start(1), len(word)
        if parse_span(f"1 {word}") is not None:
            self.problem(start, length, "no duration is longer than 100 years", code="duration-too-long")
            return
        near = nearest_word(word, UNITS)
        hint = f"; did you mean '{near}'?" if near else ""
        self.problem(
            start,
            length,
            f"'{word}' is not a unit of time{hint}",
            help_text=None if near else "Between a number and a name stands an operator; a duration is '30 days'.",
            code="unknown-unit",
        )


def parse_clock(text: str) -> int | None:
    """Return the minute of the day of `09:00`, or None where there is no such time."""
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text)
    if found is None:
        return None
    hour, minute = int(found[1]), int(found[2])
    return hour * _MINUTES + minute if hour < _HOURS and minute < _MINUTES else None


def read_tokens(text: str, place: Place) -> tuple[list[Token], list[Problem]]:
    """Return the tokens of a text that stands at `place`, an END last, and what could not be read."""
    lexer = _Lexer(text, place)
    at = 0
    while at < len(text):
        at = lexer.step(at)
    lexer.add(Sort.END, len(text), len(text))
    return lexer.tokens, lexer.problems
