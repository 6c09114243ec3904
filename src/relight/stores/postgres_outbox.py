"""The outbox and the delivery journal in PostgreSQL: who may send what until when, and what became of it (S2-S5).

Functions of a cursor inside the caller's transaction; the table of `messages.life` alone says which state follows.
Several senders take different messages (SKIP LOCKED). Journal numbers are drawn under a lock that lasts until the
commit, so that a reader who has seen number n has seen every smaller one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from relight.base.instants import MINUTE
from relight.messages.addresses import address_hash
from relight.messages.identity import occurrence_digest
from relight.messages.ledger import OutboxMessage
from relight.messages.life import FIRST_STATE, MessageCause, MessageState, advance_message
from relight.stores import postgres_codes
from relight.stores.code_draws import draw_codes
from relight.stores.delivery_moves import (
    HANDED_OVER,
    KEEPS_BODY,
    Due,
    next_state,
    refusal_of,
    spent_attempts,
    without_body,
)
from relight.stores.interface import Attempt, Claim, Claimed, LookAgain, MessageStatus, Only, Settlement, Suppression
from relight.stores.postgres_connection import Cursor
from relight.stores.record_codec import encode_row, message_place, open_message, seal

_COLUMNS = "key, state, token, due, lease_until, owner, body, crc"


def insert_messages(cursor: Cursor, messages: Iterable[OutboxMessage]) -> None:
    """Put messages into the outbox; one whose key is there already changes nothing (I3)."""
    found = list(messages)
    if not found:
        return
    bodies = [encode_row(message) for message in found]
    cursor.execute(
        "INSERT INTO outbox (key, address_hash, message_class, state, due, token, body, crc, rule)"
        " SELECT key, hash, class, %s, due, 0, body, crc, rule FROM unnest(%b::text[], %b::text[], %b::text[],"
        " %b::bigint[], %b::bytea[], %b::bigint[], %b::text[]) AS new (key, hash, class, due, body, crc, rule)"
        " ON CONFLICT (key) DO NOTHING",
        (
            FIRST_STATE.value,
            [message.occurrence_key for message in found],
            [address_hash(message.address) for message in found],
            [str(message.message_class) for message in found],
            [message.scheduled for message in found],
            bodies,
            [seal(message_place(one.occurrence_key), body) for one, body in zip(found, bodies, strict=True)],
            [message.rule for message in found],
        ),
    )
    keys = [message.occurrence_key for message in found]
    cursor.execute(
        "INSERT INTO links SELECT digest, key FROM unnest(%b::text[], %b::text[]) AS new (digest, key)"
        " ON CONFLICT (digest) DO NOTHING",
        ([occurrence_digest(key) for key in keys], keys),
    )


def due_messages(cursor: Cursor, now: int, limit: int, only: Only) -> list[Due]:
    """Return up to `limit` messages that are due and that no other sender is taking, locked until the commit.

    only: of these keys.
    """
    among, keys = ("", ()) if only is None else (" AND o.key = ANY(%b::text[])", (list(only),))
    rows = cursor.execute(
        "SELECT o.key, o.token, o.attempts, o.body, o.crc, s.scope, s.cause, s.at FROM outbox o"  # noqa: S608  # constants
        " LEFT JOIN suppressions s ON s.address_hash = o.address_hash"
        f" WHERE o.state = 'pending' AND o.due <= %s{among} ORDER BY o.due, o.seq LIMIT %s FOR UPDATE OF o SKIP LOCKED",
        (now, *keys, limit),
    ).fetchall()
    return [
        Due(
            message=open_message(key, body, crc),
            token=token,
            attempts=attempts,
            stands=None if said[0] is None else Suppression(scope=said[0], cause=said[1], at=said[2]),
        )
        for key, token, attempts, body, crc, *said in rows
    ]


def claim_due(  # noqa: PLR0913 - one claim, in the transaction that finds what is due
    cursor: Cursor, now: int, limit: int, *, owner: str, lease: int, look: LookAgain | None, only: Only
) -> Claimed:
    """Take due messages; those past their time, refused, or to a suppressed address are settled instead."""
    due = due_messages(cursor, now, limit, only)
    refused = look([one.message for one in due]) if look is not None and due else {}
    drawn = draw_codes(due, refused, now, lambda needy: postgres_codes.draw(cursor, needy, now))
    ready: list[Claim] = []
    suppressed: list[OutboxMessage] = []
    expired: list[OutboxMessage] = []
    for one in due:
        message, refusal = one.message, refusal_of(one, drawn.refused, now)
        if refusal is not None:
            _refuse(cursor, message, refusal.cause, now=now, text=refusal.text)
            (expired if refusal.cause is MessageCause.EXPIRED_BEFORE_SENDING else suppressed).append(message)
        else:
            ready.append(
                Claim(message=message, token=one.token + 1, lease_until=now + lease, owner=owner,
                      attempts=one.attempts, code=drawn.codes.get(message.occurrence_key, ""))
            )  # fmt: skip
    if ready:
        state = advance_message(MessageState.PENDING, MessageCause.TAKEN)
        cursor.execute(
            "UPDATE outbox SET state = %s, token = token + 1, lease_until = %s, owner = %s WHERE key = ANY(%b::text[])",
            (state.value, now + lease, owner, [claim.message.occurrence_key for claim in ready]),
        )
    return Claimed(
        ready=tuple(ready), suppressed=tuple(suppressed), expired=tuple(expired), empty_pools=drawn.empty_pools
    )  # fmt: skip


def settle_all(cursor: Cursor, settlements: Sequence[Settlement]) -> list[MessageState | None]:
    """Return each message's new state and write its attempt; None where fenced off or not a move of the table."""
    return [_settle(cursor, one) for one in settlements]


