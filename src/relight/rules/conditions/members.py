"""Checks `members(…)`: for how many people of the customer's account a condition holds, the customer among them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from relight.base.kinds import Kind
from relight.customers.facts import Function
from relight.rules.conditions.checked import Checked, Constant, MembersRead
from relight.rules.conditions.contradictions import find_contradictions
from relight.rules.conditions.types import BOOLEAN, INTEGER
from relight.streams.expressions.nodes import (
    Arithmetic,
    Call,
    Comparison,
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
)
from relight.streams.expressions.printing import print_node

if TYPE_CHECKING:
    from relight.rules.conditions.scope import Scope, Walk

_FORM = 'members(role == "admin")'


def check_members(node: Call, walk: Walk) -> Checked | None:
    """Return the number of people it counts, or None after reporting what is wrong."""
    if walk.scope.in_members:
        message = "'members(…)' stands inside another, and people are counted by what is known of each alone"
        walk.report("not-here", message, node.place, "Join the two by 'and', each counted alone.")
        return None
    if not walk.scope.has_accounts:
        message = "nothing says which account somebody belongs to"
        help_text = "write `accounts: {key: <trait or field>}` in config/default.yaml"
        walk.report("no-accounts", message, node.place, help_text)
        return None
    if node.keywords or len(node.arguments) > 1:
        walk.wrong_argument(node, f"'{Function.MEMBERS}' takes one condition, or nothing for everybody", _FORM)
        return None
    inner: Checked | None
    if not node.arguments:
        inner = Constant(type=BOOLEAN, text="true", place=node.place, value=True)
    else:
        # It means the same whoever of the account is asked, so it reads nothing of the place where it is used.
        plain = replace(walk.scope, entry=None, event=None, row=None, allow=frozenset(), in_members=True)
        inner = walk.inside(scope=plain, expanding=walk.expanding).check(node.arguments[0])
    if inner is None:
        return None
    if inner.type.kind is not Kind.BOOLEAN:
        walk.wrong_argument(node.arguments[0], f"'{inner.text}' is {inner.type}, not true or false", _FORM)
        return None
    if node.arguments:
        walk.problems.extend(find_contradictions(inner))
    key = print_node(_spelled(node.arguments[0], walk.scope)) if node.arguments else ""
    return MembersRead(type=INTEGER, text=print_node(node), place=node.place, key=key, inner=inner)


def _spelled(node: Node, scope: Scope) -> Node:
    """Return a tree with values, segments and lists written out: its text changes when what it means does."""

    def spell(one: Node) -> Node:
        return _spelled(one, scope)

    match node:
        case Name(parts=(word,)):
            if word in scope.lists:
                items = tuple(Literal(form=Form.TEXT, value=text) for text in scope.lists[word])
                return ListLiteral(items=items)
            found = scope.values.get(word) or scope.segments.get(word)
            return node if found is None else spell(found)
        case Filtered():
            # Names in a filter are the event's own properties, or lists.
            return replace(node, where=_spelled(node.where, replace(scope, values={}, segments={})))
        case ListLiteral():
            return replace(node, items=tuple(map(spell, node.items)))
        case Call():
            keywords = tuple(Keyword(name=one.name, value=spell(one.value)) for one in node.keywords)
            return replace(node, arguments=tuple(map(spell, node.arguments)), keywords=keywords)
        case Logic():
            return replace(node, operands=tuple(map(spell, node.operands)))
        case Not() | Negative() | Known():
            return replace(node, operand=spell(node.operand))
        case Arithmetic() | Comparison():
            return replace(node, left=spell(node.left), right=spell(node.right))
        case _:
            return node
