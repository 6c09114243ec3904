"""The life of a message: one transition table (S2). Nothing else assigns a state.

Which cause occurs is decided elsewhere: the gate before `sending`, the sender and provider outcomes after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from relight.base.errors import FaultError


class MessageState(StrEnum):
    """Where a message is."""

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"


class MessageCause(StrEnum):
    """What moves a message."""

    #: A sender took the lease; the intent is durable.
    TAKEN = "taken"
    #: The provider answered in full that it has the message.
    PROVIDER_ACCEPTED = "provider_accepted"
    #: Surely not sent, or refused for now: it may be tried again.
    RETRY = "retry"
    #: The provider answered in full that it will never take it.
    PROVIDER_REJECTED = "provider_rejected"
    #: As many attempts as allowed were made.
    RETRIES_EXHAUSTED = "retries_exhausted"
    #: The body had begun to leave and no full answer came.
    NO_ANSWER = "no_answer"
    #: The sender's lease ran out before it wrote an outcome.
    LEASE_RAN_OUT = "lease_ran_out"
    #: The address was suppressed after the gate.
    SUPPRESSED_BEFORE_SENDING = "suppressed_before_sending"
    #: The consent was withdrawn after the gate.
    CONSENT_WITHDRAWN = "consent_withdrawn"
    #: The rule, or everything, was paused after the gate.
    RULE_PAUSED = "rule_paused"
    #: No code was left in its pool.
    POOL_EMPTY = "pool_empty"
    #: It was not worth sending any more.
    EXPIRED_BEFORE_SENDING = "expired_before_sending"
    #: The mailbox has it.
    PROVIDER_DELIVERED = "provider_delivered"
    #: The mailbox refused it, or the provider dropped it.
    PROVIDER_BOUNCED = "provider_bounced"
    #: The person called it spam.
    RECIPIENT_COMPLAINED = "recipient_complained"
    #: An operator, or `on_unknown: retry`, decides to send it again.
    SEND_AGAIN = "send_again"


_S, _C = MessageState, MessageCause

#: state -> cause -> next state. A missing key is an illegal move.
TRANSITIONS: Final[Mapping[MessageState, Mapping[MessageCause, MessageState]]] = MappingProxyType({
    _S.PENDING: {
        _C.TAKEN: _S.SENDING,
        _C.SUPPRESSED_BEFORE_SENDING: _S.SUPPRESSED,
        _C.CONSENT_WITHDRAWN: _S.SUPPRESSED,
        _C.RULE_PAUSED: _S.SUPPRESSED,
        _C.POOL_EMPTY: _S.SUPPRESSED,
        _C.EXPIRED_BEFORE_SENDING: _S.EXPIRED,
    },
    _S.SENDING: {
        _C.PROVIDER_ACCEPTED: _S.ACCEPTED,
        _C.RETRY: _S.PENDING,
        _C.PROVIDER_REJECTED: _S.REJECTED,
        _C.RETRIES_EXHAUSTED: _S.REJECTED,
        _C.NO_ANSWER: _S.UNKNOWN,
        _C.LEASE_RAN_OUT: _S.UNKNOWN,
    },
    _S.UNKNOWN: {
        _C.PROVIDER_ACCEPTED: _S.ACCEPTED,
        _C.PROVIDER_DELIVERED: _S.DELIVERED,
        _C.PROVIDER_BOUNCED: _S.BOUNCED,
        _C.PROVIDER_REJECTED: _S.REJECTED,
        _C.RETRIES_EXHAUSTED: _S.REJECTED,
        _C.SEND_AGAIN: _S.PENDING,
    },
    _S.ACCEPTED: {
        _C.PROVIDER_DELIVERED: _S.DELIVERED,
        _C.PROVIDER_BOUNCED: _S.BOUNCED,
        _C.RECIPIENT_COMPLAINED: _S.COMPLAINED,
    },
    _S.DELIVERED: {
        _C.PROVIDER_BOUNCED: _S.BOUNCED,
        _C.RECIPIENT_COMPLAINED: _S.COMPLAINED,
    },
    _S.BOUNCED: {},
    _S.COMPLAINED: {},
    _S.REJECTED: {},
    _S.SUPPRESSED: {},
    _S.EXPIRED: {},
})  # fmt: skip

#: Where every message begins.
FIRST_STATE: Final = MessageState.PENDING
#: States that nothing leads out of.
FINAL_STATES: Final = frozenset(state for state, moves in TRANSITIONS.items() if not moves)


def advance_message(state: MessageState, cause: MessageCause) -> MessageState:
    """Return the next state; raises FaultError when the table has no such move."""
    found = TRANSITIONS[state].get(cause)
    if found is None:
        raise FaultError(f"a message that is '{state}' cannot move by '{cause}'")
    return found


def may_advance(state: MessageState, cause: MessageCause) -> bool:
    """Return whether the table has this move; late and repeated provider events ask first."""
    return cause in TRANSITIONS[state]


def draw_life() -> str:
    """Return the diagram of docs/message-life.md, one line a move, drawn from the table."""
    lines = ["    (new)", f"      └─> {FIRST_STATE}", ""]
    for state, moves in TRANSITIONS.items():
        if not moves:
            continue
        lines.append(f"    {state}")
        causes: dict[MessageState, list[MessageCause]] = {}
        for cause, target in moves.items():
            causes.setdefault(target, []).append(cause)
        width = max(len(", ".join(found)) for found in causes.values())
        for number, (target, found) in enumerate(causes.items(), start=1):
            corner = "└" if number == len(causes) else "├"
            lines.append(f"      {corner}─ {', '.join(found):<{width}} ─> {target}")
        lines.append("")
    lines.append("    final: " + ", ".join(state for state in MessageState if state in FINAL_STATES))
    return "\n".join(lines) + "\n"
