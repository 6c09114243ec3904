"""What people and programs said, from the inbox to the control topic, by one sender at a time (S4).

Words become control records, replies become events, and commands are carried out here: on the store, or as records.
An entry is relayed once; again only where a fault falls between the topic's answer and the store's. Until the workers
have folded a word, the sender's second look finds it in the inbox itself. What a cluster cannot carry out becomes a
dead letter that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from relight.base.errors import RejectError
from relight.engine.inbox import INBOX_STREAM, RELAYED_POSITION, resolve_word, source_of
from relight.engine.replies import event_of_reply
from relight.stores.inbox_interface import InboxEntry, InboxKind
from relight.stores.inbox_words import read_word
from relight.stores.interface import Batch
from relight.streams.envelope import Control, DeadLetter, Event
from relight.streams.schema import Schema

if TYPE_CHECKING:
    from relight.engine.inbox import CommandHandler
    from relight.stores.inbox_interface import DurableInbox
    from relight.stores.interface import Store
    from relight.streams.surveys import Survey

#: Entries of one look.
ENTRIES_MAX = 200
#: Words that workers fold.
RELAYED_KINDS: Final = frozenset({"consent", "suppression", "pause", "resume", "trait", "outcome", "merge"})
#: Why the other words are refused.
_REFUSED: Final = {
    "erase": "`relight erase` takes people out of the log, which is in Kafka",
}


@dataclass(slots=True, kw_only=True)
class InboxRelay:
    """The way from an inbox to the control topic."""

    inbox: DurableInbox
    store: Store
    #: Writes records to the control topic, durably.
    tell: Callable[[Sequence[Control | Event]], object]
    #: Name of a command -> who carries it out.
    commands: Mapping[str, CommandHandler] = field(default_factory=dict)
    #: What may be the event of a reply.
    schema: Schema = field(default_factory=Schema)
    surveys: Mapping[str, Survey] = field(default_factory=dict)

    def relay(self, now: int) -> int:
        """Relay what is new and return how many records that gave; now: µs."""
        told = 0
        while True:
            place = int(self.store.positions().get(RELAYED_POSITION, "0"))
            entries = self.inbox.read_after(place, ENTRIES_MAX)
            if not entries:
                return told
            records: list[Control | Event] = []
            dead: list[DeadLetter] = []
            for number, entry in enumerate(entries):
                if entry.kind is InboxKind.COMMAND and number:
                    entries = entries[:number]  # what comes before a command is durable before it is carried out
                    break
                for one in self._read(entry, now):
                    (dead if isinstance(one, DeadLetter) else records).append(one)  # type: ignore[arg-type]  # by its kind
                if entry.kind is InboxKind.COMMAND:
                    entries = entries[: number + 1]
                    break
            if records:
                self.tell(records)
            self.store.append(Batch(dead=dead, positions={RELAYED_POSITION: str(entries[-1].position)}))
            told += len(records)

    def _read(self, entry: InboxEntry, now: int) -> Sequence[Control | Event | DeadLetter]:
        try:
            return self._carry_out(entry, now)
        except RejectError as error:
            return [_dead(entry, str(error), now)]

    def _carry_out(self, entry: InboxEntry, now: int) -> Sequence[Control | Event | DeadLetter]:
        match entry.kind:
            case InboxKind.WORD:
                return [self._word(entry, now)]
            case InboxKind.REPLY:
                event = event_of_reply(self.schema, self.surveys, self.store, entry, now)
                return [] if event is None else [event]
            case InboxKind.COMMAND:
                handler = self.commands.get(entry.name)
                if handler is None:
                    raise RejectError(f"the command '{entry.name}' is not carried out on a cluster")
                return handler(entry, now)
            case InboxKind.EVENT:
                raise RejectError("on a cluster, events come by topics, not over HTTP")

    def _word(self, entry: InboxEntry, now: int) -> Control:
        word = read_word(entry.body)
        if word.kind not in RELAYED_KINDS:
            why = _REFUSED.get(word.kind, "workers do not know it")
            raise RejectError(f"'{word.kind}' is not carried out on a cluster: {why}")
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
