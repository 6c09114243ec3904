"""Walks over the tokens of a condition and says what else was expected. Knows no grammar."""

from __future__ import annotations

from typing import NoReturn

from relight.base.problems import Place, Problem
from relight.streams.expressions.lexer import KEYWORDS, Sort, Token


class SyntaxFoundError(Exception):
    """A syntax mistake, on its way out of the parser."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Cursor:
    """The tokens of one text, and how far they are read."""

    def __init__(self, tokens: list[Token], place: Place) -> None:
        self.tokens = tokens
        self.place = place
        self.at = 0
        #: Levels that are open here.
        self.depth = 0

    # ------------------------------------------------------------ tokens
    @property
    def token(self) -> Token:
        """Return the token that comes next."""
        return self.tokens[self.at]

    def ended(self) -> bool:
        """Return whether nothing is left."""
        return self.token.sort is Sort.END

    def take(self) -> Token:
        """Return the next token and go on."""
        token = self.tokens[self.at]
        self.at += 1
        return token

    def is_word(self, text: str, ahead: int = 0) -> bool:
        """Return whether the token `ahead` is this symbol or word (a name in backquotes is neither)."""
        token = self.tokens[min(self.at + ahead, len(self.tokens) - 1)]
        return token.text == text and token.sort in {Sort.SYMBOL, Sort.KEYWORD, Sort.NAME}

    def accept(self, text: str) -> bool:
        """Take this symbol or word if it comes next."""
        if self.is_word(text):
            self.at += 1
            return True
        return False

    def span(self, start: int) -> Place:
        """Return the place from character `start` to the end of the token taken last."""
        return self.place.shifted(start, self.tokens[self.at - 1].end - start)

    def refuse(self, message: str, help_text: str | None = None, token: Token | None = None) -> NoReturn:
        """End the parse with a problem at a token, by default the next."""
        at = token or self.token
        place = self.place.shifted(at.start, at.end - at.start)
        raise SyntaxFoundError(Problem(code="condition-syntax", message=message, place=place, help=help_text))

    def unexpected(self, expected: str) -> NoReturn:
        """End the parse because something else was expected."""
        token = self.token
        found = "the text ends here" if self.ended() else f"found '{token.text}'"
        help_text = None
        for word in (token.text, self.tokens[self.at - 1].text if self.at else ""):
            if word.lower() in KEYWORDS and word not in KEYWORDS:
                help_text = f"Write '{word.lower()}' in small letters."
        self.refuse(f"expected {expected}, {found}", help_text)

    def expect(self, text: str, role: str) -> None:
        """Take this symbol or word, or end the parse."""
        if not self.accept(text):
            self.unexpected(f"'{text}' {role}")
