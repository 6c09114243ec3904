"""A file beside the store that knows how much the store has sent: what tells a restored backup (I14).

The store alone cannot know that it is an older copy of itself. Before anything leaves, the number of claims so far and
the instant are written here. A store that has made fewer claims than its mark says was restored: what was scheduled up
to the mark's instant may have left already. Written without a flush: a mark that is behind its store says nothing, and
one page of the system's memory survives every kill.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

#: Suffix of the file.
MARK_SUFFIX = ".sent"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent when it was written."""

    claims: int
    #: Instant of the last claim (µs).
    at: int


@dataclass(slots=True)
class SendMark:
    """The mark of one store."""

    path: Path
    claims: int

    def write(self, claims: int, now: int) -> None:
        """Note that so many more messages were claimed at `now` (µs)."""
        self.claims += claims
        part = self.path.with_name(self.path.name + ".part")
        part.write_bytes(msgspec.json.encode(Mark(claims=self.claims, at=now)))
        part.replace(self.path)


def open_mark(store_path: Path, claims: int) -> tuple[SendMark, int | None]:
    """Return the mark of a store that has made so many claims, and up to which instant it is doubtful, else None.

    A mark that cannot be read is no mark: it is written anew with the next claim.
    """
    path = store_path.with_name(store_path.name + MARK_SUFFIX)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Mark)
    except (OSError, msgspec.MsgspecError):
        found = None
    # From here on it counts as its store does: the doubt is in the store, and the same backup is noticed again.
    is_doubtful = found is not None and found.claims > claims
    return SendMark(path, claims), found.at if found is not None and is_doubtful else None
