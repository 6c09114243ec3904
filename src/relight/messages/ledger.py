"""What is written down about an occurrence (H7): the row of the decision ledger, and the message it puts in the outbox.

Knows nothing of stores and providers; what happened at sending stands in the delivery journal.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from relight.base.ids import digest
from relight.messages.reasons import RowState

#: Keys that are known without reckoning: a message asks for its own for its links, its hash and its row.
KEYS_KEPT = 64


@lru_cache(maxsize=KEYS_KEPT)
def occurrence_key(project: str, rule: str, customer: str, *, occurrence: str, step: str = "") -> str:
    """Return the identity of an occurrence's step, 32 hex digits (S1); equal on every machine."""
    return digest(project, rule, customer, occurrence, step)


class LedgerRow(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False):
    """One row of the decision ledger: deterministic, written once, never changed."""

    #: `occurrence_key` of the fields below: 32 hex digits, unique in the ledger.
    occurrence_key: str
    rule: str
    customer: str
    #: What happened, as text: `silence:1700000000000000:help`.
    occurrence: str
    #: Id of the step; empty for the entry itself.
    step: str = ""
    state: RowState
    #: One of the closed list of reasons (G6); None where nothing was refused.
    reason: str | None = None
    #: The comparison that decided, as written.
    leaf: str | None = None
    #: The value that decided, for people.
    number: str | None = None
    #: The deadline d, µs; None where a record decided.
    deadline: int | None = None
    #: The judgement instant j, µs (H2).
    judged: int
    #: When the message is to leave, µs; None where none is.
    scheduled: int | None = None
    plan_version: str
    #: Hash of subject, text, HTML and headers without Date, DKIM and boundary; None where nothing was rendered.
    content_hash: str | None = None
    #: Where in the project's YAML: `rules/quiet.yaml:12:5`.
    place: str | None = None

    @property
    def instant(self) -> int:
        """The instant the row is about: the deadline, else the judgement, µs."""
        return self.judged if self.deadline is None else self.deadline


class OutboxMessage(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False):
    """One rendered message, written in the transaction of the change that caused it."""

    #: Of the ledger row that put it here; Message-ID and provider arguments derive from it (S1).
    occurrence_key: str
    rule: str
    customer: str
    step: str
    #: As it goes into the To header.
    address: str
    #: `marketing`, `transactional` or `internal` (G5).
    message_class: str
    #: When it may leave, µs.
    scheduled: int
    #: After this instant it is not worth sending, µs; None never.
    expires_at: int | None = None
    subject: str
    html: str
    text: str
    #: Further headers, by name.
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    content_hash: str
    template: str
    locale: str
    #: How it leaves: `email`, or `webhook`, where `address` is a name of config's `webhooks` and `text` the body.
    channel: str = "email"
    #: The consent it needs; empty for none.
    topic: str = ""
    #: The pool that its code is drawn from when it is taken to be sent (S6); empty for none.
    pool: str = ""
