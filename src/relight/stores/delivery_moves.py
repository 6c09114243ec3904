"""What every store asks before it moves a message: may this claim speak, may this address be written to. Pure."""

from __future__ import annotations

from relight.messages.life import MessageCause, MessageState, advance_message, may_advance
from relight.stores.interface import Settlement, Suppression
from relight.streams.envelope import Control, Record

_MARKETING, _TRANSACTIONAL, _INTERNAL = "marketing", "transactional", "internal"


def is_refused(message_class: str, scope: str | None) -> bool:
    """Return whether a suppression of this scope (None: there is none) stops a message of this class (G5)."""
    if scope is None or message_class == _INTERNAL:
        return False
    return scope != _MARKETING or message_class != _TRANSACTIONAL


def next_state(before: MessageState, token: int, one: Settlement) -> MessageState | None:
    """Return the state a settlement leads to, None where an older claim speaks or the table has no such move (S5)."""
    if one.token is None and before is MessageState.SENDING:
        return None  # only the claim that is sending may say what became of it
    if one.token is not None and (one.token != token or before is not MessageState.SENDING):
        return None
    if one.cause is MessageCause.TAKEN or not may_advance(before, one.cause):
        return None
    return advance_message(before, one.cause)


def suppression_of(record: Record) -> tuple[str, Suppression] | None:
    """Return what a control record says about an address (H1), None for every other record."""
    if not isinstance(record, Control) or record.kind != "suppression":
        return None
    scope, cause = record.detail.get("scope", "all"), record.detail.get("cause", "")
    return record.subject, Suppression(scope=str(scope), cause=str(cause), at=record.ingest_time)


def is_wider(new: Suppression, old: Suppression | None) -> bool:
    """Return whether a suppression replaces the one that stands: the first reason stays, unless a wider scope comes."""
    return old is None or (old.scope == _MARKETING and new.scope != _MARKETING)
