"""What every store asks before it moves a message: may this claim speak, may this address be written to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from relight.messages.addresses import UNSUBSCRIBED
from relight.messages.ledger import OutboxMessage
from relight.messages.life import MessageCause, MessageState, advance_message, may_advance
from relight.rules.world import SOFT_BOUNCES, SOFT_SUPPRESSED_SPAN
from relight.stores.interface import Refusal, Settlement, Suppression
from relight.streams.envelope import Control, Record

#: States in which a message may still have to leave, so that it keeps its body.
KEEPS_BODY = frozenset({MessageState.PENDING, MessageState.SENDING, MessageState.UNKNOWN})
#: States that say that a message was handed over, or may have been.
HANDED_OVER = frozenset({MessageState.ACCEPTED, MessageState.UNKNOWN})
_MARKETING, _TRANSACTIONAL, _INTERNAL = "marketing", "transactional", "internal"


def is_refused(message_class: str, scope: str | None) -> bool:
    """Return whether a suppression of this scope (None: there is none) stops a message of this class (G5)."""
    if scope is None or message_class == _INTERNAL:
        return False
    return scope != _MARKETING or message_class != _TRANSACTIONAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A message that may be taken, with what the suppression list says of its address."""

    message: OutboxMessage
    token: int
    attempts: int
    #: What the list says of the address; None where it is not on it.
    stands: Suppression | None


def refusal_of(due: Due, refused: Mapping[str, Refusal], now: int) -> Refusal | None:
    """Return why a due message may not be taken at `now` (µs): its address, the second look (refused), or its time."""
    message = due.message
    stands = due.stands
    if stands is not None and is_refused(message.message_class, stands.scope) and not has_lapsed(stands, now):
        text = f"the address is suppressed ({stands.scope}): {stands.cause}"
        return Refusal(cause=MessageCause.SUPPRESSED_BEFORE_SENDING, text=text)
    refusal = refused.get(message.occurrence_key)
    if refusal is None and message.expires_at is not None and now > message.expires_at:
        return Refusal(cause=MessageCause.EXPIRED_BEFORE_SENDING)
    return refusal


def next_state(before: MessageState, token: int, one: Settlement) -> MessageState | None:
    """Return the state a settlement leads to, None where an older claim speaks or the table has no such move (S5)."""
    if one.token is None and before is MessageState.SENDING:
        return None  # only the claim that is sending may say what became of it
    if one.token is not None and (one.token != token or before is not MessageState.SENDING):
        return None
    if one.cause is MessageCause.TAKEN or not may_advance(before, one.cause):
        return None
    return advance_message(before, one.cause)


def spent_attempts(before: int, state: MessageState, one: Settlement) -> int:
    """Return the attempts spent on a message once a claim's outcome is settled; a word without claim spends none."""
    return before + (one.spends and one.token is not None and state is not MessageState.SENDING)


def without_body(message: OutboxMessage) -> OutboxMessage:
    """Return what stays of a message for ever: whom it went to and what it was, not what it said."""
    return msgspec.structs.replace(message, subject="", html="", text="", headers={})


def suppression_of(record: Record) -> tuple[str, Suppression] | None:
    """Return what a control record says about an address (H1), None for every other record."""
    if not isinstance(record, Control) or record.kind != "suppression":
        return None
    scope, cause = record.detail.get("scope", "all"), record.detail.get("cause", "")
    return record.subject, Suppression(scope=str(scope), cause=str(cause), at=record.ingest_time)


def is_wider(new: Suppression, old: Suppression | None) -> bool:
    """Return whether a suppression replaces the one that stands.

    The first reason stays, unless a wider scope comes, or one that the person cannot lift; soft bounces, which lapse,
    give way to everything and never take the place of anything else.
    """
    if old is None or old.scope != _MARKETING:
        return old is None
    if old.cause == SOFT_BOUNCES or new.scope != _MARKETING:
        return True
    return old.cause == UNSUBSCRIBED and new.cause not in {UNSUBSCRIBED, SOFT_BOUNCES}


def has_lapsed(stands: Suppression, now: int) -> bool:
    """Return whether a suppression does not hold any more at `now` (µs): only one after soft bounces ever lapses."""
    return stands.cause == SOFT_BOUNCES and now >= stands.at + SOFT_SUPPRESSED_SPAN


def is_lifted(stands: Suppression | None) -> bool:
    """Return whether a record of scope `none` takes away what stands: only the person's own unsubscribe."""
    return stands is not None and stands.cause == UNSUBSCRIBED
