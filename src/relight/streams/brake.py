"""The brake (V2): a stream with too many unreadable records stops, its position kept, instead of being drained.

It trips at the record that makes dead letters among the last `of` records exceed `share` of `of`: with 5 % of 1,000
at the 51st, even if fewer than 1,000 records were seen: they could only be more, never a smaller share of the 1,000.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal

#: Default share of dead letters that a stream may have.
BRAKE_SHARE_DEFAULT = Decimal("0.05")
#: Default number of last records among which they are counted.
BRAKE_OF_DEFAULT = 1000


@dataclass(frozen=True, slots=True)
class Brake:
    """The setting of one stream: over `share` of the last `of` records."""

    share: Decimal = BRAKE_SHARE_DEFAULT
    of: int = BRAKE_OF_DEFAULT

    @property
    def most(self) -> int:
        """The most dead letters among the last `of` records with which the stream goes on."""
        return int(self.share * self.of)


class BrakeState:
    """What one brake has seen; its only operations are `saw`, `saw_good` and `resume`."""

    __slots__ = ("_brake", "_dead", "_seen", "tripped")

    def __init__(self, brake: Brake) -> None:
        self._brake = brake
        #: Numbers of the records that were dead letters, oldest first; at most `most` + 1 of them.
        self._dead: deque[int] = deque()
        self._seen = 0
        #: The stream must stop.
        self.tripped = False

    def saw(self, *, dead: bool) -> bool:
        """Note one record and return whether the stream must stop; once it must, it stays so until `resume`."""
        self._seen += 1
        if dead and not self.tripped:
            self._dead.append(self._seen)
            while self._dead[0] <= self._seen - self._brake.of:
                self._dead.popleft()
            self.tripped = len(self._dead) > self._brake.most
        return self.tripped

    def saw_good(self, records: int) -> None:
        """Note so many records that could be read."""
        self._seen += records

    def resume(self) -> None:
        """Forget what was seen: somebody has mended the stream or its declaration."""
        self._dead.clear()
        self._seen = 0
        self.tripped = False

    def describe(self, stream: str, at: str) -> str:
        """Return the error text, given the name of the stream and where it stopped."""
        found, window = len(self._dead), min(self._seen, self._brake.of)
        share = f"{(self._brake.share * 100).normalize():f}"
        return (
            f"stream '{stream}' stopped at {at}: {found} of its last {window:,} records could not be read, "
            f"more than {share} % of {self._brake.of:,}; nothing was lost, its position is kept"
        )
