"""What readers said by their links, from the inbox of `relight web` to the control topic, by a sender beside it (S4).

A word is relayed at least once; said twice, it says the same. Until the workers have folded it, the sender's second
look finds it in the inbox itself. What a cluster cannot carry out becomes a dead letter that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from relight.base.errors import RejectError
from relight.engine.inbox import INBOX_STREAM, resolve_word, source_of
from relight.stores.inbox_interface import InboxEntry, InboxKind
from relight.stores.inbox_words import read_word
from relight.stores.interface import Batch
from relight.streams.envelope import Control, DeadLetter

if TYPE_CHECKING:
    from relight.stores.inbox_interface import DurableInbox
    from relight.stores.interface import Store

#: Name under which the store keeps the position of the last entry that was relayed. Another one than the engine's own,
#: so that the second look goes on asking every word: on a cluster relayed is not yet folded.
RELAYED_POSITION = "inbox relayed"
#: Entries of one look.
ENTRIES_MAX = 200
#: Words that workers fold; the others need a customer's whole history, or an engine that is asked.
RELAYED_KINDS: Final = frozenset({"consent", "suppression", "pause", "resume", "trait", "outcome"})


@dataclass(slots=True, kw_only=True)
class InboxRelay:
    """The way from an inbox to the control topic."""

    inbox: DurableInbox
    store: Store
    #: Writes control records to the control topic, durably.
    tell: Callable[[Sequence[Control]], object]

    def relay(self, now: int) -> int:
        """Relay what is new and return how many words; now: µs."""
        told = 0
        while True:
            place = int(self.store.positions().get(RELAYED_POSITION, "0"))
            entries = self.inbox.read_after(place, ENTRIES_MAX)
            if not entries:
                return told
            words: list[Control] = []
            dead: list[DeadLetter] = []
            for entry in entries:
                try:
                    words.append(self._word(entry, now))
                except RejectError as error:
                    dead.append(_dead(entry, str(error), now))
            if words:
                self.tell(words)
            self.store.append(Batch(dead=dead, positions={RELAYED_POSITION: str(entries[-1].position)}))
            told += len(words)

    def _word(self, entry: InboxEntry, now: int) -> Control:
        if entry.kind is not InboxKind.WORD:
            raise RejectError(f"an entry of kind '{entry.kind.value}' is not carried out on a cluster by this version")
        word = read_word(entry.body)
        if word.kind not in RELAYED_KINDS:
            raise RejectError(f"'{word.kind}' is not carried out on a cluster by this version")
        return resolve_word(self.store, word, entry.token, now)


def _dead(entry: InboxEntry, reason: str, now: int) -> DeadLetter:
    return DeadLetter(
        stream=INBOX_STREAM,
        position=entry.position,
        source=source_of(entry),
        code=f"{entry.kind.value}-refused",
        reason=reason,
        raw=entry.body,
        ingest_time=now,
    )
