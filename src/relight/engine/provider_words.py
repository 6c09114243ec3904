"""What a provider reported, from the inbox into the journal and the log: the message moves, the address is refused.

Each report is one entry of the inbox under its own id, so a copy is no second one, whatever its age. Carrying one out
twice, after a crash, comes to the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import RejectError
from relight.base.kinds import TEXT_KINDS
from relight.delivery.provider_event import ProviderEvent
from relight.engine.replies import CLICK_STREAM, CLICKED
from relight.messages.addresses import address_hash
from relight.messages.life import MessageCause
from relight.stores.inbox_interface import InboxKind, NewEntry
from relight.stores.interface import Settlement
from relight.streams.envelope import Control, Event

if TYPE_CHECKING:
    from relight.engine.inbox import CommandHandler, InboxRecord
    from relight.stores.inbox_interface import InboxEntry
    from relight.stores.interface import MessageStatus, Store
    from relight.streams.schema import Schema

#: Name of the command in the inbox.
PROVIDER_EVENT = "provider-event"
_DECODER = msgspec.json.Decoder(ProviderEvent)


def provider_entry(event: ProviderEvent, received: int) -> NewEntry:
    """Return the inbox entry of a report; the same report is the same entry, for ever."""
    return NewEntry(
        kind=InboxKind.COMMAND,
        name=PROVIDER_EVENT,
        body=msgspec.json.encode(event),
        received=received,
        key=f"{PROVIDER_EVENT}:{event.id}",
    )


def provider_commands(store: Store, schema: Schema) -> Mapping[str, CommandHandler]:
    """Return who carries reports out."""

    def carry_out(entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        try:
            event = _DECODER.decode(entry.body)
        except msgspec.DecodeError as error:
            raise RejectError("the report of a provider cannot be read") from error
        return take_report(store, schema, event, entry, now)

    return {PROVIDER_EVENT: carry_out}


def take_report(
    store: Store, schema: Schema, event: ProviderEvent, entry: InboxEntry, now: int
) -> list[InboxRecord]:  # fmt: skip
    """Move the message as far as the table allows, and return what the log learns at `now` (µs)."""
    found = _message_of(store, event)
    if found is not None and event.cause:
        settlement = Settlement(
            occurrence_key=found.message.occurrence_key,
            token=None,
            cause=MessageCause(event.cause),
            text=event.text,
            provider_id=event.provider_id or None,
            at=now,
        )
        store.settle([settlement])
    records: list[InboxRecord] = []
    if event.suppress:
        address = event.address or ("" if found is None else address_hash(found.message.address))
        if not address:
            raise RejectError(f"a report '{event.word}' names neither a message nor an address of ours")
        detail: dict[str, object] = {"scope": event.suppress, "cause": event.text or event.word}
        records.append(Control(kind="suppression", ingest_time=now, subject=address, detail=detail))
    if found is not None and event.withdraws and found.message.topic:
        records.append(
            Control(kind="consent", ingest_time=now, customer=found.message.customer, subject=found.message.topic,
                    detail={"given": False, "source": f"provider: {event.word}"})
        )  # fmt: skip
    if found is not None and event.word == "click" and not event.by_machine:
        records += _click(schema, event, found, entry, now)
    return records


def _message_of(store: Store, event: ProviderEvent) -> MessageStatus | None:
    if event.key:
        return store.message(event.key)
    return store.message_of_link(event.digest) if event.digest else None


def _click(
    schema: Schema, event: ProviderEvent, found: MessageStatus, entry: InboxEntry, now: int
) -> list[InboxRecord]:  # fmt: skip
    declared = schema.events.get(CLICKED)
    if declared is None or declared.is_global:
        return []
    values = {"url": event.url, "rule": found.message.rule, "template": found.message.template}
    texts = {key for key, one in declared.properties.items() if one.kind in TEXT_KINDS}
    return [
        Event(
            stream=CLICK_STREAM, id=f"sendgrid:{event.id}", customer=found.message.customer, name=CLICKED,
            event_time=min(event.at or now, now), ingest_time=now,
            properties={key: value for key, value in values.items() if key in texts}, position=entry.position,
        )
    ]  # fmt: skip
