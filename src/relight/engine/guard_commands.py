"""An operator's release of the volume guard, as an order in the inbox (S5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from relight.engine.sending_brake import release_brakes
from relight.engine.volume_guard import release
from relight.stores.inbox_interface import InboxKind, NewEntry

if TYPE_CHECKING:
    from relight.engine.inbox import CommandHandler, InboxRecord
    from relight.stores.inbox_interface import InboxEntry
    from relight.stores.interface import Store

#: Name of the command in the inbox.
RELEASE = "release-volume-guard"


def release_entry(received: int) -> NewEntry:
    """Return the inbox entry of a release."""
    return NewEntry(kind=InboxKind.COMMAND, name=RELEASE, body=b"{}", received=received)


def guard_commands(store: Store) -> Mapping[str, CommandHandler]:
    """Return who carries a release out; the run lets both arms go on when it next sends."""

    def carry_out(entry: InboxEntry, now: int) -> Sequence[InboxRecord]:
        release(store, max(entry.received, now))
        release_brakes(store)
        return []

    return {RELEASE: carry_out}
