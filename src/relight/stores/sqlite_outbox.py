"""The outbox and the delivery journal in SQLite: who may send what until when, and what became of it (S2–S5).

Functions of a cursor inside the caller's transaction; the table of `messages.life` alone says which state follows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from relight.base.errors import StoreError
from relight.base.instants import MINUTE
from relight.messages.addresses import address_hash
from relight.messages.identity import occurrence_digest
from relight.messages.ledger import OutboxMessage
from relight.messages.life import FIRST_STATE, MessageCause, MessageState, advance_message
from relight.stores import sqlite_codes
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
from relight.stores.record_codec import damage_at, encode_row, message_place, open_message, seal

_COLUMNS = "key, state, token, due, lease_until, owner, body, crc"


def insert_messages(cursor: sqlite3.Cursor, messages: Iterable[OutboxMessage]) -> None:
    """Put messages into the outbox; one whose key is there already changes nothing (I3)."""
    rows = []
    for message in messages:
        body = encode_row(message)
        crc = seal(message_place(message.occurrence_key), body)
        rows.append(
            (
                message.occurrence_key,
                address_hash(message.address),
                message.message_class,
                FIRST_STATE.value,
                message.scheduled,
                body,
                crc,
                message.rule,
            )
        )
    cursor.executemany(
        "INSERT OR IGNORE INTO outbox (key, address_hash, message_class, state, due, token, body, crc, rule)"
        " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)",
        rows,
    )
    cursor.executemany(
        "INSERT OR IGNORE INTO links VALUES (?, ?)",
        [(occurrence_digest(row[0]), row[0]) for row in rows],
    )


def pending_count(cursor: sqlite3.Cursor) -> int:
    """Return how many messages wait or are being sent."""
    row = cursor.execute(
        "SELECT (SELECT count(*) FROM outbox WHERE state = 'pending')"
        " + (SELECT count(*) FROM outbox WHERE state = 'sending')"
    ).fetchone()
    return int(row[0])


def due_count(cursor: sqlite3.Cursor, now: int) -> int:
    """Return how many messages wait whose time has come at `now` (µs)."""
    row = cursor.execute("SELECT count(*) FROM outbox WHERE state = 'pending' AND due <= ?", (now,)).fetchone()
    return int(row[0])


def due_messages(cursor: sqlite3.Cursor, now: int, limit: int, only: Only) -> list[Due]:
    """Return up to `limit` messages that are due, in the order of their time; only: of these keys."""
    among, keys = ("", ()) if only is None else (f" AND o.key IN ({', '.join('?' * len(only))})", tuple(only))
    rows = cursor.execute(
        "SELECT o.key, o.address_hash, o.token, o.attempts, o.body, o.crc, s.scope, s.cause, s.at FROM outbox o"  # noqa: S608  # constants
        " LEFT JOIN suppressions s ON s.address_hash = o.address_hash"
        f" WHERE o.state = 'pending' AND o.due <= ?{among} ORDER BY o.due, o.seq LIMIT ?",
        (now, *keys, limit),
    ).fetchall()
    found = []
    for key, hashed, token, attempts, body, crc, *said in rows:
        message = open_message(key, body, crc)
        if hashed != address_hash(message.address):  # another row of the suppression list was looked at
            raise damage_at(f"the address of {message_place(key)}")
        stands = None if said[0] is None else Suppression(scope=said[0], cause=said[1], at=said[2])
        found.append(Due(message=message, token=token, attempts=attempts, stands=stands))
    return found


def claim_due(  # noqa: PLR0913 - one claim, in the transaction that finds what is due
    cursor: sqlite3.Cursor, now: int, limit: int, *, owner: str, lease: int, look: LookAgain | None, only: Only
) -> Claimed:
    """Take due messages; those past their time, refused, or to a suppressed address are settled instead."""
    due = due_messages(cursor, now, limit, only)
    refused = look([one.message for one in due]) if look is not None and due else {}
    drawn = draw_codes(due, refused, now, lambda needy: sqlite_codes.draw(cursor, needy, now))
    ready: list[Claim] = []
    suppressed: list[OutboxMessage] = []
    expired: list[OutboxMessage] = []
    for one in due:
        message, refusal = one.message, refusal_of(one, drawn.refused, now)
        if refusal is not None:
            _refuse(cursor, message, refusal.cause, now=now, text=refusal.text)
            (expired if refusal.cause is MessageCause.EXPIRED_BEFORE_SENDING else suppressed).append(message)
            continue
        claim = Claim(
            message=message, token=one.token + 1, lease_until=now + lease, owner=owner, attempts=one.attempts,
            code=drawn.codes.get(message.occurrence_key, ""),
        )  # fmt: skip
        state = advance_message(MessageState.PENDING, MessageCause.TAKEN)
        cursor.execute(
            "UPDATE outbox SET state = ?, token = ?, lease_until = ?, owner = ? WHERE key = ?",
            (state.value, claim.token, claim.lease_until, owner, message.occurrence_key),
        )
        if cursor.execute("SELECT changes()").fetchone() != (1,):  # it would be taken, and mailed, again and again
            raise _unfound(message.occurrence_key)
        ready.append(claim)
    return Claimed(
        ready=tuple(ready), suppressed=tuple(suppressed), expired=tuple(expired), empty_pools=drawn.empty_pools
    )  # fmt: skip


def settle_all(cursor: sqlite3.Cursor, settlements: Sequence[Settlement]) -> list[MessageState | None]:
    """Return each message's new state and write its attempt; None where fenced off or not a move of the table."""
    return [_settle(cursor, one) for one in settlements]


