"""Whether anything may leave now: after a provider failed, one message probes it, at growing gaps. Pure.

So a day of outage costs a few hundred calls, spends nobody's attempts, and ends with the first probe that gets through.
"""

from __future__ import annotations

from dataclasses import dataclass

from relight.base.instants import MINUTE, SECOND

#: Ceiling of the first wait (µs).
CIRCUIT_WAIT_FIRST = 2 * SECOND
#: Ceiling of every wait (µs): how late an end of an outage is noticed at most.
CIRCUIT_WAIT_MAX = 10 * MINUTE
#: Longest spread behind an instant that the provider named (µs), so that senders do not come back together.
SPREAD_MAX = 2 * SECOND


@dataclass(slots=True)
class Circuit:
    """The state of one way out."""

    #: Failures in a row; 0 while it is closed.
    failures: int = 0
    #: Nothing leaves before this instant (µs).
    open_until: int = 0
    #: What was said last, for people; empty while it is closed.
    trouble: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether the last word of the provider was a good one."""
        return self.failures == 0

    def room(self, now: int, most: int) -> int:
        """Return how many messages may leave at `now` (µs): `most`, one that probes, or none."""
        if self.is_closed:
            return most
        return 1 if now >= self.open_until else 0

    def succeed(self) -> None:
        """Note that something got through."""
        self.failures, self.open_until, self.trouble = 0, 0, ""

    def fail(self, now: int, text: str, uniform: float, *, retry_at: int | None = None) -> None:
        """Note that nothing gets through, and until when to wait.

        Args:
            now: the instant (µs).
            text: what the provider said.
            uniform: a number in [0, 1).
            retry_at: the provider's own word on when to come back (µs).
        """
        self.failures += 1
        ceiling = min(CIRCUIT_WAIT_MAX, CIRCUIT_WAIT_FIRST * 2 ** min(self.failures - 1, 32))
        self.open_until = now + int(ceiling * (0.5 + uniform / 2))
        if retry_at is not None:
            self.open_until = max(self.open_until, retry_at + int(SPREAD_MAX * uniform))
        self.trouble = text

    def hold(self, now: int, text: str, wait: int) -> None:
        """Note that our settings are wrong: probe again after `wait` (µs)."""
        self.failures += 1
        self.open_until, self.trouble = now + wait, text
