"""What a command puts into the durable inbox, for the engine that runs or for the next one, and whether it was read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from relight.cli.history import reading
from relight.cli.output import count_of, note, say

if TYPE_CHECKING:
    from relight.cli.history import History
    from relight.cli.project import Project
    from relight.stores.inbox_interface import DurableInbox, NewEntry
    from relight.stores.interface import Store
    from relight.streams.envelope import Control

#: Seconds in which a running engine reads what was put.
ANSWER_SECONDS_MAX = 10.0
#: Entries put in one transaction.
TOGETHER_MAX = 5_000
#: What waits in the inbox and already keeps mails back.
WAITING_KINDS = frozenset({"suppression", "consent", "pause", "resume"})
_LOOK_SECONDS = 0.1


def inbox_of(project: Project) -> DurableInbox:
    """Return the project's inbox, opened."""
    from relight.stores.opening import open_inbox

    return open_inbox(project.settings.store, project.folder)


def put_entries(project: Project, entries: Sequence[NewEntry]) -> int:
    """Put entries durably and return the position of the last."""
    last = 0
    with closing(inbox_of(project)) as inbox:
        for start in range(0, len(entries), TOGETHER_MAX):
            last = max(last, *inbox.put(entries[start : start + TOGETHER_MAX]))
    return last


def waiting_words(project: Project) -> list[Control]:
    """Return the words of the inbox that no engine has read yet, as the records they become, in order.

    One whose link leads to no message is left out: it becomes a dead letter.
    """
    from relight.base.errors import RejectError
    from relight.engine.inbox import INBOX_POSITION, resolve_word
    from relight.stores.inbox_interface import InboxKind
    from relight.stores.inbox_words import read_word

    found: list[Control] = []
    with closing(inbox_of(project)) as inbox, reading_or_empty(project) as store:
        after = int(store.positions().get(INBOX_POSITION, "0"))
        while entries := inbox.words_after(after):
            for entry in entries:
                after = entry.position
                if entry.kind is InboxKind.WORD:
                    with suppress(RejectError):
                        found.append(resolve_word(store, read_word(entry.body), entry.token, entry.received))
    return found


def with_waiting(project: Project, history: History, customer: str) -> History:
    """Return a history with what the inbox holds for the customer and no engine has read yet, as if read just now."""
    words = [
        msgspec.structs.replace(word, ingest_time=history.reached)
        for word in waiting_words(project)
        if word.kind in WAITING_KINDS and word.customer in (None, customer)
    ]
    if not words:
        return history
    note(f"This counts {count_of(len(words), 'order')} in the inbox that no run has read yet.")
    return replace(
        history,
        own=[*history.own, *(word for word in words if word.customer is not None)],
        everybody=[*history.everybody, *(word for word in words if word.customer is None)],
    )


@contextmanager
def reading_or_empty(project: Project) -> Iterator[Store]:
    """Give the project's store for reading, an empty one where there is none yet."""
    if project.has_store:
        with reading(project) as store:
            yield store
        return
    from relight.stores.memory import MemoryStore

    yield MemoryStore()


def engine_runs(project: Project) -> bool:
    """Return whether an engine has the store's lock; on a cluster, whether a sender relays what is put."""
    if project.settings.store.postgres is not None:
        from relight.stores.postgres_turns import Turn, is_taken

        turn = Turn.ENGINE if project.settings.kafka is None else Turn.RELAY
        return is_taken(project.settings.store.postgres.reveal(), turn)
    try:
        holder = int(project.store_path.with_name(project.store_path.name + ".lock").read_text(encoding="ascii"))
        os.kill(holder, 0)
    except (OSError, ValueError):
        return False
    return holder != os.getpid()


def was_read(project: Project, position: int) -> bool:
    """Wait for a running engine to read the inbox up to a position; return whether it did."""
    from relight.engine.inbox import taken_position

    until = time.monotonic() + ANSWER_SECONDS_MAX
    while engine_runs(project):
        with reading(project) as store:
            if taken_position(store) >= position:
                return True
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_SECONDS)
    return False


def say_when(project: Project, position: int) -> bool:
    """Say when what was put takes effect, in one line; return whether a running engine has read it already."""
    taken, is_cluster = was_read(project, position), project.settings.kafka is not None
    if taken:
        say("A sender has passed it on to the workers." if is_cluster else "The running engine has read it.")
    else:
        reader = "`relight sender` passes it on" if is_cluster else "`relight run` reads it"
        say(f"It holds for every mail that has not left; {reader}.")
    return taken
