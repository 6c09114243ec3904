"""`relight erase` as an order in the inbox: a running engine takes a customer out of its store between batches (V5).

The engine stands again from the store afterwards, as it does after a batch that failed. Carrying an order out twice,
after a crash, gives the answer of the first time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from relight.base.errors import RejectError
from relight.engine.inbox import ERASE
from relight.stores.erasure import CanErase, Erased, Person, find_person
from relight.stores.inbox_interface import InboxKind, NewEntry

if TYPE_CHECKING:
    from relight.engine.engine import Engine
    from relight.engine.inbox import CommandHandler, InboxRecord
    from relight.stores.inbox_interface import DurableInbox, InboxEntry
    from relight.stores.interface import Store


class EraseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be taken out; `customer` stands as the words of the inbox write it."""

    customer: str


def erase_entry(order: EraseOrder, received: int) -> NewEntry:
    """Return the inbox entry of an order."""
    return NewEntry(kind=InboxKind.COMMAND, name=ERASE, body=msgspec.json.encode(order), received=received)


def answer_note(position: int) -> str:
    """Return the name under which the store keeps the answer to the order at a position of the inbox."""
    return f"erased:{position}"


def read_answer(store: Store, position: int) -> Erased | None:
    """Return what became of an order, None while no engine has carried it out."""
    told = store.note(answer_note(position))
    return None if told is None else msgspec.json.decode(told, type=Erased)


def erase_everywhere(store: CanErase, inbox: DurableInbox, person: Person, position: int) -> Erased:
    """Take a person out of the store and of what the inbox holds before a position; the order itself stays for now.

    The inbox first: after a crash in between the store still tells which words were theirs.
    """
    inbox.forget_events(position - 1)
    words = inbox.forget_words(person.customers, person.tokens, before=position)
    return store.erase(person, answer_note(position), words)


def erase_commands(engine: Engine, store: Store, inbox: DurableInbox) -> Mapping[str, CommandHandler]:
    """Return who carries such orders out."""

    def carry_out(entry: InboxEntry, _now: int) -> Sequence[InboxRecord]:
        try:
            order = msgspec.json.decode(entry.body, type=EraseOrder)
        except msgspec.MsgspecError as error:
            raise RejectError("the order cannot be read") from error
        if not isinstance(store, CanErase):
            raise RejectError("this store does not hold its log itself")
        if read_answer(store, entry.position) is None:
            erase_everywhere(store, inbox, find_person(store, order.customer), entry.position)
        engine.is_ahead = True
        return []

    return {ERASE: carry_out}
