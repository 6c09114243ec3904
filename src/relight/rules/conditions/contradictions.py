"""Finds conditions that can never hold, and parts that always do. Proves; what it cannot prove it leaves alone.

Operands that are compared with constants are narrowed over everything joined by `and`. Under `not`, `and` and `or`
change places. A comparison of something unknown is unknown, so `always` means: whenever the operand is known.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from relight.base.problems import Place, Problem
from relight.customers.facts import Function
from relight.rules.conditions.checked import (
    Checked,
    ComparisonOf,
    Constant,
    FactRead,
    KnownOf,
    LogicOf,
    Named,
    NotOf,
    bare,
    inner_parts,
)
from relight.rules.conditions.ranges import OPPOSITE, Range, describe, narrowed, natural_range

_NEVER_UNKNOWN = frozenset(
    {
        Function.COUNT,
        Function.DISTINCT,
        Function.OPEN,
        Function.STREAK,
        Function.EVER,
        Function.NEVER,
        Function.ACTIVE_DAYS,
    }
)
_SIGNS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    """One question, under `not` or not, and where the condition asks it (the name of a segment, where it is in one)."""

    part: Checked
    positive: bool
    place: Place

    @property
    def text(self) -> str:
        return self.part.text if self.positive else f"not {self.part.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A leaf as a comparison of an operand with a constant."""

    leaf: _Leaf
    operand: Checked
    sign: str
    value: Any


def find_contradictions(checked: Checked) -> list[Problem]:
    """Return `never-holds` errors and `always-holds` warnings of a condition, its filters included."""
    problems: list[Problem] = []
    _visit(checked, positive=True, problems=problems)
    return list(dict.fromkeys(problems))


def _visit(part: Checked, *, positive: bool, problems: list[Problem]) -> None:
    match part:
        case Named():
            _visit(part.inner, positive=positive, problems=problems)
        case NotOf():
            _visit(part.operand, positive=not positive, problems=problems)
        case LogicOf():
            joined = (part.operator == "and") is positive
            leaves = list(_flat(part, positive=positive, joined=joined, place=None))
            for leaf in leaves:
                _visit(leaf.part, positive=leaf.positive, problems=problems)
            if not problems:
                _judge_together(leaves, joined=joined, problems=problems)
        case _:
            _judge_leaf(part, positive=positive, problems=problems)
            _visit_filters(part, problems)


def _visit_filters(part: Checked, problems: list[Problem]) -> None:
    if isinstance(part, FactRead) and part.predicate is not None:
        _visit(part.predicate, positive=True, problems=problems)
    for inner in inner_parts(part):
        _visit_filters(inner, problems)


def _flat(part: Checked, *, positive: bool, joined: bool, place: Place | None) -> Iterator[_Leaf]:
    """Yield what `and` (joined) or `or` joins, through names, negations and further `and`s or `or`s."""
    match part:
        case Named() if isinstance(bare(part), LogicOf | NotOf | ComparisonOf | KnownOf | FactRead):
            yield from _flat(part.inner, positive=positive, joined=joined, place=place or part.place)
        case NotOf():
            yield from _flat(part.operand, positive=not positive, joined=joined, place=place)
        case LogicOf() if ((part.operator == "and") is positive) is joined:
            for operand in part.operands:
                yield from _flat(operand, positive=positive, joined=joined, place=place)
        case _:
            yield _Leaf(part=part, positive=positive, place=place or part.place)


# ---------------------------------------------------------------- one leaf
def _judge_leaf(part: Checked, *, positive: bool, problems: list[Problem]) -> None:
    verdict, reason = _verdict(part)
    if verdict is None:
        return
    if verdict is positive:
        problems.append(_always(f"'{part.text}' always holds{reason}", part.place))
        return
    words = "can never hold" if positive else "always holds, so 'not' makes it impossible"
    problems.append(_never(f"'{part.text}' {words}{reason}", part.place))


def _verdict(part: Checked) -> tuple[bool | None, str]:
    """Return the truth a leaf has whenever it is known, or None; and the reason, for the end of a sentence."""
    match part:
        case Constant():
            return (part.value if isinstance(part.value, bool) else None), ""
        case KnownOf():
            return _known_verdict(part)
        case ComparisonOf(left=Constant() as left, right=Constant() as right) if part.operator in _SIGNS:
            same = left.type.kind is right.type.kind or (left.type.is_number and right.type.is_number)
            return (bool(_SIGNS[part.operator](left.value, right.value)) if same else None), ""
    claim = _claim(_Leaf(part=part, positive=True, place=part.place))
    if claim is None or isinstance(claim.operand, Constant) or not isinstance(part, ComparisonOf):
        return None, ""
    if claim.sign in {"in", "not in"} and not claim.value:
        return claim.sign == "not in", "; the list is empty"
    natural = natural_range(claim.operand)
    if narrowed(natural, claim.sign, claim.value).is_empty:
        return False, describe(natural, claim.operand)
    if narrowed(natural, OPPOSITE[claim.sign], claim.value).is_empty:
        return True, describe(natural, claim.operand)
    return None, ""


