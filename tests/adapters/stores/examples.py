"""Made-up records, rows and messages for the tests of stores."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from relight.messages.ledger import LedgerRow, OutboxMessage, occurrence_key
from relight.messages.reasons import RowState
from relight.stores.interface import Batch, LogEntry
from relight.streams.envelope import Control, DeadLetter, Event, Record

T0 = 1_750_000_000_000_000
MINUTE = 60_000_000
#: What makes a file of one that was written before dead letters said how they ended.
WITHOUT_ENDS = (
    "ALTER TABLE dead_letters DROP COLUMN ending",
    "ALTER TABLE dead_letters RENAME COLUMN ended_at TO replayed_at",
)
#: What makes a file of one that was written before pages were served from counts of messages and totals of rows.
WITHOUT_LISTING = (
    *WITHOUT_ENDS,
    "DROP TRIGGER outbox_added",
    "DROP TRIGGER outbox_moved",
    "DROP TRIGGER outbox_removed",
    "DROP INDEX outbox_listing",
    "ALTER TABLE outbox DROP COLUMN rule",
    "DROP TABLE outbox_counts",
    "DROP TABLE ledger_totals",
    "DROP INDEX ledger_counts_day",
    "DROP INDEX attempts_customer",
    "DROP INDEX dead_letters_waiting",
)


def make_event(
    number: int, *, customer: str | None = "ada", stream: str = "app", text: str = "", at: int = T0
) -> Event:
    return Event(
        stream=stream,
        id=str(number),
        customer=customer,
        name="opened",
        event_time=at,
        ingest_time=at,
        properties={"amount": Decimal("12.50"), "note": text},
        position=number,
    )


def make_control(
    kind: str = "consent", *, customer: str | None = "ada", subject: str = "news", **detail: object
) -> Control:
    return Control(kind=kind, ingest_time=T0, customer=customer, subject=subject, detail=detail)


def make_row(
    number: int, *, rule: str = "quiet", customer: str = "ada", leaf: str | None = None, judged: int = T0
) -> LedgerRow:
    occurrence = f"silence:{number}:help"
    return LedgerRow(
        occurrence_key=occurrence_key("shop", rule, customer, occurrence=occurrence),
        rule=rule,
        customer=customer,
        occurrence=occurrence,
        state=RowState.PENDING,
        leaf=leaf,
        judged=judged,
        plan_version="p1",
    )


def make_message(
    number: int,
    *,
    address: str = "ada@mail.example",
    message_class: str = "marketing",
    scheduled: int = T0,
    expires_at: int | None = None,
    pool: str = "",
) -> OutboxMessage:
    return OutboxMessage(
        occurrence_key=make_row(number).occurrence_key,
        rule="quiet",
        customer="ada",
        step="mail",
        address=address,
        message_class=message_class,
        scheduled=scheduled,
        expires_at=expires_at,
        subject="We kept your place",
        html="<p>Hello Ada</p>",
        text="Hello Ada",
        headers={"List-Unsubscribe": "<https://shop.example/u/x>"},
        content_hash="c0ffee",
        template="quiet",
        locale="en",
        pool=pool,
    )


def make_letter(position: int, stream: str = "app") -> DeadLetter:
    return DeadLetter(
        stream=stream,
        position=position,
        source=f"app.ndjson:{position}",
        code="bad-time",
        reason="'soon' is no time",
        raw=b"\xff{",
        ingest_time=T0,
    )


def entries(*records: Record) -> list[LogEntry]:
    return [(record, None) for record in records]


def batch_of(*records: Record) -> Batch:
    return Batch(log=entries(*records))


def plain(record: Record) -> object:
    """Return a record in the one form that every store's answer can be brought to."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(record))
