"""What an operator orders through the inbox: an unknown message is settled, dead letters are read again or dismissed.

Each may be carried out twice, after a crash before its records were durable, and comes to the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from relight.base.errors import RejectError
from relight.messages.life import MessageCause, MessageState
from relight.stores.inbox_interface import InboxKind, NewEntry
from relight.stores.interface import LetterEnd, Settlement
from relight.streams.envelope import DeadLetter, Event
from relight.streams.plan import shown_place
from relight.transports.records import RecordReader

if TYPE_CHECKING:
    from relight.engine.inbox import CommandHandler, InboxRecord
    from relight.stores.inbox_interface import InboxEntry
    from relight.stores.interface import Store, StoredLetter
    from relight.streams.plan import StreamPlan

_Order = TypeVar("_Order")

#: Names of the commands in the inbox.
SETTLE, REPLAY, DISMISS = "settle", "dead-letters-replay", "dead-letters-dismiss"
#: An operator's word on a message whose fate is unknown -> what moves it (S2).
WORDS: Final[Mapping[str, MessageCause]] = {
    "accepted": MessageCause.PROVIDER_ACCEPTED,
    "rejected": MessageCause.PROVIDER_REJECTED,
    "retry": MessageCause.SEND_AGAIN,
}


class SettleOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an unknown message."""

    #: Occurrence key.
    message: str
    #: One of WORDS.
    word: str


class ReplayOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters are to be read again."""

    numbers: list[int]


class DismissOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Of which dead letters nothing is to become."""

    numbers: list[int]


def settle_entry(order: SettleOrder, received: int) -> NewEntry:
    """Return the inbox entry of an operator's word on a message."""
    return NewEntry(kind=InboxKind.COMMAND, name=SETTLE, body=msgspec.json.encode(order), received=received)


def replay_entry(order: ReplayOrder, received: int) -> NewEntry:
    """Return the inbox entry that has dead letters read again."""
    return NewEntry(kind=InboxKind.COMMAND, name=REPLAY, body=msgspec.json.encode(order), received=received)


def dismiss_entry(order: DismissOrder, received: int) -> NewEntry:
    """Return the inbox entry that dismisses dead letters."""
    return NewEntry(kind=InboxKind.COMMAND, name=DISMISS, body=msgspec.json.encode(order), received=received)


def operator_commands(store: Store, streams: Mapping[str, StreamPlan], folder: Path) -> dict[str, CommandHandler]:
    """Return what carries out these orders on a store, by the streams that the engine reads by."""

    def settle(entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        order = _read(entry, SettleOrder)
        cause = WORDS.get(order.word)
        status = store.message(order.message)
        if cause is None or status is None:
            raise RejectError(f"there is no message {order.message} or no word '{order.word}'")
        if status.state is not MessageState.UNKNOWN:
            return []  # a webhook was faster, or this was carried out before a crash
        text = f"an operator says: {order.word}"
        settlement = Settlement(occurrence_key=order.message, token=None, cause=cause, text=text, at=now, retry_at=now)
        store.settle([settlement])
        return []

    def replay(entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        order = _read(entry, ReplayOrder)
        letters = [one for number in order.numbers if (one := store.dead_letter(number)) is not None]
        again = read_letters_again(letters, streams, folder, now)
        store.end_letters(again.good, now, LetterEnd.REPLAYED)
        return again.records

    def dismiss(entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        store.end_letters(_read(entry, DismissOrder).numbers, now, LetterEnd.DISMISSED)
        return []

    return {SETTLE: settle, REPLAY: replay, DISMISS: dismiss}


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """What reading dead letters again gave."""

    #: Numbers of those that can be read now, and what they are.
    good: list[int]
    records: list[Event]
    #: (number, reason) of those that cannot.
    bad: list[tuple[int, str]]


def read_letters_again(
    letters: Sequence[StoredLetter], streams: Mapping[str, StreamPlan], folder: Path, now: int
) -> Again:
    """Return what dead letters give as of now (µs), by the streams as they are declared now."""
    readers: dict[str, RecordReader] = {}
    again = Again(good=[], records=[], bad=[])
    for one in letters:
        plan = streams.get(one.letter.stream)
        if plan is None:
            again.bad.append((one.number, f"there is no stream '{one.letter.stream}' any more"))
            continue
        reader = readers.setdefault(plan.name, RecordReader(plan, folder))
        found = reader.replay(one.letter, now)
        refused = next((r for r in found if isinstance(r, DeadLetter)), None)
        if refused is not None:
            again.bad.append((one.number, f"{shown_place(refused, streams)}: {refused.code}: {refused.reason}"))
            continue
        again.good.append(one.number)
        again.records.extend(r for r in found if isinstance(r, Event))
    return again


def _read(entry: InboxEntry, kind: type[_Order]) -> _Order:
    try:
        return msgspec.json.decode(entry.body, type=kind)
    except msgspec.MsgspecError as error:
        raise RejectError(f"the order cannot be read: {error}") from error