def _known_verdict(part: KnownOf) -> tuple[bool | None, str]:
    operand = bare(part.operand)
    is_known = isinstance(operand, Constant) or (
        isinstance(operand, FactRead) and operand.fact.function in _NEVER_UNKNOWN
    )
    return (not part.negated if is_known else None), "; it is always known" if is_known else ""


# ---------------------------------------------------------------- leaves together
def _judge_together(leaves: list[_Leaf], *, joined: bool, problems: list[Problem]) -> None:
    """Judge everything that one `and` joins; or that one `or` joins, whose opposites an `and` would join."""
    turned = leaves if joined else [replace(leaf, positive=not leaf.positive) for leaf in leaves]
    claims: dict[tuple[Checked, type], list[_Claim]] = {}
    unknown: dict[Checked, _Leaf] = {}
    for leaf in turned:
        if isinstance(leaf.part, KnownOf):
            if leaf.part.negated is leaf.positive:
                unknown[bare(leaf.part.operand)] = leaf
            continue
        claim = _claim(leaf)
        if claim is not None:
            claims.setdefault((claim.operand, _family(claim)), []).append(claim)
    for (operand, _), group in claims.items():
        if joined and operand in unknown:
            problems.append(_clash(unknown[operand], group[0].leaf))
        clash = _first_clash(natural_range(operand), group)
        if clash is None:
            continue
        first, second = clash
        if joined:
            problems.append(_clash(first.leaf, second.leaf))
        else:
            texts = [leaf.text for leaf in leaves if leaf.part in {first.leaf.part, second.leaf.part}]
            message = f"'{texts[0]}' or '{texts[-1]}' always holds"
            problems.append(_always(message, second.leaf.place))


def _clash(one: _Leaf, other: _Leaf) -> Problem:
    first, second = sorted((one, other), key=lambda leaf: leaf.place)
    message = f"'{first.text}' and '{second.text}' can never both hold"
    return _never(message, second.place, other=first.place)


def _first_clash(natural: Range, claims: list[_Claim]) -> tuple[_Claim, _Claim] | None:
    """Return the first claim that leaves nothing, with the earlier one it contradicts most plainly."""
    left = natural
    for index, claim in enumerate(claims):
        left = narrowed(left, claim.sign, claim.value)
        if not left.is_empty:
            continue
        for earlier in claims[:index]:
            alone = narrowed(narrowed(natural, earlier.sign, earlier.value), claim.sign, claim.value)
            if alone.is_empty:
                return earlier, claim
        return (claims[0], claim) if index else None
    return None


def _family(claim: _Claim) -> type:
    """Return what the constants must share to be compared with each other: a time may stand beside days or instants."""
    value = claim.value[0] if isinstance(claim.value, tuple) and claim.value else claim.value
    return type(value) if isinstance(value, str | bool) or hasattr(value, "toordinal") else float


def _claim(leaf: _Leaf) -> _Claim | None:
    """Return a leaf as a comparison with a constant; a plain question is `== true`."""
    part = bare(leaf.part)
    if isinstance(part, ComparisonOf) and part.operator in OPPOSITE and isinstance(part.right, Constant):
        sign = part.operator if leaf.positive else OPPOSITE[part.operator]
        return _Claim(leaf=leaf, operand=bare(part.left), sign=sign, value=part.right.value)
    if isinstance(part, Constant | LogicOf):
        return None
    truth = leaf.positive
    if isinstance(part, FactRead) and part.fact.function is Function.NEVER:
        part, truth = replace(part, fact=replace(part.fact, function=Function.EVER)), not truth
    return _Claim(leaf=leaf, operand=part, sign="==", value=truth)


def _never(message: str, place: Place, *, other: Place | None = None) -> Problem:
    return Problem(code="never-holds", message=message, place=place, other=other)


def _always(message: str, place: Place) -> Problem:
    return Problem(code="always-holds", message=message, place=place, severity="warning")