def _settle(cursor: Cursor, one: Settlement) -> MessageState | None:
    row = cursor.execute(
        "SELECT state, token, attempts, due, body, crc FROM outbox WHERE key = %s FOR UPDATE", (one.occurrence_key,)
    ).fetchone()
    if row is None:
        return None
    before, token, attempts, due, body, crc = row
    state = next_state(MessageState(before), token, one)
    if state is None:
        return None
    if state is MessageState.PENDING:
        due = due if one.retry_at is None else one.retry_at
    cursor.execute(
        "UPDATE outbox SET state = %s, due = %s, attempts = %s, settled_at = %s, lease_until = NULL, owner = NULL"
        " WHERE key = %s",
        (
            state.value,
            due,
            spent_attempts(attempts, state, one),
            None if state in KEEPS_BODY else one.at,
            one.occurrence_key,
        ),
    )
    _write_attempt(cursor, open_message(one.occurrence_key, body, crc), one, token=token, state=state)
    return state


def expired_leases(cursor: Cursor, now: int) -> list[Claim]:
    """Return the claims whose lease ran out before `now`."""
    rows = cursor.execute(
        "SELECT key, token, attempts, lease_until, owner, body, crc FROM outbox"
        " WHERE state = 'sending' AND lease_until < %s ORDER BY lease_until, seq",
        (now,),
    ).fetchall()
    return [
        Claim(message=open_message(key, body, crc), token=token, lease_until=until, owner=owner, attempts=attempts)
        for key, token, attempts, until, owner, body, crc in rows
    ]


def handed_over(cursor: Cursor, since: int) -> list[tuple[int, int]]:
    """Return (minute, messages) of what was accepted or is unknown since an instant."""
    rows = cursor.execute(
        "SELECT at - mod(at, %s), count(*) FROM attempts WHERE at >= %s AND state = ANY(%b::text[]) AND cause <> %s"
        " GROUP BY 1 ORDER BY 1",
        (MINUTE, since, [state.value for state in HANDED_OVER], MessageCause.LEASE_RAN_OUT.value),
    ).fetchall()
    return [(int(minute), int(count)) for minute, count in rows]


def shed_bodies(cursor: Cursor, before: int, limit: int) -> int:
    """Take the bodies from messages settled before an instant; return how many."""
    rows = cursor.execute(
        "SELECT key, body, crc FROM outbox WHERE settled_at < %s ORDER BY settled_at LIMIT %s FOR UPDATE SKIP LOCKED",
        (before, limit),
    ).fetchall()
    for key, body, crc in rows:
        kept = encode_row(without_body(open_message(key, body, crc)))
        cursor.execute(
            "UPDATE outbox SET body = %s, crc = %s, settled_at = NULL WHERE key = %s",
            (kept, seal(message_place(key), kept), key),
        )
    return len(rows)


def read_message(cursor: Cursor, key: str) -> MessageStatus | None:
    """Return where a message is."""
    row = cursor.execute(f"SELECT {_COLUMNS} FROM outbox WHERE key = %s", (key,)).fetchone()  # noqa: S608  # a constant
    return None if row is None else _status(row)


def read_messages(cursor: Cursor, state: MessageState | None, limit: int | None) -> list[MessageStatus]:
    """Return messages as they were written."""
    where, values = ("", ()) if state is None else (" WHERE state = %s", (state.value,))
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM outbox{where} ORDER BY seq LIMIT %s",  # noqa: S608  # constants
        (*values, limit),
    ).fetchall()
    return [_status(row) for row in rows]


def read_attempts(cursor: Cursor, after: int, limit: int | None, *, customer: str | None = None) -> list[Attempt]:
    """Return the journal after a number, in order; customer: of one alone."""
    where, values = ("", ()) if customer is None else (" AND customer = %s", (customer,))
    rows = cursor.execute(
        "SELECT number, key, rule, customer, step, token, state, cause, text, provider_id, at FROM attempts"  # noqa: S608  # constants
        f" WHERE number > %s{where} ORDER BY number LIMIT %s",
        (after, *values, limit),
    ).fetchall()
    return [
        Attempt(
            number=number, occurrence_key=key, rule=rule, customer=customer, step=step, token=token,
            state=MessageState(state), cause=MessageCause(cause), text=text, provider_id=provider_id, at=at,
        )
        for number, key, rule, customer, step, token, state, cause, text, provider_id, at in rows
    ]  # fmt: skip


def _status(row: tuple[Any, ...]) -> MessageStatus:
    key, state, token, due, lease_until, _owner, body, crc = row
    message = open_message(key, body, crc)
    return MessageStatus(message=message, state=MessageState(state), token=token, due=due, lease_until=lease_until)


def _refuse(cursor: Cursor, message: OutboxMessage, cause: MessageCause, *, now: int, text: str) -> None:
    _settle(cursor, Settlement(occurrence_key=message.occurrence_key, token=None, cause=cause, text=text, at=now))


def _write_attempt(cursor: Cursor, message: OutboxMessage, one: Settlement, *, token: int, state: MessageState) -> None:
    number = cursor.execute(
        "INSERT INTO numbers VALUES ('attempts', 1) ON CONFLICT (name) DO UPDATE SET value = numbers.value + 1"
        " RETURNING value"
    ).fetchone()[0]
    cursor.execute(
        "INSERT INTO attempts VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (number, message.occurrence_key, message.rule, message.customer, message.step, token, state.value,
         one.cause.value, _storable(one.text), _storable(one.provider_id), one.at),
    )  # fmt: skip


def _storable(text: str | None) -> str | None:
    """Return a provider's text without what PostgreSQL's text cannot hold: NUL, halves of surrogate pairs."""
    if text is None:
        return None
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