def _settle(cursor: sqlite3.Cursor, one: Settlement) -> MessageState | None:
    row = cursor.execute(
        "SELECT state, token, attempts, due, body, crc FROM outbox WHERE key = ?", (one.occurrence_key,)
    ).fetchone()
    if row is None:
        return None
    before, token, attempts, due, body, crc = row
    state = next_state(state_of(before), token, one)
    if state is None:
        return None
    if state is MessageState.PENDING:
        due = due if one.retry_at is None else one.retry_at
    cursor.execute(
        "UPDATE outbox SET state = ?, due = ?, attempts = ?, settled_at = ?, lease_until = NULL, owner = NULL"
        " WHERE key = ?",
        (
            state.value,
            due,
            spent_attempts(attempts, state, one),
            None if state in KEEPS_BODY else one.at,
            one.occurrence_key,
        ),
    )
    message = open_message(one.occurrence_key, body, crc)
    _write_attempt(cursor, message, one, token=token, state=state)
    return state


def expired_leases(cursor: sqlite3.Cursor, now: int) -> list[Claim]:
    """Return the claims whose lease ran out before `now`."""
    rows = cursor.execute(
        "SELECT key, token, attempts, lease_until, owner, body, crc FROM outbox"
        " WHERE state = 'sending' AND lease_until < ? ORDER BY lease_until, seq",
        (now,),
    ).fetchall()
    return [
        Claim(message=open_message(key, body, crc), token=token, lease_until=until, owner=owner, attempts=attempts)
        for key, token, attempts, until, owner, body, crc in rows
    ]


def handed_over(cursor: sqlite3.Cursor, since: int) -> list[tuple[int, int]]:
    """Return (minute, messages) of what was accepted or is unknown since an instant."""
    states = tuple(sorted(state.value for state in HANDED_OVER))
    return cursor.execute(
        "SELECT at - at % ?, count(*) FROM attempts WHERE at >= ? AND state IN (?, ?) AND cause != ?"
        " GROUP BY 1 ORDER BY 1",
        (MINUTE, since, *states, MessageCause.LEASE_RAN_OUT.value),
    ).fetchall()


