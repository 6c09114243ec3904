"""What a command puts into the durable inbox, for the engine that runs or for the next one, and whether it was read."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from relight.cli.history import reading
from relight.cli.output import say

if TYPE_CHECKING:
    from relight.cli.project import Project
    from relight.stores.inbox_interface import DurableInbox, NewEntry

#: Seconds in which a running engine reads what was put.
ANSWER_SECONDS_MAX = 10.0
#: Entries put in one transaction.
TOGETHER_MAX = 5_000
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


def engine_runs(project: Project) -> bool:
    """Return whether an engine has the store's lock; only a store that is a file can tell."""
    if project.settings.store.sqlite is None:
        return False
    try:
        holder = int(project.store_path.with_name(project.store_path.name + ".lock").read_text(encoding="ascii"))
        os.kill(holder, 0)
    except (OSError, ValueError):
        return False
    return holder != os.getpid()


def was_read(project: Project, position: int) -> bool:
    """Wait for a running engine to read the inbox up to a position; return whether it did."""
    from relight.engine.inbox import INBOX_POSITION

    until = time.monotonic() + ANSWER_SECONDS_MAX
    while engine_runs(project):
        with reading(project) as store:
            if int(store.positions().get(INBOX_POSITION, "0")) >= position:
                return True
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_SECONDS)
    return False


def say_when(project: Project, position: int) -> bool:
    """Say when what was put takes effect, in one line; return whether a running engine has read it already."""
    taken = was_read(project, position)
    say(
        "The running engine has read it."
        if taken
        else "It holds for every mail that has not left; `relight run` reads it."
    )
    return taken
