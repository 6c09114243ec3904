"""What follows from decisions: ledger rows, mails to send, counts of what got no row. Data only."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from relight.customers.profile import Entry
    from relight.decide.due import Deadline
    from relight.messages.ledger import LedgerRow
    from relight.rules.plan import MessageClass, Rule, Sender, Step


class Mail(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message that passed the gate: its row, and what was rendered."""

    row: LedgerRow
    rule: Rule
    step: Step
    entry: Entry
    message_class: MessageClass
    sender: Sender
    #: Of the customer or the team; may be empty for a webhook.
    address: str
    #: `templates.Rendered`.
    rendered: Any
    #: µs after which it is no longer worth sending.
    expires_at: int


class TraitSet(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A set step that was reached. No row tells of it: it is told by who watches the engine, a rule test."""

    customer: str
    rule: str
    step: str
    trait: str
    #: In memory form; None: it became unknown.
    value: object
    #: µs.
    at: int


@dataclass(slots=True, kw_only=True)
class Effects:
    """Collected in the order they follow."""

    rows: list[LedgerRow] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    sets: list[TraitSet] = field(default_factory=list)
    #: (rule, reason, local day of the project) -> how often (R6).
    counted: dict[tuple[str, str, int], int] = field(default_factory=dict)
    #: Customers of whom nothing is counted: they are decided on for what others are told, and counted elsewhere.
    elsewhere: Container[str] = frozenset()
    #: The next deadline of the customer decided on last, where it was searched; saves searching it again.
    following: Deadline | None = None