def shed_bodies(cursor: sqlite3.Cursor, before: int, limit: int) -> int:
    """Take the bodies from messages settled before an instant; return how many."""
    rows = cursor.execute(
        "SELECT key, body, crc FROM outbox WHERE settled_at < ? ORDER BY settled_at LIMIT ?", (before, limit)
    ).fetchall()
    for key, body, crc in rows:
        kept = encode_row(without_body(open_message(key, body, crc)))
        cursor.execute(
            "UPDATE outbox SET body = ?, crc = ?, settled_at = NULL WHERE key = ?",
            (kept, seal(message_place(key), kept), key),
        )
    return len(rows)


def state_of(text: str) -> MessageState:
    """Return the state that a column says; raises StoreError for one that is damaged."""
    try:
        return MessageState(text)
    except ValueError as error:
        raise damage_at("the outbox", f"{text!r} is no state of a message") from error


def _cause_of(text: str) -> MessageCause:
    try:
        return MessageCause(text)
    except ValueError as error:
        raise damage_at("the delivery journal", f"{text!r} moves no message") from error


def read_message(cursor: sqlite3.Cursor, key: str) -> MessageStatus | None:
    """Return where a message is."""
    row = cursor.execute(f"SELECT {_COLUMNS} FROM outbox WHERE key = ?", (key,)).fetchone()  # noqa: S608  # a constant
    return None if row is None else _status(row)


def read_messages(cursor: sqlite3.Cursor, state: MessageState | None, limit: int | None) -> Iterator[MessageStatus]:
    """Yield messages as they were written."""
    where, values = ("", ()) if state is None else (" WHERE state = ?", (state.value,))
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM outbox{where} ORDER BY seq LIMIT ?",  # noqa: S608  # constants
        (*values, -1 if limit is None else limit),
    ).fetchall()
    return (_status(row) for row in rows)


def read_attempts(
    cursor: sqlite3.Cursor, after: int, limit: int | None, *, customer: str | None = None
) -> list[Attempt]:
    """Return the journal after a number, in order; customer: of one alone."""
    where, values = ("", ()) if customer is None else (" AND customer = ?", (customer,))
    rows = cursor.execute(
        "SELECT number, key, rule, customer, step, token, state, cause, text, provider_id, at FROM attempts"  # noqa: S608  # constants
        f" WHERE number > ?{where} ORDER BY number LIMIT ?",
        (after, *values, -1 if limit is None else limit),
    ).fetchall()
    return [
        Attempt(
            number=number, occurrence_key=key, rule=rule, customer=customer, step=step, token=token,
            state=state_of(state), cause=_cause_of(cause), text=text, provider_id=provider_id, at=at,
        )
        for number, key, rule, customer, step, token, state, cause, text, provider_id, at in rows
    ]  # fmt: skip


def _status(row: tuple[str, str, int, int, int | None, str | None, bytes, int]) -> MessageStatus:
    key, state, token, due, lease_until, _owner, body, crc = row
    message = open_message(key, body, crc)
    return MessageStatus(message=message, state=state_of(state), token=token, due=due, lease_until=lease_until)


def _refuse(cursor: sqlite3.Cursor, message: OutboxMessage, cause: MessageCause, *, now: int, text: str) -> None:
    one = Settlement(occurrence_key=message.occurrence_key, token=None, cause=cause, text=text, at=now)
    if _settle(cursor, one) is None:
        raise _unfound(message.occurrence_key)


def _unfound(key: str) -> StoreError:
    """Return what to say of a message that is due and that the index of keys does not lead to."""
    return damage_at("the outbox", f"the index of keys does not lead to message {key}, which is due")


def _write_attempt(
    cursor: sqlite3.Cursor, message: OutboxMessage, one: Settlement, *, token: int, state: MessageState
) -> None:
    cursor.execute(
        "INSERT INTO attempts (key, rule, customer, step, token, state, cause, text, provider_id, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (message.occurrence_key, message.rule, message.customer, message.step, token, state.value, one.cause.value,
         one.text, one.provider_id, one.at),
    )  # fmt: skip
