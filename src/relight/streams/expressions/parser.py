"""Builds the syntax tree of a condition or an event pattern. Knows no names and no types.

Loosest first: `or`, `and`, `not`, comparisons (which do not chain), `+ -`, `* /`, sign, values.
A syntax mistake ends the text's parse, so each text yields at most one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn

from relight.base.problems import Place, Problem
from relight.base.suggest import nearest_word
from relight.streams.expressions.cursor import Cursor, SyntaxFoundError
from relight.streams.expressions.lexer import KEYWORDS, Sort, Token, read_tokens
from relight.streams.expressions.nodes import (
    CONDITION_DEPTH_MAX,
    CONDITION_LENGTH_MAX,
    LIST_LENGTH_MAX,
    Arithmetic,
    Call,
    Comparison,
    EventPattern,
    Filtered,
    Form,
    Keyword,
    Known,
    ListLiteral,
    Literal,
    Logic,
    Name,
    Negative,
    Node,
    Not,
    first_too_deep,
)

_COMPARATORS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_LITERALS = {
    Sort.TEXT: Form.TEXT,
    Sort.INTEGER: Form.INTEGER,
    Sort.NUMBER: Form.NUMBER,
    Sort.PERCENT: Form.PERCENT,
    Sort.DATE: Form.DATE,
    Sort.CLOCK: Form.CLOCK,
    Sort.DURATION: Form.DURATION,
}
#: An event's name alone, which needs no parser.
_BARE = re.compile(r"[^\W\d]\w*")
_SIGNED = frozenset({Form.INTEGER, Form.NUMBER, Form.PERCENT})


class _Parser(Cursor):
    """A recursive descent over the tokens of one text."""

    # ------------------------------------------------------------ grammar
    def whole(self) -> Node:
        if self.ended():
            self.refuse("there is no condition here")
        node = self.either()
        if not self.ended():
            self.left_over()
        return node

    def left_over(self) -> NoReturn:
        if self.is_word("where"):
            self.refuse(
                "'where' filters an event inside a function",
                "Write 'ever(order_placed where total > 100)', or use 'and' between conditions.",
            )
        if self.is_word(")"):
            self.refuse("this ')' closes nothing")
        if self.token.text in _COMPARATORS:
            self.refuse("comparisons do not chain", "Write 'x > 1 and x < 3'.")
        self.unexpected("'and', 'or' or an operator")

    def either(self) -> Node:
        self.depth += 1
        if self.depth > CONDITION_DEPTH_MAX:
            raise SyntaxFoundError(_too_deep(self.place.shifted(self.token.start, 1)))
        node = self.joined("or", self.joined_and)
        self.depth -= 1
        return node

    def joined_and(self) -> Node:
        return self.joined("and", self.negated)

    def joined(self, word: str, operand: Callable[[], Node]) -> Node:
        start = self.token.start
        parts = [operand()]
        while self.accept(word):
            parts.append(operand())
        if len(parts) == 1:
            return parts[0]
        flat: list[Node] = []
        for part in parts:
            flat.extend(part.operands if isinstance(part, Logic) and part.operator == word else (part,))
        return Logic(operator=word, operands=tuple(flat), place=self.span(start))

    def negated(self) -> Node:
        start = self.token.start
        if not self.is_word("not"):
            return self.compared()
        self.take()
        self.depth += 1
        if self.depth > CONDITION_DEPTH_MAX:
            raise SyntaxFoundError(_too_deep(self.place.shifted(start, 3)))
        operand = self.negated()
        self.depth -= 1
        return Not(operand=operand, place=self.span(start))

    def compared(self) -> Node:
        start = self.token.start
        left = self.sum()
        operator = self.comparator()
        if operator is None:
            return left
        if operator in {"is known", "is unknown"}:
            return Known(operand=left, negated=operator == "is unknown", place=self.span(start))
        bracket, bracket_at = self.is_word("("), self.token.start
        right = self.sum()
        if operator in {"in", "not in"} and bracket and isinstance(right, Literal):
            # `plan in ("pro")` is a list of one; elsewhere the brackets only group.
            right = ListLiteral(items=(right,), place=self.span(bracket_at))
        return Comparison(operator=operator, left=left, right=right, place=self.span(start))

    def comparator(self) -> str | None:
        """Take a comparing operator, or nothing."""
        token = self.token
        if token.sort is Sort.SYMBOL and token.text in _COMPARATORS:
            return self.take().text
        if self.accept("in"):
            return "in"
        if self.accept("contains"):
            return "contains"
        if self.is_word("not") and self.is_word("in", 1):
            self.at += 2
            return "not in"
        if self.is_word("starts"):
            self.take()
            self.expect("with", "after 'starts'")
            return "starts with"
        if self.accept("is"):
            negated = self.accept("not")
            if self.accept("known"):
                return "is unknown" if negated else "is known"
            if self.accept("unknown"):
                return "is known" if negated else "is unknown"
            self.refuse(
                "after 'is' stands 'known' or 'unknown'", "Compare with '=='.", self.tokens[self.at - 1 - negated]
            )
        return None

    def sum(self) -> Node:
        start = self.token.start
        node = self.product()
        while self.token.sort is Sort.SYMBOL and self.token.text in {"+", "-"}:
            operator = self.take().text
            right = self.product()
            node = Arithmetic(operator=operator, left=node, right=right, place=self.span(start))
        return node

    def product(self) -> Node:
        start = self.token.start
        node = self.signed()
        while self.token.sort is Sort.SYMBOL and self.token.text in {"*", "/"}:
            operator = self.take().text
            right = self.signed()
            node = Arithmetic(operator=operator, left=node, right=right, place=self.span(start))
        return node

    def signed(self) -> Node:
        start = self.token.start
        if not self.is_word("-"):
            return self.atom()
        self.take()
        self.depth += 1
        if self.depth > CONDITION_DEPTH_MAX:
            raise SyntaxFoundError(_too_deep(self.place.shifted(start, 1)))
        operand = self.signed()
        self.depth -= 1
        if isinstance(operand, Literal) and operand.form in _SIGNED and isinstance(operand.value, int | Decimal):
            return Literal(form=operand.form, value=-operand.value, place=self.span(start))
        return Negative(operand=operand, place=self.span(start))

    def atom(self) -> Node:
        token = self.token
        form = _LITERALS.get(token.sort)
        if form is not None:
            self.take()
            assert token.value is not None
            return Literal(form=form, value=token.value, place=self.span(token.start))
        if self.is_word("true") or self.is_word("false"):
            self.take()
            return Literal(form=Form.BOOLEAN, value=token.text == "true", place=self.span(token.start))
        if token.sort is Sort.NAME:
            return self.named()
        if not self.is_word("("):
            self.unexpected("a value")
        return self.bracketed()

    def bracketed(self) -> Node:
        """Read `(condition)` or a list, which has a comma or is empty."""
        start = self.take().start
        if self.is_word(")"):
            return self.members_after(start, [])
        node = self.either()
        if self.accept(","):
            return self.members_after(start, [node])
        self.expect(")", "to close the bracket")
        return node

    def members_after(self, start: int, items: list[Node]) -> ListLiteral:
        """Read the rest of a list that began at character `start`."""
        while not self.is_word(")"):
            items.append(self.either())
            if not self.accept(","):
                break
        self.expect(")", "or ',' in the list")
        if len(items) > LIST_LENGTH_MAX:
            message = f"this list has {len(items)} members; the most is {LIST_LENGTH_MAX}"
            raise SyntaxFoundError(Problem(code="list-too-long", message=message, place=self.span(start)))
        return ListLiteral(items=tuple(items), place=self.span(start))

    def named(self) -> Node:
        token = self.take()
        parts = [str(token.value)]
        if self.is_word("(") and not token.text.startswith("`"):
            return self.call(token)
        while self.is_word("."):
            self.take()
            if self.token.sort not in {Sort.NAME, Sort.KEYWORD}:
                self.unexpected("a name after '.'")
            parts.append(str(self.take().value))
        return Name(parts=tuple(parts), place=self.span(token.start))

    def call(self, name: Token) -> Node:
        self.take()
        arguments: list[Node] = []
        keywords: list[Keyword] = []
        while not self.is_word(")"):
            start = self.token
            if start.sort is Sort.NAME and self.is_word(":", 1):
                self.at += 2
                value = self.either()
                keywords.append(Keyword(name=start.text, value=value, place=self.span(start.start)))
            else:
                argument = self.argument()
                if keywords:
                    self.refuse("this argument stands after one by name", "Put it before.", start)
                arguments.append(argument)
            if not self.accept(","):
                break
        self.expect(")", f"or ',' in {name.text}(…)")
        return Call(
            function=name.text, arguments=tuple(arguments), keywords=tuple(keywords), place=self.span(name.start)
        )

    def argument(self) -> Node:
        start = self.token
        node = self.either()
        if not self.is_word("where"):
            return node
        if not isinstance(node, Name):
            self.refuse("'where' stands after the name of an event")
        self.take()
        where = self.either()
        return Filtered(subject=node, where=where, place=self.span(start.start))

    def pattern(self) -> EventPattern:
        token = self.token
        if token.sort is not Sort.NAME:
            self.unexpected("the name of an event")
        self.take()
        place = self.span(token.start)
        if self.ended():
            return EventPattern(event=str(token.value), place=place)
        if not self.accept("where"):
            self.no_where()
        return EventPattern(event=str(token.value), where=self.whole(), place=place)

    def no_where(self) -> NoReturn:
        near = nearest_word(self.token.text, ["where"])
        if near:
            self.refuse(f"expected 'where', found '{self.token.text}'", "Did you mean 'where'?")
        self.unexpected("'where' or the end after the name of an event")


def _too_deep(place: Place) -> Problem:
    return Problem(
        code="condition-too-deep",
        message=f"this condition is more than {CONDITION_DEPTH_MAX} levels deep",
        place=place,
        help="Give a part of it a name under `values` or `segments`.",
    )


def _prepare(text: str, place: Place) -> tuple[_Parser | None, list[Problem]]:
    if len(text) > CONDITION_LENGTH_MAX:
        message = f"this condition has {len(text)} characters; the most is {CONDITION_LENGTH_MAX}"
        return None, [Problem(code="condition-too-long", message=message, place=place.shifted(0, 1))]
    tokens, problems = read_tokens(text, place)
    return (None, problems) if problems else (_Parser(tokens, place), [])


def parse_condition(text: str, place: Place) -> tuple[Node | None, list[Problem]]:
    """Return the tree of a condition or expression, or None with what is wrong.

    `place` is where the first character of the one-line `text` stands.
    """
    parser, problems = _prepare(text, place)
    if parser is None:
        return None, problems
    try:
        node = parser.whole()
    except SyntaxFoundError as found:
        return None, [found.problem]
    deep = first_too_deep(node)
    return (node, []) if deep is None else (None, [_too_deep(deep.place)])


def parse_event_pattern(text: str, place: Place) -> tuple[EventPattern | None, list[Problem]]:
    """Return the pattern of `E` or `E where …`, or None with what is wrong."""
    if _BARE.fullmatch(text) and text not in KEYWORDS and len(text) <= CONDITION_LENGTH_MAX:
        return EventPattern(event=text, place=place.shifted(0, len(text))), []
    parser, problems = _prepare(text, place)
    if parser is None:
        return None, problems
    try:
        pattern = parser.pattern()
    except SyntaxFoundError as found:
        return None, [found.problem]
    deep = first_too_deep(pattern.where) if pattern.where is not None else None
    return (pattern, []) if deep is None else (None, [_too_deep(deep.place)])
